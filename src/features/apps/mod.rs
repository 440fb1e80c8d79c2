//! Apps: programs with keys of their own that read and write for users who enabled them.

mod model;
mod store;

pub use model::{
    Access, Action, ActionName, App, MAXIMUM_DESCRIPTION, MAXIMUM_NAME, NewApp, Shown, Wanted,
};

use uuid::Uuid;

use crate::{
    error::{Error, Result},
    features::{
        credentials::{self, Caller, Created, Kind, Known, Listed, NewCredential, Which},
        lenient,
    },
    platform::{clock, database::Db, outbox::Outbox},
};

const ABSENT: Error = Error::NotFound("App");

/// Makes an app that `uid` owns; `id` is a new one, or that of an earlier attempt, whose app then stays as it is.
pub async fn create(db: &Db, uid: &str, id: Uuid, new: NewApp) -> Result<App> {
    let name = new.name.trim();
    if name.is_empty() {
        return Err(Error::invalid("name", "name cannot be empty"));
    }
    for (field, text, most) in [
        ("name", name, MAXIMUM_NAME),
        ("description", new.description.trim(), MAXIMUM_DESCRIPTION),
    ] {
        lenient::at_most(field, text, most)?;
    }
    let mut actions: Vec<_> = new
        .actions
        .iter()
        .map(|action| action.as_str().to_string())
        .collect();
    actions.sort();
    actions.dedup();
    let app = App {
        uid: uid.into(),
        id,
        name: name.into(),
        description: new.description.trim().into(),
        actions,
        private: new.private,
        created_at: clock::now(),
    };
    let mut tx = db.begin().await?;
    let stored = store::insert(&mut tx, &app).await?;
    tx.commit().await?;
    Ok(stored)
}

/// Any app, private or not, for the operator.
pub async fn find(db: &Db, app_id: Uuid) -> Result<App> {
    store::find(db, app_id).await?.ok_or(ABSENT)
}

/// The apps of one owner, oldest first.
pub async fn owned(db: &Db, uid: &str) -> Result<Vec<App>> {
    Ok(store::owned(db, uid).await?)
}

/// Lets an app read and write for `uid`; again changes nothing.
pub async fn enable(db: &Db, uid: &str, app_id: Uuid) -> Result<()> {
    if store::enable(db, uid, app_id, clock::now()).await? {
        Ok(())
    } else {
        Err(ABSENT)
    }
}

/// Takes back what `enable` gave, at once.
pub async fn disable(db: &Db, uid: &str, app_id: Uuid) -> Result<()> {
    if store::disable(db, uid, app_id).await? {
        Ok(())
    } else {
        Err(ABSENT)
    }
}

/// The apps that a user enabled, by id.
pub async fn enabled(db: &Db, caller: &Caller) -> Result<Vec<Uuid>> {
    Ok(store::enabled(db, &caller.uid).await?)
}

/// Apps that the user owns or enabled, by name, and how many there are.
pub async fn list(db: &Db, caller: &Caller, wanted: &Wanted) -> Result<(Vec<Shown>, i64)> {
    let total = store::count(db, &caller.uid, wanted).await?;
    let found = store::list(db, &caller.uid, wanted).await?;
    Ok((found, total))
}

/// An app as the user sees it. Somebody else's private one is absent.
pub async fn show(db: &Db, caller: &Caller, app_id: Uuid) -> Result<Shown> {
    store::show(db, &caller.uid, app_id).await?.ok_or(ABSENT)
}

/// A new key of the owner's app.
pub async fn create_key(db: &Db, uid: &str, app_id: Uuid) -> Result<Created> {
    let app = owned_by(db, uid, app_id, "create").await?;
    let new = NewCredential {
        uid,
        kind: Kind::App,
        name: &app.name,
        scopes: None,
        app: Some(app_id),
    };
    credentials::create(db, new).await
}

/// The keys of the owner's app, newest first.
pub async fn list_keys(db: &Db, uid: &str, app_id: Uuid) -> Result<Vec<Listed>> {
    owned_by(db, uid, app_id, "view").await?;
    credentials::list(db, uid, Kind::App, Some(app_id)).await
}

/// Ends a key of the owner's app at once. That there was none is no error.
pub async fn delete_key(
    db: &Db,
    outbox: &Outbox,
    known: &Known,
    uid: &str,
    app_id: Uuid,
    key_id: Option<Uuid>,
) -> Result<()> {
    owned_by(db, uid, app_id, "delete").await?;
    if let Some(key_id) = key_id {
        let keys = Which::Kind(Kind::App, Some(app_id));
        credentials::revoke(db, outbox, known, uid, keys, key_id).await?;
    }
    Ok(())
}

/// The app, if `uid` owns it. Somebody else's private one is absent.
async fn owned_by(db: &Db, uid: &str, app_id: Uuid, to: &str) -> Result<App> {
    let app = find(db, app_id).await?;
    if app.uid == uid {
        Ok(app)
    } else if app.private {
        Err(ABSENT)
    } else {
        Err(Error::Forbidden(format!(
            "You are not authorized to {to} API keys for this app"
        )))
    }
}

/// What a request for `uid` by the app needs to know. An error: there is no such app.
pub async fn access(db: &Db, app_id: Uuid, uid: Option<&str>) -> Result<Access> {
    // No user is called so, and no query can ask for it.
    let uid = uid.filter(|uid| !uid.contains('\0'));
    store::access(db, uid, app_id).await?.ok_or(ABSENT)
}

impl Access {
    /// Whether the user enabled the app.
    pub fn enabled(&self) -> bool {
        self.enabled
    }

    /// Whether the user enabled the app and the app may do this.
    pub fn allow(&self, action: Action) -> Result<()> {
        if !self.enabled {
            return Err(Error::Forbidden("App is not enabled for this user".into()));
        }
        if !action.among(&self.actions) {
            return Err(Error::Forbidden(format!(
                "App does not have the capability to {}",
                action.words()
            )));
        }
        Ok(())
    }
}
