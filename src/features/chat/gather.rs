//! From a question to the numbered sources of its answer.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::{
    Context, ContextKind,
    answer::{Question, Told},
    files::Stored,
    model::Sender,
    reading,
    wanted::{Wanted, goes_on},
};
use crate::{
    app::Handles,
    error::{Error, Result},
    features::{
        accounts,
        action_items::{self, ActionItem},
        conversations::{self, Conversation, Heading},
        credentials::Caller,
        memories::{self, Memory},
        people::{self, Speakers},
        search::{self, Hit, Kind},
    },
    platform::clock,
};

/// Most sources of an answer.
const MOST_SOURCES: usize = 40;
const MOST_HITS: usize = 24;
const MOST_OF_PERIOD: i64 = 20;
const MOST_TASKS: i64 = 30;
const MOST_MEMORIES: i64 = 20;
/// Longest text of a source, in characters; of what the user looks at.
const LONGEST_TEXT: usize = 800;
const LONGEST_CONTEXT: usize = 4000;
/// Longest text that is searched for.
const LONGEST_QUERY: usize = 500;

/// What an answer may rest on.
#[derive(Clone, Debug)]
pub struct Source {
    /// `file`, `conversation`, `task` or `memory`.
    pub noun: &'static str,
    /// Of a conversation; the name of a file.
    pub title: String,
    /// `open`, `done`: of a task.
    pub state: Option<&'static str>,
    pub due_at: Option<DateTime<Utc>>,
    pub at: DateTime<Utc>,
    pub text: String,
    /// The conversation that it is or comes from.
    pub conversation_id: Option<Uuid>,
    /// Says something of the person, whatever the question was.
    pub background: bool,
}

/// What was found for a question.
pub struct Gathered {
    /// The first has the number 1.
    pub sources: Vec<Source>,
    pub name: String,
    pub zone: Tz,
    pub now: DateTime<Utc>,
}

/// With `background`, also what is known of the person in general.
pub async fn gather(
    app: &Handles,
    caller: &Caller,
    question: &Question,
    background: bool,
    told: &mut Told,
) -> Result<Gathered> {
    let profile = accounts::profile(&app.db, &caller.uid).await?;
    let (now, zone) = (clock::now(), profile.time_zone);
    let wanted = Wanted::by(&question.text);
    let mut basket = Basket::default();
    let texts = reading::read(app, caller, &question.files, told).await;
    for (file, text) in question.files.iter().zip(texts) {
        basket.file(file, text);
    }
    if let Some(context) = &question.context {
        basket.look_at(app, caller, &profile.name, context).await?;
    }

    told.status("Searching conversations").await;
    let query = search::Query {
        text: searched(question),
        limit: MOST_HITS,
        ..Default::default()
    };
    let found = search::search(app, &caller.uid, &query).await?;
    if wanted.tasks {
        told.status("Checking action items").await;
        let filter = action_items::Filter {
            completed: (!wanted.done).then_some(false),
            ..Default::default()
        };
        let (mut items, _) = action_items::list(&app.db, caller, &filter, MOST_TASKS, 0).await?;
        if let Some((from, to)) = found.period {
            let within = |item: &ActionItem| item.due_at.is_some_and(|due| from <= due && due < to);
            items.sort_by_key(|item| !within(item));
        }
        items.iter().for_each(|item| basket.task(item));
    }
    let about = wanted.person || background;
    let known = if about {
        told.status("Searching memories").await;
        memories::list(&app.db, caller, None, MOST_MEMORIES, 0).await?
    } else {
        Vec::new()
    };
    if wanted.person {
        known.iter().for_each(|memory| basket.memory(memory, false));
    }
    if let Some((from, to)) = found.period {
        let filter = conversations::Filter {
            statuses: vec!["completed".into(), "processing".into()],
            from: Some(from),
            to: Some(to),
            limit: MOST_OF_PERIOD,
            ..Default::default()
        };
        let mut there = conversations::list(&app.db, caller, &filter, false).await?;
        there.retain(|conversation| conversation.created_at < to);
        there.reverse();
        there
            .iter()
            .for_each(|conversation| basket.conversation(conversation));
    }
    basket.hits(app, caller, found.hits).await?;
    known.iter().for_each(|memory| basket.memory(memory, true));
    let mut sources = basket.sources;
    sources.truncate(MOST_SOURCES);
    Ok(Gathered {
        sources,
        name: profile.name,
        zone,
        now,
    })
}

/// What is searched for: the question, and after it the last one where it only goes on with that.
fn searched(question: &Question) -> String {
    let earlier = question.earlier.iter().rev();
    let last = earlier
        .filter(|message| message.sender == Sender::Human)
        .map(|message| message.text.as_str())
        .next();
    match last {
        Some(last) if goes_on(&question.text) => {
            cut(&format!("{} {last}", question.text), LONGEST_QUERY)
        }
        _ => cut(&question.text, LONGEST_QUERY),
    }
}

/// Its first characters.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text.to_string(),
    }
}

/// Sources, each thing once.
#[derive(Default)]
struct Basket {
    sources: Vec<Source>,
    held: HashSet<Uuid>,
}

impl Basket {
    /// What the user looks at comes first, if it is there and theirs.
    async fn look_at(
        &mut self,
        app: &Handles,
        caller: &Caller,
        user: &str,
        context: &Context,
    ) -> Result<()> {
        let Some(id) = context.id.as_deref().and_then(|id| id.parse().ok()) else {
            return Ok(());
        };
        match context.kind {
            ContextKind::Conversation => {
                if let Some(found) = present(conversations::get(&app.db, &caller.uid, id).await)? {
                    let said = &found.transcript_segments;
                    let ids = people::speaking(said);
                    let speakers = Speakers::of(&app.db, &caller.uid, user, &ids).await?;
                    let said = speakers.transcript(said);
                    self.conversation(&found);
                    if let Some(source) = self.sources.last_mut() {
                        source.text = cut(&format!("{}\n{said}", source.text), LONGEST_CONTEXT);
                    }
                }
            }
            ContextKind::Task => {
                if let Some(found) = present(action_items::get(&app.db, caller, id).await)? {
                    self.task(&found);
                }
            }
            ContextKind::Memory => {
                if let Some(found) = present(memories::get(&app.db, caller, id).await)? {
                    self.memory(&found, false);
                }
            }
            ContextKind::Recap => {}
        }
        Ok(())
    }

    fn file(&mut self, file: &Stored, text: String) {
        if self.held.insert(file.id) {
            self.sources.push(Source {
                noun: "file",
                title: file.name.clone(),
                state: None,
                due_at: None,
                at: file.created_at,
                text,
                conversation_id: None,
                background: false,
            });
        }
    }

    fn conversation(&mut self, conversation: &Conversation) {
        if self.held.insert(conversation.id) {
            self.sources.push(Source {
                noun: "conversation",
                title: conversation.structured.title.clone(),
                state: None,
                due_at: None,
                at: conversation.started_at,
                text: cut(&conversation.structured.overview, LONGEST_TEXT),
                conversation_id: Some(conversation.id),
                background: false,
            });
        }
    }

    fn task(&mut self, item: &ActionItem) {
        if self.held.insert(item.id) {
            self.sources.push(Source {
                noun: "task",
                title: String::new(),
                state: Some(if item.completed { "done" } else { "open" }),
                due_at: item.due_at,
                at: item.created_at,
                text: cut(&item.description, LONGEST_TEXT),
                conversation_id: item.conversation_id,
                background: false,
            });
        }
    }

    fn memory(&mut self, memory: &Memory, background: bool) {
        if self.held.insert(memory.id) {
            self.sources.push(Source {
                noun: "memory",
                title: String::new(),
                state: None,
                due_at: None,
                at: memory.created_at,
                text: cut(&memory.content, LONGEST_TEXT),
                conversation_id: memory.conversation_id,
                background,
            });
        }
    }

    /// All that was found of a conversation is one source, with what was said before what was understood of it.
    async fn hits(&mut self, app: &Handles, caller: &Caller, hits: Vec<Hit>) -> Result<()> {
        let of = |hit: &Hit| match hit.kind {
            Kind::Conversation => Some(hit.id),
            Kind::Segment => hit.conversation_id,
            Kind::Memory | Kind::ActionItem => None,
        };
        let ids: Vec<_> = hits.iter().filter_map(of).collect();
        let headings = conversations::headings(&app.db, &caller.uid, &ids).await?;
        let headings: HashMap<Uuid, Heading> = headings
            .into_iter()
            .map(|heading| (heading.id, heading))
            .collect();
        let mut places: HashMap<Uuid, usize> = HashMap::new();
        for (place, source) in self.sources.iter().enumerate() {
            if let (Some(id), "conversation") = (source.conversation_id, source.noun) {
                places.insert(id, place);
            }
        }
        for mut hit in hits {
            hit.text = said(&hit);
            let Some(id) = of(&hit) else {
                self.other(hit);
                continue;
            };
            let Some(heading) = headings.get(&id) else {
                continue;
            };
            match places
                .get(&id)
                .and_then(|place| self.sources.get_mut(*place))
            {
                Some(source) => {
                    // Segments come with their neighbours, which may be here already.
                    let new = hit.text.lines().filter(|line| !source.text.contains(line));
                    let text = [source.text.as_str()]
                        .into_iter()
                        .chain(new)
                        .collect::<Vec<_>>()
                        .join("\n");
                    source.text = cut(&text, LONGEST_TEXT.max(source.text.chars().count()));
                }
                None => {
                    places.insert(id, self.sources.len());
                    self.held.insert(id);
                    // A hit of a whole conversation begins with its title, which stands before it.
                    let text = hit.text.strip_prefix(&heading.title).unwrap_or(&hit.text);
                    self.sources.push(Source {
                        noun: "conversation",
                        title: heading.title.clone(),
                        state: None,
                        due_at: None,
                        at: hit.at,
                        text: cut(text.trim(), LONGEST_TEXT),
                        conversation_id: Some(id),
                        background: false,
                    });
                }
            }
        }
        Ok(())
    }

    fn other(&mut self, hit: Hit) {
        if self.held.insert(hit.id) {
            self.sources.push(Source {
                noun: if hit.kind == Kind::Memory {
                    "memory"
                } else {
                    "task"
                },
                title: String::new(),
                state: None,
                due_at: None,
                at: hit.at,
                text: cut(&hit.text, LONGEST_TEXT),
                conversation_id: hit.conversation_id,
                background: false,
            });
        }
    }
}

/// With the names of those whose voices are known; what nobody said may be anybody's words.
fn said(hit: &Hit) -> String {
    if hit.text.lines().count() != hit.speakers.len() {
        return hit.text.clone();
    }
    let lines = hit.text.lines().zip(&hit.speakers);
    let named = lines.map(|(text, speaker)| match speaker {
        Some(name) => people::line(name, text),
        None => text.to_string(),
    });
    named.collect::<Vec<_>>().join("\n")
}

fn present<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Err(Error::NotFound(_)) => Ok(None),
        found => found.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_counts_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äö üß", 3), "äö…");
    }
}
