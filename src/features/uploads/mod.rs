//! Uploads: recordings that a phone made without a server. They are decoded and cut while the phone waits, recognised by a
//! job, and their words go to the conversation of their time. What is known already is not added again.

mod clips;
mod name;
mod sound;
mod store;
mod work;

pub use clips::{Clip, Written};
pub use work::{JOB, Work, run};

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{
    app::{App, Handles},
    error::{Error, Result},
    features::{accounts, credentials::Caller},
    platform::{
        audio::SAMPLE_RATE,
        clock,
        disk::{self, Intake},
        ids, jobs,
    },
};

use name::Named;
use store::Utterance;

/// Files of one upload.
const MOST_FILES: usize = 500;
/// Sound of one upload, decoded.
const MOST_HOURS: u64 = 12;
/// Uploads of one user that wait.
const MOST_WAITING: i64 = 20;
/// A longer pause ends a segment.
const PAUSE: chrono::Duration = chrono::Duration::seconds(120);
/// Shorter segments, and shorter files, hold nothing.
const SHORTEST: chrono::Duration = chrono::Duration::seconds(1);
/// Live sessions need the other cores.
static DECODING: Semaphore = Semaphore::const_new(1);
/// How often somebody who waits for a job looks at it.
const LOOK: Duration = Duration::from_millis(500);
/// How often leftovers are looked for, and how old they are then at least.
const SWEEP: Duration = Duration::from_secs(600);
const OLD: Duration = Duration::from_secs(3600);

/// An upload that comes in, file by file. What was taken so far is gone when it is dropped.
pub struct Upload {
    id: Uuid,
    uid: std::sync::Arc<str>,
    intake: Intake,
    files: Vec<Named>,
    /// Bytes.
    most: u64,
}

/// What became of an upload.
pub enum Taken {
    /// Nobody says anything in it.
    Silent,
    Job {
        id: Uuid,
        files: usize,
        segments: usize,
    },
}

impl Upload {
    /// Refuses while many wait: the phone then keeps its recordings.
    pub async fn begin(app: &Handles, caller: &Caller) -> Result<Self> {
        if store::waiting(&app.db, &caller.uid).await? >= MOST_WAITING {
            return Err(Error::RateLimited {
                limit: format!("{MOST_WAITING} uploads that wait"),
                retry_after: 60,
            });
        }
        let id = ids::new();
        let folder = app.uploads_dir().join(id.to_string());
        let most = app.config.audio.upload_megabytes * 1_000_000;
        Ok(Self {
            id,
            uid: caller.uid.clone(),
            intake: Intake::begin(folder, most).await.map_err(broken)?,
            files: Vec::new(),
            most,
        })
    }

    /// What is written from now on is of the file with that name.
    pub async fn file(&mut self, name: &str) -> Result<()> {
        if self.files.len() >= MOST_FILES {
            let text = format!("files: at most {MOST_FILES} may come at once");
            return Err(Error::TooLarge(text));
        }
        let number = self.files.len();
        self.files.push(name::read(name, clock::now())?);
        Ok(self.intake.file(&encoded(number)).await.map_err(broken)?)
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        write(&mut self.intake, bytes, self.most).await
    }

    /// Looks for speech, and has it recognised by a job; refuses it while nothing can be recognised. `conversation_id`: where the words are to go, if that is there.
    pub async fn take(mut self, app: &App, conversation_id: Option<Uuid>) -> Result<Taken> {
        self.intake.close().await.map_err(broken)?;
        if self.files.is_empty() {
            return Err(Error::missing("files"));
        }
        let folder = self.intake.folder().map_err(broken)?.to_path_buf();
        let files = self.files.clone();
        let turn = DECODING.acquire().await.map_err(anyhow::Error::new)?;
        let spoken = in_background(move || listen(&folder, &files)).await?;
        drop(turn);
        let spoken = spoken.ok_or_else(|| {
            Error::TooLarge(format!(
                "files: more than {MOST_HOURS} hours of sound; send fewer files"
            ))
        })?;
        let segments = segments(spoken);
        if segments.is_empty() {
            return Ok(Taken::Silent);
        }
        if let Err(why) = app.speech.status() {
            tracing::warn!("an upload was refused: {why}");
            return Err(Error::Unavailable("speech cannot be recognised".into()));
        }
        let language = accounts::profile(&app.db, &self.uid).await?.language;
        let job = store::NewJob {
            id: self.id,
            conversation_id,
            source: self
                .files
                .iter()
                .map(|file| file.source)
                .find(|source| *source == "limitless")
                .unwrap_or(self.files[0].source),
            language: language.as_deref(),
        };
        let mut tx = app.db.begin().await?;
        store::insert(&mut tx, &self.uid, job, &segments).await?;
        work::enqueue(&mut tx, &self.uid, self.id).await?;
        tx.commit().await?;
        self.intake.keep();
        Ok(Taken::Job {
            id: self.id,
            files: self.files.len(),
            segments: segments.len(),
        })
    }
}

/// Refuses what is more than `most` bytes together.
async fn write(intake: &mut Intake, bytes: &[u8], most: u64) -> Result<()> {
    if intake.write(bytes).await.map_err(broken)? {
        return Ok(());
    }
    let megabytes = most / 1_000_000;
    let text = format!("files: at most {megabytes} MB may come at once; send fewer files");
    Err(Error::TooLarge(text))
}

fn encoded(number: usize) -> String {
    format!("{number}.bin")
}

fn decoded(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("{number}.pcm"))
}

/// Everything that is said in these files. None: it is too much.
fn listen(folder: &Path, files: &[Named]) -> io::Result<Option<Vec<Utterance>>> {
    let mut left = MOST_HOURS * 3600 * u64::from(SAMPLE_RATE);
    let mut spoken = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let (from, to) = (folder.join(encoded(number)), decoded(folder, number));
        let Some(found) = sound::listen(&from, &to, file.coding, left)? else {
            return Ok(None);
        };
        std::fs::remove_file(from)?;
        left -= found.samples;
        if length(found.samples) < SHORTEST {
            continue;
        }
        spoken.extend(found.utterances.into_iter().map(|range| Utterance {
            file: number,
            from: range.start,
            to: range.end,
            at: file.at + length(range.start),
        }));
    }
    std::fs::File::open(folder)?.sync_all()?;
    Ok(Some(spoken))
}

fn length(samples: u64) -> chrono::Duration {
    chrono::Duration::microseconds(
        i64::try_from(samples * 1_000_000 / u64::from(SAMPLE_RATE)).unwrap_or(i64::MAX),
    )
}

fn ended_at(utterance: &Utterance) -> DateTime<Utc> {
    utterance.at + length(utterance.to - utterance.from)
}

/// Utterances of all files, cut where nothing is said for long.
fn segments(mut spoken: Vec<Utterance>) -> Vec<Vec<Utterance>> {
    spoken.sort_by_key(|utterance| utterance.at);
    let mut segments: Vec<Vec<Utterance>> = Vec::new();
    for utterance in spoken {
        match segments.last_mut() {
            Some(segment)
                if segment
                    .last()
                    .is_some_and(|last| utterance.at - ended_at(last) < PAUSE) =>
            {
                segment.push(utterance);
            }
            _ => segments.push(vec![utterance]),
        }
    }
    segments.retain(|segment| match (segment.first(), segment.last()) {
        (Some(first), Some(last)) => ended_at(last) - first.at >= SHORTEST,
        _ => false,
    });
    segments
}

/// How far a job has come.
#[derive(Debug, Default)]
pub struct Standing {
    /// `queued`, `processing`, `completed`, `partial_failure` or `failed`.
    pub status: &'static str,
    pub total: usize,
    pub successful: usize,
    pub failed: usize,
    /// Conversations that were made, and those that got more words.
    pub created: Vec<Uuid>,
    pub updated: Vec<Uuid>,
    /// At most ten.
    pub errors: Vec<String>,
}

impl Standing {
    pub fn has_ended(&self) -> bool {
        self.successful + self.failed == self.total
    }
}

pub async fn standing(app: &Handles, caller: &Caller, id: Uuid) -> Result<Standing> {
    let segments = store::standing(&app.db, &caller.uid, id).await?;
    if segments.is_empty() {
        return Err(Error::NotFound("Sync job"));
    }
    let count = |state: &str| segments.iter().filter(|one| one.state == state).count();
    let (successful, failed) = (count("done"), count("failed"));
    let mut standing = Standing {
        status: match (successful, failed) {
            (0, 0) if !segments[0].begun => "queued",
            (good, bad) if good + bad < segments.len() => "processing",
            (_, 0) => "completed",
            (0, _) => "failed",
            _ => "partial_failure",
        },
        total: segments.len(),
        successful,
        failed,
        ..Standing::default()
    };
    for segment in segments {
        if let Some(error) = segment.error
            && standing.errors.len() < 10
        {
            standing.errors.push(error);
        }
        let list = match segment.outcome.as_str() {
            "created" => &mut standing.created,
            "updated" => &mut standing.updated,
            _ => continue,
        };
        if let Some(id) = segment.conversation_id
            && !list.contains(&id)
        {
            list.push(id);
        }
    }
    let created = standing.created.clone();
    standing.updated.retain(|id| !created.contains(id));
    Ok(standing)
}

/// Waits until a job has ended, at most `patience`; then it is told how far it has come.
pub async fn outcome(
    app: &Handles,
    caller: &Caller,
    id: Uuid,
    patience: Duration,
) -> Result<Standing> {
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        let standing = standing(app, caller, id).await?;
        if standing.has_ended() || tokio::time::Instant::now() >= deadline {
            return Ok(standing);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Forgets what ended long ago, and removes folders that no job needs.
pub async fn run_forever(app: App) {
    loop {
        if let Err(error) = sweep(&app).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "old uploads could not be removed"
            );
        }
        tokio::time::sleep(SWEEP).await;
    }
}

/// Takes the recordings of a user away that wait to be recognised.
pub async fn erase(app: &App, uid: &str) -> Result<()> {
    let ids = store::of_user(&app.db, uid).await?;
    let root = app.uploads_dir();
    in_background(move || {
        for id in ids {
            disk::absent_is_fine(std::fs::remove_dir_all(root.join(id.to_string())))?;
        }
        Ok(())
    })
    .await
}

async fn sweep(app: &App) -> Result<()> {
    store::purge(&app.db).await?;
    let needed = store::unended(&app.db).await?;
    let root = app.uploads_dir();
    in_background(move || {
        let entries = match std::fs::read_dir(root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let Ok(id) = entry.file_name().to_string_lossy().parse::<Uuid>() else {
                continue;
            };
            let changed = entry.metadata()?.modified()?;
            let age = SystemTime::now().duration_since(changed);
            if !needed.contains(&id) && age.is_ok_and(|age| age > OLD) {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    })
    .await
}

fn broken(error: io::Error) -> anyhow::Error {
    anyhow::Error::new(error).context("an upload cannot be stored")
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    Ok(disk::in_background("an upload cannot be stored", work).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_pauses_cut_and_files_do_not() {
        let spoken = |file: usize, at: i64, seconds: u64| Utterance {
            file,
            from: 0,
            to: seconds * 16_000,
            at: DateTime::from_timestamp(1_767_268_800 + at, 0).unwrap_or_default(),
        };
        let found = segments(vec![
            spoken(1, 60, 5),
            spoken(0, 0, 5),
            spoken(2, 184, 5),
            spoken(3, 310, 0),
        ]);
        let files: Vec<Vec<_>> = found
            .iter()
            .map(|segment| segment.iter().map(|one| one.file).collect())
            .collect();
        assert_eq!(files, [vec![0, 1, 2]]);
        assert_eq!(segments(vec![spoken(0, 0, 5), spoken(0, 125, 5)]).len(), 2);
    }
}
