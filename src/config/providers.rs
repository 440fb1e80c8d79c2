//! Settings of providers that vouch for people: Google and Apple.

use std::path::PathBuf;

use anyhow::{Result, bail};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{check_url, listed};
use crate::platform::openid::{Secret, Settings};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Google {
    client_id: String,
    client_secret: SecretString,
    newcomers: String,
    issuer: String,
    authorize_url: String,
    token_url: String,
    keys_url: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apple {
    client_id: String,
    team_id: String,
    key_id: String,
    private_key: String,
    newcomers: String,
    issuer: String,
    authorize_url: String,
    token_url: String,
    keys_url: String,
}

impl Google {
    /// Whose addresses get an account; empty: everybody's.
    pub fn newcomers(&self) -> Vec<String> {
        listed(&self.newcomers)
    }

    /// None: nobody signs in with Google.
    pub fn settings(&self) -> Option<Settings> {
        let client_id = self.client_id.trim();
        (!client_id.is_empty()).then(|| Settings {
            client_id: client_id.into(),
            secret: Secret::Fixed(self.client_secret.clone()),
            scope: "openid email profile",
            wishes: &[("prompt", "select_account")],
            issuer: self.issuer.clone(),
            authorize_url: self.authorize_url.clone(),
            token_url: self.token_url.clone(),
            keys_url: self.keys_url.clone(),
        })
    }

    pub(super) fn check(&self) -> Result<()> {
        let urls = [&self.authorize_url, &self.token_url, &self.keys_url];
        check_urls("google", urls)?;
        let secret = self.client_secret.expose_secret();
        together(
            "google",
            &[("client_id", &self.client_id), ("client_secret", secret)],
        )
    }
}

impl Apple {
    /// Whose addresses get an account; empty: everybody's.
    pub fn newcomers(&self) -> Vec<String> {
        listed(&self.newcomers)
    }

    /// None: nobody signs in with Apple.
    pub fn settings(&self) -> Option<Settings> {
        let client_id = self.client_id.trim();
        (!client_id.is_empty()).then(|| Settings {
            client_id: client_id.into(),
            secret: Secret::Signed {
                team_id: self.team_id.trim().into(),
                key_id: self.key_id.trim().into(),
                key_file: PathBuf::from(self.private_key.trim()),
            },
            scope: "openid name email",
            // Apple wants it so where a name or an address is asked for.
            wishes: &[("response_mode", "form_post")],
            issuer: self.issuer.clone(),
            authorize_url: self.authorize_url.clone(),
            token_url: self.token_url.clone(),
            keys_url: self.keys_url.clone(),
        })
    }

    pub(super) fn check(&self) -> Result<()> {
        let urls = [&self.authorize_url, &self.token_url, &self.keys_url];
        check_urls("apple", urls)?;
        together(
            "apple",
            &[
                ("client_id", &self.client_id),
                ("team_id", &self.team_id),
                ("key_id", &self.key_id),
                ("private_key", &self.private_key),
            ],
        )
    }
}

fn check_urls(section: &str, urls: [&String; 3]) -> Result<()> {
    for (name, url) in ["authorize_url", "token_url", "keys_url"].iter().zip(urls) {
        check_url(&format!("{section}.{name}"), url)?;
    }
    Ok(())
}

/// All of them are set, or none.
fn together(section: &str, settings: &[(&str, &str)]) -> Result<()> {
    let is_set = |value: &str| !value.trim().is_empty();
    let Some((set, _)) = settings.iter().find(|(_, value)| is_set(value)) else {
        return Ok(());
    };
    match settings.iter().find(|(_, value)| !is_set(value)) {
        Some((unset, _)) => {
            bail!("{section}.{unset} is not set, but {section}.{set} is: set both, or neither")
        }
        None => Ok(()),
    }
}
