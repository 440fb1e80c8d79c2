//! Addresses that a user wants to be told at, and which of them are switched on. Nothing is sent there yet.

mod store;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    error::Result,
    features::{credentials::Caller, lenient},
    platform::database::Db,
};

/// Longest address, in characters.
pub const MAXIMUM_URL: usize = 2000;

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Its address is `url,seconds`.
    AudioBytes,
    AudioBytesWebsocket,
    RealtimeTranscript,
    MemoryCreated,
    DaySummary,
}

impl Kind {
    pub const ALL: [(&'static str, Self); 5] = [
        ("audio_bytes", Self::AudioBytes),
        ("audio_bytes_websocket", Self::AudioBytesWebsocket),
        ("realtime_transcript", Self::RealtimeTranscript),
        ("memory_created", Self::MemoryCreated),
        ("day_summary", Self::DaySummary),
    ];

    pub fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, kind)| *kind)
    }

    fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or("", |(name, _)| name)
    }
}

/// Which are switched on.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Switches {
    pub audio_bytes: bool,
    pub memory_created: bool,
    pub realtime_transcript: bool,
    pub day_summary: bool,
}

/// Empty where none was set.
pub async fn url(db: &Db, caller: &Caller, kind: Kind) -> Result<String> {
    let url = store::url(db, &caller.uid, kind.name()).await?;
    Ok(url.unwrap_or_default())
}

/// An address is not switched on by being set; an empty one, or one of `,` alone, is switched off.
pub async fn set_url(db: &Db, caller: &Caller, kind: Kind, url: &str) -> Result<()> {
    let url = url.trim();
    lenient::at_most("url", url, MAXIMUM_URL)?;
    let off = url.is_empty() || url == ",";
    Ok(store::set_url(db, &caller.uid, kind.name(), url, off).await?)
}

pub async fn switch(db: &Db, caller: &Caller, kind: Kind, on: bool) -> Result<()> {
    Ok(store::switch(db, &caller.uid, kind.name(), on).await?)
}

/// What was never switched is, from this look on, switched on if it has an address.
pub async fn switches(db: &Db, caller: &Caller) -> Result<Switches> {
    let names = Kind::ALL.map(|(name, _)| name.to_string());
    let on = store::settle(db, &caller.uid, &names).await?;
    let is_on = |kind: Kind| on.iter().any(|name| name == kind.name());
    Ok(Switches {
        audio_bytes: is_on(Kind::AudioBytes),
        memory_created: is_on(Kind::MemoryCreated),
        realtime_transcript: is_on(Kind::RealtimeTranscript),
        day_summary: is_on(Kind::DaySummary),
    })
}
