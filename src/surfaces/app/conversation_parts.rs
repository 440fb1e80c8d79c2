//! `/v1/conversations/count` and `/v1/conversations/{id}/…`: what belongs to a conversation.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{StatusAnswer, action_items::ActionItemAnswer};
use crate::{
    app::App,
    features::{
        audio,
        conversations::{self, Conversation, Photo, TranscriptSegment},
        credentials::Caller,
        lenient,
        people::{self, Person},
        processing,
    },
    surfaces::{
        extract::{Body, Id, IdAnd, OptionalBody, Query, names},
        guard,
        limits::Policy,
        respond::{ErrorBody, Result},
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(count)))
        .routes(guard::user().on(routes!(photos)))
        .routes(guard::user().on(routes!(recording)))
        .routes(guard::user().on(routes!(transcripts)))
        .routes(guard::user().on(routes!(suggested_apps)))
        .routes(
            guard::user()
                .hourly(Policy::TestPrompts)
                .on(routes!(test_prompt)),
        )
        .routes(guard::user().on(routes!(
            action_items,
            complete_action_items,
            delete_action_items
        )))
        .routes(guard::user().on(routes!(rename_action_item)))
        .routes(guard::open(routes!(shared)))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CountQuery {
    /// Comma-separated; all if left out or empty.
    statuses: Option<String>,
    /// False if left out.
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    include_discarded: Option<bool>,
}

#[derive(Serialize, ToSchema)]
pub struct Count {
    #[schema(minimum = 0)]
    count: i64,
}

/// How many conversations there are.
#[utoipa::path(get, path = "/v1/conversations/count", tag = "conversations", params(CountQuery),
    responses((status = 200, body = Count), (status = 400, body = ErrorBody)))]
pub async fn count(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<CountQuery>,
) -> Result<Json<Count>> {
    let statuses = names(query.statuses.as_deref());
    let discarded = query.include_discarded.unwrap_or(false);
    let count = conversations::count(&app.db, &caller, statuses.as_deref(), discarded).await?;
    Ok(Json(Count { count }))
}

/// The pictures that were taken during a conversation, in order.
#[utoipa::path(get, path = "/v1/conversations/{id}/photos", tag = "conversations", params(("id" = String, Path)),
    responses((status = 200, body = Vec<Photo>)))]
pub async fn photos(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<Vec<Photo>>> {
    let id = id.or_absent("Conversation")?;
    Ok(Json(conversations::photos(&app.db, &caller, id).await?))
}

#[derive(Serialize, ToSchema)]
pub struct HasRecording {
    has_recording: bool,
}

/// Whether sound of a conversation is stored.
#[utoipa::path(get, path = "/v1/conversations/{id}/recording", tag = "conversations", params(("id" = String, Path)),
    responses((status = 200, body = HasRecording)))]
pub async fn recording(
    State(app): State<App>,
    caller: Caller,
    id: Id,
) -> Result<Json<HasRecording>> {
    let id = id.or_absent("Conversation")?;
    let has_recording = !audio::list(&app.db, &caller, id).await?.is_empty();
    Ok(Json(HasRecording { has_recording }))
}

/// What other recognisers made of the sound. There is one transcript only, that of the conversation itself: all are empty.
#[derive(Default, Serialize, ToSchema)]
pub struct Transcripts {
    deepgram: Vec<TranscriptSegment>,
    soniox: Vec<TranscriptSegment>,
    speechmatics: Vec<TranscriptSegment>,
    whisperx: Vec<TranscriptSegment>,
}

/// Further transcripts of a conversation: there are none.
#[utoipa::path(get, path = "/v1/conversations/{id}/transcripts", tag = "conversations",
    params(("id" = String, Path)), responses((status = 200, body = Transcripts)))]
pub async fn transcripts(
    State(app): State<App>,
    caller: Caller,
    id: Id,
) -> Result<Json<Transcripts>> {
    let id = id.or_absent("Conversation")?;
    conversations::standing(&app.db, &caller.uid, id).await?;
    Ok(Json(Transcripts::default()))
}

#[derive(Serialize, ToSchema)]
pub struct SuggestedApps {
    suggested_apps: Vec<serde_json::Value>,
    conversation_id: Uuid,
}

/// Apps that could sum a conversation up: there are none.
#[utoipa::path(get, path = "/v1/conversations/{id}/suggested-apps", tag = "conversations",
    params(("id" = String, Path)), responses((status = 200, body = SuggestedApps)))]
pub async fn suggested_apps(
    State(app): State<App>,
    caller: Caller,
    id: Id,
) -> Result<Json<SuggestedApps>> {
    let conversation_id = id.or_absent("Conversation")?;
    conversations::standing(&app.db, &caller.uid, conversation_id).await?;
    Ok(Json(SuggestedApps {
        suggested_apps: Vec::new(),
        conversation_id,
    }))
}

#[derive(Deserialize, ToSchema)]
pub struct TestPrompt {
    /// 1 to 10,000 characters.
    #[schema(
        min_length = 1,
        max_length = 10_000,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    prompt: String,
}

#[derive(Serialize, ToSchema)]
pub struct TestSummary {
    summary: String,
}

/// Try a prompt for summaries on a conversation; nothing is stored.
#[utoipa::path(post, path = "/v1/conversations/{id}/test-prompt", tag = "conversations",
    params(("id" = String, Path)), request_body = TestPrompt,
    responses((status = 200, body = TestSummary),
              (status = 400, body = ErrorBody, description = "Nothing was said in it"),
              (status = 409, body = ErrorBody, description = "There is no language model on this server")))]
pub async fn test_prompt(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Body(sent): Body<TestPrompt>,
) -> Result<Json<TestSummary>> {
    let id = id.or_absent("Conversation")?;
    let summary = processing::try_prompt(&app, &caller, id, &sent.prompt).await?;
    Ok(Json(TestSummary { summary }))
}

#[derive(Serialize, ToSchema)]
pub struct ConversationItems {
    action_items: Vec<ActionItemAnswer>,
    conversation_id: Uuid,
}

/// The action items of a conversation, in the order in which it shows them.
#[utoipa::path(get, path = "/v1/conversations/{id}/action-items", tag = "conversations",
    params(("id" = String, Path)), responses((status = 200, body = ConversationItems)))]
pub async fn action_items(
    State(app): State<App>,
    caller: Caller,
    id: Id,
) -> Result<Json<ConversationItems>> {
    let conversation_id = id.or_absent("Conversation")?;
    let items = conversations::items(&app.db, &caller, conversation_id).await?;
    Ok(Json(ConversationItems {
        action_items: items.into_iter().map(Into::into).collect(),
        conversation_id,
    }))
}

#[derive(Deserialize, ToSchema)]
pub struct ItemsCompleted {
    /// Places in the list of action items, from 0; those beyond its end do not count.
    items_idx: Vec<i64>,
    /// Of each place, whether the item is completed.
    values: Vec<bool>,
}

/// Complete or reopen action items of a conversation.
#[utoipa::path(patch, path = "/v1/conversations/{id}/action-items", tag = "conversations",
    params(("id" = String, Path)), request_body = ItemsCompleted, responses((status = 200, body = StatusAnswer)))]
pub async fn complete_action_items(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Body(sent): Body<ItemsCompleted>,
) -> Result<Json<StatusAnswer>> {
    let id = id.or_absent("Conversation")?;
    let (places, values) = (&sent.items_idx, &sent.values);
    conversations::complete_items(&app.db, &caller, id, places, values).await?;
    Ok(StatusAnswer::capital())
}

#[derive(Deserialize, ToSchema)]
pub struct RenamedItem {
    old_description: String,
    /// 1 to 500 characters.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    description: String,
}

/// Give an action item of a conversation other words. It is found by those that it has; its place does not matter.
#[utoipa::path(patch, path = "/v1/conversations/{id}/action-items/{idx}", tag = "conversations",
    params(("id" = String, Path), ("idx" = String, Path)), request_body = RenamedItem,
    responses((status = 200, body = StatusAnswer)))]
pub async fn rename_action_item(
    State(app): State<App>,
    caller: Caller,
    IdAnd(id, _): IdAnd,
    Body(sent): Body<RenamedItem>,
) -> Result<Json<StatusAnswer>> {
    let id = id.or_absent("Conversation")?;
    let (old, new) = (&sent.old_description, &sent.description);
    conversations::rename_item(&app.db, &caller, id, old, new).await?;
    Ok(StatusAnswer::capital())
}

#[derive(Deserialize, ToSchema)]
pub struct DeletedItem {
    description: String,
}

/// Remove the action items of a conversation that have these words; without a body, all of them.
#[utoipa::path(delete, path = "/v1/conversations/{id}/action-items", tag = "conversations",
    params(("id" = String, Path)), request_body = Option<DeletedItem>, responses((status = 204)))]
pub async fn delete_action_items(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    OptionalBody(sent): OptionalBody<Option<DeletedItem>>,
) -> Result<StatusCode> {
    let id = id.or_absent("Conversation")?;
    let words = sent.as_ref().map(|sent| sent.description.as_str());
    conversations::delete_items(&app.db, &caller, id, words).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A conversation as everyone may see it.
#[derive(Serialize, ToSchema)]
pub struct SharedConversation {
    #[serde(flatten)]
    conversation: Conversation,
    /// Who speaks in it, as far as that is known by name.
    people: Vec<Person>,
}

/// A conversation that its owner shows to everyone, without where it was. Needs no credential.
#[utoipa::path(get, path = "/v1/conversations/{id}/shared", tag = "conversations", params(("id" = String, Path)),
    responses((status = 200, body = SharedConversation),
              (status = 404, body = ErrorBody, description = "It is private, or there is none")))]
pub async fn shared(State(app): State<App>, id: Id) -> Result<Json<SharedConversation>> {
    let (owner, conversation) = conversations::shared(&app.db, id.0).await?;
    let speakers = conversation.transcript_segments.iter();
    let speakers: Vec<_> = speakers
        .filter_map(|segment| segment.person_id.as_deref()?.parse().ok())
        .collect();
    Ok(Json(SharedConversation {
        people: people::of(&app.db, &owner, &speakers).await?,
        conversation,
    }))
}
