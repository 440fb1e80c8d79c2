//! `/v1/users/profile`, `language`, `onboarding`, `ai-profile`, `geolocation`: who the user is, and `me/usage`: how much they had
//! heard

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::StatusAnswer;
use crate::{
    app::App,
    features::{
        accounts,
        conversations::Geolocation,
        credentials::Caller,
        lenient,
        preferences::{self, Changes},
        usage::{self, Period, Usage, UsagePoint},
    },
    surfaces::{
        extract::{Body, Query},
        guard,
        respond::{ErrorBody, Result},
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(profile)))
        .routes(guard::user().on(routes!(language, set_language)))
        .routes(guard::user().on(routes!(onboarding, change_onboarding)))
        .routes(guard::user().on(routes!(ai_profile, change_ai_profile)))
        .routes(guard::user().on(routes!(locate)))
        .routes(guard::user().on(routes!(usage)))
}

#[derive(Serialize, ToSchema)]
pub struct UserProfile {
    uid: String,
    name: String,
    #[schema(required)]
    email: Option<String>,
    /// IANA name.
    #[schema(required)]
    time_zone: Option<String>,
    #[schema(required)]
    language: Option<String>,
    created_at: DateTime<Utc>,
    /// Always `standard`: the vendor's levels of encryption are none of this server's.
    data_protection_level: &'static str,
    /// Always null.
    #[schema(value_type = Option<Object>, required)]
    migration_status: (),
    onboarding: Onboarding,
}

#[derive(Serialize, ToSchema)]
pub struct Onboarding {
    completed: bool,
    /// Where the user heard of Omi; empty if they did not say.
    acquisition_source: String,
}

/// Who the user is.
#[utoipa::path(get, path = "/v1/users/profile", tag = "users", responses((status = 200, body = UserProfile)))]
pub async fn profile(State(app): State<App>, caller: Caller) -> Result<Json<UserProfile>> {
    let account = accounts::account(&app.db, &caller.uid).await?;
    let chosen = preferences::get(&app.db, &caller.uid).await?;
    Ok(Json(UserProfile {
        uid: caller.uid.to_string(),
        name: account.name,
        email: account.email,
        time_zone: account.time_zone,
        language: account.language,
        created_at: account.created_at,
        data_protection_level: "standard",
        migration_status: (),
        onboarding: Onboarding {
            completed: chosen.onboarding_completed,
            acquisition_source: chosen.acquisition_source,
        },
    }))
}

#[derive(Serialize, ToSchema)]
pub struct UserLanguage {
    #[schema(required)]
    language: Option<String>,
}

/// The user's language; null if they chose none.
#[utoipa::path(get, path = "/v1/users/language", tag = "users", responses((status = 200, body = UserLanguage)))]
pub async fn language(State(app): State<App>, caller: Caller) -> Result<Json<UserLanguage>> {
    let account = accounts::account(&app.db, &caller.uid).await?;
    Ok(Json(UserLanguage {
        language: account.language,
    }))
}

#[derive(Deserialize, ToSchema)]
pub struct NewLanguage {
    /// Such as `en` or `pt-BR`.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,35}$")]
    language: String,
}

#[derive(Serialize, ToSchema)]
pub struct LanguageSet {
    /// `ok`
    status: &'static str,
    single_language_mode: bool,
}

/// Choose a language. One that recognition of several languages at once does not know is listened for alone from now on.
#[utoipa::path(patch, path = "/v1/users/language", tag = "users", request_body = NewLanguage,
    responses((status = 200, body = LanguageSet),
              (status = 400, body = ErrorBody, description = "The language is empty")))]
pub async fn set_language(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewLanguage>,
) -> Result<Json<LanguageSet>> {
    Ok(Json(LanguageSet {
        status: "ok",
        single_language_mode: preferences::set_language(&app.db, &caller, &new.language).await?,
    }))
}

/// Whether the user has been shown around.
#[utoipa::path(get, path = "/v1/users/onboarding", tag = "users", responses((status = 200, body = Onboarding)))]
pub async fn onboarding(State(app): State<App>, caller: Caller) -> Result<Json<Onboarding>> {
    let chosen = preferences::get(&app.db, &caller.uid).await?;
    Ok(Json(Onboarding {
        completed: chosen.onboarding_completed,
        acquisition_source: chosen.acquisition_source,
    }))
}

#[derive(Deserialize, ToSchema)]
pub struct OnboardingChanges {
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[schema(value_type = Option<bool>)]
    completed: Option<bool>,
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^[^\x00]*$")]
    acquisition_source: Option<String>,
}

/// Note how far the user has been shown around; what is left out stays.
#[utoipa::path(patch, path = "/v1/users/onboarding", tag = "users", request_body = OnboardingChanges,
    responses((status = 200, body = StatusAnswer)))]
pub async fn change_onboarding(
    State(app): State<App>,
    caller: Caller,
    Body(sent): Body<OnboardingChanges>,
) -> Result<Json<StatusAnswer>> {
    let changes = Changes {
        onboarding_completed: sent.completed,
        acquisition_source: sent.acquisition_source,
        ..Changes::default()
    };
    preferences::change(&app.db, &caller, changes).await?;
    Ok(StatusAnswer::ok())
}

/// What a client wrote down about the user; null if it has not.
#[utoipa::path(get, path = "/v1/users/ai-profile", tag = "users", responses((status = 200, body = Option<Object>)))]
pub async fn ai_profile(State(app): State<App>, caller: Caller) -> Result<Json<Option<Value>>> {
    let chosen = preferences::get(&app.db, &caller.uid).await?;
    Ok(Json(chosen.ai_profile))
}

#[derive(Deserialize, Serialize, ToSchema)]
pub struct AiProfile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 50_000, pattern = r"^[^\x00]*$")]
    profile_text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100, pattern = r"^[^\x00]*$")]
    generated_at: Option<String>,
    /// How many of what the text was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    data_sources_used: Option<i64>,
}

/// Write down what is known about the user; what is left out stays.
#[utoipa::path(patch, path = "/v1/users/ai-profile", tag = "users", request_body = AiProfile,
    responses((status = 200, body = Object)))]
pub async fn change_ai_profile(
    State(app): State<App>,
    caller: Caller,
    Body(sent): Body<AiProfile>,
) -> Result<Json<Value>> {
    for (field, text, most) in [
        ("profile_text", &sent.profile_text, 50_000),
        ("generated_at", &sent.generated_at, 100),
    ] {
        lenient::at_most(field, text.as_deref().unwrap_or_default(), most)?;
    }
    let changes = match serde_json::to_value(&sent) {
        Ok(Value::Object(changes)) => changes,
        _ => Map::new(),
    };
    let merged = preferences::change_ai_profile(&app.db, &caller, changes).await?;
    Ok(Json(merged))
}

#[derive(Serialize, ToSchema)]
pub struct Located {
    /// `ok`
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

/// Tell where the user is. It counts for half an hour; the same place again, to four digits after the point, changes nothing.
#[utoipa::path(patch, path = "/v1/users/geolocation", tag = "users", request_body = Geolocation,
    responses((status = 200, body = Located)))]
pub async fn locate(
    State(app): State<App>,
    caller: Caller,
    Body(place): Body<Geolocation>,
) -> Result<Json<Located>> {
    let moved = preferences::locate(&app.db, &caller, place).await?;
    Ok(Json(Located {
        status: "ok",
        message: (!moved).then_some("Location not changed significantly."),
    }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UsageQuery {
    /// `today` if left out.
    period: Option<Period>,
}

/// Only the period that was asked for is filled.
#[derive(Default, Serialize, ToSchema)]
pub struct UserUsage {
    #[schema(required)]
    today: Option<Usage>,
    #[schema(required)]
    monthly: Option<Usage>,
    #[schema(required)]
    yearly: Option<Usage>,
    #[schema(required)]
    all_time: Option<Usage>,
    /// By the hour, day, month or year; those without anything are left out.
    history: Vec<UsagePoint>,
}

/// How much the user had heard, understood and remembered, in UTC.
#[utoipa::path(get, path = "/v1/users/me/usage", tag = "users", params(UsageQuery),
    responses((status = 200, body = UserUsage)))]
pub async fn usage(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<UsageQuery>,
) -> Result<Json<UserUsage>> {
    let period = query.period.unwrap_or(Period::Today);
    let (whole, history) = usage::of(&app.db, &caller, period).await?;
    let mut answer = UserUsage {
        history,
        ..UserUsage::default()
    };
    let place = match period {
        Period::Today => &mut answer.today,
        Period::Monthly => &mut answer.monthly,
        Period::Yearly => &mut answer.yearly,
        Period::AllTime => &mut answer.all_time,
    };
    *place = Some(whole);
    Ok(Json(answer))
}
