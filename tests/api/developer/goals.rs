//! `/v1/dev/user/goals`

use std::collections::BTreeSet;

use chrono::Utc;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api::plant,
    support::{
        Server,
        server::{Answer, ServerOptions, User, client},
    },
};

const PATH: &str = "/v1/dev/user/goals";

async fn send(
    server: &Server,
    user: &User,
    method: Method,
    below: &str,
    body: Option<Value>,
) -> Answer {
    let path = format!("{PATH}{below}");
    server
        .send(method, &path, Some(&user.developer_key), body)
        .await
}

async fn create(server: &Server, user: &User, body: Value) -> Value {
    send(server, user, Method::POST, "", Some(body)).await.ok()
}

async fn get(server: &Server, user: &User, below: &str) -> Value {
    send(server, user, Method::GET, below, None).await.ok()
}

async fn patch(server: &Server, user: &User, below: &str, body: Value) -> Value {
    send(server, user, Method::PATCH, below, Some(body))
        .await
        .ok()
}

fn id(goal: &Value) -> String {
    format!("/{}", goal["id"].as_str().unwrap())
}

fn titles(goals: &Value) -> String {
    let goals = goals.as_array().unwrap();
    let titles: Vec<_> = goals
        .iter()
        .map(|goal| goal["title"].as_str().unwrap())
        .collect();
    titles.join(" ")
}

#[tokio::test]
async fn a_goal_is_set_changed_followed_and_deleted() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    assert_eq!(get(&server, &user, "").await, json!([]));

    // As the command-line client sends it.
    let new = json!({"title": " Run\n", "goal_type": "numeric", "target_value": 10, "current_value": 0, "min_value": 0,
                     "max_value": 10, "unit": "km", "unknown": 1});
    let goal = create(&server, &user, new).await;
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("goal", goal, {
            ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]"
        });
    });
    let path = id(&goal);
    assert!(
        regex::Regex::new("^/goal_[0-9a-f]{12}$")
            .unwrap()
            .is_match(&path),
        "{path}"
    );
    assert_eq!(get(&server, &user, &path).await, goal);
    assert_eq!(get(&server, &user, "").await, json!([goal]));

    // What is left out, or null, stays; but null takes the unit away.
    let changed = patch(
        &server,
        &user,
        &path,
        json!({"title": "Run far ", "unit": null, "max_value": null}),
    )
    .await;
    assert_eq!(changed["title"], "Run far");
    assert_eq!(changed["unit"], Value::Null);
    assert_eq!(changed["max_value"], json!(10.0));
    assert_eq!(changed["created_at"], goal["created_at"]);
    assert!(changed["updated_at"].as_str() > goal["updated_at"].as_str());
    // A target beyond the bounds is one that clients send.
    let body = json!({"target_value": 42.195, "current_value": -1, "min_value": -2, "max_value": 5e300, "unit": " miles "});
    let changed = patch(&server, &user, &path, body).await;
    for (field, value) in [
        ("target_value", 42.195),
        ("current_value", -1.0),
        ("min_value", -2.0),
        ("max_value", 5e300),
    ] {
        assert_eq!(changed[field], json!(value), "{field}");
    }
    assert_eq!(changed["unit"], "miles");
    let history = format!("{path}/history");
    assert_eq!(
        get(&server, &user, &history).await,
        json!([]),
        "a change is no progress"
    );

    // The last value of a day is kept.
    let before = Utc::now().date_naive();
    for value in ["3", "-0.5", "7.25"] {
        let body = json!({"current_value": 99});
        let noted = patch(
            &server,
            &user,
            &format!("{path}/progress?current_value={value}"),
            body,
        )
        .await;
        assert_eq!(noted["current_value"], json!(value.parse::<f64>().unwrap()));
        assert_eq!(noted["id"], goal["id"]);
    }
    let entries = get(&server, &user, &history).await;
    let dates = [before, Utc::now().date_naive()].map(|day| day.to_string());
    if dates[0] == dates[1] {
        assert_eq!(entries.as_array().unwrap().len(), 1, "{entries}");
    }
    assert_eq!(entries[0]["date"], dates[1]);
    assert_eq!(entries[0]["value"], json!(7.25));
    assert!(entries[0]["recorded_at"].as_str().unwrap().ends_with('Z'));
    // Of several at once, history and goal keep the same one.
    join_all((0..8).map(async |n| {
        let below = format!("{path}/progress?current_value={n}");
        patch(&server, &user, &below, json!({})).await
    }))
    .await;
    let last = &get(&server, &user, &path).await["current_value"];
    assert_eq!(&get(&server, &user, &history).await[0]["value"], last);
    // Days are counted where there is an entry.
    let db = server.pool().await;
    let raw = goal["id"].as_str().unwrap();
    for n in 0..370 {
        let day = plant::at("2025-06-01T12:00:00Z") - chrono::Duration::days(n * 2);
        plant::goal_entry(&db, &user.uid, raw, day, n as f64).await;
    }
    let dates = async |query: &str| {
        let entries = get(&server, &user, &format!("{history}?{query}")).await;
        let dates: Vec<_> = entries
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["date"].to_string())
            .collect();
        assert!(dates.is_sorted_by(|a, b| a > b), "{dates:?}");
        dates
    };
    assert_eq!(dates("").await.len(), 30);
    assert_eq!(dates("days=365").await.len(), 365);
    assert_eq!(
        dates("days=3").await[1..],
        ["\"2025-06-01\"", "\"2025-05-30\""]
    );

    // Another user neither sees nor touches it.
    let other = server.user("ben@example.org").await;
    assert_eq!(
        get(&server, &other, "?include_inactive=true").await,
        json!([])
    );
    assert_eq!(get(&server, &other, &history).await, json!([]));
    for absent in ["/goal_0123456789ab/history", "/%00/history", "/x/history"] {
        assert_eq!(get(&server, &other, absent).await, json!([]));
    }
    for (method, below, body) in [
        (Method::GET, "", None),
        (Method::PATCH, "", Some(json!({"title": "Mine"}))),
        (Method::PATCH, "/progress?current_value=1", None),
        (Method::DELETE, "", None),
    ] {
        let absent = send(
            &server,
            &other,
            method.clone(),
            &format!("/goal_0123456789ab{below}"),
            body.clone(),
        )
        .await;
        assert_eq!(absent.status, 404, "{method} {below}");
        assert_eq!(absent.body["detail"], "Goal not found");
        for known in [path.as_str(), "/%00", "/goal_"] {
            let answer = send(
                &server,
                &other,
                method.clone(),
                &format!("{known}{below}"),
                body.clone(),
            )
            .await;
            assert_eq!(
                (answer.status, answer.body),
                (404, absent.body.clone()),
                "{method} {known}{below}"
            );
        }
    }
    let kept = get(&server, &user, &path).await;
    assert_eq!(
        (&kept["title"], &kept["current_value"]),
        (&json!("Run far"), last)
    );

    // Gone with its history.
    let deleted = send(&server, &user, Method::DELETE, &path, None).await.ok();
    assert_eq!(deleted, json!({"success": true}));
    assert_eq!(
        send(&server, &user, Method::GET, &path, None).await.status,
        404
    );
    assert_eq!(
        send(&server, &user, Method::DELETE, &path, None)
            .await
            .status,
        404
    );
    assert_eq!(get(&server, &user, &history).await, json!([]));
    let left: i64 = sqlx::query_scalar("select count(*) from goal_history")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn the_oldest_active_goal_makes_room() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    create(
        &server,
        &other,
        json!({"title": "theirs", "target_value": 1}),
    )
    .await;
    let mut first = Value::Null;
    for title in ["a", "b", "c", "d", "e", "f"] {
        let goal = create(&server, &user, json!({"title": title, "target_value": 1})).await;
        assert_eq!(goal["is_active"], true);
        if first.is_null() {
            first = goal;
        }
    }
    assert_eq!(titles(&get(&server, &user, "").await), "c d e f");
    for (query, expected) in [
        ("?limit=3", "c d e"),
        ("?include_inactive=False", "c d e f"),
        ("?include_inactive=True", "f e d c b a"),
        // The published command-line client always sends a limit.
        ("?include_inactive=1&limit=2", "f e d c b a"),
        ("?include_inactive=0&limit=2", "c d"),
    ] {
        assert_eq!(
            titles(&get(&server, &user, query).await),
            expected,
            "{query}"
        );
    }
    // An ended goal is still there, and can still be followed.
    let path = id(&first);
    let ended = get(&server, &user, &path).await;
    assert_eq!(ended["is_active"], false);
    assert!(ended.get("ended_at").is_none(), "{ended}");
    let followed = patch(
        &server,
        &user,
        &format!("{path}/progress?current_value=1"),
        json!({}),
    )
    .await;
    assert_eq!(followed["is_active"], false);
    let db = server.pool().await;
    let times: Vec<bool> = sqlx::query_scalar(
        "select ended_at is not null from goals where uid = $1 order by created_at",
    )
    .bind(&user.uid)
    .fetch_all(&db)
    .await
    .unwrap();
    assert_eq!(times, [true, true, false, false, false, false]);
    // Room that was made counts.
    let oldest = id(&get(&server, &user, "").await[0]);
    send(&server, &user, Method::DELETE, &oldest, None)
        .await
        .ok();
    create(&server, &user, json!({"title": "g", "target_value": 1})).await;
    assert_eq!(titles(&get(&server, &user, "").await), "d e f g");

    // Many at once: each is made, four stay active, and those are the newest.
    let many = join_all((0..20).map(|n| {
        create(
            &server,
            &user,
            json!({"title": format!("n{n}"), "target_value": 1}),
        )
    }))
    .await;
    let ids: BTreeSet<_> = many.iter().map(id).collect();
    assert_eq!(ids.len(), 20);
    let active = get(&server, &user, "?limit=1000").await;
    assert_eq!(active.as_array().unwrap().len(), 4);
    let mut newest = get(&server, &user, "?include_inactive=true").await;
    let newest = newest.as_array_mut().unwrap();
    assert_eq!(newest.len(), 26);
    newest.truncate(4);
    newest.reverse();
    assert_eq!(active, json!(newest));
    assert_eq!(titles(&get(&server, &other, "").await), "theirs");

    // The same request again makes no second one, and ends none.
    let keyed = async || {
        let response = client()
            .post(format!("{}{PATH}", server.url))
            .bearer_auth(&user.developer_key)
            .header("Idempotency-Key", "once")
            .json(&json!({"title": "once", "target_value": 1}))
            .send()
            .await
            .unwrap();
        Answer::of(response).await.ok()
    };
    let made = keyed().await;
    let active = get(&server, &user, "").await;
    assert_eq!(keyed().await, made);
    // Nor when the server fell after the goal was stored and before it answered.
    sqlx::query(
        "update idempotency_keys set status = null, answer = null, claimed_at = claimed_at - interval '3 minutes'
         where uid = $1",
    )
    .bind(&user.uid)
    .execute(&db)
    .await
    .unwrap();
    assert_eq!(keyed().await, made);
    assert_eq!(get(&server, &user, "").await, active);
}

#[tokio::test]
async fn bad_goals_are_refused_with_the_fields_name() {
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: vec![("OMI_GOALS__MAX_ACTIVE", "1".into())],
        ..ServerOptions::default()
    })
    .await;
    let user = server.user("ann@example.org").await;
    // What is left out.
    let least = create(
        &server,
        &user,
        json!({"title": "é".repeat(500), "target_value": 0}),
    )
    .await;
    for (field, value) in [
        ("goal_type", json!("scale")),
        ("target_value", json!(0.0)),
        ("current_value", json!(0.0)),
        ("min_value", json!(0.0)),
        ("max_value", json!(10.0)),
        ("unit", Value::Null),
    ] {
        assert_eq!(least[field], value, "{field}");
    }
    let only = create(
        &server,
        &user,
        json!({"title": "only", "target_value": 1, "goal_type": "boolean", "unit": " "}),
    )
    .await;
    assert_eq!(only["unit"], Value::Null);
    assert_eq!(get(&server, &user, "").await, json!([only]));

    let refuse = async |method: Method, below: &str, body: Option<Value>, location: Value| {
        let answer = send(&server, &user, method, below, body.clone()).await;
        assert_eq!(answer.status, 422, "{below} {body:?}: {answer:#?}");
        assert_eq!(
            answer.body["detail"][0]["loc"], location,
            "{below} {body:?}: {answer:#?}"
        );
        answer.body["error"]["message"]
            .as_str()
            .unwrap()
            .to_string()
    };
    let path = id(&only);
    for (field, value) in [
        ("title", json!("")),
        ("title", json!(" \n")),
        ("title", json!("é".repeat(501))),
        ("title", json!(7)),
        ("target_value", json!("10")),
        ("target_value", json!([1])),
        ("current_value", json!("much")),
        ("min_value", json!({})),
        ("max_value", json!(true)),
        ("unit", json!("x".repeat(101))),
        ("unit", json!(1)),
    ] {
        let mut new = json!({"title": "x", "target_value": 1});
        new[field] = value.clone();
        refuse(Method::POST, "", Some(new), json!(["body", field])).await;
        refuse(
            Method::PATCH,
            &path,
            Some(json!({field: value})),
            json!(["body", field]),
        )
        .await;
    }
    let message = refuse(
        Method::POST,
        "",
        Some(json!({"title": "x", "target_value": 1, "goal_type": "dream"})),
        json!(["body", "goal_type"]),
    )
    .await;
    assert!(
        message.contains("boolean") && message.contains("numeric"),
        "{message}"
    );
    for (body, field) in [
        (json!({"target_value": 1}), "title"),
        (json!({"title": "x"}), "target_value"),
        (json!({"title": null, "target_value": 1}), "title"),
        (json!({"title": "x", "target_value": null}), "target_value"),
    ] {
        refuse(Method::POST, "", Some(body), json!(["body", field])).await;
    }
    for nothing in [
        json!({}),
        json!({"title": null}),
        json!({"goal_type": "scale"}),
    ] {
        let message = refuse(Method::PATCH, &path, Some(nothing), json!(["body"])).await;
        assert!(message.contains("At least one field"), "{message}");
    }
    let progress = format!("{path}/progress");
    for value in [
        "",
        "?current_value=",
        "?current_value=much",
        "?current_value=NaN",
        "?current_value=-inf",
        "?current_value=1e400",
    ] {
        refuse(
            Method::PATCH,
            &format!("{progress}{value}"),
            None,
            json!(["query", "current_value"]),
        )
        .await;
    }
    for query in [
        "?limit=0",
        "?limit=1001",
        "?limit=-1",
        "?limit=ten",
        "?limit=0&include_inactive=true",
        "?limit=1001&include_inactive=true",
    ] {
        let name = query[1..].split('=').next().unwrap();
        refuse(Method::GET, query, None, json!(["query", name])).await;
    }
    let answer = send(&server, &user, Method::GET, "?include_inactive=maybe", None).await;
    assert_eq!(answer.status, 400, "{answer:#?}");
    for query in ["days=0", "days=366", "days=-1", "days=x"] {
        refuse(
            Method::GET,
            &format!("{path}/history?{query}"),
            None,
            json!(["query", "days"]),
        )
        .await;
    }
    // What JSON or the database cannot hold.
    let raw = async |body: &'static str| {
        let request = client().post(format!("{}{PATH}", server.url));
        let response = request.bearer_auth(&user.developer_key).body(body).send();
        Answer::of(response.await.unwrap()).await.status
    };
    assert_eq!(raw(r#"{"title": "x", "target_value": 1e400}"#).await, 422);
    assert_eq!(raw(r#"{"title": "x", "target_value": NaN}"#).await, 422);
    assert_eq!(raw(r#"{"title": "x\u0000", "target_value": 1}"#).await, 400);
    assert_eq!(
        raw(r#"{"title": "x", "target_value": 1, "unit": "\u0000"}"#).await,
        400
    );
    assert_eq!(
        get(&server, &user, &path).await,
        only,
        "what was refused changed nothing"
    );
    assert_eq!(
        get(&server, &user, "?include_inactive=true")
            .await
            .as_array()
            .unwrap()
            .len(),
        2
    );
}
