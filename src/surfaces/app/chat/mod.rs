//! What chat has besides its threads: files, voice, sharing, and the sessions of the desktop app.

mod desktop;
mod files;
mod marks;
mod sessions;
mod sharing;
mod voice;

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    surfaces::{guard, limits::Policy},
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(
            guard::user()
                .hourly(Policy::ChatFiles)
                .on(routes!(files::upload)),
        )
        .routes(guard::open(routes!(files::thumbnail)))
        .routes(
            guard::user()
                .hourly(Policy::VoiceMessages)
                .on(routes!(voice::ask)),
        )
        .routes(
            guard::user()
                .hourly(Policy::Transcriptions)
                .on(routes!(voice::transcribe)),
        )
        .routes(guard::user().on(routes!(marks::report)))
        .routes(guard::user().on(routes!(marks::rate)))
        .routes(guard::user().on(routes!(sharing::share)))
        .routes(guard::open(routes!(sharing::shared)))
        .routes(guard::open(routes!(sharing::page)))
        .routes(guard::user().once().on(routes!(sessions::open)))
        .routes(guard::user().on(routes!(sessions::list)))
        .routes(guard::user().on(routes!(sessions::get, sessions::change, sessions::delete)))
        .routes(guard::user().once().on(routes!(desktop::say)))
        .routes(guard::user().on(routes!(desktop::list, desktop::delete)))
        .routes(guard::user().on(routes!(desktop::rate)))
        .routes(
            guard::user()
                .hourly(Policy::SessionGreetings)
                .on(routes!(sessions::greet)),
        )
        .routes(
            guard::user()
                .hourly(Policy::ChatTitles)
                .on(routes!(sessions::title)),
        )
        .routes(guard::user().on(routes!(desktop::count)))
}

/// Which part of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    #[param(minimum = 0, default = 0)]
    offset: Option<i64>,
}

/// What an offset may be at most.
const MOST_OFFSET: i64 = i32::MAX as i64;
