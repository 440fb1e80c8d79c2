//! How many searches of one user run at the same time: who asks many questions at once waits for themselves, not others
//! for them.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Searches of one user at a time.
const AT_ONCE: usize = 3;
/// Users that are remembered. One who was forgotten begins anew.
const USERS: u64 = 10_000;

pub struct Turns(moka::sync::Cache<String, Arc<Semaphore>>);

impl Default for Turns {
    fn default() -> Self {
        Self(moka::sync::Cache::new(USERS))
    }
}

impl Turns {
    /// Waits until the user has fewer searches running. The turn ends when what this gives is dropped.
    pub async fn of(&self, uid: &str) -> Option<OwnedSemaphorePermit> {
        let mine = self
            .0
            .get_with_by_ref(uid, || Arc::new(Semaphore::new(AT_ONCE)));
        // Nobody closes it.
        mine.acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_user_waits_for_themselves_alone() {
        let turns = Turns::default();
        let soon = Duration::from_millis(20);
        let mut mine = Vec::new();
        for _ in 0..AT_ONCE {
            mine.push(tokio::time::timeout(soon, turns.of("ann")).await);
        }
        assert!(mine.iter().all(|turn| matches!(turn, Ok(Some(_)))));
        assert!(tokio::time::timeout(soon, turns.of("ann")).await.is_err());
        let other = tokio::time::timeout(soon, turns.of("ben")).await;
        assert!(matches!(other, Ok(Some(_))));
        mine.pop();
        let next = tokio::time::timeout(soon, turns.of("ann")).await;
        assert!(matches!(next, Ok(Some(_))));
    }
}
