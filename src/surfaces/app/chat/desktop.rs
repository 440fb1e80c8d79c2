//! `/v2/desktop/messages`, `/v1/users/stats/chat-messages`: messages that the desktop app keeps here and answers by itself.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{super::StatusAnswer, super::messages::Which, MOST_OFFSET, Page};
use crate::{
    app::App,
    error::Error,
    features::{
        chat::{self, Message, Said, Sender, Thread},
        credentials::Caller,
    },
    surfaces::{
        extract::{Body, Id, Query, bounded},
        guard::NewIds,
        respond::{ErrorBody, Result},
    },
};

#[derive(Deserialize, ToSchema)]
pub struct ToKeep {
    #[schema(min_length = 1, max_length = 100_000, pattern = r"^[^\x00]+$")]
    text: String,
    /// `human` or `ai`
    #[schema(pattern = "^(human|ai)$")]
    sender: String,
    /// Whose thread, where no session is named.
    #[schema(max_length = 200)]
    app_id: Option<String>,
    session_id: Option<String>,
    /// Anything that the client wants back.
    #[schema(max_length = 100_000)]
    metadata: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct KeptMessage {
    id: Uuid,
    created_at: DateTime<Utc>,
}

/// Keep a message: in a session, or else in the thread of an app, whose session then begins. Nobody answers it.
#[utoipa::path(post, path = "/v2/desktop/messages", tag = "chat", request_body = ToKeep,
    responses((status = 200, body = KeptMessage),
              (status = 404, body = ErrorBody, description = "There is no such session")))]
pub async fn say(
    State(app): State<App>,
    caller: Caller,
    mut ids: NewIds,
    Body(sent): Body<ToKeep>,
) -> Result<Json<KeptMessage>> {
    let sender = match sent.sender.as_str() {
        "human" => Sender::Human,
        "ai" => Sender::Ai,
        _ => return Err(Error::invalid("sender", "sender must be human or ai").into()),
    };
    let said = Said {
        text: sent.text,
        sender,
        metadata: sent.metadata,
    };
    let thread = Thread::of_app_in_body(sent.app_id.as_deref())?;
    let session = session(sent.session_id.as_deref());
    let kept = chat::say(&app.db, &caller, ids.next(), session, &thread, &said).await?;
    Ok(Json(KeptMessage {
        id: kept.id,
        created_at: kept.created_at,
    }))
}

/// Some(None): one that there cannot be.
fn session(id: Option<&str>) -> Option<Option<Uuid>> {
    let id = id.map(str::trim).filter(|id| !id.is_empty());
    id.map(|id| id.parse().ok())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Where {
    /// A session; it counts before an app.
    session_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct DesktopMessage {
    #[serde(flatten)]
    message: Message,
    /// The same as `chat_session_id`.
    session_id: Option<Uuid>,
    metadata: Option<String>,
}

/// Messages of a session, or of the thread of an app, newest first.
#[utoipa::path(get, path = "/v2/desktop/messages", tag = "chat", params(Which, Where, Page),
    responses((status = 200, body = Vec<DesktopMessage>)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(which): Query<Which>,
    Query(place): Query<Where>,
    Query(page): Query<Page>,
) -> Result<Json<Vec<DesktopMessage>>> {
    let session = session(place.session_id.as_deref());
    let page = (
        bounded("limit", page.limit, 100, 1, 1000)?,
        bounded("offset", page.offset, 0, 0, MOST_OFFSET)?,
    );
    let messages = chat::said(&app, &caller, session, &which.thread()?, page).await?;
    let messages = messages.into_iter().map(|message| DesktopMessage {
        session_id: message.chat_session_id,
        metadata: message.metadata.clone(),
        message,
    });
    Ok(Json(messages.collect()))
}

#[derive(Serialize, ToSchema)]
pub struct DeletedMessages {
    /// `ok`
    status: &'static str,
    deleted_count: u64,
}

/// Delete the messages of a session, or of the thread of an app. The session stays.
#[utoipa::path(delete, path = "/v2/desktop/messages", tag = "chat", params(Which, Where),
    responses((status = 200, body = DeletedMessages)))]
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    Query(which): Query<Which>,
    Query(place): Query<Where>,
) -> Result<Json<DeletedMessages>> {
    let session = session(place.session_id.as_deref());
    let deleted_count = chat::delete_messages(&app, &caller, session, &which.thread()?).await?;
    Ok(Json(DeletedMessages {
        status: "ok",
        deleted_count,
    }))
}

#[derive(Deserialize, ToSchema)]
pub struct DesktopRating {
    /// 1 or -1; null takes it back.
    #[serde(default)]
    #[schema(minimum = -1, maximum = 1)]
    rating: Option<i64>,
}

/// Rate an answer.
#[utoipa::path(patch, path = "/v2/desktop/messages/{id}/rating", tag = "chat", params(("id" = String, Path)),
    request_body = DesktopRating,
    responses((status = 200, body = StatusAnswer), (status = 400, body = ErrorBody, description = "The rating is 0")))]
pub async fn rate(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Body(sent): Body<DesktopRating>,
) -> Result<Json<StatusAnswer>> {
    let id = id.or_absent("Message")?;
    chat::rate_said(&app.db, &caller, id, sent.rating).await?;
    Ok(StatusAnswer::ok())
}

#[derive(Serialize, ToSchema)]
pub struct MessageCount {
    #[schema(minimum = 0)]
    count: i64,
}

/// How many messages the user has, of all threads and sessions.
#[utoipa::path(get, path = "/v1/users/stats/chat-messages", tag = "chat",
    responses((status = 200, body = MessageCount)))]
pub async fn count(State(app): State<App>, caller: Caller) -> Result<Json<MessageCount>> {
    Ok(Json(MessageCount {
        count: chat::count(&app.db, &caller).await?,
    }))
}
