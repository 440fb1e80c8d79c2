//! `/v1/mcp/keys`: keys for AI assistants

use axum::{Json, extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::App,
    features::credentials::{self, Caller, Kind, Listed, NewCredential, Which},
    surfaces::{
        extract::{Body, Id},
        guard,
        respond::{Result, private},
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(list, create)))
        .routes(guard::user().on(routes!(revoke)))
}

/// A key without its secret. It may do everything that the MCP server can.
#[derive(Serialize, ToSchema)]
pub struct McpKey {
    id: Uuid,
    name: String,
    /// The first characters of the key.
    key_prefix: String,
    created_at: DateTime<Utc>,
    /// Exact to a minute.
    #[schema(required)]
    last_used_at: Option<DateTime<Utc>>,
}

impl From<Listed> for McpKey {
    fn from(key: Listed) -> Self {
        Self {
            id: key.id,
            name: key.name,
            key_prefix: key.prefix,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// The user's keys for AI assistants, newest first.
#[utoipa::path(get, path = "/v1/mcp/keys", tag = "keys", responses((status = 200, body = Vec<McpKey>)))]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Vec<McpKey>>> {
    let keys = credentials::list(&app.db, &caller.uid, Kind::Mcp, None).await?;
    Ok(Json(keys.into_iter().map(Into::into).collect()))
}

#[derive(Deserialize, ToSchema)]
pub struct NewMcpKey {
    /// What the key is for, as lists show it. Blanks around it are cut off.
    #[schema(min_length = 1, max_length = 200, pattern = r"\S")]
    name: String,
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
pub struct CreatedMcpKey {
    #[serde(flatten)]
    about: McpKey,
    /// The key itself. It is shown here only.
    key: String,
}

/// Make a key for an AI assistant.
#[utoipa::path(post, path = "/v1/mcp/keys", tag = "keys", request_body = NewMcpKey,
    responses((status = 200, body = CreatedMcpKey)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewMcpKey>,
) -> Result<Response> {
    let new = NewCredential {
        uid: &caller.uid,
        kind: Kind::Mcp,
        name: &new.name,
        scopes: None,
        app: None,
    };
    let created = credentials::create(&app.db, new).await?;
    Ok(private(Json(CreatedMcpKey {
        about: created.listed.into(),
        key: created.secret,
    })))
}

/// Revoke a key for an AI assistant, at once. Also answered so when there is no such key.
#[utoipa::path(delete, path = "/v1/mcp/keys/{id}", tag = "keys", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn revoke(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode> {
    if let Id(Some(id)) = id {
        let (db, uid) = (&app.db, &caller.uid);
        let keys = Which::Kind(Kind::Mcp, None);
        credentials::revoke(db, &app.outbox, &app.known, uid, keys, id).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
