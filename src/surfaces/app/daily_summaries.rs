//! `/v1/users/daily-summaries`, `/v1/users/daily-summary-settings`

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::StatusAnswer;
use crate::{
    app::App,
    features::{
        credentials::Caller,
        daily_summaries::{self, DailySummary, Days, Settings, SettingsChanges},
    },
    surfaces::{
        extract::{Body, Id, OptionalBody, Query, bounded},
        respond::{ErrorBody, Result},
    },
};

/// Whether and when the user's day is summed up by itself.
#[utoipa::path(get, path = "/v1/users/daily-summary-settings", tag = "daily summaries",
    responses((status = 200, body = Settings)))]
pub async fn settings(State(app): State<App>, caller: Caller) -> Result<Json<Settings>> {
    Ok(Json(daily_summaries::settings(&app.db, &caller).await?))
}

/// Change what is given. A new hour counts from its next beginning.
#[utoipa::path(patch, path = "/v1/users/daily-summary-settings", tag = "daily summaries",
    request_body = SettingsChanges, responses((status = 200, body = Settings)))]
pub async fn change_settings(
    State(app): State<App>,
    caller: Caller,
    Body(changes): Body<SettingsChanges>,
) -> Result<Json<Settings>> {
    Ok(Json(
        daily_summaries::change_settings(&app.db, &caller, changes).await?,
    ))
}

#[derive(Default, Deserialize, ToSchema)]
pub struct WantedSummary {
    /// `YYYY-MM-DD`. Left out: yesterday in the morning, later today.
    #[serde(default)]
    #[schema(format = Date)]
    date: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct MadeSummary {
    /// `ok`
    status: &'static str,
    message: String,
    summary_id: Uuid,
    conversations_count: i64,
}

/// Sum up a day now. There may be several summaries of one day.
#[utoipa::path(post, path = "/v1/users/daily-summary-settings/test", tag = "daily summaries",
    request_body = Option<WantedSummary>,
    responses((status = 200, body = MadeSummary),
              (status = 400, body = ErrorBody, description = "The date is none, or nothing was said on it")))]
pub async fn make(
    State(app): State<App>,
    caller: Caller,
    OptionalBody(wanted): OptionalBody<WantedSummary>,
) -> Result<Json<MadeSummary>> {
    let made = daily_summaries::make_now(&app, &caller, wanted.date.as_deref()).await?;
    Ok(Json(MadeSummary {
        status: "ok",
        message: format!("Daily summary of {} made", made.date),
        summary_id: made.id,
        conversations_count: made.content.stats.total_conversations,
    }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// 30 if left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    #[param(minimum = 0)]
    offset: Option<i64>,
}

#[derive(Serialize, ToSchema)]
pub struct Summaries {
    summaries: Vec<DailySummary>,
}

/// The user's daily summaries, the newest day first.
#[utoipa::path(get, path = "/v1/users/daily-summaries", tag = "daily summaries", params(ListQuery),
    responses((status = 200, body = Summaries)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Summaries>> {
    let limit = bounded("limit", query.limit, 30, 1, 100)?;
    let offset = bounded("offset", query.offset, 0, 0, i64::MAX)?;
    let summaries = daily_summaries::list(&app.db, &caller, Days::default(), limit, offset).await?;
    Ok(Json(Summaries { summaries }))
}

/// One daily summary.
#[utoipa::path(get, path = "/v1/users/daily-summaries/{id}", tag = "daily summaries", params(("id" = String, Path)),
    responses((status = 200, body = DailySummary)))]
pub async fn get(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<DailySummary>> {
    let id = id.or_absent("Daily summary")?;
    Ok(Json(daily_summaries::get(&app.db, &caller, id).await?))
}

/// Delete a daily summary.
#[utoipa::path(delete, path = "/v1/users/daily-summaries/{id}", tag = "daily summaries", params(("id" = String, Path)),
    responses((status = 200, body = StatusAnswer)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<StatusAnswer>> {
    let id = id.or_absent("Daily summary")?;
    daily_summaries::delete(&app.db, &caller, id).await?;
    Ok(StatusAnswer::ok())
}
