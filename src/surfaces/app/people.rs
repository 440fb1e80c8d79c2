//! `/v1/users/people`

use axum::{
    Json,
    extract::{RawQuery, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::StatusAnswer;
use crate::{
    app::App,
    error::Error,
    features::{
        credentials::Caller,
        people::{self, Person},
    },
    surfaces::{
        extract::{Body, Id, OptionalBody, TwoIds, raw_text},
        guard::{self, NewIds},
        respond::Result,
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().once().on(routes!(create)))
        .routes(guard::user().on(routes!(list)))
        .routes(guard::user().on(routes!(get, delete)))
        .routes(guard::user().on(routes!(rename)))
        .routes(guard::user().on(routes!(delete_sample)))
}

/// A person as Omi's app reads one. No voice is told from another here, so there are no samples of one.
#[derive(Serialize, ToSchema)]
pub struct KnownPerson {
    #[serde(flatten)]
    person: Person,
    /// Always empty.
    #[schema(value_type = Vec<String>)]
    speech_samples: [(); 0],
    /// Always empty.
    #[schema(value_type = Vec<String>)]
    speech_sample_transcripts: [(); 0],
    /// Always 1.
    speech_samples_version: i32,
}

impl From<Person> for KnownPerson {
    fn from(person: Person) -> Self {
        Self {
            person,
            speech_samples: [],
            speech_sample_transcripts: [],
            speech_samples_version: 1,
        }
    }
}

#[derive(Deserialize, ToSchema)]
pub struct NewPerson {
    #[schema(
        min_length = 2,
        max_length = 40,
        pattern = r"^[^\x00\s][^\x00]*[^\x00\s]$"
    )]
    name: String,
}

/// Add a person. One of exactly this name is answered as they are.
#[utoipa::path(post, path = "/v1/users/people", tag = "people", request_body = NewPerson,
    responses((status = 200, body = KnownPerson)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    mut ids: NewIds,
    Body(new): Body<NewPerson>,
) -> Result<Json<KnownPerson>> {
    let person = people::create(&app.db, &caller, ids.next(), &new.name).await?;
    Ok(Json(person.into()))
}

/// The people that the user added, in order.
#[utoipa::path(get, path = "/v1/users/people", tag = "people", responses((status = 200, body = Vec<KnownPerson>)))]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Vec<KnownPerson>>> {
    let people = people::list(&app.db, &caller).await?;
    Ok(Json(people.into_iter().map(KnownPerson::from).collect()))
}

/// One person.
#[utoipa::path(get, path = "/v1/users/people/{id}", tag = "people", params(("id" = String, Path)),
    responses((status = 200, body = KnownPerson)))]
pub async fn get(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<KnownPerson>> {
    let id = id.or_absent("Person")?;
    Ok(Json(people::get(&app.db, &caller, id).await?.into()))
}

/// The name in the body, under either key.
#[derive(Deserialize, Default, ToSchema)]
pub struct NewNameBody {
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00\s]+$")]
    name: Option<String>,
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00\s]+$")]
    value: Option<String>,
}

/// Call a person something else. The name stands in the query or, as Omi's web client sends it, in the body.
#[utoipa::path(patch, path = "/v1/users/people/{id}/name", tag = "people",
    params(("id" = String, Path),
           ("value" = Option<String>, Query, min_length = 1, max_length = 200, pattern = r"^[^\x00\s]+$")),
    request_body = Option<NewNameBody>, responses((status = 200, body = StatusAnswer)))]
pub async fn rename(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    RawQuery(query): RawQuery,
    OptionalBody(body): OptionalBody<NewNameBody>,
) -> Result<Json<StatusAnswer>> {
    let id = id.or_absent("Person")?;
    let name = raw_text(query.as_deref().unwrap_or_default(), "value");
    let name = name.or(body.name).or(body.value);
    let name = name.ok_or(Error::missing("name"))?;
    people::rename(&app.db, &caller, id, &name).await?;
    Ok(StatusAnswer::ok())
}

/// Forget a person. What they said goes on naming them by their id.
#[utoipa::path(delete, path = "/v1/users/people/{id}", tag = "people", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode> {
    let id = id.or_absent("Person")?;
    people::delete(&app.db, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete a sample of a person's voice: there is none.
#[utoipa::path(delete, path = "/v1/users/people/{id}/speech-samples/{index}", tag = "people",
    params(("id" = String, Path), ("index" = String, Path)), responses((status = 200, body = StatusAnswer)))]
pub async fn delete_sample(
    State(app): State<App>,
    caller: Caller,
    TwoIds(id, _): TwoIds,
) -> Result<Json<StatusAnswer>> {
    people::get(&app.db, &caller, id.or_absent("Person")?).await?;
    Err(Error::NotFound("Sample").into())
}
