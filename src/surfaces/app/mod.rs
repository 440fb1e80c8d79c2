//! What the Omi app and the web client call: `/v1`, `/v2`, `/v3`, with the user's access token.

mod action_items;
mod apps;
mod assistants;
mod audio;
mod catalogue;
mod chat;
mod connections;
mod conversation_changes;
mod conversation_parts;
mod conversations;
mod daily_summaries;
mod desktop;
mod devices;
mod feedback;
mod folders;
mod goals;
mod health;
mod knowledge_graph;
mod leaving;
mod mcp_keys;
mod meetings;
mod memories;
mod messages;
mod people;
mod preferences;
mod profile;
mod ranges;
mod search;
mod shares;
mod speech_profile;
mod tools;
mod trends;
mod updates;
mod uploads;
mod vendor_cloud;

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{guard, limits::Policy};
use crate::app::App;

/// Paths that need no credential; only GET is known.
pub const OPEN: [&str; 21] = [
    "/v1/conversations/{id}/shared",
    "/v1/action-items/shared/{token}",
    "/tasks/{token}",
    "/v2/messages/shared/{token}",
    "/chat/{token}",
    "/v2/files/thumbnails/{token}",
    "/v1/trends",
    "/v1/announcements/changelogs",
    "/v1/announcements/features",
    "/v1/announcements/general",
    "/v2/apps",
    "/v2/apps/capability/{id}/grouped",
    "/v1/app-categories",
    "/v1/app-capabilities",
    "/v1/app/plans",
    "/v2/firmware/latest",
    "/v2/firmware/stable",
    "/v2/desktop/appcast.xml",
    "/v2/desktop/download/latest",
    "/v2/desktop/download/beta",
    "/v4/speech-profile/{owner}/{link}",
];

/// That something was done.
#[derive(Serialize, ToSchema)]
pub struct StatusAnswer {
    /// `ok`; of some operations `Ok`.
    status: &'static str,
}

impl StatusAnswer {
    fn ok() -> Json<Self> {
        Json(Self { status: "ok" })
    }

    /// As Omi's own server writes it for a conversation and a device.
    fn capital() -> Json<Self> {
        Json(Self { status: "Ok" })
    }
}

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(conversations::list)))
        .routes(guard::user().on(routes!(conversations::finish)))
        .routes(guard::user().on(routes!(conversations::get)))
        .routes(
            guard::user()
                .hourly(Policy::Reprocessings)
                .on(routes!(conversations::reprocess)),
        )
        .routes(
            guard::user()
                .hourly(Policy::Merges)
                .on(routes!(conversations::merge)),
        )
        .routes(guard::user().on(routes!(conversations::steps)))
        .routes(
            guard::user()
                .hourly(Policy::Questions)
                .on(routes!(search::everything)),
        )
        .routes(
            guard::user()
                .hourly(Policy::Searches)
                .on(routes!(search::conversations)),
        )
        .routes(
            guard::user()
                .hourly(Policy::ChatMessages)
                .on(routes!(messages::ask)),
        )
        .routes(guard::user().on(routes!(messages::history)))
        .routes(guard::user().on(routes!(messages::clear)))
        .routes(
            guard::user()
                .hourly(Policy::ChatGreetings)
                .on(routes!(messages::greet)),
        )
        .routes(guard::user().on(routes!(daily_summaries::settings)))
        .routes(guard::user().on(routes!(daily_summaries::change_settings)))
        .routes(
            guard::user()
                .hourly(Policy::DailySummaries)
                .on(routes!(daily_summaries::make)),
        )
        .routes(guard::user().on(routes!(daily_summaries::list)))
        .routes(guard::user().on(routes!(daily_summaries::get)))
        .routes(guard::user().on(routes!(daily_summaries::delete)))
        .routes(guard::user().on(routes!(knowledge_graph::get)))
        .routes(guard::user().on(routes!(knowledge_graph::delete)))
        .routes(
            guard::user()
                .hourly(Policy::KnowledgeGraphs)
                .on(routes!(knowledge_graph::rebuild)),
        )
        .routes(guard::user().on(routes!(audio::cloud_sync, audio::set_cloud_sync)))
        .routes(guard::user().on(routes!(audio::urls)))
        .routes(guard::user().on(routes!(audio::precache)))
        .routes(guard::user().on(routes!(audio::download)))
        .routes(guard::user().on(routes!(uploads::upload)))
        .routes(guard::user().on(routes!(uploads::upload_and_wait)))
        .routes(guard::user().on(routes!(uploads::standing)))
        .routes(guard::user().on(routes!(apps::enable)))
        .routes(guard::user().on(routes!(apps::disable)))
        .routes(guard::user().on(routes!(apps::list_keys)))
        .routes(guard::user().on(routes!(apps::create_key)))
        .routes(guard::user().on(routes!(apps::delete_key)))
        .merge(memories::routes())
        .merge(action_items::routes())
        .merge(goals::routes())
        .merge(meetings::routes())
        .merge(trends::routes())
        .merge(desktop::routes())
        .merge(conversation_changes::routes())
        .merge(conversation_parts::routes())
        .merge(folders::routes())
        .merge(profile::routes())
        .merge(preferences::routes())
        .merge(leaving::routes())
        .merge(people::routes())
        .merge(devices::routes())
        .merge(feedback::routes())
        .merge(catalogue::routes())
        .merge(connections::routes())
        .merge(vendor_cloud::routes())
        .merge(mcp_keys::routes())
        .merge(assistants::routes())
        .merge(updates::routes())
        .merge(chat::routes())
        .merge(speech_profile::routes())
        .merge(health::routes())
        .merge(tools::routes())
}
