//! Memories that an app brings: some as they are, others still to be found in a text, by a job.

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        AllOfBuilder, ArrayBuilder, ObjectBuilder, RefOr, Schema,
        schema::{AnyOfBuilder, SchemaType, Type},
    },
};
use uuid::Uuid;

use super::{
    alike, by_rule_engine,
    facts::{self, FactsAnswer},
    rules::{self, Written},
    steps::or_rules,
};
use crate::{
    app::Handles,
    error::{Error, Result},
    features::{
        credentials::Caller,
        lenient,
        memories::{self, BroughtMemory},
    },
    platform::{
        clock,
        jobs::{self, JobOptions},
        language::fit,
    },
};

/// The kind of job that finds memories in a text.
pub const MEMORIES_JOB: &str = "find_memories";

/// Longest text, in characters.
pub const MAXIMUM_TEXT: usize = 100_000;
const MAXIMUM_SPEC: usize = 500;
/// Most facts that a model finds in one text.
const MOST_FACTS: usize = 100;

/// What an app knows of a user: a text, memories, or both.
#[derive(Clone, Debug, Deserialize)]
pub struct NewMemories {
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub memories: Option<Vec<BroughtMemory>>,
    /// None: `other`.
    #[serde(default)]
    pub text_source: Option<TextSource>,
    #[serde(default)]
    pub text_source_spec: Option<String>,
}

impl PartialSchema for NewMemories {
    fn schema() -> RefOr<Schema> {
        let text = |most| {
            ObjectBuilder::new()
                .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
                .max_length(Some(most))
        };
        let memories = || {
            ArrayBuilder::new()
                .items(BroughtMemory::schema())
                .max_items(Some(memories::MAXIMUM_BROUGHT))
        };
        let object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property(
                "text",
                text(MAXIMUM_TEXT)
                    .pattern(Some(r"^[^\x00]*$"))
                    .description(Some("Memories are found in it soon after the answer.")),
            )
            .property(
                "memories",
                memories()
                    .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
                    .description(Some("Stored as they are, at once.")),
            )
            .property("text_source", TextSource::schema())
            .property(
                "text_source_spec",
                text(MAXIMUM_SPEC)
                    .description(Some("Further detail of where the text comes from.")),
            );
        let some_text = ObjectBuilder::new()
            .property(
                "text",
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .pattern(Some(r"[^\s\x85\x00]")),
            )
            .required("text");
        let some_memories = ObjectBuilder::new()
            .property("memories", memories().min_items(Some(1)))
            .required("memories");
        AllOfBuilder::new()
            .item(object)
            .item(AnyOfBuilder::new().item(some_text).item(some_memories))
            .into()
    }
}

impl ToSchema for NewMemories {}

/// Where a text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TextSource {
    /// Somebody wrote it to the user.
    Email,
    /// The user wrote it.
    SocialPost,
    Other,
}

impl TextSource {
    fn written(self) -> Written {
        Written {
            by_user: self != Self::Email,
            to_user: self != Self::SocialPost,
        }
    }
}

/// A text in which memories are to be found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BroughtText {
    pub uid: String,
    pub app: Option<Uuid>,
    pub text: String,
    pub source: TextSource,
}

/// Stores the memories at once, and has more found in the text, by a job.
pub async fn bring_memories(app: &Handles, caller: &Caller, new: NewMemories) -> Result<()> {
    let text = new.text.as_deref().map(str::trim).unwrap_or_default();
    let memories = new.memories.unwrap_or_default();
    if text.is_empty() && memories.is_empty() {
        return Err(Error::Unprocessable(
            "Either text or explicit memories(facts) are required and cannot be empty",
        ));
    }
    for (field, text, most) in [
        ("text", text, MAXIMUM_TEXT),
        (
            "text_source_spec",
            new.text_source_spec.as_deref().unwrap_or_default(),
            MAXIMUM_SPEC,
        ),
    ] {
        lenient::at_most(field, text, most)?;
    }
    // The job would stumble over it later.
    if text.contains('\0') {
        return Err(Error::BadRequest(
            "text holds the character U+0000, which cannot be stored. Leave it out.".into(),
        ));
    }
    let source = new.text_source.unwrap_or(TextSource::Other);
    let brought = memories::check_brought(memories, caller.app)?;
    let mut tx = app.db.begin().await?;
    memories::bring(&mut tx, &caller.uid, brought).await?;
    if text.is_empty() {
        tx.commit().await?;
        return Ok(());
    }
    let job = serde_json::to_value(BroughtText {
        uid: caller.uid.to_string(),
        app: caller.app,
        text: text.into(),
        source,
    })
    .map_err(anyhow::Error::from)?;
    let options = JobOptions {
        key: None,
        max_attempts: 8,
        priority: app.outbox.priority(&caller.uid),
    };
    jobs::add(&mut tx, MEMORIES_JOB, job, options).await?;
    tx.commit().await?;
    Ok(())
}

/// Finds memories in a text and stores those that are new. Again changes nothing. `attempts`: with this one.
pub async fn find_memories(app: &Handles, brought: BroughtText, attempts: i32) -> Result<()> {
    let BroughtText {
        uid,
        app: bringer,
        text,
        source,
    } = brought;
    let found = match by_model(app, &uid, &text, source, attempts).await? {
        Some(found) => found,
        None => {
            let written = source.written();
            facts::of_rules(by_rule_engine(move || rules::memories_in(&text, written)).await?)
        }
    };
    memories::add_found(&app.db, &uid, bringer, found, clock::now()).await
}

/// None: the rules are to do it.
async fn by_model(
    app: &Handles,
    uid: &str,
    text: &str,
    source: TextSource,
    attempts: i32,
) -> Result<Option<Vec<memories::Found>>> {
    let Some(language) = &app.language else {
        return Ok(None);
    };
    let known = memories::known(&app.db, uid, None).await?;
    let most = language.context_characters();
    let mut parts: Vec<_> = facts::told(&known)
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(heading, text)| format!("# {heading}\n{}", fit(&text, most / 4)))
        .collect();
    parts.push(format!("# Text\n{}", fit(text, most / 2)));
    let origin = match source {
        TextSource::Email => "Somebody wrote the text to the user.",
        TextSource::SocialPost => "The user wrote the text.",
        TextSource::Other => "It is not known who wrote the text.",
    };
    let instructions = format!("{}\n{origin}", include_str!("prompts/text_memories.txt"));
    let material = parts.join("\n\n");
    let asked = language.ask::<FactsAnswer>(uid, MEMORIES_JOB, &instructions, &material);
    let Some(answer) = or_rules(asked.await, attempts, MEMORIES_JOB)? else {
        return Ok(None);
    };
    let mut found = facts::accepted(answer.facts, MOST_FACTS);
    let known = alike::keys(known.iter().map(|one| &one.content));
    found.retain(|fact| !known.contains(&alike::key(&fact.content)));
    Ok(Some(found))
}
