//! One live session: audio → utterances → segments → conversation; and how conversations end.
//!
//! A frame counts as taken once it is in the spool file, a segment once it is committed, which is
//! before it is sent. Both survive a killed server.

mod channel;
mod commands;
mod course;
mod dictation;
mod failure;
mod follow;
mod images;
mod intake;
mod interim;
mod keep;
mod live;
mod merge;
mod onboarding;
mod orders;
mod photos;
mod recovery;
mod scribe;
mod session;
mod spool;
mod store;
mod suggested;
mod sweeper;
mod translate;

pub use commands::Command;
pub use dictation::{Dictated, Dictation};
pub use failure::Failure;
use intake::Allowance;
pub use live::{LiveSessions, Place};
pub use photos::{DESCRIBE_JOB, TAKEN as PHOTO_TAKEN, describe as describe_photo};
pub use session::{Asked, Refusal, Session, Settings, Update};

use std::time::Duration;

use uuid::Uuid;

use crate::{
    app::{App, Handles},
    error::{Error, Result},
    features::{
        conversations::{self, Meeting, Reason, TranscriptSegment},
        credentials::Caller,
        preferences,
    },
    platform::{audio, disk},
};

/// Sample rate of everything behind the decoder, in Hz.
pub const SAMPLE_RATE: u64 = audio::SAMPLE_RATE as u64;
/// Longest time-out of a conversation, and what -1 asks for, in seconds.
pub const LONGEST_TIMEOUT: i32 = 14_400;

/// How long finishing waits for words that were spoken just before.
const FLUSH_PATIENCE: Duration = Duration::from_secs(15);

/// Pieces that were heard one after the other, as the segments that they make.
pub fn join(pieces: Vec<TranscriptSegment>) -> Vec<TranscriptSegment> {
    merge::combine(None, pieces).stored
}

/// Recovers what an earlier run left behind, and ends conversations that nobody adds to any more.
pub async fn run_forever(app: App) {
    // Before anything is ended: what lies in the spool belongs to conversations that look quiet.
    let left = recovery::claim_all(&app).await;
    tokio::join!(
        recovery::recover_forever(app.clone(), left),
        sweeper::sweep_forever(app)
    );
}

/// Takes the audio of a user away that waits to be recognised, as soon as nobody is at it any more.
pub async fn erase(app: &Handles, uid: &str) -> Result<()> {
    let begun = std::time::Instant::now();
    while app.live.has(uid) {
        if begun.elapsed() > FLUSH_PATIENCE {
            return Err(Error::Unavailable(
                "somebody who left is still heard".into(),
            ));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (root, uid) = (app.spool_dir(), uid.to_string());
    let erase = move || {
        for (spool, meta) in spool::Spool::all(&root)? {
            if meta.uid == uid {
                spool.remove()?;
            }
        }
        Ok(())
    };
    Ok(disk::in_background("the audio spool cannot be emptied", erase).await?)
}

/// Ends the caller's conversation in progress, with every word spoken so far. `meeting` is the calendar entry that it
/// belonged to. The same again within seconds gives the one that was ended. None: there is none in progress.
pub async fn finish(
    app: &Handles,
    caller: &Caller,
    meeting: Option<Meeting>,
) -> Result<Option<Uuid>> {
    app.live.flush(&caller.uid, FLUSH_PATIENCE).await;
    if let Some(id) = conversations::newest_open(&app.db, &caller.uid).await? {
        if let Some(meeting) = &meeting {
            conversations::attach_meeting(&app.db, &caller.uid, id, meeting).await?;
        }
        if end(app, &caller.uid, id, Reason::Requested).await? {
            return Ok(Some(id));
        }
    }
    conversations::ended_on_request(&app.db, &caller.uid).await
}

/// Hands a conversation over to processing, and notes where its user is.
async fn end(app: &Handles, uid: &str, id: Uuid, reason: Reason) -> Result<bool> {
    if let Some(place) = preferences::last_location(&app.db, uid).await? {
        conversations::attach_place(&app.db, uid, id, &place).await?;
    }
    conversations::finish(&app.db, &app.outbox, uid, id, reason).await
}
