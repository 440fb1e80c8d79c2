//! Signing in at a provider: a browser goes there, and comes back with a code that says who it is.

use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;

use super::{
    linking,
    newcomers::{clean, unwelcome},
    providers::{Provider, Trusted},
    sign_in::{Wanted, give_code},
    store,
};
use crate::{
    app::Handles,
    error::{Error, Result},
    features::accounts,
    platform::{
        clock,
        database::Db,
        ids,
        openid::{self, Failure, Identity},
        secrets,
    },
};

/// How long a provider may keep a browser.
pub const VISIT: Duration = Duration::minutes(5);
/// Longest code that is handed on, in bytes.
const LONGEST_CODE: usize = 4096;
/// Bytes of a secret.
const SECRET: usize = 32;

const LOST: &str = "This sign-in has taken too long, was completed before, or began in another browser. Start again from the app.";

/// A browser that is sent to a provider.
pub struct Departure {
    pub provider: Provider,
    /// Where it goes.
    pub address: String,
    /// Name and value of what it keeps until it is back, for so long at most as a visit takes.
    pub cookie: (String, String),
}

/// What a browser brings back.
pub struct Back<'a> {
    pub state: &'a str,
    /// The value of its cookie.
    pub browser: &'a str,
    pub code: Option<&'a str>,
    /// By its name in the standard.
    pub error: Option<&'a str>,
    /// What Apple tells of somebody once, as JSON.
    pub user: Option<&'a str>,
}

/// How a visit ended.
pub enum Ended {
    /// The address that takes a code to the app.
    SignedIn(String),
    Linked,
    /// The user did not want to. The address that tells the app, if one waits.
    Declined(Option<String>),
}

/// What a browser goes to a provider for.
pub(super) enum Purpose<'a> {
    SignIn(&'a Wanted),
    /// This user gets the identity.
    Link(&'a str),
}

/// Sends a browser to sign in. `callback`: where it comes back to.
pub async fn depart(
    app: &Handles,
    provider: Provider,
    callback: &str,
    wanted: &Wanted,
) -> Result<Departure> {
    send(app, provider, callback, Purpose::SignIn(wanted)).await
}

pub(super) async fn send(
    app: &Handles,
    provider: Provider,
    callback: &str,
    purpose: Purpose<'_>,
) -> Result<Departure> {
    let trusted = app.providers.get(provider)?;
    let state = secrets::random_hex(SECRET);
    let browser = secrets::random_hex(SECRET);
    let (uid, wanted) = match purpose {
        Purpose::SignIn(wanted) => (None, Some(wanted)),
        Purpose::Link(uid) => (Some(uid.to_string()), None),
    };
    let row = store::Visit {
        uid,
        redirect_uri: wanted.map(|wanted| wanted.redirect_uri().to_string()),
        app_state: wanted.and_then(|wanted| wanted.state.clone()),
        challenge: wanted.and_then(|wanted| wanted.challenge.clone()),
        expires_at: clock::now() + VISIT,
    };
    let hashes = hashes(&state, &browser);
    store::insert_visit(&app.db, &hashes, provider.as_str(), &row).await?;
    let (nonce, verifier) = derived(&state, &browser);
    let address = trusted.openid.address(&openid::Visit {
        redirect_uri: callback,
        state: &state,
        nonce: &nonce,
        verifier: &verifier,
    });
    let name = cookie(&state).unwrap_or_default();
    Ok(Departure {
        provider,
        address,
        cookie: (name, browser),
    })
}

/// The name of the cookie of the browser with that state. None: no state is like that.
pub fn cookie(state: &str) -> Option<String> {
    let hex = state.len() == 2 * SECRET && state.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex.then(|| format!("omi_sign_in_{}", &state[..16]))
}

/// What the database knows a visit by.
fn hashes(state: &str, browser: &str) -> (Vec<u8>, Vec<u8>) {
    (secrets::fingerprint(state), secrets::fingerprint(browser))
}

/// Nonce and verifier follow from what only that browser has: nobody else can end its visit.
fn derived(state: &str, browser: &str) -> (String, String) {
    let secret = |what: &str| hex::encode(ids::digest(&format!("{what} {state} {browser}")));
    (secret("nonce"), secret("verifier"))
}

/// Ends a visit, once, whatever comes out.
pub async fn arrive(
    app: &Handles,
    provider: Provider,
    callback: &str,
    back: Back<'_>,
) -> Result<Ended> {
    let trusted = app.providers.get(provider)?;
    let hashes = hashes(back.state, back.browser);
    let visit = store::take_visit(&app.db, &hashes, provider.as_str()).await?;
    let now = clock::now();
    let visit = visit.filter(|visit| visit.expires_at > now);
    let visit = visit.ok_or(Error::BadRequest(LOST.into()))?;
    let wanted = match &visit.redirect_uri {
        Some(redirect_uri) => Some(Wanted::new(
            redirect_uri,
            visit.app_state.clone(),
            visit.challenge.clone(),
        )?),
        None => None,
    };
    if let Some(error) = back.error {
        return match declined(provider, error) {
            Some(refused) => Err(refused),
            None => Ok(Ended::Declined(wanted.map(|wanted| wanted.declined()))),
        };
    }
    let code = back
        .code
        .filter(|code| (1..=LONGEST_CODE).contains(&code.len()));
    let code = code.ok_or_else(|| {
        Error::BadRequest(format!(
            "{} has sent no code. Start again.",
            provider.name()
        ))
    })?;
    let (nonce, verifier) = derived(back.state, back.browser);
    let whereabouts = openid::Visit {
        redirect_uri: callback,
        state: back.state,
        nonce: &nonce,
        verifier: &verifier,
    };
    let identity = trusted.openid.exchange(code, &whereabouts).await;
    let mut identity = identity.map_err(|failure| told(provider, failure))?;
    identity.email = identity
        .email
        .map(|email| clean(&email))
        .filter(|email| !email.is_empty());
    match (visit.uid, wanted) {
        (Some(uid), _) => {
            linking::link(&app.db, &uid, provider, &identity, now).await?;
            Ok(Ended::Linked)
        }
        (None, Some(wanted)) => {
            let name = identity
                .name
                .take()
                .or_else(|| back.user.and_then(name_by_apple));
            let name = clean(&name.unwrap_or_default());
            let uid = user_of(&app.db, trusted, provider, &identity, &name, now).await?;
            let address = give_code(&app.db, &uid, provider.as_str(), &wanted).await?;
            Ok(Ended::SignedIn(address))
        }
        (None, None) => Err(Error::BadRequest(LOST.into())),
    }
}

/// None: the user did not want to.
fn declined(provider: Provider, error: &str) -> Option<Error> {
    let name = provider.name();
    match error {
        "access_denied" | "user_cancelled_authorize" => None,
        "server_error" | "temporarily_unavailable" => {
            Some(Error::Unavailable(format!("{name} does not answer")))
        }
        other => {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let other: String = other.chars().filter(|c| word(*c)).take(60).collect();
            let text = format!("{name} has not signed you in ({other}). Start again.");
            Some(Error::BadRequest(text))
        }
    }
}

fn told(provider: Provider, failure: Failure) -> Error {
    let name = provider.name();
    match failure {
        Failure::Unavailable(why) => {
            tracing::warn!(why, "{name} does not answer");
            Error::Unavailable(format!("{name} does not answer"))
        }
        Failure::Refused(why) => {
            tracing::warn!(why, "somebody could not sign in with {name}");
            Error::BadRequest(format!(
                "What {name} says of you does not count here. Start again; the server's log says more."
            ))
        }
    }
}

/// Whose identity it is. Whoever comes for the first time gets an account of their own: an address never opens another's.
async fn user_of(
    db: &Db,
    trusted: &Trusted,
    provider: Provider,
    identity: &Identity,
    name: &str,
    now: DateTime<Utc>,
) -> Result<String> {
    if let Some(uid) = store::owner(db, &identity.issuer, &identity.subject).await? {
        return Ok(uid);
    }
    let email = identity.email.as_deref();
    if !trusted.newcomers.welcome(email) {
        return Err(unwelcome());
    }
    let uid = ids::new().to_string();
    let mut tx = db.begin().await?;
    accounts::ensure(&mut *tx, &uid, name, email).await?;
    if store::insert(&mut *tx, &uid, provider.as_str(), identity, now).await? {
        tx.commit().await?;
        return Ok(uid);
    }
    // They came twice at once.
    tx.rollback().await?;
    let uid = store::owner(db, &identity.issuer, &identity.subject).await?;
    uid.ok_or(Error::Unavailable("somebody else signs in".into()))
}

#[derive(Deserialize)]
struct ByApple {
    name: NameByApple,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NameByApple {
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    last_name: String,
}

fn name_by_apple(user: &str) -> Option<String> {
    let told: ByApple = serde_json::from_str(user).ok()?;
    let NameByApple {
        first_name,
        last_name,
    } = told.name;
    Some(format!("{first_name} {last_name}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_visit_is_bound_to_its_browser() {
        let (state, browser) = ("a".repeat(64), "b".repeat(64));
        let (nonce, verifier) = derived(&state, &browser);
        assert_ne!(nonce, verifier);
        assert_eq!(verifier.len(), 64);
        assert_ne!(derived(&state, &"c".repeat(64)), (nonce, verifier));
        assert_eq!(cookie(&state).unwrap(), "omi_sign_in_aaaaaaaaaaaaaaaa");
        for odd in ["", "a=b; c", &"g".repeat(64), &"a".repeat(65)] {
            assert_eq!(cookie(odd), None, "{odd}");
        }
    }

    #[test]
    fn apple_tells_a_name_once() {
        let told = r#"{"name": {"firstName": "Ann", "lastName": "Lee"}, "email": "x"}"#;
        assert_eq!(name_by_apple(told).unwrap(), "Ann Lee");
        assert_eq!(clean(&name_by_apple(r#"{"name": {}}"#).unwrap()), "");
        assert_eq!(name_by_apple("no JSON"), None);
    }

    #[test]
    fn a_refusal_names_its_reason_and_nothing_else() {
        assert!(declined(Provider::Google, "access_denied").is_none());
        let odd = declined(Provider::Apple, "<script>invalid_scope").unwrap();
        let text = odd.to_string();
        assert!(text.contains("(scriptinvalid_scope)"), "{text}");
        let down = declined(Provider::Google, "server_error").unwrap();
        assert!(down.is_unavailable());
    }
}
