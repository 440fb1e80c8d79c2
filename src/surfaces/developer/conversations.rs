//! `/v1/dev/user/conversations`

use std::time::Duration;

use axum::{Extension, Json, extract::State, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use utoipa::{
    IntoParams, ToSchema,
    openapi::{RefOr, Schema},
};
use uuid::Uuid;

use crate::{
    app::App,
    error::Error,
    features::{
        accounts, conversations,
        conversations::{
            Changes, Conversation, Filter, Geolocation, Import, NewText, NewTranscript, Structured,
            TextSource, TranscriptSegment,
        },
        credentials::Caller,
        folders, lenient,
        people::{self, Speakers},
        processing, schema,
    },
    platform::outbox::Notice,
    surfaces::{
        developer::Success,
        extract::{Body, Filters, Id, Query, bounded, known_names},
        guard::{NewIds, NotFinal},
        parts,
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
    #[schema(nullable = false)]
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
    /// The name of the user or of the person, or `Speaker <n>`.
    speaker_name: String,
    /// Seconds from `started_at`.
    start: f64,
    end: f64,
}

impl SegmentAnswer {
    fn new(segment: TranscriptSegment, speakers: &Speakers) -> Self {
        Self {
            id: segment.id,
            speaker_name: speakers.name(&segment),
            text: segment.text,
            speaker_id: segment.speaker_id,
            start: segment.start,
            end: segment.end,
        }
    }
}

impl ConversationAnswer {
    fn new(conversation: Conversation, speakers: Option<&Speakers>) -> Self {
        Self {
            id: conversation.id,
            created_at: conversation.created_at,
            started_at: conversation.started_at,
            finished_at: conversation.finished_at,
            structured: conversation.structured,
            language: conversation.language,
            source: conversation.source,
            transcript_segments: speakers.map(|speakers| {
                conversation
                    .transcript_segments
                    .into_iter()
                    .map(|segment| SegmentAnswer::new(segment, speakers))
                    .collect()
            }),
            geolocation: conversation.geolocation,
            folder_id: conversation.folder_id,
            folder_name: None,
        }
    }
}

/// Conversations as answers, with their transcripts if those are wanted.
async fn answers(
    app: &App,
    caller: &Caller,
    found: Vec<Conversation>,
    transcripts: bool,
) -> Result<Vec<ConversationAnswer>> {
    let speakers = if transcripts {
        let user = accounts::profile(&app.db, &caller.uid).await?.name;
        let ids = people::speaking(found.iter().flat_map(|one| &one.transcript_segments));
        Some(Speakers::of(&app.db, &caller.uid, &user, &ids).await?)
    } else {
        None
    };
    let answers = found
        .into_iter()
        .map(|one| ConversationAnswer::new(one, speakers.as_ref()));
    let mut answers: Vec<_> = answers.collect();
    name_folders(app, caller, &mut answers).await?;
    Ok(answers)
}

async fn answer(
    app: &App,
    caller: &Caller,
    found: Conversation,
    transcript: bool,
) -> Result<Json<ConversationAnswer>> {
    let only = answers(app, caller, vec![found], transcript)
        .await?
        .into_iter()
        .next();
    Ok(Json(only.ok_or(Error::NotFound("Conversation"))?))
}

/// Gives the answers the names of the folders that they lie in.
async fn name_folders(
    app: &App,
    caller: &Caller,
    answers: &mut [ConversationAnswer],
) -> Result<()> {
    let ids: Vec<_> = answers
        .iter()
        .filter_map(|answer| answer.folder_id.clone())
        .collect();
    let names = folders::names(&app.db, caller, &ids).await?;
    for answer in answers {
        let id = answer.folder_id.as_ref();
        answer.folder_name = id.and_then(|id| names.get(id)).cloned();
    }
    Ok(())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// 1 to 1000, 25 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    #[param(minimum = 0)]
    offset: Option<i64>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Created at or after; without an offset UTC.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    start_date: Option<DateTime<Utc>>,
    /// Created at or before.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    end_date: Option<DateTime<Utc>>,
    /// Comma-separated; any of them matches.
    #[param(schema_with = categories)]
    categories: Option<String>,
    #[param(min_length = 1)]
    folder_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    starred: Option<bool>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Shown {
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    include_transcript: Option<bool>,
    /// Another name of `include_transcript`.
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    transcript: Option<bool>,
}

impl Shown {
    fn transcript(&self) -> bool {
        self.include_transcript.or(self.transcript).unwrap_or(false)
    }
}

fn categories() -> RefOr<Schema> {
    schema::list_of(&conversations::CATEGORIES)
}

/// Completed conversations, newest first.
#[utoipa::path(get, path = "/v1/dev/user/conversations", tag = "conversations", params(Page, Which, Shown),
    responses((status = 200, body = Vec<ConversationAnswer>), (status = 400, body = ErrorBody)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
    Filters(which): Filters<Which>,
    Filters(shown): Filters<Shown>,
) -> Result<Response> {
    if which.folder_id.as_deref() == Some("") {
        return Err(Error::invalid_parameter("folder_id", "folder_id cannot be empty").into());
    }
    let categories = which.categories.as_deref();
    let known = &conversations::CATEGORIES;
    let filter = Filter {
        statuses: vec!["completed".into()],
        include_discarded: false,
        categories: known_names("categories", "category", categories, known)?,
        from: which.start_date,
        to: which.end_date,
        folder_id: which.folder_id,
        starred: which.starred,
        limit: bounded("limit", page.limit, 25, 1, 1000)?,
        offset: bounded("offset", page.offset, 0, 0, i64::MAX)?,
    };
    let transcript = shown.transcript();
    let ids = conversations::ids(&app.db, &caller, &filter).await?;
    parts::answer("", ids, String::new(), move |ids| {
        let (app, caller) = (app.clone(), caller.clone());
        async move {
            let found = conversations::of_ids(&app.db, &caller.uid, &ids, transcript).await?;
            answers(&app, &caller, found, transcript).await
        }
    })
    .await
}

/// One conversation.
#[utoipa::path(get, path = "/v1/dev/user/conversations/{id}", tag = "conversations",
    params(("id" = String, Path), Shown),
    responses((status = 200, body = ConversationAnswer), (status = 400, body = ErrorBody)))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Filters(shown): Filters<Shown>,
) -> Result<Json<ConversationAnswer>> {
    let transcript = shown.transcript();
    let id = id.or_absent("Conversation")?;
    let found = conversations::find(&app.db, &caller.uid, id, transcript).await?;
    answer(&app, &caller, found, transcript).await
}

#[derive(Serialize, ToSchema)]
pub struct Outcome {
    id: Uuid,
    /// `completed`, `failed`, or `processing` if it takes longer than the answer can wait.
    status: String,
    discarded: bool,
}

/// The answer of a POST; it is not the last word until the conversation is understood.
type Imported = (Option<Extension<NotFinal>>, Json<Outcome>);

fn import(mut ids: NewIds) -> Import {
    Import {
        id: ids.next(),
        keyed: ids.repeatable(),
        app_id: None,
        text_source: TextSource::OtherText,
    }
}

/// How a conversation stands once it is understood, or when the answer can wait no longer.
async fn outcome(
    app: &App,
    caller: &Caller,
    news: broadcast::Receiver<Notice>,
    id: Uuid,
) -> Result<Imported> {
    let standing = processing::settled(&app.db, news, &caller.uid, id, PATIENCE).await?;
    let not_final = (standing.status != "completed").then_some(Extension(NotFinal));
    let outcome = Outcome {
        id,
        status: standing.status,
        discarded: standing.discarded,
    };
    Ok((not_final, Json(outcome)))
}

/// Store a text as a conversation and understand it. The same request again within ten minutes makes no second one.
#[utoipa::path(post, path = "/v1/dev/user/conversations", tag = "conversations", request_body = NewText,
    responses((status = 200, body = Outcome)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    ids: NewIds,
    Body(new): Body<NewText>,
) -> Result<Imported> {
    let news = app.outbox.listen();
    let id = conversations::import_text(&app.db, &app.outbox, &caller, new, import(ids)).await?;
    outcome(&app, &caller, news, id).await
}

/// Store a transcript as a conversation and understand it.
#[utoipa::path(post, path = "/v1/dev/user/conversations/from-segments", tag = "conversations",
    request_body = NewTranscript,
    responses((status = 200, body = Outcome)))]
pub async fn create_from_segments(
    State(app): State<App>,
    caller: Caller,
    ids: NewIds,
    Body(new): Body<NewTranscript>,
) -> Result<Imported> {
    let news = app.outbox.listen();
    let id =
        conversations::import_transcript(&app.db, &app.outbox, &caller, new, import(ids)).await?;
    outcome(&app, &caller, news, id).await
}

/// Change a conversation's title, or whether it is discarded. Answers with its transcript.
#[utoipa::path(patch, path = "/v1/dev/user/conversations/{id}", tag = "conversations",
    params(("id" = String, Path)), request_body = Changes,
    responses((status = 200, body = ConversationAnswer)))]
pub async fn update(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Body(changes): Body<Changes>,
) -> Result<Json<ConversationAnswer>> {
    let id = id.or_absent("Conversation")?;
    let changed = conversations::change(&app.db, &caller, id, changes).await?;
    answer(&app, &caller, changed, true).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeleteQuery {
    /// Its action items and the memories that were found in it go too.
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    cascade: Option<bool>,
}

/// Remove a conversation. Memories and action items made from it stay, unless told otherwise.
#[utoipa::path(delete, path = "/v1/dev/user/conversations/{id}", tag = "conversations",
    params(("id" = String, Path), DeleteQuery),
    responses((status = 200, body = Success), (status = 400, body = ErrorBody)))]
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Filters(query): Filters<DeleteQuery>,
) -> Result<Json<Success>> {
    let id = id.or_absent("Conversation")?;
    let cascade = query.cascade.unwrap_or(false);
    conversations::delete(&app.db, &app.outbox, &caller, id, cascade).await?;
    Ok(Json(Success { success: true }))
}
