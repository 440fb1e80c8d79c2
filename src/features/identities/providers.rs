//! Who vouches for people besides Firebase, as far as the operator has set it up.

use anyhow::{Context as _, Result as Started};
use serde::Serialize;
use utoipa::ToSchema;

use super::newcomers::Newcomers;
use crate::{
    error::{Error, Result},
    platform::openid::{self, Settings},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    Google,
    Apple,
}

impl Provider {
    pub const ALL: [Self; 2] = [Self::Google, Self::Apple];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::Apple => "apple",
        }
    }

    /// As people know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Google => "Google",
            Self::Apple => "Apple",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

/// One that is set up.
pub(super) struct Trusted {
    pub openid: openid::Provider,
    pub newcomers: Newcomers,
}

#[derive(Default)]
pub struct Providers {
    google: Option<Trusted>,
    apple: Option<Trusted>,
}

/// What the operator says of a provider, and who gets an account.
pub type Setup = (Option<Settings>, Vec<String>);

impl Providers {
    pub fn new(google: Setup, apple: Setup) -> Started<Self> {
        let start = |section: &str, (settings, newcomers): Setup| {
            let openid = settings.map(openid::Provider::new).transpose();
            let openid = openid.with_context(|| format!("the settings of {section}"))?;
            Ok::<_, anyhow::Error>(openid.map(|openid| Trusted {
                openid,
                newcomers: Newcomers::new(&newcomers),
            }))
        };
        Ok(Self {
            google: start("google", google)?,
            apple: start("apple", apple)?,
        })
    }

    fn find(&self, provider: Provider) -> Option<&Trusted> {
        match provider {
            Provider::Google => self.google.as_ref(),
            Provider::Apple => self.apple.as_ref(),
        }
    }

    pub fn has(&self, provider: Provider) -> bool {
        self.find(provider).is_some()
    }

    pub(super) fn get(&self, provider: Provider) -> Result<&Trusted> {
        self.find(provider)
            .ok_or_else(|| Error::BadRequest(not_set_up(provider)))
    }

    /// Keeps the keys of all providers fresh.
    pub async fn refresh_forever(&self) {
        let set_up = [&self.google, &self.apple].into_iter().flatten();
        let refreshing = set_up.map(|one| one.openid.refresh_forever());
        futures_util::future::join_all(refreshing).await;
    }
}

pub fn not_set_up(provider: Provider) -> String {
    format!(
        "This server is not set up for signing in with {}.",
        provider.name()
    )
}
