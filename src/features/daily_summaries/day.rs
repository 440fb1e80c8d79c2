//! A day of a user: its conversations, counted and told to a model.

use chrono::{DateTime, NaiveDate, Utc};

use super::model::{Content, DayStats, LocationPin, TaskOfDay, Told};
use crate::{
    app::Handles,
    error::Result,
    features::{
        accounts::Profile,
        conversations::{self, Conversation, Filter, Status},
        people::{self, Speakers},
        processing::{Heard, cut},
    },
    platform::language::fit,
};

/// Most conversations that are looked at: the newest.
const MOST: i64 = 100;
/// Characters of a title, an overview and a task in a prompt.
const LONGEST_TITLE: usize = 200;
const LONGEST_OVERVIEW: usize = 1500;
const LONGEST_TASK: usize = 200;
/// Characters of the day and the name before them.
const LONGEST_FRAME: usize = 250;
/// What was said is told with at least so many characters, or not at all.
const LEAST_SAID: usize = 300;

pub struct Day {
    pub date: NaiveDate,
    pub profile: Profile,
    /// In the order in which they began.
    pub conversations: Vec<Conversation>,
    speakers: Speakers,
}

/// What was talked about on a day of the user's zone. Segments only for a model.
pub async fn of(app: &Handles, uid: &str, profile: Profile, date: NaiveDate) -> Result<Day> {
    let (from, to) = super::days::bounds(date, profile.time_zone);
    let filter = Filter {
        statuses: vec![Status::Completed.as_str().into()],
        from: Some(from),
        to: Some(to),
        limit: MOST,
        ..Filter::default()
    };
    let with_segments = app.language.is_some();
    let mut conversations = conversations::of_user(&app.db, uid, &filter, with_segments).await?;
    conversations.sort_by_key(|one| (one.started_at, one.id));
    let ids = people::speaking(
        conversations
            .iter()
            .flat_map(|one| &one.transcript_segments),
    );
    let speakers = Speakers::of(&app.db, uid, &profile.name, &ids).await?;
    Ok(Day {
        date,
        profile,
        conversations,
        speakers,
    })
}

impl Day {
    /// Whether nothing was understood of it.
    pub fn is_empty(&self) -> bool {
        self.conversations
            .iter()
            .all(|one| one.structured.overview.trim().is_empty())
    }

    /// All that is stored of it.
    pub fn with(&self, told: Told) -> Content {
        let tasks: Vec<_> = self
            .conversations
            .iter()
            .flat_map(|one| {
                one.structured
                    .action_items
                    .iter()
                    .map(move |item| (one, item))
            })
            .map(|(one, item)| TaskOfDay {
                description: item.description.clone(),
                priority: if item.completed { "medium" } else { "high" }.into(),
                completed: item.completed,
                source_conversation_id: one.id,
            })
            .collect();
        let seconds: i64 = self.conversations.iter().map(seconds).sum();
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let locations = self.conversations.iter().filter_map(|one| {
            let place = one.geolocation.as_ref()?;
            Some(LocationPin {
                latitude: place.latitude,
                longitude: place.longitude,
                address: place.address.clone(),
                conversation_id: one.id,
                time: Some(self.clock(one.started_at)),
            })
        });
        Content {
            told,
            stats: DayStats {
                total_conversations: number(self.conversations.len()),
                total_duration_minutes: seconds / 60,
                action_items_count: number(tasks.len()),
            },
            locations: locations.collect(),
            action_items: tasks,
        }
    }

    fn clock(&self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.profile.time_zone)
            .format("%H:%M")
            .to_string()
    }

    /// For the model: each conversation with its number, its tasks and, as far as there is room, what was said.
    pub fn material(&self, most: usize) -> String {
        let share = most.saturating_sub(LONGEST_FRAME) / self.conversations.len().max(1);
        let mut parts = vec![format!("# The day\n{}", self.date.format("%A %-d %B %Y"))];
        let name = cut(&self.profile.name, 100);
        if !name.is_empty() {
            parts.push(format!("# The user's name\n{name}"));
        }
        for (number, one) in (1..).zip(&self.conversations) {
            let structured = &one.structured;
            let mut part = format!(
                "# Conversation {number}\n{} ({}, {} minutes, {})\n{}",
                cut(&structured.title, LONGEST_TITLE),
                self.clock(one.started_at),
                seconds(one) / 60,
                structured.category,
                cut(&structured.overview, LONGEST_OVERVIEW.min(share / 2))
            );
            for item in &structured.action_items {
                let state = if item.completed { "done" } else { "open" };
                part.push_str(&format!(
                    "\nTask ({state}): {}",
                    cut(&item.description, LONGEST_TASK)
                ));
            }
            // Room for the heading and the mark of what is left out.
            let left = share.saturating_sub(part.chars().count() + 100);
            let heard = Heard::of(one, self.profile.clone(), &self.speakers);
            if left >= LEAST_SAID && !heard.is_silent() {
                part.push_str(&format!("\nWhat was said:\n{}", heard.transcript(left)));
            }
            parts.push(fit(&part, share).into_owned());
        }
        parts.join("\n\n")
    }
}

pub fn seconds(conversation: &Conversation) -> i64 {
    let length = conversation.finished_at - conversation.started_at;
    length.num_seconds().max(0)
}
