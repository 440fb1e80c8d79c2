//! A user takes their data along, or goes for good.

mod export;
mod store;

pub use export::export;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    app::{App, Handles},
    error::Result,
    features::{
        accounts, audio, chat, connectors, credentials, credentials::Caller, identities, lenient,
        listening, speech_profile, uploads,
    },
    platform::jobs::{self, JobOptions, Priority},
};

/// Kind of the job that takes everything of a user away.
pub const JOB: &str = "account.erase";
/// Longest reason that is given, in characters.
const MAXIMUM_REASON: usize = 2000;
/// How often what others wrote meanwhile is looked for within an attempt.
const ROUNDS: usize = 5;

/// Whose everything goes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Erasure {
    uid: String,
}

/// Ends every credential of the caller and frees their address, at once; all they have goes soon after. The reason is logged,
/// as nothing else of the user stays.
pub async fn leave(app: &Handles, caller: &Caller, reason: &str, details: &str) -> Result<()> {
    lenient::at_most("reason", reason, MAXIMUM_REASON)?;
    lenient::at_most("reason_details", details, MAXIMUM_REASON)?;
    let uid = &*caller.uid;
    let mut tx = app.db.begin().await?;
    connectors::close(&mut tx, uid).await?;
    credentials::revoke_all(&mut tx, &app.outbox, uid).await?;
    accounts::close(&mut tx, uid).await?;
    identities::close(&mut tx, uid).await?;
    let options = JobOptions {
        key: Some(&format!("{JOB}:{uid}")),
        max_attempts: 25,
        priority: Priority::default(),
    };
    let whose = serde_json::json!({"uid": uid});
    jobs::add(&mut tx, JOB, whose, options).await?;
    tx.commit().await?;
    app.known.forget();
    tracing::info!(uid, reason, details, "a user deleted their account");
    Ok(())
}

/// Takes every file and every row of a user away. An error: something is left, and it is to be done again.
pub async fn erase(app: &App, erasure: Erasure, _attempts: i32) -> Result<()> {
    let uid = &erasure.uid;
    for _ in 0..ROUNDS {
        uploads::erase(app, uid).await?;
        listening::erase(app, uid).await?;
        audio::erase_files(&app.audio_dir(), uid).await?;
        chat::erase_files(&app.files_dir(), uid).await?;
        speech_profile::erase_files(&app.voices_dir(), uid).await?;
        let left = store::erase(&app.db, uid).await?;
        // A token of Firebase goes on counting until it ends: it makes a new account, without anything in it.
        if let Some(firebase) = &app.firebase {
            firebase.forget();
        }
        if left == 0 {
            return Ok(());
        }
        // What was being written while the rows went.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err(anyhow::anyhow!("rows of a deleted account come back: {uid}").into())
}
