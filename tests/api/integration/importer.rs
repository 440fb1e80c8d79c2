//! An app with a key.

use reqwest::Method;
use serde_json::Value;

use crate::support::{
    Server,
    server::{Answer, User},
};

pub const ALL: &str =
    "create_conversation,create_memories,read_conversations,read_memories,read_tasks";

pub struct Importer<'a> {
    server: &'a Server,
    pub id: String,
    pub key: String,
}

impl<'a> Importer<'a> {
    /// An app of that account, made on the command line.
    pub async fn new(server: &'a Server, email: &str, actions: &str) -> Self {
        let id = server
            .cli(&[
                "app",
                "create",
                "--email",
                email,
                "--name",
                "Importer",
                "--actions",
                actions,
            ])
            .await;
        let key = server.cli(&["app", "key", "--app", &id]).await;
        Self { server, id, key }
    }

    pub async fn enabled_by(&self, user: &User) -> &Self {
        let path = format!("/v1/apps/enable?app_id={}", self.id);
        let answer = self
            .server
            .send(Method::POST, &path, Some(&user.token), None)
            .await;
        assert_eq!(answer.ok(), serde_json::json!({"status": "ok"}));
        self
    }

    /// `rest` may have a query.
    pub fn path(&self, rest: &str, uid: &str) -> String {
        let joint = if rest.contains('?') { '&' } else { '?' };
        format!("/v2/integrations/{}/{rest}{joint}uid={uid}", self.id)
    }

    pub async fn get(&self, rest: &str, uid: &str) -> Answer {
        self.server.get(&self.path(rest, uid), &self.key).await
    }

    pub async fn post(&self, rest: &str, uid: &str, body: Value) -> Answer {
        self.server
            .post(&self.path(rest, uid), &self.key, body)
            .await
    }

    /// The list in the answer's envelope.
    pub async fn list(&self, rest: &str, uid: &str) -> Vec<Value> {
        let name = rest.split('?').next().unwrap();
        let body = self.get(rest, uid).await.ok();
        body[name].as_array().unwrap().clone()
    }
}

/// Refused with this status and sentence, in the body of every refusal.
#[track_caller]
pub fn assert_refused(answer: &Answer, status: u16, sentence: &str) {
    assert_eq!(answer.status, status, "{answer:#?}");
    let detail = &answer.body["detail"];
    assert!(
        detail == sentence || detail[0]["msg"] == sentence,
        "{answer:#?}"
    );
    assert_eq!(answer.body["error"]["message"], sentence, "{answer:#?}");
    let code = match status {
        400 => "invalid_request",
        401 => "missing_api_key",
        403 => "forbidden",
        404 => "not_found",
        _ => "validation_error",
    };
    assert_eq!(answer.body["error"]["code"], code, "{answer:#?}");
}
