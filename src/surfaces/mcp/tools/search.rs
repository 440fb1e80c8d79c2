//! Tools: search over everything that a user has.

use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use rmcp::{
    ErrorData,
    handler::server::common::Extension,
    schemars::{self, JsonSchema, Schema, SchemaGenerator, json_schema},
    tool, tool_router,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Tools,
    reading::{self, failed, invalid},
};
use crate::{
    features::search::{self, Hit, Kind},
    surfaces::mcp::{
        arguments::Parameters,
        results::{Json, schema},
    },
};

fn kinds(_: &mut SchemaGenerator) -> Schema {
    let names = Kind::ALL.map(Kind::as_str);
    json_schema!({"type": "array", "items": {"type": "string", "enum": names}})
}

#[derive(Deserialize, JsonSchema)]
struct Search {
    /// A question or words, at most 500 characters; time in it ("last Tuesday evening") is understood.
    #[schemars(length(min = 1, max = 500))]
    query: String,
    /// Only these kinds; empty: all. segment: something that was said; conversation: title and overview.
    #[serde(default)]
    #[schemars(schema_with = "kinds")]
    kinds: Vec<String>,
    /// First day, yyyy-mm-dd, in the user's time zone.
    #[serde(default)]
    #[schemars(with = "String")]
    start_date: Option<String>,
    /// Last day, yyyy-mm-dd, inclusive.
    #[serde(default)]
    #[schemars(with = "String")]
    end_date: Option<String>,
    /// How many hits at most.
    #[serde(default = "super::twenty")]
    #[schemars(range(min = 1, max = 100))]
    limit: i64,
}

#[derive(Serialize, ToSchema)]
struct Hits {
    /// Best first.
    hits: Vec<Hit>,
    /// What time words in the query were understood as.
    period: Option<Period>,
    /// A time to come that it names: open action items that are due then count as hits of that time.
    ahead: Option<Period>,
}

/// The end is not part of it.
#[derive(Serialize, ToSchema)]
struct Period {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

#[tool_router(router = everything, vis = "pub(super)")]
impl Tools {
    /// Search everything at once: what was said, conversations, memories and action items, by words, meaning and time.
    /// Best first, with a score of 0 to 1. The conversation_id of a hit leads to its transcript.
    #[tool(
        title = "Search everything",
        output_schema = schema::<Hits>(),
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn search(
        &self,
        Parameters(wanted): Parameters<Search>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<Hits>, ErrorData> {
        let caller = reading::asking(&request)?;
        let days = (&wanted.start_date, &wanted.end_date);
        let (from, to) = super::own_dates(&self.app, caller, days).await?;
        let kind = |name: &String| {
            Kind::named(name).map_err(|_| {
                let known = Kind::ALL.map(Kind::as_str).join(", ");
                invalid(format!("kinds must be of {known}, not '{name}'"))
            })
        };
        let query = search::Query {
            text: super::question(&wanted.query)?.into(),
            kinds: wanted.kinds.iter().map(kind).collect::<Result<_, _>>()?,
            from,
            to,
            limit: super::hits(wanted.limit)?,
            ..search::Query::default()
        };
        let found = search::search(&self.app, &caller.uid, &query)
            .await
            .map_err(failed)?;
        Ok(Json(Hits {
            hits: found.hits,
            period: found.period.map(|(from, to)| Period { from, to }),
            ahead: found.ahead.map(|(from, to)| Period { from, to }),
        }))
    }
}
