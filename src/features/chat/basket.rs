//! Sources of an answer, each thing once.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Context, ContextKind, files::Stored, gather::cut, lines::Lines, period::on_days};
use crate::{
    app::Handles,
    error::{Error, Result},
    features::{
        action_items::{self, ActionItem},
        conversations::{self, Conversation, Event, Heading},
        credentials::Caller,
        daily_summaries::{self, DailySummary},
        goals::Goal,
        memories::{self, Memory},
        people::{self, Speakers},
        search::{Hit, Kind, Matched},
    },
};

/// Longest text of a source, in characters; of what the user looks at.
pub const LONGEST_TEXT: usize = 800;
const LONGEST_CONTEXT: usize = 4000;
/// So much of what was understood of a conversation is told beside lines of it.
const LONGEST_OVERVIEW: usize = 400;

/// What an answer may rest on.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// `file`, `conversation`, `event`, `task`, `memory`, `goal` or `daily summary`.
    pub noun: &'static str,
    /// Of a conversation; the name of a file.
    pub title: String,
    /// `open`, `done`: of a task.
    pub state: Option<&'static str>,
    pub due_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    /// When an event begins, a conversation began, anything else was noted.
    pub at: DateTime<Utc>,
    pub text: String,
    /// The conversation that it is or comes from.
    pub conversation_id: Option<Uuid>,
    /// Says something of the person, whatever the question was.
    pub background: bool,
    /// How well it answers, 0 to 1. None: it is there for another reason than the words of the question.
    pub score: Option<f64>,
    /// It was found by its meaning.
    pub meant: bool,
    /// The lines that were found first, and the one of them that matched.
    pub found: Option<(String, String)>,
}

#[derive(Default)]
pub struct Basket {
    pub sources: Vec<Source>,
    held: HashSet<Uuid>,
}

impl Basket {
    /// What the user looks at comes first, if it is there and theirs.
    pub async fn look_at(
        &mut self,
        app: &Handles,
        caller: &Caller,
        user: &str,
        context: &Context,
    ) -> Result<()> {
        let Some(named) = context.id.as_deref() else {
            return Ok(());
        };
        if context.kind == ContextKind::Recap
            && let Ok(day) = named.parse()
        {
            let days = on_days(&app.db, caller, day, day).await?;
            days.iter().for_each(|summary| self.summary(summary));
            return Ok(());
        }
        let Ok(id) = named.parse() else {
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
                    self.task(&found, false);
                }
            }
            ContextKind::Memory => {
                if let Some(found) = present(memories::get(&app.db, caller, id).await)? {
                    self.memory(&found, false);
                }
            }
            ContextKind::Recap => {
                if let Some(found) = present(daily_summaries::get(&app.db, caller, id).await)? {
                    self.summary(&found);
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, id: Uuid, source: Source) {
        if self.held.insert(id) {
            self.sources.push(source);
        }
    }

    pub fn file(&mut self, file: &Stored, text: String) {
        let source = Source {
            noun: "file",
            title: file.name.clone(),
            at: file.created_at,
            text,
            ..Source::default()
        };
        self.put(file.id, source);
    }

    pub fn conversation(&mut self, conversation: &Conversation) {
        let source = Source {
            noun: "conversation",
            title: conversation.structured.title.clone(),
            at: conversation.started_at,
            text: cut(&conversation.structured.overview, LONGEST_TEXT),
            conversation_id: Some(conversation.id),
            ..Source::default()
        };
        self.put(conversation.id, source);
    }

    pub fn task(&mut self, item: &ActionItem, background: bool) {
        let source = Source {
            noun: "task",
            state: Some(if item.completed { "done" } else { "open" }),
            due_at: item.due_at,
            completed_at: item.completed_at,
            at: item.created_at,
            text: cut(&item.description, LONGEST_TEXT),
            conversation_id: item.conversation_id,
            background,
            ..Source::default()
        };
        self.put(item.id, source);
    }

    pub fn memory(&mut self, memory: &Memory, background: bool) {
        let source = Source {
            noun: "memory",
            at: memory.created_at,
            text: cut(&memory.content, LONGEST_TEXT),
            conversation_id: memory.conversation_id,
            background,
            ..Source::default()
        };
        self.put(memory.id, source);
    }

    pub fn event(&mut self, of: Uuid, event: &Event, background: bool) {
        self.sources.push(Source {
            noun: "event",
            title: event.title.clone(),
            at: event.start,
            text: cut(&event.description, LONGEST_TEXT),
            conversation_id: Some(of),
            background,
            ..Source::default()
        });
    }

    pub fn summary(&mut self, summary: &DailySummary) {
        let told = &summary.content.told;
        let mut lines = vec![format!("{}: {}", told.headline, told.overview)];
        lines.extend(
            told.highlights
                .iter()
                .map(|one| format!("{}: {}", one.topic, one.summary)),
        );
        let source = Source {
            noun: "daily summary",
            title: summary.date.format("%a %-d %b %Y").to_string(),
            at: summary.created_at,
            text: cut(&lines.join("\n"), 2 * LONGEST_TEXT),
            ..Source::default()
        };
        self.put(summary.id, source);
    }

    pub fn goal(&mut self, goal: &Goal, background: bool) {
        let unit = goal.unit.as_deref().unwrap_or_default();
        let text = format!(
            "{}: {} of {} {unit}",
            goal.title, goal.current_value, goal.target_value
        );
        self.sources.push(Source {
            noun: "goal",
            at: goal.updated_at,
            text: cut(text.trim(), LONGEST_TEXT),
            background,
            ..Source::default()
        });
    }

    /// All that was found of a conversation is one source. `state`: of which tasks only.
    pub async fn hits(
        &mut self,
        app: &Handles,
        caller: &Caller,
        hits: Vec<Hit>,
        state: Option<bool>,
    ) -> Result<()> {
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
        let tasks = hits.iter().filter(|hit| hit.kind == Kind::ActionItem);
        let tasks: Vec<_> = tasks.map(|hit| hit.id).collect();
        let tasks = match tasks.is_empty() {
            true => Vec::new(),
            false => action_items::of_ids(&app.db, &caller.uid, &tasks).await?,
        };
        let mut places: HashMap<Uuid, usize> = HashMap::new();
        for (place, source) in self.sources.iter().enumerate() {
            if let (Some(id), "conversation") = (source.conversation_id, source.noun) {
                places.insert(id, place);
            }
        }
        let mut lines: HashMap<usize, Lines> = HashMap::new();
        for hit in hits {
            let place = match of(&hit) {
                Some(id) => {
                    let Some(heading) = headings.get(&id) else {
                        continue;
                    };
                    *places.entry(id).or_insert_with(|| {
                        self.held.insert(id);
                        self.sources.push(Source {
                            noun: "conversation",
                            title: heading.title.clone(),
                            at: hit.at,
                            conversation_id: Some(id),
                            ..Source::default()
                        });
                        self.sources.len() - 1
                    })
                }
                None => {
                    if self.held.contains(&hit.id) {
                        continue;
                    }
                    match hit.kind {
                        Kind::ActionItem => {
                            let task = tasks.iter().find(|task| task.id == hit.id);
                            let Some(task) =
                                task.filter(|task| state.is_none_or(|done| done == task.completed))
                            else {
                                continue;
                            };
                            self.task(task, false);
                        }
                        _ => self.remembered(&hit),
                    }
                    self.sources.len() - 1
                }
            };
            let Some(source) = self.sources.get_mut(place) else {
                continue;
            };
            source.score = Some(source.score.unwrap_or_default().max(hit.score));
            source.meant |= hit.matched.contains(&Matched::Meaning);
            match hit.kind {
                Kind::Segment => lines.entry(place).or_default().add(&hit, &source.text),
                // It begins with its title, which stands before it.
                Kind::Conversation if source.text.is_empty() => {
                    let text = hit.text.strip_prefix(&source.title).unwrap_or(&hit.text);
                    source.text = cut(text.trim(), LONGEST_TEXT);
                }
                _ => {}
            }
        }
        for (place, lines) in lines {
            let Some(source) = self.sources.get_mut(place) else {
                continue;
            };
            let whole = source.text.chars().count();
            source.found = lines.first();
            let said = lines.in_order(LONGEST_TEXT);
            if said.is_empty() {
                continue;
            }
            // Of what the user looks at so much stands there that lines fit beside it.
            let most = if whole > LONGEST_TEXT {
                LONGEST_CONTEXT - LONGEST_TEXT
            } else {
                LONGEST_OVERVIEW
            };
            let before = cut(&source.text, most);
            source.text = match before.is_empty() {
                true => said,
                false => format!("{before}\n{said}"),
            };
        }
        Ok(())
    }

    fn remembered(&mut self, hit: &Hit) {
        let source = Source {
            noun: "memory",
            at: hit.at,
            text: cut(&hit.text, LONGEST_TEXT),
            conversation_id: hit.conversation_id,
            ..Source::default()
        };
        self.put(hit.id, source);
    }
}

fn present<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Err(Error::NotFound(_)) => Ok(None),
        found => found.map(Some),
    }
}
