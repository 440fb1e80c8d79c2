//! `/v1/users/transcription-preferences`, `notification-settings`, `assistant-settings` and other choices

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::StatusAnswer;
use crate::{
    app::App,
    error::Error,
    features::{
        accounts, audio,
        credentials::Caller,
        lenient,
        preferences::{self, Changes},
    },
    surfaces::{
        extract::{Body, Query},
        guard,
        respond::{ErrorBody, Result},
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(transcription, change_transcription)))
        .routes(guard::user().on(routes!(recording, allow_recording, forbid_recording)))
        .routes(guard::user().on(routes!(choose_summary_app)))
        .routes(guard::user().on(routes!(notifications, change_notifications)))
        .routes(guard::user().on(routes!(mentor, change_mentor)))
        .routes(guard::user().on(routes!(assistant, change_assistant)))
}

#[derive(Serialize, ToSchema)]
pub struct TranscriptionPreferences {
    /// Only the user's language is listened for.
    single_language_mode: bool,
    /// Words that recognition is to know.
    vocabulary: Vec<String>,
    /// Empty if the user chose none.
    language: String,
}

/// What is listened for.
#[utoipa::path(get, path = "/v1/users/transcription-preferences", tag = "users",
    responses((status = 200, body = TranscriptionPreferences)))]
pub async fn transcription(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<TranscriptionPreferences>> {
    let chosen = preferences::get(&app.db, &caller.uid).await?;
    let account = accounts::account(&app.db, &caller.uid).await?;
    Ok(Json(TranscriptionPreferences {
        single_language_mode: chosen.single_language_mode,
        vocabulary: chosen.vocabulary,
        language: account.language.unwrap_or_default(),
    }))
}

#[derive(Deserialize, ToSchema)]
pub struct TranscriptionChanges {
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[schema(value_type = Option<bool>)]
    single_language_mode: Option<bool>,
    /// The first 100 count, and of each its first 100 characters.
    #[serde(default)]
    vocabulary: Option<Vec<String>>,
}

/// Change what is listened for; what is left out stays.
#[utoipa::path(patch, path = "/v1/users/transcription-preferences", tag = "users",
    request_body = TranscriptionChanges,
    responses((status = 200, body = StatusAnswer), (status = 400, body = ErrorBody)))]
pub async fn change_transcription(
    State(app): State<App>,
    caller: Caller,
    Body(sent): Body<TranscriptionChanges>,
) -> Result<Json<StatusAnswer>> {
    let changes = Changes {
        single_language_mode: sent.single_language_mode,
        vocabulary: sent.vocabulary,
        ..Changes::default()
    };
    preferences::change(&app.db, &caller, changes).await?;
    Ok(StatusAnswer::ok())
}

#[derive(Serialize, ToSchema)]
pub struct RecordingPermission {
    store_recording_permission: bool,
}

/// Whether the user lets recordings be kept. Nothing but this answer follows from it: see `private-cloud-sync`.
#[utoipa::path(get, path = "/v1/users/store-recording-permission", tag = "users",
    responses((status = 200, body = RecordingPermission)))]
pub async fn recording(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<RecordingPermission>> {
    let chosen = preferences::get(&app.db, &caller.uid).await?;
    Ok(Json(RecordingPermission {
        store_recording_permission: chosen.store_recordings,
    }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Permission {
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = bool, required = true)]
    value: Option<bool>,
}

/// Let recordings be kept, or not.
#[utoipa::path(post, path = "/v1/users/store-recording-permission", tag = "users", params(Permission),
    responses((status = 200, body = StatusAnswer)))]
pub async fn allow_recording(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<Permission>,
) -> Result<Json<StatusAnswer>> {
    let value = query
        .value
        .ok_or_else(|| Error::invalid_parameter("value", "value must be given: true or false"))?;
    let changes = Changes {
        store_recordings: Some(value),
        ..Changes::default()
    };
    preferences::change(&app.db, &caller, changes).await?;
    Ok(StatusAnswer::ok())
}

/// Take the permission back, and erase all stored sound of the user.
#[utoipa::path(delete, path = "/v1/users/store-recording-permission", tag = "users",
    responses((status = 200, body = StatusAnswer)))]
pub async fn forbid_recording(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<StatusAnswer>> {
    let changes = Changes {
        store_recordings: Some(false),
        ..Changes::default()
    };
    preferences::change(&app.db, &caller, changes).await?;
    audio::erase(&app.db, &caller).await?;
    Ok(StatusAnswer::ok())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WhichApp {
    app_id: String,
}

#[derive(Serialize, ToSchema)]
pub struct SummaryAppChosen {
    /// `ok`
    status: &'static str,
    message: &'static str,
}

/// Choose the app that sums conversations up.
#[utoipa::path(put, path = "/v1/users/preferences/app", tag = "users", params(WhichApp),
    responses((status = 200, body = SummaryAppChosen),
              (status = 404, body = ErrorBody, description = "There is no such app")))]
pub async fn choose_summary_app(
    State(app): State<App>,
    caller: Caller,
    Query(which): Query<WhichApp>,
) -> Result<Json<SummaryAppChosen>> {
    preferences::set_summary_app(&app.db, &caller, which.app_id.parse().ok()).await?;
    Ok(Json(SummaryAppChosen {
        status: "ok",
        message: "The app is chosen",
    }))
}

#[derive(Serialize, ToSchema)]
pub struct NotificationSettings {
    enabled: bool,
    /// How often, 0 to 5.
    #[schema(minimum = 0, maximum = 5)]
    frequency: i32,
}

/// Whether and how often the user is notified.
#[utoipa::path(get, path = "/v1/users/notification-settings", tag = "users",
    responses((status = 200, body = NotificationSettings)))]
pub async fn notifications(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<NotificationSettings>> {
    let chosen = preferences::get(&app.db, &caller.uid).await?;
    Ok(Json(NotificationSettings {
        enabled: chosen.notifications_enabled,
        frequency: chosen.notification_frequency,
    }))
}

#[derive(Deserialize, ToSchema)]
pub struct NotificationChanges {
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[schema(value_type = Option<bool>)]
    enabled: Option<bool>,
    #[serde(default)]
    #[schema(minimum = 0, maximum = 5)]
    frequency: Option<i32>,
}

/// Change whether and how often the user is notified; what is left out stays.
#[utoipa::path(patch, path = "/v1/users/notification-settings", tag = "users", request_body = NotificationChanges,
    responses((status = 200, body = NotificationSettings),
              (status = 400, body = ErrorBody, description = "The frequency is out of its bounds")))]
pub async fn change_notifications(
    State(app): State<App>,
    caller: Caller,
    Body(sent): Body<NotificationChanges>,
) -> Result<Json<NotificationSettings>> {
    let changes = Changes {
        notifications_enabled: sent.enabled,
        notification_frequency: sent.frequency,
        ..Changes::default()
    };
    preferences::change(&app.db, &caller, changes).await?;
    notifications(State(app), caller).await
}

#[derive(Serialize, ToSchema)]
pub struct MentorSettings {
    /// How often, 0 (off) to 5.
    #[schema(minimum = 0, maximum = 5)]
    frequency: i32,
}

/// How often the user is given advice unasked.
#[utoipa::path(get, path = "/v1/users/mentor-notification-settings", tag = "users",
    responses((status = 200, body = MentorSettings)))]
pub async fn mentor(State(app): State<App>, caller: Caller) -> Result<Json<MentorSettings>> {
    let chosen = preferences::get(&app.db, &caller.uid).await?;
    Ok(Json(MentorSettings {
        frequency: chosen.mentor_frequency,
    }))
}

#[derive(Deserialize, ToSchema)]
pub struct MentorChanges {
    #[schema(minimum = 0, maximum = 5)]
    frequency: i32,
}

/// Change how often the user is given advice unasked.
#[utoipa::path(patch, path = "/v1/users/mentor-notification-settings", tag = "users", request_body = MentorChanges,
    responses((status = 200, body = StatusAnswer),
              (status = 400, body = ErrorBody, description = "The frequency is out of its bounds")))]
pub async fn change_mentor(
    State(app): State<App>,
    caller: Caller,
    Body(sent): Body<MentorChanges>,
) -> Result<Json<StatusAnswer>> {
    let changes = Changes {
        mentor_frequency: Some(sent.frequency),
        ..Changes::default()
    };
    preferences::change(&app.db, &caller, changes).await?;
    Ok(StatusAnswer::ok())
}

/// Settings of the desktop app's assistants, a section a key.
#[utoipa::path(get, path = "/v1/users/assistant-settings", tag = "users", responses((status = 200, body = Object)))]
pub async fn assistant(State(app): State<App>, caller: Caller) -> Result<Json<Value>> {
    let chosen = preferences::get(&app.db, &caller.uid).await?;
    Ok(Json(chosen.assistant))
}

/// Change settings of the desktop app's assistants: each section is merged key by key; null takes one away.
#[utoipa::path(patch, path = "/v1/users/assistant-settings", tag = "users", request_body = Object,
    responses((status = 200, body = Object), (status = 400, body = ErrorBody)))]
pub async fn change_assistant(
    State(app): State<App>,
    caller: Caller,
    Body(changes): Body<Map<String, Value>>,
) -> Result<Json<Value>> {
    let merged = preferences::change_assistant(&app.db, &caller, changes).await?;
    Ok(Json(merged))
}
