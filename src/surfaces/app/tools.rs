//! `/v1/tools`: what a voice model of the desktop app may look up and do, answered in words. What a call does wrong is told in
//! words too, for the model to do better.

use axum::{Json, extract::State};
use chrono::{DateTime, TimeDelta, Timelike as _, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::App,
    error::{Error, Result as Outcome},
    features::{
        accounts::{self, Profile},
        action_items::{self, ActionItemChanges, Manner, NewActionItem},
        conversations::{self, Conversation, Filter},
        credentials::Caller,
        lenient, memories,
        people::{self, Speakers},
        search,
    },
    platform::clock,
    surfaces::{
        extract::{Body, Id, Query},
        guard::{self, NewIds},
        prose,
        respond::Result,
    },
};

/// Conversations that are read at a time.
const PART: usize = 50;
/// An answer is not much longer, in bytes.
const LONGEST: usize = 400_000;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(get_conversations)))
        .routes(guard::user().on(routes!(search_conversations)))
        .routes(guard::user().on(routes!(get_memories)))
        .routes(guard::user().on(routes!(search_memories)))
        .routes(guard::user().on(routes!(get_action_items)))
        .routes(guard::user().once().on(routes!(create_action_item)))
        .routes(guard::user().on(routes!(update_action_item)))
}

#[derive(Serialize, ToSchema)]
pub struct ToolResponse {
    tool_name: &'static str,
    result_text: String,
    /// The text says what was wrong with the call.
    is_error: bool,
}

type Answer = Result<Json<ToolResponse>>;

/// What a caller can do better is an answer, anything else an error.
fn answer(tool_name: &'static str, outcome: Outcome<String>) -> Answer {
    let (result_text, is_error) = match outcome {
        Ok(text) => (text, false),
        Err(error @ (Error::Invalid(_) | Error::BadRequest(_) | Error::NotFound(_))) => {
            (format!("Error: {error}"), true)
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Json(ToolResponse {
        tool_name,
        result_text,
        is_error,
    }))
}

/// A time of a model must have an offset: without one nobody knows which hour is meant.
fn moment(name: &str, text: Option<&str>) -> Outcome<Option<DateTime<Utc>>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    // "+" is a blank in a query.
    let time = DateTime::parse_from_rfc3339(&text.replace(' ', "+"));
    let known = time.ok().map(|time| time.to_utc());
    let known = known.filter(|time| lenient::datetime(&time.to_rfc3339()).is_some());
    known.map(Some).ok_or_else(|| {
        Error::BadRequest(format!(
            "{name} must be a time with an offset, such as 2026-01-31T09:30:00+01:00"
        ))
    })
}

fn within(name: &str, value: Option<i64>, usual: i64, least: i64, most: i64) -> Outcome<i64> {
    let value = value.unwrap_or(usual);
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    let text = format!("{name} must be between {least} and {most}");
    Err(Error::BadRequest(text))
}

fn question(query: &str) -> Outcome<&str> {
    let query = query.trim();
    if query.is_empty() {
        return Err(Error::BadRequest("query cannot be empty".into()));
    }
    lenient::at_most("query", query, search::MAXIMUM_QUERY)?;
    Ok(query)
}

/// Conversations in words, with what was said in them, as far as there is room.
async fn told(
    app: &App,
    caller: &Caller,
    profile: &Profile,
    ids: &[Uuid],
    transcripts: bool,
) -> Outcome<String> {
    let mut text = String::new();
    let mut number = 0;
    for part in ids.chunks(PART) {
        let mut found = conversations::of_ids(&app.db, &caller.uid, part, transcripts).await?;
        found.sort_by_key(|one| part.iter().position(|id| *id == one.id));
        let ids = people::speaking(found.iter().flat_map(|one| &one.transcript_segments));
        let speakers = Speakers::of(&app.db, &caller.uid, &profile.name, &ids).await?;
        for one in &found {
            number += 1;
            text.push_str(&prose::conversation(
                number,
                one,
                &speakers,
                profile.time_zone,
            ));
            if text.len() > LONGEST {
                let left = ids.len().saturating_sub(number);
                text.push_str(&format!("\n{left} more were left out: ask for fewer.\n"));
                return Ok(text);
            }
        }
    }
    Ok(match text {
        none if none.is_empty() => "There are no such conversations.".into(),
        text => text,
    })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConversationsQuery {
    /// With an offset.
    start_date: Option<String>,
    end_date: Option<String>,
    /// 1 to 5000; 20 if left out.
    limit: Option<i64>,
    offset: Option<i64>,
    /// True if left out.
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    include_transcript: Option<bool>,
}

/// What the user talked about, newest first.
#[utoipa::path(get, path = "/v1/tools/conversations", tag = "tools", params(ConversationsQuery),
    responses((status = 200, body = ToolResponse)))]
pub async fn get_conversations(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ConversationsQuery>,
) -> Answer {
    let outcome = async {
        let filter = Filter {
            statuses: vec!["processing".into(), "completed".into()],
            from: moment("start_date", query.start_date.as_deref())?,
            to: moment("end_date", query.end_date.as_deref())?,
            limit: within("limit", query.limit, 20, 1, 5000)?,
            offset: within("offset", query.offset, 0, 0, i64::MAX)?,
            ..Filter::default()
        };
        let profile = accounts::profile(&app.db, &caller.uid).await?;
        let ids = conversations::ids(&app.db, &caller, &filter).await?;
        let transcripts = query.include_transcript.unwrap_or(true);
        told(&app, &caller, &profile, &ids, transcripts).await
    };
    answer("get_conversations", outcome.await)
}

#[derive(Deserialize, ToSchema)]
pub struct ConversationsQuestion {
    #[schema(max_length = 500)]
    query: String,
    /// With an offset.
    #[serde(default)]
    start_date: Option<String>,
    #[serde(default)]
    end_date: Option<String>,
    /// 1 to 20; 5 if left out.
    #[serde(default)]
    limit: Option<i64>,
    /// True if left out.
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[schema(value_type = Option<bool>)]
    include_transcript: Option<bool>,
}

/// Conversations that answer a question, best first.
#[utoipa::path(post, path = "/v1/tools/conversations/search", tag = "tools", request_body = ConversationsQuestion,
    responses((status = 200, body = ToolResponse)))]
pub async fn search_conversations(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<ConversationsQuestion>,
) -> Answer {
    let outcome = async {
        let query = question(&asked.query)?;
        let from = moment("start_date", asked.start_date.as_deref())?;
        let to = moment("end_date", asked.end_date.as_deref())?;
        let limit = within("limit", asked.limit, 5, 1, 20)? as usize;
        let found = search::best_conversations(&app, &caller, query, from, to, limit).await?;
        let ids: Vec<_> = found.iter().map(|one: &Conversation| one.id).collect();
        let profile = accounts::profile(&app.db, &caller.uid).await?;
        let transcripts = asked.include_transcript.unwrap_or(true);
        told(&app, &caller, &profile, &ids, transcripts).await
    };
    answer("search_conversations", outcome.await)
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MemoriesQuery {
    /// 1 to 5000; 50 if left out.
    limit: Option<i64>,
    offset: Option<i64>,
    /// With an offset.
    start_date: Option<String>,
    end_date: Option<String>,
}

/// What is known about the user, newest first.
#[utoipa::path(get, path = "/v1/tools/memories", tag = "tools", params(MemoriesQuery),
    responses((status = 200, body = ToolResponse)))]
pub async fn get_memories(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<MemoriesQuery>,
) -> Answer {
    let outcome = async {
        let made = memories::Made {
            from: moment("start_date", query.start_date.as_deref())?,
            to: moment("end_date", query.end_date.as_deref())?,
        };
        let limit = within("limit", query.limit, 50, 1, 5000)?;
        let offset = within("offset", query.offset, 0, 0, i64::MAX)?;
        let found = memories::made(&app.db, &caller, made, limit, offset).await?;
        let zone = accounts::profile(&app.db, &caller.uid).await?.time_zone;
        Ok::<_, Error>(prose::memories(&found, zone))
    };
    answer("get_memories", outcome.await)
}

#[derive(Deserialize, ToSchema)]
pub struct MemoriesQuestion {
    #[schema(max_length = 500)]
    query: String,
    /// 1 to 20; 5 if left out.
    #[serde(default)]
    limit: Option<i64>,
}

/// What is known about the user that answers a question, best first.
#[utoipa::path(post, path = "/v1/tools/memories/search", tag = "tools", request_body = MemoriesQuestion,
    responses((status = 200, body = ToolResponse)))]
pub async fn search_memories(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<MemoriesQuestion>,
) -> Answer {
    let outcome = async {
        let query = question(&asked.query)?;
        let limit = within("limit", asked.limit, 5, 1, 20)? as usize;
        let found = search::memories(&app, &caller, query, limit).await?;
        let found: Vec<_> = found.into_iter().map(|(memory, _)| memory).collect();
        let zone = accounts::profile(&app.db, &caller.uid).await?.time_zone;
        Ok::<_, Error>(prose::memories(&found, zone))
    };
    answer("search_memories", outcome.await)
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ActionItemsQuery {
    /// 1 to 500; 50 if left out.
    limit: Option<i64>,
    offset: Option<i64>,
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = Option<bool>)]
    completed: Option<bool>,
    conversation_id: Option<String>,
    /// Made then; with an offset.
    start_date: Option<String>,
    end_date: Option<String>,
    due_start_date: Option<String>,
    due_end_date: Option<String>,
}

/// No UUID is the id of nothing.
fn conversation(id: Option<&str>) -> Outcome<Option<Uuid>> {
    let Some(id) = id.filter(|id| !id.is_empty()) else {
        return Ok(None);
    };
    let id = id.parse().map_err(|_| Error::NotFound("Conversation"))?;
    Ok(Some(id))
}

/// What the user has to do, due soonest first.
#[utoipa::path(get, path = "/v1/tools/action-items", tag = "tools", params(ActionItemsQuery),
    responses((status = 200, body = ToolResponse)))]
pub async fn get_action_items(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ActionItemsQuery>,
) -> Answer {
    let outcome = async {
        let filter = action_items::Filter {
            completed: query.completed,
            conversation_id: conversation(query.conversation_id.as_deref())?.map(Some),
            created_from: moment("start_date", query.start_date.as_deref())?,
            created_to: moment("end_date", query.end_date.as_deref())?,
            due_from: moment("due_start_date", query.due_start_date.as_deref())?,
            due_to: moment("due_end_date", query.due_end_date.as_deref())?,
        };
        let limit = within("limit", query.limit, 50, 1, 500)?;
        let offset = within("offset", query.offset, 0, 0, i64::MAX)?;
        let (items, more) = action_items::list(&app.db, &caller, &filter, limit, offset).await?;
        let zone = accounts::profile(&app.db, &caller.uid).await?.time_zone;
        let mut text = prose::action_items(&items, zone);
        if more {
            text.push_str("\nThere are more: ask with a higher offset.\n");
        }
        Ok::<_, Error>(text)
    };
    answer("get_action_items", outcome.await)
}

#[derive(Deserialize, ToSchema)]
pub struct ToolActionItem {
    description: String,
    /// With an offset. A day from now if left out.
    #[serde(default)]
    due_at: Option<String>,
    #[serde(default)]
    conversation_id: Option<String>,
}

/// When something is due: not more than a day ago.
fn due(text: Option<&str>) -> Outcome<Option<DateTime<Utc>>> {
    let due = moment("due_at", text)?;
    if due.is_some_and(|due| due < clock::now() - TimeDelta::days(1)) {
        return Err(Error::BadRequest(
            "due_at is more than a day ago: ask the user when it is due".into(),
        ));
    }
    Ok(due)
}

/// Add something to do.
#[utoipa::path(post, path = "/v1/tools/action-items", tag = "tools", request_body = ToolActionItem,
    responses((status = 200, body = ToolResponse)))]
pub async fn create_action_item(
    State(app): State<App>,
    caller: Caller,
    mut ids: NewIds,
    Body(asked): Body<ToolActionItem>,
) -> Answer {
    let outcome = async {
        let conversation_id = conversation(asked.conversation_id.as_deref())?;
        let due = due(asked.due_at.as_deref())?;
        // To the minute, so that the same request again is seen to be that.
        let usual = clock::now() + TimeDelta::days(1);
        let usual = usual
            .with_second(0)
            .and_then(|time| time.with_nanosecond(0));
        let new = NewActionItem {
            description: asked.description,
            completed: false,
            due_at: due.or(usual),
            conversation_id,
        };
        let made = action_items::create(&app.db, &caller, ids.next(), new, Manner::Lenient).await?;
        let zone = accounts::profile(&app.db, &caller.uid).await?.time_zone;
        Ok::<_, Error>(format!("Created: {}", prose::action_item(&made, zone)))
    };
    answer("create_action_item", outcome.await)
}

#[derive(Deserialize, ToSchema)]
pub struct ToolActionItemChanges {
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[schema(value_type = Option<bool>)]
    completed: Option<bool>,
    #[serde(default)]
    description: Option<String>,
    /// With an offset.
    #[serde(default)]
    due_at: Option<String>,
}

/// Change or complete something to do; what is left out stays.
#[utoipa::path(patch, path = "/v1/tools/action-items/{id}", tag = "tools", params(("id" = String, Path)),
    request_body = ToolActionItemChanges, responses((status = 200, body = ToolResponse)))]
pub async fn update_action_item(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    Body(asked): Body<ToolActionItemChanges>,
) -> Answer {
    let outcome = async {
        let id = id.or_absent("Action item")?;
        let changes = ActionItemChanges {
            completed: asked.completed,
            description: asked.description,
            due_at: due(asked.due_at.as_deref())?.map(Some),
            ..ActionItemChanges::default()
        };
        let nothing = changes.completed.is_none()
            && changes.description.is_none()
            && changes.due_at.is_none();
        if nothing {
            return Err(Error::BadRequest(
                "Nothing is to be changed: give completed, description or due_at".into(),
            ));
        }
        let changed = action_items::update(&app.db, &caller, id, changes, Manner::Lenient).await?;
        let zone = accounts::profile(&app.db, &caller.uid).await?.time_zone;
        Ok::<_, Error>(format!("Updated: {}", prose::action_item(&changed, zone)))
    };
    answer("update_action_item", outcome.await)
}
