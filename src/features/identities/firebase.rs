//! Firebase ID tokens: whether one counts, and whom it names.

use std::{sync::Arc, time::Duration};

use anyhow::Result as Started;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use moka::sync::Cache;
use serde::Deserialize;

use super::newcomers::{Newcomers, clean};
use crate::{
    error::{Error, Result},
    platform::{
        clock, ids,
        signing_keys::{Found, SigningKeys},
    },
};

/// Clocks may differ by so many seconds.
const LEEWAY: i64 = 60;
/// Longest uid that Firebase gives.
const LONGEST_UID: usize = 128;
const LONGEST_TOKEN: usize = 16 * 1024;
/// A token is looked at again after so long.
const KNOWN_FOR: Duration = Duration::from_secs(60);
const MOST: u64 = 20_000;

/// Whom a token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub uid: Arc<str>,
    pub name: String,
    /// As the token says it; proves nothing about local accounts.
    pub email: Option<String>,
    email_verified: bool,
    /// Epoch seconds.
    expires_at: i64,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    aud: String,
    iss: String,
    exp: i64,
    iat: i64,
    auth_time: Option<i64>,
    name: Option<String>,
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
}

pub struct Firebase {
    projects: Vec<String>,
    newcomers: Newcomers,
    keys: Arc<SigningKeys>,
    /// By SHA-256 of the token.
    known: Cache<[u8; 32], Person>,
}

impl Firebase {
    /// `projects`: ids, at least one. `newcomers`: whose addresses get an account, `@example.org` for all of a domain;
    /// none: everybody's.
    pub fn new(projects: Vec<String>, newcomers: &[String], keys_url: &str) -> Started<Self> {
        Ok(Self {
            projects,
            newcomers: Newcomers::new(newcomers),
            keys: Arc::new(SigningKeys::new(keys_url)?),
            known: Cache::builder()
                .max_capacity(MOST)
                .time_to_live(KNOWN_FOR)
                .build(),
        })
    }

    pub async fn refresh_forever(&self) {
        self.keys.clone().refresh_forever().await;
    }

    /// Whom the token names, and whether it is new here. None: it does not count. An error: nobody can tell now.
    pub(super) async fn verify(&self, token: &str) -> Result<Option<(Person, bool)>> {
        if token.len() > LONGEST_TOKEN {
            return Ok(None);
        }
        let now = clock::now().timestamp();
        let hash = ids::digest(token);
        if let Some(person) = self.known.get(&hash) {
            let counts = person.expires_at + LEEWAY > now;
            return Ok(counts.then_some((person, false)));
        }
        let Ok(header) = decode_header(token) else {
            return Ok(None);
        };
        let (Algorithm::RS256, Some(kid)) = (header.alg, header.kid) else {
            return Ok(None);
        };
        let key = match self.keys.get(&kid).await {
            Found::Key(key) => key,
            Found::Unknown => return Ok(None),
            // Not a refusal: that would sign people out because Google does not answer.
            Found::Unavailable => {
                let text = "the keys of Firebase cannot be fetched";
                return Err(Error::Unavailable(text.into()));
            }
        };
        let mut rules = Validation::new(Algorithm::RS256);
        rules.leeway = LEEWAY.unsigned_abs();
        rules.set_audience(&self.projects);
        rules.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        let Ok(found) = decode::<Claims>(token, &key, &rules) else {
            return Ok(None);
        };
        Ok(person(found.claims, now).map(|person| (person, true)))
    }

    /// Whether somebody who was never here gets an account.
    pub(super) fn welcomes(&self, person: &Person) -> bool {
        let verified = person.email.as_deref().filter(|_| person.email_verified);
        self.newcomers.welcome(verified)
    }

    /// Looks at every token again, and makes a row for whoever has none any more.
    pub fn forget(&self) {
        self.known.invalidate_all();
    }

    /// The user of this token has a row.
    pub(super) fn remember(&self, token: &str, person: Person) {
        self.known.insert(ids::digest(token), person);
    }
}

/// The rules that are Firebase's own; signature, audience and end have been looked at.
fn person(claims: Claims, now: i64) -> Option<Person> {
    let latest = now + LEEWAY;
    let uid_is_good = (1..=LONGEST_UID).contains(&claims.sub.chars().count())
        && !claims.sub.chars().any(char::is_control);
    let good = uid_is_good
        && claims.iss == format!("https://securetoken.google.com/{}", claims.aud)
        && claims.iat <= latest
        && claims.auth_time.is_none_or(|at| at <= latest);
    good.then(|| Person {
        uid: claims.sub.into(),
        name: clean(&claims.name.unwrap_or_default()),
        email: claims
            .email
            .map(|email| clean(&email))
            .filter(|email| !email.is_empty()),
        email_verified: claims.email_verified,
        expires_at: claims.exp,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn claims() -> Claims {
        Claims {
            sub: "u1".into(),
            aud: "p".into(),
            iss: "https://securetoken.google.com/p".into(),
            exp: 4600,
            iat: 1000,
            auth_time: None,
            name: Some(" Ann\u{0} ".into()),
            email: Some(String::new()),
            email_verified: true,
        }
    }

    #[test]
    fn an_address_chooses_nobody_before_it_is_verified() {
        let listed = ["ann@example.org".to_string()];
        let firebase = Firebase::new(vec!["p".into()], &listed, "http://127.0.0.1:1").unwrap();
        for verified in [true, false] {
            let claims = Claims {
                email: Some("Ann@example.org".into()),
                email_verified: verified,
                ..claims()
            };
            let person = person(claims, 1000).unwrap();
            assert_eq!(firebase.welcomes(&person), verified);
        }
    }

    #[test]
    fn a_person_needs_a_uid_an_issuer_and_a_past() {
        let ann = person(claims(), 1000).unwrap();
        assert_eq!(
            (&*ann.uid, ann.name.as_str(), ann.email),
            ("u1", "Ann", None)
        );
        let refused = |change: &dyn Fn(&mut Claims)| {
            let mut claims = claims();
            change(&mut claims);
            person(claims, 1000).is_none()
        };
        assert!(refused(&|one| one.sub = String::new()));
        assert!(refused(&|one| one.sub = "u".repeat(129)));
        assert!(refused(&|one| one.sub = "u\u{0}".into()));
        assert!(refused(
            &|one| one.iss = "https://securetoken.google.com/q".into()
        ));
        assert!(refused(&|one| one.iat = 1061));
        assert!(refused(&|one| one.auth_time = Some(1061)));
        assert!(!refused(&|one| one.sub = "u".repeat(128)));
        assert!(!refused(&|one| one.iat = 1060));
    }
}
