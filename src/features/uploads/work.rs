//! The job of an upload: one segment at a time, utterance by utterance. What was recognised is noted beside the sound, so
//! that a killed server goes on where it was; the words, and that the segment is done, are one transaction.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::{decoded, ended_at, in_background, jobs, sound, store};
use crate::{
    app::App,
    error::Result,
    features::{
        conversations::{self, Heard, TranscriptSegment},
        listening,
        preferences::{self, Wanted},
    },
    platform::{
        ids,
        speech::{Class, Ear, SpeechError},
    },
};

/// The kind of job, and its queue: uploads wait for each other, so that everything else has a worker.
pub const JOB: &str = "sync_local_files";
/// Attempts at one utterance: within a run, and runs that a crash ended.
const ATTEMPTS: i32 = 3;
/// Attempts of a job while it cannot be worked on at all.
const MOST_ATTEMPTS: i32 = 25;

/// What a job is to go on with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Work {
    uid: String,
    id: Uuid,
}

pub(super) async fn enqueue(tx: &mut Transaction<'_, Postgres>, uid: &str, id: Uuid) -> Result<()> {
    let payload = serde_json::json!(Work {
        uid: uid.into(),
        id
    });
    jobs::add_in_line(tx, JOB, payload, MOST_ATTEMPTS).await?;
    Ok(())
}

/// Takes the next segment to its end, and has a job go on with the one after it.
pub async fn run(app: &App, work: Work, attempts: i32) -> Result<()> {
    let Work { uid, id } = &work;
    let Some(segment) = store::next(&app.db, uid, *id).await? else {
        return Ok(());
    };
    let folder = app.uploads_dir().join(id.to_string());
    let recognised = match recognise(app, &work, &segment, &folder).await {
        Err(error) if attempts < MOST_ATTEMPTS || app.stop.is_cancelled() => return Err(error),
        recognised => recognised,
    };
    let mut tx = app.db.begin().await?;
    if !store::lock_waiting(&mut tx, uid, *id, segment.number).await? {
        return Ok(());
    }
    let ended = match &recognised {
        Ok(Outcome::Words(words)) => attach(app, &mut tx, uid, &segment, words).await?,
        Ok(Outcome::Failed(why)) => store::Ended {
            error: Some(why.as_str()),
            ..store::Ended::default()
        },
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "an upload is given up");
            let why = "the server could not work on it";
            store::give_up(&mut tx, uid, *id, why).await?;
            tx.commit().await?;
            return Ok(());
        }
    };
    let last = store::end(&mut tx, uid, *id, segment.number, ended).await?;
    if !last {
        enqueue(&mut tx, uid, *id).await?;
    }
    tx.commit().await?;
    if last {
        // Left to the sweeper if that fails.
        let _ = in_background(move || fs::remove_dir_all(folder)).await;
    }
    Ok(())
}

enum Outcome {
    Words(Words),
    /// Why.
    Failed(String),
}

#[derive(Default)]
struct Words {
    spoken: Vec<Spoken>,
    /// Of the first that was said.
    language: Option<String>,
}

#[derive(Clone, Debug)]
struct Spoken {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    text: String,
}

/// What was recognised of one utterance: a line of the notes.
#[derive(Serialize, Deserialize)]
pub(super) struct Note {
    pub language: Option<String>,
    /// Start and end in seconds from the start of the utterance, and the words.
    pub pieces: Vec<(f64, f64, String)>,
}

/// An error means that the job has to be done later.
async fn recognise(
    app: &App,
    work: &Work,
    segment: &store::Segment,
    folder: &Path,
) -> Result<Outcome> {
    let wanted = Wanted {
        language: segment.language.as_deref().unwrap_or("multi"),
        ..Wanted::default()
    };
    let hearing = preferences::hearing(&app.db, &work.uid, wanted).await?;
    let speech = app.speech.open(work.id, Class::Backlog, &hearing.language);
    let speech = speech.await.map_err(|why| anyhow::anyhow!("{why}"))?;
    let speech = speech.expecting(hearing.vocabulary);
    let path = folder.join(format!("{}.words", segment.number));
    let noted = path.clone();
    let mut notes = in_background(move || read_notes(&noted)).await?;
    let utterances = &segment.utterances.0;
    let begin = notes.len() as i32;
    if notes.len() < utterances.len() {
        if segment.tried_at == begin && segment.attempts >= ATTEMPTS {
            return Ok(Outcome::Failed("the recogniser crashed".into()));
        }
        store::begin(&app.db, &work.uid, work.id, segment.number, begin).await?;
    }
    for utterance in utterances.iter().skip(notes.len()) {
        let file = decoded(folder, utterance.file);
        let range = utterance.from..utterance.to;
        let samples = in_background(move || sound::read(&file, range)).await?;
        let note = match transcribe(&speech, samples).await {
            Ok(note) => note,
            // It says nothing of this utterance: the job does it later.
            Err(error @ (SpeechError::Stopped | SpeechError::Unavailable { .. })) => {
                return Err(anyhow::Error::new(error).into());
            }
            Err(error) => {
                tracing::warn!(%error, "a segment of an upload failed");
                return Ok(Outcome::Failed(error.to_string()));
            }
        };
        let line = serde_json::to_string(&note).map_err(anyhow::Error::new)?;
        let path: PathBuf = path.clone();
        in_background(move || {
            let mut file = OpenOptions::new().create(true).append(true).open(path)?;
            file.write_all(format!("{line}\n").as_bytes())
        })
        .await?;
        notes.push(note);
    }
    let mut words = Words::default();
    for (utterance, note) in utterances.iter().zip(notes) {
        if !note.pieces.is_empty() && words.language.is_none() {
            words.language = note.language;
        }
        for (start, end, text) in note.pieces {
            words.spoken.push(Spoken {
                from: utterance.at + seconds(start),
                to: (utterance.at + seconds(end)).min(ended_at(utterance)),
                text,
            });
        }
    }
    words.spoken.sort_by_key(|one| one.from);
    Ok(Outcome::Words(words))
}

/// Tries again what may go well then.
pub(super) async fn transcribe(speech: &Ear, samples: Vec<i16>) -> Result<Note, SpeechError> {
    let samples: std::sync::Arc<[i16]> = samples.into();
    let mut attempt = 1;
    loop {
        match speech.transcribe(samples.clone()).await {
            Ok(words) => {
                let found = words.transcript;
                let pieces = found.pieces.into_iter();
                return Ok(Note {
                    language: found.language,
                    pieces: pieces
                        .map(|piece| (piece.start_seconds, piece.end_seconds, piece.text))
                        .collect(),
                });
            }
            Err(error @ (SpeechError::Failed { .. } | SpeechError::Crashed { .. }))
                if attempt < ATTEMPTS =>
            {
                tracing::warn!(%error, attempt, "an utterance could not be recognised; trying again");
                attempt += 1;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The whole lines; what a killed server left of one is cut off.
fn read_notes(path: &Path) -> io::Result<Vec<Note>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text?,
    };
    let mut notes = Vec::new();
    let mut good = 0;
    for line in text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
    {
        let Ok(note) = serde_json::from_str(line) else {
            break;
        };
        notes.push(note);
        good += line.len();
    }
    if good < text.len() {
        OpenOptions::new()
            .write(true)
            .open(path)?
            .set_len(good as u64)?;
    }
    Ok(notes)
}

/// Adds what is not known yet to the conversation of its time, or makes one.
async fn attach(
    app: &App,
    tx: &mut Transaction<'_, Postgres>,
    uid: &str,
    segment: &store::Segment,
    words: &Words,
) -> Result<store::Ended<'static>> {
    let nothing = store::Ended {
        outcome: "nothing",
        ..store::Ended::default()
    };
    let (Some(first), Some(last)) = (
        words.spoken.first(),
        words.spoken.iter().map(|one| one.to).max(),
    ) else {
        return Ok(nothing);
    };
    let wanted = segment.conversation_id;
    let target = conversations::lock_near(tx, uid, wanted, first.from, last).await?;
    let (id, started_at, spans, again) = match target {
        Some(target) => {
            // As a rule what was understood stays; but who names a conversation wants it whole.
            let again = target.discarded || wanted == Some(target.id);
            (target.id, Some(target.started_at), target.spans, again)
        }
        None => {
            let language = segment.language.as_deref().or(words.language.as_deref());
            let (from, source) = (first.from, segment.source.as_str());
            let id = conversations::create_later(tx, uid, source, language, from, last).await?;
            (id, None, Vec::new(), true)
        }
    };
    let base = started_at.unwrap_or(first.from);
    let new = unknown(&words.spoken, base, spans);
    let Some(begin) = new.first().map(|one| one.from) else {
        return Ok(store::Ended {
            conversation_id: Some(id),
            ..nothing
        });
    };
    let start = base.min(begin);
    if start < base {
        conversations::shift_segments(tx, uid, id, between(start, base)).await?;
    }
    let until = new.iter().map(|one| one.to).max().unwrap_or(begin);
    let spoken = new.into_iter().map(|one| TranscriptSegment {
        id: ids::new(),
        start: between(start, one.from),
        end: between(start, one.to),
        text: one.text,
        ..TranscriptSegment::default()
    });
    let segments = listening::join(spoken.collect());
    let heard = Heard {
        started_at: start,
        until,
    };
    conversations::write_segments(tx, uid, id, heard, &segments, &[]).await?;
    let created = started_at.is_none();
    if again {
        conversations::hand_over(tx, &app.outbox, uid, id, created).await?;
    }
    Ok(store::Ended {
        conversation_id: Some(id),
        outcome: if created { "created" } else { "updated" },
        error: None,
    })
}

/// What does not lie, for at least half of its time, where something is known to have been said. `spans`: seconds from `base`.
fn unknown(spoken: &[Spoken], base: DateTime<Utc>, mut spans: Vec<(f64, f64)>) -> Vec<Spoken> {
    let mut new = Vec::new();
    for one in spoken {
        let (from, to) = (between(base, one.from), between(base, one.to));
        let known: f64 = spans
            .iter()
            .map(|(start, end)| (end.min(to) - start.max(from)).max(0.0))
            .sum();
        if known * 2.0 < (to - from).max(0.01) {
            spans.push((from, to));
            new.push(one.clone());
        }
    }
    new
}

/// Seconds, to a millisecond.
fn between(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).num_milliseconds() as f64 / 1000.0
}

fn seconds(seconds: f64) -> chrono::Duration {
    chrono::Duration::microseconds((seconds * 1e6) as i64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_known_is_not_said_again() {
        let base = DateTime::from_timestamp(1_767_268_800, 0).unwrap();
        let one = |from: f64, to: f64| Spoken {
            from: base + seconds(from),
            to: base + seconds(to),
            text: format!("{from}"),
        };
        let spoken = [one(-5.0, -3.0), one(0.5, 2.0), one(3.5, 5.0), one(3.6, 5.0)];
        let texts = |spans| -> Vec<String> {
            let new = unknown(&spoken, base, spans);
            new.into_iter().map(|one| one.text).collect()
        };
        assert_eq!(texts(vec![]), ["-5", "0.5", "3.5"]);
        assert_eq!(texts(vec![(0.0, 4.0)]), ["-5", "3.5"]);
        assert_eq!(texts(vec![(-10.0, 10.0)]), [""; 0]);
    }

    #[test]
    fn notes_outlive_a_cut_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.words");
        assert!(read_notes(&path).unwrap().is_empty());
        let line = "{\"language\":\"en\",\"pieces\":[[0.0,1.0,\"Hi.\"]]}\n";
        fs::write(&path, format!("{line}{line}{}", &line[..20])).unwrap();
        assert_eq!(read_notes(&path).unwrap().len(), 2);
        assert_eq!(fs::read_to_string(&path).unwrap(), line.repeat(2));
    }
}
