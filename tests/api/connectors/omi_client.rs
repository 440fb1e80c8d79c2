//! Omi's own client.

use serde_json::json;

use crate::support::{
    Server, ServerOptions,
    connector::{Connector, RETURNS, VERIFIER, allow, call, pair},
    openid::parameter,
    visitor::Visitor,
};

#[tokio::test]
async fn the_client_of_omi_is_known_if_the_operator_wants_it() {
    const CLAUDE: &str = "https://claude.ai/api/mcp/auth_callback";
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: vec![("OMI_CONNECTORS__OMI_CLIENT", "true".into())],
        ..ServerOptions::default()
    })
    .await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let visitor = Visitor::signed_in(&server, &ann).await;
    let omi = |secret: &str| Connector {
        server: &server,
        id: "omi".into(),
        secret: Some(secret.into()),
    };
    let known = omi(&ann.mcp_key);
    for elsewhere in [
        RETURNS,
        "https://claude.ai/other",
        "https://claude.ai.evil.example/api/mcp/auth_callback",
    ] {
        let shown = visitor
            .get(&known.page(&[("redirect_uri", elsewhere)]))
            .await;
        assert_eq!(shown.status, 400, "{elsewhere}");
    }
    let code = async || {
        let asked = known.page(&[("redirect_uri", CLAUDE)]);
        let shown = visitor.get(asked.strip_prefix("/oauth").unwrap()).await;
        let back = allow(&visitor, &shown, &["memories:write"]).await;
        assert!(back.location().starts_with(CLAUDE), "{back:#?}");
        parameter(&back.location().parse().unwrap(), "code")
    };
    let redeem = async |who: &Connector<'_>, code: &str| {
        who.ask(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CLAUDE),
            ("code_verifier", VERIFIER),
        ])
        .await
    };
    // Another's key, another credential of hers, and nothing.
    let stolen = redeem(&omi(&ben.mcp_key), &code().await).await;
    assert_eq!(
        (stolen.status, &stolen.body["error"]),
        (400, &json!("invalid_grant"))
    );
    for wrong in [ann.token.as_str(), &ann.developer_key, "omi_mcp_0", ""] {
        let answer = redeem(&omi(wrong), &code().await).await;
        assert_eq!(
            (answer.status, &answer.body["error"]),
            (401, &json!("invalid_client")),
            "{wrong}"
        );
    }
    let once = code().await;
    let (access, refresh) = pair(&redeem(&known, &once).await.ok());
    let created = call(
        &server,
        &access,
        "create_memory",
        json!({"content": "Likes tea"}),
    )
    .await
    .ok();
    assert_eq!(
        created["result"]["structuredContent"]["success"], true,
        "{created}"
    );
    assert_eq!(omi(&ben.mcp_key).refresh(&refresh).await.status, 400);
    let (access, _) = pair(&known.refresh(&refresh).await.ok());
    assert_eq!(
        call(&server, &access, "get_memories", json!({}))
            .await
            .status,
        200
    );
    assert_eq!(redeem(&known, &once).await.status, 400);
    assert_eq!(
        call(&server, &access, "get_memories", json!({}))
            .await
            .status,
        401
    );
}
