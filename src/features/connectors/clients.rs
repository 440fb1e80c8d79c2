//! Programs that introduce themselves (RFC 7591) before they ask users for access.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::{
    redirects,
    refusal::{Refusal, Result},
    store,
};
use crate::{
    app::Handles,
    error,
    features::credentials::{Kind, Who},
    platform::{clock, database::Db, ids, secrets},
};

/// How long a client is remembered that no user lets in.
const UNUSED: Duration = Duration::days(7);
/// And one that some user has let in, from then and from each new access token: longer than a refresh token waits.
pub(super) const USED: Duration = Duration::days(90);
/// Bytes of a secret.
const SECRET: usize = 32;
/// Most addresses of a client.
const MOST_ADDRESSES: usize = 16;
/// Longest name that is shown, in characters.
const LONGEST_NAME: usize = 80;

/// A client that the operator may allow besides: whoever has entered this name and a key for assistants as its secret in Claude,
/// as Omi's users have, need not enter anything else.
const OMI: &str = "omi";
const OMI_RETURNS: [&str; 2] = [
    "https://claude.ai/api/mcp/auth_callback",
    "https://claude.com/api/mcp/auth_callback",
];

/// How a client shows at the token endpoint that it is the one.
pub const WAYS: [&str; 3] = ["none", "client_secret_post", "client_secret_basic"];

/// What a client says of itself. Whatever else it says is not needed.
#[derive(Deserialize)]
pub struct NewClient {
    #[serde(default)]
    redirect_uris: Vec<String>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    client_name: Option<String>,
}

pub struct Client {
    pub id: Uuid,
    pub name: String,
    pub redirect_uris: Vec<String>,
    /// None: it has none, or its users have.
    pub(super) secret_hash: Option<Vec<u8>>,
}

impl Client {
    fn omi() -> Self {
        Self {
            id: Uuid::nil(),
            name: "Claude, with a key".into(),
            redirect_uris: OMI_RETURNS.map(Into::into).into(),
            secret_hash: None,
        }
    }
}

/// A client that has shown that it is the one.
pub struct Known {
    pub client: Client,
    /// The only user for whom it may act: whose secret it has shown.
    only: Option<Arc<str>>,
}

impl Known {
    pub(super) fn may_act_for(&self, uid: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == uid)
    }
}

/// A client that has just been made known.
pub struct Registered {
    pub client: Client,
    /// Shown once and never stored.
    pub secret: Option<String>,
    /// One of `WAYS`.
    pub way: &'static str,
    pub registered_at: DateTime<Utc>,
}

/// A new client each time, whoever asks: nobody can tell two of the same name apart.
pub async fn register(db: &Db, new: NewClient) -> Result<Registered> {
    let way = way(new.token_endpoint_auth_method.as_deref())?;
    let lacks = |list: &Option<Vec<String>>, needed: &str| {
        list.as_ref()
            .is_some_and(|list| !list.iter().any(|one| one == needed))
    };
    if lacks(&new.grant_types, "authorization_code") || lacks(&new.response_types, "code") {
        let text = "Only grant_types authorization_code and refresh_token and response_types code are known here.";
        return Err(Refusal::metadata(text));
    }
    let addresses = new.redirect_uris;
    if addresses.is_empty() || addresses.len() > MOST_ADDRESSES {
        let text = format!("redirect_uris must hold 1 to {MOST_ADDRESSES} addresses.");
        return Err(Refusal::new("invalid_redirect_uri", text));
    }
    if let Some(wrong) = addresses.iter().find(|one| redirects::parse(one).is_none()) {
        let shown: String = wrong.chars().take(100).collect();
        let text = format!(
            "{shown:?} cannot be a redirect_uri: it must be https, http on the loopback address, or an app's own scheme \
             such as com.example.app:/callback, without user, password and fragment, in 1000 bytes at most."
        );
        return Err(Refusal::new("invalid_redirect_uri", text));
    }
    let secret = (way != WAYS[0]).then(|| secrets::random_hex(SECRET));
    let now = clock::now();
    let client = Client {
        id: ids::new(),
        name: named(
            new.client_name.as_deref().unwrap_or_default(),
            &addresses[0],
        ),
        redirect_uris: addresses,
        secret_hash: secret.as_deref().map(secrets::fingerprint),
    };
    store::insert_client(db, &client, now, now + UNUSED).await?;
    Ok(Registered {
        client,
        secret,
        way,
        registered_at: now,
    })
}

/// As the standard has it, a client that does not say has a secret.
fn way(asked: Option<&str>) -> Result<&'static str> {
    let asked = asked.unwrap_or("client_secret_basic");
    WAYS.into_iter().find(|way| *way == asked).ok_or_else(|| {
        let text = format!(
            "token_endpoint_auth_method must be one of {}.",
            WAYS.join(", ")
        );
        Refusal::metadata(text)
    })
}

/// A name in one line that a person can read; else where the client is answered.
fn named(given: &str, address: &str) -> String {
    // Marks that turn the direction of writing could make a page say something else.
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let words: Vec<String> = given
        .split_whitespace()
        .map(|word| word.replace(hidden, ""))
        .filter(|word| !word.is_empty())
        .collect();
    let name: String = words.join(" ").chars().take(LONGEST_NAME).collect();
    if name.is_empty() {
        redirects::host(address)
    } else {
        name
    }
}

/// None: it is unknown, or was forgotten.
pub async fn find(app: &Handles, id: &str) -> error::Result<Option<Client>> {
    if id == OMI && app.config.connectors.omi_client {
        return Ok(Some(Client::omi()));
    }
    match id.parse() {
        Ok(id) => Ok(store::client(&app.db, id).await?),
        Err(_) => Ok(None),
    }
}

/// The client that this is, if it can show it.
pub async fn authenticate(app: &Handles, id: &str, secret: Option<&SecretString>) -> Result<Known> {
    let Some(client) = find(app, id).await? else {
        let text = "This client is not known here, or was forgotten because nobody let it in. Register again.";
        return Err(Refusal::new("invalid_client", text));
    };
    let shown = secret
        .map(|secret| secret.expose_secret())
        .unwrap_or_default();
    let mut only = None;
    let right = if client.id.is_nil() {
        only = whose_key(app, shown).await?;
        only.is_some()
    } else {
        match &client.secret_hash {
            None => true,
            Some(hash) => secrets::fingerprint(shown).ct_eq(hash).into(),
        }
    };
    if !right {
        let text = "The client_secret is missing or wrong.";
        return Err(Refusal::new("invalid_client", text));
    }
    Ok(Known { client, only })
}

/// Of a key for assistants.
async fn whose_key(app: &Handles, secret: &str) -> error::Result<Option<Arc<str>>> {
    Ok(match app.known.authenticate(&app.db, secret).await? {
        Who::Caller(caller) if caller.kind == Kind::Mcp => Some(caller.uid),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_readable_line() {
        let address = "https://a.example/cb";
        for (given, shown) in [
            ("  Claude \n Code ", "Claude Code"),
            ("\u{202e}edualC", "edualC"),
            (" \u{200b} ", "a.example"),
            ("", "a.example"),
        ] {
            assert_eq!(named(given, address), shown);
        }
        assert_eq!(named(&"x".repeat(200), address).len(), LONGEST_NAME);
    }
}
