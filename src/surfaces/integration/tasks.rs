//! `/v2/integrations/{app_id}/tasks`

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::input::{Query, bounded, from, to};
use crate::{
    app::App,
    features::{
        action_items::{self, ActionItem, Filter},
        credentials::Caller,
        lenient,
    },
    surfaces::respond::Result,
};

/// An action item as apps read it. What is unknown is left out.
#[derive(Serialize, ToSchema)]
pub struct ImportTask {
    id: Uuid,
    description: String,
    completed: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<Uuid>,
}

impl From<ActionItem> for ImportTask {
    fn from(item: ActionItem) -> Self {
        Self {
            id: item.id,
            description: item.description,
            completed: item.completed,
            created_at: item.created_at,
            updated_at: item.updated_at,
            due_at: item.due_at,
            completed_at: item.completed_at,
            conversation_id: item.conversation_id,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct ImportTasks {
    tasks: Vec<ImportTask>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    #[param(minimum = 0)]
    offset: Option<i64>,
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    completed: Option<bool>,
    conversation_id: Option<String>,
    /// Created at or after; a date alone is the start of the day, UTC.
    #[param(value_type = Option<DateTime<Utc>>)]
    start_date: Option<String>,
    /// Created at or before; a date alone is the end of the day, UTC.
    #[param(value_type = Option<DateTime<Utc>>)]
    end_date: Option<String>,
    /// Due at or after.
    #[param(value_type = Option<DateTime<Utc>>)]
    due_start_date: Option<String>,
    /// Due at or before.
    #[param(value_type = Option<DateTime<Utc>>)]
    due_end_date: Option<String>,
}

/// The user's action items, due soonest first, those without a date last. All bounds count together.
#[utoipa::path(get, path = "/v2/integrations/{app_id}/tasks", tag = "tasks", params(ListQuery),
    responses((status = 200, body = ImportTasks)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<ImportTasks>> {
    let limit = bounded("limit", query.limit, 100, 1, 1000)?;
    let offset = bounded("offset", query.offset, 0, 0, i64::MAX)?;
    let mut filter = Filter {
        completed: query.completed,
        conversation_id: None,
        created_from: from("start_date", query.start_date.as_deref())?,
        created_to: to("end_date", query.end_date.as_deref())?,
        due_from: from("due_start_date", query.due_start_date.as_deref())?,
        due_to: to("due_end_date", query.due_end_date.as_deref())?,
    };
    if let Some(id) = query.conversation_id.filter(|id| !id.is_empty()) {
        // No UUID is the id of no conversation: nothing matches.
        let Ok(id) = id.parse() else {
            return Ok(Json(ImportTasks { tasks: Vec::new() }));
        };
        filter.conversation_id = Some(Some(id));
    }
    let (found, _) = action_items::list(&app.db, &caller, &filter, limit, offset).await?;
    Ok(Json(ImportTasks {
        tasks: found.into_iter().map(Into::into).collect(),
    }))
}
