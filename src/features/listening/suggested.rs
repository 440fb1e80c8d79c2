//! What the device itself has recognised.

use chrono::Duration;

use super::{
    commands::{SuggestedSegment, Suggestion},
    scribe::Said,
};
use crate::features::conversations::{MAXIMUM_SEGMENT_TEXT, MAXIMUM_SEGMENTS, speaker_number};

/// Longest id of a person and name of a recogniser or speaker, in characters.
pub const LONGEST_ID: usize = 100;
/// Longest that a device can have listened, in seconds.
const LONGEST: f64 = 7.0 * 86_400.0;

/// What is said in order of time, and how long it lasts. What cannot be a segment is left out.
pub fn said(suggestion: Suggestion) -> (Vec<Said>, Duration) {
    let provider = suggestion.stt_provider.map(|name| cut(&name, LONGEST_ID));
    let mut said: Vec<_> = suggestion
        .segments
        .into_iter()
        .take(MAXIMUM_SEGMENTS)
        .filter_map(|segment| one(segment, provider.as_deref()))
        .collect();
    said.sort_by(|a, b| a.start.total_cmp(&b.start));
    let end = said.iter().map(|one| one.end).fold(0.0, f64::max);
    (said, Duration::milliseconds((end * 1000.0) as i64))
}

fn one(segment: SuggestedSegment, provider: Option<&str>) -> Option<Said> {
    let text = cut(segment.text.trim(), MAXIMUM_SEGMENT_TEXT);
    let (start, end) = (segment.start, segment.end);
    if text.is_empty() || !(0.0..LONGEST).contains(&start) || !(start..LONGEST).contains(&end) {
        return None;
    }
    let labelled = segment.speaker.is_some();
    let speaker = segment
        .speaker
        .map(|name| cut(&name, LONGEST_ID))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "SPEAKER_00".into());
    let person_id = segment.person_id.map(|id| cut(&id, LONGEST_ID));
    let person_id = person_id.filter(|id| !id.is_empty());
    let is_user = segment.is_user == Some(true) || person_id.as_deref() == Some("user");
    Some(Said {
        text,
        start,
        end,
        speaker_id: speaker_number(&speaker),
        speaker,
        labelled,
        is_user,
        person_id: person_id.filter(|_| !is_user),
        provider: provider.map(Into::into),
        apart: false,
        id: None,
    })
}

/// Without U+0000, which cannot be stored.
fn cut(text: &str, characters: usize) -> String {
    text.chars()
        .filter(|one| *one != '\0')
        .take(characters)
        .collect()
}
