//! Moves a session on when its conversation ends, and tells the device what becomes of it.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::sync::{broadcast, mpsc};
use uuid::Uuid;

use super::{scribe::Scribe, session::Update};
use crate::{
    error::{Error, Result},
    features::{
        conversations::{self, Status},
        processing,
    },
    platform::outbox::Notice,
};

struct Follower {
    scribe: Arc<Scribe>,
    updates: mpsc::UnboundedSender<Update>,
    /// Conversations whose processing the device knows of, and those whose outcome it knows.
    started: HashSet<Uuid>,
    processed: HashSet<Uuid>,
}

pub async fn follow(
    scribe: Arc<Scribe>,
    mut news: broadcast::Receiver<Notice>,
    updates: mpsc::UnboundedSender<Update>,
) {
    let mut follower = Follower {
        scribe,
        updates,
        started: HashSet::new(),
        processed: HashSet::new(),
    };
    loop {
        let mut outcome = match news.recv().await {
            Ok(Notice::Event(event)) if event.uid == follower.scribe.live.uid => {
                follower.look(event.id).await
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
    async fn look_at_all(&mut self) -> Result<()> {
        for id in self.scribe.live.conversations() {
            self.look(id).await?;
        }
        Ok(())
    }

    /// Tells what the device does not know yet of one of its conversations.
    async fn look(&mut self, id: Uuid) -> Result<()> {
        if !self.scribe.live.wrote_to(id) || self.processed.contains(&id) {
            return Ok(());
        }
        let conversation =
            match conversations::get(&self.scribe.app.db, &self.scribe.live.uid, id).await {
                Ok(conversation) => conversation,
                Err(Error::NotFound(_)) => return self.scribe.roll_from(id).await,
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
            let mut started = conversation.clone();
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
                let found =
                    conversations::get(&self.scribe.app.db, &self.scribe.live.uid, id).await;
                let outcome = found.unwrap_or(conversation);
                drop(self.updates.send(Update::Processed(Box::new(outcome))));
            }
        }
        self.scribe.roll_from(id).await
    }
}
