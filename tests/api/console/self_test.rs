//! The page that connects to its own server, and says what is in the way.

use std::net::Ipv4Addr;

use axum::{Router, http::StatusCode, routing::get};
use tokio::net::TcpListener;

use crate::support::{
    Server, ServerOptions,
    visitor::{Shown, Visitor},
};

/// What the steps of a test say, marks and all.
async fn tested(server: &Server) -> Shown {
    let ann = server.user("ann@example.org").await;
    let visitor = Visitor::signed_in(server, &ann).await;
    let csrf = visitor.get("/connect").await.csrf();
    let shown = visitor.post("/connect/test", &[("csrf", &csrf)]).await;
    assert_eq!(shown.status, 200);
    let kept = visitor.get("/connect").await;
    assert!(
        kept.html.contains("None yet."),
        "no assistant is left behind"
    );
    shown
}

async fn of_address(address: String) -> String {
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: vec![("OMI_PUBLIC_URL", address)],
        ..ServerOptions::default()
    })
    .await;
    tested(&server).await.html
}

#[tokio::test]
async fn every_step_works() {
    let server = Server::deaf().await;
    let html = tested(&server).await.html;
    assert!(html.contains("Everything works."), "{html}");
    for step in [
        "Reach the address",
        "Be told where to ask",
        "Find who lets assistants in",
        "Find the places to ask at",
        "Register",
        "Ask you for permission",
        "Get a token",
        "List the tools",
        "Disconnect",
    ] {
        assert!(html.contains(step), "{step} in {html}");
    }
    assert_eq!(html.matches("✓").count(), 9);
}

#[tokio::test]
async fn it_says_which_step_fails_and_why() {
    // Nobody is there.
    let html = of_address("http://127.0.0.1:9".into()).await;
    assert!(html.contains("Something is in the way."), "{html}");
    assert!(
        html.contains("No connection") && html.contains("OMI_PUBLIC_URL"),
        "{html}"
    );
    assert_eq!(
        (html.matches("✓").count(), html.matches("✗").count()),
        (0, 1)
    );

    // A proxy that answers by itself.
    let other = Router::new()
        .route(
            "/moved/v1/mcp/sse/info",
            get(async || {
                (
                    StatusCode::FOUND,
                    [("location", "https://elsewhere.example/")],
                )
            }),
        )
        .fallback(async || "It works!");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, other).await });
    let html = of_address(address.clone()).await;
    assert!(html.contains("not by omi-server"), "{html}");
    let html = of_address(format!("{address}/moved")).await;
    assert!(
        html.contains("redirects to https://elsewhere.example/"),
        "{html}"
    );
}
