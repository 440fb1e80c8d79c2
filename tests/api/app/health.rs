//! `/v1/integrations/apple-health/sync`

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, server::Answer};

const SYNC: &str = "/v1/integrations/apple-health/sync";
const STANDING: &str = "/v1/integrations/apple_health";

#[tokio::test]
async fn what_the_phone_tells_of_health_is_kept_replaced_and_forgotten() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let ask = async |method: Method, path: &str, body: Option<Value>| -> Answer {
        server.send(method, path, Some(&ann.token), body).await
    };
    let kept = async || {
        let all = ask(Method::GET, "/v1/users/export", None).await.ok();
        all["profile"]["apple_health"]["data"].clone()
    };
    let connected = async || {
        let standing = ask(Method::GET, STANDING, None).await.ok();
        assert_eq!(standing["app_key"], "apple_health");
        standing["connected"].as_bool().unwrap()
    };
    assert!(!connected().await);
    assert_eq!(kept().await, Value::Null);
    let connect = async |yes: bool| {
        let body = json!({"connected": yes});
        ask(Method::PUT, STANDING, Some(body)).await.ok()
    };
    let expected = json!({"status": "ok", "app_key": "apple_health"});
    assert_eq!(connect(true).await, expected);
    assert!(connected().await);

    let week = json!({"period_days": 14, "total_steps": 70_000, "average_steps_per_day": 5000.5,
        "daily_steps": [{"date": "2026-01-31", "steps": 5000}], "heart_rate_average": 61.5, "nonsense": 1});
    let synced = ask(Method::PUT, SYNC, Some(week)).await.ok();
    assert_eq!(synced["data_types_synced"], json!(["steps", "heart_rate"]));
    assert_eq!(synced["app_key"], "apple_health");
    assert!(synced["synced_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(kept().await["daily_steps"][0]["steps"], 5000);
    // All of it is replaced, and connecting again takes nothing away.
    ask(Method::PUT, SYNC, Some(json!({"total_sleep_hours": 49.5})))
        .await
        .ok();
    connect(true).await;
    let now = kept().await;
    assert_eq!(
        (
            &now["total_steps"],
            &now["total_sleep_hours"],
            &now["period_days"]
        ),
        (&Value::Null, &json!(49.5), &json!(7))
    );
    let large = json!({"workouts": ["x".repeat(1_100_000)]});
    assert_eq!(ask(Method::PUT, SYNC, Some(large)).await.status, 422);
    let wrong = json!({"total_steps": "many"});
    assert_eq!(ask(Method::PUT, SYNC, Some(wrong)).await.status, 422);
    // Nobody else has it.
    let others = server.get(STANDING, &ben.token).await.ok();
    assert_eq!(others["connected"], false);
    assert_eq!(ask(Method::DELETE, STANDING, None).await.status, 204);
    assert_eq!(ask(Method::DELETE, STANDING, None).await.status, 404);
    assert!(!connected().await);
    connect(true).await;
    connect(false).await;
    assert!(!connected().await);
}
