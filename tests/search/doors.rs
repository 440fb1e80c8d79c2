//! `GET /v1/search`, `POST /v1/conversations/search` and the tools of `/v1/mcp/sse`

use chrono::{Duration, Utc};
use serde_json::{Value, json};

use super::{ask, ids, texts};
use crate::{
    api::plant::{self, at},
    support::{Server, server::User},
};

#[tokio::test]
async fn everything_is_found_in_one_ranking() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let db = server.pool().await;
    let garden = plant::Conversation {
        title: "Apple trees",
        folder_id: Some("home"),
        created_at: at("2026-01-20T09:00:00Z"),
        ..plant::Conversation::default()
    };
    let garden = garden.put(&db, &ann.uid).await;
    plant::segment(
        &db,
        &ann.uid,
        garden,
        0,
        true,
        0.0,
        "The apple tree needs water.",
    )
    .await;
    plant::segment(
        &db,
        &ann.uid,
        garden,
        1,
        false,
        5.0,
        "Katherine prunes it in March.",
    )
    .await;
    sqlx::query(
        "update transcript_segments set person_id = 'kate' where uid = $1 and speaker_id = 1",
    )
    .bind(&ann.uid)
    .execute(&db)
    .await
    .unwrap();
    let junk = plant::Conversation {
        title: "Apple noise",
        discarded: true,
        created_at: at("2026-01-21T09:00:00Z"),
        ..plant::Conversation::default()
    };
    let junk = junk.put(&db, &ann.uid).await;
    let memory = plant::memory(&db, &ann.uid, "Allergic to apples", "system", None, None).await;
    let task = plant::ActionItem {
        description: "Buy apple juice",
        ..plant::ActionItem::default()
    };
    let task = task.put(&db, &ann.uid).await;

    let kinds = |found: &Value| {
        let hits = found["hits"].as_array().unwrap();
        let mut kinds: Vec<_> = hits
            .iter()
            .map(|hit| hit["kind"].as_str().unwrap().to_string())
            .collect();
        kinds.sort();
        // What was said beside a hit may be one too.
        kinds.dedup();
        kinds
    };
    let found = ask(&server, &ann, &[("q", "apples")]).await;
    assert_eq!(
        kinds(&found),
        ["action_item", "conversation", "memory", "segment"]
    );
    let scores: Vec<_> = found["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["score"].as_f64().unwrap())
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    assert!(
        scores.iter().all(|score| (0.0..=1.0).contains(score)),
        "{scores:?}"
    );
    assert_eq!(found["period"], Value::Null);

    for (parameters, expected) in [
        (vec![("kinds", "memory")], vec![memory]),
        (
            vec![("kinds", "memory, action_item"), ("limit", "1")],
            vec![],
        ),
        (
            vec![("from", "2026-01-31"), ("kinds", "memory,action_item")],
            vec![memory, task],
        ),
        (
            vec![("to", "2026-01-20T09:00:00Z"), ("kinds", "conversation")],
            vec![garden],
        ),
        (
            vec![("folder_id", "home"), ("kinds", "conversation")],
            vec![garden],
        ),
        (vec![("folder_id", "away")], vec![]),
        (
            vec![("person_id", "kate"), ("kinds", "conversation")],
            vec![garden],
        ),
        (vec![("person_id", "nobody")], vec![]),
        (
            vec![("include_discarded", "true"), ("kinds", "conversation")],
            vec![garden, junk],
        ),
    ] {
        let all: Vec<_> = [("q", "apple")]
            .into_iter()
            .chain(parameters.clone())
            .collect();
        let found = ask(&server, &ann, &all).await;
        if parameters.iter().any(|(name, _)| *name == "limit") {
            assert_eq!(ids(&found).len(), 1);
            continue;
        }
        let mut expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
        let mut found: Vec<_> = ids(&found).into_iter().map(str::to_string).collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{parameters:?}");
    }

    // Misspelt, or spelt as it was not heard.
    for question in ["kathrine", "Catherine", "aple tree"] {
        assert!(
            !texts(&server, &ann, question).await.is_empty(),
            "{question}"
        );
    }
    for (parameters, name) in [
        (vec![("q", "x"), ("limit", "0")], "limit"),
        (vec![("q", "x"), ("limit", "101")], "limit"),
        (vec![("q", "x"), ("kinds", "memories")], "kinds"),
        (vec![("q", "x"), ("from", "soon")], "from"),
        (vec![], "q"),
    ] {
        let query = serde_urlencoded::to_string(&parameters).unwrap();
        let answer = server.get(&format!("/v1/search?{query}"), &ann.token).await;
        assert_eq!(answer.status, 422, "{parameters:?} {answer:#?}");
        assert_eq!(answer.body["detail"][0]["loc"], json!(["query", name]));
    }
}

#[tokio::test]
async fn a_question_of_time_is_answered_by_its_period() {
    let server = Server::deaf().await;
    let ann = server.user_in("ann@example.org", "Pacific/Auckland").await;
    let db = server.pool().await;
    let now = Utc::now();
    // Noon of yesterday in Auckland, whatever the time here.
    let local = now
        .with_timezone(&chrono_tz::Pacific::Auckland)
        .date_naive();
    let noon = |days: i64| {
        let noon = (local - Duration::days(days))
            .and_hms_opt(12, 0, 0)
            .unwrap();
        noon.and_local_timezone(chrono_tz::Pacific::Auckland)
            .unwrap()
            .to_utc()
    };
    for (days, title) in [(0, "Today"), (1, "Dentist"), (1, "Market"), (2, "Before")] {
        let heard = plant::Conversation {
            title,
            created_at: noon(days),
            finished_at: noon(days),
            ..plant::Conversation::default()
        };
        let id = heard.put(&db, &ann.uid).await;
        for n in 0..3 {
            let text = format!("{title} line {n}");
            plant::segment(&db, &ann.uid, id, 0, true, f64::from(n) * 5.0, &text).await;
        }
    }
    let found = ask(
        &server,
        &ann,
        &[("q", "what did I do yesterday?"), ("limit", "4")],
    )
    .await;
    let texts: String = found["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["text"].to_string())
        .collect();
    assert!(
        texts.contains("Dentist") && texts.contains("Market"),
        "{found:#}"
    );
    assert!(
        !texts.contains("Today") && !texts.contains("Before"),
        "{found:#}"
    );
    let starts = (local - Duration::days(1)).and_hms_opt(0, 0, 0).unwrap();
    let starts = starts
        .and_local_timezone(chrono_tz::Pacific::Auckland)
        .unwrap()
        .to_utc();
    let period: chrono::DateTime<Utc> = found["period"]["from"].as_str().unwrap().parse().unwrap();
    assert_eq!(period, starts);
    // With words the period is a hint.
    let found = ask(
        &server,
        &ann,
        &[("q", "line yesterday"), ("kinds", "segment")],
    )
    .await;
    let hits = found["hits"].as_array().unwrap();
    // The three lines of each conversation are one hit.
    assert_eq!(hits.len(), 4, "{found:#}");
    let in_time = |hit: &Value| hit["matched"].as_array().unwrap().contains(&json!("time"));
    assert!(hits[..2].iter().all(in_time), "{found:#}");
    assert!(!hits[2..].iter().any(in_time), "{found:#}");
}

#[tokio::test]
async fn no_question_makes_it_stumble() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let db = server.pool().await;
    plant::memory(
        &db,
        &ann.uid,
        r"O'Brien's \ backslash 'quoted' 🙂 & more: *",
        "system",
        None,
        None,
    )
    .await;
    let long = "word ".repeat(100);
    for question in [
        "",
        " ",
        "'",
        "''",
        "\"",
        "\\",
        "\\'",
        "a & b | !c <-> d:*",
        "('",
        ":*",
        "%",
        "_",
        "🙂",
        "O'Brien",
        "\\ backslash",
        "select 1; drop table users",
        "\u{202e}right",
        "é".repeat(500).as_str(),
        long.as_str(),
        "\n\t\r",
        "-",
        "--",
        "don't",
        "http://example.org/a?b=c&d='e'",
        "a@b.c",
        "1e400",
        "ﬁ",
        "x-y-z",
        "the",
    ] {
        for path in ["/v1/search", "/v1/conversations/search"] {
            let query = serde_urlencoded::to_string([("q", question)]).unwrap();
            let answer = if path == "/v1/search" {
                server.get(&format!("{path}?{query}"), &ann.token).await
            } else {
                server
                    .post(path, &ann.token, json!({"query": question}))
                    .await
            };
            assert_eq!(answer.status, 200, "{path} {question:?} {answer:#?}");
        }
    }
    assert_eq!(texts(&server, &ann, "o'brien").await.len(), 1);
    for (question, status) in [("é".repeat(501), 422), ("a\0b".into(), 400)] {
        let query = serde_urlencoded::to_string([("q", &question)]).unwrap();
        let answer = server.get(&format!("/v1/search?{query}"), &ann.token).await;
        assert_eq!(answer.status, status, "{answer:#?}");
        let answer = server
            .post(
                "/v1/conversations/search",
                &ann.token,
                json!({"query": question}),
            )
            .await;
        assert_eq!(answer.status, status, "{answer:#?}");
    }
}

#[tokio::test]
async fn conversations_are_found_by_all_their_words() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let db = server.pool().await;
    for (n, title, discarded) in [
        (1, "Apple cake", false),
        (2, "Apple juice", true),
        (3, "Pear cake", false),
    ] {
        let heard = plant::Conversation {
            title,
            discarded,
            created_at: at(&format!("2026-01-0{n}T09:00:00Z")),
            ..plant::Conversation::default()
        };
        let id = heard.put(&db, &ann.uid).await;
        plant::segment(&db, &ann.uid, id, 0, true, 0.0, "It takes an hour.").await;
    }
    let search = async |user: &User, body: Value| {
        server
            .post("/v1/conversations/search", &user.token, body)
            .await
    };
    for (body, titles, total) in [
        (
            json!({"query": "apples"}),
            vec!["Apple juice", "Apple cake"],
            1,
        ),
        (
            json!({"query": "apple hour", "include_discarded": false}),
            vec!["Apple cake"],
            1,
        ),
        (
            json!({"query": "aple"}),
            vec!["Apple juice", "Apple cake"],
            1,
        ),
        (
            json!({"query": "*"}),
            vec!["Pear cake", "Apple juice", "Apple cake"],
            1,
        ),
        (
            json!({"query": ""}),
            vec!["Pear cake", "Apple juice", "Apple cake"],
            1,
        ),
        (json!({"query": "apple pear"}), vec![], 1),
        (
            json!({"query": "*", "per_page": 2}),
            vec!["Pear cake", "Apple juice"],
            2,
        ),
        (
            json!({"query": "*", "per_page": 2, "page": 2}),
            vec!["Apple cake"],
            2,
        ),
        (
            json!({"query": "*", "per_page": 3}),
            vec!["Pear cake", "Apple juice", "Apple cake"],
            2,
        ),
        (
            json!({"query": "cake", "start_date": "2026-01-02"}),
            vec!["Pear cake"],
            1,
        ),
        (
            json!({"query": "cake", "end_date": "2026-01-02T00:00:00"}),
            vec!["Apple cake"],
            1,
        ),
    ] {
        let page = search(&ann, body.clone()).await.ok();
        let items = page["items"].as_array().unwrap();
        let found: Vec<_> = items
            .iter()
            .map(|item| item["structured"]["title"].as_str().unwrap())
            .collect();
        assert_eq!(found, titles, "{body}");
        assert_eq!(page["total_pages"], total, "{body}");
        assert!(items.iter().all(|item| item["transcript_segments"].is_array() && item["status"] == "completed"));
    }
    assert_eq!(
        search(&ben, json!({"query": "*"})).await.ok()["items"],
        json!([])
    );
    for (body, status) in [
        (json!({"query": "x", "start_date": "soon"}), 400),
        (json!({"query": "x", "page": 0}), 422),
        (json!({"query": "x", "per_page": 0}), 422),
        (json!({"query": "x", "per_page": 101}), 200),
        (json!({}), 422),
    ] {
        assert_eq!(search(&ann, body.clone()).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn an_assistant_asks() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let db = server.pool().await;
    let heard = plant::Conversation {
        title: "Boiler repair",
        created_at: at("2026-01-20T09:00:00Z"),
        ..plant::Conversation::default()
    };
    let heard = heard.put(&db, &ann.uid).await;
    plant::segment(
        &db,
        &ann.uid,
        heard,
        0,
        true,
        0.0,
        "The boiler leaks again.",
    )
    .await;
    let fact = plant::memory(
        &db,
        &ann.uid,
        "The boiler is from 1998",
        "system",
        None,
        None,
    )
    .await;
    plant::memory(&db, &ann.uid, "Likes tea", "system", None, None).await;
    let call = async |name: &str, arguments: Value| {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                          "params": {"name": name, "arguments": arguments}});
        server.post("/v1/mcp/sse", &ann.mcp_key, body).await.body
    };
    let found = call("search_memories", json!({"query": "how old is the boiler"})).await;
    let memories = found["result"]["structuredContent"]["memories"]
        .as_array()
        .unwrap();
    assert_eq!(memories.len(), 1, "{found:#}");
    assert_eq!(memories[0]["id"], fact.to_string());
    let score = memories[0]["relevance_score"].as_f64().unwrap();
    assert!(score > 0.0 && score <= 1.0);

    let found = call("search_conversations", json!({"query": "boiler"})).await;
    let conversations = found["result"]["structuredContent"]["conversations"]
        .as_array()
        .unwrap();
    assert_eq!(conversations.len(), 1, "{found:#}");
    assert_eq!(conversations[0]["id"], heard.to_string());
    for (days, hits) in [
        (("2026-01-20", "2026-01-20"), 1),
        (("2026-01-21", "2026-01-30"), 0),
    ] {
        let arguments = json!({"query": "boiler", "start_date": days.0, "end_date": days.1});
        let found = call("search_conversations", arguments).await;
        let found = found["result"]["structuredContent"]["conversations"]
            .as_array()
            .unwrap()
            .len();
        assert_eq!(found, hits, "{days:?}");
    }
    for (tool, arguments, code) in [
        ("search_memories", json!({"query": " "}), -32000),
        ("search_conversations", json!({"query": ""}), -32602),
        (
            "search_conversations",
            json!({"query": "x", "start_date": "soon"}),
            -32602,
        ),
        (
            "search_conversations",
            json!({"query": "x", "limit": 0}),
            -32602,
        ),
        ("search_memories", json!({}), -32000),
    ] {
        let refused = call(tool, arguments.clone()).await;
        assert_eq!(
            refused["error"]["code"], code,
            "{tool} {arguments}: {refused:#}"
        );
    }
}
