//! `/v1/conversations/{id}/…`: what a user changes of a conversation.

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::{StatusCode, request::Parts},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::StatusAnswer;
use crate::{
    app::App,
    error::Error,
    features::{
        conversations::{self, Conversation, Spoken},
        credentials::Caller,
        lenient,
    },
    surfaces::{
        extract::{Body, Id, IdAnd, Query, raw_text},
        guard,
        respond::{ApiError, ErrorBody, Result},
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(delete)))
        .routes(guard::user().on(routes!(title)))
        .routes(guard::user().on(routes!(summary)))
        .routes(guard::user().on(routes!(segment_text)))
        .routes(guard::user().on(routes!(visibility)))
        .routes(guard::user().on(routes!(starred)))
        .routes(guard::user().on(routes!(events)))
        .routes(guard::user().on(routes!(assign_segment)))
        .routes(guard::user().on(routes!(assign_speaker)))
        .routes(guard::user().on(routes!(assign_segments)))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeleteConversationQuery {
    /// Its action items and the memories that were found in it go too.
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    cascade: Option<bool>,
}

/// Remove a conversation with its pictures and its sound. Also answered so when there is no such conversation.
#[utoipa::path(delete, path = "/v1/conversations/{id}", tag = "conversations",
    params(("id" = String, Path), DeleteConversationQuery), responses((status = 204)))]
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Query(query): Query<DeleteConversationQuery>,
) -> Result<StatusCode> {
    let cascade = query.cascade.unwrap_or(false);
    let deleted = match id.0 {
        Some(id) => conversations::delete(&app.db, &app.outbox, &caller, id, cascade).await,
        None => Ok(()),
    };
    match deleted {
        Ok(()) | Err(Error::NotFound(_)) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(error.into()),
    }
}

/// The title of the query, which the mobile app does not encode.
pub struct Title(String);

impl<S: Send + Sync> FromRequestParts<S> for Title {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let found = raw_text(parts.uri.query().unwrap_or_default(), "title");
        let missing = || Error::invalid_parameter("title", "title must be given");
        Ok(Self(found.ok_or_else(missing)?))
    }
}

/// Rename a conversation.
#[utoipa::path(patch, path = "/v1/conversations/{id}/title", tag = "conversations",
    params(("id" = String, Path), ("title" = String, Query, description = "At most 500 characters; may be empty.")),
    responses((status = 200, body = StatusAnswer)))]
pub async fn title(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Title(title): Title,
) -> Result<Json<StatusAnswer>> {
    let id = id.or_absent("Conversation")?;
    conversations::set_title(&app.db, &caller, id, &title).await?;
    Ok(StatusAnswer::capital())
}

#[derive(Deserialize, ToSchema)]
pub struct SummaryText {
    /// Whose summary; null or left out: the overview.
    #[serde(default)]
    app_id: Option<String>,
    /// 1 to 10,000 characters.
    #[schema(
        min_length = 1,
        max_length = 10_000,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    content: String,
}

/// Rewrite the overview.
#[utoipa::path(patch, path = "/v1/conversations/{id}/summary", tag = "conversations",
    params(("id" = String, Path)), request_body = SummaryText, responses((status = 200, body = StatusAnswer)))]
pub async fn summary(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Body(sent): Body<SummaryText>,
) -> Result<Json<StatusAnswer>> {
    let id = id.or_absent("Conversation")?;
    let app_id = sent.app_id.as_deref();
    conversations::set_summary(&app.db, &caller, id, app_id, &sent.content).await?;
    Ok(StatusAnswer::capital())
}

#[derive(Deserialize, ToSchema)]
pub struct SegmentText {
    #[schema(min_length = 1)]
    segment_id: String,
    /// 1 to 10,000 characters.
    #[schema(
        min_length = 1,
        max_length = 10_000,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    text: String,
}

/// Correct what was said in a segment.
#[utoipa::path(patch, path = "/v1/conversations/{id}/segments/text", tag = "conversations",
    params(("id" = String, Path)), request_body = SegmentText, responses((status = 200, body = StatusAnswer)))]
pub async fn segment_text(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Body(sent): Body<SegmentText>,
) -> Result<Json<StatusAnswer>> {
    let id = id.or_absent("Conversation")?;
    let segment = &sent.segment_id;
    conversations::set_segment_text(&app.db, &caller, id, segment, &sent.text).await?;
    Ok(StatusAnswer::capital())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VisibilityQuery {
    #[param(pattern = "^(private|shared|public)$")]
    value: String,
}

/// Show a conversation to everyone who knows its id, or to its owner only.
#[utoipa::path(patch, path = "/v1/conversations/{id}/visibility", tag = "conversations",
    params(("id" = String, Path), VisibilityQuery),
    responses((status = 200, body = StatusAnswer),
              (status = 409, body = ErrorBody, description = "Another user shares one with the same id")))]
pub async fn visibility(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Query(query): Query<VisibilityQuery>,
) -> Result<Json<StatusAnswer>> {
    let id = id.or_absent("Conversation")?;
    conversations::set_visibility(&app.db, &caller, id, &query.value).await?;
    Ok(StatusAnswer::capital())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StarredQuery {
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = bool, required = true)]
    starred: Option<bool>,
}

/// Put a star to a conversation, or take it away.
#[utoipa::path(patch, path = "/v1/conversations/{id}/starred", tag = "conversations",
    params(("id" = String, Path), StarredQuery), responses((status = 200, body = StatusAnswer)))]
pub async fn starred(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Query(query): Query<StarredQuery>,
) -> Result<Json<StatusAnswer>> {
    let id = id.or_absent("Conversation")?;
    let starred = query.starred.ok_or_else(|| {
        Error::invalid_parameter("starred", "starred must be given: true or false")
    })?;
    conversations::set_starred(&app.db, &caller, id, starred).await?;
    Ok(StatusAnswer::capital())
}

#[derive(Deserialize, ToSchema)]
pub struct EventsCreated {
    /// Places in the list of events, from 0; those beyond its end do not count.
    events_idx: Vec<i64>,
    /// Of each place, whether the event is in a calendar now.
    values: Vec<bool>,
}

/// Note which events were put into a calendar.
#[utoipa::path(patch, path = "/v1/conversations/{id}/events", tag = "conversations",
    params(("id" = String, Path)), request_body = EventsCreated, responses((status = 200, body = StatusAnswer)))]
pub async fn events(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Body(sent): Body<EventsCreated>,
) -> Result<Json<StatusAnswer>> {
    let id = id.or_absent("Conversation")?;
    let (places, values) = (&sent.events_idx, &sent.values);
    conversations::set_events_created(&app.db, &caller, id, places, values).await?;
    Ok(StatusAnswer::capital())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AssignQuery {
    /// `is_user`: any value but an empty one and `null` says that the user speaks. `person_id`: the value is a person's id.
    #[param(pattern = "^(is_user|person_id)$")]
    assign_type: String,
    /// Left out, empty or `null`: nobody.
    #[param(max_length = 200, pattern = r"^[^\x00]*$")]
    value: Option<String>,
}

/// Say who speaks in one segment, by its place in the list, from 0.
#[utoipa::path(patch, path = "/v1/conversations/{id}/segments/{segment_idx}/assign", tag = "conversations",
    params(("id" = String, Path), ("segment_idx" = String, Path), AssignQuery),
    responses((status = 200, body = Conversation), (status = 400, body = ErrorBody)))]
pub async fn assign_segment(
    State(app): State<App>,
    caller: Caller,
    IdAnd(id, place): IdAnd,
    Query(query): Query<AssignQuery>,
) -> Result<Json<Conversation>> {
    assign(&app, &caller, id, Spoken::At(place.parse().ok()), query).await
}

/// Say who speaks in all segments that carry a number.
#[utoipa::path(patch, path = "/v1/conversations/{id}/assign-speaker/{speaker_id}", tag = "conversations",
    params(("id" = String, Path), ("speaker_id" = String, Path), AssignQuery),
    responses((status = 200, body = Conversation), (status = 400, body = ErrorBody)))]
pub async fn assign_speaker(
    State(app): State<App>,
    caller: Caller,
    IdAnd(id, label): IdAnd,
    Query(query): Query<AssignQuery>,
) -> Result<Json<Conversation>> {
    assign(
        &app,
        &caller,
        id,
        Spoken::Labelled(label.parse().ok()),
        query,
    )
    .await
}

async fn assign(
    app: &App,
    caller: &Caller,
    id: Id,
    spoken: Spoken<'_>,
    query: AssignQuery,
) -> Result<Json<Conversation>> {
    let id = id.or_absent("Conversation")?;
    let (kind, value) = (&query.assign_type, query.value.as_deref());
    Ok(Json(
        conversations::assign_by_hand(&app.db, caller, id, spoken, kind, value).await?,
    ))
}

#[derive(Deserialize, ToSchema)]
pub struct AssignSegments {
    /// Ids without a segment do not count.
    segment_ids: Vec<String>,
    /// `is_user`: any value but an empty one and `null` says that the user speaks. `person_id`: the value is a person's id.
    #[schema(pattern = "^(is_user|person_id)$")]
    assign_type: String,
    /// Null, left out, empty or `null`: nobody.
    #[serde(default)]
    #[schema(max_length = 200, pattern = r"^[^\x00]*$")]
    value: Option<String>,
}

/// Say who speaks in several segments.
#[utoipa::path(patch, path = "/v1/conversations/{id}/segments/assign-bulk", tag = "conversations",
    params(("id" = String, Path)), request_body = AssignSegments,
    responses((status = 200, body = Conversation)))]
pub async fn assign_segments(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Body(sent): Body<AssignSegments>,
) -> Result<Json<Conversation>> {
    let query = AssignQuery {
        assign_type: sent.assign_type,
        value: sent.value,
    };
    assign(&app, &caller, id, Spoken::Ids(&sent.segment_ids), query).await
}
