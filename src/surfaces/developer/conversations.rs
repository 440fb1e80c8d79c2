//! `/v1/dev/user/conversations`

use std::time::Duration;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    app::App,
    error::Error,
    features::{
        accounts, conversations,
        conversations::{
            Conversation, Filter, Geolocation, NewText, Structured, TranscriptSegment,
        },
        credentials::Caller,
        lenient, processing,
    },
    surfaces::{
        extract::{Body, Id, Query, bounded, names},
        respond::{ErrorBody, Result},
    },
};

/// How long a create waits for the outcome before it answers `processing`. The published command-line
/// client gives up after 30 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// A conversation as the Developer API shows it.
#[derive(Serialize, ToSchema)]
pub struct ConversationAnswer {
    id: Uuid,
    created_at: DateTime<Utc>,
    started_at: DateTime<Utc>,
    finished_at: DateTime<Utc>,
    structured: Structured,
    language: Option<String>,
    source: String,
    /// Only when asked for with `include_transcript=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    transcript_segments: Option<Vec<SegmentAnswer>>,
    geolocation: Option<Geolocation>,
    folder_id: Option<String>,
    folder_name: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct SegmentAnswer {
    id: Uuid,
    text: String,
    speaker_id: i32,
    /// The user's name, a known person's, or `Speaker <n>`.
    speaker_name: String,
    /// Seconds from `started_at`.
    start: f64,
    end: f64,
}

impl SegmentAnswer {
    fn new(segment: TranscriptSegment, user: &str) -> Self {
        Self {
            id: segment.id,
            speaker_name: processing::speaker_name(&segment, user),
            text: segment.text,
            speaker_id: segment.speaker_id,
            start: segment.start,
            end: segment.end,
        }
    }
}

impl ConversationAnswer {
    fn new(conversation: Conversation, transcript_for: Option<&str>) -> Self {
        Self {
            id: conversation.id,
            created_at: conversation.created_at,
            started_at: conversation.started_at,
            finished_at: conversation.finished_at,
            structured: conversation.structured,
            language: conversation.language,
            source: conversation.source,
            transcript_segments: transcript_for.map(|user| {
                conversation
                    .transcript_segments
                    .into_iter()
                    .map(|segment| SegmentAnswer::new(segment, user))
                    .collect()
            }),
            geolocation: conversation.geolocation,
            folder_id: conversation.folder_id,
            folder_name: None,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// 1 to 1000, 25 if left out.
    limit: Option<i64>,
    offset: Option<i64>,
    /// Created at or after; without an offset UTC.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    start_date: Option<DateTime<Utc>>,
    /// Created at or before.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    end_date: Option<DateTime<Utc>>,
    /// Comma-separated; any of them matches.
    categories: Option<String>,
    folder_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    starred: Option<bool>,
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    include_transcript: Option<bool>,
}

/// Completed conversations, newest first.
#[utoipa::path(get, path = "/v1/dev/user/conversations", tag = "conversations", params(ListQuery),
    responses((status = 200, body = Vec<ConversationAnswer>), (status = 400, body = ErrorBody)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Vec<ConversationAnswer>>> {
    if query.folder_id.as_deref() == Some("") {
        return Err(Error::invalid_parameter("folder_id", "folder_id cannot be empty").into());
    }
    let categories = names(query.categories.as_deref());
    if let Some(unknown) = categories
        .iter()
        .flatten()
        .find(|name| !conversations::CATEGORIES.contains(&name.as_str()))
    {
        return Err(Error::BadRequest(format!("Invalid category: {unknown}")).into());
    }
    let filter = Filter {
        statuses: vec!["completed".into()],
        include_discarded: false,
        categories,
        from: query.start_date,
        to: query.end_date,
        folder_id: query.folder_id,
        starred: query.starred,
        limit: bounded("limit", query.limit, 25, 1, 1000)?,
        offset: bounded("offset", query.offset, 0, 0, i64::MAX)?,
    };
    let transcript = query.include_transcript.unwrap_or(false);
    let found = conversations::list(&app.db, &caller, &filter, transcript).await?;
    let user = if transcript {
        Some(accounts::profile(&app.db, &caller.uid).await?.name)
    } else {
        None
    };
    Ok(Json(
        found
            .into_iter()
            .map(|one| ConversationAnswer::new(one, user.as_deref()))
            .collect(),
    ))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct GetQuery {
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    include_transcript: Option<bool>,
}

/// One conversation.
#[utoipa::path(get, path = "/v1/dev/user/conversations/{id}", tag = "conversations",
    params(("id" = String, Path), GetQuery),
    responses((status = 200, body = ConversationAnswer)))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Query(query): Query<GetQuery>,
) -> Result<Json<ConversationAnswer>> {
    let transcript = query.include_transcript.unwrap_or(false);
    let id = id.or_absent("Conversation")?;
    let found = conversations::find(&app.db, &caller.uid, id, transcript).await?;
    let user = if transcript {
        Some(accounts::profile(&app.db, &caller.uid).await?.name)
    } else {
        None
    };
    Ok(Json(ConversationAnswer::new(found, user.as_deref())))
}

#[derive(Serialize, ToSchema)]
pub struct Outcome {
    id: Uuid,
    /// `completed`, `failed`, or `processing` if it takes longer than the answer can wait.
    status: String,
    discarded: bool,
}

/// Store a text as a conversation and understand it.
#[utoipa::path(post, path = "/v1/dev/user/conversations", tag = "conversations", request_body = NewText,
    responses((status = 200, body = Outcome)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewText>,
) -> Result<Json<Outcome>> {
    let news = app.outbox.listen();
    let id = conversations::import_text(&app.db, &app.outbox, &caller, new).await?;
    let conversation = processing::outcome(&app.db, news, &caller.uid, id, PATIENCE).await?;
    Ok(Json(Outcome {
        id,
        status: conversation.status,
        discarded: conversation.discarded,
    }))
}
