//! Clips: a few words said into a phone, which waits for them to be written down. Nothing of them is kept.

use std::{
    io,
    path::{Path, PathBuf},
};

use tokio::sync::Semaphore;

use super::{
    broken, decoded, encoded, in_background,
    name::{self, Coding},
    sound::{self, Listened},
    work, write,
};
use crate::{
    app::App,
    error::{Error, Result},
    features::{accounts, credentials::Caller, preferences},
    platform::{
        audio::SAMPLE_RATE,
        disk::Intake,
        ids,
        speech::{Class, Language},
    },
};

/// Files that may come at once.
const MOST_CLIPS: usize = 10;
/// Sound of all of them, decoded.
const MOST_MINUTES: u64 = 120;
/// Longest name of a language that is looked at, in characters.
const LONGEST_LANGUAGE: usize = 35;
/// Nobody is to wait here for a whole day that somebody uploads.
static DECODING: Semaphore = Semaphore::const_new(2);

/// What holds the sound.
#[derive(Clone, Debug)]
enum Kind {
    /// Frames, each behind its length.
    Frames(Coding),
    /// A sound file; its name is for the refusal.
    File(String),
    /// Interleaved signed 16-bit samples: Hz, channels.
    Samples(u32, usize),
}

/// Sound that comes in. What was taken is gone when it is dropped.
pub struct Clip {
    intake: Intake,
    kinds: Vec<Kind>,
    /// Bytes.
    most: u64,
}

/// What was said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// Empty: nothing.
    pub text: String,
    /// As it was found out; None where it was given. `multi`: the files do not agree.
    pub language: Option<String>,
}

impl Clip {
    pub async fn begin(app: &App) -> Result<Self> {
        let folder = app.uploads_dir().join(ids::new().to_string());
        let most = app.config.audio.clip_megabytes * 1_000_000;
        Ok(Self {
            intake: Intake::begin(folder, most).await.map_err(broken)?,
            kinds: Vec::new(),
            most,
        })
    }

    /// What is written from now on is of the file with that name: `.bin` with frames as an upload has them, else a sound file.
    pub async fn file(&mut self, name: &str) -> Result<()> {
        let name = name.to_lowercase();
        let kind = match name.strip_suffix(".bin") {
            Some(stem) => Kind::Frames(name::coding(&format!("{stem}_"))),
            None => Kind::File(name.chars().take(100).collect()),
        };
        self.next(kind).await
    }

    /// What is written from now on are interleaved signed 16-bit samples.
    pub async fn samples(&mut self, rate: u32, channels: usize) -> Result<()> {
        self.next(Kind::Samples(rate, channels)).await
    }

    async fn next(&mut self, kind: Kind) -> Result<()> {
        if self.kinds.len() >= MOST_CLIPS {
            let text = format!("files: at most {MOST_CLIPS} may come at once");
            return Err(Error::TooLarge(text));
        }
        self.kinds.push(kind);
        let number = self.kinds.len() - 1;
        Ok(self.intake.file(&encoded(number)).await.map_err(broken)?)
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        write(&mut self.intake, bytes, self.most).await
    }

    /// Forgets all files but the first.
    pub fn only_first(&mut self) {
        self.kinds.truncate(1);
    }

    /// Bytes that came.
    pub fn taken(&self) -> u64 {
        self.intake.taken
    }

    /// Has the words of all files recognised. `language`: a code, or `multi`; None: as the user chose.
    pub async fn transcribe(
        mut self,
        app: &App,
        caller: &Caller,
        language: Option<&str>,
    ) -> Result<Written> {
        self.intake.close().await.map_err(broken)?;
        if self.kinds.is_empty() {
            return Err(Error::BadRequest("No files provided".into()));
        }
        let folder = self.intake.folder().map_err(broken)?.to_path_buf();
        let heard = self.listen(folder.clone()).await?;
        let language = language_of(app, caller, language).await?;
        let wanted = Language::from_omi(&language);
        let mut written = Written::default();
        for (number, listened) in heard.into_iter().enumerate() {
            if listened.utterances.is_empty() {
                continue;
            }
            let file = decoded(&folder, number);
            let one = recognise(app, &language, file, listened).await?;
            if one.text.is_empty() {
                continue;
            }
            written.language = match (written.language.take(), one.language) {
                (None, found) => found,
                (Some(one), Some(other)) if one != other => Some("multi".into()),
                (one, _) => one,
            };
            if !written.text.is_empty() {
                written.text.push(' ');
            }
            written.text.push_str(&one.text);
        }
        if !matches!(wanted, Language::Multi { .. }) {
            written.language = None;
        }
        Ok(written)
    }

    async fn listen(&self, folder: PathBuf) -> Result<Vec<Listened>> {
        let kinds = self.kinds.clone();
        let turn = DECODING.acquire().await.map_err(anyhow::Error::new)?;
        let heard = in_background(move || decode(&folder, &kinds)).await?;
        drop(turn);
        let heard = heard.ok_or_else(|| {
            Error::TooLarge(format!(
                "files: more than {MOST_MINUTES} minutes of sound; send less"
            ))
        })?;
        for (kind, listened) in self.kinds.iter().zip(&heard) {
            if let Kind::File(name) = kind
                && listened.samples == 0
            {
                return Err(Error::BadRequest(format!(
                    "files: {name:?} holds no sound that can be read; send WAV, FLAC, MP3 or Ogg Vorbis, or .bin with frames"
                )));
            }
        }
        Ok(heard)
    }
}

/// None: it is too much.
fn decode(folder: &Path, kinds: &[Kind]) -> io::Result<Option<Vec<Listened>>> {
    let mut left = MOST_MINUTES * 60 * u64::from(SAMPLE_RATE);
    let mut heard = Vec::new();
    for (number, kind) in kinds.iter().enumerate() {
        let (from, to) = (folder.join(encoded(number)), decoded(folder, number));
        let found = match kind {
            Kind::Frames(coding) => sound::listen(&from, &to, *coding, left),
            Kind::File(_) => sound::listen_to_file(&from, &to, left),
            Kind::Samples(rate, channels) => {
                sound::listen_to_samples(&from, &to, (*rate, *channels), left)
            }
        };
        let Some(found) = found? else {
            return Ok(None);
        };
        std::fs::remove_file(from)?;
        left -= found.samples;
        heard.push(found);
    }
    Ok(Some(heard))
}

/// The one that is asked for; else the user's, if only that is listened for.
async fn language_of(app: &App, caller: &Caller, asked: Option<&str>) -> Result<String> {
    let asked = asked.map(str::trim).filter(|asked| !asked.is_empty());
    if let Some(asked) = asked {
        return Ok(asked.chars().take(LONGEST_LANGUAGE).collect());
    }
    let alone = preferences::get(&app.db, &caller.uid)
        .await?
        .single_language_mode;
    let own = accounts::profile(&app.db, &caller.uid).await?.language;
    Ok(own.filter(|_| alone).unwrap_or_else(|| "multi".into()))
}

async fn recognise(
    app: &App,
    language: &str,
    file: PathBuf,
    listened: Listened,
) -> Result<Written> {
    let unable = |why: String| {
        tracing::warn!(why, "a clip could not be recognised");
        Error::Unavailable("speech cannot be recognised".into())
    };
    let ear = app.speech.open(ids::new(), Class::Live, language);
    let ear = ear.await.map_err(unable)?;
    let mut written = Written::default();
    let mut said = Vec::new();
    for range in listened.utterances {
        let file = file.clone();
        let samples = in_background(move || sound::read(&file, range)).await?;
        let note = work::transcribe(&ear, samples);
        let note = note.await.map_err(|error| unable(error.to_string()))?;
        let pieces = note.pieces.into_iter();
        let texts: Vec<_> = pieces
            .map(|(.., text)| text.trim().to_string())
            .filter(|text| !text.is_empty())
            .collect();
        if !texts.is_empty() && written.language.is_none() {
            written.language = note.language;
        }
        said.extend(texts);
    }
    written.text = said.join(" ");
    Ok(written)
}
