//! Tools: conversations, what a user said and heard.

use axum::http::request::Parts;
use rmcp::{
    ErrorData,
    handler::server::common::Extension,
    schemars::{self, JsonSchema, Schema, SchemaGenerator, json_schema},
    tool, tool_router,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Tools,
    reading::{self, Page, failed, invalid},
};
use crate::{
    features::{
        conversations::{self, Filter},
        search,
    },
    surfaces::mcp::{
        arguments::Parameters,
        results::{Json, schema},
        rows::{self, ConversationRow, WholeConversation},
    },
};

/// Most segments of one answer.
const MOST_SEGMENTS: i64 = 2000;

fn categories(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"type": "string", "enum": conversations::CATEGORIES.as_slice()}})
}

fn segments() -> i64 {
    500
}

#[derive(Deserialize, JsonSchema)]
struct GetConversations {
    /// First day, yyyy-mm-dd (UTC).
    #[serde(default)]
    #[schemars(with = "String")]
    start_date: Option<String>,
    /// Last day, yyyy-mm-dd (UTC), inclusive.
    #[serde(default)]
    #[schemars(with = "String")]
    end_date: Option<String>,
    /// Only conversations of these categories; empty: of all.
    #[serde(default)]
    #[schemars(schema_with = "categories")]
    categories: Vec<String>,
    /// How many conversations at most.
    #[serde(default = "super::twenty")]
    #[schemars(range(min = 1, max = 500))]
    limit: i64,
    /// How many conversations to leave out from the newest.
    #[serde(default)]
    #[schemars(range(min = 0))]
    offset: i64,
}

#[derive(Serialize, ToSchema)]
struct Conversations {
    conversations: Vec<ConversationRow>,
    has_more: bool,
    /// The offset of the next part; null: this was the last one.
    next_offset: Option<i64>,
}

#[derive(Deserialize, JsonSchema)]
struct GetConversationById {
    /// The id of the conversation, as lists and searches show it.
    conversation_id: String,
    /// How many segments of the transcript at most.
    #[serde(default = "segments")]
    #[schemars(range(min = 1, max = 2000))]
    segment_limit: i64,
    /// How many segments to leave out from the beginning.
    #[serde(default)]
    #[schemars(range(min = 0))]
    segment_offset: i64,
}

#[derive(Serialize, ToSchema)]
struct OneConversation {
    conversation: WholeConversation,
    /// How many segments the whole transcript has.
    segments_total: usize,
    /// The transcript goes on.
    has_more: bool,
    /// The segment_offset of the next part; null: the transcript ends here.
    next_segment_offset: Option<i64>,
}

#[derive(Deserialize, JsonSchema)]
struct SearchConversations {
    /// A question or words, at most 500 characters; time in it ("last Tuesday evening") is understood.
    #[schemars(length(min = 1, max = 500))]
    query: String,
    /// First day, yyyy-mm-dd, in the user's time zone.
    #[serde(default)]
    #[schemars(with = "String")]
    start_date: Option<String>,
    /// Last day, yyyy-mm-dd, inclusive.
    #[serde(default)]
    #[schemars(with = "String")]
    end_date: Option<String>,
    /// How many conversations at most.
    #[serde(default = "super::ten")]
    #[schemars(range(min = 1, max = 100))]
    limit: i64,
}

#[derive(Serialize, ToSchema)]
struct FoundConversations {
    /// Best first.
    conversations: Vec<ConversationRow>,
}

#[tool_router(router = conversations, vis = "pub(super)")]
impl Tools {
    /// What the user talked about: title, overview and times, newest first. Transcripts come with
    /// get_conversation_by_id.
    #[tool(
        title = "Get conversations",
        output_schema = schema::<Conversations>(),
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn get_conversations(
        &self,
        Parameters(wanted): Parameters<GetConversations>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<Conversations>, ErrorData> {
        let caller = reading::asking(&request)?;
        let page = Page::of(wanted.limit, wanted.offset, super::MOST)?;
        let mut categories = wanted.categories;
        categories.retain(|name| conversations::CATEGORIES.contains(&name.as_str()));
        let (from, to) = super::dates(&wanted.start_date, &wanted.end_date)?;
        let filter = Filter {
            statuses: vec!["completed".into()],
            categories: (!categories.is_empty()).then_some(categories),
            from,
            to,
            limit: page.fetched(),
            offset: page.offset(),
            ..Filter::default()
        };
        let mut found = conversations::list(&self.app.db, caller, &filter, false)
            .await
            .map_err(failed)?;
        let next_offset = page.cut(&mut found);
        Ok(Json(Conversations {
            conversations: found.into_iter().map(Into::into).collect(),
            has_more: next_offset.is_some(),
            next_offset,
        }))
    }

    /// One conversation with its transcript. A long transcript comes in parts: as long as has_more is true, ask again
    /// with segment_offset = next_segment_offset.
    #[tool(
        title = "Get conversation by id",
        output_schema = schema::<OneConversation>(),
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn get_conversation_by_id(
        &self,
        Parameters(wanted): Parameters<GetConversationById>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<OneConversation>, ErrorData> {
        let caller = reading::asking(&request)?;
        let limit = reading::within("segment_limit", wanted.segment_limit, MOST_SEGMENTS)?;
        let Ok(start) = usize::try_from(wanted.segment_offset) else {
            return Err(invalid("segment_offset must not be negative"));
        };
        let id = reading::id(&wanted.conversation_id, "Conversation")?;
        let (mut found, speakers) = rows::conversation(&self.app, caller, id)
            .await
            .map_err(failed)?;
        let page = Page::of(limit, wanted.segment_offset, MOST_SEGMENTS)?;
        let segments_total = found.transcript_segments.len();
        found.transcript_segments.drain(..start.min(segments_total));
        let next_segment_offset = page.cut(&mut found.transcript_segments);
        Ok(Json(OneConversation {
            conversation: WholeConversation::new(found, &speakers),
            segments_total,
            has_more: next_segment_offset.is_some(),
            next_segment_offset,
        }))
    }

    /// Conversations that answer a question, best first: title, overview and times. Transcripts come with
    /// get_conversation_by_id.
    #[tool(
        title = "Search conversations",
        output_schema = schema::<FoundConversations>(),
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn search_conversations(
        &self,
        Parameters(wanted): Parameters<SearchConversations>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<FoundConversations>, ErrorData> {
        let caller = reading::asking(&request)?;
        let query = super::question(&wanted.query)?;
        let days = (&wanted.start_date, &wanted.end_date);
        let (from, to) = super::own_dates(&self.app, caller, days).await?;
        let limit = super::hits(wanted.limit)?;
        let found = search::best_conversations(&self.app, caller, query, from, to, limit)
            .await
            .map_err(failed)?;
        Ok(Json(FoundConversations {
            conversations: found.into_iter().map(Into::into).collect(),
        }))
    }
}
