//! `/v1/goals`

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api::plant,
    support::{
        Server, ServerOptions,
        peer::{Peer, Script},
        server::{Answer, User},
    },
};

const PATH: &str = "/v1/goals";

async fn send(server: &Server, user: &User, method: Method, below: &str, body: Value) -> Answer {
    let path = format!("{PATH}{below}");
    let body = (!body.is_null()).then_some(body);
    server.send(method, &path, Some(&user.token), body).await
}

async fn get(server: &Server, user: &User, below: &str) -> Value {
    send(server, user, Method::GET, below, Value::Null)
        .await
        .ok()
}

async fn set(server: &Server, user: &User, title: &str) -> Value {
    let body = json!({"title": title, "target_value": 10});
    send(server, user, Method::POST, "", body).await.ok()
}

fn below(goal: &Value) -> String {
    format!("/{}", goal["id"].as_str().unwrap())
}

fn titles(goals: &Value) -> Vec<&str> {
    let goals = goals.as_array().unwrap();
    goals
        .iter()
        .map(|goal| goal["title"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn four_goals_are_active_and_the_oldest_makes_room() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    assert_eq!(get(&server, &user, "").await, Value::Null);
    assert_eq!(get(&server, &user, "/all").await, json!([]));
    let first = set(&server, &user, "one").await;
    assert_eq!(first["min_value"].to_string(), "0.0");
    assert_eq!(first["max_value"].to_string(), "10.0");
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("goal", first, {
            ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]"
        });
    });
    // The app repeats a request that failed.
    assert_eq!(set(&server, &user, "one").await, first);
    for title in ["two", "three", "four"] {
        set(&server, &user, title).await;
    }
    assert_eq!(get(&server, &user, "").await, first, "the oldest");
    set(&server, &user, "five").await;
    assert_eq!(
        titles(&get(&server, &user, "/all").await),
        ["two", "three", "four", "five"]
    );
    assert_eq!(get(&server, &user, "").await["title"], "two");
    let ended: bool = sqlx::query_scalar(
        "select ended_at is not null and not is_active from goals where uid = $1 and title = 'one'",
    )
    .bind(&user.uid)
    .fetch_one(&db)
    .await
    .unwrap();
    assert!(ended);

    // A change of one that has ended says when it did.
    let id = below(&first);
    let changed = send(
        &server,
        &user,
        Method::PATCH,
        &id,
        json!({"unit": "km", "target_value": 12}),
    )
    .await
    .ok();
    assert_eq!(
        (&changed["unit"], &changed["target_value"]),
        (&json!("km"), &json!(12.0))
    );
    assert_eq!(
        (&changed["is_active"], changed["ended_at"].is_string()),
        (&json!(false), true)
    );
    let cleared = send(&server, &user, Method::PATCH, &id, json!({"unit": null}))
        .await
        .ok();
    assert_eq!(cleared["unit"], Value::Null);
    let nothing = send(&server, &user, Method::PATCH, &id, json!({})).await;
    assert_eq!(
        (nothing.status, &nothing.body["detail"]),
        (400, &json!("No updates provided"))
    );
    let absent = "/goal_000000000000";
    let nobodys = send(&server, &user, Method::PATCH, absent, json!({"title": "x"})).await;
    assert_eq!(
        (nobodys.status, &nobodys.body["detail"]),
        (404, &json!("Goal not found"))
    );

    // One entry a day, the last one; a change of the goal makes none.
    for value in ["3", "4.5"] {
        let path = format!("{id}/progress?current_value={value}");
        send(&server, &user, Method::PATCH, &path, Value::Null)
            .await
            .ok();
    }
    send(
        &server,
        &user,
        Method::PATCH,
        &id,
        json!({"current_value": 9}),
    )
    .await
    .ok();
    let history = get(&server, &user, &format!("{id}/history")).await;
    assert_eq!(history.as_array().unwrap().len(), 1);
    assert_eq!(history[0]["value"], 4.5);
    assert_eq!(
        get(&server, &user, &format!("{id}/history?days=0")).await,
        json!([])
    );
    assert_eq!(
        get(&server, &user, &format!("{id}/history?days=-1")).await,
        json!([])
    );
    assert_eq!(
        get(&server, &user, &format!("{absent}/history")).await,
        json!([])
    );
    for (method, below) in [
        (Method::GET, format!("{id}/history?days=366")),
        (Method::PATCH, format!("{id}/progress")),
        (Method::PATCH, format!("{id}/progress?current_value=NaN")),
    ] {
        let answer = send(&server, &user, method, &below, Value::Null).await;
        assert_eq!(answer.status, 422, "{below}: {answer:#?}");
    }
    let removed = send(&server, &user, Method::DELETE, &id, Value::Null)
        .await
        .ok();
    assert_eq!(removed, json!({"success": true, "deleted_id": first["id"]}));
    let gone = send(&server, &user, Method::DELETE, &id, Value::Null).await;
    assert_eq!(gone.status, 404);
}

#[tokio::test]
async fn without_a_model_all_is_answered() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let suggested = get(&server, &user, "/suggest").await;
    assert_eq!(
        suggested["suggested_title"],
        "Learn something new every day"
    );
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("suggestion", suggested);
    });
    plant::memory(&db, &user.uid, "Plays the cello", "system", None, None).await;
    let suggested = get(&server, &user, "/suggest").await;
    let why = suggested["reasoning"].as_str().unwrap();
    assert!(why.contains("No language model"), "{why}");

    let advice = async |below: &str| get(&server, &user, below).await["advice"].clone();
    assert_eq!(
        advice("/advice").await,
        "Set a goal to get personalized advice!"
    );
    let usual = "Focus on the next small step toward your goal.";
    assert_eq!(advice("/goal_000000000000/advice").await, usual);
    assert_eq!(advice("/anything/advice").await, usual);
    let text = json!({"text": "I practised for ten hours."});
    let progress = async |text: &Value| {
        send(
            &server,
            &user,
            Method::POST,
            "/extract-progress",
            text.clone(),
        )
        .await
        .ok()
    };
    assert_eq!(
        progress(&text).await,
        json!({"updated": false, "reason": "No active goal"})
    );
    let goal = set(&server, &user, "Practise").await;
    assert_eq!(advice("/advice").await, usual);
    assert_eq!(advice(&format!("{}/advice", below(&goal))).await, usual);
    assert_eq!(
        progress(&text).await,
        json!({"updated": false, "reason": "No language model is set up"})
    );
    assert_eq!(
        progress(&json!({"text": " I d "})).await,
        json!({"updated": false, "reason": "No active goal"})
    );
}

#[tokio::test]
async fn a_model_suggests_advises_and_notes_progress() {
    let peer = Peer::start(Script::Refuses(400)).await;
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: peer.settings(),
        ..ServerOptions::default()
    })
    .await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let db = server.pool().await;
    plant::memory(&db, &user.uid, "Plays the cello", "system", None, None).await;
    plant::memory(&db, &other.uid, "Hides a xylophone", "system", None, None).await;
    let now = chrono::Utc::now();
    let lesson = plant::Conversation {
        title: "Cello lesson",
        created_at: now,
        finished_at: now,
        ..Default::default()
    };
    lesson.put(&db, &user.uid).await;

    peer.script(Script::json(json!({
        "title": "Practise\nthe cello", "goal_type": "numeric", "target": 20, "most": 40, "least": 0,
        "reasoning": "You play the cello.",
    })));
    assert_eq!(
        get(&server, &user, "/suggest").await,
        json!({
            "suggested_title": "Practise the cello", "suggested_type": "numeric", "suggested_target": 20.0,
            "suggested_min": 0.0, "suggested_max": 40.0, "reasoning": "You play the cello.",
        })
    );
    let (_, material) = peer.asked_for("suggest_goal").pop().unwrap();
    assert!(
        material.contains("Plays the cello") && !material.contains("xylophone"),
        "{material}"
    );
    // A model that fails or makes no sense: what suits everybody, and never an error.
    for script in [
        Script::Refuses(400),
        Script::Refuses(500),
        Script::json(
            json!({"title": "", "goal_type": "scale", "target": 5, "most": 10, "reasoning": ""}),
        ),
        Script::json(
            json!({"title": "x", "goal_type": "scale", "target": 50, "most": 10, "reasoning": ""}),
        ),
        Script::says(&["no JSON"]),
    ] {
        peer.script(script);
        let suggested = get(&server, &user, "/suggest").await;
        assert_eq!(
            suggested["suggested_title"], "Make progress every day",
            "{suggested}"
        );
    }

    let goal = set(&server, &user, "Practise the cello").await;
    peer.script(Script::json(
        json!({"advice": "Play the scales\ntomorrow."}),
    ));
    let path = format!("{}/advice", below(&goal));
    for path in ["/advice", &path] {
        let advice = get(&server, &user, path).await;
        assert_eq!(advice, json!({"advice": "Play the scales tomorrow."}));
    }
    let (_, material) = peer.asked_for("advise_goal").pop().unwrap();
    for part in [
        "Practise the cello: 0 of 10",
        "An overview.",
        "Plays the cello",
    ] {
        assert!(material.contains(part), "{part}: {material}");
    }
    assert!(!material.contains("xylophone"), "{material}");
    // Another's goal is nobody's: the model is not asked.
    let asked = peer.asked().len();
    let usual = "Focus on the next small step toward your goal.";
    assert_eq!(get(&server, &other, &path).await["advice"], usual);
    assert_eq!(peer.asked().len(), asked);
    peer.script(Script::Refuses(400));
    assert_eq!(get(&server, &user, "/advice").await["advice"], usual);

    let progress = async |text: &str| {
        let body = json!({"text": text});
        send(&server, &user, Method::POST, "/extract-progress", body)
            .await
            .ok()
    };
    peer.script(Script::json(
        json!({"goals": [{"goal": 1, "value": 7}, {"goal": 2, "value": 3}]}),
    ));
    let noted = progress("I have practised for seven hours now.").await;
    assert_eq!(noted["updated"], true);
    assert_eq!(noted.get("reason"), None);
    let update = &noted["updates"][0];
    assert_eq!(noted["updates"].as_array().unwrap().len(), 1);
    assert_eq!(update["goal_id"], goal["id"]);
    assert_eq!(update["goal_title"], "Practise the cello");
    assert_eq!(
        (&update["previous_value"], &update["new_value"]),
        (&json!(0.0), &json!(7.0))
    );
    assert_ne!(update["reasoning"], "");
    let history = get(&server, &user, &format!("{}/history", below(&goal))).await;
    assert_eq!(history[0]["value"], 7.0);
    for (script, reason) in [
        (Script::json(json!({"goals": []})), "No progress found"),
        // What it is already.
        (
            Script::json(json!({"goals": [{"goal": 1, "value": 7}]})),
            "No progress found",
        ),
        (Script::Refuses(400), "The text could not be read"),
        (Script::Refuses(503), "The text could not be read"),
    ] {
        peer.script(script);
        let noted = progress("I have practised for seven hours now.").await;
        assert_eq!(noted, json!({"updated": false, "reason": reason}));
    }
}
