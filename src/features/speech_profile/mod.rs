//! The recording of a user's own voice, which Omi's app makes: a file below `voices/` in the data directory and a row that
//! says what it is. It is kept and played; no voice is told from another with it.

mod recording;
mod store;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    app::Handles,
    error::{Error, Result},
    features::credentials::Caller,
    platform::{
        audio::{SAMPLE_RATE, stored},
        clock,
        database::{Db, take_turn},
        disk, ids, secrets,
    },
};

pub use recording::MOST_BYTES;

/// An older one counts as none: voices change.
const COUNTS_FOR: TimeDelta = TimeDelta::days(90);
/// How long a link leads to it.
const LINKED_FOR: TimeDelta = TimeDelta::minutes(60);
/// A half-written file is nobody's any more when it is so old.
const OLD: Duration = Duration::from_secs(3600);
const ABSENT: Error = Error::NotFound("Speech profile");

#[derive(Clone, Debug)]
pub struct Profile {
    /// The name of its file.
    id: Uuid,
    samples: i32,
    pub recorded_at: DateTime<Utc>,
    link_key: String,
}

impl Profile {
    pub fn seconds(&self) -> f64 {
        f64::from(self.samples) / f64::from(SAMPLE_RATE)
    }
}

/// Leads to a recording without a credential, for an hour. Shown: the end of a URL.
pub struct Link {
    /// The uid in hex, as it may be any text.
    owner: String,
    until: i64,
    seal: String,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}-{}", self.owner, self.until, self.seal)
    }
}

pub async fn get(db: &Db, uid: &str) -> Result<Option<Profile>> {
    Ok(store::get(db, uid).await?)
}

/// Whether the user has one that counts.
pub async fn counts(db: &Db, uid: &str) -> Result<bool> {
    let profile = store::get(db, uid).await?;
    Ok(profile.is_some_and(|profile| clock::now() - profile.recorded_at < COUNTS_FOR))
}

/// Keeps a WAV file of 16 kHz and 5 to 120 s, without its silence, in place of an earlier one.
pub async fn keep(app: &Handles, caller: &Caller, wav: Vec<u8>) -> Result<Link> {
    let uid = caller.uid.clone();
    let folder = folder_of(&app.voices_dir(), &uid);
    let id = ids::new();
    let into = folder.clone();
    let samples = in_background(move || {
        let samples = match recording::read(wav) {
            Ok(samples) => samples,
            Err(error) => return Ok(Err(error)),
        };
        std::fs::create_dir_all(&into)?;
        let aside = into.join(format!("{id}.new"));
        stored::write(&into.join(file_name(id)), &aside, &samples)?;
        Ok(Ok(samples.len()))
    })
    .await??;
    let profile = Profile {
        id,
        samples: i32::try_from(samples).unwrap_or(i32::MAX),
        recorded_at: clock::now(),
        link_key: secrets::random_hex(32),
    };
    let replaced = replace(&app.db, &uid, &profile).await;
    let unwanted = match &replaced {
        Ok(before) => *before,
        // Its user is gone, perhaps.
        Err(_) => Some(id),
    };
    in_background(move || tidy(&folder, unwanted)).await?;
    replaced?;
    Ok(link(&uid, &profile))
}

/// Gives the id of an earlier one.
async fn replace(db: &Db, uid: &str, profile: &Profile) -> Result<Option<Uuid>> {
    let mut tx = db.begin().await?;
    take_turn(&mut tx, uid, "speech profile").await?;
    let before = store::current(&mut tx, uid).await?;
    store::put(&mut tx, uid, profile).await?;
    tx.commit().await?;
    Ok(before)
}

/// Removes that file of a user, and what a crash left behind.
fn tidy(folder: &Path, unwanted: Option<Uuid>) -> io::Result<()> {
    if let Some(id) = unwanted {
        disk::absent_is_fine(std::fs::remove_file(folder.join(file_name(id))))?;
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|end| end != "new") {
            continue;
        }
        // Whoever writes it may be done meanwhile.
        let changed = std::fs::metadata(&path).and_then(|found| found.modified());
        let age = changed.map(|changed| SystemTime::now().duration_since(changed));
        if age.is_ok_and(|age| age.is_ok_and(|age| age > OLD)) {
            disk::absent_is_fine(std::fs::remove_file(path))?;
        }
    }
    Ok(())
}

/// None: there is no recording.
pub async fn link_to(db: &Db, caller: &Caller) -> Result<Option<Link>> {
    let profile = store::get(db, &caller.uid).await?;
    Ok(profile.map(|profile| link(&caller.uid, &profile)))
}

fn link(uid: &str, profile: &Profile) -> Link {
    let until = (clock::now() + LINKED_FOR).timestamp();
    Link {
        owner: hex::encode(uid),
        until,
        seal: secrets::seal(&profile.link_key, &until.to_string()),
    }
}

/// The samples that a link leads to. One that is wrong or too old leads to nothing. `root`: the folder of all recordings.
pub async fn follow(db: &Db, root: &Path, owner: &str, rest: &str) -> Result<Arc<[i16]>> {
    let uid = hex::decode(owner).map_err(|_| ABSENT)?;
    let uid = String::from_utf8(uid).map_err(|_| ABSENT)?;
    let (until, seal) = rest.split_once('-').ok_or(ABSENT)?;
    let until: i64 = until.parse().map_err(|_| ABSENT)?;
    if uid.contains('\0') || until < clock::now().timestamp() {
        return Err(ABSENT);
    }
    let profile = store::get(db, &uid).await?.ok_or(ABSENT)?;
    if !secrets::is_sealed(&profile.link_key, &until.to_string(), seal) {
        return Err(ABSENT);
    }
    let path = folder_of(root, &uid).join(file_name(profile.id));
    let read = move || match stored::read(&path) {
        // Another server's, or lost with a disk.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    };
    Ok(in_background(read).await?.ok_or(ABSENT)?.into())
}

/// Takes the files of a user away at once. `root`: the folder of all recordings.
pub async fn erase_files(root: &Path, uid: &str) -> Result<()> {
    let path = folder_of(root, uid);
    in_background(move || disk::absent_is_fine(std::fs::remove_dir_all(path))).await
}

/// Of a user, made of ids only: a uid may be any text. `root`: the folder of all voices.
pub fn folder_of(root: &Path, uid: &str) -> PathBuf {
    root.join(ids::from_content(&format!("voice of {uid}")).to_string())
}

fn file_name(id: Uuid) -> String {
    format!("{id}.opus")
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    Ok(disk::in_background("a recording of a voice cannot be stored", work).await?)
}
