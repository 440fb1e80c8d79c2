//! A scripted language model behind an endpoint of OpenAI's shape.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::post,
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

type ByTask = dyn Fn(&str, usize, &str) -> Script + Send + Sync;
type ByPrompt = dyn Fn(&str, &str) -> Script + Send + Sync;

/// What it does when it is asked.
#[derive(Clone)]
pub enum Script {
    /// Streams these pieces to an orderly end.
    Says(Vec<String>),
    /// Streams these, then hangs up.
    Breaks(Vec<String>),
    /// Streams these, then says nothing for a minute.
    Stalls(Vec<String>),
    /// All that it was sent comes back.
    Echoes,
    /// Answers with this status.
    Refuses(u16),
    /// Does that after so long.
    Later(Duration, Box<Script>),
    /// By task of a typed question, how often that was asked before, and its material.
    ByTask(Arc<ByTask>),
    /// By task and all that it is told.
    ByPrompt(Arc<ByPrompt>),
}

impl Script {
    pub fn by_task(script: impl Fn(&str, usize, &str) -> Script + Send + Sync + 'static) -> Self {
        Self::ByTask(Arc::new(script))
    }

    pub fn by_prompt(script: impl Fn(&str, &str) -> Script + Send + Sync + 'static) -> Self {
        Self::ByPrompt(Arc::new(script))
    }

    pub fn json(value: Value) -> Self {
        Self::Says(vec![value.to_string()])
    }

    pub fn says(pieces: &[&str]) -> Self {
        Self::Says(pieces.iter().map(|piece| piece.to_string()).collect())
    }
}

pub struct Peer {
    /// Base address, with the version.
    pub url: String,
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Vec<Value>>>,
    open: Arc<AtomicUsize>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Counts an answer that is being streamed.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Peer {
    pub async fn start(script: Script) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(script));
        let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
        let open: Arc<AtomicUsize> = Arc::default();
        let (scripted, heard, opened) = (script.clone(), asked.clone(), open.clone());
        let router = Router::new().route(
            "/v1/chat/completions",
            post(async move |body: Bytes| {
                let body: Value = serde_json::from_slice(&body).unwrap();
                let before = {
                    let mut heard = heard.lock().unwrap();
                    heard.push(body.clone());
                    heard.iter().filter(|one| task(one) == task(&body)).count() - 1
                };
                let mut script = scripted.lock().unwrap().clone();
                loop {
                    script = match script {
                        Script::ByTask(script) => script(task(&body), before, content(&body, 1)),
                        Script::ByPrompt(script) => script(task(&body), &prompt(&body)),
                        Script::Later(delay, then) => {
                            tokio::time::sleep(delay).await;
                            *then
                        }
                        now => return answer(now, &body, opened.clone()),
                    };
                }
            }),
        );
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            script,
            asked,
            open,
            server,
        }
    }

    pub fn script(&self, script: Script) {
        *self.script.lock().unwrap() = script;
    }

    /// The bodies of all requests so far.
    pub fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }

    /// Instructions and material of each typed question of a task.
    pub fn asked_for(&self, wanted: &str) -> Vec<(String, String)> {
        let asked = self.asked.lock().unwrap();
        let of_task = asked.iter().filter(|body| task(body) == wanted);
        of_task
            .map(|body| (content(body, 0).into(), content(body, 1).into()))
            .collect()
    }

    pub fn forget(&self) {
        self.asked.lock().unwrap().clear();
    }

    /// The content of the last message of the last request.
    pub fn last(&self) -> String {
        let asked = self.asked();
        let messages = asked.last().unwrap()["messages"].as_array().unwrap();
        messages.last().unwrap()["content"].as_str().unwrap().into()
    }

    /// Answers that are being streamed.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Settings of a server that asks it.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("OMI_LLM__URL", self.url.clone()),
            ("OMI_LLM__MODEL", "scripted".into()),
            ("OMI_LLM__TIMEOUT_SECONDS", "60".into()),
        ]
    }
}

/// Empty: no typed question.
fn task(body: &Value) -> &str {
    let name = &body["response_format"]["json_schema"]["name"];
    name.as_str().unwrap_or_default()
}

/// All messages, with who says them.
fn prompt(body: &Value) -> String {
    let messages = body["messages"].as_array().unwrap().iter();
    let told = messages.map(|message| {
        let role = message["role"].as_str().unwrap_or_default();
        let content = message["content"].as_str().unwrap_or_default();
        format!("[{role}]\n{content}\n")
    });
    told.collect()
}

fn content(body: &Value, message: usize) -> &str {
    let content = &body["messages"][message]["content"];
    content.as_str().unwrap_or_default()
}

fn answer(script: Script, asked: &Value, open: Arc<AtomicUsize>) -> Response {
    let (pieces, end) = match script {
        Script::Refuses(status) => {
            let body = Json(json!({"error": {"message": "not today"}}));
            let status = StatusCode::from_u16(status).unwrap();
            return (status, [("retry-after", "1")], body).into_response();
        }
        Script::Says(pieces) if asked["stream"] != true => {
            let message = json!({"role": "assistant", "content": pieces.concat()});
            let body = Json(json!({
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
            }));
            return body.into_response();
        }
        Script::Says(pieces) => (pieces, End::Orderly),
        Script::Breaks(pieces) => (pieces, End::Broken),
        Script::Stalls(pieces) => (pieces, End::Silent),
        Script::Echoes => (vec![asked["messages"].to_string()], End::Orderly),
        Script::Later(..) | Script::ByTask(_) | Script::ByPrompt(_) => unreachable!(),
    };
    open.fetch_add(1, Ordering::SeqCst);
    let held = Open(open);
    let pieces = pieces.into_iter().map(|piece| {
        let delta = json!({"choices": [{"index": 0, "delta": {"content": piece}}]});
        Ok(Bytes::from(format!("data: {delta}\n\n")))
    });
    let end = stream::once(async move {
        match end {
            End::Orderly => {
                let last = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
                Ok(Bytes::from(format!("data: {last}\n\ndata: [DONE]\n\n")))
            }
            End::Broken => {
                // What was written is to arrive.
                tokio::time::sleep(Duration::from_millis(100)).await;
                Err(std::io::Error::other("broken"))
            }
            End::Silent => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Err(std::io::Error::other("silent"))
            }
        }
    });
    let body = stream::iter(pieces).chain(end).map(move |bytes| {
        let _ = &held;
        bytes
    });
    (
        [("content-type", "text/event-stream")],
        Body::from_stream(body),
    )
        .into_response()
}

enum End {
    Orderly,
    Broken,
    Silent,
}
