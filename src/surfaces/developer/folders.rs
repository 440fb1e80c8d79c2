//! `/v1/dev/user/folders`

use axum::{Json, extract::State};

use crate::{
    app::App,
    features::{
        credentials::Caller,
        folders::{self, Folder},
    },
    surfaces::respond::Result,
};

/// The user's folders, in their order.
#[utoipa::path(get, path = "/v1/dev/user/folders", tag = "folders", responses((status = 200, body = Vec<Folder>)))]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Vec<Folder>>> {
    Ok(Json(folders::list(&app.db, &caller).await?))
}
