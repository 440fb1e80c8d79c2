//! What becomes of a conversation, with a scripted language model and without one.

mod crash;
mod facts;
mod failures;
mod hostile;
mod limits;
mod merge;
mod names;
mod real_model;
mod recorded;
mod steps;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Server, ServerOptions,
    peer::{Peer, Script},
    server::User,
};

pub const CONVERSATIONS: &str = "/v1/dev/user/conversations";

/// A server that asks a model.
pub async fn server_asking(peer: &Peer) -> Server {
    server_with(peer, &[]).await
}

/// The same with more settings.
pub async fn server_with(peer: &Peer, more: &[(&'static str, &str)]) -> Server {
    let mut env = peer.settings();
    env.extend(more.iter().map(|(name, value)| (*name, value.to_string())));
    Server::start_with(ServerOptions {
        deaf: true,
        env,
        ..ServerOptions::default()
    })
    .await
}

/// What a model answers that finds nothing.
pub fn nothing(task: &str) -> Script {
    Script::json(match task {
        "discard" => json!({"discard": false}),
        "structure" => {
            json!({"title": "Some Talk", "overview": "They talked for a while.", "emoji": "🗣️", "category": "social",
            "events": []})
        }
        "find_action_items" => json!({"action_items": []}),
        "choose_folder" => json!({"folder": 0, "confidence": 0.9}),
        "track_goals" => json!({"goals": []}),
        "resolve_memory" => json!({"action": "keep_both"}),
        _ => json!({"facts": []}),
    })
}

/// A transcript with two speakers, of whom the first is the user.
pub fn transcript(lines: &[&str]) -> Value {
    let segments: Vec<_> = lines
        .iter()
        .enumerate()
        .map(|(at, text)| {
            json!({"text": text, "speaker": format!("SPEAKER_0{}", at % 2), "is_user": at % 2 == 0,
                "start": at as f64 * 10.0, "end": at as f64 * 10.0 + 9.0})
        })
        .collect();
    json!({"transcript_segments": segments, "source": "omi", "language": "en"})
}

/// Brings a conversation; answers its id once its steps are over.
pub async fn bring(server: &Server, user: &User, path: &str, body: Value) -> String {
    let made = server.post(path, &user.developer_key, body).await.ok();
    let id = made["id"].as_str().unwrap().to_string();
    settled(server, user, &id, Duration::from_secs(60)).await;
    id
}

/// The steps of a conversation, once all are over.
pub async fn settled(server: &Server, user: &User, id: &str, patience: Duration) -> Vec<Value> {
    let path = format!("/v1/conversations/{id}/processing");
    let found = server
        .wait_for(&path, &user.token, patience, |found| {
            let steps = found["steps"].as_array().unwrap();
            steps.len() == 5 && steps.iter().all(|step| step["state"] != "waiting")
        })
        .await;
    found["steps"].as_array().unwrap().clone()
}

pub async fn conversation(server: &Server, user: &User, id: &str) -> Value {
    server
        .get(&format!("/v1/conversations/{id}"), &user.token)
        .await
        .ok()
}

/// Contents, sorted.
pub async fn memories(server: &Server, user: &User) -> Vec<String> {
    texts(server, user, "/v1/dev/user/memories?limit=1000", "content").await
}

pub async fn tasks(server: &Server, user: &User) -> Vec<String> {
    let path = "/v1/dev/user/action-items?limit=1000";
    texts(server, user, path, "description").await
}

async fn texts(server: &Server, user: &User, path: &str, field: &str) -> Vec<String> {
    let found = server.get(path, &user.developer_key).await.ok();
    let mut texts: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one[field].as_str().unwrap().to_string())
        .collect();
    texts.sort();
    texts
}

/// The `by` of each step.
pub fn done_by(steps: &[Value]) -> Vec<&str> {
    steps
        .iter()
        .map(|step| step["understood_by"].as_str().unwrap_or("-"))
        .collect()
}
