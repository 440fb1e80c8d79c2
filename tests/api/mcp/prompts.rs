//! Prompts: questions with what Omi knows to answer them.

use chrono::{Duration, Utc};
use serde_json::{Value, json};

use super::{Assistant, tools::server};
use crate::api::plant::{self, at};

#[tokio::test]
async fn prompts_bring_what_is_known() {
    let (server, user) = server().await;
    let db = server.pool().await;
    for (title, created_at) in [
        ("Before", "2026-01-30T23:59:59Z"),
        ("Breakfast", "2026-01-31T00:00:00Z"),
        ("Supper", "2026-01-31T23:59:59Z"),
    ] {
        let talk = plant::Conversation {
            title,
            created_at: at(created_at),
            ..plant::Conversation::default()
        };
        talk.put(&db, &user.uid).await;
    }
    plant::daily_summary(&db, &user.uid, "2026-01-31").await;
    plant::memory(&db, &user.uid, "Grows tomatoes", "hobbies", None, None).await;
    plant::memory(&db, &user.uid, "Works at a bank", "work", None, None).await;
    for (description, due_at, completed) in [
        ("Buy seeds", Some(Utc::now() + Duration::days(1)), false),
        (
            "Mend the roof",
            Some(Utc::now() + Duration::days(30)),
            false,
        ),
        ("Some day", None, false),
        ("Done", None, true),
    ] {
        let item = plant::ActionItem {
            description,
            due_at,
            completed,
            ..plant::ActionItem::default()
        };
        item.put(&db, &user.uid).await;
    }
    let assistant = Assistant::connect(&server, &user.mcp_key).await;
    let listed = assistant.ask("prompts/list", json!({})).await;
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("prompts", listed["result"]["prompts"])
    });

    let text = async |name: &str, arguments: Value| {
        let params = json!({"name": name, "arguments": arguments});
        let answer = assistant.ask("prompts/get", params).await;
        let messages = answer["result"]["messages"].as_array();
        let message = &messages.unwrap_or_else(|| panic!("{answer:#}"))[0];
        assert_eq!(
            (&message["role"], &message["content"]["type"]),
            (&json!("user"), &json!("text"))
        );
        assert!(answer["result"]["description"].is_string(), "{answer:#}");
        message["content"]["text"].as_str().unwrap().to_string()
    };
    let holds = |text: &str, there: &[&str], not: &[&str]| {
        for word in there {
            assert!(text.contains(word), "{word} is missing: {text}");
        }
        for word in not {
            assert!(!text.contains(word), "{word} is there: {text}");
        }
    };
    let day = text("daily_recap", json!({"date": "2026-01-31"})).await;
    holds(
        &day,
        &["Saturday, 31 January 2026", "Breakfast", "Supper", "A day."],
        &["Before"],
    );
    assert!(
        day.find("Breakfast") < day.find("Supper"),
        "in the order of the day"
    );
    // The day is one of the user's zone.
    sqlx::query("update users set time_zone = 'Europe/Berlin' where uid = $1")
        .bind(&user.uid)
        .execute(&db)
        .await
        .unwrap();
    let day = text("daily_recap", json!({"date": "2026-01-31"})).await;
    holds(&day, &["Before", "Breakfast"], &["Supper"]);
    let today = text("daily_recap", json!({})).await;
    holds(&today, &["Omi heard no conversation"], &["Breakfast"]);
    holds(
        &text("open_tasks", json!({"days": ""})).await,
        &["Buy seeds", "Mend the roof", "Some day"],
        &["Done"],
    );
    holds(
        &text("open_tasks", json!({"days": "7"})).await,
        &["Buy seeds", "7 days"],
        &["Mend", "Some day", "Done"],
    );
    let known = text("what_do_you_know_about_me", Value::Null).await;
    holds(&known, &["Grows tomatoes", "Works at a bank"], &[]);
    let known = text("what_do_you_know_about_me", json!({"topic": "tomatoes"})).await;
    holds(&known, &["Grows tomatoes"], &["bank"]);

    for (name, arguments) in [
        ("sing", json!({})),
        ("daily_recap", json!({"date": "soon"})),
        ("daily_recap", json!({"date": 5})),
        ("open_tasks", json!({"days": "0"})),
        ("open_tasks", json!({"days": "many"})),
        (
            "what_do_you_know_about_me",
            json!({"topic": "x".repeat(501)}),
        ),
    ] {
        let params = json!({"name": name, "arguments": arguments});
        let answer = assistant.ask("prompts/get", params).await;
        assert_eq!(
            answer["error"]["code"], -32602,
            "{name} {arguments}: {answer:#}"
        );
    }

    let ben = server.user("ben@example.org").await;
    let other = Assistant::connect(&server, &ben.mcp_key).await;
    for name in ["open_tasks", "what_do_you_know_about_me"] {
        let answer = other.ask("prompts/get", json!({"name": name})).await;
        let text = answer["result"]["messages"][0]["content"]["text"]
            .as_str()
            .unwrap();
        holds(text, &["There are no such"], &["seeds", "tomatoes"]);
    }
}
