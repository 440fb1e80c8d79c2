//! What a device says in words.

use serde::Deserialize;
use uuid::Uuid;

/// A message; unknown ones are left out by whoever reads them.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    ImageChunk(ImageChunk),
    SuggestedTranscript(Suggestion),
    SpeakerAssigned(Assignment),
    SkipQuestion,
}

/// A slice of the base64 text of a JPEG.
#[derive(Debug, Deserialize)]
pub struct ImageChunk {
    pub id: String,
    pub index: usize,
    pub total: usize,
    pub data: String,
}

/// What the device itself has recognised.
#[derive(Debug, Deserialize)]
pub struct Suggestion {
    #[serde(default)]
    pub stt_provider: Option<String>,
    pub segments: Vec<SuggestedSegment>,
}

#[derive(Debug, Deserialize)]
pub struct SuggestedSegment {
    pub text: String,
    #[serde(default)]
    pub speaker: Option<String>,
    #[serde(default)]
    pub is_user: Option<bool>,
    /// Seconds from the device's first sound.
    pub start: f64,
    pub end: f64,
    #[serde(default)]
    pub person_id: Option<String>,
}

/// Whose voice some segments are. The device has stored it already, by another way.
#[derive(Debug, Deserialize)]
pub struct Assignment {
    pub speaker_id: i32,
    /// `user`, or the id of a person.
    pub person_id: String,
    #[serde(rename = "person_name")]
    pub _person_name: String,
    #[serde(default)]
    pub segment_ids: Vec<Uuid>,
}
