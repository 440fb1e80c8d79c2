//! Tools: action items, the tasks of a user.

use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use rmcp::{
    ErrorData,
    handler::server::common::Extension,
    schemars::{self, JsonSchema},
    tool, tool_router,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Success, Tools,
    reading::{self, Page, failed, invalid},
};
use crate::{
    features::action_items::{self, ActionItem, ActionItemChanges, Filter, Manner, NewActionItem},
    platform::ids,
    surfaces::mcp::{
        arguments::Parameters,
        results::{Json, schema},
    },
};

/// An action item, as the Developer API shows it.
#[derive(Serialize, ToSchema)]
struct ActionItemRow {
    id: Uuid,
    description: String,
    completed: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    due_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
    /// The conversation that it comes from.
    conversation_id: Option<Uuid>,
}

impl From<ActionItem> for ActionItemRow {
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

#[derive(Deserialize, JsonSchema)]
struct GetActionItems {
    /// true: only what is done; false: only what is open; left out: both.
    #[serde(default)]
    #[schemars(with = "bool")]
    completed: Option<bool>,
    /// Due on this day or later, yyyy-mm-dd (UTC).
    #[serde(default)]
    #[schemars(with = "String")]
    due_start_date: Option<String>,
    /// Due on this day or earlier, yyyy-mm-dd (UTC), inclusive.
    #[serde(default)]
    #[schemars(with = "String")]
    due_end_date: Option<String>,
    /// How many action items at most.
    #[serde(default = "super::hundred")]
    #[schemars(range(min = 1, max = 500))]
    limit: i64,
    /// How many action items to leave out from the beginning.
    #[serde(default)]
    #[schemars(range(min = 0))]
    offset: i64,
}

#[derive(Serialize, ToSchema)]
struct ActionItems {
    action_items: Vec<ActionItemRow>,
    has_more: bool,
    /// The offset of the next part; null: this was the last one.
    next_offset: Option<i64>,
}

#[derive(Deserialize, JsonSchema)]
struct CreateActionItem {
    /// What is to be done, 1 to 500 characters.
    #[schemars(length(min = 1, max = 500))]
    description: String,
    /// When it is due, such as 2026-01-31T09:30:00+01:00; without an offset UTC.
    #[serde(default)]
    #[schemars(with = "String")]
    due_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Changed {
    success: bool,
    action_item: ActionItemRow,
}

#[derive(Deserialize, JsonSchema)]
struct UpdateActionItem {
    /// The id of the action item, as get_action_items shows it.
    action_item_id: String,
    /// What is to be done, 1 to 500 characters.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 500))]
    description: Option<String>,
    /// When it is due, such as 2026-01-31T09:30:00+01:00; without an offset UTC. An empty text takes the date away.
    #[serde(default)]
    #[schemars(with = "String")]
    due_at: Option<String>,
    /// Whether it is done.
    #[serde(default)]
    #[schemars(with = "bool")]
    completed: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
struct CompleteActionItem {
    /// The id of the action item, as get_action_items shows it.
    action_item_id: String,
    /// false: it is open again.
    #[serde(default = "yes")]
    completed: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize, JsonSchema)]
struct DeleteActionItem {
    /// The id of the action item, as get_action_items shows it.
    action_item_id: String,
}

#[tool_router(router = action_items, vis = "pub(super)")]
impl Tools {
    /// The user's tasks: due soonest first, those without a date last. Of more than one part, the first holds the newest; with
    /// a bound of the due date, the latest due.
    #[tool(
        title = "Get action items",
        output_schema = schema::<ActionItems>(),
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn get_action_items(
        &self,
        Parameters(wanted): Parameters<GetActionItems>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<ActionItems>, ErrorData> {
        let caller = reading::asking(&request)?;
        let page = Page::of(wanted.limit, wanted.offset, super::MOST)?;
        let (due_from, due_to) = reading::days(
            ("due_start_date", wanted.due_start_date.as_deref()),
            ("due_end_date", wanted.due_end_date.as_deref()),
        )?;
        let filter = Filter {
            completed: wanted.completed,
            due_from,
            due_to,
            ..Filter::default()
        };
        let (limit, offset) = (page.shown(), page.offset());
        let (found, has_more) = action_items::list(&self.app.db, caller, &filter, limit, offset)
            .await
            .map_err(failed)?;
        Ok(Json(ActionItems {
            action_items: found.into_iter().map(Into::into).collect(),
            has_more,
            next_offset: page.next(has_more),
        }))
    }

    /// Add a task to the user's list.
    #[tool(
        title = "Create action item",
        output_schema = schema::<Changed>(),
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    async fn create_action_item(
        &self,
        Parameters(wanted): Parameters<CreateActionItem>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<Changed>, ErrorData> {
        let caller = reading::asking(&request)?;
        let due_at = reading::moment("due_at", wanted.due_at.as_deref().unwrap_or_default())?;
        let new = NewActionItem {
            description: wanted.description,
            completed: false,
            due_at,
            conversation_id: None,
        };
        let created = action_items::create(&self.app.db, caller, ids::new(), new, Manner::Strict)
            .await
            .map_err(failed)?;
        Ok(Json(Changed {
            success: true,
            action_item: created.into(),
        }))
    }

    /// Change what a task says, when it is due or whether it is done. What is left out stays.
    #[tool(
        title = "Update action item",
        output_schema = schema::<Changed>(),
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn update_action_item(
        &self,
        Parameters(wanted): Parameters<UpdateActionItem>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<Changed>, ErrorData> {
        let due_at = wanted
            .due_at
            .as_deref()
            .map(|text| reading::moment("due_at", text))
            .transpose()?;
        let changes = ActionItemChanges {
            description: wanted.description,
            completed: wanted.completed,
            due_at,
            ..ActionItemChanges::default()
        };
        if changes.description.is_none() && changes.completed.is_none() && changes.due_at.is_none()
        {
            return Err(invalid(
                "Nothing to change was given: description, due_at or completed.",
            ));
        }
        self.change_action_item(&request, &wanted.action_item_id, changes)
            .await
    }

    /// Mark a task as done, or as open again. What is done already keeps the time at which it was done.
    #[tool(
        title = "Complete action item",
        output_schema = schema::<Changed>(),
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn complete_action_item(
        &self,
        Parameters(wanted): Parameters<CompleteActionItem>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<Changed>, ErrorData> {
        let changes = ActionItemChanges {
            completed: Some(wanted.completed),
            ..ActionItemChanges::default()
        };
        self.change_action_item(&request, &wanted.action_item_id, changes)
            .await
    }

    /// Remove a task from the list for good. For one that is done, complete_action_item is better.
    #[tool(
        title = "Delete action item",
        output_schema = schema::<Success>(),
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn delete_action_item(
        &self,
        Parameters(wanted): Parameters<DeleteActionItem>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<Success>, ErrorData> {
        let caller = reading::asking(&request)?;
        let id = reading::id(&wanted.action_item_id, "Action item")?;
        action_items::delete(&self.app.db, caller, id)
            .await
            .map_err(failed)?;
        Ok(Json(Success::YES))
    }
}

impl Tools {
    async fn change_action_item(
        &self,
        request: &Parts,
        id: &str,
        changes: ActionItemChanges,
    ) -> Result<Json<Changed>, ErrorData> {
        let caller = reading::asking(request)?;
        let id = reading::id(id, "Action item")?;
        let changed = action_items::update(&self.app.db, caller, id, changes, Manner::Strict)
            .await
            .map_err(failed)?;
        Ok(Json(Changed {
            success: true,
            action_item: changed.into(),
        }))
    }
}
