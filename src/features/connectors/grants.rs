//! What users allow clients, and the tokens that come of it.

use chrono::{DateTime, Duration, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::{
    asking::{self, Asked, Asker},
    clients::{Client, Known, USED},
    redirects,
    refusal::{Refusal, Result},
    store,
};
use crate::{
    app::Handles,
    error,
    features::credentials::{self, Scope, Session},
    platform::{
        clock,
        database::{Db, take_turn},
        ids, openid, secrets,
    },
};

/// How long a code waits to be exchanged.
const CODE: Duration = Duration::minutes(2);
/// How long it is remembered afterwards.
const REMEMBERED: Duration = Duration::days(1);

/// Of one user, one at a time changes what assistants may do: nothing is given while it is taken back.
const TURN: &str = "assistants";

const NO_CODE: &str = "The code is unknown, has expired, was used before, or is another client's. Ask the user again.";
const NO_TOKEN: &str =
    "The refresh token is unknown, has expired, or was ended by the user. Ask the user again.";

/// An assistant that a user has let in.
pub struct Assistant {
    pub id: Uuid,
    pub name: String,
    /// Where it was answered: a host, or the scheme of an app with a colon.
    pub redirect_host: String,
    pub scopes: Vec<Scope>,
    pub connected_at: DateTime<Utc>,
    /// Exact to a minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// What a client gets.
pub struct Given {
    pub access: String,
    pub refresh: String,
    /// What the access token may do.
    pub scopes: Vec<Scope>,
}

/// What the user allows this client already, if anything.
pub async fn allowed(db: &Db, uid: &str, client: &Client) -> error::Result<Option<Vec<Scope>>> {
    let names = store::scopes_of_client(db, uid, client.id).await?;
    Ok(names.map(|names| known(&names)))
}

/// The code that tells a client what a user allows it. It counts once, for this client, address and verifier.
pub async fn give_code(
    db: &Db,
    uid: &str,
    asker: &Asker,
    asked: &Asked,
    scopes: &[Scope],
) -> error::Result<String> {
    let code = secrets::random_hex(32);
    let row = store::NewCode {
        hash: &secrets::fingerprint(&code),
        uid,
        client_id: asker.client.id,
        redirect_uri: &asker.redirect_uri,
        challenge: &asked.challenge,
        scopes: &names(scopes),
        expires_at: clock::now() + CODE,
    };
    store::insert_code(db, row).await?;
    Ok(code)
}

/// Exchanges a code, once. One that comes again was stolen, or the client was not the first: what it gave ends. What comes
/// wrongly is used up.
pub async fn redeem(
    app: &Handles,
    who: &Known,
    code: &SecretString,
    redirect_uri: &str,
    verifier: &SecretString,
) -> Result<Given> {
    let client = &who.client;
    let now = clock::now();
    let hash = secrets::fingerprint(code.expose_secret());
    let mut tx = app.db.begin().await?;
    let Some(found) = store::lock_code(&mut tx, &hash).await? else {
        return Err(Refusal::grant(NO_CODE));
    };
    take_turn(&mut tx, &found.uid, TURN).await?;
    if found.used_at.is_some() {
        if let Some(grant) = found.grant_id {
            end(app, tx, &found.uid, grant).await?;
            tracing::warn!(
                uid = found.uid,
                "a connector's code came twice: what it gave was ended"
            );
        }
        return Err(Refusal::grant(NO_CODE));
    }
    let own = found.client_id == client.id && who.may_act_for(&found.uid);
    let wrong = if !own || found.expires_at <= now {
        Some(NO_CODE)
    } else if found.redirect_uri != redirect_uri {
        Some("redirect_uri is not the one that the code was asked for with.")
    } else if found.challenge != openid::challenge(verifier.expose_secret()) {
        Some("code_verifier is not the one that code_challenge was made of.")
    } else {
        None
    };
    if let Some(why) = wrong {
        store::use_code(&mut tx, &hash, now, None).await?;
        tx.commit().await?;
        return Err(Refusal::grant(why));
    }
    let grant = ids::new();
    store::use_code(&mut tx, &hash, now, Some(grant)).await?;
    // A client has one permission of a user: the last.
    let earlier = store::delete_of_client(&mut tx, &found.uid, client.id).await?;
    if let Some(earlier) = earlier {
        credentials::end_session(&mut tx, &app.outbox, &found.uid, earlier).await?;
    }
    let row = store::NewGrant {
        uid: &found.uid,
        id: grant,
        client,
        redirect_uri,
        scopes: &found.scopes,
        now,
    };
    store::insert_grant(&mut tx, row).await?;
    store::keep_client(&mut tx, client.id, now + USED).await?;
    let scopes = known(&found.scopes);
    let (session, uid) = (Session::Assistant, found.uid.as_str());
    let tokens = credentials::issue(&mut tx, session, uid, grant, Some(&scopes), now).await?;
    tx.commit().await?;
    if earlier.is_some() {
        app.known.forget();
    }
    Ok(Given {
        access: tokens.access,
        refresh: tokens.refresh,
        scopes,
    })
}

/// Exchanges a refresh token, once. One that comes again was stolen, or its successor was: the permission ends. `scope`: fewer
/// than the user allows, for the next access token.
pub async fn refresh(
    app: &Handles,
    who: &Known,
    secret: &SecretString,
    scope: Option<&str>,
) -> Result<Given> {
    let client = &who.client;
    let now = clock::now();
    let mut tx = app.db.begin().await?;
    let Some(uid) = credentials::owner(&mut tx, Session::Assistant, secret).await? else {
        return Err(Refusal::grant(NO_TOKEN));
    };
    take_turn(&mut tx, &uid, TURN).await?;
    let token = credentials::shown(&mut tx, Session::Assistant, secret, now).await?;
    let Some(token) = token else {
        return Err(Refusal::grant(NO_TOKEN));
    };
    if token.came_twice {
        end(app, tx, &token.uid, token.session_id).await?;
        tracing::warn!(
            uid = token.uid,
            "a connector's refresh token came twice: its permission was ended"
        );
        return Err(Refusal::grant(NO_TOKEN));
    }
    let grant = store::grant(&mut tx, &token.uid, token.session_id).await?;
    let own = |grant: &store::Grant| grant.client_id == client.id && who.may_act_for(&token.uid);
    let Some(grant) = grant.filter(own) else {
        return Err(Refusal::grant(NO_TOKEN));
    };
    let allowed = known(&grant.scopes);
    let scopes = match scope {
        None => allowed,
        Some(text) => narrowed(&allowed, text)?,
    };
    store::keep_client(&mut tx, client.id, now + USED).await?;
    let tokens =
        credentials::renew(&mut tx, Session::Assistant, &token, Some(&scopes), now).await?;
    tx.commit().await?;
    Ok(Given {
        access: tokens.access,
        refresh: tokens.refresh,
        scopes,
    })
}

/// What is asked for, if all of it is allowed. Names that nobody knows here ask for nothing.
fn narrowed(allowed: &[Scope], text: &str) -> Result<Vec<Scope>> {
    let asked = asking::scopes(text);
    if asked.is_empty() {
        return Ok(allowed.to_vec());
    }
    if asked.iter().any(|scope| !allowed.contains(scope)) {
        let text = "scope holds what the user has not allowed. Ask the user again for it.";
        return Err(Refusal::new("invalid_scope", text));
    }
    Ok(asked)
}

/// A client wants its token, of either kind, to count no more (RFC 7009): all that the user allowed it ends. Nothing happens to
/// what is another's, or nobody's.
pub async fn revoke(app: &Handles, who: &Known, secret: &SecretString) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let Some(uid) = credentials::owner(&mut tx, Session::Assistant, secret).await? else {
        return Ok(());
    };
    take_turn(&mut tx, &uid, TURN).await?;
    let session = credentials::session_of(&mut tx, Session::Assistant, secret).await?;
    let Some(id) = session else {
        return Ok(());
    };
    let grant = store::grant(&mut tx, &uid, id).await?;
    if grant.is_some_and(|grant| grant.client_id == who.client.id) && who.may_act_for(&uid) {
        end(app, tx, &uid, id).await?;
    }
    Ok(())
}

/// The assistants that a user has let in, the latest first.
pub async fn list(db: &Db, uid: &str) -> error::Result<Vec<Assistant>> {
    let rows = store::list(db, uid).await?;
    let assistants = rows.into_iter().map(|row| Assistant {
        id: row.id,
        name: row.name,
        redirect_host: redirects::host(&row.redirect_uri),
        scopes: known(&row.scopes),
        connected_at: row.created_at,
        last_used_at: row.last_used_at,
    });
    Ok(assistants.collect())
}

/// Ends all that an assistant may do, at once, on every instance. False: there is none.
pub async fn disconnect(app: &Handles, uid: &str, id: Uuid) -> error::Result<bool> {
    let mut tx = app.db.begin().await?;
    take_turn(&mut tx, uid, TURN).await?;
    end(app, tx, uid, id).await
}

async fn end(
    app: &Handles,
    mut tx: Transaction<'_, Postgres>,
    uid: &str,
    id: Uuid,
) -> error::Result<bool> {
    if !store::delete(&mut tx, uid, id).await? {
        return Ok(false);
    }
    credentials::end_session(&mut tx, &app.outbox, uid, id).await?;
    tx.commit().await?;
    app.known.forget();
    Ok(true)
}

/// Nothing waits for a user any more who leaves. Their tokens are to be revoked next.
pub async fn close(tx: &mut PgConnection, uid: &str) -> error::Result<()> {
    take_turn(tx, uid, TURN).await?;
    Ok(store::delete_all(tx, uid).await?)
}

/// Forgets clients that nobody lets in, old codes, and permissions whose last token has expired.
pub async fn purge(db: &Db) -> error::Result<()> {
    let now = clock::now();
    Ok(store::purge(db, now, now - REMEMBERED).await?)
}

fn names(scopes: &[Scope]) -> Vec<String> {
    scopes.iter().map(Scope::to_string).collect()
}

fn known(names: &[String]) -> Vec<Scope> {
    names.iter().filter_map(|name| name.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_access_token_may_do_less_and_never_more_than_allowed() {
        let allowed = Scope::READ;
        assert_eq!(
            narrowed(&allowed, "memories:read").unwrap(),
            [Scope::ReadMemories]
        );
        assert_eq!(narrowed(&allowed, "offline_access").unwrap(), allowed);
        assert!(narrowed(&allowed, "memories:read memories:write").is_err());
    }
}
