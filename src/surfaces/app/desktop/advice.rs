//! `/v1/advice`

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::StatusAnswer;
use crate::{
    app::App,
    features::{
        credentials::Caller,
        desktop::{self, Advice, AdviceChanges, NewAdvice},
        lenient,
    },
    surfaces::{
        extract::{Body, Id, Query},
        guard::NewIds,
        queries::LongPage,
        respond::{ErrorBody, Result},
    },
};

/// Keep what the desktop app advised.
#[utoipa::path(post, path = "/v1/advice", tag = "desktop", request_body = NewAdvice,
    responses((status = 200, body = Advice)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    mut ids: NewIds,
    Body(new): Body<NewAdvice>,
) -> Result<Json<Advice>> {
    Ok(Json(
        desktop::advise(&app.db, &caller, ids.next(), new).await?,
    ))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    category: Option<String>,
    /// False if left out.
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    include_dismissed: Option<bool>,
}

/// What the desktop app advised, newest first.
#[utoipa::path(get, path = "/v1/advice", tag = "desktop", params(LongPage, Which),
    responses((status = 200, body = Vec<Advice>), (status = 400, body = ErrorBody)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<LongPage>,
    Query(which): Query<Which>,
) -> Result<Json<Vec<Advice>>> {
    let (limit, offset) = page.bounds()?;
    let category = which.category.as_deref();
    let dismissed = which.include_dismissed.unwrap_or(false);
    let found = desktop::advice(&app.db, &caller, category, dismissed, limit, offset).await?;
    Ok(Json(found))
}

/// Note that advice was read or dismissed.
#[utoipa::path(patch, path = "/v1/advice/{id}", tag = "desktop", params(("id" = String, Path)),
    request_body = AdviceChanges, responses((status = 200, body = Advice)))]
pub async fn update(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Body(changes): Body<AdviceChanges>,
) -> Result<Json<Advice>> {
    let id = id.or_absent("Advice")?;
    Ok(Json(
        desktop::change_advice(&app.db, &caller, id, changes).await?,
    ))
}

/// Forget advice.
#[utoipa::path(delete, path = "/v1/advice/{id}", tag = "desktop", params(("id" = String, Path)),
    responses((status = 200, body = StatusAnswer)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<StatusAnswer>> {
    if let Id(Some(id)) = id {
        desktop::delete_advice(&app.db, &caller, id).await?;
    }
    Ok(StatusAnswer::ok())
}

#[derive(Serialize, ToSchema)]
pub struct AllRead {
    /// `marked N as read`
    status: String,
}

/// Note that all advice was read.
#[utoipa::path(post, path = "/v1/advice/mark-all-read", tag = "desktop",
    responses((status = 200, body = AllRead)))]
pub async fn read_all(State(app): State<App>, caller: Caller) -> Result<Json<AllRead>> {
    let read = desktop::read_all_advice(&app.db, &caller).await?;
    Ok(Json(AllRead {
        status: format!("marked {read} as read"),
    }))
}
