//! Public RSA keys that others sign with, fetched from a URL and kept while it does not answer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use jsonwebtoken::{DecodingKey, jwk::JwkSet};
use reqwest::{Client, header};
use serde_json::Value;

use super::endpoints;

/// Longest a fetch may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// A set of keys is small.
const LARGEST: usize = 256 * 1024;
/// How long keys count for that come without a lifetime.
const LIFETIME: Duration = Duration::from_secs(3600);
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Tokens with an unknown key cause one fetch in so long, however many they are.
const BETWEEN_FETCHES: Duration = Duration::from_secs(5);

/// What is known of a key.
pub enum Found {
    Key(Arc<DecodingKey>),
    /// The set was fetched a moment ago and does not hold it.
    Unknown,
    /// The set cannot be fetched, so nobody knows.
    Unavailable,
}

pub struct SigningKeys {
    url: String,
    client: Client,
    state: Mutex<State>,
    /// Held by whoever fetches; the others wait for the outcome.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    keys: HashMap<String, Arc<DecodingKey>>,
    /// When the last fetch ended, and whether it brought keys.
    fetched: Option<(Instant, bool)>,
    lifetime: Duration,
}

impl SigningKeys {
    pub fn new(url: &str) -> Result<Self> {
        let client = Client::builder().timeout(PATIENCE).build()?;
        Ok(Self {
            url: url.to_string(),
            client,
            state: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        })
    }

    /// The key with this id. One that is not known causes a fetch, now and then.
    pub async fn get(&self, id: &str) -> Found {
        if let Some(found) = self.settled(id) {
            return found;
        }
        let turn = self.fetching.lock().await;
        // Somebody else may have fetched meanwhile.
        if let Some(found) = self.settled(id) {
            return found;
        }
        self.fetch().await;
        drop(turn);
        self.settled(id).unwrap_or(Found::Unavailable)
    }

    /// None: only a fetch can tell.
    fn settled(&self, id: &str) -> Option<Found> {
        let state = self.state();
        if let Some(key) = state.keys.get(id) {
            return Some(Found::Key(key.clone()));
        }
        let (at, brought) = state.fetched?;
        if at.elapsed() > BETWEEN_FETCHES {
            return None;
        }
        Some(if brought {
            Found::Unknown
        } else {
            Found::Unavailable
        })
    }

    /// Keeps the keys fresh, so that no request has to wait for them.
    pub async fn refresh_forever(self: Arc<Self>) {
        let mut failures: u32 = 0;
        loop {
            let turn = self.fetching.lock().await;
            let brought = self.fetch().await;
            drop(turn);
            let pause = if brought {
                failures = 0;
                self.state().lifetime
            } else {
                let pause = Duration::from_secs(5 << failures);
                failures = (failures + 1).min(6);
                pause
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// False: it failed, and what was known stays.
    async fn fetch(&self) -> bool {
        let fetched = self.ask().await;
        let mut state = self.state();
        state.fetched = Some((Instant::now(), fetched.is_ok()));
        match fetched {
            Ok((keys, lifetime)) => {
                state.keys = keys;
                state.lifetime = lifetime;
                true
            }
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    known = state.keys.len(),
                    "signing keys could not be fetched; those that are known go on counting"
                );
                false
            }
        }
    }

    async fn ask(&self) -> Result<(HashMap<String, Arc<DecodingKey>>, Duration)> {
        let answer = self
            .client
            .get(&self.url)
            .send()
            .await?
            .error_for_status()?;
        let control = answer.headers().get(header::CACHE_CONTROL);
        let lifetime = control
            .and_then(|value| value.to_str().ok())
            .and_then(max_age)
            .unwrap_or(LIFETIME)
            .clamp(SHORTEST, LONGEST);
        let body = endpoints::body(answer, LARGEST).await?;
        Ok((read(&body)?, lifetime))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn max_age(control: &str) -> Option<Duration> {
    let seconds = control
        .split(',')
        .find_map(|part| part.trim().strip_prefix("max-age="))?;
    Some(Duration::from_secs(seconds.parse().ok()?))
}

/// A JWK set, or an object of X.509 certificates by key id. What is no RSA key is left out.
fn read(body: &[u8]) -> Result<HashMap<String, Arc<DecodingKey>>> {
    let value: Value = serde_json::from_slice(body).context("the set of keys is no JSON")?;
    let mut keys = HashMap::new();
    if let Some(list) = value.get("keys").and_then(Value::as_array) {
        for one in list.iter().filter(|one| one["kty"] == "RSA") {
            let set = serde_json::from_value::<JwkSet>(serde_json::json!({"keys": [one]}));
            let Ok(JwkSet { keys: set }) = set else {
                continue;
            };
            for jwk in set {
                if let (Some(id), Ok(key)) =
                    (jwk.common.key_id.clone(), DecodingKey::from_jwk(&jwk))
                {
                    keys.insert(id, Arc::new(key));
                }
            }
        }
    } else if let Some(certificates) = value.as_object() {
        for (id, certificate) in certificates {
            if let Some(Ok(key)) = certificate
                .as_str()
                .map(|pem| DecodingKey::from_rsa_pem(pem.as_bytes()))
            {
                keys.insert(id.clone(), Arc::new(key));
            }
        }
    }
    if keys.is_empty() {
        bail!("the set holds no RSA key");
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_lifetime_is_read_among_other_words() {
        assert_eq!(
            max_age("public, max-age=19845, must-revalidate"),
            Some(Duration::from_secs(19845))
        );
        assert_eq!(max_age("no-store"), None);
        assert_eq!(max_age("max-age=soon"), None);
    }

    #[test]
    fn a_set_without_keys_never_replaces_one_with_keys() {
        for body in ["{}", "[]", r#"{"keys": []}"#, r#"{"a": "b"}"#, "no JSON"] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
        let odd = r#"{"keys": [{"kty": "RSA", "kid": "a", "n": 5}, {"kty": "EC"}, 7,
                      {"kty": "RSA", "alg": "RS256", "kid": "b", "n": "sXch", "e": "AQAB"}]}"#;
        assert_eq!(read(odd.as_bytes()).unwrap().len(), 1);
    }
}
