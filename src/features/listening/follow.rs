//! Moves a session on when its conversation ends, and tells the device what becomes of it.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::sync::{broadcast, mpsc};
use uuid::Uuid;

use super::{
    photos::{self, Described},
    scribe::Scribe,
    session::Update,
};
use crate::{
    error::{Error, Result},
    features::{
        conversations::{self, Status},
        processing,
    },
    platform::outbox::{Event, Notice},
};

/// Characters of pictures in one message: apps take 16 MiB, and there are segments beside them.
const PICTURES: usize = 12 * 1024 * 1024;

struct Follower {
    scribe: Arc<Scribe>,
    updates: mpsc::UnboundedSender<Update>,
    /// Conversations whose processing the device knows of, and those whose outcome it knows.
    started: HashSet<Uuid>,
    processed: HashSet<Uuid>,
    /// Pictures of which it knows what is on them.
    described: HashSet<Uuid>,
    /// The conversation that the device knows to be written to.
    present: Uuid,
}

pub async fn follow(
    scribe: Arc<Scribe>,
    mut news: broadcast::Receiver<Notice>,
    updates: mpsc::UnboundedSender<Update>,
) {
    let mut follower = Follower {
        present: scribe.live.course.conversation_id(),
        scribe,
        updates,
        started: HashSet::new(),
        processed: HashSet::new(),
        described: HashSet::new(),
    };
    loop {
        let mut outcome = match news.recv().await {
            Ok(Notice::Event(event)) if event.uid == follower.scribe.live.uid => {
                follower.hear_of(event).await
            }
            Ok(Notice::Event(_)) => Ok(()),
            Ok(Notice::Missed) | Err(broadcast::error::RecvError::Lagged(_)) => {
                follower.look_at_all().await
            }
            Err(broadcast::error::RecvError::Closed) => return,
        };
        while let Err(error) = outcome {
            tracing::warn!(%error, "a session could not follow its conversation; it looks again");
            tokio::time::sleep(Duration::from_secs(1)).await;
            outcome = follower.look_at_all().await;
        }
    }
}

impl Follower {
    async fn hear_of(&mut self, event: Event) -> Result<()> {
        if event.topic != photos::DESCRIBED {
            return self.look(event.id).await;
        }
        if let Ok(seen) = serde_json::from_value::<Described>(event.detail)
            && self.scribe.live.course.wrote_to(seen.conversation_id)
        {
            // Whoever stored it has told of it by then.
            drop(self.scribe.live.course.turn.lock().await);
            self.described.insert(event.id);
            drop(self.updates.send(Update::PhotoDescribed {
                id: event.id,
                description: seen.description,
                discarded: seen.discarded,
            }));
        }
        Ok(())
    }

    /// Leaves a conversation that has ended, and tells the device.
    async fn roll_from(&mut self, ended: Uuid) -> Result<()> {
        self.scribe.roll_from(ended).await?;
        let present = self.scribe.live.course.conversation_id();
        if present != self.present {
            self.present = present;
            drop(self.updates.send(Update::Conversation(present)));
        }
        Ok(())
    }

    async fn look_at_all(&mut self) -> Result<()> {
        for id in self.scribe.live.course.conversations() {
            self.look(id).await?;
        }
        self.look_at_pictures().await
    }

    /// Tells what is on pictures of the present conversation.
    async fn look_at_pictures(&mut self) -> Result<()> {
        let (db, uid) = (&self.scribe.app.db, &self.scribe.live.uid);
        let conversation = conversations::get(db, uid, self.present).await;
        let Ok(conversation) = conversation else {
            return Ok(());
        };
        let photos = conversations::with_photos(db, uid, conversation)
            .await?
            .photos;
        // As above.
        drop(self.scribe.live.course.turn.lock().await);
        for photo in photos {
            if let Some(description) = photo.description
                && self.described.insert(photo.id)
            {
                drop(self.updates.send(Update::PhotoDescribed {
                    id: photo.id,
                    description,
                    discarded: photo.discarded,
                }));
            }
        }
        Ok(())
    }

    /// Tells what the device does not know yet of one of its conversations.
    async fn look(&mut self, id: Uuid) -> Result<()> {
        if !self.scribe.live.course.wrote_to(id) || self.processed.contains(&id) {
            return Ok(());
        }
        let conversation =
            match conversations::get(&self.scribe.app.db, &self.scribe.live.uid, id).await {
                Ok(conversation) => conversation,
                Err(Error::NotFound(_)) => return self.roll_from(id).await,
                Err(error) => return Err(error),
            };
        if conversation.status == Status::InProgress.as_str() {
            return Ok(());
        }
        // Whoever asked for the end gets the outcome as the answer to that.
        let by_itself = !conversation.keep;
        let over = conversation.status != Status::Processing.as_str()
            && !processing::finds_action_items(&self.scribe.app.db, &self.scribe.live.uid, id)
                .await?;
        if by_itself && self.started.insert(id) {
            let (db, uid) = (&self.scribe.app.db, &self.scribe.live.uid);
            let mut started =
                conversations::with_photos_within(db, uid, conversation.clone(), PICTURES).await?;
            started.status = Status::Processing.as_str().into();
            drop(
                self.updates
                    .send(Update::ProcessingStarted(Box::new(started))),
            );
        }
        if over {
            self.processed.insert(id);
            if by_itself {
                // Action items may have come since it was read.
                let (db, uid) = (&self.scribe.app.db, &self.scribe.live.uid);
                let found = conversations::get(db, uid, id).await;
                let found = found.unwrap_or(conversation);
                let outcome = conversations::with_photos_within(db, uid, found, PICTURES).await?;
                drop(self.updates.send(Update::Processed(Box::new(outcome))));
            }
        }
        self.roll_from(id).await
    }
}
