//! Who people are by the word of others, and signing in through a browser.

mod firebase;
mod linking;
mod newcomers;
mod providers;
mod sign_in;
mod store;
mod visits;

pub use firebase::Firebase;
pub use linking::{Linked, TICKET, depart_to_link, list, look_at_ticket, ticket, unlink};
pub use providers::{Provider, Providers, not_set_up};
pub use sign_in::{OWN_PAGE, Redeemed, ServiceAccount, Wanted, give_code, purge, redeem};
pub use visits::{Back, Departure, Ended, VISIT, arrive, cookie, depart};

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    error::Result,
    features::{
        accounts,
        credentials::{self, Caller, Kind, Known, Scope, Who},
    },
    platform::{database::Db, ids},
};

/// Who is behind a credential of ours or, where Firebase is believed, an ID token.
pub async fn authenticate(
    db: &Db,
    known: &Known,
    firebase: Option<&Firebase>,
    secret: &str,
) -> Result<Who> {
    // Nothing else has the two dots of a token.
    let Some(firebase) = firebase.filter(|_| secret.matches('.').count() == 2) else {
        return known.authenticate(db, secret).await;
    };
    let Some((person, new)) = firebase.verify(secret).await? else {
        return Ok(Who::Nobody);
    };
    if new {
        if !firebase.welcomes(&person) && !accounts::exists(db, &person.uid).await? {
            return Err(newcomers::unwelcome());
        }
        accounts::ensure(db, &person.uid, &person.name, person.email.as_deref()).await?;
        firebase.remember(secret, person.clone());
    }
    Ok(Who::Caller(Caller {
        credential_id: credential_id(&person.uid),
        uid: person.uid,
        kind: Kind::User,
        scopes: Scope::ALL.into(),
        app: None,
    }))
}

/// All tokens of a user count as one credential, for limits.
fn credential_id(uid: &str) -> Uuid {
    ids::from_content(&format!("firebase {uid}"))
}

/// Comes when what `caller` showed is revoked, or their account is gone; not when it merely expires.
pub async fn ended(db: &Db, known: &Known, caller: &Caller) {
    let uid = &*caller.uid;
    if caller.credential_id == credential_id(uid) {
        credentials::ended(known, uid, || accounts::exists(db, uid)).await;
    } else {
        credentials::until_revoked(db, known, uid, caller.credential_id).await;
    }
}

/// Nobody signs in to an account any more by what others say of them.
pub async fn close(tx: &mut PgConnection, uid: &str) -> Result<()> {
    Ok(store::delete_all(tx, uid).await?)
}
