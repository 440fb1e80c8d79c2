//! SQL of preferences.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor, Result, types::Json};

use super::{Changes, Preferences, model::Chosen};
use crate::{features::conversations::Geolocation, platform::database::Db};

pub async fn get(db: &Db, uid: &str) -> Result<Option<Preferences>> {
    sqlx::query_as!(
        Preferences,
        "select onboarding_completed, acquisition_source, ai_profile, single_language_mode, vocabulary,
                store_recordings, summary_app, task_app, notifications_enabled, notification_frequency,
                mentor_frequency, assistant
         from preferences where uid = $1",
        uid
    )
    .fetch_optional(db)
    .await
}

/// None: there is no such user.
pub async fn hearing(db: &Db, uid: &str) -> Result<Option<Chosen>> {
    sqlx::query_as!(
        Chosen,
        r#"select u.language, coalesce(p.single_language_mode, false) as "alone!",
                  coalesce(p.vocabulary, '{}') as "vocabulary!"
           from users u left join preferences p on p.uid = u.uid
           where u.uid = $1"#,
        uid
    )
    .fetch_optional(db)
    .await
}

pub async fn change(db: impl PgExecutor<'_>, uid: &str, changes: &Changes) -> Result<()> {
    sqlx::query!(
        "insert into preferences as p (uid, onboarding_completed, acquisition_source, single_language_mode, vocabulary,
                                       store_recordings, summary_app, task_app, notifications_enabled,
                                       notification_frequency, mentor_frequency)
         values ($1, coalesce($2, false), coalesce($3, ''), coalesce($4, false), coalesce($5::text[], '{}'),
                 coalesce($6, false), $7, $8, coalesce($9, true), coalesce($10, 3), coalesce($11, 0))
         on conflict (uid) do update set
            onboarding_completed = coalesce($2, p.onboarding_completed),
            acquisition_source = coalesce($3, p.acquisition_source),
            single_language_mode = coalesce($4, p.single_language_mode),
            vocabulary = coalesce($5, p.vocabulary),
            store_recordings = coalesce($6, p.store_recordings),
            summary_app = coalesce($7, p.summary_app),
            task_app = coalesce($8, p.task_app),
            notifications_enabled = coalesce($9, p.notifications_enabled),
            notification_frequency = coalesce($10, p.notification_frequency),
            mentor_frequency = coalesce($11, p.mentor_frequency)",
        uid,
        changes.onboarding_completed,
        changes.acquisition_source,
        changes.single_language_mode,
        changes.vocabulary.as_deref(),
        changes.store_recordings,
        changes.summary_app,
        changes.task_app,
        changes.notifications_enabled,
        changes.notification_frequency,
        changes.mentor_frequency
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn merge_ai_profile(db: &Db, uid: &str, changes: &Value) -> Result<Value> {
    sqlx::query_scalar!(
        r#"insert into preferences as p (uid, ai_profile) values ($1, $2)
           on conflict (uid) do update set ai_profile = coalesce(p.ai_profile, '{}') || $2
           returning ai_profile as "ai_profile!""#,
        uid,
        changes
    )
    .fetch_one(db)
    .await
}

/// Keeps others from changing it until the end of `tx`.
pub async fn lock_assistant(tx: &mut PgConnection, uid: &str) -> Result<Value> {
    sqlx::query_scalar!(
        "insert into preferences as p (uid) values ($1)
         on conflict (uid) do update set assistant = p.assistant
         returning assistant",
        uid
    )
    .fetch_one(tx)
    .await
}

pub async fn set_assistant(tx: &mut PgConnection, uid: &str, assistant: &Value) -> Result<()> {
    sqlx::query!(
        "update preferences set assistant = $2 where uid = $1",
        uid,
        assistant
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// One that was stored after `since`.
pub async fn location(db: &Db, uid: &str, since: DateTime<Utc>) -> Result<Option<Geolocation>> {
    let place = sqlx::query_scalar!(
        r#"select place as "place: Json<Geolocation>" from last_locations where uid = $1 and stored_at > $2"#,
        uid,
        since
    )
    .fetch_optional(db)
    .await?;
    Ok(place.map(|place| place.0))
}

pub async fn set_location(
    db: &Db,
    uid: &str,
    place: &Geolocation,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into last_locations (uid, place, stored_at) values ($1, $2, $3)
         on conflict (uid) do update set place = $2, stored_at = $3",
        uid,
        Json(place) as _,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}
