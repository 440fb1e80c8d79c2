//! `/v1/dev/user/action-items`

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    app::App,
    features::{
        action_items::{self, ActionItem, Filter},
        credentials::Caller,
        lenient,
    },
    surfaces::{
        extract::{Query, bounded},
        respond::Result,
    },
};

/// An action item as the Developer API shows it.
#[derive(Serialize, ToSchema)]
pub struct ActionItemAnswer {
    id: Uuid,
    description: String,
    completed: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    due_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
    conversation_id: Option<Uuid>,
}

impl From<ActionItem> for ActionItemAnswer {
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

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// 1 to 1000, 100 if left out.
    limit: Option<i64>,
    offset: Option<i64>,
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    completed: Option<bool>,
    /// `null`: items of no conversation.
    conversation_id: Option<String>,
    /// Created at or after; without an offset UTC.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    start_date: Option<DateTime<Utc>>,
    /// Created at or before.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    end_date: Option<DateTime<Utc>>,
}

/// A page of action items, newest first, then sorted: due soonest first, those without a date last.
#[utoipa::path(get, path = "/v1/dev/user/action-items", tag = "action items", params(ListQuery),
    responses((status = 200, body = Vec<ActionItemAnswer>)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Vec<ActionItemAnswer>>> {
    let limit = bounded("limit", query.limit, 100, 1, 1000)?;
    let offset = bounded("offset", query.offset, 0, 0, i64::MAX)?;
    let conversation_id = match query.conversation_id.as_deref() {
        None => None,
        Some("" | "null") => Some(None),
        // No UUID is the id of no conversation: nothing matches.
        Some(id) => match id.parse() {
            Ok(id) => Some(Some(id)),
            Err(_) => return Ok(Json(Vec::new())),
        },
    };
    let filter = Filter {
        completed: query.completed,
        conversation_id,
        created_from: query.start_date,
        created_to: query.end_date,
        ..Filter::default()
    };
    let (items, _) = action_items::list(&app.db, &caller, &filter, limit, offset).await?;
    Ok(Json(items.into_iter().map(Into::into).collect()))
}
