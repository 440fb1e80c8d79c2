//! Tools: memories, the lasting facts about a user.

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
    Success, Tools,
    reading::{self, Page, failed, invalid, text},
};
use crate::{
    features::{
        memories::{self, Existing, MemoryChanges, NewMemory, OF_PROGRAMS},
        processing, search,
    },
    surfaces::mcp::{
        arguments::Parameters,
        results::{Json, schema},
        rows::{MemoryRow, relevance},
    },
};

const NO_ID: &str = "memory_id is required";
const NO_CONTENT: &str = "Content is required";

fn category(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": memories::CATEGORIES})
}

fn categories(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": category(generator)})
}

/// None of them: all.
fn known(categories: &[String]) -> Result<Option<&[String]>, ErrorData> {
    for category in categories {
        if !memories::CATEGORIES.contains(&category.as_str()) {
            return Err(invalid(format!("Invalid memory category: '{category}'")));
        }
    }
    Ok((!categories.is_empty()).then_some(categories))
}

#[derive(Deserialize, JsonSchema)]
struct GetMemories {
    /// Only memories of these categories; empty: of all.
    #[serde(default)]
    #[schemars(schema_with = "categories")]
    categories: Vec<String>,
    /// How many memories at most.
    #[serde(default = "super::hundred")]
    #[schemars(range(min = 1, max = 500))]
    limit: i64,
    /// How many memories to leave out from the beginning.
    #[serde(default)]
    #[schemars(range(min = 0))]
    offset: i64,
}

#[derive(Serialize, ToSchema)]
struct Memories {
    memories: Vec<MemoryRow>,
    has_more: bool,
    /// The offset of the next part; null: this was the last one.
    next_offset: Option<i64>,
}

#[derive(Deserialize, JsonSchema)]
struct CreateMemory {
    /// One lasting fact about the user in a sentence, 1 to 500 characters.
    #[schemars(required, length(min = 1, max = 500))]
    content: Option<String>,
    /// Left out: chosen from the content, or left as it is.
    // Null is taken too, but some clients cannot read a schema that says so.
    #[serde(default)]
    #[schemars(schema_with = "category")]
    category: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Created {
    success: bool,
    memory: MemoryRow,
}

#[derive(Deserialize, JsonSchema)]
struct EditMemory {
    /// The id of the memory, as get_memories and search_memories show it.
    #[schemars(required)]
    memory_id: Option<String>,
    /// What the memory says from now on, 1 to 500 characters.
    #[schemars(required, length(min = 1, max = 500))]
    content: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct DeleteMemory {
    /// The id of the memory, as get_memories and search_memories show it.
    #[schemars(required)]
    memory_id: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct SearchMemories {
    /// A question or words, at most 500 characters.
    #[schemars(required, length(min = 1, max = 500))]
    query: Option<String>,
    /// How many memories at most.
    #[serde(default = "super::ten")]
    #[schemars(range(min = 1, max = 100))]
    limit: i64,
}

#[derive(Serialize, ToSchema)]
struct FoundMemories {
    /// Best first.
    memories: Vec<FoundMemory>,
}

#[derive(Serialize, ToSchema)]
struct FoundMemory {
    #[serde(flatten)]
    memory: MemoryRow,
    /// How well it answers the query, with four decimals.
    #[schema(minimum = 0, maximum = 1)]
    relevance_score: f64,
}

#[tool_router(router = memories, vis = "pub(super)")]
impl Tools {
    /// Lasting facts about the user, most important first.
    #[tool(
        title = "Get memories",
        output_schema = schema::<Memories>(),
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn get_memories(
        &self,
        Parameters(wanted): Parameters<GetMemories>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<Memories>, ErrorData> {
        let caller = reading::asking(&request)?;
        let categories = known(&wanted.categories)?;
        let page = Page::of(wanted.limit, wanted.offset, super::MOST)?;
        let (limit, offset) = (page.fetched(), page.offset());
        let mut found = memories::list(&self.app.db, caller, categories, limit, offset)
            .await
            .map_err(failed)?;
        let next_offset = page.cut(&mut found);
        Ok(Json(Memories {
            memories: found.into_iter().map(Into::into).collect(),
            has_more: next_offset.is_some(),
            next_offset,
        }))
    }

    /// Remember a fact about the user. The same text again creates nothing new: the memory stays as it is, but takes
    /// the category, if one is given.
    #[tool(
        title = "Create memory",
        output_schema = schema::<Created>(),
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn create_memory(
        &self,
        Parameters(wanted): Parameters<CreateMemory>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<Created>, ErrorData> {
        let caller = reading::asking(&request)?;
        known(wanted.category.as_slice())?;
        let new = NewMemory {
            category: wanted.category,
            ..NewMemory::of(text(wanted.content, NO_CONTENT)?)
        };
        let (guess, kept) = (processing::memory_category, Existing::Kept);
        let created = memories::state(&self.app.db, caller, new, guess, kept, OF_PROGRAMS)
            .await
            .map_err(failed)?;
        Ok(Json(Created {
            success: true,
            memory: created.into(),
        }))
    }

    /// Replace what a memory says, for instance because the fact has changed. Its id stays.
    #[tool(
        title = "Edit memory",
        output_schema = schema::<Success>(),
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn edit_memory(
        &self,
        Parameters(wanted): Parameters<EditMemory>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<Success>, ErrorData> {
        let caller = reading::asking(&request)?;
        let id = text(wanted.memory_id, NO_ID)?;
        let changes = MemoryChanges {
            content: Some(text(wanted.content, NO_CONTENT)?),
            ..MemoryChanges::default()
        };
        let id = reading::id(&id, "Memory")?;
        memories::update(&self.app.db, caller, id, changes, OF_PROGRAMS)
            .await
            .map_err(failed)?;
        Ok(Json(Success::YES))
    }

    /// Forget a memory for good. It cannot be brought back.
    #[tool(
        title = "Delete memory",
        output_schema = schema::<Success>(),
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn delete_memory(
        &self,
        Parameters(wanted): Parameters<DeleteMemory>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<Success>, ErrorData> {
        let caller = reading::asking(&request)?;
        let id = reading::id(&text(wanted.memory_id, NO_ID)?, "Memory")?;
        memories::delete(&self.app.db, caller, id)
            .await
            .map_err(failed)?;
        Ok(Json(Success::YES))
    }

    /// Facts about the user that answer a question, best first, with a relevance_score of 0 to 1.
    #[tool(
        title = "Search memories",
        output_schema = schema::<FoundMemories>(),
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn search_memories(
        &self,
        Parameters(wanted): Parameters<SearchMemories>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<FoundMemories>, ErrorData> {
        let caller = reading::asking(&request)?;
        let query = text(wanted.query, super::NO_QUERY)?;
        let limit = super::hits(wanted.limit)?;
        let found = search::memories(&self.app, caller, query.trim(), limit)
            .await
            .map_err(failed)?;
        let memories = found.into_iter().map(|(memory, score)| FoundMemory {
            memory: memory.into(),
            relevance_score: relevance(score),
        });
        Ok(Json(FoundMemories {
            memories: memories.collect(),
        }))
    }
}
