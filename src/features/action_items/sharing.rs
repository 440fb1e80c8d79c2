//! Action items that a user offers to others by a link.

use chrono::TimeDelta;
use uuid::Uuid;

use super::{Shared, store};
use crate::{
    error::{Error, Result},
    features::{accounts, credentials::Caller},
    platform::{clock, database::Db, ids, secrets},
};

/// Most items of one link.
const MOST_SHARED: usize = 20;
/// How long a link leads somewhere.
const LIFE: TimeDelta = TimeDelta::days(30);

/// "Share link expired or not found".
const EXPIRED: Error = Error::NotFound("Share link expired or");

/// Offers the caller's items to whoever has the token; that of the link, 32 hex digits.
pub async fn share(db: &Db, caller: &Caller, wanted: &[String]) -> Result<String> {
    if !(1..=MOST_SHARED).contains(&wanted.len()) {
        return Err(Error::invalid(
            "task_ids",
            format!("task_ids must hold 1 to {MOST_SHARED}"),
        ));
    }
    let ids: Vec<Option<Uuid>> = wanted.iter().map(|id| id.parse().ok()).collect();
    let known: Vec<Uuid> = ids.iter().copied().flatten().collect();
    let items = store::of_ids(db, &caller.uid, &known).await?;
    for (text, id) in wanted.iter().zip(ids) {
        if !items.iter().any(|item| Some(item.id) == id) {
            let told: String = text.chars().take(100).collect();
            return Err(Error::Absent(format!("Action item {told}")));
        }
    }
    let profile = accounts::profile(db, &caller.uid).await?;
    let name = profile.name.split_whitespace().next().unwrap_or("Someone");
    let token = secrets::random_hex(16);
    let now = clock::now();
    let mut tx = db.begin().await?;
    store::forget_expired(&mut tx, &caller.uid, now).await?;
    store::insert_share(&mut tx, &caller.uid, &token, name, &known, now, now + LIFE).await?;
    tx.commit().await?;
    Ok(token)
}

/// What is offered under a token, to anybody. Items that are gone are left out.
pub async fn shared(db: &Db, token: &str) -> Result<Shared> {
    let share = find(db, token).await?;
    let tasks = store::shared_tasks(db, &share.uid, &share.item_ids).await?;
    Ok(Shared {
        sender_name: share.sender_name,
        count: tasks.len(),
        tasks,
    })
}

/// Gives the caller copies of what another user shared, once; their ids.
pub async fn accept(db: &Db, caller: &Caller, token: &str) -> Result<Vec<Uuid>> {
    let share = find(db, token).await?;
    if *share.uid == *caller.uid {
        return Err(Error::BadRequest(
            "Cannot accept your own shared tasks".into(),
        ));
    }
    let tasks = store::shared_tasks(db, &share.uid, &share.item_ids).await?;
    if tasks.is_empty() {
        return Err(EXPIRED);
    }
    let now = clock::now();
    let copies: Vec<_> = tasks.into_iter().map(|task| (ids::new(), task)).collect();
    let mut tx = db.begin().await?;
    if !store::note_accepted(&mut tx, &caller.uid, token, now).await? {
        return Err(Error::Conflict(
            "You have already accepted this share".into(),
        ));
    }
    store::insert_copies(&mut tx, &caller.uid, token, &share, &copies, now).await?;
    tx.commit().await?;
    Ok(copies.into_iter().map(|(id, _)| id).collect())
}

async fn find(db: &Db, token: &str) -> Result<store::Share> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if token.len() != 32 || !digits(token) {
        return Err(EXPIRED);
    }
    let Some(uid) = store::sharer(db, token).await? else {
        return Err(EXPIRED);
    };
    store::share(db, &uid, token, clock::now())
        .await?
        .ok_or(EXPIRED)
}
