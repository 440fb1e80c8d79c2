//! People and their profiles.

mod platforms;
mod store;

pub use platforms::Platforms;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use sqlx::{PgConnection, PgExecutor};

use crate::{
    error::{Error, Result},
    platform::{clock, database::Db, ids, secrets},
};

pub struct NewUser {
    pub email: String,
    pub name: String,
    /// IANA name.
    pub time_zone: Option<String>,
    pub password: String,
}

/// What other features need to know of a user.
#[derive(Clone, Debug)]
pub struct Profile {
    pub name: String,
    pub time_zone: Tz,
    /// BCP 47. None: what is written for the user is in the language that was spoken.
    pub language: Option<String>,
}

/// Shortest password that is taken.
pub const MINIMUM_PASSWORD: usize = 8;

/// Creates a local account and returns its uid.
pub async fn create(db: &Db, user: NewUser) -> Result<String> {
    let email = normalised_email(&user.email)?;
    if user.password.chars().count() < MINIMUM_PASSWORD {
        return Err(Error::invalid(
            "password",
            format!("the password must have at least {MINIMUM_PASSWORD} characters"),
        ));
    }
    if let Some(zone) = &user.time_zone {
        known_zone(zone)?;
    }
    let hash = secrets::hash_password(user.password).await?;
    let uid = ids::new().to_string();
    let mut tx = db.begin().await?;
    store::insert(
        &mut tx,
        &uid,
        user.name.trim(),
        &hash,
        user.time_zone.as_deref(),
        clock::now(),
    )
    .await?;
    if !store::insert_email(&mut tx, &uid, &email).await? {
        return Err(Error::Conflict(format!(
            "{email} already has an account; use another address"
        )));
    }
    tx.commit().await?;
    Ok(uid)
}

pub async fn exists(db: &Db, uid: &str) -> Result<bool> {
    Ok(store::profile(db, uid).await?.is_some())
}

/// A row for a user whom somebody outside vouches for. `email` is shown only: it joins no local account.
pub async fn ensure(
    db: impl PgExecutor<'_>,
    uid: &str,
    name: &str,
    email: Option<&str>,
) -> Result<()> {
    Ok(store::ensure(db, uid, name, email, clock::now()).await?)
}

/// Whether somebody can sign in to the account with a password.
pub async fn has_password(db: impl PgExecutor<'_>, uid: &str) -> Result<bool> {
    Ok(store::has_password(db, uid).await?)
}

/// Longest password that is looked at, in bytes.
const MAXIMUM_PASSWORD: usize = 1024;

/// The uid of the account that this address and password belong to. An unknown address takes as long as a wrong password.
pub async fn verify(db: &Db, email: &str, password: SecretString) -> Result<Option<String>> {
    if password.expose_secret().len() > MAXIMUM_PASSWORD {
        return Err(Error::invalid(
            "password",
            format!("password must have at most {MAXIMUM_PASSWORD} bytes"),
        ));
    }
    let email = normalised_email(email)?;
    let known = store::password_of_email(db, &email).await?;
    let (uid, hash) = match known {
        Some((uid, Some(hash))) => (Some(uid), hash),
        _ => (None, secrets::nobodys_password().await?),
    };
    let right = secrets::verify_password(password, hash).await?;
    Ok(uid.filter(|_| right))
}

/// The uid of the account with this e-mail address.
pub async fn find(db: &Db, email: &str) -> Result<String> {
    let email = normalised_email(email)?;
    store::uid_of_email(db, &email)
        .await?
        .ok_or(Error::NotFound("User"))
}

pub async fn profile(db: &Db, uid: &str) -> Result<Profile> {
    let row = store::profile(db, uid)
        .await?
        .ok_or(Error::NotFound("User"))?;
    Ok(Profile {
        name: row.name,
        time_zone: row
            .time_zone
            .and_then(|zone| zone.parse().ok())
            .unwrap_or(Tz::UTC),
        language: row.language,
    })
}

/// An account as its owner sees it.
pub struct Account {
    pub name: String,
    pub email: Option<String>,
    pub time_zone: Option<String>,
    pub language: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// What a user has come with.
#[derive(Serialize)]
pub struct PlatformUse {
    pub platform: String,
    pub first_used_at: DateTime<Utc>,
    /// Exact to ten minutes.
    pub last_used_at: DateTime<Utc>,
}

/// The first at first.
pub async fn platforms(db: &Db, uid: &str) -> Result<Vec<PlatformUse>> {
    Ok(store::platforms(db, uid).await?)
}

pub async fn account(db: &Db, uid: &str) -> Result<Account> {
    store::account(db, uid)
        .await?
        .ok_or(Error::NotFound("User"))
}

/// Nobody signs in to it any more, and its address is free.
pub async fn close(tx: &mut PgConnection, uid: &str) -> Result<()> {
    Ok(store::close(tx, uid).await?)
}

/// `language`: as BCP 47 writes it, or what a client calls one so.
pub async fn set_language(tx: &mut PgConnection, uid: &str, language: &str) -> Result<()> {
    let spelled = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if language.is_empty() || language.len() > 35 || !language.chars().all(spelled) {
        return Err(Error::invalid(
            "language",
            "language must be the code of a language, such as en or pt-BR",
        ));
    }
    Ok(store::set_language(tx, uid, language).await?)
}

/// `time_zone`: its IANA name.
pub async fn set_time_zone(tx: &mut PgConnection, uid: &str, time_zone: &str) -> Result<()> {
    known_zone(time_zone)?;
    Ok(store::set_time_zone(tx, uid, time_zone).await?)
}

fn known_zone(name: &str) -> Result<()> {
    match name.parse::<Tz>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::invalid(
            "time_zone",
            format!(
                "{:?} is no time zone; use an IANA name such as Europe/Berlin",
                name.chars().take(100).collect::<String>()
            ),
        )),
    }
}

/// The zones that anyone lives in.
pub async fn time_zones(db: &Db) -> Result<Vec<Tz>> {
    let names = store::time_zones(db).await?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

/// How many accounts there are.
pub async fn count(db: &Db) -> Result<i64> {
    Ok(store::count(db).await?)
}

fn normalised_email(email: &str) -> Result<String> {
    let email = email.trim().to_lowercase();
    let well_formed = email.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !host.starts_with('.') && !host.ends_with('.')
    });
    if !well_formed
        || email.len() > 254
        || email.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Err(Error::invalid(
            "email",
            format!(
                "{:?} is no e-mail address",
                email.chars().take(100).collect::<String>()
            ),
        ));
    }
    Ok(email)
}
