//! Identities of an account: its owner adds one in a browser, sees them, and takes one away.

use chrono::{DateTime, Duration, Utc};

use super::{
    providers::Provider,
    store,
    visits::{Departure, Purpose, send},
};
use crate::{
    app::Handles,
    error::{Error, Result},
    features::{
        accounts::{self, Account},
        credentials::Caller,
    },
    platform::{
        clock,
        database::{Db, take_turn},
        openid::Identity,
        secrets,
    },
};

/// How long an address that links an identity waits to be opened.
pub const TICKET: Duration = Duration::minutes(5);

const NO_TICKET: Error = Error::NotThere(
    "This address has been used, or is older than five minutes. Ask for a new one where it came from.",
);

/// An identity of an account.
pub struct Linked {
    pub provider: Provider,
    /// As the provider has verified it.
    pub email: Option<String>,
    pub linked_at: DateTime<Utc>,
}

/// What the address has that links an identity to the caller's account, once.
pub async fn ticket(app: &Handles, caller: &Caller, provider: Provider) -> Result<String> {
    app.providers.get(provider)?;
    let ticket = secrets::random_hex(32);
    let hash = secrets::fingerprint(&ticket);
    let until = clock::now() + TICKET;
    store::insert_ticket(&app.db, &caller.uid, &hash, provider.as_str(), until).await?;
    Ok(ticket)
}

/// What a ticket links: an identity at this provider to this account. It goes on counting.
pub async fn look_at_ticket(db: &Db, ticket: &str) -> Result<(Provider, Account)> {
    let found = store::ticket(db, &secrets::fingerprint(ticket)).await?;
    let (uid, provider) = counting(found)?;
    Ok((provider, accounts::account(db, &uid).await?))
}

/// Uses a ticket up. `callback`: where a browser comes back to from a provider.
pub async fn depart_to_link(
    app: &Handles,
    ticket: &str,
    callback: impl FnOnce(Provider) -> String,
) -> Result<Departure> {
    let found = store::take_ticket(&app.db, &secrets::fingerprint(ticket)).await?;
    let (uid, provider) = counting(found)?;
    send(app, provider, &callback(provider), Purpose::Link(&uid)).await
}

fn counting(found: Option<store::Ticket>) -> Result<(String, Provider)> {
    let found = found.filter(|found| found.expires_at > clock::now());
    let found = found.ok_or(NO_TICKET)?;
    let provider = Provider::named(&found.provider).ok_or(NO_TICKET)?;
    Ok((found.uid, provider))
}

/// The account gets the identity, unless another has it, or this one has another of the same provider.
pub(super) async fn link(
    db: &Db,
    uid: &str,
    provider: Provider,
    identity: &Identity,
    now: DateTime<Utc>,
) -> Result<()> {
    if store::insert(db, uid, provider.as_str(), identity, now).await? {
        return Ok(());
    }
    let name = provider.name();
    let text = match store::owner(db, &identity.issuer, &identity.subject).await? {
        Some(owner) if owner == uid => return Ok(()),
        Some(_) => format!("This {name} account belongs to another account of this server."),
        None => format!("Another {name} account is linked to your account. Unlink that one first."),
    };
    Err(Error::Conflict(text))
}

/// The oldest first.
pub async fn list(db: &Db, uid: &str) -> Result<Vec<Linked>> {
    let rows = store::list(db, uid).await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some(Linked {
                provider: Provider::named(&row.provider)?,
                email: row.email,
                linked_at: row.created_at,
            })
        })
        .collect())
}

/// Takes an identity away, unless nobody could sign in to the account then.
pub async fn unlink(db: &Db, caller: &Caller, provider: Provider) -> Result<()> {
    let uid = &*caller.uid;
    let mut tx = db.begin().await?;
    take_turn(&mut tx, uid, "identities").await?;
    if !store::delete(&mut tx, uid, provider.as_str()).await? {
        return Err(Error::NotFound("Identity"));
    }
    if !store::any(&mut tx, uid).await? && !accounts::has_password(&mut *tx, uid).await? {
        let text = format!(
            "{} is the only way to sign in to this account. Link another first.",
            provider.name()
        );
        return Err(Error::Conflict(text));
    }
    Ok(tx.commit().await?)
}
