//! What the tools say of themselves and answer, and that each answer keeps to the schema that the tool promises.

use std::collections::BTreeMap;

use chrono::{Duration, Utc};
use omi_server::features::{conversations, memories};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Assistant;
use crate::{
    api::plant::{self, at},
    support::{Server, server::User},
};

/// A server and a user.
pub async fn server() -> (Server, User) {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    (server, user)
}

/// An assistant that holds the server to its schemas.
pub struct Strict<'a> {
    assistant: Assistant<'a>,
    tools: BTreeMap<String, Value>,
}

impl<'a> Strict<'a> {
    pub async fn connect(server: &'a Server, user: &User) -> Self {
        let assistant = Assistant::connect(server, &user.mcp_key).await;
        let listed = assistant.ask("tools/list", json!({})).await;
        let tools = listed["result"]["tools"].as_array().unwrap();
        let named = |tool: &Value| (tool["name"].as_str().unwrap().to_string(), tool.clone());
        Self {
            tools: tools.iter().map(named).collect(),
            assistant,
        }
    }

    fn check(&self, tool: &str, schema: &str, value: &Value) {
        let schema = &self.tools[tool][schema];
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(schema)
            .unwrap();
        let wrong: Vec<_> = validator
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{tool}: {wrong:#?}\n{value:#}");
    }

    pub async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.check(tool, "inputSchema", &arguments);
        let answer = self.assistant.call(tool, arguments).await;
        self.check(tool, "outputSchema", &answer);
        answer
    }

    /// Code and sentence of an error.
    pub async fn refused(&self, tool: &str, arguments: Value) -> (i64, String) {
        let error = self.assistant.refusal(tool, arguments).await;
        let sentence = error["message"].as_str().unwrap().to_string();
        (error["code"].as_i64().unwrap(), sentence)
    }
}

/// The texts under `name` of all in a list.
pub fn texts<'a>(list: &'a Value, name: &str) -> Vec<&'a str> {
    let list = list.as_array().unwrap();
    list.iter().map(|one| one[name].as_str().unwrap()).collect()
}

/// Each object of a schema, wherever it stands.
fn walk(schema: &Value, see: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match schema {
        Value::Object(object) => {
            see(object);
            object.values().for_each(|inner| walk(inner, see));
        }
        Value::Array(list) => list.iter().for_each(|inner| walk(inner, see)),
        _ => {}
    }
}

#[tokio::test]
async fn each_tool_describes_itself() {
    let (server, user) = server().await;
    let strict = Strict::connect(&server, &user).await;
    let listed: Vec<_> = strict.tools.values().cloned().collect();
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("tools", listed, {"[].outputSchema" => "[checked by the answers]"})
    });
    for (name, tool) in &strict.tools {
        let about = &tool["annotations"];
        assert_eq!(about["title"], tool["title"], "{name}");
        assert!(tool["title"].is_string(), "{name}");
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint"] {
            assert!(about[hint].is_boolean(), "{name} does not say its {hint}");
        }
        assert_eq!(about["openWorldHint"], false, "{name}");
        let reads = ["get_", "search"]
            .iter()
            .any(|start| name.starts_with(start));
        assert_eq!(about["readOnlyHint"], reads, "{name}");
        for schema in ["inputSchema", "outputSchema"] {
            let schema = &tool[schema];
            assert_eq!(schema["type"], "object", "{name}");
            jsonschema::draft202012::meta::validate(schema).unwrap();
            walk(schema, &mut |object| {
                assert!(!object.contains_key("$ref"), "{name}: {object:?}");
                // Not every client knows a list of types, or a default that is null.
                assert!(
                    !matches!(object.get("type"), Some(Value::Array(_))),
                    "{name}: {object:?}"
                );
                assert_ne!(
                    object.get("default"),
                    Some(&Value::Null),
                    "{name}: {object:?}"
                );
                if let Some(Value::String(format)) = object.get("format") {
                    let known = ["date", "date-time", "uuid"].contains(&format.as_str());
                    assert!(known, "{name}: {format} is no format of JSON Schema");
                }
            });
        }
        for (field, schema) in tool["inputSchema"]["properties"].as_object().unwrap() {
            let told = schema["description"].as_str().unwrap_or_default();
            assert!(!told.is_empty(), "{name} does not say what {field} is");
        }
    }
    let items = |tool: &str| strict.tools[tool]["inputSchema"]["properties"]["categories"].clone();
    assert_eq!(
        items("get_memories")["items"]["enum"],
        json!(memories::CATEGORIES)
    );
    assert_eq!(
        items("get_conversations")["items"]["enum"],
        json!(conversations::CATEGORIES.as_slice())
    );
}

#[tokio::test]
async fn lists_come_in_parts_and_say_so() {
    let (server, user) = server().await;
    let db = server.pool().await;
    let days = [
        "2026-01-01",
        "2026-01-02",
        "2026-01-03",
        "2026-01-04",
        "2026-01-05",
    ];
    for (n, day) in days.into_iter().enumerate() {
        let created_at = at(&format!("{day}T09:00:00Z"));
        let talk = plant::Conversation {
            created_at,
            ..plant::Conversation::default()
        };
        talk.put(&db, &user.uid).await;
        let item = plant::ActionItem {
            created_at,
            ..plant::ActionItem::default()
        };
        item.put(&db, &user.uid).await;
        plant::memory(&db, &user.uid, &format!("Fact {n}"), "system", None, None).await;
        plant::daily_summary(&db, &user.uid, day).await;
    }
    let strict = Strict::connect(&server, &user).await;
    for (tool, list) in [
        ("get_memories", "memories"),
        ("get_conversations", "conversations"),
        ("get_action_items", "action_items"),
        ("get_daily_summaries", "daily_summaries"),
    ] {
        let whole = strict.call(tool, json!({})).await;
        assert_eq!(whole[list].as_array().unwrap().len(), 5, "{tool}");
        assert_eq!(
            (&whole["has_more"], &whole["next_offset"]),
            (&json!(false), &json!(null)),
            "{tool}"
        );
        let mut all = Vec::new();
        let mut offset = json!(0);
        for left in [true, true, false] {
            let part = strict
                .call(tool, json!({"limit": 2, "offset": offset}))
                .await;
            all.extend(part[list].as_array().unwrap().clone());
            assert_eq!(part["has_more"], left, "{tool} {part:#}");
            assert_eq!(part["next_offset"].is_i64(), left, "{tool} {part:#}");
            offset = part["next_offset"].clone();
        }
        let ids = |list: &Value| {
            let mut ids: Vec<_> = texts(list, "id").into_iter().map(str::to_string).collect();
            ids.sort();
            ids
        };
        assert_eq!(ids(&json!(all)), ids(&whole[list]), "{tool}");
        for bad in [
            json!({"limit": 0}),
            json!({"limit": 501}),
            json!({"offset": -1}),
        ] {
            assert_eq!(strict.refused(tool, bad).await.0, -32602, "{tool}");
        }
    }
    let of = async |start: &str, end: &str| {
        let days = json!({"start_date": start, "end_date": end});
        let found = strict.call("get_daily_summaries", days).await;
        texts(&found["daily_summaries"], "date").join(" ")
    };
    assert_eq!(of("2026-01-02", "2026-01-02").await, "2026-01-02");
    assert_eq!(of("2026-01-04", "").await, "2026-01-05 2026-01-04");
    assert_eq!(of("", "2026-01-02").await, "2026-01-02 2026-01-01");
    assert_eq!(of("2026-02-01", "").await, "");
    let wrong = strict
        .refused("get_daily_summaries", json!({"start_date": "soon"}))
        .await;
    assert_eq!(wrong.0, -32602);
}

#[tokio::test]
async fn nobody_reaches_anothers_things() {
    let (server, ann) = server().await;
    let db = server.pool().await;
    let goal = "goal_0123456789ab";
    plant::goal(&db, &ann.uid, goal).await;
    let talk = plant::Conversation::default().put(&db, &ann.uid).await;
    plant::segment(&db, &ann.uid, talk, 0, true, 0.0, "Planted words.").await;
    let memory = plant::memory(&db, &ann.uid, "Planted", "system", None, None).await;
    let item = plant::ActionItem::default().put(&db, &ann.uid).await;
    plant::daily_summary(&db, &ann.uid, "2026-01-31").await;
    let ben = server.user("ben@example.org").await;
    let own = Strict::connect(&server, &ann).await;
    let other = Strict::connect(&server, &ben).await;
    let reads = [
        ("get_memories", json!({})),
        ("get_conversations", json!({})),
        ("get_action_items", json!({})),
        ("get_goals", json!({"include_inactive": true})),
        ("get_daily_summaries", json!({})),
        ("search", json!({"query": "planted"})),
        ("search_memories", json!({"query": "planted"})),
        ("search_conversations", json!({"query": "planted"})),
    ];
    let list = |answer: &Value| {
        let members = answer.as_object().unwrap().values();
        members
            .filter_map(Value::as_array)
            .map(Vec::len)
            .sum::<usize>()
    };
    let before = async || {
        let mut all = Vec::new();
        for (tool, arguments) in reads.clone() {
            all.push(own.call(tool, arguments).await);
        }
        all.push(
            own.call("get_conversation_by_id", json!({"conversation_id": talk}))
                .await,
        );
        all
    };
    let seen = before().await;
    for ((tool, arguments), seen) in reads.clone().into_iter().zip(&seen) {
        assert!(list(seen) > 0, "{tool} shows the owner nothing");
        assert_eq!(list(&other.call(tool, arguments).await), 0, "{tool}");
    }
    for (tool, name, id, more) in [
        (
            "edit_memory",
            "memory_id",
            json!(memory),
            json!({"content": "changed"}),
        ),
        ("delete_memory", "memory_id", json!(memory), json!({})),
        (
            "get_conversation_by_id",
            "conversation_id",
            json!(talk),
            json!({}),
        ),
        (
            "update_action_item",
            "action_item_id",
            json!(item),
            json!({"description": "changed"}),
        ),
        (
            "complete_action_item",
            "action_item_id",
            json!(item),
            json!({}),
        ),
        (
            "delete_action_item",
            "action_item_id",
            json!(item),
            json!({}),
        ),
        (
            "update_goal_progress",
            "goal_id",
            json!(goal),
            json!({"current_value": 1}),
        ),
        ("delete_goal", "goal_id", json!(goal), json!({})),
    ] {
        let with = |id: Value| {
            let mut arguments = more.clone();
            arguments[name] = id;
            arguments
        };
        let absent = other.refused(tool, with(json!(Uuid::new_v4()))).await;
        assert_eq!(absent.0, -32001, "{tool}: {}", absent.1);
        for id in [
            id,
            json!("no-uuid"),
            json!("\u{0}"),
            json!("goal_ffffffffffff"),
        ] {
            assert_eq!(
                other.refused(tool, with(id.clone())).await,
                absent,
                "{tool} {id}"
            );
        }
    }
    assert_eq!(before().await, seen, "nothing has changed");
}

#[tokio::test]
async fn what_is_made_by_tools_shows_on_other_doors() {
    let (server, user) = server().await;
    let strict = Strict::connect(&server, &user).await;
    let due = (Utc::now() + Duration::days(2)).date_naive().to_string();
    let item = strict
        .call(
            "create_action_item",
            json!({"description": "Buy milk", "due_at": due}),
        )
        .await;
    let goal = strict
        .call("create_goal", json!({"title": "Read", "target_value": 12}))
        .await;
    let memory = strict
        .call("create_memory", json!({"content": "User likes tea"}))
        .await;
    let list = async |noun: &str| {
        let path = format!("/v1/dev/user/{noun}");
        server.get(&path, &user.developer_key).await.ok()[0].clone()
    };
    assert_eq!(list("action-items").await, item["action_item"]);
    assert_eq!(list("goals").await, goal["goal"]);
    assert_eq!(list("memories").await, memory["memory"]);
}
