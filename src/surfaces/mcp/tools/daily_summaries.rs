//! Tools: daily summaries, the looks back at the days of a user.

use axum::http::request::Parts;
use rmcp::{
    ErrorData,
    handler::server::common::Extension,
    schemars::{self, JsonSchema},
    tool, tool_router,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Tools,
    reading::{self, Page, failed},
};
use crate::{
    features::daily_summaries::{self, DailySummary, Days},
    surfaces::mcp::{
        arguments::Parameters,
        results::{Json, schema},
    },
};

/// Most summaries of one answer: each is long.
const MOST: i64 = 100;

#[derive(Deserialize, JsonSchema)]
struct GetDailySummaries {
    /// First day, yyyy-mm-dd, in the user's time zone.
    #[serde(default)]
    #[schemars(with = "String")]
    start_date: Option<String>,
    /// Last day, yyyy-mm-dd, inclusive; the same as start_date for one day.
    #[serde(default)]
    #[schemars(with = "String")]
    end_date: Option<String>,
    /// How many summaries at most.
    #[serde(default = "super::ten")]
    #[schemars(range(min = 1, max = 100))]
    limit: i64,
    /// How many summaries to leave out from the newest.
    #[serde(default)]
    #[schemars(range(min = 0))]
    offset: i64,
}

#[derive(Serialize, ToSchema)]
struct DailySummaries {
    daily_summaries: Vec<DailySummary>,
    has_more: bool,
    /// The offset of the next part; null: this was the last one.
    next_offset: Option<i64>,
}

#[tool_router(router = daily_summaries, vis = "pub(super)")]
impl Tools {
    /// Looks back at whole days: headline, overview, highlights, decisions, open questions and tasks; the newest day first.
    /// A day may have none, or several.
    #[tool(
        title = "Get daily summaries",
        output_schema = schema::<DailySummaries>(),
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn get_daily_summaries(
        &self,
        Parameters(wanted): Parameters<GetDailySummaries>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<DailySummaries>, ErrorData> {
        let caller = reading::asking(&request)?;
        let page = Page::of(wanted.limit, wanted.offset, MOST)?;
        let days = Days {
            from: reading::day("start_date", wanted.start_date.as_deref())?,
            to: reading::day("end_date", wanted.end_date.as_deref())?,
        };
        let (limit, offset) = (page.fetched(), page.offset());
        let mut found = daily_summaries::list(&self.app.db, caller, days, limit, offset)
            .await
            .map_err(failed)?;
        let next_offset = page.cut(&mut found);
        Ok(Json(DailySummaries {
            daily_summaries: found,
            has_more: next_offset.is_some(),
            next_offset,
        }))
    }
}
