//! What was said in a conversation, or written in an imported text, as models and rules read it.

use chrono::{DateTime, Duration, Utc};

use super::rules;
use crate::{
    error::Result,
    features::{
        accounts::Profile,
        conversations::Conversation,
        lenient,
        people::{self, Speakers},
    },
    platform::{clock, database::Db, language::fit},
};

/// Characters of an overview, a calendar entry or the like in a prompt.
const MOST_CONTEXT: usize = 4000;

/// What a model is told where no voice is known to be the user's.
const UNMARKED: &str = "Nobody's voice is known. The user is one of the speakers, most likely the one who speaks of their own day; \
     where only one speaks, it is the user. What cannot be told to be the user's own is left out.";

/// Where the words come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Recorded, or imported as a transcript.
    Speech,
    /// An imported message, note or page.
    Text,
}

#[derive(Clone, Debug)]
pub struct Heard {
    pub origin: Origin,
    /// Length in seconds.
    pub seconds: f64,
    pub profile: Profile,
    pub started_at: DateTime<Utc>,
    lines: Vec<Line>,
    calendar: Option<String>,
    language: Option<String>,
    /// What is on pictures that were taken meanwhile.
    seen: Vec<String>,
}

#[derive(Clone, Debug)]
struct Line {
    speaker: String,
    is_user: bool,
    text: String,
}

impl Heard {
    /// Looks up who speaks.
    pub async fn read(
        db: &Db,
        uid: &str,
        conversation: &Conversation,
        profile: Profile,
    ) -> Result<Self> {
        let ids = people::speaking(&conversation.transcript_segments);
        let speakers = Speakers::of(db, uid, &profile.name, &ids).await?;
        Ok(Self::of(conversation, profile, &speakers))
    }

    pub fn of(conversation: &Conversation, profile: Profile, speakers: &Speakers) -> Self {
        let external = conversation.external_data.as_ref();
        let imported = external.and_then(|data| data["text"].as_str());
        let lines = match imported {
            Some(text) => vec![Line {
                speaker: "User".into(),
                is_user: true,
                text: text.into(),
            }],
            None => conversation
                .transcript_segments
                .iter()
                .map(|segment| Line {
                    speaker: speakers.name(segment),
                    is_user: segment.is_user,
                    text: segment.text.clone(),
                })
                .collect(),
        };
        let spoken = external.is_some_and(|data| data["text_source"] == "audio_transcript");
        let calendar = external
            .and_then(|data| data.get("calendar_meeting_context"))
            .filter(|entry| entry.is_object());
        Self {
            origin: match imported {
                Some(_) if !spoken => Origin::Text,
                _ => Origin::Speech,
            },
            seconds: conversation
                .transcript_segments
                .iter()
                .map(|segment| segment.end)
                .fold(0.0, f64::max),
            lines,
            calendar: calendar.map(|entry| cut(&entry.to_string(), MOST_CONTEXT)),
            language: conversation.language.clone(),
            started_at: conversation.started_at,
            profile,
            seen: Vec::new(),
        }
    }

    pub fn with_pictures(self, seen: Vec<String>) -> Self {
        Self { seen, ..self }
    }

    pub fn seen(&self) -> &[String] {
        &self.seen
    }

    pub fn rule_lines(&self) -> Vec<rules::Line<'_>> {
        self.lines
            .iter()
            .map(|line| rules::Line {
                speaker: &line.speaker,
                is_user: line.is_user,
                text: &line.text,
            })
            .collect()
    }

    pub fn setting(&self) -> rules::Setting {
        rules::Setting {
            reference: self.started_at,
            now: clock::now(),
            time_zone: self.profile.time_zone,
        }
    }

    /// Nothing was said, and nothing seen.
    pub fn is_silent(&self) -> bool {
        self.seen.is_empty() && self.lines.iter().all(|line| line.text.trim().is_empty())
    }

    /// A recording of fewer characters than this, with its speakers.
    pub fn is_briefer_than(&self, characters: usize) -> bool {
        self.origin == Origin::Speech && self.transcript(usize::MAX).chars().count() < characters
    }

    /// Pieces between single spaces.
    pub fn words(&self) -> usize {
        let said = self.lines.iter().map(|line| line.text.trim());
        said.filter(|text| !text.is_empty())
            .map(|text| text.split(' ').count())
            .sum()
    }

    /// The beginning, for what needs no more.
    pub fn beginning(&self) -> String {
        let texts: Vec<_> = self
            .lines
            .iter()
            .take(20)
            .map(|line| line.text.trim())
            .collect();
        texts.join(" ")
    }

    /// `Name: text`, line by line; a text as it is. Of a longer one the beginning and the end.
    pub fn transcript(&self, most: usize) -> String {
        let text = match self.origin {
            Origin::Text => self.beginning(),
            Origin::Speech => {
                let lines: Vec<_> = self
                    .lines
                    .iter()
                    .map(|line| people::line(&line.speaker, &line.text))
                    .collect();
                lines.join("\n")
            }
        };
        fit(&text, most).into_owned()
    }

    /// What is being read, for the model: headings and, last, the transcript. `extra`: further parts with their headings.
    pub fn material(&self, extra: &[(&str, String)], most: usize) -> String {
        let mut parts = Vec::new();
        let name = cut(&self.profile.name, 100);
        if !name.is_empty() {
            parts.push(format!("# The user's name\n{name}"));
        }
        let unmarked = self.origin == Origin::Speech && !self.lines.iter().any(|line| line.is_user);
        if unmarked && !self.lines.is_empty() {
            parts.push(format!("# Who speaks\n{UNMARKED}"));
        }
        if let Some(calendar) = &self.calendar {
            parts.push(format!("# Calendar entry\n{calendar}"));
        }
        if !self.seen.is_empty() {
            let seen = cut(&self.seen.join("\n"), MOST_CONTEXT);
            parts.push(format!("# What the user's camera saw\n{seen}"));
        }
        for (heading, text) in extra.iter().filter(|(_, text)| !text.is_empty()) {
            parts.push(format!("# {heading}\n{}", fit(text, most / 4)));
        }
        let used: usize = parts.iter().map(|part| part.chars().count() + 2).sum();
        let heading = match self.origin {
            Origin::Text => "# Text",
            Origin::Speech => "# Transcript",
        };
        // Room for the heading and the mark of what is left out.
        let left = most.saturating_sub(used + 100).max(most / 8);
        parts.push(format!("{heading}\n{}", self.transcript(left)));
        parts.join("\n\n")
    }

    /// Relative times count from here: the start, unless it is more than seven days ago.
    pub fn reference(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        if self.started_at < now - Duration::days(7) {
            now
        } else {
            self.started_at
        }
    }

    /// What the model is told of time: reference, now, zone.
    pub fn clock_rule(&self, now: DateTime<Utc>) -> String {
        let zone = self.profile.time_zone;
        let local = |at: DateTime<Utc>| {
            at.with_timezone(&zone)
                .format("%A %Y-%m-%dT%H:%M")
                .to_string()
        };
        format!(
            "Time zone of the user: {zone}. Reference time, from which \"tomorrow\" and the like count: {}. It is now {}. \
             Write times in the user's time zone, as YYYY-MM-DDTHH:MM, without an offset.",
            local(self.reference(now)),
            local(now)
        )
    }

    /// In which language the model writes.
    pub fn language_rule(&self) -> String {
        let wanted = self.profile.language.as_deref();
        language_rule(wanted.or(self.language.as_deref()))
    }
}

/// In which language a model writes: the one with this code, if it is one.
pub fn language_rule(code: Option<&str>) -> String {
    match code.filter(|code| !code.is_empty() && *code != "multi" && code.len() <= 35) {
        Some(code)
            if code
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') =>
        {
            format!("Write in the language with the code {code:?}.")
        }
        _ => "Write in the language of the material.".into(),
    }
}

/// A time in the user's zone as a model writes it; one with an offset counts as it is. A time that a clock change leaves
/// out is taken as if the clock had not changed; of two the first is meant.
pub fn local_time(text: &str, zone: chrono_tz::Tz) -> Option<DateTime<Utc>> {
    use chrono::{NaiveDate, NaiveDateTime};
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return in_calendar(at.to_utc());
    }
    let local = [
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%d %H:%M",
    ]
    .iter()
    .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
    .or_else(|| {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(23, 59, 0)
    })?;
    in_calendar(clock::in_zone(local, zone)?)
}

fn in_calendar(at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    use chrono::Datelike as _;
    (at.year() >= 1 && at <= lenient::LATEST).then_some(at)
}

/// At most so many characters, from the beginning.
pub fn cut(text: &str, most: usize) -> String {
    text.trim()
        .chars()
        .take(most)
        .collect::<String>()
        .trim_end()
        .into()
}

/// On one line, without what cannot be stored, at most so many characters.
pub fn clean(text: &str, most: usize) -> String {
    let text = text.replace(char::is_control, " ");
    cut(&text.split_whitespace().collect::<Vec<_>>().join(" "), most)
}

/// Of a list that a model was shown, counted from 1: the one with this number.
pub fn numbered<T>(list: &[T], number: i64) -> Option<&T> {
    list.get(usize::try_from(number).ok()?.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn local_times_follow_the_zone_and_its_clock_changes() {
        let utc = |text: &str, zone: &str| {
            local_time(text, zone.parse().unwrap()).map(|at| at.format("%FT%TZ").to_string())
        };
        for (text, zone, at) in [
            ("2026-01-15T09:00", "Europe/Berlin", "2026-01-15T08:00:00Z"),
            ("2026-07-15T09:00", "Europe/Berlin", "2026-07-15T07:00:00Z"),
            (
                "2026-07-15 09:00",
                "America/New_York",
                "2026-07-15T13:00:00Z",
            ),
            (
                "2026-07-15T09:00:30",
                "Asia/Kolkata",
                "2026-07-15T03:30:30Z",
            ),
            ("2026-07-15", "UTC", "2026-07-15T23:59:00Z"),
            ("2026-07-15T09:00:00+02:00", "UTC", "2026-07-15T07:00:00Z"),
            ("2026-07-15T09:00:00Z", "Asia/Tokyo", "2026-07-15T09:00:00Z"),
            // The clock goes from 2:00 to 3:00, and from 3:00 back to 2:00.
            ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:30:00Z"),
            ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30:00Z"),
        ] {
            assert_eq!(utc(text, zone).as_deref(), Some(at), "{text} {zone}");
        }
        for text in [
            "",
            "tomorrow",
            "2026-02-30T09:00",
            "99999-01-01T00:00",
            "0000-01-01T00:00",
        ] {
            assert_eq!(utc(text, "UTC"), None, "{text}");
        }
    }

    #[test]
    fn long_text_keeps_both_ends() {
        assert_eq!(fit("abc", 3), "abc");
        assert!(fit("abcdefgh", 4).starts_with("ab\n[… 4 "));
        assert!(fit("abcdefgh", 4).ends_with("gh"));
        assert_eq!(cut("  äöü  x", 5), "äöü");
    }
}
