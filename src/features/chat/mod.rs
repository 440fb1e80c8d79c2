//! Chat: questions about what was heard, answered from it. Nothing that was said, and no answer of a language model,
//! decides what is done: all this room ever writes is messages and their sessions.

mod answer;
mod basket;
mod citations;
mod due;
mod files;
mod gather;
mod greeting;
mod lines;
mod model;
mod period;
mod prompt;
mod quotes;
mod reading;
mod sessions;
mod sharing;
mod small;
mod sought;
mod store;
mod titles;
mod wanted;

pub use files::{Upload, erase_files, folder_of, run_forever, thumbnail};
pub use model::{
    Answered, Cited, CitedStructured, Context, ContextKind, Event, File, Message, Sender, Session,
    SharedChat, SharedMessage,
};
pub use sessions::{
    NewSession, Said, SessionChanges, SessionFilter, change_session, delete_messages,
    delete_session, greet_session, open_session, rate_said, said, say, session, sessions,
};
pub use sharing::{share, shared};
pub use titles::{Line, title};

use std::{collections::HashMap, sync::Arc};

use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::{
    app::{App, Handles},
    error::{Error, Result},
    features::{apps, conversations, credentials::Caller, lenient, uploads::Clip},
    platform::{clock, database::Db, ids},
};
use answer::{Question, Told};

/// Longest question, in characters.
pub const MAXIMUM_TEXT: usize = 20_000;
/// Longest id of an app, in characters; one need not exist.
const MAXIMUM_APP_ID: usize = 200;
/// Most messages of a thread that are shown.
const MOST_SHOWN: i64 = 100;
/// Messages of a thread that a question stands at the end of.
const HISTORY: i64 = 10;
/// Messages that a greeting follows on.
const HISTORY_OF_GREETING: i64 = 5;
/// Conversations that a message cites at most.
const MOST_CITED: usize = 5;

const APOLOGY: &str = "Sorry, something went wrong on the server. Please ask again in a moment.";

/// Which thread: that of an app, or the one of none. `null` and nothing name none.
#[derive(Clone, Debug, Default)]
pub struct Thread(String);

impl Thread {
    /// As a query names it.
    pub fn of_app(app_id: Option<&str>) -> Result<Self> {
        Self::read(app_id).map_err(|why| Error::invalid_parameter("app_id", why))
    }

    /// As a body names it.
    pub fn of_app_in_body(app_id: Option<&str>) -> Result<Self> {
        Self::read(app_id).map_err(|why| Error::invalid("app_id", why))
    }

    fn read(app_id: Option<&str>) -> Result<Self, String> {
        let id = match app_id.unwrap_or_default().trim() {
            "null" => "",
            id => id,
        };
        if id.chars().count() > MAXIMUM_APP_ID {
            return Err(format!(
                "app_id must have at most {MAXIMUM_APP_ID} characters"
            ));
        }
        if id.contains('\0') {
            return Err("app_id must not hold U+0000".into());
        }
        Ok(Self(id.into()))
    }

    /// Whether there is such an app: a thread of none is not begun by a greeting.
    async fn may_begin(&self, db: &Db, uid: &str) -> Result<bool> {
        if self.0.is_empty() {
            return Ok(true);
        }
        let Ok(app_id) = self.0.parse() else {
            return Ok(false);
        };
        match apps::access(db, app_id, Some(uid)).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The thread that an answer goes to: where the user has no such app, the one of none.
    async fn answering(&self, db: &Db, uid: &str) -> Result<Self> {
        let Ok(app_id) = self.0.parse() else {
            return Ok(Self::default());
        };
        match apps::access(db, app_id, Some(uid)).await {
            Ok(access) if access.enabled() => Ok(self.clone()),
            Ok(_) | Err(Error::NotFound(_)) => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub text: String,
    /// Files that go with it. Those that are not there, or went with another message, do not count.
    pub files: Vec<Uuid>,
    pub context: Option<Context>,
}

/// A question as it was kept, and what happens while it is answered.
pub struct Answering {
    pub asked: Message,
    pub events: BoxStream<'static, Event>,
}

/// Keeps a question and answers it. The answer is kept when it is whole; dropping the events ends it, and then it is not.
pub async fn ask(app: &App, caller: &Caller, thread: Thread, asked: Asked) -> Result<Answering> {
    let uid = &caller.uid;
    let text = lenient::text("text", &asked.text, MAXIMUM_TEXT)?;
    let answering = thread.answering(&app.db, uid).await?;
    let new = store::NewMessage {
        id: ids::new(),
        thread: &thread.0,
        sender: Sender::Human,
        text: &text,
        cited: &[],
        now: clock::now(),
    };
    let mut kept = if asked.files.is_empty() {
        store::insert(&app.db, uid, &new).await?
    } else {
        with_attached(app, uid, &new, &asked.files).await?
    };
    let mut earlier = store::newest(&app.db, uid, &thread.0, (HISTORY, 0)).await?;
    earlier.retain(|message| message.id != kept.id && !message.reported);
    earlier.reverse();
    let stored = files::join(app, uid, std::slice::from_mut(&mut kept)).await?;
    let files = match stored.is_empty() && wanted::means_a_file(&text) {
        true => files::newest_of(app, uid, &earlier).await?,
        false => stored,
    };
    let question = Question {
        text,
        earlier,
        files,
        context: asked.context,
    };
    let events = answer_in_steps(app, caller, (answering, kept.id), question);
    Ok(Answering {
        asked: kept,
        events,
    })
}

/// Has what is said in the first file of a clip written down, and asks it. None: nothing was said.
pub async fn ask_aloud(
    app: &App,
    caller: &Caller,
    mut clip: Clip,
    language: Option<&str>,
) -> Result<Option<Answering>> {
    clip.only_first();
    let written = clip.transcribe(app, caller, language).await?;
    let text: String = written.text.chars().take(MAXIMUM_TEXT).collect();
    if text.trim().is_empty() {
        return Ok(None);
    }
    let asked = Asked {
        text,
        ..Asked::default()
    };
    ask(app, caller, Thread::default(), asked).await.map(Some)
}

/// Keeps a question with its files, if any are there: then in the session of its thread.
async fn with_attached(
    app: &App,
    uid: &str,
    new: &store::NewMessage<'_>,
    files: &[Uuid],
) -> Result<Message> {
    let mut wanted: Vec<Uuid> = Vec::new();
    for id in files {
        if !wanted.contains(id) && wanted.len() < app.config.chat.files_at_once {
            wanted.push(*id);
        }
    }
    let mut tx = app.db.begin().await?;
    store::lock_threads(&mut tx, uid).await?;
    if store::files::attach(&mut tx, uid, new.id, &wanted).await? {
        store::begin_session(&mut tx, uid, new.thread, ids::new(), new.now).await?;
    }
    let message = store::insert(&mut *tx, uid, new).await?;
    tx.commit().await?;
    Ok(message)
}

fn answer_in_steps(
    app: &App,
    caller: &Caller,
    answering: (Thread, Uuid),
    question: Question,
) -> BoxStream<'static, Event> {
    let (told, mut heard) = mpsc::channel(1);
    let work = reply(
        app.clone(),
        caller.clone(),
        answering,
        question,
        Told::new(told),
    );
    let events = stream::poll_fn(move |context| heard.poll_recv(context));
    // On the same stream, so that whoever drops it ends the work at once, wherever it waits.
    let work = stream::once(work).filter_map(async |()| None);
    stream::select(events, work).boxed()
}

async fn reply(
    app: App,
    caller: Caller,
    (thread, asked): (Thread, Uuid),
    question: Question,
    mut told: Told,
) {
    let answered = answer::answer(&app, &caller, &question, &mut told).await;
    let (text, cited) = match answered {
        Ok(answer) => (answer.text, answer.cited),
        // It is kept, so that no question stands without an answer.
        Err(error) => {
            tracing::error!(error = %error, "a question could not be answered");
            told.words(APOLOGY.into()).await;
            (APOLOGY.into(), Vec::new())
        }
    };
    let message = match keep(&app.db, &caller.uid, (&thread, asked), &text, &cited).await {
        Ok(message) => message,
        // It was read already: better a message that is gone the next time than none.
        Err(error) => {
            tracing::error!(error = %error, "an answer could not be kept");
            unkept(&thread, &text)
        }
    };
    told.done(message).await;
}

/// Stores an answer with those of the conversations that there are, unless its question was forgotten meanwhile.
async fn keep(
    db: &Db,
    uid: &str,
    (thread, asked): (&Thread, Uuid),
    text: &str,
    cited: &[Uuid],
) -> Result<Message> {
    let headings = conversations::headings(db, uid, cited).await?;
    let cited: Vec<_> = cited
        .iter()
        .filter(|id| headings.iter().any(|heading| heading.id == **id))
        .take(MOST_CITED)
        .copied()
        .collect();
    let new = store::NewMessage {
        id: ids::new(),
        thread: &thread.0,
        sender: Sender::Ai,
        text,
        cited: &cited,
        now: clock::now(),
    };
    let mut tx = db.begin().await?;
    store::lock_threads(&mut tx, uid).await?;
    if store::of_ids(&mut *tx, uid, &[asked]).await?.is_empty() {
        return Ok(unkept(thread, text));
    }
    let mut message = store::insert(&mut *tx, uid, &new).await?;
    tx.commit().await?;
    message.memories = cited
        .iter()
        .filter_map(|id| headings.iter().find(|heading| heading.id == *id))
        .map(Cited::from)
        .collect();
    Ok(message)
}

/// A message of the server that is in no thread.
fn unkept(thread: &Thread, text: &str) -> Message {
    let app_id = (!thread.0.is_empty()).then(|| thread.0.clone());
    Message {
        id: ids::new(),
        text: text.into(),
        created_at: clock::now(),
        sender: Sender::Ai,
        plugin_id: app_id.clone(),
        app_id,
        from_external_integration: false,
        kind: "text".into(),
        memories_id: Vec::new(),
        memories: Vec::new(),
        reported: false,
        report_reason: None,
        files_id: Vec::new(),
        files: Vec::new(),
        chat_session_id: None,
        data_protection_level: None,
        langsmith_run_id: None,
        prompt_name: None,
        prompt_commit: None,
        rating: None,
        chart_data: None,
        metadata: None,
    }
}

/// The newest messages of a thread, newest first, at most 100; reported ones are left out. A thread without messages
/// begins with a greeting.
pub async fn history(app: &App, caller: &Caller, thread: &Thread) -> Result<Vec<Message>> {
    let uid = &caller.uid;
    let mut messages = store::newest(&app.db, uid, &thread.0, (MOST_SHOWN, 0)).await?;
    if messages.is_empty() {
        let text = greeting::counted(app, caller).await?;
        if !thread.may_begin(&app.db, uid).await? {
            return Ok(vec![unkept(thread, &text)]);
        }
        let mut tx = app.db.begin().await?;
        store::lock_threads(&mut tx, uid).await?;
        if store::is_empty(&mut tx, uid, &thread.0).await? {
            messages.push(begin(&mut tx, uid, thread, &text).await?);
            tx.commit().await?;
        } else {
            // Somebody else was faster.
            messages = store::newest(&mut *tx, uid, &thread.0, (MOST_SHOWN, 0)).await?;
        }
    }
    messages.retain(|message| !message.reported);
    joined(app, uid, messages).await
}

/// Forgets a thread and begins it anew, with a greeting.
pub async fn clear(app: &App, caller: &Caller, thread: &Thread) -> Result<Message> {
    let text = greeting::counted(app, caller).await?;
    let begins = thread.may_begin(&app.db, &caller.uid).await?;
    let mut tx = app.db.begin().await?;
    store::lock_threads(&mut tx, &caller.uid).await?;
    store::files::give_up_of_thread(&mut tx, &caller.uid, &thread.0).await?;
    store::clear(&mut tx, &caller.uid, &thread.0).await?;
    let message = match begins {
        true => begin(&mut tx, &caller.uid, thread, &text).await?,
        false => unkept(thread, &text),
    };
    tx.commit().await?;
    files::take_away_soon(app, &caller.uid).await;
    Ok(message)
}

/// A page of all messages of the caller, of all threads and sessions, oldest first, with their files.
pub async fn page(app: &Handles, caller: &Caller, limit: i64, offset: i64) -> Result<Vec<Message>> {
    let mut messages = store::page(&app.db, &caller.uid, limit, offset).await?;
    files::join(app, &caller.uid, &mut messages).await?;
    Ok(messages)
}

/// How many messages the caller has, of all threads and sessions.
pub async fn count(db: &Db, caller: &Caller) -> Result<i64> {
    Ok(store::count(db, &caller.uid).await?)
}

/// Notes how the user liked an answer; None takes it back. Nothing happens where there is no such answer.
pub async fn rate(db: &Db, caller: &Caller, id: Uuid, rating: Option<i16>) -> Result<()> {
    store::rate(db, &caller.uid, id, rating).await?;
    Ok(())
}

/// Notes that an answer is not to be shown again.
pub async fn report(db: &Db, caller: &Caller, id: Uuid) -> Result<()> {
    let refuse = |why: &str| Err(Error::BadRequest(why.into()));
    match store::report(db, &caller.uid, id).await? {
        None => Err(Error::NotFound("Message")),
        Some((Sender::Human, _)) => refuse("Only AI messages can be reported"),
        Some((Sender::Ai, true)) => refuse("Message already reported"),
        Some((Sender::Ai, false)) => Ok(()),
    }
}

/// Adds a greeting that follows on what was said last.
pub async fn greet(app: &App, caller: &Caller, thread: &Thread) -> Result<Message> {
    let uid = &caller.uid;
    let mut earlier = store::newest(&app.db, uid, &thread.0, (HISTORY_OF_GREETING, 0)).await?;
    let begins = !earlier.is_empty() || thread.may_begin(&app.db, uid).await?;
    earlier.retain(|message| !message.reported);
    earlier.reverse();
    let text = greeting::greeting(app, caller, &earlier).await?;
    if !begins {
        return Ok(unkept(thread, &text));
    }
    let mut tx = app.db.begin().await?;
    store::lock_threads(&mut tx, uid).await?;
    let message = begin(&mut tx, uid, thread, &text).await?;
    tx.commit().await?;
    Ok(message)
}

/// A greeting, in the session of its thread.
async fn begin(
    tx: &mut sqlx::PgConnection,
    uid: &Arc<str>,
    thread: &Thread,
    text: &str,
) -> Result<Message> {
    let now = clock::now();
    store::begin_session(tx, uid, &thread.0, ids::new(), now).await?;
    let new = store::NewMessage {
        id: ids::new(),
        thread: &thread.0,
        sender: Sender::Ai,
        text,
        cited: &[],
        now,
    };
    Ok(store::insert(tx, uid, &new).await?)
}

/// Messages with their files and the conversations that they cite.
async fn joined(app: &Handles, uid: &str, mut messages: Vec<Message>) -> Result<Vec<Message>> {
    files::join(app, uid, &mut messages).await?;
    with_cited(&app.db, uid, messages).await
}

async fn with_cited(db: &Db, uid: &str, mut messages: Vec<Message>) -> Result<Vec<Message>> {
    let ids: Vec<_> = messages
        .iter()
        .flat_map(|message| message.memories_id.iter().copied())
        .collect();
    if ids.is_empty() {
        return Ok(messages);
    }
    let headings = conversations::headings(db, uid, &ids).await?;
    let headings: HashMap<_, _> = headings
        .iter()
        .map(|heading| (heading.id, heading))
        .collect();
    for message in &mut messages {
        message.memories = message
            .memories_id
            .iter()
            .filter_map(|id| headings.get(id))
            .map(|heading| Cited::from(*heading))
            .collect();
    }
    Ok(messages)
}
