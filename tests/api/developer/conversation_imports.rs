//! Conversations that clients bring: transcripts, and requests that come twice.

use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgPool};

use crate::{
    api::plant::at,
    support::{
        Server,
        server::{Answer, User, client},
    },
};

const TEXTS: &str = "/v1/dev/user/conversations";
const SEGMENTS: &str = "/v1/dev/user/conversations/from-segments";

/// Stores it; it must be understood by the time of the answer. Gives the id.
async fn create(server: &Server, user: &User, path: &str, body: Value) -> String {
    let outcome = server.post(path, &user.developer_key, body).await.ok();
    assert_eq!(
        outcome["status"],
        "completed",
        "{outcome}\n{}",
        server.log()
    );
    assert_eq!(outcome["discarded"], false, "an import is kept");
    outcome["id"].as_str().unwrap().to_string()
}

/// With its transcript.
async fn get(server: &Server, user: &User, id: &str) -> Value {
    let path = format!("{TEXTS}/{id}?include_transcript=true");
    server.get(&path, &user.developer_key).await.ok()
}

async fn count(db: &PgPool, user: &User) -> i64 {
    sqlx::query_scalar("select count(*) from conversations where uid = $1")
        .bind(&user.uid)
        .fetch_one(db)
        .await
        .unwrap()
}

#[tokio::test]
async fn segments_become_a_conversation() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let body = json!({
        "transcript_segments": [
            {"text": " Remind me to send Maria the photos. ", "start": 0, "end": 2.5, "is_user": true},
            {"text": "Lisbon was wonderful.", "speaker": "SPEAKER_01", "start": 2.5, "end": 90.25},
            {"text": "I promise to call the dentist tomorrow.", "speaker": "SPEAKER_01", "speaker_id": 7, "start": 3, "end": 4,
             "person_id": "ben", "id": "ignored"},
        ],
        "source": "phone",
        "started_at": "2026-01-31T09:30:00+01:00",
        "language": "en",
        "geolocation": {"latitude": 38.7223, "longitude": -9.1393, "address": "Lisbon"},
    });
    let id = create(&server, &user, SEGMENTS, body).await;
    let found = get(&server, &user, &id).await;
    assert_eq!(found["started_at"], "2026-01-31T08:30:00Z");
    assert_eq!(found["created_at"], found["started_at"]);
    // The segment that ends last, not the last one.
    assert_eq!(found["finished_at"], "2026-01-31T08:31:30.250Z");
    assert_eq!(found["source"], "phone");
    assert_eq!(found["geolocation"]["address"], "Lisbon");
    assert_ne!(found["structured"]["title"], "");
    let items = found["structured"]["action_items"].as_array().unwrap();
    assert!(!items.is_empty(), "{found:#}");
    let segments: Vec<_> = found["transcript_segments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["text"].as_str().unwrap(),
                one["speaker_id"].as_i64().unwrap(),
                one["speaker_name"].as_str().unwrap(),
                one["start"].as_f64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        segments,
        [
            ("Remind me to send Maria the photos.", 0, "User", 0.0),
            ("Lisbon was wonderful.", 1, "Speaker 1", 2.5),
            (
                "I promise to call the dentist tomorrow.",
                7,
                "Speaker 7",
                3.0
            ),
        ]
    );
    let whole = server
        .get(&format!("/v1/conversations/{id}"), &user.token)
        .await
        .ok();
    assert_eq!(whole["transcript_segments"][2]["person_id"], "ben");
    assert_eq!(whole["transcript_segments"][2]["speaker"], "SPEAKER_01");
    assert_eq!(whole["external_data"], Value::Null);

    // Defaults, the other name of the list, a source that nobody knows, and little said: it is kept.
    for (more, source) in [
        (json!({}), "external_integration"),
        (json!({"source": "toaster"}), "unknown"),
        (
            json!({"source": null, "language": null}),
            "external_integration",
        ),
    ] {
        let mut body = json!({"segments": [{"text": "Hi.", "start": 0.0, "end": 1}]});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let id = create(&server, &user, SEGMENTS, body).await;
        let found = get(&server, &user, &id).await;
        assert_eq!(found["source"], source);
        assert_eq!(found["language"], Value::Null);
        let time = |field: &str| at(found[field].as_str().unwrap());
        assert_eq!(
            time("finished_at") - time("started_at"),
            chrono::Duration::seconds(1)
        );
        assert!(Utc::now() - time("started_at") < chrono::Duration::minutes(1));
    }

    // Of both names of the list the first that holds something counts.
    let said = |text: &str| json!([{"text": text, "start": 0, "end": 1}]);
    for (body, expected) in [
        (
            json!({"transcript_segments": said("One."), "segments": said("Two.")}),
            "One.",
        ),
        (
            json!({"segments": said("Two."), "transcript_segments": null}),
            "Two.",
        ),
        (
            json!({"segments": said("Two."), "transcript_segments": []}),
            "Two.",
        ),
    ] {
        let id = create(&server, &user, SEGMENTS, body).await;
        let found = get(&server, &user, &id).await;
        assert_eq!(found["transcript_segments"][0]["text"], expected);
    }

    // In the last second that can be written.
    let body =
        json!({"transcript_segments": said("One."), "started_at": "9999-12-31T23:59:59.25Z"});
    let id = create(&server, &user, SEGMENTS, body).await;
    let found = get(&server, &user, &id).await;
    assert_eq!(found["finished_at"], "9999-12-31T23:59:59.250Z");

    // As many as may be, in one body, at the end of the calendar.
    let text = "We talked about the new garden and what to plant in it. ".repeat(70);
    let segments: Vec<_> = (0..500)
        .map(|n| json!({"text": text, "speaker": format!("SPEAKER_{:02}", n % 3), "start": n, "end": n + 1}))
        .collect();
    let body = json!({"transcript_segments": segments, "started_at": "9999-12-31T23:59:59Z"});
    println!("body of {} bytes", body.to_string().len());
    let begun = Instant::now();
    let id = create(&server, &user, SEGMENTS, body).await;
    println!("500 segments understood in {:?}", begun.elapsed());
    let found = get(&server, &user, &id).await;
    assert_eq!(found["transcript_segments"].as_array().unwrap().len(), 500);
    assert_eq!(found["finished_at"], "9999-12-31T23:59:59Z");
}

#[tokio::test]
async fn bad_segments_are_refused_by_their_number() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let good = json!({"text": "Hello.", "start": 0, "end": 1});
    let with = |field: &str, value: Value| {
        let mut bad = good.clone();
        bad[field] = value;
        json!({"transcript_segments": [good, bad]})
    };
    let segment = |field: &str| json!(["body", "transcript_segments", "1", field]);
    let times = |started: &str, finished: &str| json!({"transcript_segments": [good], "started_at": started, "finished_at": finished});
    let field = |name: &str| json!(["body", name]);
    for (body, place, message) in [
        (json!({}), field("transcript_segments"), "Field required"),
        (
            json!({"transcript_segments": []}),
            field("transcript_segments"),
            "transcript_segments cannot be empty",
        ),
        (
            json!({"transcript_segments": vec![good.clone(); 501]}),
            field("transcript_segments"),
            "Maximum 500 transcript segments allowed",
        ),
        (
            with("end", json!(0)),
            segment("end"),
            "Segment 1: end time must be after start time",
        ),
        (
            with("start", json!(-1)),
            segment("start"),
            "Segment 1: start time cannot be negative",
        ),
        (
            with("text", json!(" \n")),
            segment("text"),
            "Segment 1: text cannot be empty",
        ),
        (
            with("text", json!("x".repeat(10_001))),
            segment("text"),
            "Segment 1: text must have at most 10000 characters",
        ),
        (
            with("end", json!(1e12)),
            segment("end"),
            "Segment 1: end time must be within a year, 31536000 seconds",
        ),
        (
            with("speaker_id", json!(-1)),
            segment("speaker_id"),
            "Segment 1: speaker_id cannot be negative",
        ),
        (
            with("person_id", json!("x".repeat(201))),
            segment("person_id"),
            "Segment 1: person_id must have at most 200 characters",
        ),
        (
            times("2026-01-01T10:00:00Z", "2026-01-01T10:00:00Z"),
            field("finished_at"),
            "finished_at must be after started_at",
        ),
        (
            times("2026-01-01T10:00:00Z", "2026-01-01T09:00:00Z"),
            field("finished_at"),
            "finished_at must be after started_at",
        ),
    ] {
        let answer = server.post(SEGMENTS, &user.developer_key, body).await;
        assert_eq!(answer.status, 422, "{message}: {answer:#?}");
        assert_eq!(answer.body["detail"][0]["loc"], place, "{message}");
        assert_eq!(answer.body["detail"][0]["msg"], message);
    }
    for (body, place) in [
        (with("start", json!("soon")), segment("start")),
        (with("speaker_id", json!(1e30)), segment("speaker_id")),
        (
            json!({"transcript_segments": [good], "client_session_id": "x".repeat(201)}),
            field("client_session_id"),
        ),
        (
            json!({"transcript_segments": [], "segments": []}),
            field("transcript_segments"),
        ),
        (
            json!({"transcript_segments": [good], "segments": "none"}),
            field("segments"),
        ),
        (
            json!({"transcript_segments": [good], "language": "x".repeat(36)}),
            field("language"),
        ),
        (
            json!({"transcript_segments": [good], "geolocation": {"latitude": 91, "longitude": 0}}),
            field("geolocation"),
        ),
    ] {
        let answer = server.post(SEGMENTS, &user.developer_key, body).await;
        assert_eq!(answer.status, 422, "{place}: {answer:#?}");
        assert_eq!(answer.body["detail"][0]["loc"], place, "{answer:#?}");
    }
    for body in [
        with("text", json!("a\u{0}b")),
        with("speaker", json!("\u{0}")),
        with("person_id", json!("\u{0}")),
        json!({"transcript_segments": [good], "source": "\u{0}", "language": "\u{0}"}),
        json!({"transcript_segments": [good], "client_session_id": "a\u{0}b", "language": "\u{0}"}),
    ] {
        let answer = server.post(SEGMENTS, &user.developer_key, body).await;
        assert!((400..500).contains(&answer.status), "{answer:#?}");
    }
    assert_eq!(count(&server.pool().await, &user).await, 0);
}

/// Posts the same body so many times at once.
async fn at_once(server: &Server, key: &str, path: &str, body: &Value, times: usize) -> Vec<Value> {
    let requests: Vec<_> = (0..times)
        .map(|_| {
            let request = client()
                .post(format!("{}{path}", server.url))
                .bearer_auth(key)
                .json(body);
            tokio::spawn(async move { Answer::of(request.send().await.unwrap()).await.ok() })
        })
        .collect();
    let mut answers = Vec::new();
    for request in requests {
        answers.push(request.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn a_session_is_one_conversation() {
    let mut server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let db = server.pool().await;
    let segments = |session: &str| {
        json!({
            "transcript_segments": [{"text": "I promise to call the dentist.", "start": 0, "end": 1}],
            "client_session_id": session,
        })
    };
    let answers = at_once(
        &server,
        &user.developer_key,
        SEGMENTS,
        &segments("walk"),
        10,
    )
    .await;
    for answer in &answers {
        assert_eq!(
            answer, &answers[0],
            "everyone hears of the same, as it turned out"
        );
    }
    assert_eq!(answers[0]["status"], "completed");
    assert_eq!(count(&db, &user).await, 1);
    let id = answers[0]["id"].as_str().unwrap();
    let stored = get(&server, &user, id).await;
    assert_eq!(stored["transcript_segments"].as_array().unwrap().len(), 1);
    let items = stored["structured"]["action_items"].as_array().unwrap();
    assert_eq!(items.len(), 1);

    // Whatever else is in it, trimmed, under each of its names, and at once.
    for name in [
        "client_session_id",
        "session_id",
        "client_id",
        "client_conversation_id",
    ] {
        let begun = Instant::now();
        for (path, mut body) in [
            (
                SEGMENTS,
                json!({"segments": [{"text": "Something else.", "start": 0, "end": 9}]}),
            ),
            (TEXTS, json!({"text": "Something else."})),
        ] {
            body[name] = json!(" walk\n");
            assert_eq!(create(&server, &user, path, body).await, id, "{name}");
        }
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "a repeat waits for nothing"
        );
    }
    // Of several names the first that is not blank counts.
    for names in [
        json!({"client_session_id": "walk", "session_id": "other", "client_id": "other"}),
        json!({"client_session_id": " ", "session_id": "walk", "client_conversation_id": "other"}),
        json!({"client_session_id": null, "session_id": "", "client_id": "walk", "client_conversation_id": "x"}),
    ] {
        for (path, mut body) in [
            (
                SEGMENTS,
                json!({"segments": [{"text": "Something else.", "start": 0, "end": 9}]}),
            ),
            (TEXTS, json!({"text": "Something else."})),
        ] {
            let body = body.as_object_mut().unwrap();
            body.extend(names.as_object().unwrap().clone());
            let body = Value::Object(body.clone());
            assert_eq!(create(&server, &user, path, body).await, id, "{names}");
        }
    }
    assert_eq!(get(&server, &user, id).await, stored);
    assert_eq!(count(&db, &user).await, 1);
    // Another session, and the same of another user.
    assert_ne!(create(&server, &user, SEGMENTS, segments("Walk")).await, id);
    assert_ne!(
        create(&server, &other, SEGMENTS, segments("walk")).await,
        id
    );
    assert_eq!((count(&db, &user).await, count(&db, &other).await), (2, 1));

    // While it is being understood, a repeat waits like the first.
    let mut holder = db.acquire().await.unwrap().detach();
    let mut held = holder.begin().await.unwrap();
    sqlx::query("lock table action_items in exclusive mode")
        .execute(&mut *held)
        .await
        .unwrap();
    let slow = segments("slow");
    let release = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        held.rollback().await.unwrap();
    };
    let begun = Instant::now();
    let (answers, ()) = tokio::join!(
        at_once(&server, &user.developer_key, SEGMENTS, &slow, 3),
        release
    );
    assert!(begun.elapsed() >= Duration::from_millis(700));
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    assert_eq!(answers[0]["status"], "completed");

    // One that could not be understood gets another chance.
    sqlx::query("update conversations set status = 'failed', processing_error = 'x' where uid = $1 and id = $2::uuid")
        .bind(&user.uid)
        .bind(id)
        .execute(&db)
        .await
        .unwrap();
    assert_eq!(create(&server, &user, SEGMENTS, segments("walk")).await, id);
    let whole = server
        .get(&format!("/v1/conversations/{id}"), &user.token)
        .await
        .ok();
    assert_eq!(whole["processing_error"], Value::Null);

    // What was answered is there, whatever happens to the server; what was removed can come again.
    server.kill().await;
    server.run().await;
    assert_eq!(get(&server, &user, id).await["id"], id);
    let path = format!("{TEXTS}/{id}");
    server
        .send(
            reqwest::Method::DELETE,
            &path,
            Some(&user.developer_key),
            None,
        )
        .await
        .ok();
    assert_eq!(create(&server, &user, SEGMENTS, segments("walk")).await, id);
    let again = get(&server, &user, id).await;
    assert_eq!(again["transcript_segments"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_same_text_again_is_the_same_conversation_for_ten_minutes() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let db = server.pool().await;
    let body = json!({"text": "We agreed that Ben ships on Friday.", "text_source_spec": "notes"});
    let answers = at_once(&server, &user.developer_key, TEXTS, &body, 10).await;
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    assert_eq!(count(&db, &user).await, 1);
    let id = answers[0]["id"].as_str().unwrap();
    assert_eq!(create(&server, &user, TEXTS, body.clone()).await, id);
    // A blank session is none.
    let mut blank = body.clone();
    blank["client_session_id"] = json!(" ");
    assert_eq!(create(&server, &user, TEXTS, blank).await, id);

    // Whatever differs makes it another request.
    let mut others = vec![create(&server, &other, TEXTS, body.clone()).await];
    for (field, value) in [
        ("text", json!("We agreed that Ben ships on Monday.")),
        ("text_source", json!("message")),
        ("started_at", json!("2026-01-31T09:00:00Z")),
        ("finished_at", json!("2099-01-31T09:00:00Z")),
        ("language", json!("de")),
        ("geolocation", json!({"latitude": 1, "longitude": 1})),
        ("client_session_id", json!("walk")),
    ] {
        let mut body = body.clone();
        body[field] = value;
        others.push(create(&server, &user, TEXTS, body).await);
    }
    // Later it is meant.
    sqlx::query("update conversations set received_at = received_at - interval '10 minutes' where id = $1::uuid")
        .bind(id)
        .execute(&db)
        .await
        .unwrap();
    let later = create(&server, &user, TEXTS, body.clone()).await;
    assert_eq!(create(&server, &user, TEXTS, body.clone()).await, later);
    // What was removed can come again.
    let path = format!("{TEXTS}/{later}");
    server
        .send(
            reqwest::Method::DELETE,
            &path,
            Some(&user.developer_key),
            None,
        )
        .await
        .ok();
    let again = create(&server, &user, TEXTS, body).await;
    others.extend([id.to_string(), later, again]);
    let number = others.len();
    others.sort();
    others.dedup();
    assert_eq!(others.len(), number, "{others:#?}");
}

#[tokio::test]
async fn a_key_of_a_request_names_its_conversation() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let post = async |path: &str, key: &str, body: &Value| {
        let request = client()
            .post(format!("{}{path}", server.url))
            .bearer_auth(&user.developer_key)
            .header("idempotency-key", key)
            .json(body);
        let answer = Answer::of(request.send().await.unwrap()).await.ok();
        assert_eq!(answer["status"], "completed");
        answer
    };
    let text = json!({"text": "We agreed that Ben ships on Friday."});
    let segments = json!({"segments": [{"text": "Ben ships.", "start": 0, "end": 1}]});
    for (n, (path, body)) in [(TEXTS, text.clone()), (SEGMENTS, segments)]
        .into_iter()
        .enumerate()
    {
        let first = post(path, "one", &body).await;
        assert_eq!(post(path, "one", &body).await, first);
        // The server died before it could keep the answer.
        sqlx::query("update idempotency_keys set status = null, answer = null, claimed_at = claimed_at - interval '1 hour'")
            .execute(&db)
            .await
            .unwrap();
        assert_eq!(post(path, "one", &body).await, first);
        assert_eq!(count(&db, &user).await, 2 * n as i64 + 1);
        // Another key: the same is meant once more.
        assert_ne!(post(path, "two", &body).await["id"], first["id"]);
    }
    assert_eq!(count(&db, &user).await, 4);
    // Without a key a text is known by what it says, if it came without one.
    let plain = create(&server, &user, TEXTS, text.clone()).await;
    assert_eq!(create(&server, &user, TEXTS, text).await, plain);
    assert_eq!(count(&db, &user).await, 5);
}
