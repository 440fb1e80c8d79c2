//! What the desktop app calls for itself.

mod advice;
mod announcements;
mod focus;
mod scores;
mod staged;
mod wrapped;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, surfaces::guard};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(scores::daily)))
        .routes(guard::user().on(routes!(scores::all)))
        .routes(guard::user().on(routes!(staged::list)))
        .routes(guard::user().on(routes!(staged::create)))
        .routes(guard::user().on(routes!(staged::delete)))
        .routes(guard::user().on(routes!(staged::score)))
        .routes(guard::user().on(routes!(staged::promote)))
        .routes(guard::user().on(routes!(staged::migrate)))
        .routes(guard::user().on(routes!(staged::migrate_of_conversations)))
        .routes(guard::user().on(routes!(focus::list)))
        .routes(guard::user().once().on(routes!(focus::create)))
        .routes(guard::user().on(routes!(focus::delete)))
        .routes(guard::user().on(routes!(focus::stats)))
        .routes(guard::user().on(routes!(advice::list)))
        .routes(guard::user().once().on(routes!(advice::create)))
        .routes(guard::user().on(routes!(advice::read_all)))
        .routes(guard::user().on(routes!(advice::update, advice::delete)))
        .routes(guard::open(routes!(announcements::changelogs)))
        .routes(guard::open(routes!(announcements::features)))
        .routes(guard::open(routes!(announcements::general)))
        .routes(guard::user().on(routes!(announcements::pending)))
        .routes(guard::user().on(routes!(announcements::dismiss)))
        .routes(guard::user().on(routes!(wrapped::get)))
        .routes(guard::user().on(routes!(wrapped::generate)))
}
