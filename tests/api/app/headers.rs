//! What the headers of the app and of browsers do.

use chrono::Utc;
use reqwest::Method;
use serde_json::json;

use crate::support::{
    Server, ServerOptions,
    device::Device,
    server::{Answer, client},
};

const PATH: &str = "/v3/memories";
const WEB: &str = "https://web.example.org";

async fn ask(server: &Server, method: Method, headers: &[(&str, &str)]) -> Answer {
    let mut request = client().request(method, format!("{}{PATH}", server.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_the_app_and_of_browsers() {
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: vec![(
            "OMI_CORS__ALLOWED_ORIGINS",
            format!("https://other.example, {WEB}"),
        )],
        ..ServerOptions::default()
    })
    .await;
    let user = server.user("ann@example.org").await;
    let bearer = format!("Bearer {}", user.token);
    let authorized = ("authorization", bearer.as_str());

    // Authorization: two words, no more and no fewer.
    let answer = ask(&server, Method::GET, &[]).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.body["detail"], "Authorization header not found");
    let three = format!("Bearer {} more", user.token);
    for header in [
        "Bearer",
        user.token.as_str(),
        three.as_str(),
        "",
        "Bearer nobody",
    ] {
        let answer = ask(&server, Method::GET, &[("authorization", header)]).await;
        assert_eq!(answer.status, 401, "{header}");
        assert_eq!(
            answer.body["detail"], "Invalid authorization token",
            "{header}"
        );
    }

    // A request that waited for more than ten minutes is too old; a clock that nobody can read is not.
    let now = Utc::now().timestamp_millis() as f64 / 1000.0;
    let sent = |age: f64| format!("{:.3}", now - age);
    let old = sent(700.0);
    let answer = ask(
        &server,
        Method::GET,
        &[authorized, ("x-request-start-time", &old)],
    )
    .await;
    assert_eq!(answer.status, 408, "{answer:#?}");
    let body = &answer.body;
    assert_eq!(body["error"], "clock_skew");
    assert!((body["skew_seconds"].as_f64().unwrap() - 700.0).abs() < 30.0);
    assert!((body["client_time"].as_f64().unwrap() - (now - 700.0)).abs() < 0.2);
    assert!((body["server_time"].as_f64().unwrap() - now).abs() < 30.0);
    for text in ["hint", "message"] {
        assert!(!body[text].as_str().unwrap().is_empty());
    }
    assert_eq!(body.as_object().unwrap().len(), 6);
    for fine in [sent(560.0), sent(-5000.0), "soon".into(), String::new()] {
        let headers = [authorized, ("x-request-start-time", fine.as_str())];
        assert_eq!(
            ask(&server, Method::GET, &headers).await.status,
            200,
            "{fine}"
        );
    }

    // JSON says which character set it is in; a HEAD is a GET without its body.
    for (method, headers, status) in [
        (Method::GET, &[authorized][..], 200),
        (Method::GET, &[][..], 401),
        (Method::HEAD, &[authorized][..], 200),
    ] {
        let answer = ask(&server, method, headers).await;
        assert_eq!(answer.status, status);
        assert_eq!(
            answer.headers["content-type"],
            "application/json; charset=utf-8"
        );
    }

    // Pages of the origins that are named may ask, others not.
    let preflight = async |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "PATCH"),
            (
                "access-control-request-headers",
                "authorization,x-app-platform",
            ),
        ];
        ask(&server, Method::OPTIONS, &headers).await.headers
    };
    let allowed = preflight(WEB).await;
    assert_eq!(allowed["access-control-allow-origin"], WEB);
    assert_eq!(
        allowed["access-control-allow-headers"],
        "authorization,x-app-platform"
    );
    assert!(
        allowed["access-control-allow-methods"]
            .to_str()
            .unwrap()
            .contains("PATCH")
    );
    assert!(!allowed.contains_key("access-control-allow-credentials"));
    let evil = preflight("https://evil.example").await;
    assert!(!evil.contains_key("access-control-allow-origin"));
    let answer = ask(&server, Method::GET, &[authorized, ("origin", WEB)]).await;
    assert_eq!(answer.headers["access-control-allow-origin"], WEB);

    // The socket of browsers asks the same question.
    for (origin, status) in [
        (WEB, 101),
        (server.url.as_str(), 101),
        ("https://evil.example", 403),
    ] {
        let answer = client()
            .get(format!("{}/v4/web/listen?codec=pcm16", server.url))
            .header("origin", origin)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), status, "{origin}");
    }
    let mut device = Device::connect_to(&server, "", "/v4/web/listen?codec=pcm16")
        .await
        .unwrap();
    device
        .say(json!({"type": "auth", "token": user.token}))
        .await;
}

#[tokio::test]
async fn without_a_setting_no_page_from_elsewhere_is_answered() {
    let server = Server::deaf().await;
    let answer = ask(&server, Method::GET, &[("origin", WEB)]).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    let preflight = [("origin", WEB), ("access-control-request-method", "GET")];
    assert_eq!(ask(&server, Method::OPTIONS, &preflight).await.status, 405);
}
