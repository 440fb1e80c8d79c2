//! `/v3/memories`

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    app::App,
    features::{
        credentials::Caller,
        memories::{self, Memory},
    },
    surfaces::{
        extract::{Query, bounded},
        respond::Result,
    },
};

/// The first page is always whole: the app pages only after it.
const FIRST_PAGE: i64 = 5000;

/// A memory as the app reads it.
#[derive(Serialize, ToSchema)]
pub struct MemoryAnswer {
    #[serde(flatten)]
    #[schema(value_type = Object)]
    memory: Memory,
    uid: String,
    /// The conversation it came from, under its old name.
    memory_id: Option<Uuid>,
    data_protection_level: Option<String>,
    is_locked: bool,
    kg_extracted: bool,
}

impl MemoryAnswer {
    fn new(mut memory: Memory, uid: &str) -> Self {
        // The app knows three categories.
        let category = match memory.category.as_str() {
            known @ ("interesting" | "system" | "manual") => known,
            legacy if memories::CATEGORIES.contains(&legacy) => "system",
            _ => "interesting",
        };
        memory.category = category.to_string();
        Self {
            uid: uid.into(),
            memory_id: memory.conversation_id,
            memory,
            data_protection_level: None,
            is_locked: false,
            kg_extracted: false,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Counts only with an offset; 100 if left out.
    #[param(minimum = 1, maximum = 5000)]
    limit: Option<i64>,
    #[param(minimum = 0)]
    offset: Option<i64>,
}

/// The user's memories, most important first.
#[utoipa::path(get, path = "/v3/memories", tag = "memories", params(ListQuery),
    responses((status = 200, body = Vec<MemoryAnswer>)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Vec<MemoryAnswer>>> {
    let offset = bounded("offset", query.offset, 0, 0, i64::MAX)?;
    let limit = if offset == 0 {
        FIRST_PAGE
    } else {
        bounded("limit", query.limit, 100, 1, FIRST_PAGE)?
    };
    let found = memories::list(&app.db, &caller, None, limit, offset).await?;
    Ok(Json(
        found
            .into_iter()
            .map(|memory| MemoryAnswer::new(memory, &caller.uid))
            .collect(),
    ))
}
