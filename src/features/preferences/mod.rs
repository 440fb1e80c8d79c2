//! What a user chose: languages and words to listen for, notifications, the desktop's assistants, onboarding; and where they
//! are.

mod model;
mod store;

pub use model::{Changes, Hearing, Preferences, VOCABULARY, WORD, Wanted};

use chrono::TimeDelta;
use serde_json::{Map, Value};

use crate::{
    error::{Error, Result},
    features::{accounts, apps, conversations::Geolocation, credentials::Caller, lenient},
    platform::{clock, database::Db},
};

/// How long a place counts.
const LOCATED_FOR: TimeDelta = TimeDelta::minutes(30);
/// Longest free JSON that is kept, in bytes.
const MAXIMUM_JSON: usize = 200_000;

pub async fn get(db: &Db, uid: &str) -> Result<Preferences> {
    Ok(store::get(db, uid).await?.unwrap_or_default())
}

pub async fn change(db: &Db, caller: &Caller, mut changes: Changes) -> Result<()> {
    if let Some(source) = &changes.acquisition_source {
        lenient::at_most("acquisition_source", source, 500)?;
    }
    if let Some(app) = &changes.task_app {
        lenient::at_most("app_key", app, 100)?;
    }
    for frequency in [changes.notification_frequency, changes.mentor_frequency] {
        if frequency.is_some_and(|number| !(0..=5).contains(&number)) {
            return Err(Error::BadRequest(
                "frequency must be between 0 and 5".into(),
            ));
        }
    }
    changes.vocabulary = changes.vocabulary.map(model::vocabulary);
    Ok(store::change(db, &caller.uid, &changes).await?)
}

/// Sets the user's language, and with it whether it is listened for alone; gives the latter.
pub async fn set_language(db: &Db, caller: &Caller, language: &str) -> Result<bool> {
    let language = language.trim();
    if language.is_empty() {
        return Err(Error::BadRequest("Language is required".into()));
    }
    let alone = model::needs_single_language(language);
    let changes = Changes {
        single_language_mode: Some(alone),
        ..Changes::default()
    };
    let mut tx = db.begin().await?;
    accounts::set_language(&mut tx, &caller.uid, language).await?;
    store::change(&mut *tx, &caller.uid, &changes).await?;
    tx.commit().await?;
    Ok(alone)
}

/// How a user is listened to, to be asked once a session.
pub async fn hearing(db: &Db, uid: &str, wanted: Wanted<'_>) -> Result<Hearing> {
    let chosen = store::hearing(db, uid).await?.unwrap_or_default();
    Ok(model::hearing(chosen, wanted))
}

/// Chooses the app that sums conversations up.
pub async fn set_summary_app(db: &Db, caller: &Caller, app: Option<uuid::Uuid>) -> Result<()> {
    let id = app.ok_or(Error::NotFound("App"))?;
    let app = apps::find(db, id).await?;
    if app.private && app.uid != *caller.uid {
        return Err(Error::NotFound("App"));
    }
    let changes = Changes {
        summary_app: Some(id),
        ..Changes::default()
    };
    change(db, caller, changes).await
}

/// Merges what is given into what is known of the user, and gives all of it.
pub async fn change_ai_profile(
    db: &Db,
    caller: &Caller,
    changes: Map<String, Value>,
) -> Result<Value> {
    bounded(&changes)?;
    Ok(store::merge_ai_profile(db, &caller.uid, &Value::Object(changes)).await?)
}

/// Merges sections into the settings of the desktop's assistants, and gives all of them.
pub async fn change_assistant(
    db: &Db,
    caller: &Caller,
    changes: Map<String, Value>,
) -> Result<Value> {
    bounded(&changes)?;
    let mut tx = db.begin().await?;
    let known = store::lock_assistant(&mut tx, &caller.uid).await?;
    let merged = model::merge(known, changes);
    if merged.to_string().len() > MAXIMUM_JSON {
        return Err(too_long());
    }
    store::set_assistant(&mut tx, &caller.uid, &merged).await?;
    tx.commit().await?;
    Ok(merged)
}

fn bounded(changes: &Map<String, Value>) -> Result<()> {
    let length = serde_json::to_string(changes).map_or(usize::MAX, |text| text.len());
    if length > MAXIMUM_JSON {
        return Err(too_long());
    }
    Ok(())
}

fn too_long() -> Error {
    Error::invalid_body(format!(
        "all together must have at most {MAXIMUM_JSON} bytes"
    ))
}

/// Remembers where the user is. False: as good as where they were.
pub async fn locate(db: &Db, caller: &Caller, place: Geolocation) -> Result<bool> {
    place.check()?;
    let now = clock::now();
    let known = store::location(db, &caller.uid, now - LOCATED_FOR).await?;
    let rounded = |place: &Geolocation| {
        [place.latitude, place.longitude].map(|degrees| (degrees * 1e4).round() as i64)
    };
    if known.is_some_and(|known| rounded(&known) == rounded(&place)) {
        return Ok(false);
    }
    store::set_location(db, &caller.uid, &place, now).await?;
    Ok(true)
}

/// Where the user was within the last half hour.
pub async fn last_location(db: &Db, uid: &str) -> Result<Option<Geolocation>> {
    Ok(store::location(db, uid, clock::now() - LOCATED_FOR).await?)
}
