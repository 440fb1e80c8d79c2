//! What only the vendor's cloud has: plans, payments, phone calls, machines, training. A server of one's own says so, in the
//! shape that Omi's app expects.

use axum::{Json, response::Response};
use serde_json::{Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    error::Error,
    features::credentials::Caller,
    surfaces::{
        guard,
        respond::{self, ErrorBody, Result},
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(subscription)))
        .routes(guard::user().on(routes!(usage_quota)))
        .routes(guard::user().on(routes!(available_plans)))
        .routes(guard::user().on(routes!(overage)))
        .routes(guard::user().on(routes!(checkout)))
        .routes(guard::user().on(routes!(upgrade)))
        .routes(guard::user().on(routes!(portal)))
        .routes(guard::user().on(routes!(cancel)))
        .routes(guard::user().on(routes!(connect_payments)))
        .routes(guard::user().on(routes!(payment_methods)))
        .routes(guard::user().on(routes!(set_payment_method)))
        .routes(guard::user().on(routes!(stripe_onboarded)))
        .routes(guard::user().on(routes!(stripe_countries)))
        .routes(guard::user().on(routes!(paypal, set_paypal)))
        .routes(guard::user().on(routes!(phone_numbers)))
        .routes(guard::user().on(routes!(verify_phone)))
        .routes(guard::user().on(routes!(check_phone)))
        .routes(guard::user().on(routes!(phone_token)))
        .routes(guard::user().on(routes!(fair_use)))
        .routes(guard::user().on(routes!(vm)))
        .routes(guard::user().on(routes!(ensure_vm)))
        .routes(guard::user().on(routes!(keep_vm)))
        .routes(guard::user().on(routes!(training, opt_in)))
        .routes(guard::user().on(routes!(migrations, migrate)))
        .routes(guard::user().on(routes!(migrate_batch)))
        .routes(guard::user().on(routes!(finish_migration)))
        .routes(guard::user().on(routes!(llm_usage, record_llm_usage)))
        .routes(guard::user().on(routes!(llm_features)))
        .routes(guard::user().on(routes!(llm_cost)))
        .routes(guard::user().on(routes!(own_keys, no_own_keys)))
        .routes(guard::user().on(routes!(say)))
}

fn no_payments() -> Error {
    Error::BadRequest("Payments are disabled on this server".into())
}

fn no_calls() -> Error {
    Error::Forbidden("This server makes no phone calls".into())
}

/// The plan of a user: everybody has all of it. A limit of 0 is none; of a quota of calls the app would offer more.
#[utoipa::path(get, path = "/v1/users/me/subscription", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn subscription(_: Caller) -> Json<Value> {
    Json(json!({
        "subscription": {
            "plan": "unlimited",
            "status": "active",
            "current_period_end": null,
            "stripe_subscription_id": null,
            "current_price_id": null,
            "features": [],
            "cancel_at_period_end": false,
            "limits": {
                "transcription_seconds": null,
                "words_transcribed": null,
                "insights_gained": null,
                "memories_created": null,
                "chat_questions_per_month": null,
                "chat_cost_usd_per_month": null
            },
            "deprecated": false,
            "deprecation_message": null
        },
        "transcription_seconds_used": 0,
        "transcription_seconds_limit": 0,
        "words_transcribed_used": 0,
        "words_transcribed_limit": 0,
        "insights_gained_used": 0,
        "insights_gained_limit": 0,
        "memories_created_used": 0,
        "memories_created_limit": 0,
        "available_plans": [],
        "show_subscription_ui": false,
        "chat_quota_used": 0.0,
        "chat_quota_unit": null,
        "chat_quota_percent": 0.0,
        "chat_quota_allowed": true,
        "chat_quota_reset_at": null,
        "phone_call_quota": null
    }))
}

/// How many questions a user may ask: as many as they like.
#[utoipa::path(get, path = "/v1/users/me/usage-quota", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn usage_quota(_: Caller) -> Json<Value> {
    Json(json!({
        "plan": "Self-hosted", "plan_type": "unlimited", "unit": "questions", "used": 0.0, "limit": null,
        "percent": 0.0, "allowed": true, "reset_at": null
    }))
}

/// Plans to buy: none.
#[utoipa::path(get, path = "/v1/payments/available-plans", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn available_plans(_: Caller) -> Json<Value> {
    Json(json!({"plans": []}))
}

/// What was used beyond a plan: nothing.
#[utoipa::path(get, path = "/v1/payments/overage-info", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn overage(_: Caller) -> Json<Value> {
    Json(json!({
        "is_overage_plan": false, "markup_multiplier": 1.0, "markup_percent": 0.0, "provider_reference_rates": {},
        "used": 0.0, "included": 0.0, "overage": 0.0, "overage_usd": 0.0
    }))
}

/// Buy a plan: refused.
#[utoipa::path(post, path = "/v1/payments/checkout-session", tag = "vendor cloud",
    responses((status = 200, body = Object), (status = 400, body = ErrorBody)))]
pub async fn checkout(_: Caller) -> Result<Json<Value>> {
    Err(no_payments().into())
}

/// Change the plan: refused.
#[utoipa::path(post, path = "/v1/payments/upgrade-subscription", tag = "vendor cloud",
    responses((status = 200, body = Object), (status = 400, body = ErrorBody)))]
pub async fn upgrade(_: Caller) -> Result<Json<Value>> {
    Err(no_payments().into())
}

/// See what was paid: refused.
#[utoipa::path(post, path = "/v1/payments/customer-portal", tag = "vendor cloud",
    responses((status = 200, body = Object), (status = 400, body = ErrorBody)))]
pub async fn portal(_: Caller) -> Result<Json<Value>> {
    Err(no_payments().into())
}

/// Give a plan up: refused.
#[utoipa::path(delete, path = "/v1/payments/subscription", tag = "vendor cloud",
    responses((status = 200, body = Object), (status = 400, body = ErrorBody)))]
pub async fn cancel(_: Caller) -> Result<Json<Value>> {
    Err(no_payments().into())
}

/// Be paid for an app: refused.
#[utoipa::path(post, path = "/v1/stripe/connect-accounts", tag = "vendor cloud",
    responses((status = 200, body = Object), (status = 400, body = ErrorBody)))]
pub async fn connect_payments(_: Caller) -> Result<Json<Value>> {
    Err(no_payments().into())
}

/// How a user is paid: in no way.
#[utoipa::path(get, path = "/v1/payment-methods/status", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn payment_methods(_: Caller) -> Json<Value> {
    Json(json!({"stripe": "not_connected", "paypal": "not_connected", "default": null}))
}

/// Choose how to be paid: nothing happens.
#[utoipa::path(post, path = "/v1/payment-methods/default", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn set_payment_method(_: Caller) -> Json<Value> {
    Json(json!({"status": "success"}))
}

/// Whether a user can be paid: no.
#[utoipa::path(get, path = "/v1/stripe/onboarded", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn stripe_onboarded(_: Caller) -> Json<Value> {
    Json(json!({"onboarding_complete": false}))
}

/// Where users can be paid: nowhere.
#[utoipa::path(get, path = "/v1/stripe/supported-countries", tag = "vendor cloud", responses((status = 200, body = Vec<Object>)))]
pub async fn stripe_countries(_: Caller) -> Json<Value> {
    Json(json!([]))
}

/// How a user is paid: in no way.
#[utoipa::path(get, path = "/v1/paypal/payment-details", tag = "vendor cloud", responses((status = 200, body = Option<Object>)))]
pub async fn paypal(_: Caller) -> Json<Value> {
    Json(json!(null))
}

/// Choose how to be paid: nothing happens.
#[utoipa::path(post, path = "/v1/paypal/payment-details", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn set_paypal(_: Caller) -> Json<Value> {
    Json(json!({"status": "success"}))
}

/// Numbers to call from: none.
#[utoipa::path(get, path = "/v1/phone/numbers", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn phone_numbers(_: Caller) -> Json<Value> {
    Json(json!({"numbers": []}))
}

/// Add a number to call from: refused.
#[utoipa::path(post, path = "/v1/phone/numbers/verify", tag = "vendor cloud",
    responses((status = 200, body = Object), (status = 403, body = ErrorBody)))]
pub async fn verify_phone(_: Caller) -> Result<Json<Value>> {
    Err(no_calls().into())
}

/// Whether a number was added: refused.
#[utoipa::path(post, path = "/v1/phone/numbers/verify/check", tag = "vendor cloud",
    responses((status = 200, body = Object), (status = 403, body = ErrorBody)))]
pub async fn check_phone(_: Caller) -> Result<Json<Value>> {
    Err(no_calls().into())
}

/// Make a call: refused.
#[utoipa::path(post, path = "/v1/phone/token", tag = "vendor cloud",
    responses((status = 200, body = Object), (status = 403, body = ErrorBody)))]
pub async fn phone_token(_: Caller) -> Result<Json<Value>> {
    Err(no_calls().into())
}

/// Whether a user uses too much: nobody does. The hours are not counted.
#[utoipa::path(get, path = "/v1/fair-use/status", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn fair_use(_: Caller) -> Json<Value> {
    Json(json!({
        "stage": "none",
        "case_ref": "",
        "speech_hours_today": 0,
        "speech_hours_3day": 0,
        "speech_hours_weekly": 0,
        "limits": {
            "daily_hours": 2.0,
            "three_day_hours": 8.0,
            "weekly_hours": 10.0
        },
        "usage_pct": {
            "daily": 0,
            "three_day": 0,
            "weekly": 0
        },
        "dg_budget": {
            "daily_limit_ms": 0,
            "used_ms": 0,
            "remaining_ms": 0,
            "exhausted": false,
            "resets_at": null
        },
        "message": "Your usage is within normal limits."
    }))
}

/// A machine in the cloud: there is none.
#[utoipa::path(get, path = "/v1/agent/vm-status", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn vm(_: Caller) -> Json<Value> {
    Json(json!({"has_vm": false}))
}

/// Start a machine in the cloud: there is none.
#[utoipa::path(post, path = "/v1/agent/vm-ensure", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn ensure_vm(_: Caller) -> Json<Value> {
    Json(json!({"has_vm": false}))
}

/// Keep a machine in the cloud running: there is none.
#[utoipa::path(post, path = "/v1/agent/keepalive", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn keep_vm(_: Caller) -> Json<Value> {
    Json(json!({"ok": false, "reason": "no_vm"}))
}

/// Whether the user gives recordings away for training: never, nobody takes them here.
#[utoipa::path(get, path = "/v1/users/training-data-opt-in", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn training(_: Caller) -> Json<Value> {
    Json(json!({"opted_in": false, "status": null}))
}

/// Give recordings away for training: nothing happens.
#[utoipa::path(post, path = "/v1/users/training-data-opt-in", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn opt_in(_: Caller) -> Json<Value> {
    Json(json!({"opted_in": false, "status": null}))
}

/// What is to be encrypted by another level: nothing.
#[utoipa::path(get, path = "/v1/users/migration/requests", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn migrations(_: Caller) -> Json<Value> {
    Json(json!({"needs_migration": []}))
}

/// Encrypt by another level: nothing happens.
#[utoipa::path(post, path = "/v1/users/migration/requests", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn migrate(_: Caller) -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// Encrypt by another level: nothing happens.
#[utoipa::path(post, path = "/v1/users/migration/batch-requests", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn migrate_batch(_: Caller) -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// Encrypt by another level: nothing happens.
#[utoipa::path(post, path = "/v1/users/migration/requests/data-protection-level/finalize", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn finish_migration(_: Caller) -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// What was asked of language models: not counted for each user.
#[utoipa::path(get, path = "/v1/users/me/llm-usage", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn llm_usage(_: Caller) -> Json<Value> {
    Json(json!({"summary": {}, "top_features": [], "period_days": 30}))
}

/// What was asked of language models most: not counted for each user.
#[utoipa::path(get, path = "/v1/users/me/llm-usage/top-features", tag = "vendor cloud", responses((status = 200, body = Vec<Object>)))]
pub async fn llm_features(_: Caller) -> Json<Value> {
    Json(json!([]))
}

/// Tell what a client asked of language models: not kept.
#[utoipa::path(post, path = "/v1/users/me/llm-usage", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn record_llm_usage(_: Caller) -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// What language models cost: not counted for each user.
#[utoipa::path(get, path = "/v1/users/me/llm-usage/total", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn llm_cost(_: Caller) -> Json<Value> {
    Json(json!({"total_cost_usd": 0.0}))
}

/// Use keys of one's own: the keys of this server's settings are used.
#[utoipa::path(post, path = "/v1/users/me/byok-active", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn own_keys(_: Caller) -> Json<Value> {
    Json(json!({"active": false}))
}

/// No longer use keys of one's own.
#[utoipa::path(delete, path = "/v1/users/me/byok-active", tag = "vendor cloud", responses((status = 200, body = Object)))]
pub async fn no_own_keys(_: Caller) -> Json<Value> {
    Json(json!({"active": false}))
}

/// Words as speech: nothing here speaks.
#[utoipa::path(post, path = "/v2/tts/synthesize", tag = "vendor cloud",
    responses((status = 200, body = Vec<u8>, content_type = "audio/mpeg")))]
pub async fn say(_: Caller) -> Response {
    respond::not_set_up("TTS service not configured")
}
