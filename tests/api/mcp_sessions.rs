//! MCP sessions are of the database: they outlive a process, and every instance knows whose they are.

use reqwest::{Method, header::ACCEPT};
use serde_json::{Value, json};

use super::mcp::{Assistant, BOTH, initialize, send};
use crate::support::Server;

fn list() -> Option<Value> {
    Some(json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list"}))
}

async fn begin(server: &Server, key: &str) -> String {
    let reply = send(server, Method::POST, Some(initialize()), |request| {
        request.bearer_auth(key).header(ACCEPT, BOTH)
    })
    .await;
    reply.session.unwrap_or_else(|| panic!("{}", reply.text))
}

/// As seen from another server, or with another key.
fn same<'a>(session: &str, server: &'a Server, key: &str) -> Assistant<'a> {
    Assistant {
        server,
        key: key.into(),
        session: session.into(),
    }
}

#[tokio::test]
async fn a_session_outlives_the_process() {
    let mut server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let session = Assistant::connect(&server, &user.mcp_key).await.session;
    server.kill().await;
    server.run().await;

    let ann = same(&session, &server, &user.mcp_key);
    let ben = same(&session, &server, &other.mcp_key);
    // The first requests meet where the session is made anew.
    let with_id = |id: u32| {
        let mut message = list().unwrap();
        message["id"] = id.into();
        ann.send(Method::POST, Some(message))
    };
    let many = futures_util::future::join_all((0..8).map(with_id)).await;
    for reply in many {
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert!(
            reply.message["result"]["tools"].is_array(),
            "{}",
            reply.text
        );
    }
    let created = ann
        .call("create_memory", json!({"content": "User likes tea"}))
        .await;
    assert_eq!(created["success"], true);
    for method in [Method::POST, Method::GET, Method::DELETE] {
        let message = (method == Method::POST).then(|| list().unwrap());
        let reply = ben.send(method.clone(), message).await;
        assert_eq!(reply.status, 403, "{method}: {}", reply.text);
    }
    assert_eq!(ann.send(Method::DELETE, None).await.status, 204);
    for assistant in [&ann, &ben] {
        assert_eq!(assistant.send(Method::POST, list()).await.status, 404);
    }
    server.kill().await;
    server.run().await;
    let ann = same(&session, &server, &user.mcp_key);
    assert_eq!(ann.send(Method::POST, list()).await.status, 404);
}

#[tokio::test]
async fn two_instances_share_their_sessions() {
    let one = Server::deaf().await;
    let two = one.instance().await;
    let user = one.user("ann@example.org").await;
    let other = one.user("ben@example.org").await;
    let session = Assistant::connect(&one, &user.mcp_key).await.session;
    for server in [&two, &one, &two] {
        let ann = same(&session, server, &user.mcp_key);
        assert_eq!(ann.send(Method::POST, list()).await.status, 200);
        let ben = same(&session, server, &other.mcp_key);
        assert_eq!(ben.send(Method::POST, list()).await.status, 403);
    }
    // Ended at the one, it has ended at the other, which still holds it in memory.
    let ann = same(&session, &one, &user.mcp_key);
    assert_eq!(ann.send(Method::DELETE, None).await.status, 204);
    for server in [&two, &one] {
        let ann = same(&session, server, &user.mcp_key);
        assert_eq!(ann.send(Method::POST, list()).await.status, 404);
        assert_eq!(ann.send(Method::DELETE, None).await.status, 404);
    }
}

#[tokio::test]
async fn the_oldest_of_too_many_sessions_ends() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let of_ben = begin(&server, &other.mcp_key).await;
    let mut sessions = Vec::new();
    for _ in 0..100 {
        sessions.push(begin(&server, &user.mcp_key).await);
    }
    let status = async |session: &str, key: &str| {
        same(session, &server, key)
            .send(Method::POST, list())
            .await
            .status
    };
    assert_eq!(status(&sessions[0], &user.mcp_key).await, 200);
    let newest = begin(&server, &user.mcp_key).await;
    assert_eq!(status(&sessions[0], &user.mcp_key).await, 404);
    for session in [&sessions[1], &sessions[99], &newest] {
        assert_eq!(status(session, &user.mcp_key).await, 200);
    }
    assert_eq!(status(&of_ben, &other.mcp_key).await, 200);
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_or_its_user_leaves() {
    let mut server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    // Only begun: the last use of a session is noted some seconds later.
    let idle = begin(&server, &user.mcp_key).await;
    let used = begin(&server, &user.mcp_key).await;
    let back = |session: &str, hours: i32| {
        let db = db.clone();
        let session = session.to_string();
        async move {
            let moved = sqlx::query(
                "update mcp_sessions set seen_at = now() - make_interval(hours => $2) where id = $1::uuid",
            )
            .bind(session)
            .bind(hours)
            .execute(&db)
            .await
            .unwrap();
            assert_eq!(moved.rows_affected(), 1);
        }
    };
    back(&idle, 25).await;
    back(&used, 23).await;
    let status = async |session: &str, server: &Server| {
        same(session, server, &user.mcp_key)
            .send(Method::POST, list())
            .await
            .status
    };
    assert_eq!(status(&idle, &server).await, 404);
    assert_eq!(status(&used, &server).await, 200);
    // Another start purges what has ended, and knows anew when what goes on was used.
    server.stop().await;
    back(&used, 23).await;
    server.run().await;
    assert_eq!(status(&used, &server).await, 200);
    let counts = async || {
        let row: (i64, i64, bool) = sqlx::query_as(
            "select count(*), (select count(*) from mcp_session_owners), bool_and(seen_at > now() - interval '1 hour')
             from mcp_sessions",
        )
        .fetch_one(&db)
        .await
        .unwrap();
        row
    };
    let mut last = counts().await;
    for _ in 0..100 {
        if last == (1, 1, true) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        last = counts().await;
    }
    assert_eq!(last, (1, 1, true));

    sqlx::query("delete from users where uid = $1")
        .bind(&user.uid)
        .execute(&db)
        .await
        .unwrap();
    let left: i64 = sqlx::query_scalar(
        "select (select count(*) from mcp_sessions) + (select count(*) from mcp_session_owners)",
    )
    .fetch_one(&db)
    .await
    .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn what_a_client_tells_of_itself_is_kept_within_bounds() {
    let mut server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let begin = |name: String| {
        let mut message = initialize();
        message["params"]["clientInfo"]["name"] = name.into();
        message
    };
    let large = send(
        &server,
        Method::POST,
        Some(begin("x".repeat(64 * 1024))),
        |request| request.bearer_auth(&user.mcp_key),
    )
    .await;
    assert_eq!(large.status, 400, "{}", large.text);
    // Names with characters that a database might not take.
    let strange = send(
        &server,
        Method::POST,
        Some(begin("a\u{0}\u{1f980}\u{ffff}".into())),
        |request| request.bearer_auth(&user.mcp_key),
    )
    .await;
    assert_eq!(strange.status, 200, "{}", strange.text);
    let session = strange.session.unwrap();
    server.kill().await;
    server.run().await;
    let ann = same(&session, &server, &user.mcp_key);
    assert_eq!(ann.send(Method::POST, list()).await.status, 200);
    // The id has one spelling.
    let upper = same(&session.to_uppercase(), &server, &user.mcp_key);
    assert_eq!(upper.send(Method::POST, list()).await.status, 404);
}
