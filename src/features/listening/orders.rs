//! What a device says is done one after the other, beside its socket: that is read on while the database is away.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use uuid::Uuid;

use super::{
    commands::Assignment,
    failure::Failure,
    images::Image,
    photos,
    scribe::{FIRST_PAUSE, Said, Scribe},
    session::Update,
    suggested::LONGEST_ID,
};
use crate::{
    error::Result,
    features::conversations::{self, MAXIMUM_SEGMENTS, Speaker},
};

/// Bytes of orders that wait, at most; beyond that the device waits.
const ROOM: usize = 8 * 1024 * 1024;
/// What an order takes beside its texts.
const OVERHEAD: usize = 1024;

pub enum Order {
    Photo(Image),
    /// Words, and the time from which theirs count.
    Words(Vec<Said>, DateTime<Utc>),
    /// In the conversation that was written to when it came.
    Assignment(Assignment, Uuid),
}

impl Order {
    fn size(&self) -> usize {
        let texts = match self {
            Self::Photo(image) => image.bytes.len(),
            Self::Words(said, _) => said.iter().map(|one| one.text.len() + OVERHEAD).sum(),
            Self::Assignment(one, _) => one.segment_ids.len() * size_of::<Uuid>(),
        };
        (texts + OVERHEAD).min(ROOM)
    }
}

pub struct Orders {
    queue: mpsc::UnboundedSender<(Order, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
    scribe: Arc<Scribe>,
}

impl Orders {
    /// Whoever takes them ends, when this is dropped, with the last one.
    pub fn start(scribe: Arc<Scribe>, updates: mpsc::UnboundedSender<Update>) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        tokio::spawn(obey(scribe.clone(), waiting, updates));
        Self {
            queue,
            room: Arc::new(Semaphore::new(ROOM)),
            scribe,
        }
    }

    /// False: nobody takes orders any more.
    pub async fn give(&self, order: Order) -> bool {
        let size = order.size() as u32;
        let Ok(room) = self.room.clone().acquire_many_owned(size).await else {
            return false;
        };
        self.scribe.live.ordered.send_modify(|orders| *orders += 1);
        self.queue.send((order, room)).is_ok()
    }
}

async fn obey(
    scribe: Arc<Scribe>,
    mut waiting: mpsc::UnboundedReceiver<(Order, OwnedSemaphorePermit)>,
    updates: mpsc::UnboundedSender<Update>,
) {
    while let Some((order, _room)) = waiting.recv().await {
        match order {
            Order::Photo(image) => {
                if let Err(error) = photos::store(&scribe, image, &updates).await {
                    // Its device was not told that it is taken.
                    let error = format!("{error:#}");
                    tracing::error!(error, "a picture could not be stored");
                }
            }
            Order::Words(said, since) => match scribe.write(said, None, since).await {
                Ok(written) => written.tell(&updates),
                Err(_) if scribe.app.stop.is_cancelled() => {}
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "a live session failed");
                    let why = "The server cannot store what was said right now.";
                    drop(updates.send(Update::Failed(Failure::unavailable(why))));
                }
            },
            Order::Assignment(assignment, conversation) => {
                if let Err(error) = assign(&scribe, assignment, conversation, &updates).await {
                    let error = format!("{error:#}");
                    tracing::error!(error, "whose voice it is could not be stored");
                }
            }
        }
        scribe.live.ordered.send_modify(|orders| *orders -= 1);
    }
}

/// Remembers whose voice a label is, and says so of the segments that are stored.
async fn assign(
    scribe: &Scribe,
    assignment: Assignment,
    conversation: Uuid,
    updates: &mpsc::UnboundedSender<Update>,
) -> Result<()> {
    let Assignment {
        speaker_id,
        person_id,
        mut segment_ids,
        ..
    } = assignment;
    segment_ids.truncate(MAXIMUM_SEGMENTS);
    if person_id.is_empty() || person_id.len() > LONGEST_ID {
        return Ok(());
    }
    let speaker = Speaker::named(&person_id);
    let mut pause = FIRST_PAUSE;
    while let Err(error) = assign_now(
        scribe,
        conversation,
        speaker_id,
        &segment_ids,
        &speaker,
        updates,
    )
    .await
    {
        scribe.wait_out(error, &mut pause).await?;
    }
    Ok(())
}

async fn assign_now(
    scribe: &Scribe,
    conversation: Uuid,
    number: i32,
    segments: &[Uuid],
    speaker: &Speaker,
    updates: &mpsc::UnboundedSender<Update>,
) -> Result<()> {
    let (course, uid) = (&scribe.live.course, &scribe.live.uid);
    let _turn = course.turn.lock().await;
    // Voices of another conversation are others.
    if course.conversation_id() == conversation {
        course.name_voice(number, speaker.clone());
    }
    let label = course.tells_voices_apart().then_some(number);
    let mut tx = scribe.app.db.begin().await?;
    let changed =
        conversations::assign(&mut tx, uid, conversation, segments, label, speaker).await?;
    tx.commit().await?;
    if !changed.is_empty() {
        drop(updates.send(Update::Segments(changed)));
    }
    Ok(())
}
