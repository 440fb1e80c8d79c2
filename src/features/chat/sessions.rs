//! Sessions: talks side by side, as the desktop app has them. It answers by itself and keeps here what was said.

use uuid::Uuid;

use super::{Message, Sender, Session, Thread, files, greeting, store};
use crate::{
    app::{App, Handles},
    error::{Error, Result},
    features::{credentials::Caller, lenient},
    platform::{clock, database::Db, ids},
};

const LONGEST_TITLE: usize = 500;
/// Longest message that is kept, and what a client may keep beside it, in characters.
const LONGEST_TEXT: usize = 100_000;
const LONGEST_METADATA: usize = 100_000;
/// Messages that a greeting follows on.
const HISTORY: i64 = 5;
const UNTITLED: &str = "New Chat";
const ABSENT: Error = Error::NotFound("Chat session");

#[derive(Clone, Debug, Default)]
pub struct NewSession {
    pub title: Option<String>,
    pub thread: Thread,
}

/// Which sessions.
#[derive(Clone, Debug, Default)]
pub struct SessionFilter {
    pub thread: Thread,
    pub starred: Option<bool>,
    pub limit: i64,
    pub offset: i64,
}

/// What is None stays.
#[derive(Clone, Debug, Default)]
pub struct SessionChanges {
    pub title: Option<String>,
    pub starred: Option<bool>,
}

/// A message that a client keeps.
#[derive(Clone, Debug)]
pub struct Said {
    pub text: String,
    pub sender: Sender,
    pub metadata: Option<String>,
}

/// Opens a session under a new id.
pub async fn open_session(db: &Db, caller: &Caller, id: Uuid, new: &NewSession) -> Result<Session> {
    let title = new.title.as_deref().unwrap_or(UNTITLED);
    lenient::at_most("title", title, LONGEST_TITLE)?;
    let of = (new.thread.0.as_str(), title);
    store::sessions::open(db, &caller.uid, id, of, clock::now()).await?;
    session(db, caller, id).await
}

/// Opened ones and that of the thread, the one changed last first.
pub async fn sessions(db: &Db, caller: &Caller, filter: &SessionFilter) -> Result<Vec<Session>> {
    Ok(store::sessions::list(db, &caller.uid, filter).await?)
}

pub async fn session(db: &Db, caller: &Caller, id: Uuid) -> Result<Session> {
    let found = store::sessions::get(db, &caller.uid, id).await?;
    found.ok_or(ABSENT)
}

pub async fn change_session(
    db: &Db,
    caller: &Caller,
    id: Uuid,
    changes: &SessionChanges,
) -> Result<Session> {
    let title = changes.title.as_deref();
    lenient::at_most("title", title.unwrap_or_default(), LONGEST_TITLE)?;
    let to = (title, changes.starred);
    if !store::sessions::change(db, &caller.uid, id, to, clock::now()).await? {
        return Err(ABSENT);
    }
    session(db, caller, id).await
}

/// Removes a session with its messages and their files. One that there is not is no mistake.
pub async fn delete_session(app: &App, caller: &Caller, id: Uuid) -> Result<()> {
    let mut tx = app.db.begin().await?;
    store::files::give_up_of_session(&mut tx, &caller.uid, id).await?;
    store::sessions::delete(&mut tx, &caller.uid, id).await?;
    tx.commit().await?;
    files::take_away_soon(app, &caller.uid).await;
    Ok(())
}

/// Keeps a message under a new id: in a session, or in that of a thread, which then begins. `session`: Some(None) is the id
/// of none.
pub async fn say(
    db: &Db,
    caller: &Caller,
    id: Uuid,
    session: Option<Option<Uuid>>,
    thread: &Thread,
    said: &Said,
) -> Result<Message> {
    if said.text.is_empty() {
        return Err(Error::invalid("text", "text cannot be empty"));
    }
    lenient::at_most("text", &said.text, LONGEST_TEXT)?;
    let metadata = said.metadata.as_deref();
    lenient::at_most("metadata", metadata.unwrap_or_default(), LONGEST_METADATA)?;
    let uid = &caller.uid;
    let new = store::sessions::Said {
        id,
        sender: said.sender,
        text: &said.text,
        metadata,
        now: clock::now(),
    };
    let mut tx = db.begin().await?;
    let session = match session {
        Some(session) => session,
        None => {
            store::lock_threads(&mut tx, uid).await?;
            store::begin_session(&mut tx, uid, &thread.0, ids::new(), new.now).await?;
            store::sessions::of_thread(&mut *tx, uid, &thread.0).await?
        }
    };
    let session = session.ok_or(ABSENT)?;
    if !store::sessions::say(&mut *tx, uid, session, &new).await? {
        return Err(ABSENT);
    }
    let kept = store::of_ids(&mut *tx, uid, &[id]).await?.pop();
    tx.commit().await?;
    kept.ok_or_else(|| anyhow::anyhow!("a message was not kept").into())
}

/// What was said in a session, or in a thread, newest first; reported ones too. `page`: limit, offset.
pub async fn said(
    app: &Handles,
    caller: &Caller,
    session: Option<Option<Uuid>>,
    thread: &Thread,
    page: (i64, i64),
) -> Result<Vec<Message>> {
    let uid = &caller.uid;
    let messages = match session {
        // Of no session nothing was said.
        Some(None) => return Ok(Vec::new()),
        Some(Some(session)) => store::sessions::messages(&app.db, uid, session, page).await?,
        None => store::newest(&app.db, uid, &thread.0, page).await?,
    };
    super::joined(app, &caller.uid, messages).await
}

/// Removes the messages of a session, or of a thread, which stays; gives how many there were.
pub async fn delete_messages(
    app: &App,
    caller: &Caller,
    session: Option<Option<Uuid>>,
    thread: &Thread,
) -> Result<u64> {
    let uid = &caller.uid;
    let mut tx = app.db.begin().await?;
    let count = match session {
        Some(None) => 0,
        Some(Some(session)) => {
            store::files::give_up_of_session(&mut tx, uid, session).await?;
            store::sessions::delete_messages(&mut tx, uid, session).await?
        }
        None => {
            // An answer that comes meanwhile sees that its question is gone.
            store::lock_threads(&mut tx, uid).await?;
            store::files::give_up_of_thread(&mut tx, uid, &thread.0).await?;
            store::sessions::delete_of_thread(&mut tx, uid, &thread.0).await?
        }
    };
    tx.commit().await?;
    files::take_away_soon(app, uid).await;
    Ok(count)
}

/// Notes how the user liked an answer; None takes it back.
pub async fn rate_said(db: &Db, caller: &Caller, id: Uuid, rating: Option<i64>) -> Result<()> {
    let rating = match rating {
        None => None,
        Some(1) => Some(1),
        Some(-1) => Some(-1),
        Some(0) => return Err(Error::BadRequest("rating must be 1, -1 or null".into())),
        Some(_) => {
            return Err(Error::invalid("rating", "rating must be 1, -1 or null"));
        }
    };
    if !store::rate(db, &caller.uid, id, rating).await? {
        return Err(Error::NotFound("Message"));
    }
    Ok(())
}

/// Adds a greeting to a session, following on what was said there last.
pub async fn greet_session(
    app: &Handles,
    caller: &Caller,
    session: Option<Uuid>,
) -> Result<Message> {
    let uid = &caller.uid;
    let id = session.ok_or(ABSENT)?;
    self::session(&app.db, caller, id).await?;
    let mut earlier = store::sessions::messages(&app.db, uid, id, (HISTORY, 0)).await?;
    earlier.retain(|message| !message.reported);
    earlier.reverse();
    let text = greeting::greeting(app, caller, &earlier).await?;
    let said = Said {
        text,
        sender: Sender::Ai,
        metadata: None,
    };
    let nowhere = Thread::default();
    say(&app.db, caller, ids::new(), Some(Some(id)), &nowhere, &said).await
}
