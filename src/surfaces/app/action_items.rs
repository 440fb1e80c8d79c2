//! `/v1/action-items`

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::shares;
use crate::{
    app::App,
    error::Error,
    features::{
        action_items::{self, ActionItem, ActionItemChanges, Manner, NewActionItem, Position},
        credentials::Caller,
        lenient,
        schema::Moment,
        search,
    },
    surfaces::{
        extract::{Body, Id, List, Query, bounded},
        guard::{self, NewIds},
        queries::{self, Reading},
        respond::{ErrorBody, Result},
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(list)))
        .routes(guard::user().once().on(routes!(create)))
        .routes(guard::user().once().on(routes!(create_batch)))
        .routes(guard::user().on(routes!(arrange)))
        .routes(guard::user().on(routes!(find)))
        .routes(guard::user().on(routes!(to_sync)))
        .routes(guard::user().on(routes!(apply_synced)))
        .routes(guard::user().on(routes!(get, update, delete)))
        .routes(guard::user().on(routes!(complete)))
        .routes(guard::user().once().on(routes!(shares::share)))
        .routes(guard::user().once().on(routes!(shares::accept)))
        .routes(guard::open(routes!(shares::shared)))
        .routes(guard::open(routes!(shares::page)))
}

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

fn answers(items: Vec<ActionItem>) -> Vec<ActionItemAnswer> {
    items.into_iter().map(Into::into).collect()
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
        action_items: answers(items),
        has_more,
    }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// A question or words.
    #[param(min_length = 1, max_length = 500)]
    query: String,
    /// 10 if left out.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<i64>,
}

#[derive(Serialize, ToSchema)]
pub struct FoundActionItems {
    /// Best first, open and done.
    action_items: Vec<ActionItemAnswer>,
}

/// Action items by meaning and by words.
#[utoipa::path(get, path = "/v1/action-items/search", tag = "action items", params(Wanted),
    responses((status = 200, body = FoundActionItems)))]
pub async fn find(
    State(app): State<App>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<FoundActionItems>> {
    if !(1..=search::MAXIMUM_QUERY).contains(&wanted.query.chars().count()) {
        let text = format!("query must have 1 to {} characters", search::MAXIMUM_QUERY);
        return Err(Error::invalid_parameter("query", text).into());
    }
    let limit = bounded("limit", wanted.limit, 10, 1, 50)?;
    let limit = limit.try_into().unwrap_or(search::MOST_HITS);
    let found = search::action_items(&app, &caller, &wanted.query, limit).await?;
    Ok(Json(FoundActionItems {
        action_items: answers(found),
    }))
}

/// One action item.
#[utoipa::path(get, path = "/v1/action-items/{id}", tag = "action items", params(("id" = String, Path)),
    responses((status = 200, body = ActionItemAnswer)))]
pub async fn get(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<ActionItemAnswer>> {
    let id = id.or_absent("Action item")?;
    Ok(Json(action_items::get(&app.db, &caller, id).await?.into()))
}

/// Something to get done.
#[derive(Deserialize, ToSchema)]
pub struct WantedActionItem {
    #[schema(
        min_length = 1,
        max_length = 5000,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    description: String,
    /// False if left out.
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    completed: Option<bool>,
    #[serde(default, with = "lenient::optional_datetime")]
    #[schema(value_type = Option<Moment>)]
    due_at: Option<DateTime<Utc>>,
    /// It need not exist.
    #[serde(default)]
    conversation_id: Option<String>,
}

impl WantedActionItem {
    fn completed(self, completed: bool) -> NewActionItem {
        NewActionItem {
            description: self.description,
            completed,
            due_at: self.due_at,
            conversation_id: self.conversation_id.and_then(|id| id.parse().ok()),
        }
    }
}

/// Create an action item. The same again within ten seconds is the one that is there.
#[utoipa::path(post, path = "/v1/action-items", tag = "action items", request_body = WantedActionItem,
    responses((status = 200, body = ActionItemAnswer)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    mut ids: NewIds,
    Body(new): Body<WantedActionItem>,
) -> Result<Json<ActionItemAnswer>> {
    let completed = new.completed.unwrap_or(false);
    let new = new.completed(completed);
    let created = action_items::create(&app.db, &caller, ids.next(), new, Manner::Lenient).await?;
    Ok(Json(created.into()))
}

#[derive(Serialize, ToSchema)]
pub struct CreatedActionItems {
    /// In the order of the request.
    action_items: Vec<ActionItemAnswer>,
    created_count: usize,
}

/// Create several action items, all of them or none. Each is open, whatever it says.
#[utoipa::path(post, path = "/v1/action-items/batch", tag = "action items",
    request_body = Vec<WantedActionItem>, responses((status = 200, body = CreatedActionItems)))]
pub async fn create_batch(
    State(app): State<App>,
    caller: Caller,
    mut ids: NewIds,
    List(new): List<WantedActionItem>,
) -> Result<Json<CreatedActionItems>> {
    let new = new
        .into_iter()
        .map(|item| (ids.next(), item.completed(false)))
        .collect();
    let created = action_items::create_all(&app.db, &caller, new, Manner::Lenient).await?;
    Ok(Json(CreatedActionItems {
        created_count: created.len(),
        action_items: answers(created),
    }))
}

/// What of an action item is changed. What is left out stays, and so does what is null, but for `due_at`.
#[derive(Deserialize, ToSchema)]
pub struct ChangedActionItem {
    #[schema(
        min_length = 1,
        max_length = 5000,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    #[serde(default)]
    description: Option<String>,
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    completed: Option<bool>,
    /// Null takes the date away.
    #[serde(default, deserialize_with = "lenient::nullable_datetime")]
    #[schema(value_type = Option<Moment>)]
    due_at: Option<Option<DateTime<Utc>>>,
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    exported: Option<bool>,
    #[serde(default, with = "lenient::optional_datetime")]
    #[schema(value_type = Option<Moment>)]
    export_date: Option<DateTime<Utc>>,
    #[schema(max_length = 500, pattern = r"^[^\x00]*$")]
    #[serde(default)]
    export_platform: Option<String>,
    #[schema(max_length = 500, pattern = r"^[^\x00]*$")]
    #[serde(default)]
    apple_reminder_id: Option<String>,
    #[serde(default)]
    sort_order: Option<i32>,
    #[schema(minimum = 0, maximum = 3)]
    #[serde(default)]
    indent_level: Option<i32>,
}

impl From<ChangedActionItem> for ActionItemChanges {
    fn from(sent: ChangedActionItem) -> Self {
        Self {
            description: sent.description,
            completed: sent.completed,
            due_at: sent.due_at,
            exported: sent.exported,
            export_date: sent.export_date,
            export_platform: sent.export_platform,
            apple_reminder_id: sent.apple_reminder_id,
            sort_order: sent.sort_order,
            indent_level: sent.indent_level,
        }
    }
}

/// Change an action item.
#[utoipa::path(patch, path = "/v1/action-items/{id}", tag = "action items", params(("id" = String, Path)),
    request_body = ChangedActionItem, responses((status = 200, body = ActionItemAnswer)))]
pub async fn update(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Body(sent): Body<ChangedActionItem>,
) -> Result<Json<ActionItemAnswer>> {
    change(&app, &caller, id, sent.into()).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Completed {
    #[serde(deserialize_with = "lenient::boolean")]
    completed: bool,
}

/// Complete an action item, or open it again.
#[utoipa::path(patch, path = "/v1/action-items/{id}/completed", tag = "action items",
    params(("id" = String, Path), Completed), responses((status = 200, body = ActionItemAnswer)))]
pub async fn complete(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Query(query): Query<Completed>,
) -> Result<Json<ActionItemAnswer>> {
    let changes = ActionItemChanges {
        completed: Some(query.completed),
        ..ActionItemChanges::default()
    };
    change(&app, &caller, id, changes).await
}

async fn change(
    app: &App,
    caller: &Caller,
    id: Id,
    changes: ActionItemChanges,
) -> Result<Json<ActionItemAnswer>> {
    let id = id.or_absent("Action item")?;
    let changed = action_items::update(&app.db, caller, id, changes, Manner::Lenient).await?;
    Ok(Json(changed.into()))
}

/// Remove an action item.
#[utoipa::path(delete, path = "/v1/action-items/{id}", tag = "action items", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode> {
    let id = id.or_absent("Action item")?;
    action_items::delete(&app.db, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where an action item stands in the list; what is left out or null stays.
#[derive(Deserialize, ToSchema)]
pub struct Place {
    id: String,
    #[serde(default)]
    sort_order: Option<i32>,
    #[serde(default)]
    #[schema(minimum = 0, maximum = 3)]
    indent_level: Option<i32>,
}

#[derive(Deserialize, ToSchema)]
pub struct Arrangement {
    #[schema(max_items = 500)]
    items: Vec<Place>,
}

#[derive(Serialize, ToSchema)]
pub struct UpdatedAnswer {
    /// `ok`
    status: &'static str,
    updated_count: u64,
}

impl UpdatedAnswer {
    fn of(updated_count: u64) -> Json<Self> {
        Json(Self {
            status: "ok",
            updated_count,
        })
    }
}

/// Put action items into order. Those that there are not are skipped; the answer counts all that were sent.
#[utoipa::path(patch, path = "/v1/action-items/batch", tag = "action items", request_body = Arrangement,
    responses((status = 200, body = UpdatedAnswer)))]
pub async fn arrange(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<Arrangement>,
) -> Result<Json<UpdatedAnswer>> {
    let count = wanted.items.len() as u64;
    let positions = wanted.items.into_iter().map(|place| Position {
        // Of no item.
        id: place.id.parse().unwrap_or(Uuid::nil()),
        sort_order: place.sort_order,
        indent_level: place.indent_level,
    });
    action_items::arrange(&app.db, &caller, positions.collect()).await?;
    Ok(UpdatedAnswer::of(count))
}

#[derive(Serialize, ToSchema)]
pub struct PendingSync {
    /// For the phone to send to Apple Reminders, newest first, at most 50.
    pending_export: Vec<ActionItemAnswer>,
    /// What it has sent there, last changed first, at most 100.
    synced_items: Vec<ActionItemAnswer>,
}

/// What the phone has to do for its own task app.
#[utoipa::path(get, path = "/v1/action-items/pending-sync", tag = "action items",
    responses((status = 200, body = PendingSync)))]
pub async fn to_sync(State(app): State<App>, caller: Caller) -> Result<Json<PendingSync>> {
    let (pending, synced) = action_items::to_sync(&app.db, &caller).await?;
    Ok(Json(PendingSync {
        pending_export: answers(pending),
        synced_items: answers(synced),
    }))
}

/// What became of an action item in the phone's task app; what is left out or null stays.
#[derive(Deserialize, ToSchema)]
pub struct SyncedItem {
    id: String,
    #[serde(default)]
    #[schema(
        min_length = 1,
        max_length = 5000,
        pattern = r"^[^\x00]*[^\s\x85\x00][^\x00]*$"
    )]
    description: Option<String>,
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    completed: Option<bool>,
    #[serde(default, with = "lenient::optional_datetime")]
    #[schema(value_type = Option<Moment>)]
    due_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    exported: Option<bool>,
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^[^\x00]*$")]
    export_platform: Option<String>,
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^[^\x00]*$")]
    apple_reminder_id: Option<String>,
}

impl SyncedItem {
    fn change(self) -> (Uuid, ActionItemChanges) {
        let changes = ActionItemChanges {
            description: self.description,
            completed: self.completed,
            due_at: self.due_at.map(Some),
            exported: self.exported,
            export_platform: self.export_platform,
            apple_reminder_id: self.apple_reminder_id,
            ..ActionItemChanges::default()
        };
        (self.id.parse().unwrap_or(Uuid::nil()), changes)
    }
}

#[derive(Deserialize, ToSchema)]
pub struct SyncedItems {
    #[schema(max_items = 100)]
    items: Vec<SyncedItem>,
}

/// Take over what happened in the phone's task app. Action items that there are not are skipped, and do not count.
#[utoipa::path(patch, path = "/v1/action-items/sync-batch", tag = "action items", request_body = SyncedItems,
    responses((status = 200, body = UpdatedAnswer), (status = 400, body = ErrorBody)))]
pub async fn apply_synced(
    State(app): State<App>,
    caller: Caller,
    Body(synced): Body<SyncedItems>,
) -> Result<Json<UpdatedAnswer>> {
    let changes = synced.items.into_iter().map(SyncedItem::change).collect();
    let updated = action_items::apply_synced(&app.db, &caller, changes).await?;
    Ok(UpdatedAnswer::of(updated))
}
