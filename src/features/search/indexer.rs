//! Keeps the index up to date: words at once, vectors as fast as they can be computed.

use std::time::{Duration, Instant};

use super::{
    embedder,
    store::{self, Made, Waiting},
    vectors,
};
use crate::{
    app::Handles,
    error::Result,
    platform::{
        database::Db,
        embeddings::{EmbedError, Embedder},
    },
};

/// Marks that are taken in one transaction.
const BATCH: i64 = 500;
/// Marks, the newest, that are taken in before a question is answered while more wait than that can be waited for.
const NEWEST: i64 = 200;
/// Marks that are looked at for users to take care of.
const LOOK: i64 = 5000;
/// Items whose vectors are asked for at once.
const VECTORS: i64 = 32;
/// How long an idle indexer waits, unless an event wakes it.
const PAUSE: Duration = Duration::from_secs(1);
/// How long changes gather, so that a busy user's are taken in together. Who searches does not wait for it.
const GATHER: Duration = Duration::from_secs(2);
/// How many times longer than it works the indexer rests, so that a backlog leaves the database to those who wait for it.
const REST: u32 = 4;
/// Before vectors are tried again that could not be made for now, and that will not be made before the operator did something.
const RETRY: Duration = Duration::from_secs(10);
const RETRY_LATER: Duration = Duration::from_secs(600);
/// How often vectors of other models are looked for, which takes a look at all vectors of all users.
const LOOK_FOR_OLD: Duration = Duration::from_secs(3600);
/// Vectors that are taken away at once.
const OLD: i64 = 5000;

/// Indexes until the task is dropped. What was taken in when it is, or when the process is killed, is taken in again.
pub async fn run_forever(app: crate::app::App) {
    tokio::join!(words_forever(&app), vectors_forever(&app));
}

async fn words_forever(app: &Handles) {
    let mut events = app.outbox.listen();
    loop {
        match index_all(&app.db).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "the search index falls behind; it is tried again")
            }
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            // Too far behind to be told each is news too.
            _ = events.recv() => tokio::time::sleep(GATHER).await,
        }
        events = events.resubscribe();
    }
}

/// One round. True: there is more.
async fn index_all(db: &Db) -> Result<bool> {
    let mut more = false;
    for uid in store::users_waiting(db, LOOK).await? {
        let started = Instant::now();
        more |= index_batch(db, &uid, false, BATCH).await?;
        tokio::time::sleep(started.elapsed() * REST).await;
    }
    Ok(more)
}

/// Takes in some changes of one user. True: there are more. Without `wait` somebody else may be left to it.
async fn index_batch(db: &Db, uid: &str, wait: bool, most: i64) -> Result<bool> {
    let mut tx = db.begin().await?;
    if !store::lock(&mut tx, uid, wait).await? {
        return Ok(false);
    }
    let marks = store::take(&mut tx, uid, most).await?;
    if marks.ids.is_empty() {
        return Ok(false);
    }
    store::index(&mut tx, uid, &marks).await?;
    tx.commit().await?;
    Ok(marks.ids.len() as i64 == most)
}

/// Takes in what has changed until now. Of more than `most` changes the newest are taken in, so that what was just made is
/// found; the others are left to the background.
pub async fn catch_up(db: &Db, uid: &str, most: i64) -> Result<()> {
    let waiting = store::waiting(db, uid, most + 1).await?;
    if waiting == 0 {
        return Ok(());
    }
    if waiting > most {
        index_batch(db, uid, true, NEWEST).await?;
        return Ok(());
    }
    while index_batch(db, uid, true, BATCH).await? {}
    Ok(())
}

async fn vectors_forever(app: &Handles) {
    let Some(embedder) = embedder(app) else {
        return;
    };
    let model = embedder.model_id().to_string();
    let mut looked_for_old: Option<Instant> = None;
    // Whose items were taken last: each user has a turn.
    let mut last = String::new();
    loop {
        let made = async {
            if looked_for_old.is_none_or(|at| at.elapsed() > LOOK_FOR_OLD)
                && store::outdate(&app.db, &model, looked_for_old.is_none(), OLD).await? == 0
            {
                looked_for_old = Some(Instant::now());
            }
            let waiting = store::claim(&app.db, &last, VECTORS).await?;
            // Behind the last user the first one comes again.
            let more = !waiting.is_empty() || !last.is_empty();
            last = waiting
                .first()
                .map(|item| item.uid.clone())
                .unwrap_or_default();
            match make(embedder, waiting).await {
                Ok(made) => store::keep(&app.db, &model, made).await?,
                Err(error) => return Ok(Err(error)),
            }
            Ok::<_, crate::error::Error>(Ok(more))
        };
        let pause = match made.await {
            Ok(Ok(true)) => continue,
            Ok(Ok(false)) => PAUSE,
            // The embedder has said so.
            Ok(Err(error)) if !error.is_temporary() => RETRY_LATER,
            Ok(Err(error)) => {
                tracing::warn!(%error, "vectors could not be made; they are tried again");
                RETRY
            }
            Err(error) => {
                tracing::warn!(%error, "vectors could not be kept; they are made again");
                RETRY
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// One text that cannot be embedded does not keep the others from it: it gets an empty vector.
async fn embed(embedder: &Embedder, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
    let refused = match embedder.embed(texts.clone()).await {
        Err(error) if !error.is_temporary() && texts.len() > 1 => error,
        result => return result,
    };
    let mut vectors = Vec::with_capacity(texts.len());
    for text in texts {
        match embedder.embed(vec![text]).await {
            Ok(made) => vectors.extend(made),
            Err(error) if error.is_temporary() => return Err(error),
            Err(_) => vectors.push(Vec::new()),
        }
    }
    if vectors.iter().all(Vec::is_empty) {
        return Err(refused);
    }
    Ok(vectors)
}

async fn make(embedder: &Embedder, waiting: Vec<Waiting>) -> Result<Vec<Made>, EmbedError> {
    let (full, empty): (Vec<_>, Vec<_>) = waiting
        .into_iter()
        .partition(|item| !(item.text.trim().is_empty() && item.title.trim().is_empty()));
    let texts: Vec<_> = full.iter().map(meaning).collect();
    let vectors = if texts.is_empty() {
        Vec::new()
    } else {
        embed(embedder, texts).await?
    };
    let made = full
        .into_iter()
        .zip(vectors)
        .map(|(item, vector)| (item, vectors::stored(&vector).unwrap_or_default()));
    Ok(made
        .chain(empty.into_iter().map(|item| (item, Vec::new())))
        .map(|(item, vector)| Made {
            uid: item.uid,
            kind: item.kind,
            id: item.id,
            changed_at: item.changed_at,
            vector,
        })
        .collect())
}

/// What is embedded of an item. "Yes, on Friday" means little without what was said before it.
fn meaning(item: &Waiting) -> String {
    match item.kind.as_str() {
        "segment" => {
            let mut lines: Vec<&str> = Vec::new();
            lines.extend(item.before.iter().map(String::as_str));
            lines.push(&item.text);
            lines.join("\n")
        }
        "conversation" => format!("{}\n{}", item.title, item.text),
        _ => item.text.clone(),
    }
}
