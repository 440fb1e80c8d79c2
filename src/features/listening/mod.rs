//! One live session: audio → utterances → segments → conversation; and how conversations end.
//!
//! A frame counts as taken once it is in the spool file, a segment once it is committed, which is
//! before it is sent. Both survive a killed server.

mod intake;
mod live;
mod merge;
mod recovery;
mod scribe;
mod session;
mod spool;
mod store;
mod sweeper;

pub use live::LiveSessions;
pub use recovery::recover_forever;
pub use session::{Refusal, Session, Settings, Update};
pub use sweeper::sweep_forever;

use std::time::Duration;

use uuid::Uuid;

use crate::{
    app::Handles,
    error::Result,
    features::{
        conversations::{self, Reason},
        credentials::Caller,
    },
};

/// Sample rate of everything behind the decoder, in Hz.
pub const SAMPLE_RATE: u64 = 16_000;
/// Longest time-out of a conversation, and what -1 asks for, in seconds.
pub const LONGEST_TIMEOUT: i32 = 14_400;

/// How long finishing waits for words that were spoken just before.
const FLUSH_PATIENCE: Duration = Duration::from_secs(15);

/// Ends the caller's conversation in progress, with every word spoken so far. None: there is none.
pub async fn finish(app: &Handles, caller: &Caller) -> Result<Option<Uuid>> {
    app.live.flush(&caller.uid, FLUSH_PATIENCE).await;
    let Some(id) = conversations::newest_open(&app.db, &caller.uid).await? else {
        return Ok(None);
    };
    let finished =
        conversations::finish(&app.db, &app.outbox, &caller.uid, id, Reason::Requested).await?;
    Ok(finished.then_some(id))
}
