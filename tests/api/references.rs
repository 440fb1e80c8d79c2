//! Ids that stand in a query or in a body: somebody else's does what an absent one does, and nothing of theirs is shown or
//! changed. Ids in paths: tests/api/table.rs.

use std::collections::BTreeSet;

use chrono::Utc;
use omi_server::surfaces::router;
use serde_json::{Value, json};
use uuid::Uuid;

use super::plant;
use crate::support::{
    Server,
    server::{User, client},
};

/// In all that the owner has, and nowhere else.
const SECRET: &str = "xylophone";
/// Where the id goes.
const ID: &str = "{ID}";

/// Names that look like ids of this server, and are none.
const OTHERS: [(&str, &str); 6] = [
    ("calendar_event_id", "the calendar's own"),
    ("apple_reminder_id", "the phone's own"),
    ("google_place_id", "of a place on a map"),
    ("client_session_id", "the device's own"),
    (
        "POST /v1/sync-local-files conversation_id",
        "sound goes with it: tests/listen/uploads.rs",
    ),
    (
        "POST /v2/sync-local-files conversation_id",
        "sound goes with it: tests/listen/uploads.rs",
    ),
];

struct Case {
    /// As its document has it.
    operation: &'static str,
    field: &'static str,
    address: String,
    body: Value,
    /// Each answer has new ids: only the status is compared.
    fresh: bool,
    /// Whose id it is.
    of: Of,
}

enum Of {
    Conversation,
    Segment,
    Folder,
    ActionItem,
    Staged,
    Person,
    Message,
    App,
    Session,
}

fn case(operation: &'static str, field: &'static str, of: Of) -> Case {
    let path = operation.split_once(' ').unwrap().1;
    Case {
        operation,
        field,
        address: format!("{path}?{field}={ID}"),
        body: Value::Null,
        fresh: false,
        of,
    }
}

impl Case {
    fn at(self, address: impl Into<String>) -> Self {
        let address = address.into();
        Self { address, ..self }
    }

    fn with(self, body: Value) -> Self {
        let address = self.address.split('?').next().unwrap().to_string();
        Self {
            address,
            body,
            ..self
        }
    }

    fn fresh(self) -> Self {
        Self {
            fresh: true,
            ..self
        }
    }
}

/// `talk` is the asker's own conversation, `segment` one of it, `folder` a folder of theirs.
fn cases(talk: &str, folder: &str) -> Vec<Case> {
    let of_talk = |rest: &str| format!("/v1/conversations/{talk}/{rest}");
    vec![
        case("GET /v1/conversations", "folder_id", Of::Folder),
        case("GET /v1/search", "folder_id", Of::Folder)
            .at(format!("/v1/search?q={SECRET}&folder_id={ID}")),
        case("GET /v1/search", "person_id", Of::Person)
            .at(format!("/v1/search?q={SECRET}&person_id={ID}")),
        case("GET /v1/action-items", "conversation_id", Of::Conversation),
        case(
            "GET /v1/tools/action-items",
            "conversation_id",
            Of::Conversation,
        ),
        case("POST /v1/action-items", "conversation_id", Of::Conversation)
            .with(json!({"description": "Mine", "conversation_id": ID}))
            .fresh(),
        case(
            "POST /v1/action-items/batch",
            "conversation_id",
            Of::Conversation,
        )
        .with(json!([{"description": "Mine too", "conversation_id": ID}]))
        .fresh(),
        case("POST /v1/action-items/share", "task_ids", Of::ActionItem)
            .with(json!({"task_ids": [ID]})),
        case("PATCH /v1/action-items/batch", "id", Of::ActionItem)
            .with(json!({"items": [{"id": ID, "sort_order": 9, "indent_level": 1}]})),
        case("PATCH /v1/action-items/sync-batch", "id", Of::ActionItem)
            .with(json!({"items": [{"id": ID, "completed": true, "description": "changed"}]})),
        case("PATCH /v1/staged-tasks/batch-scores", "id", Of::Staged)
            .with(json!({"scores": [{"id": ID, "relevance_score": 9}]})),
        case(
            "POST /v1/conversations/merge",
            "conversation_ids",
            Of::Conversation,
        )
        .with(json!({"conversation_ids": [talk, ID]})),
        case(
            "POST /v1/folders/{id}/conversations/bulk-move",
            "conversation_ids",
            Of::Conversation,
        )
        .at(format!("/v1/folders/{folder}/conversations/bulk-move"))
        .with(json!({"conversation_ids": [talk, ID]})),
        case(
            "PATCH /v1/conversations/{id}/folder",
            "folder_id",
            Of::Folder,
        )
        .at(of_talk("folder"))
        .with(json!({"folder_id": ID})),
        case("POST /v1/folders/reorder", "folder_ids", Of::Folder)
            .with(json!({"folder_ids": [folder, ID]})),
        case("DELETE /v1/folders/{id}", "move_to_folder_id", Of::Folder)
            .at(format!("/v1/folders/{folder}?move_to_folder_id={ID}")),
        case(
            "PATCH /v1/conversations/{id}/segments/text",
            "segment_id",
            Of::Segment,
        )
        .at(of_talk("segments/text"))
        .with(json!({"segment_id": ID, "text": "changed"})),
        case(
            "PATCH /v1/conversations/{id}/segments/assign-bulk",
            "segment_ids",
            Of::Segment,
        )
        .at(of_talk("segments/assign-bulk"))
        .with(json!({"segment_ids": [ID], "assign_type": "is_user", "value": "true"})),
        // Whether a person is there does not matter, and they are not named by it.
        case(
            "PATCH /v1/conversations/{id}/segments/{segment_idx}/assign",
            "value",
            Of::Person,
        )
        .at(of_talk(&format!(
            "segments/0/assign?assign_type=person_id&value={ID}"
        ))),
        case("GET /v1/conversations/{id}/shared", "person_id", Of::Person)
            .at(of_talk("shared"))
            .fresh(),
        case("PATCH /v1/conversations/{id}/summary", "app_id", Of::App)
            .at(of_talk("summary"))
            .with(json!({"app_id": ID, "content": "changed"})),
        case("POST /v1/apps/enable", "app_id", Of::App),
        case("POST /v1/apps/disable", "app_id", Of::App),
        case("PUT /v1/users/preferences/app", "app_id", Of::App),
        case(
            "GET /v1/users/analytics/memory_summary",
            "memory_id",
            Of::Conversation,
        ),
        case(
            "POST /v1/users/analytics/memory_summary",
            "memory_id",
            Of::Conversation,
        )
        .at(format!(
            "/v1/users/analytics/memory_summary?value=1&memory_id={ID}"
        )),
        case(
            "POST /v1/users/analytics/chat_message",
            "message_id",
            Of::Message,
        )
        .at(format!(
            "/v1/users/analytics/chat_message?value=1&message_id={ID}"
        )),
        case("POST /v2/messages", "app_id", Of::App)
            .with(json!({"text": "Hello?"}))
            .at(format!("/v2/messages?app_id={ID}"))
            .fresh(),
        case("POST /v2/messages", "plugin_id", Of::App)
            .with(json!({"text": "Hello?"}))
            .at(format!("/v2/messages?plugin_id={ID}"))
            .fresh(),
        case("POST /v2/messages", "id", Of::Conversation)
            .with(json!({"text": "What is it?", "context": {"type": "conversation", "id": ID}}))
            .fresh(),
        case("POST /v2/messages", "file_ids", Of::Message)
            .with(json!({"text": "What is it?", "file_ids": [ID]}))
            .fresh(),
        case("GET /v2/messages", "app_id", Of::App).fresh(),
        case("GET /v2/messages", "plugin_id", Of::App).fresh(),
        case("DELETE /v2/messages", "app_id", Of::App).fresh(),
        case("DELETE /v2/messages", "plugin_id", Of::App).fresh(),
        case("POST /v2/initial-message", "app_id", Of::App).fresh(),
        case("POST /v2/initial-message", "plugin_id", Of::App).fresh(),
        case("POST /v2/messages/share", "message_ids", Of::Message)
            .with(json!({"message_ids": [ID]})),
        case("GET /v2/desktop/messages", "session_id", Of::Session),
        case("DELETE /v2/desktop/messages", "session_id", Of::Session),
        case("POST /v2/desktop/messages", "session_id", Of::Session)
            .with(json!({"text": "Mine", "sender": "human", "session_id": ID}))
            .fresh(),
        case("GET /v2/desktop/messages", "app_id", Of::App).fresh(),
        case("DELETE /v2/desktop/messages", "app_id", Of::App).fresh(),
        case("POST /v2/desktop/messages", "app_id", Of::App)
            .with(json!({"text": "Mine", "sender": "human", "app_id": ID}))
            .fresh(),
        case("GET /v2/desktop/messages", "plugin_id", Of::App).fresh(),
        case("DELETE /v2/desktop/messages", "plugin_id", Of::App).fresh(),
        case("GET /v2/chat-sessions", "plugin_id", Of::App).fresh(),
        case("POST /v2/chat-sessions", "app_id", Of::App)
            .with(json!({"app_id": ID}))
            .fresh(),
        case("GET /v2/chat-sessions", "app_id", Of::App).fresh(),
        case("POST /v2/chat/initial-message", "session_id", Of::Session)
            .with(json!({"session_id": ID})),
        case("POST /v2/chat/initial-message", "app_id", Of::App)
            .with(json!({"session_id": ID, "app_id": ID})),
        case("POST /v2/chat/generate-title", "session_id", Of::Session)
            .with(json!({"session_id": ID, "messages": [{"text": "x", "sender": "human"}]})),
        case("GET /v3/speech-profile/expand", "person_id", Of::Person),
        case(
            "DELETE /v3/speech-profile/expand",
            "memory_id",
            Of::Conversation,
        )
        .at(format!(
            "/v3/speech-profile/expand?segment_idx=0&memory_id={ID}"
        )),
        case("DELETE /v3/speech-profile/expand", "person_id", Of::Person).at(format!(
            "/v3/speech-profile/expand?segment_idx=0&memory_id={talk}&person_id={ID}"
        )),
        case(
            "POST /v1/tools/action-items",
            "conversation_id",
            Of::Conversation,
        )
        .with(json!({"description": "Mine as well", "conversation_id": ID}))
        .fresh(),
    ]
}

/// Of the user API.
fn document() -> Value {
    let documents = router::documents();
    let (_, document) = documents.iter().find(|(name, _)| *name == "user").unwrap();
    serde_json::to_value(document).unwrap()
}

/// `METHOD path` of all that is documented.
fn operations() -> BTreeSet<String> {
    let document = document();
    let mut found = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            found.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    found
}

/// `METHOD path field` of each query parameter and each field of a body that holds an id by its name.
fn fields() -> BTreeSet<String> {
    let document = document();
    let mut found = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let mut names = BTreeSet::new();
            let parameters = operation["parameters"].as_array();
            for parameter in parameters.into_iter().flatten() {
                if parameter["in"] == "query" {
                    names.insert(parameter["name"].as_str().unwrap().to_string());
                }
            }
            let body = &operation["requestBody"]["content"];
            collect(&document, body, &mut names, 0);
            let ids = names
                .iter()
                .filter(|name| *name == "id" || name.ends_with("_id") || name.ends_with("_ids"));
            found.extend(ids.map(|name| format!("{} {path} {name}", method.to_uppercase())));
        }
    }
    found
}

/// Names of all fields below a schema.
fn collect(document: &Value, schema: &Value, names: &mut BTreeSet<String>, depth: usize) {
    assert!(depth < 50, "a schema that holds itself");
    if let Some(name) = schema["$ref"].as_str() {
        let place = name.trim_start_matches('#');
        collect(document, document.pointer(place).unwrap(), names, depth + 1);
    }
    if let Some(properties) = schema["properties"].as_object() {
        names.extend(properties.keys().cloned());
    }
    match schema {
        Value::Object(inside) => inside
            .values()
            .for_each(|value| collect(document, value, names, depth + 1)),
        Value::Array(inside) => inside
            .iter()
            .for_each(|value| collect(document, value, names, depth + 1)),
        _ => {}
    }
}

#[test]
fn each_id_in_a_query_or_a_body_has_its_case() {
    let tested: BTreeSet<_> = cases("", "")
        .iter()
        .map(|case| format!("{} {}", case.operation, case.field))
        .collect();
    let mut missing = fields();
    assert!(missing.len() > 20, "{missing:#?}");
    missing.retain(|field| {
        let other =
            |(name, _): &(&str, &str)| field == name || field.ends_with(&format!(" {name}"));
        !tested.contains(field) && !OTHERS.iter().any(other)
    });
    assert!(
        missing.is_empty(),
        "add a case, or say what else it is: {missing:#?}"
    );
}

/// Status and body, with the id as `{ID}`.
async fn told(server: &Server, asker: &User, case: &Case, id: &str) -> (u16, String) {
    let method = case.operation.split(' ').next().unwrap();
    let address = case.address.replace(ID, id);
    let mut request = client()
        .request(method.parse().unwrap(), format!("{}{address}", server.url))
        .bearer_auth(&asker.token);
    if !case.body.is_null() {
        let body = case.body.to_string().replace(ID, id);
        request = request
            .header("content-type", "application/json")
            .body(body);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, text.replace(id, ID))
}

struct Planted {
    conversation: Uuid,
    segment: Uuid,
    item: Uuid,
    message: Uuid,
    staged: String,
    person: String,
    app: String,
    /// Empty while there are no sessions.
    session: String,
}

/// Something of each kind, with a word that is nowhere else.
async fn plant_all(server: &Server, owner: &User, email: &str) -> Planted {
    let db = server.pool().await;
    let uid = &owner.uid;
    let planted = plant::Conversation {
        title: SECRET,
        folder_id: Some("theirs"),
        ..plant::Conversation::default()
    };
    let conversation = planted.put(&db, uid).await;
    plant::segment(&db, uid, conversation, 0, true, 0.0, SECRET).await;
    let segment = sqlx::query_scalar("select id from transcript_segments where uid = $1");
    let segment = segment.bind(uid).fetch_one(&db).await.unwrap();
    let folder = plant::Folder {
        id: "theirs",
        name: SECRET,
        ..plant::Folder::default()
    };
    folder.put(&db, uid).await;
    let item = plant::ActionItem {
        description: SECRET,
        conversation_id: Some(conversation),
        ..plant::ActionItem::default()
    };
    let item = item.put(&db, uid).await;
    plant::memory(&db, uid, SECRET, "system", Some(conversation), None).await;
    let message = Uuid::now_v7();
    let statement =
        "insert into messages (uid, id, app_id, sender, type, text, memories_id, created_at)
                     values ($1, $2, '', 'ai', 'text', $3, '{}', $4)";
    let row = sqlx::query(statement)
        .bind(uid)
        .bind(message)
        .bind(SECRET)
        .bind(Utc::now());
    row.execute(&db).await.unwrap();
    let keep = async |path: &str, body: Value| {
        let kept = server.post(path, &owner.token, body).await;
        kept.body["id"].as_str().unwrap_or_default().to_string()
    };
    let app = [
        "app",
        "create",
        "--email",
        email,
        "--name",
        SECRET,
        "--private",
    ];
    Planted {
        conversation,
        segment,
        item,
        message,
        staged: keep("/v1/staged-tasks", json!({"description": SECRET})).await,
        person: keep("/v1/users/people", json!({"name": SECRET})).await,
        app: server.cli(&app).await,
        session: keep("/v2/chat-sessions", json!({"title": SECRET})).await,
    }
}

/// All that the app shows of the owner.
async fn owned(server: &Server, owner: &User, planted: &Planted) -> Vec<Value> {
    let conversation = planted.conversation;
    let mut shown = Vec::new();
    for path in [
        format!("/v1/conversations/{conversation}"),
        format!("/v1/conversations/{conversation}/action-items"),
        format!("/v1/users/analytics/memory_summary?memory_id={conversation}"),
        "/v1/action-items?limit=500".into(),
        "/v1/folders".into(),
        "/v1/users/people".into(),
        "/v1/staged-tasks".into(),
        "/v3/memories".into(),
        "/v2/messages".into(),
        "/v1/apps/enabled".into(),
    ] {
        shown.push(server.get(&path, &owner.token).await.ok());
    }
    if !planted.session.is_empty() {
        for path in [
            "/v2/chat-sessions".to_string(),
            format!("/v2/desktop/messages?session_id={}", planted.session),
        ] {
            shown.push(server.get(&path, &owner.token).await.ok());
        }
    }
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn anothers_id_in_a_query_or_a_body_does_what_an_absent_one_does() {
    let server = Server::unguarded().await;
    let owner = server.user("ann@example.org").await;
    let asker = server.user("ben@example.org").await;
    let planted = plant_all(&server, &owner, "ann@example.org").await;
    let db = server.pool().await;
    let talk = plant::Conversation::default().put(&db, &asker.uid).await;
    plant::segment(&db, &asker.uid, talk, 0, false, 0.0, "We saw a heron.").await;
    let shared = format!("/v1/conversations/{talk}/visibility?value=shared");
    let shared = server.send(reqwest::Method::PATCH, &shared, Some(&asker.token), None);
    shared.await.ok();
    let folder = server
        .post("/v1/folders", &asker.token, json!({"name": "Mine"}))
        .await
        .ok();
    let before = owned(&server, &owner, &planted).await;
    let known = operations();
    let (mut tried, mut faults) = (0, Vec::new());
    for case in cases(&talk.to_string(), folder["id"].as_str().unwrap()) {
        let existing = match case.of {
            Of::Conversation => planted.conversation.to_string(),
            Of::Segment => planted.segment.to_string(),
            Of::Folder => "theirs".into(),
            Of::ActionItem => planted.item.to_string(),
            Of::Message => planted.message.to_string(),
            Of::Staged => planted.staged.clone(),
            Of::Person => planted.person.clone(),
            Of::App => planted.app.clone(),
            Of::Session => planted.session.clone(),
        };
        if !known.contains(case.operation) {
            continue;
        }
        assert_ne!(existing, "", "{}", case.operation);
        let what = format!("{} {}", case.operation, case.field);
        let absent = told(&server, &asker, &case, &Uuid::new_v4().to_string()).await;
        let theirs = told(&server, &asker, &case, &existing).await;
        if absent.0 >= 500 || absent.0 == 422 {
            faults.push(format!("{what} is no request: {absent:?}"));
        }
        if theirs.0 != absent.0 || !case.fresh && theirs != absent {
            faults.push(format!("{what}: {theirs:?} and not {absent:?}"));
        }
        // What the asker asked for may come back; what the owner has may not.
        let echoed = case.address.contains(SECRET);
        if !echoed && theirs.1.contains(SECRET) {
            faults.push(format!("{what} tells: {theirs:?}"));
        }
        tried += 1;
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(tried > 30, "{tried}");
    assert_eq!(owned(&server, &owner, &planted).await, before);
    // The case of two ids in a path: one's own app, and another's key to it.
    let app = [
        "app",
        "create",
        "--email",
        "ben@example.org",
        "--name",
        "Own",
    ];
    let app = server.cli(&app).await;
    let theirs = format!("/v1/apps/{}/keys", planted.app);
    let key = server.post(&theirs, &owner.token, json!({})).await.ok();
    let path = format!("/v1/apps/{app}/keys/{}", key["id"].as_str().unwrap());
    let deleted = server.send(reqwest::Method::DELETE, &path, Some(&asker.token), None);
    deleted.await.ok();
    let keys = server.get(&theirs, &owner.token).await.ok();
    assert_eq!(keys[0]["id"], key["id"], "it is still there");
}
