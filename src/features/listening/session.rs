//! A live session. Its tasks: whoever calls `hear` and `obey`; a channel or two, each of which takes in sound and has it
//! written down; and one that follows what becomes of the conversation.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::sync::{Mutex, Semaphore, mpsc};
use uuid::Uuid;

use super::{
    channel::{Channel, Parts},
    commands::Command,
    course::Course,
    failure::Failure,
    follow::follow,
    images::Images,
    intake::Frame,
    onboarding::{self, Onboarding},
    orders::{Order, Orders},
    scribe::{Scribe, Voice, Written},
    suggested,
    translate::translate,
};
use crate::{
    app::App,
    error::{Error, Result as Outcome},
    features::{
        conversations::{self, Conversation, Opening, Reason, TranscriptSegment},
        preferences::{self, Wanted},
    },
    platform::{
        audio::codec::{Codec, Decoder},
        clock, disk,
        speech::Change,
    },
};

/// Bytes of audio that wait to be decoded, at most; beyond that the device waits.
const ROOM: usize = 8 * 1024 * 1024;
/// Batches of segments that wait for who else wants them.
pub const TAP: usize = 64;
/// Channels of a call.
pub const MOST_CHANNELS: i32 = 2;

/// What a device says of itself.
#[derive(Clone)]
pub struct Settings {
    pub codec: Codec,
    /// Hz.
    pub sample_rate: u32,
    /// As Omi spells it: a code, or `multi`.
    pub language: String,
    pub source: &'static str,
    /// Silence that ends the conversation.
    pub timeout_seconds: i32,
    /// A call, whose messages begin with the number of a channel from 1: a conversation of its own, over when nobody is
    /// on the line.
    pub call: bool,
    pub call_id: Option<String>,
    /// The device recognises by itself.
    pub suggested: bool,
    /// The device is asked a few questions, and all that it hears are answers.
    pub onboarding: bool,
    /// The id that the device wants its conversation to have.
    pub conversation_id: Option<Uuid>,
    /// How often it is told what somebody who goes on speaking has said; None: never.
    pub interims: Option<Duration>,
}

/// What a session tells its device, in this order.
#[derive(Debug)]
pub enum Update {
    Status {
        status: &'static str,
        text: Option<&'static str>,
    },
    /// Another provider recognises speech from now on.
    Recogniser(Change),
    LastConversation(Uuid),
    /// The conversation that is written to from now on.
    Conversation(Uuid),
    SegmentsDeleted(Vec<Uuid>),
    /// The newest stored segment, with its earlier id, and new ones.
    Segments(Vec<TranscriptSegment>),
    /// What somebody who is still speaking has said. It is not stored; a segment with its id replaces it, or it is deleted.
    Interim(Box<TranscriptSegment>),
    Translated(Vec<TranscriptSegment>),
    ProcessingStarted(Box<Conversation>),
    /// Understood, discarded or given up.
    Processed(Box<Conversation>),
    /// A picture is stored.
    PhotoTaken {
        /// The device's own name of it.
        temporary: String,
        id: Uuid,
    },
    PhotoDescribed {
        id: Uuid,
        description: String,
        discarded: bool,
    },
    /// One of the questions to somebody new.
    Question(Asked),
    QuestionAnswered {
        index: usize,
        skipped: bool,
    },
    /// All questions have been asked.
    Onboarded {
        answers: usize,
    },
    /// Nothing is heard any more: the device should close and keep its audio.
    Failed(Failure),
}

/// A question that was asked.
#[derive(Debug)]
pub struct Asked {
    pub question: &'static str,
    pub index: usize,
    pub total: usize,
    pub segment_id: Uuid,
}

/// Why a session cannot begin. The device should keep its audio.
#[derive(Debug)]
pub enum Refusal {
    /// The audio cannot be decoded.
    Codec(String),
    /// There is nothing to recognise it with.
    Deaf(String),
    /// There is no room to keep it.
    Full,
    Error(Error),
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl Written {
    pub fn tell(self, updates: &mpsc::UnboundedSender<Update>) {
        if !self.removed.is_empty() {
            drop(updates.send(Update::SegmentsDeleted(self.removed)));
        }
        if !self.segments.is_empty() {
            drop(updates.send(Update::Segments(self.segments)));
        }
    }
}

pub struct Session {
    /// One, or one for each channel.
    channels: Vec<mpsc::Sender<Frame>>,
    call: bool,
    suggested: bool,
    /// When the first sound came.
    zero: OnceLock<DateTime<Utc>>,
    room: Arc<Semaphore>,
    scribe: Arc<Scribe>,
    images: Mutex<Images>,
    onboarding: Option<Onboarding>,
    orders: Orders,
}

impl Session {
    /// Opens or resumes the user's conversation and gets ready to hear. Tells its progress in `updates`.
    /// Dropping the session ends it: what was heard is still recognised and stored.
    pub async fn start(
        app: &App,
        uid: &str,
        mut settings: Settings,
        updates: mpsc::UnboundedSender<Update>,
    ) -> Result<Self, Refusal> {
        let tell = |status, text| drop(updates.send(Update::Status { status, text }));
        tell("initiating", Some("Service Starting"));
        let (data, least) = (
            app.data_dir.clone(),
            app.config.listening.minimum_free_bytes(),
        );
        let wrong = "the free space of the disk cannot be read";
        if disk::in_background(wrong, move || disk::free(&data)).await? < least {
            return Err(Refusal::Full);
        }
        let wanted = Wanted {
            language: &settings.language,
            alone: settings.onboarding,
            words: &[],
        };
        let hearing = preferences::hearing(&app.db, uid, wanted).await?;
        settings.language = hearing.language;
        if let Some(id) = conversations::newest_completed(&app.db, uid).await? {
            drop(updates.send(Update::LastConversation(id)));
        }
        tell(
            "in_progress_conversations_processing",
            Some("Processing Conversations"),
        );
        let voices: Vec<_> = if settings.call {
            (0..MOST_CHANNELS)
                .map(|number| Some(Voice::of_call(number)))
                .collect()
        } else {
            vec![settings.onboarding.then_some(onboarding::ANSWERS)]
        };
        let decoder = || {
            Decoder::new(settings.codec, settings.sample_rate)
                .map_err(|error| Refusal::Codec(error.to_string()))
        };
        let decoders: Vec<_> = voices.iter().map(|_| decoder()).collect::<Result<_, _>>()?;
        // Listening starts before the conversation is chosen, so that its end cannot be missed.
        let news = app.outbox.listen();
        let opening = Opening {
            source: settings.source,
            language: &settings.language,
            timeout_seconds: settings.timeout_seconds,
            id: settings.conversation_id,
            call_id: settings.call_id.as_deref(),
        };
        let conversation_id = if settings.call {
            conversations::open_apart(&app.db, uid, opening).await?
        } else {
            conversations::open(&app.db, uid, opening).await?
        };
        drop(updates.send(Update::Conversation(conversation_id)));
        tell("stt_initiating", Some("STT Service Starting"));
        let course: Arc<Course> = Arc::default();
        course.roll_onto(conversation_id);
        for (label, speaker) in conversations::voices(&app.db, uid, conversation_id).await? {
            course.name_voice(label, speaker);
        }
        let mut taps = Vec::new();
        let translating = translate(app, uid, &settings.language, &updates).await?;
        taps.extend(translating);
        let (answers, answered) = mpsc::channel(TAP);
        if settings.onboarding {
            taps.push(answers);
        }
        let mut channels = Vec::new();
        for (voice, decoder) in voices.into_iter().zip(decoders) {
            let parts = Parts {
                decoder,
                voice,
                vocabulary: hearing.vocabulary.clone(),
                course: course.clone(),
                taps: taps.clone(),
            };
            channels.push(Channel::open(app, uid, &settings, parts, updates.clone()).await?);
        }
        let Some(scribe) = channels.first().map(|channel| channel.scribe.clone()) else {
            return Err(Refusal::Deaf("there is no channel".into()));
        };
        let follower = tokio::spawn(follow(scribe.clone(), news, updates.clone()));
        tell("ready", None);
        let onboarding = if settings.onboarding {
            Some(Onboarding::start(scribe.clone(), answered, updates.clone()).await?)
        } else {
            None
        };
        let frames = channels
            .iter()
            .map(|channel| channel.frames.clone())
            .collect();
        let (app, uid, told) = (app.clone(), uid.to_string(), updates.clone());
        let call = settings.call;
        tokio::spawn(async move {
            let writing = channels.into_iter().map(|channel| {
                let Channel {
                    frames,
                    scribe,
                    writing,
                } = channel;
                // The device has the only other one: without it, sound ends.
                drop(frames);
                let told = told.clone();
                async move { writing.run(&scribe, told).await }
            });
            let whole = futures_util::future::join_all(writing).await;
            // Else it would take the end of the call for a reason to open the next conversation.
            follower.abort();
            drop(follower.await);
            if call
                && whole.into_iter().all(|whole| whole)
                && let Err(error) = end_call(&app, &uid, course.conversation_id()).await
            {
                tracing::warn!(%error, "a call that is over was not ended; its time-out does it");
            }
        });
        Ok(Self {
            channels: frames,
            call,
            suggested: settings.suggested,
            zero: OnceLock::new(),
            room: Arc::new(Semaphore::new(ROOM)),
            orders: Orders::start(scribe.clone(), updates),
            scribe,
            images: Mutex::default(),
            onboarding,
        })
    }

    /// Takes one message of audio. False: the session has failed, and said why in its updates.
    pub async fn hear(&self, mut audio: Bytes) -> bool {
        self.zero.get_or_init(clock::now);
        let mut channel = 0;
        if self.call {
            channel = usize::from(audio.first().copied().unwrap_or_default()).wrapping_sub(1);
            audio = audio.slice(audio.len().min(1)..);
        }
        // Nobody is on a channel that is not known.
        let Some(frames) = self.channels.get(channel) else {
            return true;
        };
        let size = audio.len().min(ROOM) as u32;
        let Ok(room) = self.room.clone().acquire_many_owned(size).await else {
            return false;
        };
        frames.send(Frame { audio, _room: room }).await.is_ok()
    }

    /// Has done what the device says, in this order. False: the session has failed, and said why in its updates.
    pub async fn obey(&self, command: Command) -> bool {
        let order = match command {
            Command::ImageChunk(slice) => {
                let now = std::time::Instant::now();
                match self.images.lock().await.take(slice, now) {
                    Some(image) => Order::Photo(image),
                    None => return true,
                }
            }
            Command::SuggestedTranscript(suggestion) if self.suggested => {
                let (said, lasts) = suggested::said(suggestion);
                // Without a sound, the last word ends now.
                let since = self.zero.get().copied();
                Order::Words(said, since.unwrap_or_else(|| clock::now() - lasts))
            }
            Command::SpeakerAssigned(assignment) => {
                let conversation = self.scribe.live.course.conversation_id();
                Order::Assignment(assignment, conversation)
            }
            Command::SkipQuestion => {
                if let Some(onboarding) = &self.onboarding {
                    onboarding.skip();
                }
                return true;
            }
            Command::SuggestedTranscript(_) => return true,
        };
        self.orders.give(order).await
    }
}

/// Hands the conversation of a call over to processing; one in which nothing was said is removed.
pub async fn end_call(app: &App, uid: &str, id: Uuid) -> Outcome<()> {
    if !conversations::delete_if_empty(&app.db, uid, id).await? {
        super::end(app, uid, id, Reason::HungUp).await?;
    }
    Ok(())
}
