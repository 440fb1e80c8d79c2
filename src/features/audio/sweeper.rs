//! Takes stored sound away: soon, when its conversation is gone; daily, when its time is over or nobody knows it.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use super::{folder, remove, store};
use crate::{
    app::App,
    error::Result,
    platform::{clock, disk, outbox::Notice},
};

const INTERVAL: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// A file that is younger may still get its row.
const YOUNG: Duration = Duration::from_secs(3600);
const BATCH: i64 = 500;

/// `topics`: events after which something may have to go.
pub async fn run_forever(app: App, topics: &[&str]) {
    let mut news = app.outbox.listen();
    let mut looked: Option<Instant> = None;
    loop {
        if looked.is_none_or(|then| then.elapsed() >= DAY) {
            looked = Some(Instant::now());
            if let Err(error) = daily(&app).await {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "stored sound could not be looked through"
                );
            }
        }
        if let Err(error) = take_away(&app).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "stored sound could not be taken away; it is tried again"
            );
        }
        let wait = tokio::time::sleep(INTERVAL);
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = &mut wait => break,
                notice = news.recv() => match notice {
                    Ok(Notice::Event(event)) if topics.contains(&event.topic.as_str()) => break,
                    Err(RecvError::Closed) => { (&mut wait).await; break }
                    // What was missed is found with the next round.
                    _ => {}
                },
            }
        }
    }
}

/// The files of what was given up, then its rows.
async fn take_away(app: &App) -> Result<()> {
    loop {
        let given_up = store::given_up(&app.db, BATCH).await?;
        let root = app.audio_dir();
        let gone = in_background(move || {
            let mut gone = Vec::new();
            for (uid, id) in given_up {
                match remove(&root, &uid, id) {
                    Ok(()) => gone.push((uid, id)),
                    Err(error) => {
                        tracing::warn!(%error, %id, "a file of stored sound cannot be removed")
                    }
                }
            }
            Ok(gone)
        })
        .await?;
        if gone.is_empty() {
            return Ok(());
        }
        store::forget(&app.db, &gone).await?;
    }
}

async fn daily(app: &App) -> Result<()> {
    let days = app.config.audio.retention_days;
    if days > 0 {
        let before = clock::now() - chrono::Duration::days(days.into());
        let mut count = 0;
        loop {
            let some = store::expire(&app.db, before, BATCH).await?;
            count += some;
            if some == 0 {
                break;
            }
        }
        if count > 0 {
            tracing::info!(
                count,
                days,
                "stored sound was given up, because it is older than it may be"
            );
        }
    }
    let root = app.audio_dir();
    let folders = in_background(move || folders(&root)).await?;
    if folders.is_empty() {
        return Ok(());
    }
    let owners: HashMap<_, _> = store::owners(&app.db)
        .await?
        .into_iter()
        .map(|uid| (folder(&uid), uid))
        .collect();
    let mut count = 0;
    for (name, path) in folders {
        let known = match owners.get(&name) {
            Some(uid) => store::ids(&app.db, uid).await?.into_iter().collect(),
            None => HashSet::new(),
        };
        count += in_background(move || remove_unknown(&path, &known)).await?;
    }
    if count > 0 {
        tracing::info!(count, "files of sound that nobody knew were removed");
    }
    Ok(())
}

/// Folders that a user may have, by name.
fn folders(root: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.parse::<Uuid>().is_ok() && entry.file_type()?.is_dir() {
            found.push((name, entry.path()));
        }
    }
    Ok(found)
}

/// How many were removed. An empty folder goes, too.
fn remove_unknown(path: &Path, known: &HashSet<Uuid>) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let id = name.strip_suffix(".opus").and_then(|id| id.parse().ok());
        if id.is_some_and(|id| known.contains(&id)) {
            continue;
        }
        let changed = entry.metadata()?.modified()?;
        let old = SystemTime::now()
            .duration_since(changed)
            .is_ok_and(|age| age > YOUNG);
        if old && (id.is_some() || name.ends_with(".new")) {
            fs::remove_file(entry.path())?;
            count += 1;
        }
    }
    if known.is_empty() {
        // Fails unless it is empty.
        let _ = fs::remove_dir(path);
    }
    Ok(count)
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    Ok(disk::in_background("stored sound cannot be used", work).await?)
}
