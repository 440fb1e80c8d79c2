//! `/v1/dev/keys`

use axum::{Json, extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::App,
    error::Error,
    features::credentials::{self, Caller, Kind, Listed, NewCredential, Scope, Which},
    surfaces::{
        extract::{Body, Id},
        respond::{ErrorBody, Result, private},
    },
};

/// A developer key without its secret.
#[derive(Serialize, ToSchema)]
pub struct KeyAnswer {
    id: Uuid,
    name: String,
    /// The first characters of the key.
    key_prefix: String,
    /// What it may do.
    scopes: Vec<String>,
    created_at: DateTime<Utc>,
    /// Exact to a minute.
    last_used_at: Option<DateTime<Utc>>,
}

impl From<Listed> for KeyAnswer {
    fn from(key: Listed) -> Self {
        Self {
            id: key.id,
            name: key.name,
            key_prefix: key.prefix,
            scopes: key
                .scopes
                .unwrap_or_else(|| Scope::READ.iter().map(Scope::to_string).collect()),
            created_at: key.created_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// The user's developer keys, newest first.
#[utoipa::path(get, path = "/v1/dev/keys", tag = "keys", responses((status = 200, body = Vec<KeyAnswer>)))]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Vec<KeyAnswer>>> {
    let keys = credentials::list(&app.db, &caller.uid, Kind::Developer, None).await?;
    Ok(Json(keys.into_iter().map(Into::into).collect()))
}

#[derive(Deserialize, ToSchema)]
pub struct NewKey {
    /// What the key is for, as lists show it. Blanks around it are cut off.
    #[schema(min_length = 1, max_length = 200, pattern = r"\S")]
    name: String,
    /// Left out or null: the four read scopes. An empty list: none.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Scope>>)]
    scopes: Option<Vec<String>>,
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
pub struct CreatedKey {
    #[serde(flatten)]
    about: KeyAnswer,
    /// The key itself. It is shown here only.
    key: String,
}

/// Make a developer key. A developer key can make one with some of its own scopes.
#[utoipa::path(post, path = "/v1/dev/keys", tag = "keys", request_body = NewKey,
    responses((status = 200, body = CreatedKey),
              (status = 400, body = ErrorBody, description = "A scope is unknown"),
              (status = 403, body = ErrorBody, description = "The caller lacks a scope that it wants to give")))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewKey>,
) -> Result<Response> {
    let scopes = match new.scopes {
        None => Scope::READ.to_vec(),
        Some(names) => names
            .iter()
            .map(|name| name.parse().map_err(Error::BadRequest))
            .collect::<std::result::Result<_, _>>()?,
    };
    if let Some(lacking) = scopes.iter().find(|scope| !caller.scopes.contains(scope)) {
        let text = format!(
            "A key can only make keys with scopes of its own, and {lacking} is none. Make the key as a signed-in user."
        );
        return Err(Error::Forbidden(text).into());
    }
    let new = NewCredential {
        uid: &caller.uid,
        kind: Kind::Developer,
        name: &new.name,
        scopes: Some(scopes),
        app: None,
    };
    let created = credentials::create(&app.db, new).await?;
    Ok(private(Json(CreatedKey {
        about: created.listed.into(),
        key: created.secret,
    })))
}

/// Revoke a developer key, at once. Also answered so when there is no such key.
#[utoipa::path(delete, path = "/v1/dev/keys/{id}", tag = "keys", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn revoke(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode> {
    if let Id(Some(id)) = id {
        let (db, uid) = (&app.db, &caller.uid);
        let keys = Which::Kind(Kind::Developer, None);
        credentials::revoke(db, &app.outbox, &app.known, uid, keys, id).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
