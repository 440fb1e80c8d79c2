//! Whose session it is. The transport knows sessions but no users.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rmcp::transport::streamable_http_server::session::{
    SessionId, SessionManager as _, local::LocalSessionManager,
};

/// Most sessions of one user; the oldest ends when another begins. The transport itself ends those that are idle for
/// five minutes.
const MOST: usize = 100;

#[derive(Default)]
pub struct Sessions {
    pub transport: Arc<LocalSessionManager>,
    owners: Mutex<HashMap<SessionId, Owner>>,
    begun: AtomicU64,
}

struct Owner {
    uid: String,
    /// Greater: younger.
    number: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Own,
    /// Another user's, or not yet given to anybody.
    Foreign,
    /// Never begun, or ended.
    Unknown,
}

impl Sessions {
    pub async fn standing(&self, id: &str, uid: &str) -> Standing {
        let alive = self.transport.sessions.read().await.contains_key(id);
        let mut owners = self.owners();
        if !alive {
            owners.remove(id);
            return Standing::Unknown;
        }
        match owners.get(id) {
            Some(owner) if owner.uid == uid => Standing::Own,
            _ => Standing::Foreign,
        }
    }

    /// Gives a session that has just begun to its user.
    pub async fn claim(&self, id: &str, uid: &str) {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let surplus = {
            let alive = self.transport.sessions.read().await;
            let mut owners = self.owners();
            owners.retain(|id, _| alive.contains_key(id));
            let uid = uid.to_string();
            owners.insert(id.into(), Owner { uid, number });
            surplus(&mut owners, id)
        };
        if let Some(oldest) = surplus
            && let Err(error) = self.transport.close_session(&oldest).await
        {
            tracing::warn!(%error, "an MCP session did not end");
        }
    }

    pub fn forget(&self, id: &str) {
        self.owners().remove(id);
    }

    fn owners(&self) -> MutexGuard<'_, HashMap<SessionId, Owner>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes out the oldest session of a newcomer's user, if there are too many.
fn surplus(owners: &mut HashMap<SessionId, Owner>, newcomer: &str) -> Option<SessionId> {
    let uid = &owners.get(newcomer)?.uid;
    let same = || owners.iter().filter(|(_, owner)| owner.uid == *uid);
    if same().count() <= MOST {
        return None;
    }
    let (oldest, _) = same().min_by_key(|(_, owner)| owner.number)?;
    let oldest = oldest.clone();
    owners.remove(&oldest);
    Some(oldest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    async fn begin(sessions: &Sessions, uid: &str) -> SessionId {
        let (id, _) = sessions.transport.create_session().await.unwrap();
        sessions.claim(&id, uid).await;
        id
    }

    #[tokio::test]
    async fn a_session_is_its_users_until_it_ends() {
        let sessions = Sessions::default();
        let id = begin(&sessions, "ann").await;
        assert_eq!(sessions.standing(&id, "ann").await, Standing::Own);
        assert_eq!(sessions.standing(&id, "ben").await, Standing::Foreign);
        assert_eq!(sessions.standing("other", "ann").await, Standing::Unknown);
        let (unclaimed, _) = sessions.transport.create_session().await.unwrap();
        assert_eq!(
            sessions.standing(&unclaimed, "ann").await,
            Standing::Foreign
        );
        sessions.transport.close_session(&id).await.unwrap();
        assert_eq!(sessions.standing(&id, "ben").await, Standing::Unknown);
        assert!(sessions.owners().is_empty());
    }

    #[tokio::test]
    async fn the_oldest_session_makes_room_for_the_newest() {
        let sessions = Sessions::default();
        let others = begin(&sessions, "ben").await;
        let oldest = begin(&sessions, "ann").await;
        let second = begin(&sessions, "ann").await;
        for _ in 2..MOST {
            begin(&sessions, "ann").await;
        }
        assert_eq!(sessions.standing(&oldest, "ann").await, Standing::Own);
        let newest = begin(&sessions, "ann").await;
        assert_eq!(sessions.standing(&oldest, "ann").await, Standing::Unknown);
        assert!(!sessions.transport.has_session(&oldest).await.unwrap());
        for id in [second, newest] {
            assert_eq!(sessions.standing(&id, "ann").await, Standing::Own);
        }
        assert_eq!(sessions.standing(&others, "ben").await, Standing::Own);
    }
}
