//! The published omi-mcp, whose tools stand on the Developer API.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
};

use crate::support::{Server, clients};

struct Tools {
    names: Vec<String>,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _child: Child,
    _home: tempfile::TempDir,
}

impl Tools {
    async fn start(server: &Server, key: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut child = clients::python("omi_mcp_tools.py", home.path())
            .arg(&server.url)
            .env("OMI_API_KEY", key)
            .env("FASTMCP_LOG_LEVEL", "CRITICAL")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let names = output.next_line().await.unwrap().expect("it did not start");
        Self {
            names: serde_json::from_str(&names).unwrap(),
            input: child.stdin.take().unwrap(),
            output,
            _child: child,
            _home: home,
        }
    }

    async fn answer(&mut self, tool: &str, arguments: Value) -> Value {
        assert!(self.names.iter().any(|name| name == tool), "{tool}");
        let line = format!("{}\n", json!({"tool": tool, "arguments": arguments}));
        self.input.write_all(line.as_bytes()).await.unwrap();
        let answer = self.output.next_line().await.unwrap().expect("it ended");
        serde_json::from_str(&answer).unwrap()
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.answer(tool, arguments).await;
        assert!(answer.get("error").is_none(), "{tool}: {answer}");
        answer["data"].clone()
    }

    async fn refused(&mut self, tool: &str, arguments: Value, with: &str) {
        let answer = self.answer(tool, arguments).await;
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.contains(with), "{tool}: {answer}");
    }
}

#[track_caller]
fn id(of: &Value) -> &str {
    of["id"].as_str().unwrap()
}

#[tokio::test]
async fn its_tools_do_their_work() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let mut tools = Tools::start(&server, &user.developer_key).await;
    assert_eq!(tools.names.len(), 20, "{:?}", tools.names);

    let memory = tools.call("create_memory", json!({"content": "x"})).await;
    let arguments = json!({"memory_id": id(&memory), "content": "y"});
    let updated = tools.call("update_memory", arguments).await;
    assert_eq!(updated["content"], "y");
    // Its addresses and names differ from the documents' in places; they are understood all the same.
    let batch = json!({"contents": ["a", "b"]});
    let batch = tools.call("create_memories_batch", batch).await;
    assert_eq!(batch["created_count"], 2);
    let memories = tools.call("get_memories", json!({"limit": 10})).await;
    assert_eq!(memories["total"], 3, "{memories}");
    let arguments = json!({"memory_id": id(&memory)});
    let deleted = tools.call("delete_memory", arguments.clone()).await;
    assert_eq!(deleted["success"], true);
    tools.refused("delete_memory", arguments, "404").await;

    let text = json!({"text": "We agreed that Bob ships on Friday."});
    let created = tools.call("create_conversation", text).await;
    let segments = json!({"segments": [{"text": "Hello there, Bob.", "start": 0, "end": 2}]});
    let spoken = tools
        .call("create_conversation_from_segments", segments)
        .await;
    let found = tools.call("get_conversations", json!({})).await;
    let items = found["items"].as_array().unwrap();
    assert!(
        items.iter().any(|one| one["id"] == created["id"]),
        "{found}"
    );
    let arguments = json!({"conversation_id": id(&spoken), "transcript": true});
    let found = tools.call("get_conversation", arguments).await;
    assert_eq!(found["transcript_segments"][0]["text"], "Hello there, Bob.");
    let arguments = json!({"conversation_id": id(&created), "title": "Shipping"});
    let updated = tools.call("update_conversation", arguments).await;
    assert_eq!(updated["structured"]["title"], "Shipping");
    let arguments = json!({"conversation_id": id(&created)});
    let deleted = tools.call("delete_conversation", arguments).await;
    assert_eq!(deleted["success"], true);
    let folders = tools.call("get_folders", json!({})).await;
    let names: Vec<_> = folders["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["Work", "Personal", "Social"]);

    let due = "2026-12-01T10:00:00";
    let arguments = json!({"content": "buy milk", "due_date": due});
    let item = tools.call("create_action_item", arguments).await;
    assert_eq!(item["description"], "buy milk");
    assert_eq!(item["due_at"], "2026-12-01T10:00:00Z");
    let items = json!({"items": [{"content": "pay rent"}, {"content": "post the letter", "due_date": due}]});
    let batch = tools.call("create_action_items_batch", items).await;
    assert_eq!(batch["created_count"], 2);
    let arguments =
        json!({"action_item_id": id(&item), "content": "buy oat milk", "completed": true});
    let updated = tools.call("update_action_item", arguments).await;
    assert_eq!(updated["description"], "buy oat milk");
    assert!(updated["completed_at"].is_string(), "{updated}");
    let arguments = json!({"action_item_id": id(&item)});
    let deleted = tools.call("delete_action_item", arguments).await;
    assert_eq!(deleted["success"], true);
    let items = tools.call("get_action_items", json!({"limit": 5})).await;
    let descriptions = items["items"].as_array().unwrap().iter();
    let descriptions: Vec<_> = descriptions.map(|one| &one["description"]).collect();
    assert!(descriptions.contains(&&json!("pay rent")), "{items}");
    assert!(!descriptions.contains(&&json!("buy oat milk")), "{items}");

    // A key cannot make keys at an address that nobody documents.
    tools.refused("get_api_keys", json!({}), "404").await;
    tools
        .refused("create_api_key", json!({"name": "more"}), "404")
        .await;
    tools
        .refused("revoke_api_key", json!({"api_key_id": "x"}), "404")
        .await;
}
