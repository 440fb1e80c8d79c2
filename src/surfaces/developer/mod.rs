//! The Developer API: `/v1/dev`, with a developer key.

mod action_items;
mod conversations;
mod folders;
mod goals;
mod keys;
mod memories;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    clock,
    guard::{scoped, user_or_developer},
    limits::Policy,
};
use crate::{app::App, features::credentials::Scope};

/// The answer of a removal.
#[derive(Serialize, ToSchema)]
pub struct Success {
    success: bool,
}

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(routes_of_keys())
        .routes(scoped(Scope::ReadMemories).on(routes!(memories::list)))
        .routes(scoped(Scope::ReadMemories).on(routes!(memories::get)))
        .routes(
            scoped(Scope::WriteMemories)
                .hourly(Policy::Memories)
                .once()
                .on(routes!(memories::create)),
        )
        .routes(
            scoped(Scope::WriteMemories)
                .hourly(Policy::MemoriesBatch)
                .once()
                .on(routes!(memories::create_batch)),
        )
        .routes(scoped(Scope::WriteMemories).on(routes!(memories::update)))
        .routes(scoped(Scope::WriteMemories).on(routes!(memories::delete)))
        .routes(scoped(Scope::ReadConversations).on(routes!(conversations::list)))
        .routes(scoped(Scope::ReadConversations).on(routes!(conversations::get)))
        .routes(
            scoped(Scope::WriteConversations)
                .hourly(Policy::Conversations)
                .once()
                .on(routes!(conversations::create)),
        )
        .routes(
            scoped(Scope::WriteConversations)
                .hourly(Policy::Conversations)
                .once()
                .on(routes!(conversations::create_from_segments)),
        )
        .routes(scoped(Scope::WriteConversations).on(routes!(conversations::update)))
        .routes(scoped(Scope::WriteConversations).on(routes!(conversations::delete)))
        .routes(scoped(Scope::ReadActionItems).on(routes!(action_items::list)))
        .routes(scoped(Scope::ReadActionItems).on(routes!(action_items::get)))
        .routes(
            scoped(Scope::WriteActionItems)
                .once()
                .on(routes!(action_items::create)),
        )
        .routes(
            scoped(Scope::WriteActionItems)
                .once()
                .on(routes!(action_items::create_batch)),
        )
        .routes(scoped(Scope::WriteActionItems).on(routes!(action_items::update)))
        .routes(scoped(Scope::WriteActionItems).on(routes!(action_items::delete)))
        .routes(scoped(Scope::ReadGoals).on(routes!(goals::list)))
        .routes(scoped(Scope::WriteGoals).once().on(routes!(goals::create)))
        .routes(scoped(Scope::ReadGoals).on(routes!(goals::get)))
        .routes(scoped(Scope::WriteGoals).on(routes!(goals::update)))
        .routes(scoped(Scope::WriteGoals).on(routes!(goals::delete)))
        .routes(scoped(Scope::WriteGoals).on(routes!(goals::progress)))
        .routes(scoped(Scope::ReadGoals).on(routes!(goals::history)))
        .routes(scoped(Scope::ReadConversations).on(routes!(folders::list)))
}

/// The app has a page for them, and reads their answers like all others.
fn routes_of_keys() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(user_or_developer().on(routes!(keys::list)))
        .routes(user_or_developer().on(routes!(keys::create)))
        .routes(user_or_developer().on(routes!(keys::revoke)))
        .layer(axum::middleware::from_fn(clock::check))
}
