//! `/v1/integrations`, `/v1/task-integrations`: services that the vendor's cloud connects a user to. This server connects to none
//! and takes no tokens of theirs; of health the phone itself tells.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::StatusAnswer;
use crate::{
    app::App,
    error::Error,
    features::{
        credentials::Caller,
        health, lenient,
        preferences::{self, Changes},
    },
    surfaces::{
        extract::{Body, OptionalBody, TextId},
        guard,
        respond::{ErrorBody, Result},
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(integration, connect, disconnect)))
        .routes(guard::user().on(routes!(sign_in_at)))
        .routes(guard::user().on(routes!(task_integrations)))
        .routes(guard::user().on(routes!(default_task_app, set_default_task_app)))
        .routes(guard::user().on(routes!(connect_tasks, disconnect_tasks)))
        .routes(guard::user().on(routes!(sign_in_at_tasks)))
}

/// The one service that is on the phone.
pub const APPLE_HEALTH: &str = "apple_health";

fn refused() -> Error {
    Error::BadRequest(
        "This server connects to no other services and keeps no tokens of theirs.".into(),
    )
}

#[derive(Serialize, ToSchema)]
pub struct Connection {
    /// False but for `apple_health`.
    connected: bool,
    app_key: String,
}

/// Whether the user is connected to a service: to none, but the phone may tell of their health.
#[utoipa::path(get, path = "/v1/integrations/{app_key}", tag = "vendor cloud", params(("app_key" = String, Path)),
    responses((status = 200, body = Connection)))]
pub async fn integration(
    State(app): State<App>,
    caller: Caller,
    TextId(app_key): TextId,
) -> Result<Json<Connection>> {
    let connected = app_key == APPLE_HEALTH && health::get(&app.db, &caller.uid).await?.is_some();
    Ok(Json(Connection { connected, app_key }))
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct NewConnection {
    /// True if left out.
    #[serde(deserialize_with = "lenient::optional_bool")]
    #[schema(value_type = Option<bool>)]
    connected: Option<bool>,
}

#[derive(Serialize, ToSchema)]
pub struct Connected {
    /// `ok`
    status: &'static str,
    app_key: String,
}

/// Connect to a service: refused, but for `apple_health`.
#[utoipa::path(put, path = "/v1/integrations/{app_key}", tag = "vendor cloud", params(("app_key" = String, Path)),
    request_body = Option<NewConnection>, responses((status = 200, body = Connected), (status = 400, body = ErrorBody)))]
pub async fn connect(
    State(app): State<App>,
    caller: Caller,
    TextId(app_key): TextId,
    OptionalBody(new): OptionalBody<NewConnection>,
) -> Result<Json<Connected>> {
    if app_key != APPLE_HEALTH {
        return Err(refused().into());
    }
    if new.connected == Some(false) {
        health::disconnect(&app.db, &caller).await?;
    } else {
        health::connect(&app.db, &caller).await?;
    }
    Ok(Json(Connected {
        status: "ok",
        app_key,
    }))
}

/// Disconnect from a service: there is no connection, but what was told of health is forgotten.
#[utoipa::path(delete, path = "/v1/integrations/{app_key}", tag = "vendor cloud", params(("app_key" = String, Path)),
    responses((status = 204)))]
pub async fn disconnect(
    State(app): State<App>,
    caller: Caller,
    TextId(app_key): TextId,
) -> Result<StatusCode> {
    if app_key == APPLE_HEALTH && health::disconnect(&app.db, &caller).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Error::NotFound("Integration").into())
}

/// Where to sign in at a service: nowhere.
#[utoipa::path(get, path = "/v1/integrations/{app_key}/oauth-url", tag = "vendor cloud",
    params(("app_key" = String, Path)), responses((status = 200, body = Object), (status = 400, body = ErrorBody)))]
pub async fn sign_in_at(_: Caller) -> Result<Json<Value>> {
    Err(refused().into())
}

#[derive(Serialize, ToSchema)]
pub struct TaskConnections {
    /// Always empty.
    #[schema(value_type = Object)]
    integrations: Map<String, Value>,
    #[schema(required)]
    default_app: Option<String>,
}

/// Services that keep tasks, and the one that the user likes best: there are none.
#[utoipa::path(get, path = "/v1/task-integrations", tag = "vendor cloud",
    responses((status = 200, body = TaskConnections)))]
pub async fn task_integrations(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<TaskConnections>> {
    let chosen = preferences::get(&app.db, &caller.uid).await?;
    Ok(Json(TaskConnections {
        integrations: Map::new(),
        default_app: chosen.task_app,
    }))
}

#[derive(Serialize, ToSchema)]
pub struct DefaultTaskApp {
    #[schema(required)]
    default_app: Option<String>,
}

/// The app that the user likes best for tasks. It may be on the phone.
#[utoipa::path(get, path = "/v1/task-integrations/default", tag = "users",
    responses((status = 200, body = DefaultTaskApp)))]
pub async fn default_task_app(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<DefaultTaskApp>> {
    let chosen = preferences::get(&app.db, &caller.uid).await?;
    Ok(Json(DefaultTaskApp {
        default_app: chosen.task_app,
    }))
}

#[derive(Deserialize, ToSchema)]
pub struct NewDefaultTaskApp {
    #[schema(max_length = 100, pattern = r"^[^\x00]*$")]
    app_key: String,
}

/// Choose the app for tasks.
#[utoipa::path(put, path = "/v1/task-integrations/default", tag = "users", request_body = NewDefaultTaskApp,
    responses((status = 200, body = DefaultTaskApp), (status = 400, body = ErrorBody)))]
pub async fn set_default_task_app(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewDefaultTaskApp>,
) -> Result<Json<DefaultTaskApp>> {
    let changes = Changes {
        task_app: Some(new.app_key.clone()),
        ..Changes::default()
    };
    preferences::change(&app.db, &caller, changes).await?;
    Ok(Json(DefaultTaskApp {
        default_app: Some(new.app_key),
    }))
}

/// Connect to a service that keeps tasks: refused.
#[utoipa::path(put, path = "/v1/task-integrations/{app_key}", tag = "vendor cloud", params(("app_key" = String, Path)),
    responses((status = 200, body = StatusAnswer), (status = 400, body = ErrorBody)))]
pub async fn connect_tasks(_: Caller) -> Result<Json<StatusAnswer>> {
    Err(refused().into())
}

/// Disconnect from a service that keeps tasks: there is no connection.
#[utoipa::path(delete, path = "/v1/task-integrations/{app_key}", tag = "vendor cloud",
    params(("app_key" = String, Path)), responses((status = 204)))]
pub async fn disconnect_tasks(_: Caller) -> Result<StatusCode> {
    Err(Error::NotFound("Task integration").into())
}

/// Where to sign in at a service that keeps tasks: nowhere.
#[utoipa::path(get, path = "/v1/task-integrations/{app_key}/oauth-url", tag = "vendor cloud",
    params(("app_key" = String, Path)), responses((status = 200, body = Object), (status = 400, body = ErrorBody)))]
pub async fn sign_in_at_tasks(_: Caller) -> Result<Json<Value>> {
    Err(refused().into())
}
