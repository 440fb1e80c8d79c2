//! Files that go with questions: below `files/` in the data directory, a folder a user, a file and perhaps a small picture of
//! it each. Nobody gets back the file itself, only that picture.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{File, Message, store};
use crate::{
    app::{App, Handles},
    error::{Error, Result},
    features::credentials::Caller,
    platform::{
        clock,
        disk::{self, Intake},
        ids,
        pictures::Picture,
        secrets,
    },
};

/// Longest name that is kept, in characters.
const LONGEST_NAME: usize = 255;
/// Pixels of a small picture, each side.
const SMALL: u32 = 128;
/// Bytes by which a text is told from something else.
const PROBE: usize = 64 * 1024;
/// Files of earlier messages that a question may mean.
const MOST_MEANT: usize = 3;
/// How long a file waits to go with a message.
const WAIT: TimeDelta = TimeDelta::days(1);
const SWEEP: Duration = Duration::from_secs(600);
const BATCH: i64 = 500;
pub const WRONG: &str = "a file of a chat cannot be stored";
/// A large picture takes much memory while it is made small.
static DRAWING: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(1)));

/// Works on pictures beside everything else, for one request at a time.
pub async fn draw<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    // The thread holds it: nobody may wait for the outcome any more.
    let turn = DRAWING.clone().acquire_owned().await?;
    let work = move || {
        let _turn = turn;
        work()
    };
    disk::in_background(WRONG, work).await
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Picture,
    Text,
    Other,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Picture => "picture",
            Self::Text => "text",
            Self::Other => "other",
        }
    }
}

/// One that came in.
#[derive(Clone, Debug)]
pub struct Came {
    pub id: Uuid,
    pub name: String,
    pub mime_type: String,
    pub kind: Kind,
    pub bytes: i64,
    pub token: String,
}

/// One that is kept.
#[derive(Clone, Debug)]
pub struct Stored {
    pub id: Uuid,
    pub message_id: Option<Uuid>,
    pub name: String,
    pub mime_type: String,
    /// That of a [`Kind`].
    pub kind: String,
    pub token: String,
    pub description: Option<String>,
    pub created_at: DateTime<Utc>,
}

impl Stored {
    pub fn is(&self, kind: Kind) -> bool {
        self.kind == kind.name()
    }

    fn shown(&self, app: &Handles) -> File {
        let thumbnail = match self.is(Kind::Picture) {
            true => format!("{}/v2/files/thumbnails/{}", app.public_url, self.token),
            false => String::new(),
        };
        File {
            id: self.id,
            name: self.name.clone(),
            thumbnail,
            mime_type: self.mime_type.clone(),
            openai_file_id: self.id,
            created_at: self.created_at,
            thumb_name: "",
        }
    }
}

/// Files that come in, one after the other. What was taken so far is gone when it is dropped.
pub struct Upload {
    uid: Arc<str>,
    intake: Intake,
    /// Name and content type, as the client says.
    files: Vec<(String, Option<String>)>,
    most_files: usize,
    /// Why no more bytes may come.
    full: String,
}

impl Upload {
    pub async fn begin(app: &Handles, caller: &Caller) -> Result<Self> {
        let settings = &app.config.chat;
        let at_once = settings.upload_megabytes * 1_000_000;
        let room = settings.user_megabytes.saturating_mul(1_000_000);
        let used = store::files::bytes(&app.db, &caller.uid).await?;
        let left = room.saturating_sub(u64::try_from(used).unwrap_or(0));
        let full = if left < at_once {
            format!(
                "files: all of yours together may have {} MB; clear a chat to make room",
                settings.user_megabytes
            )
        } else {
            format!(
                "files: at most {} MB may come at once; send fewer or smaller files",
                settings.upload_megabytes
            )
        };
        let folder = app.uploads_dir().join(ids::new().to_string());
        Ok(Self {
            uid: caller.uid.clone(),
            intake: Intake::begin(folder, left.min(at_once))
                .await
                .map_err(broken)?,
            files: Vec::new(),
            most_files: settings.files_at_once,
            full,
        })
    }

    /// What is written from now on is of the file with that name.
    pub async fn file(&mut self, name: &str, mime_type: Option<&str>) -> Result<()> {
        if self.files.len() >= self.most_files {
            let text = format!("files: at most {} may come at once", self.most_files);
            return Err(Error::TooLarge(text));
        }
        let number = self.files.len().to_string();
        self.files
            .push((named(name), mime_type.map(str::to_string)));
        Ok(self.intake.file(&number).await.map_err(broken)?)
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.intake.write(bytes).await.map_err(broken)? {
            return Ok(());
        }
        Err(Error::TooLarge(self.full.clone()))
    }

    /// Keeps all of them, until a day passes in which they go with no message; in their order.
    pub async fn keep(mut self, app: &App) -> Result<Vec<File>> {
        self.intake.close().await.map_err(broken)?;
        if self.files.is_empty() {
            return Err(Error::missing("files"));
        }
        let from = self.intake.folder().map_err(broken)?.to_path_buf();
        let files = self.files.clone();
        let looked = from.clone();
        let came = draw(move || look_through(&looked, files)).await?;
        let now = clock::now();
        store::files::insert(&app.db, &self.uid, &came, now).await?;
        let ids: Vec<_> = came.iter().map(|file| file.id).collect();
        let (to, moved) = (folder_of(&app.files_dir(), &self.uid), ids.clone());
        disk::in_background(WRONG, move || move_there(&from, &to, &moved)).await?;
        store::files::set_there(&app.db, &self.uid, &ids).await?;
        let shown = came.into_iter().map(|file| {
            let stored = Stored {
                id: file.id,
                message_id: None,
                name: file.name,
                mime_type: file.mime_type,
                kind: file.kind.name().into(),
                token: file.token,
                description: None,
                created_at: now,
            };
            stored.shown(app)
        });
        Ok(shown.collect())
    }
}

/// Without folders and what cannot be shown.
fn named(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown = name.chars().filter(|c| !c.is_control());
    let name: String = shown.take(LONGEST_NAME).collect();
    match name.trim() {
        "" => "file".into(),
        name => name.into(),
    }
}

/// What they are; pictures get a small one beside them.
fn look_through(folder: &Path, files: Vec<(String, Option<String>)>) -> io::Result<Vec<Came>> {
    let mut came = Vec::new();
    for (number, (name, told)) in files.into_iter().enumerate() {
        let path = folder.join(number.to_string());
        let bytes = std::fs::metadata(&path)?.len();
        let picture = Picture::read(&path);
        let small = picture.as_ref().and_then(|picture| picture.square(SMALL));
        let (kind, mime_type) = match (&picture, &small) {
            (Some(picture), Some(_)) => (Kind::Picture, picture.mime_type.to_string()),
            _ if is_text(&path)? => (Kind::Text, mime_type(&name, told, "text/plain")),
            _ => (
                Kind::Other,
                mime_type(&name, told, "application/octet-stream"),
            ),
        };
        if let Some(small) = small {
            std::fs::write(folder.join(format!("{number}.jpg")), small)?;
        }
        came.push(Came {
            id: ids::new(),
            name,
            mime_type,
            kind,
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
            token: secrets::random_hex(16),
        });
    }
    Ok(came)
}

/// As the client says, or by the end of the name.
fn mime_type(name: &str, told: Option<String>, else_: &str) -> String {
    let unsure = ["application/octet-stream", ""];
    if let Some(told) = told.filter(|told| told.len() <= 100 && !unsure.contains(&told.as_str())) {
        return told;
    }
    let end = name.rsplit_once('.').map(|(_, end)| end.to_lowercase());
    match end.as_deref() {
        Some("pdf") => "application/pdf",
        Some("json") => "application/json",
        Some("csv") => "text/csv",
        Some("md") => "text/markdown",
        Some("htm" | "html") => "text/html",
        Some("docx") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Some("heic") => "image/heic",
        Some("mp4") => "video/mp4",
        Some("mp3") => "audio/mpeg",
        Some("zip") => "application/zip",
        _ => else_,
    }
    .into()
}

/// Whether its beginning is UTF-8 such as people write. A PDF may be, and is none.
fn is_text(path: &Path) -> io::Result<bool> {
    let bytes = beginning(path, PROBE)?;
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        // Cut within a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return Ok(false),
    };
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}');
    Ok(!text.is_empty() && !text.starts_with("%PDF") && !text.contains(odd))
}

pub fn beginning(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    io::Read::read_to_end(&mut io::Read::take(file, most as u64), &mut bytes)?;
    Ok(bytes)
}

fn move_there(from: &Path, to: &Path, ids: &[Uuid]) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for (number, id) in ids.iter().enumerate() {
        let bytes = from.join(number.to_string());
        std::fs::File::open(&bytes)?.sync_all()?;
        std::fs::rename(bytes, to.join(id.to_string()))?;
        let small = from.join(format!("{number}.jpg"));
        if small.exists() {
            std::fs::File::open(&small)?.sync_all()?;
            std::fs::rename(small, to.join(format!("{id}.jpg")))?;
        }
    }
    std::fs::File::open(to)?.sync_all()
}

/// Where one is.
pub fn path(app: &Handles, uid: &str, id: Uuid) -> PathBuf {
    folder_of(&app.files_dir(), uid).join(id.to_string())
}

/// Of a user. Made of ids only: a uid may be any text.
pub fn folder_of(root: &Path, uid: &str) -> PathBuf {
    root.join(ids::from_content(&format!("files of {uid}")).to_string())
}

/// Joins messages with their files, and gives all of these.
pub async fn join(app: &Handles, uid: &str, messages: &mut [Message]) -> Result<Vec<Stored>> {
    let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
    let stored = store::files::of_messages(&app.db, uid, &ids).await?;
    let mut of: HashMap<Option<Uuid>, Vec<File>> = HashMap::new();
    for file in &stored {
        of.entry(file.message_id).or_default().push(file.shown(app));
    }
    for message in messages {
        message.files = of.remove(&Some(message.id)).unwrap_or_default();
        message.files_id = message.files.iter().map(|file| file.id).collect();
    }
    Ok(stored)
}

/// The newest files of what was said before.
pub async fn newest_of(app: &Handles, uid: &str, earlier: &[Message]) -> Result<Vec<Stored>> {
    let ids: Vec<_> = earlier.iter().map(|message| message.id).collect();
    let mut stored = store::files::of_messages(&app.db, uid, &ids).await?;
    stored.sort_by_key(|file| std::cmp::Reverse(file.created_at));
    stored.truncate(MOST_MEANT);
    Ok(stored)
}

/// The small picture that a token stands for, as JPEG.
pub async fn thumbnail(app: &Handles, token: &str) -> Result<Vec<u8>> {
    let absent = Error::NotFound("File");
    if token.len() != 32 || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(absent);
    }
    let Some((uid, id)) = store::files::owner(&app.db, token).await? else {
        return Err(absent);
    };
    let path = folder_of(&app.files_dir(), &uid).join(format!("{id}.jpg"));
    let read = move || match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        bytes => bytes.map(Some),
    };
    let found = disk::in_background("a small picture cannot be read", read).await?;
    found.ok_or(absent)
}

/// Takes all files of a user away at once. `root`: the folder of all files.
pub async fn erase_files(root: &Path, uid: &str) -> Result<()> {
    let path = folder_of(root, uid);
    let erase = move || disk::absent_is_fine(std::fs::remove_dir_all(path));
    Ok(disk::in_background("files of chats cannot be removed", erase).await?)
}

/// Takes away what the user gave up. What does not go now goes with the next round.
pub async fn take_away_soon(app: &App, uid: &str) {
    if let Err(error) = take_away(app, Some(uid)).await {
        tracing::warn!(
            error = format!("{error:#}"),
            "files of a cleared chat could not be removed yet"
        );
    }
}

/// Takes away what was given up, and what never went with a message.
pub async fn run_forever(app: App) {
    loop {
        let swept = async {
            store::files::expire(&app.db, clock::now() - WAIT).await?;
            take_away(&app, None).await
        };
        if let Err(error) = swept.await {
            tracing::warn!(
                error = format!("{error:#}"),
                "files of chats could not be removed"
            );
        }
        tokio::time::sleep(SWEEP).await;
    }
}

/// The bytes, then the rows.
async fn take_away(app: &App, uid: Option<&str>) -> Result<()> {
    loop {
        let given_up = store::files::given_up(&app.db, uid, BATCH).await?;
        if given_up.is_empty() {
            return Ok(());
        }
        let (root, gone) = (app.files_dir(), given_up.clone());
        let remove = move || {
            for (uid, id) in gone {
                let folder = folder_of(&root, &uid);
                for name in [id.to_string(), format!("{id}.jpg")] {
                    disk::absent_is_fine(std::fs::remove_file(folder.join(name)))?;
                }
            }
            Ok(())
        };
        disk::in_background("files of chats cannot be removed", remove).await?;
        store::files::forget(&app.db, &given_up).await?;
    }
}

fn broken(error: io::Error) -> anyhow::Error {
    anyhow::Error::new(error).context(WRONG)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_lead_nowhere() {
        for (name, kept) in [
            ("a b.txt", "a b.txt"),
            ("../../etc/passwd", "passwd"),
            ("C:\\x\\y.png", "y.png"),
            ("a\0b\nc", "abc"),
            ("", "file"),
            ("..\u{7}/ ", "file"),
        ] {
            assert_eq!(named(name), kept, "{name:?}");
        }
        assert_eq!(named(&"ä".repeat(300)).chars().count(), LONGEST_NAME);
    }

    #[test]
    fn text_is_told_from_what_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let text = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            is_text(&path).unwrap()
        };
        assert!(text("Grüße,\r\n\tAnn".as_bytes()));
        // Cut within a character where it is probed.
        assert!(text(&[&[b'a'; PROBE - 1][..], "äö".as_bytes()].concat()));
        for none in [
            &b""[..],
            b"%PDF-1.7 words",
            b"a\0b",
            b"\xff\xfe",
            b"PK\x03\x04",
        ] {
            assert!(!text(none), "{none:?}");
        }
    }

    #[test]
    fn a_type_is_what_the_client_says_or_the_name() {
        let told = |told: &str| Some(told.to_string());
        assert_eq!(
            mime_type("a.pdf", told("text/x-diff"), "b/c"),
            "text/x-diff"
        );
        assert_eq!(
            mime_type("a.PDF", told("application/octet-stream"), "b/c"),
            "application/pdf"
        );
        assert_eq!(mime_type("a", None, "b/c"), "b/c");
    }
}
