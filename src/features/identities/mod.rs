//! Who people are by the word of others, and signing in through a browser.

mod firebase;
mod sign_in;
mod store;

pub use firebase::Firebase;
pub use sign_in::{ServiceAccount, check_redirect, give_code, purge, redeem, with_code};

use uuid::Uuid;

use crate::{
    error::{Error, Result},
    features::{
        accounts,
        credentials::{Caller, Kind, Known, Scope, Who},
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
            let text = "This server makes no account for you. Ask its operator.";
            return Err(Error::Forbidden(text.into()));
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
