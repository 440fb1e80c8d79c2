//! Resources: conversations and memories under addresses of their own, as text to read.

use chrono::{DateTime, Utc};
use rmcp::{
    ErrorData,
    model::{
        Annotations, ListResourcesResult, ReadResourceResult, Resource, ResourceContents,
        ResourceTemplate,
    },
};
use uuid::Uuid;

use super::{
    markdown, rows,
    tools::reading::{failed, invalid},
};
use crate::{
    app::App,
    error::Error,
    features::{
        accounts,
        conversations::{self, Filter},
        credentials::{
            Caller,
            Scope::{self, ReadConversations, ReadMemories},
        },
        memories::{self, Made},
    },
};

const MARKDOWN: &str = "text/markdown";
/// So many conversations and so many memories are on a page.
const PAGE: i64 = 50;
/// The newest of each kind are listed, no more: assistants show the list to people, and fetch all of its pages. Search finds
/// the rest.
const LISTED: i64 = 200;
/// Longest title of a memory, and longest description, in characters.
const TITLE: usize = 80;
const DESCRIPTION: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Conversation,
    Memory,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Conversation, Self::Memory];

    fn start(self) -> &'static str {
        match self {
            Self::Conversation => "omi://conversation/",
            Self::Memory => "omi://memory/",
        }
    }

    fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Conversation => &[ReadConversations],
            Self::Memory => &[ReadMemories],
        }
    }

    fn uri(self, id: Uuid) -> String {
        format!("{}{id}", self.start())
    }

    /// Of an address, and what stands behind it.
    fn of(uri: &str) -> Option<(Self, &str)> {
        Self::ALL
            .into_iter()
            .find_map(|kind| Some((kind, uri.strip_prefix(kind.start())?)))
    }
}

/// The scopes that a resource needs. None: there can be no such resource.
pub fn scopes_of(uri: &str) -> Option<&'static [Scope]> {
    Kind::of(uri).map(|(kind, _)| kind.scopes())
}

pub fn templates() -> Vec<ResourceTemplate> {
    let template = |kind: Kind, name: &str, title: &str, about: &str| {
        ResourceTemplate::new(format!("{}{{id}}", kind.start()), name)
            .with_title(title)
            .with_description(about)
            .with_mime_type(MARKDOWN)
    };
    vec![
        template(
            Kind::Conversation,
            "conversation",
            "Conversation",
            "A conversation with its overview, tasks, events and transcript. The id is that of get_conversations and search.",
        ),
        template(
            Kind::Memory,
            "memory",
            "Memory",
            "A lasting fact about the user. The id is that of get_memories and search.",
        ),
    ]
}

/// The newest conversations and memories, as far as this caller may read them. The cursor is how many of each kind were
/// listed already.
pub async fn list(
    app: &App,
    caller: &Caller,
    cursor: Option<&str>,
) -> Result<ListResourcesResult, ErrorData> {
    let offset = match cursor {
        None => 0,
        Some(text) => text
            .parse()
            .ok()
            .filter(|offset| (1..LISTED).contains(offset))
            .ok_or_else(|| invalid("The cursor is none that this server gave."))?,
    };
    let may_read = |kind: Kind| kind.scopes().iter().all(|it| caller.scopes.contains(it));
    let fetched = PAGE + 1;
    let mut resources = Vec::new();
    let mut more = false;
    if may_read(Kind::Conversation) {
        let filter = Filter {
            statuses: vec!["completed".into()],
            limit: fetched,
            offset,
            ..Filter::default()
        };
        let found = conversations::list(&app.db, caller, &filter, false)
            .await
            .map_err(failed)?;
        more |= found.len() as i64 > PAGE;
        resources.extend(found.into_iter().take(PAGE as usize).map(|one| {
            let title = match one.structured.title.trim() {
                "" => "Without a title",
                title => title,
            };
            let about = &one.structured.overview;
            resource(Kind::Conversation, one.id, title, about, one.finished_at)
        }));
    }
    if may_read(Kind::Memory) {
        let found = memories::made(&app.db, caller, Made::default(), fetched, offset)
            .await
            .map_err(failed)?;
        more |= found.len() as i64 > PAGE;
        resources.extend(found.into_iter().take(PAGE as usize).map(|one| {
            let title = markdown::cut(&one.content, TITLE);
            resource(Kind::Memory, one.id, &title, &one.content, one.updated_at)
        }));
    }
    let next = offset + PAGE;
    let mut result = ListResourcesResult::with_all_items(resources);
    result.next_cursor = (more && next < LISTED).then(|| next.to_string());
    Ok(result)
}

fn resource(kind: Kind, id: Uuid, title: &str, about: &str, at: DateTime<Utc>) -> Resource {
    let uri = kind.uri(id);
    let name = uri.trim_start_matches("omi://").to_string();
    let resource = Resource::new(uri, name)
        .with_title(title)
        .with_mime_type(MARKDOWN)
        .with_annotations(Annotations::default().with_timestamp(at));
    match markdown::cut(about, DESCRIPTION) {
        none if none.is_empty() => resource,
        about => resource.with_description(about),
    }
}

/// What stands under an address. Another's is as absent as one that was never there.
pub async fn read(app: &App, caller: &Caller, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let absent = || {
        let text = format!("There is no resource {}", markdown::cut(uri, DESCRIPTION));
        ErrorData::resource_not_found(text, Some(serde_json::json!({"uri": uri})))
    };
    let (kind, id) = Kind::of(uri).ok_or_else(absent)?;
    let id: Uuid = id.parse().map_err(|_| absent())?;
    let refused = |error: Error| match error {
        Error::NotFound(_) => absent(),
        other => failed(other),
    };
    let zone = accounts::profile(&app.db, &caller.uid)
        .await
        .map_err(failed)?
        .time_zone;
    let text = match kind {
        Kind::Conversation => {
            let (found, speakers) = rows::conversation(app, caller, id).await.map_err(refused)?;
            markdown::conversation(&found, &speakers, zone)
        }
        Kind::Memory => {
            let found = memories::get(&app.db, caller, id).await.map_err(refused)?;
            markdown::memory(&found, zone)
        }
    };
    let contents = ResourceContents::text(text, uri).with_mime_type(MARKDOWN);
    Ok(ReadResourceResult::new(vec![contents]))
}
