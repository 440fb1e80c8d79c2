//! `/v1/action-items/share`: action items for others, by a link.

use axum::{Json, extract::State, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::App,
    features::{
        action_items::{self, Shared},
        credentials::Caller,
    },
    surfaces::{
        extract::{Body, TextId},
        html::{self, escaped},
        respond::{ErrorBody, Result},
    },
};

#[derive(Deserialize, ToSchema)]
pub struct Offer {
    #[schema(min_items = 1, max_items = 20)]
    task_ids: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Link {
    /// Where everybody can read what is shared.
    pub(super) url: String,
    /// 32 hex digits.
    pub(super) token: String,
}

/// Offer action items to whoever has the link, for 30 days.
#[utoipa::path(post, path = "/v1/action-items/share", tag = "action items", request_body = Offer,
    responses((status = 200, body = Link),
              (status = 404, body = ErrorBody, description = "There is no such action item")))]
pub async fn share(
    State(app): State<App>,
    caller: Caller,
    Body(offer): Body<Offer>,
) -> Result<Json<Link>> {
    let token = action_items::share(&app.db, &caller, &offer.task_ids).await?;
    let url = format!("{}/tasks/{token}", app.public_url);
    Ok(Json(Link { url, token }))
}

/// What is shared. Needs no credential.
#[utoipa::path(get, path = "/v1/action-items/shared/{token}", tag = "action items",
    params(("token" = String, Path)), responses((status = 200, body = Shared)))]
pub async fn shared(State(app): State<App>, TextId(token): TextId) -> Result<Json<Shared>> {
    Ok(Json(action_items::shared(&app.db, &token).await?))
}

#[derive(Deserialize, ToSchema)]
pub struct Acceptance {
    token: String,
}

#[derive(Serialize, ToSchema)]
pub struct Accepted {
    /// The new ids.
    created: Vec<Uuid>,
    count: usize,
}

/// Take copies of what another user shared, once.
#[utoipa::path(post, path = "/v1/action-items/accept", tag = "action items", request_body = Acceptance,
    responses((status = 200, body = Accepted),
              (status = 400, body = ErrorBody, description = "It is one's own share"),
              (status = 404, body = ErrorBody, description = "The share has expired, or there is none"),
              (status = 409, body = ErrorBody, description = "It was accepted before")))]
pub async fn accept(
    State(app): State<App>,
    caller: Caller,
    Body(acceptance): Body<Acceptance>,
) -> Result<Json<Accepted>> {
    let created = action_items::accept(&app.db, &caller, &acceptance.token).await?;
    Ok(Json(Accepted {
        count: created.len(),
        created,
    }))
}

/// What is shared, as a page. Needs no credential.
#[utoipa::path(get, path = "/tasks/{token}", tag = "action items", params(("token" = String, Path)),
    responses((status = 200, body = String, content_type = "text/html")))]
pub async fn page(State(app): State<App>, TextId(token): TextId) -> Result<Response> {
    Ok(written(&action_items::shared(&app.db, &token).await?))
}

fn written(shared: &Shared) -> Response {
    let items: String = shared
        .tasks
        .iter()
        .map(|task| {
            let due = task.due_at.map_or_else(String::new, |due| {
                format!(" <small>due {}</small>", due.format("%-d %b %Y"))
            });
            format!("<li>{}{due}</li>\n", escaped(&task.description))
        })
        .collect();
    let name = escaped(&shared.sender_name);
    html::page(
        &format!("Tasks from {name}"),
        &format!("{name} shares tasks with you"),
        &format!("<ul>\n{items}</ul>"),
    )
}
