//! `/v1/action-items`

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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

/// An action item as the app reads it.
#[derive(Serialize, ToSchema)]
pub struct ActionItemAnswer {
    #[serde(flatten)]
    item: ActionItem,
    is_locked: bool,
}

#[derive(Serialize, ToSchema)]
pub struct ActionItemPage {
    action_items: Vec<ActionItemAnswer>,
    has_more: bool,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// 1 to 500, 50 if left out.
    limit: Option<i64>,
    offset: Option<i64>,
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    completed: Option<bool>,
    conversation_id: Option<String>,
    /// Created at or after. Does not count beside a due bound.
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    start_date: Option<DateTime<Utc>>,
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    end_date: Option<DateTime<Utc>>,
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    due_start_date: Option<DateTime<Utc>>,
    #[serde(default, with = "lenient::optional_datetime")]
    #[param(value_type = Option<DateTime<Utc>>)]
    due_end_date: Option<DateTime<Utc>>,
}

/// A page of action items, newest first, then sorted: due soonest first, those without a date last.
#[utoipa::path(get, path = "/v1/action-items", tag = "action items", params(ListQuery),
    responses((status = 200, body = ActionItemPage)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<ActionItemPage>> {
    let limit = bounded("limit", query.limit, 50, 1, 500)?;
    let offset = bounded("offset", query.offset, 0, 0, i64::MAX)?;
    let conversation_id = match query.conversation_id.as_deref() {
        None | Some("") => None,
        // No UUID is the id of no conversation: nothing matches.
        Some(id) => match id.parse() {
            Ok(id) => Some(Some(id)),
            Err(_) => {
                return Ok(Json(ActionItemPage {
                    action_items: Vec::new(),
                    has_more: false,
                }));
            }
        },
    };
    let due = query.due_start_date.is_some() || query.due_end_date.is_some();
    let filter = Filter {
        completed: query.completed,
        conversation_id,
        created_from: query.start_date.filter(|_| !due),
        created_to: query.end_date.filter(|_| !due),
        due_from: query.due_start_date,
        due_to: query.due_end_date,
    };
    let (items, has_more) = action_items::list(&app.db, &caller, &filter, limit, offset).await?;
    let action_items = items
        .into_iter()
        .map(|item| ActionItemAnswer {
            item,
            is_locked: false,
        })
        .collect();
    Ok(Json(ActionItemPage {
        action_items,
        has_more,
    }))
}
