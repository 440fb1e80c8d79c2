//! What a server of one's own has not, and the apps that it has: the app asks for all of it when it starts.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    api::integration::importer::Importer,
    support::{Server, server::client},
};

#[tokio::test]
async fn what_the_app_asks_for_when_it_starts_is_answered() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let get = async |path: &str| server.get(path, &ann.token).await;
    for (name, path) in [
        ("subscription", "/v1/users/me/subscription"),
        ("quota", "/v1/users/me/usage-quota"),
        ("fair_use", "/v1/fair-use/status"),
    ] {
        insta::assert_json_snapshot!(name, get(path).await.ok());
    }
    for (path, answer) in [
        ("/v1/payments/available-plans", json!({"plans": []})),
        (
            "/v1/payment-methods/status",
            json!({"stripe": "not_connected", "paypal": "not_connected", "default": null}),
        ),
        (
            "/v1/stripe/onboarded",
            json!({"onboarding_complete": false}),
        ),
        ("/v1/stripe/supported-countries", json!([])),
        ("/v1/paypal/payment-details", json!(null)),
        ("/v1/phone/numbers", json!({"numbers": []})),
        ("/v1/agent/vm-status", json!({"has_vm": false})),
        (
            "/v1/users/training-data-opt-in",
            json!({"opted_in": false, "status": null}),
        ),
        (
            "/v1/users/migration/requests?target_level=enhanced",
            json!({"needs_migration": []}),
        ),
        (
            "/v1/integrations/google_calendar",
            json!({"connected": false, "app_key": "google_calendar"}),
        ),
        (
            "/v1/task-integrations",
            json!({"integrations": {}, "default_app": null}),
        ),
        (
            "/v1/users/me/llm-usage/total",
            json!({"total_cost_usd": 0.0}),
        ),
        ("/v1/apps/enabled", json!([])),
        ("/v1/apps/popular", json!([])),
        ("/v1/app/plans", json!([])),
    ] {
        assert_eq!(get(path).await.ok(), answer, "{path}");
    }
    // What only the vendor's cloud can do is done with, or was never begun.
    let ok = json!({"status": "ok"});
    let no_training = json!({"opted_in": false, "status": null});
    let no_keys = json!({"active": false});
    for (method, path, answer) in [
        (Method::POST, "/v1/users/training-data-opt-in", no_training),
        (Method::POST, "/v1/users/migration/requests", ok.clone()),
        (
            Method::POST,
            "/v1/users/migration/batch-requests",
            ok.clone(),
        ),
        (
            Method::POST,
            "/v1/users/migration/requests/data-protection-level/finalize",
            ok.clone(),
        ),
        (Method::POST, "/v1/users/me/llm-usage", ok),
        (Method::POST, "/v1/users/me/byok-active", no_keys.clone()),
        (Method::DELETE, "/v1/users/me/byok-active", no_keys),
        (
            Method::POST,
            "/v1/agent/vm-ensure",
            json!({"has_vm": false}),
        ),
        (
            Method::POST,
            "/v1/agent/keepalive",
            json!({"ok": false, "reason": "no_vm"}),
        ),
        (
            Method::POST,
            "/v1/payment-methods/default",
            json!({"status": "success"}),
        ),
    ] {
        let body = Some(json!({"target_level": "enhanced"}));
        let told = server.send(method, path, Some(&ann.token), body).await;
        assert_eq!(told.ok(), answer, "{path}");
    }
    // Fractions, which the app takes no whole number for.
    let overage = get("/v1/payments/overage-info").await.ok();
    assert_eq!(overage["is_overage_plan"], false);
    assert_eq!(overage["markup_multiplier"].to_string(), "1.0");
    // No update, and no 401: that signs the app out.
    for path in [
        "/v2/firmware/latest?device_model=x",
        "/v2/firmware/stable",
        "/v2/desktop/appcast.xml",
        "/v1/unheard-of",
    ] {
        assert_eq!(get(path).await.status, 404, "{path}");
        let url = format!("{}{path}", server.url);
        assert_eq!(client().get(url).send().await.unwrap().status(), 404);
    }
    // What would need the vendor's cloud says so; the two kinds of refusal are those of the reference.
    for (method, path, status) in [
        (Method::POST, "/v1/payments/checkout-session", 400),
        (Method::POST, "/v1/payments/upgrade-subscription", 400),
        (Method::POST, "/v1/payments/customer-portal", 400),
        (Method::DELETE, "/v1/payments/subscription", 400),
        (Method::POST, "/v1/stripe/connect-accounts", 400),
        (Method::POST, "/v1/phone/numbers/verify", 403),
        (Method::POST, "/v1/phone/numbers/verify/check", 403),
        (Method::POST, "/v1/phone/token", 403),
        (Method::PUT, "/v1/integrations/google_calendar", 400),
        (Method::GET, "/v1/task-integrations/todoist/oauth-url", 400),
        (Method::DELETE, "/v1/integrations/google_calendar", 404),
        (Method::DELETE, "/v1/task-integrations/todoist", 404),
    ] {
        let body = Some(json!({"access_token": "secret"}));
        let answer = server.send(method, path, Some(&ann.token), body).await;
        assert_eq!(answer.status, status, "{path}: {answer:#?}");
    }
    let plan: Value = get("/v1/users/me/subscription").await.ok();
    assert!(plan["chat_quota_used"].is_f64(), "{plan}");
    // With a quota of calls, however large, the app offers to sell more.
    assert_eq!(plan["phone_call_quota"], Value::Null);
}

#[tokio::test]
async fn the_shop_is_empty_and_ones_own_apps_are_found() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let app = Importer::new(&server, "ann@example.org", "create_facts,read_memories").await;
    let private = [
        "app",
        "create",
        "--email",
        "ann@example.org",
        "--name",
        "Zebra",
        "--private",
    ];
    let private = server.cli(&private).await;
    let found = async |token: &str, query: &str| {
        let path = format!("/v2/apps/search{query}");
        server.get(&path, token).await.ok()
    };
    let ids = |answer: &Value| -> Vec<String> {
        let data = answer["data"].as_array().unwrap().iter();
        data.map(|app| app["id"].as_str().unwrap().into()).collect()
    };
    let own = found(&ann.token, "?my_apps=true").await;
    assert_eq!(
        own["pagination"],
        json!({"total": 2, "count": 2, "offset": 0, "limit": 20, "hasNext": false, "hasPrevious": false})
    );
    // Somebody else's are seen once they are enabled.
    assert!(ids(&found(&ben.token, "").await).is_empty());
    let enable = format!("/v1/apps/enable?app_id={}", app.id);
    server.post(&enable, &ben.token, json!({})).await.ok();
    let installed = found(&ben.token, "?installed_apps=true&offset=0&limit=500").await;
    assert_eq!(ids(&installed), [app.id.to_string()]);
    assert_eq!(installed["pagination"]["limit"], 100);
    insta::assert_json_snapshot!("app", installed["data"][0], {".id" => "[id]", ".uid" => "[uid]", ".created_at" => "[time]"});
    // Dart takes no 0 for a price.
    assert!(installed["data"][0]["price"].is_f64());
    let enabled = server.get("/v1/apps/enabled", &ben.token).await.ok();
    assert_eq!(enabled, json!([app.id]));
    // By name, whatever its case, and page by page.
    assert_eq!(
        ids(&found(&ann.token, "?q=ZEB").await),
        std::slice::from_ref(&private)
    );
    let second = found(&ann.token, "?limit=1&offset=1").await;
    assert_eq!(ids(&second), std::slice::from_ref(&private));
    assert_eq!(second["pagination"]["hasPrevious"], true);
    let one = format!("/v1/apps/{private}");
    assert_eq!(server.get(&one, &ann.token).await.status, 200);
    assert_eq!(server.get(&one, &ben.token).await.status, 404);
    let absent = format!("/v1/apps/{}", Uuid::new_v4());
    assert_eq!(server.get(&absent, &ben.token).await.status, 404);

    // The shop needs no credential.
    let open = async |path: &str| -> Value {
        let answer = client()
            .get(format!("{}{path}", server.url))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    };
    assert_eq!(
        open("/v2/apps?offset=0&limit=20&include_reviews=true").await["groups"],
        json!([])
    );
    assert_eq!(open("/v2/apps?capability=chat").await["data"], json!([]));
    assert_eq!(
        open("/v2/apps/capability/chat/grouped").await["groups"],
        json!([])
    );
    assert_eq!(
        open("/v1/app-categories").await.as_array().unwrap().len(),
        16
    );
    let capabilities = open("/v1/app-capabilities").await;
    assert_eq!(capabilities[2]["triggers"][1]["id"], "memory_creation");
}

#[tokio::test]
async fn there_are_no_updates_and_nothing_speaks() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let get = async |path: &str| server.send(Method::GET, path, None, None).await;
    let device =
        "?device_model=Omi%20CV%201&firmware_revision=1.0&hardware_revision=1&manufacturer_name=x";
    for path in ["/v2/firmware/latest", "/v2/firmware/stable"] {
        let answer = get(&format!("{path}{device}")).await;
        let detail = "No suitable firmware update found for your device version.";
        assert_eq!(
            (answer.status, &answer.body["detail"]),
            (404, &json!(detail))
        );
    }
    for path in [
        "/v2/desktop/appcast.xml",
        "/v2/desktop/appcast.xml?platform=windows",
        "/v2/desktop/download/latest?platform=linux&channel=beta",
        "/v2/desktop/download/beta",
    ] {
        assert_eq!(get(path).await.status, 404, "{path}");
    }
    for path in [
        "/v2/desktop/appcast.xml?platform=amiga",
        "/v2/desktop/download/latest?channel=nightly",
    ] {
        assert_eq!(get(path).await.status, 422, "{path}");
    }
    let words = json!({"text": "Good morning.", "voice_id": "x"});
    let answer = server.post("/v2/tts/synthesize", &ann.token, words).await;
    assert_eq!(
        (answer.status, &answer.body["detail"]),
        (503, &json!("TTS service not configured"))
    );
    // To try again makes no difference.
    assert!(!answer.headers.contains_key("retry-after"));
}
