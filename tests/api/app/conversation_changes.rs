//! What a user changes of a conversation, and what belongs to it.

use std::time::Duration;

use omi_server::{
    features::conversations::{self, Geolocation},
    platform::database::Db,
};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    api::plant::{self, at},
    support::{
        Server, ServerOptions,
        peer::{Peer, Script},
        server::{Answer, User},
    },
};

const PATH: &str = "/v1/conversations";

struct Talk<'a> {
    server: &'a Server,
    user: &'a User,
    id: String,
}

impl Talk<'_> {
    async fn ask(&self, method: Method, rest: &str, body: Option<Value>) -> Answer {
        let path = format!("{PATH}/{}{rest}", self.id);
        self.server
            .send(method, &path, Some(&self.user.token), body)
            .await
    }

    async fn change(&self, rest: &str, body: Value) -> Answer {
        self.ask(Method::PATCH, rest, Some(body)).await
    }

    /// By the query alone.
    async fn patch(&self, rest: &str) -> Answer {
        self.ask(Method::PATCH, rest, None).await
    }

    async fn get(&self) -> Value {
        self.ask(Method::GET, "", None).await.ok()
    }
}

#[track_caller]
fn assert_done(answer: Answer) {
    assert_eq!(answer.ok(), json!({"status": "Ok"}));
}

#[track_caller]
fn assert_says(answer: &Answer, status: u16, detail: &str) {
    assert_eq!(
        (answer.status, answer.body["detail"].as_str()),
        (status, Some(detail)),
        "{answer:#?}"
    );
}

/// Two speakers, three segments; gives the ids of the segments.
async fn talk(db: &PgPool, uid: &str) -> (Uuid, Vec<Uuid>) {
    let id = plant::Conversation::default().put(db, uid).await;
    plant::segment(db, uid, id, 0, false, 0.0, "We saw a heron.").await;
    plant::segment(db, uid, id, 1, false, 4.0, "It was grey.").await;
    plant::segment(db, uid, id, 1, false, 8.0, "It flew off.").await;
    let segments = sqlx::query_scalar(
        "select id from transcript_segments where uid = $1 and conversation_id = $2 order by start_seconds",
    );
    let segments = segments.bind(uid).bind(id).fetch_all(db).await;
    (id, segments.unwrap())
}

async fn run(db: &PgPool, statement: &str, id: Uuid) {
    sqlx::query(sqlx::AssertSqlSafe(statement.to_string()))
        .bind(id)
        .execute(db)
        .await
        .unwrap();
}

#[tokio::test]
async fn small_things_are_changed_and_found() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let db = server.pool().await;
    let (id, segments) = talk(&db, &ann.uid).await;
    let one = Talk {
        server: &server,
        user: &ann,
        id: id.to_string(),
    };
    let absent = Talk {
        id: Uuid::new_v4().to_string(),
        ..one
    };
    let before = one.get().await;

    // A title may be empty, and an `&` that was not encoded belongs to it.
    for (query, title) in [("Herons", "Herons"), ("", ""), ("R&D%20lunch", "R&D lunch")] {
        assert_done(one.patch(&format!("/title?title={query}")).await);
        assert_eq!(one.get().await["structured"]["title"], title);
    }
    assert_eq!(one.patch("/title").await.status, 422);
    let long = format!("/title?title={}", "t".repeat(501));
    assert_eq!(one.patch(&long).await.status, 422);
    assert_eq!(one.patch("/title?title=%00").await.status, 400);
    assert_says(
        &absent.patch("/title?title=x").await,
        404,
        "Conversation not found",
    );

    let content = json!({"app_id": null, "content": "About birds of the pond."});
    assert_done(one.change("/summary", content).await);
    let of_app = json!({"app_id": "some", "content": "x"});
    assert_says(
        &one.change("/summary", of_app.clone()).await,
        404,
        "App summary not found for this conversation",
    );
    assert_says(
        &absent.change("/summary", of_app).await,
        404,
        "Conversation not found",
    );
    for content in ["", " ", &"c".repeat(10_001)] {
        let answer = one.change("/summary", json!({"content": content})).await;
        assert_eq!(answer.status, 422);
    }

    // What was said is corrected; translations of what was said before go with it.
    let translated = "update transcript_segments set translations = '[{\"lang\": \"de\", \"text\": \"Er war grau.\"}]'
                      where id = $1";
    run(&db, translated, segments[1]).await;
    let text = |id: &str, text: &str| json!({"segment_id": id, "text": text});
    let segment = segments[1].to_string();
    assert_done(
        one.change("/segments/text", text(&segment, "It was grey."))
            .await,
    );
    let translations = one.get().await["transcript_segments"][1]["translations"].clone();
    assert_eq!(
        translations[0]["lang"], "de",
        "the same words are no change"
    );
    assert_done(
        one.change("/segments/text", text(&segment, "It was purple."))
            .await,
    );
    let found = one.get().await["transcript_segments"][1].clone();
    assert_eq!(
        (&found["text"], &found["translations"]),
        (&json!("It was purple."), &json!([]))
    );
    for id in [Uuid::new_v4().to_string(), "no-uuid".into(), "\0".into()] {
        let refused = one.change("/segments/text", text(&id, "x")).await;
        assert_says(&refused, 404, "Segment not found");
    }
    let elsewhere = absent.change("/segments/text", text(&segment, "x")).await;
    assert_says(&elsewhere, 404, "Conversation not found");
    for body in [
        text(&segment, " "),
        text(&segment, &"t".repeat(10_001)),
        json!({"text": "x"}),
    ] {
        assert_eq!(one.change("/segments/text", body).await.status, 422);
    }

    // Search follows, and nothing else was derived anew.
    for (query, kind) in [
        ("lunch", "conversation"),
        ("pond", "conversation"),
        ("purple", "segment"),
    ] {
        let found = server
            .get(&format!("/v1/search?q={query}"), &ann.token)
            .await
            .ok();
        assert_eq!(found["hits"][0]["kind"], kind, "{query}: {found:#}");
    }
    let gone = server.get("/v1/search?q=Planted", &ann.token).await.ok();
    assert_eq!(gone["hits"], json!([]), "nor is the old title found");
    let mut after = one.get().await;
    assert_eq!(after["structured"]["overview"], "About birds of the pond.");
    after["structured"]["title"] = before["structured"]["title"].clone();
    after["structured"]["overview"] = before["structured"]["overview"].clone();
    after["transcript_segments"][1]["text"] = before["transcript_segments"][1]["text"].clone();
    assert_eq!(after, before);

    let prompt = Some(json!({"prompt": "Name the bird."}));
    let untried = one.ask(Method::POST, "/test-prompt", prompt).await;
    assert_eq!(untried.status, 409, "there is no model: {untried:#?}");
    let why = untried.body["detail"].as_str().unwrap();
    assert!(why.starts_with("There is no language model"), "{why}");

    for (value, starred) in [("true", true), ("0", false)] {
        assert_done(one.patch(&format!("/starred?starred={value}")).await);
        assert_eq!(one.get().await["starred"], starred);
    }
    for query in ["", "?starred=perhaps"] {
        assert_eq!(one.patch(&format!("/starred{query}")).await.status, 422);
    }
    assert_eq!(absent.patch("/starred?starred=1").await.status, 404);

    // An index beyond the list is passed over, one without a value is refused.
    let events = json!([
        {"title": "Walk", "start": "2026-02-01T09:00:00Z", "duration": 30},
        {"title": "Talk", "start": "2026-02-02T09:00:00Z", "duration": 30, "created": true},
    ]);
    let planted = format!("update conversations set events = '{events}' where id = $1");
    run(&db, &planted, id).await;
    let created = async |places: Value, values: Value| {
        let body = json!({"events_idx": places, "values": values});
        one.change("/events", body).await
    };
    assert_done(created(json!([0, 1, 7, -1]), json!([true, false, true, true])).await);
    let events = one.get().await["structured"]["events"].clone();
    assert_eq!(
        (
            &events[0]["created"],
            &events[1]["created"],
            &events[1]["title"]
        ),
        (&json!(true), &json!(false), &json!("Talk"))
    );
    assert_eq!(created(json!([0, 1]), json!([false])).await.status, 422);
    assert_eq!(one.get().await["structured"]["events"], events);
    let none = json!({"events_idx": [], "values": []});
    assert_eq!(absent.change("/events", none).await.status, 404);
}

#[tokio::test]
async fn speakers_tasks_and_sharing() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let db = server.pool().await;
    let (id, segments) = talk(&db, &ann.uid).await;
    let one = Talk {
        server: &server,
        user: &ann,
        id: id.to_string(),
    };
    let absent = Talk {
        id: Uuid::new_v4().to_string(),
        ..one
    };
    speakers(&one, &absent, &segments).await;
    action_items(&one, &absent, &db, id).await;
    sharing(&one, &absent, &ben, &db, id).await;
}

/// Who speaks in each segment: `user`, an id, or `-`.
fn who(conversation: &Value) -> String {
    let segments = conversation["transcript_segments"].as_array().unwrap();
    let who = segments.iter().map(|segment| match &segment["person_id"] {
        Value::String(person) => person.as_str(),
        _ if segment["is_user"] == true => "user",
        _ => "-",
    });
    who.collect::<Vec<_>>().join(" ")
}

async fn speakers(one: &Talk<'_>, absent: &Talk<'_>, segments: &[Uuid]) {
    // By its place in the list; any value makes the user speak, even `false`, and takes the person away.
    for (rest, expected) in [
        (
            "/segments/1/assign?assign_type=person_id&value=p1&use_for_speech_training=false",
            "- p1 -",
        ),
        (
            "/segments/1/assign?assign_type=is_user&value=false",
            "- user -",
        ),
        ("/segments/1/assign?assign_type=is_user&value=null", "- - -"),
        (
            "/segments/0/assign?assign_type=is_user&value=true",
            "user - -",
        ),
        ("/segments/0/assign?assign_type=is_user", "- - -"),
        // All that carry a number, whoever they were.
        (
            "/assign-speaker/1?assign_type=person_id&value=p2",
            "- p2 p2",
        ),
        (
            "/segments/2/assign?assign_type=is_user&value=1",
            "- p2 user",
        ),
        (
            "/assign-speaker/1?assign_type=person_id&value=p3",
            "- p3 p3",
        ),
        (
            "/assign-speaker/7?assign_type=person_id&value=p4",
            "- p3 p3",
        ),
        (
            "/assign-speaker/1?assign_type=person_id&value=null",
            "- - -",
        ),
    ] {
        let answer = one.patch(rest).await.ok();
        assert_eq!(who(&answer), expected, "{rest}");
        assert_eq!(answer, one.get().await, "the whole conversation comes back");
    }
    for (rest, status) in [
        ("/segments/3/assign?assign_type=is_user", 404),
        ("/segments/-1/assign?assign_type=is_user", 404),
        (
            "/segments/99999999999999999999/assign?assign_type=is_user",
            404,
        ),
        ("/segments/0/assign?assign_type=friend&value=x", 400),
        ("/segments/0/assign?value=x", 422),
        ("/assign-speaker/0?assign_type=friend", 400),
    ] {
        assert_eq!(one.patch(rest).await.status, status, "{rest}");
    }
    let nowhere = absent.patch("/assign-speaker/0?assign_type=is_user").await;
    assert_says(&nowhere, 404, "Conversation not found");

    // By their ids; unknown ones do not count, and a kind that there is not is wrong only where it would be written.
    let bulk = async |ids: Value, kind: &str, value: Value| {
        let body = json!({"segment_ids": ids, "assign_type": kind, "value": value});
        one.change("/segments/assign-bulk", body).await
    };
    let ids = json!([segments[0], segments[2], Uuid::new_v4(), "no-uuid"]);
    let answer = bulk(ids, "person_id", json!("p1")).await.ok();
    assert_eq!(who(&answer), "p1 - p1");
    let answer = bulk(json!([segments[0]]), "is_user", json!("true"))
        .await
        .ok();
    assert_eq!(who(&answer), "user - p1");
    let answer = bulk(json!([segments[0]]), "person_id", Value::Null)
        .await
        .ok();
    assert_eq!(who(&answer), "- - p1");
    assert_eq!(
        bulk(json!([segments[0]]), "friend", json!("x"))
            .await
            .status,
        400
    );
    let unchanged = bulk(json!([Uuid::new_v4()]), "friend", json!("x"))
        .await
        .ok();
    assert_eq!(who(&unchanged), "- - p1");
}

async fn action_items(one: &Talk<'_>, absent: &Talk<'_>, db: &PgPool, id: Uuid) {
    let (server, ann) = (one.server, one.user);
    for (description, hour, conversation_id) in [
        ("Call Ben", 9, Some(id)),
        ("Buy seeds", 10, Some(id)),
        ("Call Ben", 11, Some(id)),
        ("Call Ben", 12, None),
    ] {
        let item = plant::ActionItem {
            description,
            created_at: at(&format!("2026-01-31T{hour:02}:00:00Z")),
            conversation_id,
            ..Default::default()
        };
        item.put(db, &ann.uid).await;
    }
    // Words of the items, with a `+` where they are completed; as the conversation shows them.
    let shown = async || {
        let items = one.get().await["structured"]["action_items"].clone();
        let items = items.as_array().unwrap().iter();
        let words: Vec<_> = items
            .map(|item| {
                let done = item["completed"] == true;
                assert_eq!(item["completed_at"].is_string(), done);
                let mark = if done { "+" } else { "" };
                format!("{}{mark}", item["description"].as_str().unwrap())
            })
            .collect();
        words.join(", ")
    };
    let listed = one.ask(Method::GET, "/action-items", None).await.ok();
    assert_eq!(listed["conversation_id"], id.to_string());
    let items = listed["action_items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    let all = server
        .get("/v1/action-items?limit=500", &ann.token)
        .await
        .ok();
    assert!(
        items
            .iter()
            .all(|item| all["action_items"].as_array().unwrap().contains(item)),
        "the same as in the list of all"
    );
    let complete = async |places: Value, values: Value| {
        let body = json!({"items_idx": places, "values": values});
        one.change("/action-items", body).await
    };
    // Those with the same words are one.
    assert_done(complete(json!([0, 9, -1]), json!([true, true, true])).await);
    assert_eq!(shown().await, "Call Ben+, Buy seeds, Call Ben+");
    assert_done(complete(json!([2, 1]), json!([false, true, true])).await);
    assert_eq!(shown().await, "Call Ben, Buy seeds+, Call Ben");
    assert_eq!(complete(json!([0, 1]), json!([true])).await.status, 422);
    assert_eq!(complete(json!(["0"]), json!([true])).await.status, 422);

    // The place in the path does not matter, the words do.
    let rename = async |old: &str, new: &str| {
        let body = json!({"old_description": old, "description": new});
        one.change("/action-items/17", body).await
    };
    assert_done(rename("Buy seeds", "Buy bulbs").await);
    assert_eq!(shown().await, "Call Ben, Buy bulbs+, Call Ben");
    assert_says(
        &rename("Buy seeds", "x").await,
        404,
        "Action item with description 'Buy seeds' not found",
    );
    assert_eq!(rename("Buy bulbs", " ").await.status, 422);
    assert_eq!(rename("Buy bulbs", &"d".repeat(501)).await.status, 422);

    // With a body those that it names go, without one all of them; a body that names none removes nothing.
    let delete = async |body: Option<Value>| one.ask(Method::DELETE, "/action-items", body).await;
    assert_eq!(delete(Some(json!({"completed": false}))).await.status, 422);
    let body = json!({"description": "Call Ben", "completed": true});
    let deleted = delete(Some(body.clone())).await;
    assert_eq!((deleted.status, deleted.body), (204, json!("")));
    assert_eq!(shown().await, "Buy bulbs+");
    assert_eq!(
        delete(Some(body)).await.status,
        204,
        "also if there is none"
    );
    assert_eq!(delete(None).await.status, 204);
    assert_eq!(shown().await, "");
    let left = server.get("/v1/action-items", &ann.token).await.ok();
    assert_eq!(
        left["action_items"].as_array().unwrap().len(),
        1,
        "that of no conversation stays"
    );
    for method in [Method::GET, Method::DELETE] {
        let answer = absent.ask(method, "/action-items", None).await;
        assert_says(&answer, 404, "Conversation not found");
    }
}

async fn sharing(one: &Talk<'_>, absent: &Talk<'_>, ben: &User, db: &PgPool, id: Uuid) {
    let server = one.server;
    let shared = async |id: &str| {
        let path = format!("{PATH}/{id}/shared");
        server.send(Method::GET, &path, None, None).await
    };
    for id in [one.id.as_str(), &absent.id, "no-uuid", "%00"] {
        assert_says(&shared(id).await, 404, "Conversation is private");
    }
    let told = "update conversations set geolocation = '{\"latitude\": 1, \"longitude\": 2}',
                external_data = '{\"text\": \"Notes\", \"calendar_meeting_context\": {\"title\": \"Secret\"}}' where id = $1";
    run(db, told, id).await;
    picture(db, &one.user.uid, id).await;
    plant::sound(
        db,
        &server.data_dir,
        &one.user.uid,
        id,
        at("2026-01-31T09:00:00Z"),
        &[0; 1600],
    )
    .await;
    assert_eq!(one.patch("/visibility?value=secret").await.status, 422);
    assert_eq!(one.patch("/visibility").await.status, 422);
    assert_eq!(absent.patch("/visibility?value=shared").await.status, 404);
    let known = json!({"name": "Maya"});
    let known = server
        .post("/v1/users/people", &one.user.token, known)
        .await
        .ok();
    let (segment, person) = (
        "/segments/0/assign?assign_type=person_id&value=",
        &known["id"],
    );
    let said = format!("{segment}{}", person.as_str().unwrap());
    assert_eq!(one.patch(&said).await.status, 200);
    for value in ["shared", "public"] {
        assert_done(one.patch(&format!("/visibility?value={value}")).await);
        let mut expected = one.get().await;
        assert_eq!(expected["visibility"], value);
        assert_eq!(expected["geolocation"]["latitude"], 1.0);
        assert_eq!(expected["audio_files"].as_array().unwrap().len(), 1);
        // Where it was, whom the calendar knows and what was recorded is the owner's alone; pictures are shown.
        expected["geolocation"] = Value::Null;
        expected["audio_files"] = json!([]);
        expected["external_data"] = json!({"text": "Notes"});
        expected["people"] = json!([{"id": known["id"], "name": "Maya",
            "created_at": known["created_at"], "updated_at": known["updated_at"]}]);
        assert_eq!(expected["photos"].as_array().unwrap().len(), 1);
        assert_eq!(shared(&one.id).await.ok(), expected);
    }
    // Devices choose ids: somebody else's of the same id neither takes the place of what is shared, nor is shown.
    let twin = "insert into conversations (uid, id, status, source, title, created_at, started_at, finished_at)
                values ($2, $1, 'completed', 'omi', 'Twin', now(), now(), now())";
    let planted = sqlx::query(twin).bind(id).bind(&ben.uid).execute(db).await;
    planted.unwrap();
    let theirs = Talk {
        server,
        user: ben,
        id: one.id.clone(),
    };
    let title = one.get().await["structured"]["title"].clone();
    assert_eq!(theirs.patch("/visibility?value=shared").await.status, 409);
    assert_eq!(theirs.get().await["visibility"], "private");
    assert_done(theirs.patch("/visibility?value=private").await);
    assert_eq!(shared(&one.id).await.ok()["structured"]["title"], title);

    assert_done(one.patch("/visibility?value=private").await);
    assert_says(&shared(&one.id).await, 404, "Conversation is private");
    assert_done(theirs.patch("/visibility?value=shared").await);
    assert_eq!(shared(&one.id).await.ok()["structured"]["title"], "Twin");
    assert_eq!(theirs.ask(Method::DELETE, "", None).await.status, 204);
    assert_says(&shared(&one.id).await, 404, "Conversation is private");
}

async fn picture(db: &PgPool, uid: &str, id: Uuid) {
    let statement =
        "insert into conversation_photos (uid, conversation_id, id, image, description, created_at)
                     values ($1, $2, $3, 'jpeg', 'A pond', now())";
    let planted = sqlx::query(statement)
        .bind(uid)
        .bind(id)
        .bind(Uuid::now_v7());
    planted.execute(db).await.unwrap();
}

#[tokio::test]
async fn parts_are_shown_and_all_goes_together() {
    let peer = Peer::start(Script::json(json!({"summary": "A heron came by."}))).await;
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: peer.settings(),
        ..ServerOptions::default()
    })
    .await;
    let ann = server.user("ann@example.org").await;
    let db = server.pool().await;
    let (id, _) = talk(&db, &ann.uid).await;
    let one = Talk {
        server: &server,
        user: &ann,
        id: id.to_string(),
    };
    let empty = Talk {
        id: plant::Conversation::default()
            .put(&db, &ann.uid)
            .await
            .to_string(),
        ..one
    };
    let absent = Talk {
        id: Uuid::new_v4().to_string(),
        ..one
    };

    // `count` is a word here, not an id. Without statuses all count; discarded ones only if they are asked for.
    for (status, discarded) in [("failed", false), ("completed", true)] {
        let planted = plant::Conversation {
            status,
            discarded,
            ..Default::default()
        };
        planted.put(&db, &ann.uid).await;
    }
    for (query, count) in [
        ("", 3),
        ("?statuses=", 3),
        ("?include_discarded=true", 4),
        ("?statuses=%20completed%20,failed", 3),
        ("?statuses=completed", 2),
        ("?statuses=nonsense", 0),
    ] {
        let found = server
            .get(&format!("{PATH}/count{query}"), &ann.token)
            .await;
        assert_eq!(found.ok(), json!({"count": count}), "{query}");
    }

    let part = async |talk: &Talk<'_>, name: &str| talk.ask(Method::GET, name, None).await;
    picture(&db, &ann.uid, id).await;
    let photos = part(&one, "/photos").await.ok();
    assert_eq!(photos, one.get().await["photos"]);
    assert_eq!(photos[0]["base64"], "anBlZw==");
    let list = server
        .get(&format!("{PATH}?statuses=completed"), &ann.token)
        .await
        .ok();
    assert!(
        list.as_array()
            .unwrap()
            .iter()
            .all(|one| one["photos"] == json!([]))
    );
    assert_eq!(part(&empty, "/photos").await.ok(), json!([]));
    let sound = |has: bool| json!({"has_recording": has});
    assert_eq!(part(&one, "/recording").await.ok(), sound(false));
    plant::sound(
        &db,
        &server.data_dir,
        &ann.uid,
        id,
        at("2026-01-31T09:00:00Z"),
        &[0; 1600],
    )
    .await;
    assert_eq!(part(&one, "/recording").await.ok(), sound(true));
    assert_eq!(
        part(&one, "/transcripts").await.ok(),
        json!({"deepgram": [], "soniox": [], "speechmatics": [], "whisperx": []})
    );
    assert_eq!(
        part(&one, "/suggested-apps").await.ok(),
        json!({"suggested_apps": [], "conversation_id": one.id})
    );
    for name in ["/photos", "/recording", "/transcripts", "/suggested-apps"] {
        assert_says(&part(&absent, name).await, 404, "Conversation not found");
    }

    // The model is told what was said, without who said it.
    let attempt = async |talk: &Talk<'_>, prompt: &str| {
        let body = json!({"prompt": prompt});
        talk.ask(Method::POST, "/test-prompt", Some(body)).await
    };
    let told = attempt(&one, "Name the bird.").await;
    assert_eq!(told.ok(), json!({"summary": "A heron came by."}));
    let (instructions, material) = peer.asked_for("test_prompt").remove(0);
    assert!(instructions.contains("Name the bird."), "{instructions}");
    assert!(
        material.contains("We saw a heron.\nIt was grey.\nIt flew off."),
        "{material}"
    );
    assert_says(
        &attempt(&empty, "x").await,
        400,
        "Conversation has no text content to summarize.",
    );
    assert_eq!(attempt(&one, " ").await.status, 422);
    assert_eq!(attempt(&absent, "x").await.status, 404);
    peer.script(Script::Refuses(401));
    assert_eq!(attempt(&one, "x").await.status, 503);

    deleting(&one, &absent, &db, id).await;
    placing(&db, &ann.uid).await;
}

async fn deleting(one: &Talk<'_>, absent: &Talk<'_>, db: &PgPool, id: Uuid) {
    let (server, ann) = (one.server, one.user);
    let made_of = async |id: Uuid| {
        plant::memory(db, &ann.uid, &format!("Saw {id}"), "system", Some(id), None).await;
        let item = plant::ActionItem {
            description: "Look up herons",
            conversation_id: Some(id),
            ..Default::default()
        };
        item.put(db, &ann.uid).await;
    };
    let (kept, _) = talk(db, &ann.uid).await;
    made_of(id).await;
    made_of(kept).await;
    assert_done(one.patch("/visibility?value=shared").await);
    assert_eq!(one.patch("?cascade=perhaps").await.status, 405);
    let bad = one.ask(Method::DELETE, "?cascade=perhaps", None).await;
    assert_eq!(bad.status, 422);
    // What is not there is gone: no mistake.
    for id in [absent.id.as_str(), "no-uuid", "%00"] {
        let gone = Talk {
            id: id.into(),
            ..*one
        };
        assert_eq!(
            gone.ask(Method::DELETE, "?cascade=true", None).await.status,
            204
        );
    }
    let left = async || -> (i64, i64, i64) {
        let counts = "select (select count(*) from memories where uid = $1),
                             (select count(*) from action_items where uid = $1),
                             (select count(*) from shared_conversations where uid = $1)";
        sqlx::query_as(counts)
            .bind(&ann.uid)
            .fetch_one(db)
            .await
            .unwrap()
    };
    assert_eq!(left().await, (2, 2, 1));
    // With `cascade` all that was made of it goes, and is not found any more.
    let answer = one.ask(Method::DELETE, "?cascade=true", None).await;
    assert_eq!((answer.status, answer.body), (204, json!("")));
    assert_eq!(left().await, (1, 1, 0));
    assert_eq!(
        one.ask(Method::DELETE, "?cascade=true", None).await.status,
        204
    );
    assert_eq!(one.ask(Method::GET, "", None).await.status, 404);
    // Its sound is removed in the background.
    let folder = server.data_dir.join("audio");
    let files = || -> usize {
        let users = std::fs::read_dir(&folder).unwrap();
        users
            .map(|user| std::fs::read_dir(user.unwrap().path()).unwrap().count())
            .sum()
    };
    for _ in 0..200 {
        if files() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(files(), 0, "{}", server.log());
    // Without it what was made stays, and points to nothing.
    let without = Talk {
        id: kept.to_string(),
        ..*one
    };
    assert_eq!(without.ask(Method::DELETE, "", None).await.status, 204);
    assert_eq!(left().await, (1, 1, 0));
    let found = server.get("/v1/search?q=herons", &ann.token).await.ok();
    let kinds: Vec<_> = found["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| &hit["kind"])
        .collect();
    assert_eq!(kinds, ["action_item"], "{found:#}");
}

/// Where a conversation was held is noted while it is new, and once.
async fn placing(db: &PgPool, uid: &str) {
    let db = Db::new(db.clone());
    let place = |latitude| Geolocation {
        google_place_id: None,
        latitude,
        longitude: 2.0,
        address: None,
        location_type: None,
    };
    for (status, expected) in [("in_progress", Some(1.0)), ("completed", None)] {
        let id = plant::Conversation {
            status,
            finished_at: chrono::Utc::now(),
            ..Default::default()
        }
        .put(&db, uid)
        .await;
        for latitude in [1.0, 3.0] {
            let place = place(latitude);
            conversations::attach_place(&db, uid, id, &place)
                .await
                .unwrap();
        }
        let found = conversations::get(&db, uid, id).await.unwrap();
        assert_eq!(found.geolocation.map(|place| place.latitude), expected);
        let beyond = place(91.0);
        let refused = conversations::attach_place(&db, uid, id, &beyond).await;
        refused.unwrap_err();
    }
}
