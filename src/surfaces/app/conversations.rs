//! `/v1/conversations`

use std::time::Duration;

use axum::{Json, extract::State, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    app::App,
    error::Error,
    features::{
        conversations::{self, Conversation, Filter, Meeting},
        credentials::Caller,
        lenient, listening,
        processing::{self, StepStanding},
    },
    surfaces::{
        extract::{Body, Id, OptionalBody, Query, bounded},
        parts,
        respond::{ErrorBody, Result},
    },
};

/// How long finishing waits for the outcome; after that the conversation is answered as it stands.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most conversations of one list.
const LONGEST_LIST: i64 = 10_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// 100 if left out; more than 10,000 counts as 10,000.
    #[param(minimum = 1)]
    limit: Option<i64>,
    #[param(minimum = 0)]
    offset: Option<i64>,
    /// Comma-separated; `processing,completed` if left out or empty.
    statuses: Option<String>,
    /// True if left out.
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    include_discarded: Option<bool>,
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    start_date: Option<DateTime<Utc>>,
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    end_date: Option<DateTime<Utc>>,
    folder_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    starred: Option<bool>,
}

/// Conversations with their segments, newest first.
#[utoipa::path(get, path = "/v1/conversations", tag = "conversations", params(ListQuery),
    responses((status = 200, body = Vec<Conversation>), (status = 400, body = ErrorBody)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Response> {
    let statuses = query
        .statuses
        .filter(|list| !list.is_empty())
        .unwrap_or_else(|| "processing,completed".into());
    let filter = Filter {
        statuses: statuses
            .split(',')
            .map(|status| status.trim().to_string())
            .collect(),
        include_discarded: query.include_discarded.unwrap_or(true),
        categories: None,
        from: query.start_date,
        to: query.end_date,
        folder_id: query.folder_id.filter(|id| !id.is_empty()),
        starred: query.starred,
        limit: bounded(
            "limit",
            query.limit.map(|limit| limit.min(LONGEST_LIST)),
            100,
            1,
            LONGEST_LIST,
        )?,
        offset: bounded("offset", query.offset, 0, 0, i64::MAX)?,
    };
    let ids = conversations::ids(&app.db, &caller, &filter).await?;
    parts::answer("", ids, String::new(), move |ids| {
        let (app, uid) = (app.clone(), caller.uid.clone());
        async move { Ok(conversations::of_ids(&app.db, &uid, &ids, true).await?) }
    })
    .await
}

/// One conversation, whatever its status.
#[utoipa::path(get, path = "/v1/conversations/{id}", tag = "conversations", params(("id" = String, Path)),
    responses((status = 200, body = Conversation)))]
pub async fn get(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<Conversation>> {
    let id = id.or_absent("Conversation")?;
    let found = conversations::get(&app.db, &caller.uid, id).await?;
    Ok(Json(
        conversations::with_photos(&app.db, &caller.uid, found).await?,
    ))
}

#[derive(Serialize, ToSchema)]
pub struct Finished {
    conversation: Conversation,
    /// What apps had to say about it.
    messages: Vec<serde_json::Value>,
}

#[derive(Default, Deserialize, ToSchema)]
pub struct Finish {
    /// The calendar entry that was talked at; kept in the conversation's `external_data`.
    #[serde(default)]
    calendar_meeting_context: Option<Meeting>,
}

/// Finish the conversation in progress and understand it; it is kept, however little was said. The same request again
/// within ten seconds of the answer is answered with it, unless another is in progress.
#[utoipa::path(post, path = "/v1/conversations", tag = "conversations", request_body = Option<Finish>,
    responses((status = 200, body = Finished),
              (status = 404, body = ErrorBody, description = "No conversation is in progress")))]
pub async fn finish(
    State(app): State<App>,
    caller: Caller,
    OptionalBody(wanted): OptionalBody<Finish>,
) -> Result<Json<Finished>> {
    let news = app.outbox.listen();
    let meeting = wanted.calendar_meeting_context;
    let id = listening::finish(&app, &caller, meeting)
        .await?
        .ok_or(Error::NotFound("Conversation in progress"))?;
    let conversation = processing::outcome(&app.db, news, &caller.uid, id, PATIENCE).await?;
    Ok(Json(Finished {
        conversation,
        messages: Vec::new(),
    }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReprocessQuery {
    /// The language of the conversation, if it is another than was thought; like `en` or `pt-BR`.
    #[param(max_length = 35, pattern = "^[A-Za-z0-9_-]*$")]
    language_code: Option<String>,
}

/// Understand a conversation again. It is kept, and so is its title.
#[utoipa::path(post, path = "/v1/conversations/{id}/reprocess", tag = "conversations",
    params(("id" = String, Path), ReprocessQuery),
    responses((status = 200, body = Conversation),
              (status = 409, body = ErrorBody)))]
pub async fn reprocess(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Query(query): Query<ReprocessQuery>,
) -> Result<Json<Conversation>> {
    let id = id.or_absent("Conversation")?;
    let language = query.language_code.as_deref();
    let news = app.outbox.listen();
    conversations::reprocess(&app.db, &app.outbox, &caller.uid, id, language).await?;
    Ok(Json(
        processing::outcome(&app.db, news, &caller.uid, id, PATIENCE).await?,
    ))
}

#[derive(Deserialize, ToSchema)]
pub struct Merge {
    /// Of 2 to 100 completed conversations, in any order.
    #[schema(min_items = 2, max_items = 100)]
    conversation_ids: Vec<String>,
    /// Whether the whole is understood anew; else it has the title and overview of the earliest that has a title.
    #[serde(default = "yes")]
    #[schema(default = true)]
    reprocess: bool,
}

fn yes() -> bool {
    true
}

#[derive(Serialize, ToSchema)]
pub struct Merging {
    /// `merging`
    status: &'static str,
    message: &'static str,
    /// Names each gap of more than an hour between neighbours.
    #[schema(required)]
    warning: Option<String>,
    conversation_ids: Vec<String>,
}

/// Make one conversation of several, which are then gone; it has their action items and memories. Answers at once; the whole
/// appears in the list soon, with the ids of its parts in `external_data.merge_metadata`.
#[utoipa::path(post, path = "/v1/conversations/merge", tag = "conversations", request_body = Merge,
    responses((status = 200, body = Merging),
              (status = 400, body = ErrorBody, description = "One is not completed"),
              (status = 404, body = ErrorBody, description = "One is absent")))]
pub async fn merge(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<Merge>,
) -> Result<Json<Merging>> {
    let ids = wanted.conversation_ids;
    let again = wanted.reprocess;
    let warning = conversations::merge(&app.db, &app.outbox, &caller, &ids, again).await?;
    Ok(Json(Merging {
        status: "merging",
        message: "Merge started",
        warning,
        conversation_ids: ids,
    }))
}

#[derive(Serialize, ToSchema)]
pub struct Processing {
    conversation_id: Uuid,
    steps: Vec<StepStanding>,
}

/// How far the understanding of a conversation has come, step by step, and who did what.
#[utoipa::path(get, path = "/v1/conversations/{id}/processing", tag = "conversations", params(("id" = String, Path)),
    responses((status = 200, body = Processing)))]
pub async fn steps(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<Processing>> {
    let conversation_id = id.or_absent("Conversation")?;
    let steps = processing::steps(&app.db, &caller, conversation_id).await?;
    Ok(Json(Processing {
        conversation_id,
        steps,
    }))
}
