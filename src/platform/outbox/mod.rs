//! The transactional outbox: what a noun tells others. An event becomes, in the transaction of what
//! it tells, one durable job per subscribed job kind, and one notification for who listens right now
//! (live sockets, waiting requests), on every instance.

use std::{collections::HashMap, time::Duration};

use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Postgres, Transaction, postgres::PgListener};
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::platform::jobs::{self, JobOptions, Loads, Priority};

const CHANNEL: &str = "omi_events";

/// Something that happened to `id`, a thing of user `uid`.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Event {
    /// `noun.what_happened`, for example `conversation.finished`.
    pub topic: String,
    pub uid: String,
    pub id: Uuid,
    /// At most a few hundred bytes; bodies are read by id.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub detail: serde_json::Value,
}

/// What a listener receives.
#[derive(Clone, Debug)]
pub enum Notice {
    Event(Event),
    /// Events may have been missed: look at the database.
    Missed,
}

#[derive(Clone)]
pub struct Outbox {
    subscriptions: std::sync::Arc<HashMap<&'static str, Vec<&'static str>>>,
    notices: broadcast::Sender<Notice>,
    loads: std::sync::Arc<Loads>,
}

impl Outbox {
    /// `subscriptions`: topic and the kind of job that each of its events causes.
    pub fn new(subscriptions: &[(&'static str, &'static str)]) -> Self {
        let mut by_topic: HashMap<_, Vec<_>> = HashMap::new();
        for (topic, job) in subscriptions {
            by_topic.entry(*topic).or_default().push(*job);
        }
        Self {
            subscriptions: by_topic.into(),
            notices: broadcast::channel(1024).0,
            loads: std::sync::Arc::default(),
        }
    }

    /// Everything published from now on, by any instance.
    pub fn listen(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// Where the next job of a user belongs: who brings many at once waits behind others.
    pub fn priority(&self, uid: &str) -> Priority {
        self.loads.add(uid)
    }

    pub async fn publish(
        &self,
        tx: &mut Transaction<'_, Postgres>,
        event: &Event,
    ) -> Result<(), sqlx::Error> {
        let payload =
            serde_json::to_value(event).map_err(|error| sqlx::Error::Encode(error.into()))?;
        for kind in self
            .subscriptions
            .get(event.topic.as_str())
            .into_iter()
            .flatten()
        {
            let key = format!("{kind}:{}:{}", event.uid, event.id);
            let options = JobOptions {
                key: Some(&key),
                max_attempts: 8,
                priority: self.priority(&event.uid),
            };
            jobs::add(tx, kind, payload.clone(), options).await?;
        }
        sqlx::query("select pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(payload.to_string())
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    /// Passes notifications on until the task is dropped; survives restarts of the database.
    pub async fn forward(self, pool: PgPool) {
        loop {
            if let Err(error) = self.forward_once(&pool).await {
                tracing::warn!(%error, "listening for events was interrupted");
            }
            // Nobody receives: nobody has missed anything.
            let _ = self.notices.send(Notice::Missed);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn forward_once(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        let _ = self.notices.send(Notice::Missed);
        // None: the connection was lost.
        while let Some(notification) = listener.try_recv().await? {
            match serde_json::from_str(notification.payload()) {
                Ok(event) => drop(self.notices.send(Notice::Event(event))),
                Err(error) => tracing::error!(%error, "an event could not be read"),
            }
        }
        Ok(())
    }
}
