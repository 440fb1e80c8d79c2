//! `/v1/mcp/assistants`: AI assistants that the user has let in

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::App,
    features::{
        connectors::{self, Assistant},
        credentials::{Caller, Scope},
    },
    surfaces::{extract::Id, guard, respond::Result},
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(list)))
        .routes(guard::user().on(routes!(disconnect)))
}

/// An assistant that the user has let in on a page of this server.
#[derive(Serialize, ToSchema)]
pub struct ConnectedAssistant {
    id: Uuid,
    /// As it calls itself.
    name: String,
    /// Where it was answered: a host, or the scheme of an app with a colon.
    redirect_host: String,
    #[schema(value_type = Vec<Scope>)]
    scopes: Vec<&'static str>,
    connected_at: DateTime<Utc>,
    /// Exact to a minute.
    #[schema(required)]
    last_used_at: Option<DateTime<Utc>>,
}

impl From<Assistant> for ConnectedAssistant {
    fn from(assistant: Assistant) -> Self {
        Self {
            id: assistant.id,
            name: assistant.name,
            redirect_host: assistant.redirect_host,
            scopes: assistant
                .scopes
                .iter()
                .map(|scope| scope.as_str())
                .collect(),
            connected_at: assistant.connected_at,
            last_used_at: assistant.last_used_at,
        }
    }
}

/// The assistants that the user has let in, the latest first.
#[utoipa::path(get, path = "/v1/mcp/assistants", tag = "keys", responses((status = 200, body = Vec<ConnectedAssistant>)))]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Vec<ConnectedAssistant>>> {
    let assistants = connectors::list(&app.db, &caller.uid).await?;
    Ok(Json(assistants.into_iter().map(Into::into).collect()))
}

/// Disconnect an assistant: its tokens end at once. Also answered so when there is no such assistant.
#[utoipa::path(delete, path = "/v1/mcp/assistants/{id}", tag = "keys", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn disconnect(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode> {
    if let Id(Some(id)) = id {
        connectors::disconnect(&app, &caller.uid, id).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
