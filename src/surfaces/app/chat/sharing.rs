//! `/v2/messages/share`: messages for others, by a link.

use axum::{Json, extract::State, response::Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::shares::Link;
use crate::{
    app::App,
    features::{
        chat::{self, Sender, SharedChat},
        credentials::Caller,
    },
    surfaces::{
        extract::{Body, TextId},
        html::{self, escaped},
        respond::{ErrorBody, Result},
    },
};

#[derive(Deserialize, ToSchema)]
pub struct Shown {
    #[schema(min_items = 1, max_items = 200)]
    message_ids: Vec<String>,
}

/// Show messages to whoever has the link, for 30 days.
#[utoipa::path(post, path = "/v2/messages/share", tag = "chat", request_body = Shown,
    responses((status = 200, body = Link),
              (status = 400, body = ErrorBody, description = "No message is named"),
              (status = 404, body = ErrorBody, description = "There is no such message")))]
pub async fn share(
    State(app): State<App>,
    caller: Caller,
    Body(shown): Body<Shown>,
) -> Result<Json<Link>> {
    let token = chat::share(&app.db, &caller, &shown.message_ids).await?;
    let url = format!("{}/chat/{token}", app.public_url);
    Ok(Json(Link { url, token }))
}

/// What is shared. Needs no credential.
#[utoipa::path(get, path = "/v2/messages/shared/{token}", tag = "chat", params(("token" = String, Path)),
    responses((status = 200, body = SharedChat)))]
pub async fn shared(State(app): State<App>, TextId(token): TextId) -> Result<Json<SharedChat>> {
    Ok(Json(chat::shared(&app.db, &token).await?))
}

/// What is shared, as a page. Needs no credential.
#[utoipa::path(get, path = "/chat/{token}", tag = "chat", params(("token" = String, Path)),
    responses((status = 200, body = String, content_type = "text/html")))]
pub async fn page(State(app): State<App>, TextId(token): TextId) -> Result<Response> {
    Ok(written(&chat::shared(&app.db, &token).await?))
}

fn written(shared: &SharedChat) -> Response {
    let name = escaped(&shared.sender_name);
    let messages: String = shared
        .messages
        .iter()
        .map(|message| {
            let who = match message.sender {
                Sender::Human => name.as_str(),
                Sender::Ai => "Omi",
            };
            let at = message.created_at.format("%-d %b %Y, %H:%M UTC");
            let text = escaped(&message.text);
            format!("<p><b>{who}</b> <small>{at}</small>\n{text}</p>\n")
        })
        .collect();
    html::page(
        &format!("Chat of {name}"),
        &format!("{name} shares a chat with you"),
        &messages,
    )
}
