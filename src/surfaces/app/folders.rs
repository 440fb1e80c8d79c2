//! `/v1/folders`

use axum::{Json, extract::State, http::StatusCode, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::StatusAnswer;
use crate::{
    app::App,
    features::{
        conversations::{self, Conversation},
        credentials::Caller,
        folders::{self, Folder, FolderChanges, NewFolder},
        lenient,
    },
    surfaces::{
        extract::{Body, Id, Query, TextId, bounded},
        guard::{self, NewIds},
        parts,
        respond::{ErrorBody, Result},
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(list)))
        .routes(guard::user().once().on(routes!(create)))
        .routes(guard::user().on(routes!(reorder)))
        .routes(guard::user().on(routes!(get, update, delete)))
        .routes(guard::user().on(routes!(conversations)))
        .routes(guard::user().on(routes!(bulk_move)))
        .routes(guard::user().on(routes!(put)))
}

/// The folders in their order. A user without any gets Work, Personal and Social.
#[utoipa::path(get, path = "/v1/folders", tag = "folders", responses((status = 200, body = Vec<Folder>)))]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Vec<Folder>>> {
    Ok(Json(folders::all(&app.db, &caller).await?))
}

/// Make a folder, behind all others. The same request again within ten seconds makes no second one.
#[utoipa::path(post, path = "/v1/folders", tag = "folders", request_body = NewFolder,
    responses((status = 200, body = Folder),
              (status = 400, body = ErrorBody, description = "There are 50 folders already")))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    mut ids: NewIds,
    Body(new): Body<NewFolder>,
) -> Result<Json<Folder>> {
    let (id, keyed) = (ids.next(), ids.repeatable());
    Ok(Json(
        folders::create(&app.db, &caller, id, keyed, new).await?,
    ))
}

/// One folder.
#[utoipa::path(get, path = "/v1/folders/{id}", tag = "folders", params(("id" = String, Path)),
    responses((status = 200, body = Folder)))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    TextId(id): TextId,
) -> Result<Json<Folder>> {
    Ok(Json(folders::get(&app.db, &caller, &id).await?))
}

/// Change a folder; those of the system too.
#[utoipa::path(patch, path = "/v1/folders/{id}", tag = "folders", params(("id" = String, Path)),
    request_body = FolderChanges, responses((status = 200, body = Folder)))]
pub async fn update(
    State(app): State<App>,
    caller: Caller,
    TextId(id): TextId,
    Body(changes): Body<FolderChanges>,
) -> Result<Json<Folder>> {
    Ok(Json(folders::update(&app.db, &caller, &id, changes).await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeleteFolderQuery {
    /// The folder that takes what lies in this one. Left out: the default folder, or none.
    move_to_folder_id: Option<String>,
}

/// Remove a folder; conversations are never removed with it.
#[utoipa::path(delete, path = "/v1/folders/{id}", tag = "folders", params(("id" = String, Path), DeleteFolderQuery),
    responses((status = 204),
              (status = 400, body = ErrorBody, description = "It is a folder of the system, or the one to move to")))]
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    TextId(id): TextId,
    Query(query): Query<DeleteFolderQuery>,
) -> Result<StatusCode> {
    let into = query.move_to_folder_id.as_deref();
    folders::delete(&app.db, &caller, &id, into).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
pub struct FolderOrder {
    /// At most 1000; the first is at place 0.
    #[schema(max_items = 1000)]
    folder_ids: Vec<String>,
}

/// Put folders into an order; those that are not named keep their places.
#[utoipa::path(post, path = "/v1/folders/reorder", tag = "folders", request_body = FolderOrder,
    responses((status = 200, body = StatusAnswer),
              (status = 404, body = ErrorBody, description = "One is absent; nothing was changed")))]
pub async fn reorder(
    State(app): State<App>,
    caller: Caller,
    Body(order): Body<FolderOrder>,
) -> Result<Json<StatusAnswer>> {
    folders::reorder(&app.db, &caller, &order.folder_ids).await?;
    Ok(StatusAnswer::ok())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FolderPage {
    /// 1 to 1000, 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    #[param(minimum = 0)]
    offset: Option<i64>,
    /// False if left out.
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    include_discarded: Option<bool>,
}

/// The conversations in a folder, whatever their status, newest first.
#[utoipa::path(get, path = "/v1/folders/{id}/conversations", tag = "folders",
    params(("id" = String, Path), FolderPage), responses((status = 200, body = Vec<Conversation>)))]
pub async fn conversations(
    State(app): State<App>,
    caller: Caller,
    TextId(id): TextId,
    Query(page): Query<FolderPage>,
) -> Result<Response> {
    let limit = bounded("limit", page.limit, 100, 1, 1000)?;
    let offset = bounded("offset", page.offset, 0, 0, i64::MAX)?;
    let discarded = page.include_discarded.unwrap_or(false);
    let ids = folders::conversation_ids(&app.db, &caller, &id, discarded, limit, offset).await?;
    parts::answer("", ids, String::new(), move |ids| {
        let (app, uid) = (app.clone(), caller.uid.clone());
        async move { Ok(conversations::of_ids(&app.db, &uid, &ids, true).await?) }
    })
    .await
}

#[derive(Deserialize, ToSchema)]
pub struct BulkMove {
    #[schema(max_items = 10_000)]
    conversation_ids: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub struct BulkMoved {
    /// `ok`
    status: &'static str,
    /// Different conversations.
    moved_count: usize,
}

/// Put several conversations into a folder, all of them or none.
#[utoipa::path(post, path = "/v1/folders/{id}/conversations/bulk-move", tag = "folders",
    params(("id" = String, Path)), request_body = BulkMove, responses((status = 200, body = BulkMoved)))]
pub async fn bulk_move(
    State(app): State<App>,
    caller: Caller,
    TextId(id): TextId,
    Body(wanted): Body<BulkMove>,
) -> Result<Json<BulkMoved>> {
    let moved_count = folders::put_all(&app.db, &caller, &id, &wanted.conversation_ids).await?;
    Ok(Json(BulkMoved {
        status: "ok",
        moved_count,
    }))
}

#[derive(Default, Deserialize, ToSchema)]
pub struct IntoFolder {
    /// Null or empty: into none.
    #[serde(default)]
    folder_id: Option<String>,
}

/// Put a conversation into a folder, or into none.
#[utoipa::path(patch, path = "/v1/conversations/{id}/folder", tag = "folders", params(("id" = String, Path)),
    request_body = IntoFolder, responses((status = 200, body = StatusAnswer)))]
pub async fn put(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Body(wanted): Body<IntoFolder>,
) -> Result<Json<StatusAnswer>> {
    let id = id.or_absent("Conversation")?;
    folders::put(&app.db, &caller, id, wanted.folder_id.as_deref()).await?;
    Ok(StatusAnswer::ok())
}
