//! Whose session it is, and how another instance goes on with it. The transport knows sessions but no users.

use std::{sync::Arc, time::Duration};

use moka::sync::Cache;
use rmcp::{
    model::InitializeRequestParams,
    transport::streamable_http_server::session::{
        SessionManager as _, SessionState, SessionStore, SessionStoreError,
        local::LocalSessionManager,
    },
};
use tokio::sync::{Mutex, OwnedMutexGuard};
use uuid::Uuid;

use crate::{
    error::Result,
    platform::{
        database::Db,
        mcp_sessions::{self, McpSessions},
    },
};

/// Longer than it takes to make a session anew.
const RENEWED: Duration = Duration::from_secs(60);

/// What the transport holds of sessions in memory is made anew from the database when it is needed. It forgets those
/// that are idle for five minutes.
pub struct Sessions {
    pub transport: Arc<LocalSessionManager>,
    db: Db,
    uses: McpSessions,
    /// Two requests that meet where a session is made anew would hinder each other.
    renewals: Cache<Uuid, Arc<Mutex<()>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Own(Uuid),
    /// Another user's.
    Foreign,
    /// Never begun, or ended.
    Unknown,
}

impl Sessions {
    pub fn new(db: Db, uses: McpSessions) -> Self {
        Self {
            transport: Arc::default(),
            db,
            uses,
            renewals: Cache::builder().time_to_idle(RENEWED).build(),
        }
    }

    /// How the transport looks up what it does not hold.
    pub fn store(&self) -> Arc<dyn SessionStore> {
        Arc::new(Kept(self.db.clone()))
    }

    pub async fn standing(&self, text: &str, uid: &str) -> Result<Standing> {
        if let Some(id) = canonical(text)
            && let Some(session) = mcp_sessions::find(&self.db, id).await?
        {
            if session.uid != uid {
                return Ok(Standing::Foreign);
            }
            self.uses.note(uid, id);
            return Ok(Standing::Own(id));
        }
        // Perhaps it was ended by another instance.
        self.close(text).await;
        Ok(Standing::Unknown)
    }

    /// Gives a session that has just begun to its user. `client`: the params of its initialize.
    pub async fn claim(&self, text: &str, uid: &str, client: &str) -> Result<()> {
        let Some(id) = canonical(text) else {
            return Ok(());
        };
        match mcp_sessions::begin(&self.db, uid, id, client).await {
            Ok(ended) => {
                for oldest in ended {
                    self.close(&oldest.to_string()).await;
                }
                Ok(())
            }
            Err(error) => {
                self.close(text).await;
                Err(error.into())
            }
        }
    }

    pub async fn end(&self, uid: &str, id: Uuid) -> Result<()> {
        Ok(mcp_sessions::end(&self.db, uid, id).await?)
    }

    /// Held while the transport may make a session anew. None: it holds it, whole.
    pub async fn renewal(&self, id: Uuid) -> Option<OwnedMutexGuard<()>> {
        if !self.is_held(id).await {
            let renewal = self.renewals.get_with(id, Arc::default).lock_owned().await;
            // Another request may have made it in the meantime.
            return (!self.is_held(id).await).then_some(renewal);
        }
        // The transport holds a session as soon as it begins to make it anew.
        if let Some(renewal) = self.renewals.get(&id) {
            drop(renewal.lock().await);
        }
        None
    }

    async fn is_held(&self, id: Uuid) -> bool {
        let sessions = self.transport.sessions.read().await;
        sessions.contains_key(id.to_string().as_str())
    }

    async fn close(&self, id: &str) {
        if let Err(error) = self.transport.close_session(&id.into()).await {
            tracing::warn!(%error, "an MCP session did not end");
        }
    }
}

/// The transport compares ids as texts: another spelling would be another session.
fn canonical(text: &str) -> Option<Uuid> {
    let id: Uuid = text.parse().ok()?;
    (id.to_string() == text).then_some(id)
}

/// What the transport asks for. Sessions are kept and ended by the door, which knows whose they are.
struct Kept(Db);

#[async_trait::async_trait]
impl SessionStore for Kept {
    async fn load(&self, id: &str) -> std::result::Result<Option<SessionState>, SessionStoreError> {
        let Some(id) = canonical(id) else {
            return Ok(None);
        };
        let Some(session) = mcp_sessions::find(&self.0, id).await? else {
            return Ok(None);
        };
        let params: InitializeRequestParams = serde_json::from_str(&session.client)?;
        Ok(Some(SessionState::new(params)))
    }

    async fn store(&self, _: &str, _: &SessionState) -> std::result::Result<(), SessionStoreError> {
        Ok(())
    }

    async fn delete(&self, _: &str) -> std::result::Result<(), SessionStoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = "0b54a7b1-3a52-4f0c-9bb1-5f4f6d2e8a10";
        assert!(canonical(id).is_some());
        for other in [
            "",
            "x",
            "0B54A7B1-3A52-4F0C-9BB1-5F4F6D2E8A10",
            "0b54a7b13a524f0c9bb15f4f6d2e8a10",
            "{0b54a7b1-3a52-4f0c-9bb1-5f4f6d2e8a10}",
        ] {
            assert_eq!(canonical(other), None, "{other}");
        }
    }
}
