//! `/v1/apps`, `/v2/apps`, `/v1/app-categories`, `/v1/app-capabilities`: which apps there are. Those that the user owns or enabled
//! are shown; this server has no shop.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::App,
    error::Error,
    features::{
        apps::{self, Shown, Wanted},
        credentials::Caller,
        lenient,
    },
    surfaces::{
        extract::{Id, Query, TextId, bounded},
        guard,
        respond::Result,
    },
};

/// Id and title of what apps can do, in the order of the shop.
const CAPABILITIES: [(&str, &str); 6] = [
    ("popular", "Featured"),
    ("external_integration", "Integrations"),
    ("chat", "Chat Assistants"),
    ("memories", "Summary Apps"),
    ("proactive_notification", "Realtime Notifications"),
    ("tasks", "Tasks"),
];
/// Most apps of an answer.
const MOST: i64 = 100;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(list)))
        .routes(guard::user().on(routes!(enabled)))
        .routes(guard::user().on(routes!(popular)))
        .routes(guard::user().on(routes!(get)))
        .routes(guard::user().on(routes!(search)))
        .routes(guard::open(routes!(groups)))
        .routes(guard::open(routes!(of_capability)))
        .routes(guard::open(routes!(categories)))
        .routes(guard::open(routes!(capabilities)))
        .routes(guard::open(routes!(plans)))
}

/// An app as Omi's app reads one.
#[derive(Serialize, ToSchema)]
pub struct ShownApp {
    id: Uuid,
    /// Its owner.
    uid: String,
    name: String,
    /// The name of its owner.
    author: String,
    description: String,
    /// Always empty.
    image: &'static str,
    /// Always `other`.
    category: &'static str,
    /// Always `external_integration` alone.
    capabilities: [&'static str; 1],
    external_integration: Actions,
    private: bool,
    /// Whether the user enabled it.
    enabled: bool,
    /// Always true.
    approved: bool,
    /// Always `approved`.
    status: &'static str,
    created_at: DateTime<Utc>,
    /// Nobody rates apps here.
    #[schema(value_type = Option<f64>, required)]
    rating_avg: (),
    rating_count: i64,
    installs: i64,
    is_paid: bool,
    price: f64,
    is_user_paid: bool,
    is_popular: bool,
    official: bool,
    #[schema(value_type = Vec<Object>)]
    reviews: [(); 0],
    #[schema(value_type = Vec<String>)]
    thumbnails: [(); 0],
    #[schema(value_type = Vec<String>)]
    thumbnail_urls: [(); 0],
    #[schema(value_type = Vec<Object>)]
    chat_tools: [(); 0],
}

#[derive(Serialize, ToSchema)]
pub struct Actions {
    actions: Vec<AppAction>,
    /// Always null.
    #[schema(value_type = Option<String>, required)]
    webhook_url: (),
    /// Always empty.
    #[schema(value_type = Vec<Object>)]
    auth_steps: [(); 0],
}

#[derive(Serialize, ToSchema)]
pub struct AppAction {
    action: String,
}

impl From<Shown> for ShownApp {
    fn from(app: Shown) -> Self {
        let author = if app.author.is_empty() {
            "Somebody".into()
        } else {
            app.author
        };
        let actions = app.actions.into_iter();
        Self {
            id: app.id,
            uid: app.owner,
            name: app.name,
            author,
            description: app.description,
            image: "",
            category: "other",
            capabilities: ["external_integration"],
            external_integration: Actions {
                actions: actions.map(|action| AppAction { action }).collect(),
                webhook_url: (),
                auth_steps: [],
            },
            private: app.private,
            enabled: app.enabled,
            approved: true,
            status: "approved",
            created_at: app.created_at,
            rating_avg: (),
            rating_count: 0,
            installs: 0,
            is_paid: false,
            price: 0.0,
            is_user_paid: false,
            is_popular: false,
            official: false,
            reviews: [],
            thumbnails: [],
            thumbnail_urls: [],
            chat_tools: [],
        }
    }
}

/// Apps that the user owns or enabled, by name; a thousand at most.
#[utoipa::path(get, path = "/v1/apps", tag = "apps", responses((status = 200, body = Vec<ShownApp>)))]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Vec<ShownApp>>> {
    let wanted = Wanted {
        limit: 1000,
        ..Wanted::default()
    };
    let (found, _) = apps::list(&app.db, &caller, &wanted).await?;
    Ok(Json(found.into_iter().map(ShownApp::from).collect()))
}

/// Ids of the apps that the user enabled.
#[utoipa::path(get, path = "/v1/apps/enabled", tag = "apps", responses((status = 200, body = Vec<Uuid>)))]
pub async fn enabled(State(app): State<App>, caller: Caller) -> Result<Json<Vec<Uuid>>> {
    Ok(Json(apps::enabled(&app.db, &caller).await?))
}

/// What many have enabled: nobody counts here, and the list is empty.
#[utoipa::path(get, path = "/v1/apps/popular", tag = "apps", responses((status = 200, body = Vec<Object>)))]
pub async fn popular(_: Caller) -> Json<[(); 0]> {
    Json([])
}

/// One app, if it is the user's or not private.
#[utoipa::path(get, path = "/v1/apps/{app_id}", tag = "apps", params(("app_id" = String, Path)),
    responses((status = 200, body = ShownApp)))]
pub async fn get(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<ShownApp>> {
    let id = id.or_absent("App")?;
    Ok(Json(apps::show(&app.db, &caller, id).await?.into()))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// A part of the name, whatever its case.
    #[param(max_length = 200)]
    q: Option<String>,
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    my_apps: Option<bool>,
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    installed_apps: Option<bool>,
    /// 20 if left out; more than 100 count as 100.
    #[param(minimum = 1)]
    limit: Option<i64>,
    #[param(minimum = 0)]
    offset: Option<i64>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    total: i64,
    /// How many of them this page shows.
    count: i64,
    offset: i64,
    limit: i64,
    has_next: bool,
    has_previous: bool,
}

impl Pagination {
    fn new(total: i64, offset: i64, limit: i64) -> Self {
        Self {
            total,
            count: limit.min(total.saturating_sub(offset)).max(0),
            offset,
            limit,
            has_next: offset.saturating_add(limit) < total,
            has_previous: offset > 0,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct FoundApps {
    data: Vec<ShownApp>,
    pagination: Pagination,
    filters: SearchFilters,
}

#[derive(Serialize, ToSchema)]
pub struct SearchFilters {
    #[schema(required)]
    query: Option<String>,
    my_apps: bool,
    installed_apps: bool,
}

/// Look for apps among those that the user owns or enabled, by name.
#[utoipa::path(get, path = "/v2/apps/search", tag = "apps", params(SearchQuery), responses((status = 200, body = FoundApps)))]
pub async fn search(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<SearchQuery>,
) -> Result<Json<FoundApps>> {
    let name = query.q.filter(|text| !text.trim().is_empty());
    if let Some(name) = &name
        && name.chars().count() > 200
    {
        return Err(Error::invalid_parameter("q", "q must have at most 200 characters").into());
    }
    let wanted = Wanted {
        name,
        owned: query.my_apps.unwrap_or(false),
        enabled: query.installed_apps.unwrap_or(false),
        limit: bounded("limit", query.limit, 20, 1, i64::MAX)?.min(MOST),
        offset: bounded("offset", query.offset, 0, 0, i64::MAX)?,
    };
    let (found, total) = apps::list(&app.db, &caller, &wanted).await?;
    Ok(Json(FoundApps {
        data: found.into_iter().map(ShownApp::from).collect(),
        pagination: Pagination::new(total, wanted.offset, wanted.limit),
        filters: SearchFilters {
            query: wanted.name,
            my_apps: wanted.owned,
            installed_apps: wanted.enabled,
        },
    }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShopQuery {
    capability: Option<String>,
    /// 20 if left out; more than 100 count as 100.
    #[param(minimum = 1)]
    limit: Option<i64>,
    #[param(minimum = 0)]
    offset: Option<i64>,
}

/// The vendor's shop: this server has none, and it is empty. Needs no credential.
#[utoipa::path(get, path = "/v2/apps", tag = "vendor cloud", params(ShopQuery), responses((status = 200, body = Object)))]
pub async fn groups(Query(query): Query<ShopQuery>) -> Result<Json<Value>> {
    let limit = bounded("limit", query.limit, 20, 1, i64::MAX)?.min(MOST);
    let offset = bounded("offset", query.offset, 0, 0, i64::MAX)?;
    if let Some(id) = query.capability.filter(|id| !id.is_empty()) {
        let title = title_of(&id).unwrap_or(&id);
        return Ok(Json(json!({
            "data": [], "pagination": Pagination::new(0, offset, limit), "capability": {"id": id, "title": title}
        })));
    }
    let capabilities = CAPABILITIES.map(|(id, title)| json!({"id": id, "title": title}));
    Ok(Json(json!({
        "groups": [],
        "meta": {"capabilities": capabilities, "groupCount": 0, "limit": limit, "offset": offset}
    })))
}

fn title_of(id: &str) -> Option<&'static str> {
    let found = CAPABILITIES.iter().find(|(known, _)| *known == id);
    found.map(|(_, title)| *title)
}

/// One shelf of the vendor's shop: empty. Needs no credential.
#[utoipa::path(get, path = "/v2/apps/capability/{id}/grouped", tag = "vendor cloud", params(("id" = String, Path)),
    responses((status = 200, body = Object)))]
pub async fn of_capability(TextId(id): TextId) -> Result<Json<Value>> {
    let title = title_of(&id).ok_or(Error::NotFound("Capability"))?;
    Ok(Json(json!({
        "groups": [], "capability": {"id": id, "title": title}, "meta": {"totalApps": 0, "groupCount": 0}
    })))
}

/// A title, and what it is called inside.
#[derive(Serialize, ToSchema)]
pub struct Titled {
    title: &'static str,
    id: &'static str,
}

const fn titled(title: &'static str, id: &'static str) -> Titled {
    Titled { title, id }
}

/// What apps are sorted into. Needs no credential.
#[utoipa::path(get, path = "/v1/app-categories", tag = "apps", responses((status = 200, body = Vec<Titled>)))]
pub async fn categories() -> Json<[Titled; 16]> {
    Json([
        titled("Conversation Analysis", "conversation-analysis"),
        titled("Personality Emulation", "personality-emulation"),
        titled("Health and Wellness", "health-and-wellness"),
        titled("Education and Learning", "education-and-learning"),
        titled("Communication Improvement", "communication-improvement"),
        titled(
            "Emotional and Mental Support",
            "emotional-and-mental-support",
        ),
        titled(
            "Productivity and Organization",
            "productivity-and-organization",
        ),
        titled("Entertainment and Fun", "entertainment-and-fun"),
        titled("Financial", "financial"),
        titled("Travel and Exploration", "travel-and-exploration"),
        titled("Safety and Security", "safety-and-security"),
        titled("Shopping and Commerce", "shopping-and-commerce"),
        titled("Social and Relationships", "social-and-relationships"),
        titled("News and Information", "news-and-information"),
        titled("Utilities and Tools", "utilities-and-tools"),
        titled("Other", "other"),
    ])
}

/// What apps can do. Needs no credential.
#[utoipa::path(get, path = "/v1/app-capabilities", tag = "apps", responses((status = 200, body = Vec<Object>)))]
pub async fn capabilities() -> Json<Value> {
    let action = |title: &str, id: &str, description: &str| json!({"title": title, "id": id, "doc_url": null, "description": description});
    Json(json!([
        {"title": "Chat", "id": "chat"},
        {"title": "Conversations", "id": "memories"},
        {
            "title": "External Integration", "id": "external_integration",
            "triggers": [
                titled("Audio Bytes", "audio_bytes"),
                titled("Conversation Creation", "memory_creation"),
                titled("Transcript Processed", "transcript_processed"),
            ],
            "actions": [
                action("Create conversations", "create_conversation", "Adds conversations for the user."),
                action("Create memories", "create_facts", "Adds memories for the user."),
                action("Read memories", "read_memories", "Reads the user's memories."),
                action("Read conversations", "read_conversations", "Reads the user's conversations."),
                action("Read tasks", "read_tasks", "Reads the user's action items."),
            ],
        },
        {
            "title": "Notification", "id": "proactive_notification",
            "scopes": [
                titled("User Name", "user_name"), titled("User Facts", "user_facts"),
                titled("User Conversations", "user_context"), titled("User Chat", "user_chat"),
            ],
        },
    ]))
}

/// How an app may be paid for: not at all here. Needs no credential.
#[utoipa::path(get, path = "/v1/app/plans", tag = "vendor cloud", responses((status = 200, body = Vec<Object>)))]
pub async fn plans() -> Json<[(); 0]> {
    Json([])
}
