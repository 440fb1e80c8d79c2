//! `/v1/calendar/meetings`

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::App,
    features::{
        calendar::{self, Meeting, NewMeeting},
        credentials::Caller,
        lenient,
    },
    surfaces::{
        extract::{Body, Id, Query, bounded},
        guard,
        respond::Result,
    },
};

/// Most meetings of one answer.
const MOST: i64 = 1000;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(put, list)))
        .routes(guard::user().on(routes!(get)))
}

#[derive(Serialize, ToSchema)]
pub struct MeetingStored {
    meeting_id: Uuid,
    calendar_event_id: String,
    /// `Meeting stored successfully`
    message: &'static str,
}

/// Store an entry of a calendar, or replace what is known of it.
#[utoipa::path(post, path = "/v1/calendar/meetings", tag = "calendar", request_body = NewMeeting,
    responses((status = 200, body = MeetingStored)))]
pub async fn put(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewMeeting>,
) -> Result<Json<MeetingStored>> {
    let calendar_event_id = new.calendar_event_id.clone();
    let meeting_id = calendar::put(&app.db, &caller, new).await?;
    Ok(Json(MeetingStored {
        meeting_id,
        calendar_event_id,
        message: "Meeting stored successfully",
    }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Between {
    /// Begins at or after; without an offset UTC.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    start_date: Option<DateTime<Utc>>,
    /// Begins at or before.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    end_date: Option<DateTime<Utc>>,
    /// 50 if left out; more than 1000 count as 1000.
    #[param(minimum = 1)]
    limit: Option<i64>,
}

/// Entries of calendars, the last first.
#[utoipa::path(get, path = "/v1/calendar/meetings", tag = "calendar", params(Between),
    responses((status = 200, body = Vec<Meeting>)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<Between>,
) -> Result<Json<Vec<Meeting>>> {
    let limit = bounded("limit", query.limit, 50, 1, i64::MAX)?.min(MOST);
    let found = calendar::list(&app.db, &caller, query.start_date, query.end_date, limit).await?;
    Ok(Json(found))
}

/// One entry of a calendar.
#[utoipa::path(get, path = "/v1/calendar/meetings/{id}", tag = "calendar", params(("id" = String, Path)),
    responses((status = 200, body = Meeting)))]
pub async fn get(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<Meeting>> {
    let id = id.or_absent("Meeting")?;
    Ok(Json(calendar::get(&app.db, &caller, id).await?))
}
