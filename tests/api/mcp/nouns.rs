//! What each tool does: memories, transcripts, action items, goals, search.

use serde_json::{Value, json};

use super::tools::{Strict, server, texts};
use crate::api::plant;

#[tokio::test]
async fn memories_are_kept_changed_and_forgotten() {
    let (server, user) = server().await;
    let strict = Strict::connect(&server, &user).await;
    let content = json!({"content": "User lives in Rome", "category": "lifestyle"});
    let made = strict.call("create_memory", content).await["memory"].clone();
    assert_eq!(made["category"], "lifestyle");
    let id = made["id"].as_str().unwrap();
    let arguments = json!({"memory_id": id, "content": "User lives in Oslo"});
    let done = json!({"success": true});
    assert_eq!(strict.call("edit_memory", arguments.clone()).await, done);
    assert_eq!(strict.call("edit_memory", arguments).await, done, "again");
    let found = strict.call("get_memories", json!({})).await;
    assert_eq!(texts(&found["memories"], "content"), ["User lives in Oslo"]);
    assert_eq!(
        (&found["memories"][0]["id"], &found["memories"][0]["edited"]),
        (&json!(id), &json!(true))
    );
    let found = strict
        .call("search_memories", json!({"query": "Oslo"}))
        .await;
    assert_eq!(texts(&found["memories"], "id"), [id]);
    assert!(found["memories"][0]["relevance_score"].as_f64().unwrap() > 0.0);

    let absent = || (-32001, "Memory not found".to_string());
    for (tool, arguments, told) in [
        (
            "create_memory",
            json!({"content": ""}),
            (-32000, "Content is required"),
        ),
        (
            "create_memory",
            json!({"content": "x", "category": "cats"}),
            (-32602, "Invalid memory category: 'cats'"),
        ),
        (
            "get_memories",
            json!({"categories": ["work", "cats"]}),
            (-32602, "Invalid memory category: 'cats'"),
        ),
        ("edit_memory", json!({}), (-32000, "memory_id is required")),
        (
            "edit_memory",
            json!({"memory_id": id}),
            (-32000, "Content is required"),
        ),
        (
            "edit_memory",
            json!({"memory_id": id, "content": " "}),
            (-32000, "Content is required"),
        ),
        (
            "delete_memory",
            json!({"memory_id": ""}),
            (-32000, "memory_id is required"),
        ),
        (
            "search_memories",
            json!({"query": ""}),
            (-32000, "query is required"),
        ),
        (
            "search_memories",
            json!({"query": "x", "limit": 101}),
            (-32602, "limit must be between 1 and 100"),
        ),
    ] {
        let refused = strict.refused(tool, arguments.clone()).await;
        assert_eq!((refused.0, refused.1.as_str()), told, "{tool} {arguments}");
    }
    let long = json!({"memory_id": id, "content": "x".repeat(501)});
    assert_eq!(strict.refused("edit_memory", long).await.0, -32602);

    let gone = json!({"memory_id": id});
    assert_eq!(strict.call("delete_memory", gone.clone()).await, done);
    assert_eq!(strict.refused("delete_memory", gone).await, absent());
    let arguments = json!({"memory_id": id, "content": "x"});
    assert_eq!(strict.refused("edit_memory", arguments).await, absent());
    let found = strict.call("get_memories", json!({})).await;
    assert_eq!(found["memories"], json!([]));
}

#[tokio::test]
async fn a_long_transcript_comes_in_parts() {
    let (server, user) = server().await;
    let db = server.pool().await;
    let id = plant::Conversation::default().put(&db, &user.uid).await;
    sqlx::query(
        "insert into transcript_segments (uid, conversation_id, id, text, speaker, speaker_id, is_user, start_seconds,
                                          end_seconds)
         select $1, $2, gen_random_uuid(), 'Sentence ' || n, 'SPEAKER_00', 0, true, n * 3, n * 3 + 2
         from generate_series(0, 599) n",
    )
    .bind(&user.uid)
    .bind(id)
    .execute(&db)
    .await
    .unwrap();
    let strict = Strict::connect(&server, &user).await;
    let part = async |arguments: Value| {
        let mut arguments = arguments;
        arguments["conversation_id"] = json!(id);
        let found = strict.call("get_conversation_by_id", arguments).await;
        assert_eq!(found["segments_total"], 600);
        let said = texts(&found["conversation"]["transcript_segments"], "text")
            .into_iter()
            .map(str::to_string)
            .collect::<Vec<_>>();
        (
            said,
            found["has_more"] == true,
            found["next_segment_offset"].as_i64(),
        )
    };
    let (said, more, next) = part(json!({})).await;
    assert_eq!(
        (said.len(), said[0].as_str(), more, next),
        (500, "Sentence 0", true, Some(500))
    );
    let (said, more, next) = part(json!({"segment_offset": 500})).await;
    assert_eq!(
        (said.len(), said[0].as_str(), more, next),
        (100, "Sentence 500", false, None)
    );
    let (said, more, next) = part(json!({"segment_offset": 2, "segment_limit": 1})).await;
    assert_eq!(
        (said, more, next),
        (vec!["Sentence 2".to_string()], true, Some(3))
    );
    assert_eq!(part(json!({"segment_limit": 2000})).await.0.len(), 600);
    assert_eq!(
        part(json!({"segment_offset": 601})).await,
        (vec![], false, None)
    );
    for bad in [
        json!({"segment_limit": 0}),
        json!({"segment_limit": 2001}),
        json!({"segment_offset": -1}),
    ] {
        let mut bad = bad;
        bad["conversation_id"] = json!(id);
        assert_eq!(
            strict.refused("get_conversation_by_id", bad).await.0,
            -32602
        );
    }
}

#[tokio::test]
async fn action_items_from_start_to_end() {
    let (server, user) = server().await;
    let strict = Strict::connect(&server, &user).await;
    let descriptions = async |arguments: Value| {
        let found = strict.call("get_action_items", arguments).await;
        texts(&found["action_items"], "description").join(", ")
    };
    let create = async |arguments: Value| {
        let made = strict.call("create_action_item", arguments).await;
        assert_eq!(made["success"], true);
        made["action_item"].clone()
    };
    let milk =
        create(json!({"description": " Buy milk ", "due_at": "2026-02-03T18:00:00+01:00"})).await;
    assert_eq!(
        (&milk["description"], &milk["due_at"], &milk["completed"]),
        (
            &json!("Buy milk"),
            &json!("2026-02-03T17:00:00Z"),
            &json!(false)
        )
    );
    let roof = create(json!({"description": "Mend the roof", "due_at": ""})).await;
    assert_eq!(roof["due_at"], Value::Null);
    assert_eq!(descriptions(json!({})).await, "Buy milk, Mend the roof");
    assert_eq!(
        descriptions(json!({"due_start_date": "2026-02-03", "due_end_date": "2026-02-03"})).await,
        "Buy milk"
    );
    assert_eq!(
        descriptions(json!({"due_end_date": "2026-02-02"})).await,
        ""
    );

    let id = &milk["id"];
    let change = async |tool: &str, arguments: Value| {
        strict.call(tool, arguments).await["action_item"].clone()
    };
    let done = change("complete_action_item", json!({"action_item_id": id})).await;
    assert_eq!(done["completed"], true);
    let again = change("complete_action_item", json!({"action_item_id": id})).await;
    assert_eq!(again["completed_at"], done["completed_at"]);
    assert_eq!(descriptions(json!({"completed": true})).await, "Buy milk");
    assert_eq!(
        descriptions(json!({"completed": false})).await,
        "Mend the roof"
    );
    let open = change(
        "complete_action_item",
        json!({"action_item_id": id, "completed": false}),
    )
    .await;
    assert_eq!(
        (&open["completed"], &open["completed_at"]),
        (&json!(false), &Value::Null)
    );

    let named = change(
        "update_action_item",
        json!({"action_item_id": id, "description": "Buy oat milk"}),
    )
    .await;
    assert_eq!(
        (&named["description"], &named["due_at"]),
        (&json!("Buy oat milk"), &milk["due_at"])
    );
    let undated = change(
        "update_action_item",
        json!({"action_item_id": id, "due_at": "", "completed": true}),
    )
    .await;
    assert_eq!(
        (&undated["due_at"], &undated["completed"]),
        (&Value::Null, &json!(true))
    );

    for (tool, arguments, code) in [
        ("create_action_item", json!({}), -32602),
        ("create_action_item", json!({"description": " "}), -32602),
        (
            "create_action_item",
            json!({"description": "x", "due_at": "soon"}),
            -32602,
        ),
        ("update_action_item", json!({"action_item_id": id}), -32602),
        (
            "update_action_item",
            json!({"action_item_id": id, "description": "x".repeat(501)}),
            -32602,
        ),
        ("complete_action_item", json!({}), -32602),
        ("get_action_items", json!({"completed": "maybe"}), -32602),
        ("get_action_items", json!({"due_end_date": "soon"}), -32602),
    ] {
        assert_eq!(
            strict.refused(tool, arguments.clone()).await.0,
            code,
            "{tool} {arguments}"
        );
    }
    let gone = json!({"action_item_id": id});
    assert_eq!(
        strict.call("delete_action_item", gone.clone()).await,
        json!({"success": true})
    );
    let absent = (-32001, "Action item not found".to_string());
    for tool in ["delete_action_item", "complete_action_item"] {
        assert_eq!(strict.refused(tool, gone.clone()).await, absent, "{tool}");
    }
    assert_eq!(descriptions(json!({})).await, "Mend the roof");
}

#[tokio::test]
async fn goals_are_set_and_followed() {
    let (server, user) = server().await;
    let strict = Strict::connect(&server, &user).await;
    let run = json!({"title": "Run", "target_value": 42.5, "goal_type": "numeric", "unit": "km"});
    let goal = strict.call("create_goal", run).await["goal"].clone();
    assert_eq!(
        (&goal["max_value"], &goal["unit"]),
        (&json!(42.5), &json!("km"))
    );
    let id = &goal["id"];
    let moved = strict
        .call(
            "update_goal_progress",
            json!({"goal_id": id, "current_value": 7}),
        )
        .await;
    assert_eq!(moved["goal"]["current_value"], 7.0);
    let told = server
        .get(
            &format!("/v1/dev/user/goals/{}/history", id.as_str().unwrap()),
            &user.developer_key,
        )
        .await
        .ok();
    assert_eq!(told[0]["value"], 7.0, "the history knows");

    let goals = async |arguments: Value| {
        let found = strict.call("get_goals", arguments).await;
        (
            texts(&found["goals"], "title").join(", "),
            found["has_more"] == true,
        )
    };
    for n in 1..=4 {
        strict
            .call(
                "create_goal",
                json!({"title": format!("Goal {n}"), "target_value": 1}),
            )
            .await;
    }
    let all = "Goal 4, Goal 3, Goal 2, Goal 1, Run".to_string();
    assert_eq!(goals(json!({"include_inactive": true})).await, (all, false));
    let active = goals(json!({})).await.0;
    assert!(
        !active.contains("Run") && active.ends_with("Goal 4"),
        "the oldest made room: {active}"
    );
    let two = goals(json!({"include_inactive": true, "limit": 2})).await;
    assert_eq!(two, ("Goal 4, Goal 3".to_string(), true));

    for (tool, arguments) in [
        ("create_goal", json!({"title": "Run"})),
        ("create_goal", json!({"title": " ", "target_value": 1})),
        (
            "create_goal",
            json!({"title": "x", "target_value": 1, "goal_type": "other"}),
        ),
        ("update_goal_progress", json!({"goal_id": id})),
        (
            "update_goal_progress",
            json!({"goal_id": id, "current_value": "much"}),
        ),
        ("get_goals", json!({"limit": 0})),
    ] {
        assert_eq!(
            strict.refused(tool, arguments.clone()).await.0,
            -32602,
            "{tool} {arguments}"
        );
    }
    let gone = json!({"goal_id": id});
    assert_eq!(
        strict.call("delete_goal", gone.clone()).await,
        json!({"success": true})
    );
    assert_eq!(
        strict.refused("delete_goal", gone).await,
        (-32001, "Goal not found".into())
    );
}

#[tokio::test]
async fn search_looks_through_everything() {
    let (server, user) = server().await;
    let db = server.pool().await;
    let talk = plant::Conversation {
        title: "Boiler",
        ..plant::Conversation::default()
    };
    let talk = talk.put(&db, &user.uid).await;
    plant::segment(
        &db,
        &user.uid,
        talk,
        0,
        true,
        0.0,
        "The boiler leaks again.",
    )
    .await;
    let fact = plant::memory(
        &db,
        &user.uid,
        "The boiler is from 1998",
        "system",
        None,
        None,
    )
    .await;
    let item = plant::ActionItem {
        description: "Call the boiler man",
        ..plant::ActionItem::default()
    };
    let item = item.put(&db, &user.uid).await;
    let strict = Strict::connect(&server, &user).await;
    let kinds = async |arguments: Value| {
        let found = strict.call("search", arguments).await;
        let mut kinds = texts(&found["hits"], "kind")
            .into_iter()
            .map(str::to_string)
            .collect::<Vec<_>>();
        kinds.sort();
        kinds.join(" ")
    };
    assert_eq!(
        kinds(json!({"query": "boiler"})).await,
        "action_item conversation memory segment"
    );
    assert_eq!(
        kinds(json!({"query": "boiler", "kinds": ["memory"]})).await,
        "memory"
    );
    assert_eq!(
        kinds(json!({"query": "boiler", "start_date": "2027-01-01"})).await,
        ""
    );
    assert_eq!(
        kinds(json!({"query": "boiler", "start_date": "2026-01-31", "end_date": "2026-01-31"}))
            .await,
        "action_item conversation memory segment"
    );
    let one = strict
        .call("search", json!({"query": "boiler", "limit": 1}))
        .await;
    assert_eq!(one["hits"].as_array().unwrap().len(), 1);
    let found = strict.call("search", json!({"query": "boiler"})).await;
    let hit = |kind: &str| {
        let hits = found["hits"].as_array().unwrap();
        hits.iter().find(|hit| hit["kind"] == kind).unwrap().clone()
    };
    assert_eq!(hit("memory")["id"], json!(fact));
    assert_eq!(hit("action_item")["id"], json!(item));
    let said = hit("segment");
    assert_eq!(said["conversation_id"], json!(talk));
    assert_eq!(said["segment_ids"].as_array().unwrap().len(), 1);
    assert!(said["text"].as_str().unwrap().contains("leaks"));
    let scores: Vec<_> = found["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["score"].as_f64().unwrap())
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    let timed = strict
        .call("search", json!({"query": "boiler yesterday"}))
        .await;
    assert!(timed["period"]["from"].is_string(), "{timed:#}");
    for arguments in [
        json!({}),
        json!({"query": " "}),
        json!({"query": "x".repeat(501)}),
        json!({"query": "x", "kinds": ["cats"]}),
        json!({"query": "x", "limit": 0}),
        json!({"query": "x", "end_date": "soon"}),
    ] {
        assert_eq!(
            strict.refused("search", arguments.clone()).await.0,
            -32602,
            "{arguments}"
        );
    }
}
