//! The import API: `/v2/integrations/{app_id}`, with a key of the app, for users who enabled it.

mod conversations;
pub mod door;
mod input;
mod memories;
mod tasks;

use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{guard, limits::Policy};
use crate::{app::App, features::apps::Action};

/// Taken; an empty object.
#[derive(serde::Serialize, ToSchema)]
pub struct Accepted {}

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(
            guard::app(Action::CreateConversation)
                .hourly(Policy::ImportConversations)
                .once()
                .on(routes!(conversations::create)),
        )
        .routes(guard::app(Action::ReadConversations).on(routes!(conversations::list)))
        .routes(guard::app(Action::ReadConversations).on(routes!(conversations::search)))
        .routes(
            guard::app(Action::CreateMemories)
                .hourly(Policy::ImportMemories)
                .once()
                .on(routes!(memories::create)),
        )
        .routes(guard::app(Action::ReadMemories).on(routes!(memories::list)))
        .routes(guard::app(Action::ReadTasks).on(routes!(tasks::list)))
}
