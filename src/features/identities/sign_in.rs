//! Signing in through a browser: the code that a page hands to the app, and what the app gets for it.

use std::path::Path;

use anyhow::{Context as _, Result as Started};
use chrono::Duration;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::store;
use crate::{
    error::{Error, Result},
    platform::{clock, database::Db, openid, secrets},
};

/// How long a code waits to be exchanged.
const CODE_LIFETIME: Duration = Duration::minutes(5);
const LONGEST_REDIRECT: usize = 2000;
/// Longest state that is given back, in bytes.
const LONGEST_STATE: usize = 2048;

/// Schemes that a browser acts upon by itself, or that lead to a site.
const NOT_AN_APP: [&str; 20] = [
    "about",
    "blob",
    "content",
    "data",
    "file",
    "filesystem",
    "ftp",
    "https",
    "intent",
    "javascript",
    "jar",
    "mailto",
    "ms-appx",
    "resource",
    "sms",
    "tel",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

/// Where this server's own pages wait for a code: the one redirect that is no app's.
pub const OWN_PAGE: &str = "/signed-in";

/// What an app waits for.
#[derive(Debug)]
pub struct Wanted {
    /// None: `OWN_PAGE`.
    redirect: Option<Url>,
    /// As the app wrote it.
    redirect_uri: String,
    pub state: Option<String>,
    /// Of the verifier that the app will show (S256).
    pub challenge: Option<String>,
}

impl Wanted {
    pub fn new(
        redirect_uri: &str,
        state: Option<String>,
        challenge: Option<String>,
    ) -> Result<Self> {
        if state
            .as_ref()
            .is_some_and(|state| state.len() > LONGEST_STATE)
        {
            let text = format!("state may have {LONGEST_STATE} bytes at most");
            return Err(Error::BadRequest(text));
        }
        if challenge
            .as_deref()
            .is_some_and(|challenge| !openid::is_challenge(challenge))
        {
            let text =
                "code_challenge must be the SHA-256 of the verifier in base64url, 43 characters";
            return Err(Error::BadRequest(text.into()));
        }
        Ok(Self {
            redirect: match redirect_uri {
                OWN_PAGE => None,
                address => Some(check_redirect(address)?),
            },
            redirect_uri: redirect_uri.into(),
            state,
            challenge,
        })
    }

    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// The address that tells the app that the user did not want to.
    pub(super) fn declined(&self) -> String {
        self.answer("error", "access_denied")
    }

    /// The address with something for the app, and the app's own `state` as it came.
    fn answer(&self, name: &str, value: &str) -> String {
        let state = self.state.as_deref();
        let pairs = [(name, Some(value)), ("state", state)];
        let pairs = pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        match &self.redirect {
            Some(address) => {
                let mut address = address.clone();
                address.query_pairs_mut().extend_pairs(pairs);
                address.into()
            }
            None => {
                let mut query = form_urlencoded::Serializer::new(String::new());
                format!("{OWN_PAGE}?{}", query.extend_pairs(pairs).finish())
            }
        }
    }
}

/// A code may go to an app's own scheme or to this very machine, nowhere else.
fn check_redirect(redirect_uri: &str) -> Result<Url> {
    let refused = || {
        Error::BadRequest(
            "redirect_uri must be an address of an app, such as omi://auth/callback, or http:// on the loopback address"
                .into(),
        )
    };
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    if redirect_uri.len() > LONGEST_REDIRECT || redirect_uri.chars().any(odd) {
        return Err(refused());
    }
    let url = Url::parse(redirect_uri).map_err(|_| refused())?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none()
        && !url.cannot_be_a_base();
    let allowed = match url.scheme() {
        "http" => matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")),
        scheme => !NOT_AN_APP.contains(&scheme),
    };
    if plain && allowed {
        Ok(url)
    } else {
        Err(refused())
    }
}

/// The address that takes a code to the app, for a user who has shown who they are; it counts once, with the same
/// `redirect_uri` and verifier. `provider`: who says that it is the user.
pub async fn give_code(db: &Db, uid: &str, provider: &str, wanted: &Wanted) -> Result<String> {
    let code = secrets::random_hex(32);
    let row = store::Code {
        uid: uid.into(),
        redirect_uri: wanted.redirect_uri.clone(),
        provider: provider.into(),
        challenge: wanted.challenge.clone(),
        expires_at: clock::now() + CODE_LIFETIME,
    };
    store::insert_code(db, &secrets::fingerprint(&code), &row).await?;
    Ok(wanted.answer("code", &code))
}

/// Who came with a code.
pub struct Redeemed {
    pub uid: String,
    /// Who said that it is the user: the name of a provider, or `local`.
    pub provider: String,
}

/// Whose the code is. Whatever comes out, it is used up.
pub async fn redeem(
    db: &Db,
    code: &str,
    redirect_uri: &str,
    verifier: Option<&str>,
) -> Result<Redeemed> {
    let found = store::take_code(db, &secrets::fingerprint(code)).await?;
    let Some(found) = found.filter(|found| found.expires_at > clock::now()) else {
        return Err(Error::BadRequest("Invalid or expired code".into()));
    };
    if found.redirect_uri != redirect_uri {
        return Err(Error::BadRequest("redirect_uri mismatch".into()));
    }
    if found.challenge != verifier.map(openid::challenge) {
        return Err(Error::BadRequest("code_verifier mismatch".into()));
    }
    Ok(Redeemed {
        uid: found.uid,
        provider: found.provider,
    })
}

/// Forgets codes that nobody came for, and visits and tickets that came to nothing.
pub async fn purge(db: &Db) -> Result<()> {
    Ok(store::purge(db, clock::now()).await?)
}

/// The operator's account at Firebase, which says there who somebody is.
pub struct ServiceAccount {
    email: String,
    key: EncodingKey,
}

#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key: SecretString,
}

#[derive(Serialize)]
struct CustomToken<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'static str,
    iat: i64,
    exp: i64,
    uid: &'a str,
}

impl ServiceAccount {
    /// From the JSON file that Firebase gives its owner.
    pub fn read(path: &Path) -> Started<Self> {
        let told = || {
            format!(
                "firebase.service_account: {} is no key file of a service account",
                path.display()
            )
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("firebase.service_account: {}", path.display()))?;
        let file: KeyFile = serde_json::from_str(&text).with_context(told)?;
        let key = EncodingKey::from_rsa_pem(file.private_key.expose_secret().as_bytes())
            .with_context(told)?;
        Ok(Self {
            email: file.client_email,
            key,
        })
    }

    /// What Firebase exchanges for its own tokens of this user, within an hour.
    pub fn custom_token(&self, uid: &str) -> Result<String> {
        let now = clock::now().timestamp();
        let claims = CustomToken {
            iss: &self.email,
            sub: &self.email,
            aud: "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit",
            iat: now,
            exp: now + 3600,
            uid,
        };
        let token = encode(&Header::new(Algorithm::RS256), &claims, &self.key);
        Ok(token.context("a custom token could not be signed")?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn codes_go_to_apps_and_to_this_machine_only() {
        for good in [
            "omi://auth/callback",
            "com.example.app:/callback",
            "http://localhost:5000/cb",
            "http://127.0.0.1/cb?x=1",
            "http://[::1]:9/cb",
        ] {
            assert!(check_redirect(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/callback",
            "https://omi.me/cb",
            "HTTPS://omi.me/cb",
            "http://example.org/cb",
            "http://localhost.evil.example/",
            "http://localhost@evil.example/",
            "http://127.0.0.1.evil.example/",
            "javascript:alert(1)",
            "JavaScript://x/%0aalert(1)",
            "java\nscript://x/",
            "data:text/html,x",
            "intent://x#Intent;end",
            "file:///etc/passwd",
            "omi://auth/callback#fragment",
            "omi://user@auth/callback",
            "omi:\\\\auth",
        ] {
            assert!(check_redirect(bad).is_err(), "{bad}");
        }
        assert!(check_redirect(&format!("omi://{}", "a".repeat(2000))).is_err());
    }

    #[test]
    fn the_state_goes_back_as_it_came() {
        let wanted = |state: Option<&str>| {
            let state = state.map(str::to_string);
            Wanted::new("omi://auth/callback?a=1", state, None).unwrap()
        };
        assert_eq!(
            wanted(Some("x&y=z ä")).answer("code", "c"),
            "omi://auth/callback?a=1&code=c&state=x%26y%3Dz+%C3%A4"
        );
        assert_eq!(
            wanted(None).declined(),
            "omi://auth/callback?a=1&error=access_denied"
        );
    }

    #[test]
    fn a_challenge_is_a_digest() {
        let wanted = |challenge: &str| Wanted::new("omi://a", None, Some(challenge.into()));
        assert!(wanted("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").is_ok());
        for odd in ["", "short", &"a".repeat(44), &"=".repeat(43)] {
            assert!(wanted(odd).is_err(), "{odd}");
        }
        assert!(Wanted::new("omi://a", Some("s".repeat(2049)), None).is_err());
    }
}
