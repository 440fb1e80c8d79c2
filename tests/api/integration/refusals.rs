//! Who is not let in, and what is not taken.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::importer::{ALL, Importer, assert_refused};
use crate::support::{
    Server,
    server::{Answer, client},
};

/// Every operation, a body that it takes, and what an app needs for it.
fn operations() -> [(&'static str, Option<Value>, &'static str, &'static str); 6] {
    [
        (
            "user/conversations",
            Some(json!({"text": "We talked."})),
            "create_conversation",
            "create conversations",
        ),
        (
            "user/memories",
            Some(json!({"memories": [{"content": "User likes tea"}]})),
            "create_memories",
            "create memories",
        ),
        (
            "conversations",
            None,
            "read_conversations",
            "read conversations",
        ),
        ("memories", None, "read_memories", "read memories"),
        (
            "search/conversations",
            Some(json!({"query": "tea"})),
            "read_conversations",
            "read conversations",
        ),
        ("tasks", None, "read_tasks", "read tasks"),
    ]
}

#[tokio::test]
async fn the_door_opens_for_the_right_key_app_user_and_action_only() {
    let server = Server::unguarded().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let app = Importer::new(&server, "ann@example.org", ALL).await;
    let other = Importer::new(&server, "ann@example.org", ALL).await;
    app.enabled_by(&ann).await;
    other.enabled_by(&ann).await;
    let ask = async |path: &str, secret: Option<&str>, body: &Option<Value>| {
        let method = match body {
            Some(_) => Method::POST,
            None => Method::GET,
        };
        server.send(method, path, secret, body.clone()).await
    };
    for (rest, body, ..) in operations() {
        let path = app.path(rest, &ann.uid);
        let answer = ask(&path, None, &body).await;
        let sentence = "Missing or invalid Authorization header. Must be 'Bearer API_KEY'";
        assert_refused(&answer, 401, sentence);

        // Which key does not matter where there is no app.
        for app_id in [&Uuid::new_v4().to_string(), "no-uuid", "%00"] {
            let path = format!("/v2/integrations/{app_id}/{rest}?uid={}", ann.uid);
            let answer = ask(&path, Some(&app.key), &body).await;
            assert_refused(&answer, 404, "App not found");
        }
        let shorter = &app.key[..app.key.len() - 1];
        // Whatever the user is called, the key is looked at first.
        let odd = app.path(rest, "%00");
        assert_refused(&ask(&odd, None, &body).await, 401, sentence);
        assert_refused(
            &ask(&odd, Some(shorter), &body).await,
            403,
            "Invalid API key",
        );
        for secret in [
            &other.key,
            &ann.developer_key,
            &ann.mcp_key,
            &ann.token,
            shorter,
        ] {
            let answer = ask(&path, Some(secret), &body).await;
            assert_refused(&answer, 403, "Invalid API key");
        }

        for uid in [
            &ben.uid,
            &Uuid::new_v4().to_string(),
            "nobody",
            "%00",
            "a%00",
        ] {
            let answer = ask(&app.path(rest, uid), Some(&app.key), &body).await;
            assert_refused(&answer, 403, "App is not enabled for this user");
        }
        let nobody = format!("/v2/integrations/{}/{rest}", app.id);
        for path in [nobody.clone(), nobody + "?uid="] {
            let answer = ask(&path, Some(&app.key), &body).await;
            assert_refused(&answer, 400, "Field required");
            assert_eq!(answer.body["detail"][0]["loc"], json!(["query", "uid"]));
        }
        let answer = ask(&path, Some(&app.key), &body).await;
        assert_eq!(answer.status, 200, "{rest}: {answer:#?}");
    }
}

#[tokio::test]
async fn an_app_may_do_what_its_actions_say() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    for (rest, body, action, words) in operations() {
        let others: Vec<_> = ALL.split(',').filter(|name| *name != action).collect();
        let app = Importer::new(&server, "ann@example.org", &others.join(",")).await;
        app.enabled_by(&ann).await;
        let method = match body {
            Some(_) => Method::POST,
            None => Method::GET,
        };
        let path = app.path(rest, &ann.uid);
        let answer = server.send(method, &path, Some(&app.key), body).await;
        let sentence = format!("App does not have the capability to {words}");
        assert_refused(&answer, 403, &sentence);
    }
}

#[tokio::test]
async fn a_bad_request_is_malformed_or_invalid() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let app = Importer::new(&server, "ann@example.org", ALL).await;
    app.enabled_by(&ann).await;
    let post = async |rest: &str, body: &str| {
        let url = format!("{}{}", server.url, app.path(rest, &ann.uid));
        let request = client()
            .post(url)
            .bearer_auth(&app.key)
            .body(body.to_string());
        Answer::of(request.send().await.unwrap()).await
    };
    let both = "Either text or explicit memories(facts) are required and cannot be empty";
    let long = |n: usize| "é".repeat(n);
    for (rest, body, status, what) in [
        ("user/conversations", json!({}), 400, "text"),
        ("user/conversations", json!({"text": null}), 400, "text"),
        ("user/conversations", json!({"text": 7}), 400, "text"),
        (
            "user/conversations",
            json!({"text": "x", "started_at": "soon"}),
            400,
            "started_at",
        ),
        (
            "user/conversations",
            json!({"text": "x", "geolocation": {"latitude": "north"}}),
            400,
            "geolocation",
        ),
        ("user/conversations", json!({"text": ""}), 422, "text"),
        ("user/conversations", json!({"text": " \n\t"}), 422, "text"),
        (
            "user/conversations",
            json!({"text": "x", "text_source": "smoke"}),
            400,
            "text_source",
        ),
        (
            "user/conversations",
            json!({"text": long(100_001)}),
            422,
            "text",
        ),
        ("user/memories", json!({"text": 7}), 400, "text"),
        ("user/memories", json!({"memories": "one"}), 400, "memories"),
        (
            "user/memories",
            json!({"memories": [{"tags": []}]}),
            400,
            "memories",
        ),
        (
            "user/memories",
            json!({"memories": [{"content": "x", "tags": "one"}]}),
            400,
            "memories",
        ),
        (
            "user/memories",
            json!({"memories": [{"content": long(501)}]}),
            422,
            "memories",
        ),
        (
            "user/memories",
            json!({"memories": [{"content": "x"}, {"content": " "}]}),
            422,
            "memories",
        ),
        (
            "user/memories",
            json!({"memories": [{"content": "x", "tags": vec!["t"; 51]}]}),
            422,
            "memories",
        ),
        (
            "user/memories",
            json!({"memories": vec![json!({"content": "x"}); 501]}),
            422,
            "memories",
        ),
        ("user/memories", json!({"text": long(100_001)}), 422, "text"),
        (
            "user/memories",
            json!({"text": "x", "text_source": "smoke"}),
            400,
            "text_source",
        ),
        ("search/conversations", json!({}), 400, "query"),
        (
            "search/conversations",
            json!({"query": "x", "page": 0}),
            400,
            "page",
        ),
        (
            "search/conversations",
            json!({"query": "x", "per_page": 1001}),
            400,
            "per_page",
        ),
        (
            "search/conversations",
            json!({"query": "x", "page": "one"}),
            400,
            "page",
        ),
        ("search/conversations", json!({"query": "  "}), 422, "query"),
        (
            "search/conversations",
            json!({"query": long(501)}),
            422,
            "query",
        ),
    ] {
        let answer = post(rest, &body.to_string()).await;
        assert_eq!(answer.status, status, "{rest} {what}: {answer:#?}");
        let place = &answer.body["detail"][0]["loc"];
        assert_eq!(place[0], "body", "{rest} {what}: {answer:#?}");
        assert_eq!(place[1], what, "{rest}: {answer:#?}");
    }
    for body in [
        json!({}),
        json!({"text": ""}),
        json!({"text": null, "memories": null}),
        json!({"text": " ", "memories": []}),
        json!({"text_source": "email"}),
    ] {
        assert_refused(&post("user/memories", &body.to_string()).await, 422, both);
    }
    for rest in [
        "user/conversations",
        "user/memories",
        "search/conversations",
    ] {
        for body in [
            "",
            "{",
            "[]",
            "null",
            "\"text\"",
            "{\"text\": \"x\"} trailing",
        ] {
            let answer = post(rest, body).await;
            assert_eq!(answer.status, 400, "{rest} {body}: {answer:#?}");
            assert_eq!(answer.body["error"]["code"], "invalid_request");
        }
    }
    // Postgres cannot keep the character zero.
    for (rest, body) in [
        ("user/conversations", json!({"text": "a\u{0}b"})),
        ("user/memories", json!({"text": "a\u{0}b"})),
        (
            "user/memories",
            json!({"memories": [{"content": "a\u{0}b"}]}),
        ),
        (
            "user/memories",
            json!({"memories": [{"content": "x", "tags": ["\u{0}"]}]}),
        ),
        ("search/conversations", json!({"query": "\u{0}"})),
    ] {
        let answer = post(rest, &body.to_string()).await;
        assert_eq!(answer.status, 400, "{rest} {body}: {answer:#?}");
    }

    let day = |name: &str| {
        format!("Invalid {name} format. Use ISO format (YYYY-MM-DDTHH:MM:SS.sssZ) or YYYY-MM-DD")
    };
    let statuses = |unknown: &str| {
        format!(
            "Invalid status: {unknown}. statuses takes, separated by commas, any of: in_progress, processing, merging, completed, failed"
        )
    };
    for (rest, query, sentence) in [
        ("memories", "limit=1001", "limit must be between 1 and 1000"),
        (
            "conversations",
            "limit=1001",
            "limit must be between 1 and 1000",
        ),
        (
            "conversations",
            "limit=0",
            "limit must be between 1 and 1000",
        ),
        ("tasks", "limit=1001", "limit must be between 1 and 1000"),
        ("memories", "limit=ten", "limit should be a whole number"),
        (
            "tasks",
            "completed=maybe",
            "completed should be a valid boolean, such as true or false",
        ),
        (
            "conversations",
            "include_discarded=2",
            "include_discarded should be a valid boolean, such as true or false",
        ),
        (
            "conversations",
            "statuses=unheard_of",
            &statuses("unheard_of"),
        ),
        (
            "conversations",
            "statuses=completed,Failed",
            &statuses("Failed"),
        ),
        (
            "conversations",
            "statuses=completed&statuses=%00",
            &statuses("\0"),
        ),
        ("conversations", "end_date=0000-12-31", &day("end_date")),
        (
            "memories",
            "offset=-1",
            "offset must be between 0 and 9223372036854775807",
        ),
        (
            "conversations",
            "max_transcript_segments=-2",
            "max_transcript_segments must be between -1 and 1000",
        ),
        ("conversations", "start_date=yesterday", &day("start_date")),
        ("conversations", "end_date=2026-02-30", &day("end_date")),
        ("tasks", "due_start_date=x", &day("due_start_date")),
        ("tasks", "due_end_date=1769850000", &day("due_end_date")),
    ] {
        let answer = app.get(&format!("{rest}?{query}"), &ann.uid).await;
        assert_refused(&answer, 400, sentence);
    }
    assert!(app.list("memories", &ann.uid).await.is_empty());
    assert!(app.list("conversations", &ann.uid).await.is_empty());
}
