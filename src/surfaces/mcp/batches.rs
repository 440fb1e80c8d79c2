//! Several messages in one request, which revision 2025-03-26 has and no other.

use axum::{
    Json,
    body::to_bytes,
    http::{StatusCode, request::Parts},
    response::{IntoResponse as _, Response},
};
use rmcp::{ServerHandler, model::ErrorCode};
use serde_json::{Value, json};

use super::{
    answers::Wanted,
    door::{Asked, Door, OLDEST, VERSION, is_initialize, refused},
};
use crate::{
    app::App,
    features::credentials::Caller,
    surfaces::{limits, respond::ApiError},
};

/// Most messages of a batch.
const MOST: usize = 50;

impl<H: ServerHandler + Clone> Door<H> {
    /// Answers them one after the other, with an array of the replies.
    pub(super) async fn batch(
        &self,
        caller: &Caller,
        session: Asked,
        parts: Parts,
        messages: Vec<Value>,
    ) -> Response {
        let refused = |message: &str| {
            let code = ErrorCode::INVALID_REQUEST;
            refused(StatusCode::BAD_REQUEST, code, message)
        };
        if parts
            .headers
            .get(VERSION)
            .is_some_and(|version| version != OLDEST)
        {
            return refused("Only revision 2025-03-26 has batches. Send the messages one by one.");
        }
        if messages.is_empty() || messages.len() > MOST {
            return refused("A batch must have 1 to 50 messages.");
        }
        // The request has been counted for the first.
        if let Some(app) = parts.extensions.get::<App>() {
            for _ in 1..messages.len() {
                if let Err(error) = limits::take(app, caller, &caller.uid, None, &mut None).await {
                    return ApiError(error).into_response();
                }
            }
        }
        let mut replies = Vec::new();
        for message in messages {
            let Value::Object(message) = message else {
                replies.push(invalid(&Value::Null, "Each message must be an object."));
                continue;
            };
            if is_initialize(&message) {
                let id = message.get("id").unwrap_or(&Value::Null);
                replies.push(invalid(id, "initialize must come alone, not in a batch."));
                continue;
            }
            let bytes = Value::Object(message.clone()).to_string().into();
            let response = self
                .one(caller, session, parts.clone(), message, bytes)
                .await;
            let response = Wanted::Json.shape(response).await;
            let status = response.status();
            let (head, body) = response.into_parts();
            // The server's own words: no limit.
            let Ok(body) = to_bytes(body, usize::MAX).await else {
                return ApiError(anyhow::anyhow!("a reply could not be read").into())
                    .into_response();
            };
            match serde_json::from_slice::<Value>(&body) {
                Ok(reply) if reply.get("jsonrpc").is_some() => replies.push(reply),
                _ if status == StatusCode::ACCEPTED => {}
                // It is of the session or of the headers, so of all messages.
                _ => return Response::from_parts(head, body.into()),
            }
        }
        if replies.is_empty() {
            return StatusCode::ACCEPTED.into_response();
        }
        Json(replies).into_response()
    }
}

fn invalid(id: &Value, message: &str) -> Value {
    let error = json!({"code": ErrorCode::INVALID_REQUEST, "message": message});
    json!({"jsonrpc": "2.0", "id": id, "error": error})
}
