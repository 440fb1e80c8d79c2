//! `/v1/apps`

use axum::{Json, extract::State, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    app::App,
    error::Error,
    features::{apps, credentials::Caller},
    surfaces::{
        extract::{Id, Query, TwoIds},
        respond::{ErrorBody, Result, private},
    },
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    app_id: String,
}

impl Which {
    fn id(&self) -> Result<Uuid> {
        self.app_id
            .parse()
            .map_err(|_| Error::NotFound("App").into())
    }
}

#[derive(Serialize, ToSchema)]
pub struct Done {
    /// Always `ok`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

const OK: Done = Done {
    status: "ok",
    message: None,
};

/// Let an app read and write for the user, as far as its actions go.
#[utoipa::path(post, path = "/v1/apps/enable", tag = "apps", params(Which),
    responses((status = 200, body = Done), (status = 404, body = ErrorBody, description = "There is no such app")))]
pub async fn enable(
    State(app): State<App>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Done>> {
    apps::enable(&app.db, &caller.uid, which.id()?).await?;
    Ok(Json(OK))
}

/// Shut an app out again, at once.
#[utoipa::path(post, path = "/v1/apps/disable", tag = "apps", params(Which),
    responses((status = 200, body = Done), (status = 404, body = ErrorBody, description = "The app is not enabled")))]
pub async fn disable(
    State(app): State<App>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Done>> {
    apps::disable(&app.db, &caller.uid, which.id()?).await?;
    Ok(Json(OK))
}

/// A key of an app, without its secret.
#[derive(Serialize, ToSchema)]
pub struct AppKey {
    id: Uuid,
    /// The first and last characters of the key.
    label: String,
    created_at: DateTime<Utc>,
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
pub struct CreatedAppKey {
    #[serde(flatten)]
    about: AppKey,
    /// The key itself. It is shown here only.
    secret: String,
}

/// The keys of an app that the user owns, newest first.
#[utoipa::path(get, path = "/v1/apps/{app_id}/keys", tag = "apps", params(("app_id" = String, Path)),
    responses((status = 200, body = Vec<AppKey>),
              (status = 403, body = ErrorBody, description = "The app is somebody else's")))]
pub async fn list_keys(
    State(app): State<App>,
    caller: Caller,
    id: Id,
) -> Result<Json<Vec<AppKey>>> {
    let keys = apps::list_keys(&app.db, &caller.uid, id.or_absent("App")?).await?;
    let keys = keys.into_iter().map(|key| AppKey {
        id: key.id,
        label: key.prefix,
        created_at: key.created_at,
    });
    Ok(Json(keys.collect()))
}

/// Make a key for an app that the user owns.
#[utoipa::path(post, path = "/v1/apps/{app_id}/keys", tag = "apps", params(("app_id" = String, Path)),
    responses((status = 200, body = CreatedAppKey),
              (status = 403, body = ErrorBody, description = "The app is somebody else's")))]
pub async fn create_key(State(app): State<App>, caller: Caller, id: Id) -> Result<Response> {
    let created = apps::create_key(&app.db, &caller.uid, id.or_absent("App")?).await?;
    Ok(private(Json(CreatedAppKey {
        about: AppKey {
            id: created.listed.id,
            label: created.listed.prefix,
            created_at: created.listed.created_at,
        },
        secret: created.secret,
    })))
}

/// Delete a key of an app that the user owns, at once. Also answered so when there is no such key.
#[utoipa::path(delete, path = "/v1/apps/{app_id}/keys/{key_id}", tag = "apps",
    params(("app_id" = String, Path), ("key_id" = String, Path)),
    responses((status = 200, body = Done),
              (status = 403, body = ErrorBody, description = "The app is somebody else's")))]
pub async fn delete_key(
    State(app): State<App>,
    caller: Caller,
    TwoIds(app_id, key_id): TwoIds,
) -> Result<Json<Done>> {
    let app_id = app_id.or_absent("App")?;
    let (db, uid) = (&app.db, &caller.uid);
    apps::delete_key(db, &app.outbox, &app.known, uid, app_id, key_id.0).await?;
    Ok(Json(Done {
        message: Some("API key deleted"),
        ..OK
    }))
}
