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
    platform::{clock, database::Db, secrets},
};

/// How long a code waits to be exchanged.
const CODE_LIFETIME: Duration = Duration::minutes(5);
const LONGEST_REDIRECT: usize = 2000;

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

/// A code may go to an app's own scheme or to this very machine, nowhere else.
pub fn check_redirect(redirect_uri: &str) -> Result<Url> {
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

/// The address that takes the code to the app, with the app's own `state` as it came.
pub fn with_code(mut redirect: Url, code: &str, state: Option<&str>) -> String {
    let mut query = redirect.query_pairs_mut();
    query.append_pair("code", code);
    if let Some(state) = state {
        query.append_pair("state", state);
    }
    drop(query);
    redirect.into()
}

/// A code for a user who has shown who they are; it counts once, with the same `redirect_uri`.
pub async fn give_code(db: &Db, uid: &str, redirect_uri: &str) -> Result<String> {
    let code = secrets::random_hex(32);
    let row = store::Code {
        uid: uid.into(),
        redirect_uri: redirect_uri.into(),
        expires_at: clock::now() + CODE_LIFETIME,
    };
    store::insert(db, &secrets::fingerprint(&code), &row).await?;
    Ok(code)
}

/// Whose the code is. Whatever comes out, it is used up.
pub async fn redeem(db: &Db, code: &str, redirect_uri: &str) -> Result<String> {
    let found = store::take(db, &secrets::fingerprint(code)).await?;
    let Some(found) = found.filter(|found| found.expires_at > clock::now()) else {
        return Err(Error::BadRequest("Invalid or expired code".into()));
    };
    if found.redirect_uri != redirect_uri {
        return Err(Error::BadRequest("redirect_uri mismatch".into()));
    }
    Ok(found.uid)
}

/// Forgets codes that nobody came for.
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
        let url = check_redirect("omi://auth/callback?a=1").unwrap();
        assert_eq!(
            with_code(url.clone(), "c", Some("x&y=z ä")),
            "omi://auth/callback?a=1&code=c&state=x%26y%3Dz+%C3%A4"
        );
        assert_eq!(with_code(url, "c", None), "omi://auth/callback?a=1&code=c");
    }
}
