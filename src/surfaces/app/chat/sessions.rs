//! `/v2/chat-sessions`, `/v2/chat/initial-message`, `/v2/chat/generate-title`

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{super::StatusAnswer, super::messages::Which, MOST_OFFSET, Page};
use crate::{
    app::App,
    features::{
        chat::{self, Line, NewSession, Session, SessionChanges, SessionFilter, Thread},
        credentials::Caller,
        lenient,
    },
    surfaces::{
        extract::{Body, Id, Query, bounded},
        guard::NewIds,
        respond::{ErrorBody, Result},
    },
};

#[derive(Deserialize, ToSchema)]
pub struct ToOpen {
    /// `New Chat` if left out.
    #[schema(max_length = 500)]
    title: Option<String>,
    /// Of which app; none if left out.
    #[schema(max_length = 200)]
    app_id: Option<String>,
}

/// Open a session beside the thread of an app.
#[utoipa::path(post, path = "/v2/chat-sessions", tag = "chat", request_body = ToOpen,
    responses((status = 200, body = Session)))]
pub async fn open(
    State(app): State<App>,
    caller: Caller,
    mut ids: NewIds,
    Body(sent): Body<ToOpen>,
) -> Result<Json<Session>> {
    let new = NewSession {
        title: sent.title,
        thread: Thread::of_app_in_body(sent.app_id.as_deref())?,
    };
    let session = chat::open_session(&app.db, &caller, ids.next(), &new);
    Ok(Json(session.await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Starred {
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    starred: Option<bool>,
}

/// The sessions of an app, or of none: those that were opened and that of the thread, the one changed last first.
#[utoipa::path(get, path = "/v2/chat-sessions", tag = "chat", params(Which, Starred, Page),
    responses((status = 200, body = Vec<Session>)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(which): Query<Which>,
    Query(Starred { starred }): Query<Starred>,
    Query(page): Query<Page>,
) -> Result<Json<Vec<Session>>> {
    let filter = SessionFilter {
        thread: which.thread()?,
        starred,
        limit: bounded("limit", page.limit, 50, 1, 500)?,
        offset: bounded("offset", page.offset, 0, 0, MOST_OFFSET)?,
    };
    Ok(Json(chat::sessions(&app.db, &caller, &filter).await?))
}

#[utoipa::path(get, path = "/v2/chat-sessions/{id}", tag = "chat", summary = "One session",
    params(("id" = String, Path)), responses((status = 200, body = Session)))]
pub async fn get(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<Session>> {
    let id = id.or_absent("Chat session")?;
    Ok(Json(chat::session(&app.db, &caller, id).await?))
}

#[derive(Deserialize, ToSchema)]
pub struct ToChange {
    #[schema(max_length = 500)]
    title: Option<String>,
    starred: Option<bool>,
}

/// Rename a session, or star it. What is left out stays.
#[utoipa::path(patch, path = "/v2/chat-sessions/{id}", tag = "chat", params(("id" = String, Path)),
    request_body = ToChange, responses((status = 200, body = Session)))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Body(sent): Body<ToChange>,
) -> Result<Json<Session>> {
    let changes = SessionChanges {
        title: sent.title,
        starred: sent.starred,
    };
    let id = id.or_absent("Chat session")?;
    Ok(Json(
        chat::change_session(&app.db, &caller, id, &changes).await?,
    ))
}

/// Delete a session with its messages and their files. Nothing happens where there is none.
#[utoipa::path(delete, path = "/v2/chat-sessions/{id}", tag = "chat", params(("id" = String, Path)),
    responses((status = 200, body = StatusAnswer)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<StatusAnswer>> {
    if let Some(id) = id.0 {
        chat::delete_session(&app, &caller, id).await?;
    }
    Ok(StatusAnswer::ok())
}

#[derive(Deserialize, ToSchema)]
pub struct ToGreet {
    #[schema(min_length = 1)]
    session_id: String,
}

#[derive(Serialize, ToSchema)]
pub struct Greeted {
    message: String,
    message_id: Uuid,
}

/// Have a session greeted, following on what was said there last.
#[utoipa::path(post, path = "/v2/chat/initial-message", tag = "chat", request_body = ToGreet,
    responses((status = 200, body = Greeted),
              (status = 404, body = ErrorBody, description = "There is no such session")))]
pub async fn greet(
    State(app): State<App>,
    caller: Caller,
    Body(sent): Body<ToGreet>,
) -> Result<Json<Greeted>> {
    let greeting = chat::greet_session(&app, &caller, sent.session_id.parse().ok()).await?;
    Ok(Json(Greeted {
        message: greeting.text,
        message_id: greeting.id,
    }))
}

#[derive(Deserialize, ToSchema)]
pub struct SaidLine {
    text: String,
    /// `human`, or anybody else.
    sender: String,
}

#[derive(Deserialize, ToSchema)]
pub struct ToName {
    /// It has the title from then on, if there is such a session.
    #[schema(min_length = 1)]
    session_id: String,
    /// The first ten are looked at.
    #[schema(min_items = 1, max_items = 50)]
    messages: Vec<SaidLine>,
}

#[derive(Serialize, ToSchema)]
pub struct ChatTitle {
    /// At most six words.
    title: String,
}

/// Have a session named after what was said.
#[utoipa::path(post, path = "/v2/chat/generate-title", tag = "chat", request_body = ToName,
    responses((status = 200, body = ChatTitle)))]
pub async fn title(
    State(app): State<App>,
    caller: Caller,
    Body(sent): Body<ToName>,
) -> Result<Json<ChatTitle>> {
    let lines: Vec<_> = sent
        .messages
        .into_iter()
        .map(|SaidLine { text, sender }| Line { text, sender })
        .collect();
    let session = sent.session_id.parse().ok();
    let title = chat::title(&app, &caller, session, &lines).await?;
    Ok(Json(ChatTitle { title }))
}
