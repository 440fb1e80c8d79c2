//! `/v1/action-items`

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::App,
    features::{
        action_items::{self, ActionItem},
        credentials::Caller,
    },
    surfaces::{
        extract::{Query, bounded},
        queries::{self, Reading},
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

impl From<ActionItem> for ActionItemAnswer {
    fn from(item: ActionItem) -> Self {
        Self {
            item,
            is_locked: false,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct ActionItemPage {
    action_items: Vec<ActionItemAnswer>,
    has_more: bool,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// 1 to 500, 50 if left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
    #[param(minimum = 0)]
    offset: Option<i64>,
}

/// How the app's list reads its query.
const READING: Reading = Reading {
    empty_is_none: false,
    due_alone: true,
};

/// A page of action items, newest first, then sorted: due soonest first, those without a date last.
///
/// A bound of the due date cuts the page by due date, latest first, and leaves out what has none. Bounds of the
/// creation do not count beside it.
#[utoipa::path(get, path = "/v1/action-items", tag = "action items", params(Page, queries::ActionItems),
    responses((status = 200, body = ActionItemPage)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
    Query(query): Query<queries::ActionItems>,
) -> Result<Json<ActionItemPage>> {
    let limit = bounded("limit", page.limit, 50, 1, 500)?;
    let offset = bounded("offset", page.offset, 0, 0, i64::MAX)?;
    let filter = query.filter(READING);
    let (items, has_more) = action_items::list(&app.db, &caller, &filter, limit, offset).await?;
    Ok(Json(ActionItemPage {
        action_items: items.into_iter().map(Into::into).collect(),
        has_more,
    }))
}
