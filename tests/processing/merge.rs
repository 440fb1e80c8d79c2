//! Several conversations become one: by which rules, once only, and wholly or not at all.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::{conversation, memories, settled, tasks};
use crate::{
    api::plant::{self, at},
    support::{Server, ServerOptions, rounds, server::User},
};

const MERGE: &str = "/v1/conversations/merge";
const ALL: &str =
    "/v1/conversations?limit=1000&statuses=in_progress,processing,merging,completed,failed";

/// Ten minutes, from so many minutes after nine; the segments last two seconds.
async fn talk(db: &PgPool, user: &User, minutes: i64, said: &[(f64, &str)]) -> Uuid {
    let created_at = at("2026-01-31T09:00:00Z") + chrono::Duration::minutes(minutes);
    let planted = plant::Conversation {
        created_at,
        finished_at: created_at + chrono::Duration::minutes(10),
        ..plant::Conversation::default()
    };
    let id = planted.put(db, &user.uid).await;
    for (start, text) in said {
        plant::segment(db, &user.uid, id, 0, true, *start, text).await;
    }
    id
}

async fn change(db: &PgPool, id: Uuid, what: &str) {
    let sql = format!("update conversations set {what} where id = $1");
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .execute(db)
        .await
        .unwrap();
}

async fn merge(server: &Server, user: &User, body: Value) -> Value {
    server.post(MERGE, &user.token, body).await.ok()
}

/// Status and sentence of a refusal.
async fn refused(server: &Server, user: &User, ids: Value) -> (u16, Value) {
    let body = json!({"conversation_ids": ids});
    let answer = server.post(MERGE, &user.token, body).await;
    (answer.status, answer.body["detail"].clone())
}

/// What these have become, once it is understood.
async fn whole(server: &Server, user: &User, parts: &[Uuid]) -> Value {
    let is_it = |one: &Value| {
        one["external_data"]["merge_metadata"]["source_conversation_ids"] == json!(parts)
            && one["status"] == "completed"
    };
    let list = server
        .wait_for(ALL, &user.token, Duration::from_secs(60), |list| {
            list.as_array().unwrap().iter().any(is_it)
        })
        .await;
    let found: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| is_it(one))
        .collect();
    assert_eq!(found.len(), 1, "{found:#?}");
    conversation(server, user, found[0]["id"].as_str().unwrap()).await
}

fn said(one: &Value) -> Vec<(f64, f64, &str)> {
    let second = |value: &Value| value.as_f64().unwrap();
    let segments = one["transcript_segments"].as_array().unwrap().iter();
    segments
        .map(|one| {
            (
                second(&one["start"]),
                second(&one["end"]),
                one["text"].as_str().unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn several_become_one_with_all_that_was_said() {
    let server = Server::unguarded().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let db = server.pool().await;
    let first = talk(
        &db,
        &user,
        0,
        &[
            (0.0, "I have a dog named Rex."),
            (598.0, "Remind me to call the bank."),
        ],
    )
    .await;
    let silent = talk(&db, &user, 5, &[]).await;
    let note = talk(&db, &user, 100, &[]).await;
    let last = talk(&db, &user, 320, &[(1.5, "Remind me to water the plants.")]).await;
    change(
        &db,
        first,
        "visibility = 'public', starred = true, folder_id = 'work', language = 'de', source = 'phone',
         geolocation = '{\"latitude\": 1.5, \"longitude\": 2.5}'",
    )
    .await;
    change(&db, silent, "visibility = 'shared', discarded = true").await;
    let text = json!({"text": "I live in Lisbon.", "text_source": "other_text"}).to_string();
    change(
        &db,
        note,
        &format!("visibility = 'public', external_data = '{text}'"),
    )
    .await;
    change(
        &db,
        last,
        "visibility = 'shared', private_cloud_sync_enabled = true",
    )
    .await;
    let found = plant::ActionItem {
        description: "Of a part",
        conversation_id: Some(last),
        ..plant::ActionItem::default()
    };
    found.put(&db, &user.uid).await;
    let apart = plant::ActionItem {
        description: "Of none",
        ..plant::ActionItem::default()
    };
    apart.put(&db, &user.uid).await;
    let done = plant::ActionItem {
        description: "Of a part and done",
        conversation_id: Some(first),
        completed: true,
        ..plant::ActionItem::default()
    };
    done.put(&db, &user.uid).await;
    plant::memory(&db, &user.uid, "Of a part", "system", Some(first), None).await;
    // The same content is the same memory; stated by hand it stays.
    let stated = json!({"content": "User likes tea"});
    let path = "/v1/dev/user/memories";
    server.post(path, &user.developer_key, stated).await.ok();
    sqlx::query("update memories set conversation_id = $1 where content = 'User likes tea'")
        .bind(first)
        .execute(&db)
        .await
        .unwrap();
    let others = talk(&db, &other, 0, &[(0.0, "Hello.")]).await;

    let parts = [first, silent, note, last];
    let asked = json!([last, note, first, silent]);
    let begun = merge(&server, &user, json!({"conversation_ids": asked})).await;
    assert_eq!(
        begun,
        json!({"status": "merging", "message": "Merge started",
            "warning": "1.4h gap detected; 3.5h gap detected", "conversation_ids": asked})
    );
    let one = whole(&server, &user, &parts).await;
    // 600 s; the silent one lasts 600 s and begins before the first ends; 85 minutes; the note lasts 600 s; 3.5 hours.
    assert_eq!(
        said(&one),
        [
            (0.0, 2.0, "I have a dog named Rex."),
            (598.0, 600.0, "Remind me to call the bank."),
            (6300.0, 6900.0, "I live in Lisbon."),
            (19501.5, 19503.5, "Remind me to water the plants."),
        ]
    );
    for (key, value) in [
        ("created_at", json!("2026-01-31T09:00:00Z")),
        ("started_at", json!("2026-01-31T09:00:00Z")),
        ("finished_at", json!("2026-01-31T14:30:00Z")),
        ("visibility", json!("shared")),
        ("private_cloud_sync_enabled", json!(true)),
        ("discarded", json!(false)),
        ("starred", json!(true)),
        ("language", json!("de")),
        ("source", json!("phone")),
    ] {
        assert_eq!(one[key], value, "{key}");
    }
    assert_eq!(one["geolocation"]["latitude"], 1.5);
    let id = one["id"].as_str().unwrap();
    let path = format!("/v1/conversations/{id}/shared");
    let shown = server.send(reqwest::Method::GET, &path, None, None).await;
    assert_eq!(
        shown.ok()["id"],
        id,
        "all of its parts were shown to everyone"
    );
    assert_ne!(one["structured"]["title"], "Planted");
    assert_ne!(one["structured"]["title"], "");
    let metadata = &one["external_data"]["merge_metadata"];
    assert!(metadata["merged_at"].is_string(), "{metadata:#}");
    assert_eq!(
        metadata["source_details"][3],
        json!({"id": last, "started_at": "2026-01-31T14:20:00Z", "finished_at": "2026-01-31T14:30:00Z",
            "source": "omi"})
    );
    settled(&server, &user, id, Duration::from_secs(30)).await;
    let expected = [
        "Call the bank",
        "Of a part and done",
        "Of none",
        "Water the plants",
    ];
    assert_eq!(tasks(&server, &user).await, expected);
    let expected = [
        "User has a dog named Rex",
        "User likes tea",
        "User lives in Lisbon",
    ];
    assert_eq!(memories(&server, &user).await, expected);
    for gone in parts {
        let path = format!("/v1/conversations/{gone}");
        assert_eq!(server.get(&path, &user.token).await.status, 404);
    }
    let path = "/v1/search?q=plants&kinds=segment";
    let hits = server.get(path, &user.token).await.ok();
    let hits = hits["hits"].as_array().unwrap();
    let of_it = |hit: &Value| hit["conversation_id"] == one["id"];
    assert!(!hits.is_empty() && hits.iter().all(of_it), "{hits:#?}");
    conversation(&server, &other, &others.to_string()).await;

    // As it is: with what was understood of the earliest that was not discarded; one is hidden if all are.
    let pair = [
        talk(&db, &user, 0, &[(0.0, "So.")]).await,
        talk(&db, &user, 20, &[(0.0, "Well.")]).await,
    ];
    change(
        &db,
        pair[0],
        "title = 'Of a discarded one', discarded = true",
    )
    .await;
    let found = plant::ActionItem {
        description: "Of one as it is",
        conversation_id: Some(pair[1]),
        ..plant::ActionItem::default()
    };
    found.put(&db, &user.uid).await;
    let body = json!({"conversation_ids": pair, "reprocess": false});
    assert_eq!(merge(&server, &user, body).await["warning"], Value::Null);
    let one = whole(&server, &user, &pair).await;
    assert_eq!(one["structured"]["title"], "Planted");
    assert_eq!(one["structured"]["overview"], "An overview.");
    let items = one["structured"]["action_items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{items:#?}");
    assert_eq!(items[0]["description"], "Of one as it is");
    assert_eq!(one["discarded"], false);
    let pair = [
        talk(&db, &user, 40, &[(0.0, "Remind me to buy soap.")]).await,
        talk(&db, &user, 60, &[(0.0, "Well.")]).await,
    ];
    for id in pair {
        change(&db, id, "discarded = true").await;
    }
    merge(&server, &user, json!({"conversation_ids": pair})).await;
    assert_eq!(whole(&server, &user, &pair).await["discarded"], true);
    db.close().await;
}

/// A picture of a conversation.
async fn picture(
    db: &PgPool,
    user: &User,
    conversation: Uuid,
    when: &str,
    what: Option<&str>,
) -> Uuid {
    let id = Uuid::now_v7();
    sqlx::query(
        "insert into conversation_photos (uid, conversation_id, id, image, description, discarded, created_at)
         values ($1, $2, $3, '\\xffd8ff', $4, $4 is not distinct from '', $5)",
    )
    .bind(&user.uid)
    .bind(conversation)
    .bind(id)
    .bind(what)
    .bind(at(when))
    .execute(db)
    .await
    .unwrap();
    id
}

#[tokio::test]
async fn pictures_sound_and_the_voices_of_a_call_go_along() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let db = server.pool().await;
    let call = talk(&db, &user, 0, &[(0.0, "Can you see it?")]).await;
    plant::segment(&db, &user.uid, call, 1, false, 3.0, "Not from here.").await;
    change(&db, call, "source = 'phone_call', call_id = 'CA1'").await;
    let glasses = talk(&db, &user, 20, &[]).await;
    change(&db, glasses, "source = 'openglass'").await;
    let third = talk(&db, &user, 40, &[(0.0, "Now I can.")]).await;
    // Not in the order in which they were taken.
    let board = picture(
        &db,
        &user,
        glasses,
        "2026-01-31T09:22:00Z",
        Some("A whiteboard."),
    )
    .await;
    let blurred = picture(&db, &user, glasses, "2026-01-31T09:21:00Z", Some("")).await;
    let unseen = picture(&db, &user, third, "2026-01-31T09:41:00Z", None).await;
    let elsewhere = talk(&db, &user, 60, &[]).await;
    let stays = picture(&db, &user, elsewhere, "2026-01-31T10:01:00Z", None).await;
    let mut sounds = Vec::new();
    for (conversation, when, length) in [
        (call, "2026-01-31T09:00:00Z", 16_000),
        (call, "2026-01-31T09:00:01Z", 8_000),
        (third, "2026-01-31T09:40:00Z", 16_000),
        (elsewhere, "2026-01-31T10:00:00Z", 16_000),
    ] {
        let samples: Vec<i16> = (0..length).map(|n| ((n * 37) % 9_000) as i16).collect();
        let when = at(when);
        let dir = &server.data_dir;
        sounds.push(plant::sound(&db, dir, &user.uid, conversation, when, &samples).await);
    }

    let parts = [call, glasses, third];
    merge(
        &server,
        &user,
        json!({"conversation_ids": parts, "reprocess": false}),
    )
    .await;
    let one = whole(&server, &user, &parts).await;
    let id = one["id"].as_str().unwrap();
    let seen = one["photos"].as_array().unwrap().iter();
    let seen: Vec<_> = seen
        .map(|one| {
            (
                one["id"].clone(),
                one["description"].clone(),
                one["discarded"].clone(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (json!(blurred), json!(""), json!(true)),
            (json!(board), json!("A whiteboard."), json!(false)),
            (json!(unseen), Value::Null, json!(false)),
        ]
    );
    assert_eq!(one["photos"][0]["base64"], "/9j/");
    let voices = one["transcript_segments"].as_array().unwrap().iter();
    let voices: Vec<_> = voices
        .map(|one| {
            let number = |name: &str| one[name].as_f64().unwrap();
            (
                one["speaker"].as_str().unwrap(),
                one["is_user"] == true,
                number("start"),
            )
        })
        .collect();
    // The call's last word ends at 5 s, ten minutes pass, the pictures last ten minutes, and ten more pass.
    assert_eq!(
        voices,
        [
            ("SPEAKER_00", true, 0.0),
            ("SPEAKER_01", false, 3.0),
            ("SPEAKER_00", true, 1805.0)
        ]
    );
    assert_eq!(one["source"], "phone_call");
    let files = one["audio_files"].as_array().unwrap();
    let of_files: Vec<_> = files
        .iter()
        .map(|file| (file["id"].clone(), file["duration"].as_f64().unwrap()))
        .collect();
    assert_eq!(of_files, [(json!(sounds[0]), 1.5), (json!(sounds[2]), 1.0)]);
    assert!(
        files
            .iter()
            .all(|file| file["conversation_id"] == json!(id))
    );
    assert_eq!(one["private_cloud_sync_enabled"], true);
    for (sound, bytes) in [(sounds[0], 48_000), (sounds[2], 32_000)] {
        let url = format!("{}/v1/sync/audio/{id}/{sound}?format=pcm", server.url);
        let ask = |user: &User| {
            crate::support::server::client()
                .get(&url)
                .bearer_auth(&user.token)
        };
        let heard = ask(&user).send().await.unwrap();
        assert_eq!(heard.bytes().await.unwrap().len(), bytes);
        assert_eq!(ask(&other).send().await.unwrap().status(), 404);
    }
    // What was no part has what it had.
    let beside = conversation(&server, &user, &elsewhere.to_string()).await;
    assert_eq!(beside["photos"][0]["id"], json!(stays));
    assert_eq!(beside["audio_files"][0]["id"], json!(sounds[3]));
    db.close().await;
}

#[tokio::test]
async fn what_cannot_be_merged_is_refused_and_stays() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let third = server.user("cat@example.org").await;
    let db = server.pool().await;
    let ids = [
        talk(&db, &user, 0, &[(0.0, "One.")]).await,
        talk(&db, &user, 20, &[(0.0, "Two.")]).await,
    ];
    let foreign = talk(&db, &other, 0, &[(0.0, "Three.")]).await;
    let own = talk(&db, &other, 20, &[(0.0, "Four.")]).await;
    let of_third = talk(&db, &third, 0, &[(0.0, "Five.")]).await;
    // Five an hour: the refusals of one user.
    assert_eq!(refused(&server, &user, json!([ids[0]])).await.0, 422);
    assert_eq!(
        refused(&server, &user, json!([ids[0], ids[0]])).await.0,
        422
    );
    assert_eq!(
        refused(&server, &user, json!(vec![ids[0]; 101])).await.0,
        422
    );
    let absent = |id: &str| (404, json!(format!("Conversation {id} not found")));
    let told = foreign.to_string();
    assert_eq!(
        refused(&server, &user, json!([ids[0], foreign])).await,
        absent(&told)
    );
    let told = Uuid::now_v7().to_string();
    assert_eq!(
        refused(&server, &user, json!([ids[0], told])).await,
        absent(&told)
    );
    let limited = refused(&server, &user, json!(ids)).await;
    assert_eq!(limited.0, 429, "{limited:?}");
    assert_eq!(
        refused(&server, &other, json!([foreign, "no-uuid"])).await,
        absent("no-uuid")
    );
    for status in ["in_progress", "processing", "failed", "merging"] {
        change(
            &db,
            own,
            &format!("status = '{status}', finished_at = now()"),
        )
        .await;
        let told =
            format!("Conversation {own} is not ready (status: {status}). Wait for it to complete.");
        assert_eq!(
            refused(&server, &other, json!([foreign, own])).await,
            (400, json!(told))
        );
    }
    // Nor is one understood again meanwhile.
    let path = format!("/v1/conversations/{own}/reprocess");
    let answer = server.post(&path, &other.token, json!({})).await;
    assert_eq!(answer.status, 409, "{answer:#?}");
    for (id, user) in [(ids[0], &user), (ids[1], &user), (foreign, &other)] {
        let one = conversation(&server, user, &id.to_string()).await;
        assert_eq!(one["status"], "completed");
    }

    // Of many that want the same, one gets it.
    let second = talk(&db, &third, 20, &[(0.0, "Six.")]).await;
    let pair = [of_third, second];
    let ask = || refused(&server, &third, json!(pair));
    let answers = tokio::join!(ask(), ask(), ask(), ask());
    let mut statuses = [answers.0.0, answers.1.0, answers.2.0, answers.3.0];
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200, "{answers:?}");
    assert!(
        statuses[1..]
            .iter()
            .all(|status| [400, 404].contains(status)),
        "{answers:?}"
    );
    assert_eq!(said(&whole(&server, &third, &pair).await).len(), 2);
    let list = server.get(ALL, &third.token).await.ok();
    assert_eq!(list.as_array().unwrap().len(), 1);
    db.close().await;
}

#[tokio::test]
async fn a_merge_that_fails_leaves_everything_as_it_was() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;
    let ids = [
        talk(&db, &user, 0, &[(0.0, "One.")]).await,
        talk(&db, &user, 20, &[(0.0, "Two.")]).await,
    ];
    for sql in [
        "create function refuse() returns trigger language plpgsql as $$ begin raise 'refused'; end $$",
        "create trigger refuse before insert on conversations for each row execute function refuse()",
    ] {
        sqlx::query(sql).execute(&db).await.unwrap();
    }
    merge(&server, &user, json!({"conversation_ids": ids})).await;
    let mut statuses = Vec::new();
    for _ in 0..200 {
        let sql =
            "update graphile_worker._private_jobs set attempts = max_attempts - 1, run_at = now()
                   where locked_at is null and attempts between 1 and max_attempts - 1";
        sqlx::query(sql).execute(&db).await.unwrap();
        statuses.clear();
        for id in ids {
            let one = conversation(&server, &user, &id.to_string()).await;
            assert_eq!(said(&one).len(), 1);
            statuses.push(one["status"].as_str().unwrap().to_string());
        }
        if statuses == ["completed", "completed"] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(statuses, ["completed", "completed"]);
    // And can be merged then.
    sqlx::query("drop trigger refuse on conversations")
        .execute(&db)
        .await
        .unwrap();
    merge(&server, &user, json!({"conversation_ids": ids})).await;
    whole(&server, &user, &ids).await;

    // One that is deleted meanwhile is not needed; a single one stays.
    let waiting = [
        talk(&db, &user, 40, &[(0.0, "Three.")]).await,
        talk(&db, &user, 60, &[(0.0, "Four.")]).await,
    ];
    let mut held = db.begin().await.unwrap();
    sqlx::query("lock table transcript_segments in access exclusive mode")
        .execute(&mut *held)
        .await
        .unwrap();
    sqlx::query("delete from conversations where id = $1")
        .bind(waiting[1])
        .execute(&mut *held)
        .await
        .unwrap();
    let asked = tokio::spawn({
        let (url, token) = (server.url.clone(), user.token.clone());
        async move {
            let request = crate::support::server::client()
                .post(format!("{url}{MERGE}"))
                .bearer_auth(token)
                .json(&json!({"conversation_ids": waiting}));
            request.send().await.unwrap().status().as_u16()
        }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    held.commit().await.unwrap();
    assert_eq!(asked.await.unwrap(), 404);
    let one = conversation(&server, &user, &waiting[0].to_string()).await;
    assert_eq!(one["status"], "completed");
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_leaves_no_merge_half_done() {
    let mut server = Server::start_with(ServerOptions {
        private_database: true,
        deaf: true,
        env: vec![("OMI_RATE_LIMIT__MERGES_PER_HOUR", "0".into())],
    })
    .await;
    let user = server.user("ann@example.org").await;
    let count = rounds(6, 40);
    let mut pairs = Vec::new();
    let db = server.pool().await;
    for number in 0..count {
        let minutes = i64::try_from(number).unwrap() * 60;
        let one = talk(&db, &user, minutes, &[(0.0, "So."), (5.0, "I see.")]).await;
        let two = talk(&db, &user, minutes + 20, &[(0.0, "Well."), (5.0, "Fine.")]).await;
        pairs.push([one, two]);
    }
    db.close().await;
    for (number, pair) in pairs.iter().enumerate() {
        merge(&server, &user, json!({"conversation_ids": pair})).await;
        let pause = u64::try_from(number * 7 % 40).unwrap();
        tokio::time::sleep(Duration::from_millis(pause)).await;
        server.kill().await;
        server.run().await;
    }
    for pair in &pairs {
        let one = whole(&server, &user, pair).await;
        assert_eq!(said(&one).len(), 4, "{one:#}");
    }
    let list = server.get(ALL, &user.token).await.ok();
    assert_eq!(list.as_array().unwrap().len(), count);
    server.stop().await;
}

#[tokio::test]
async fn understood_again_by_force() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let db = server.pool().await;
    let id = talk(&db, &user, 0, &[(0.0, "Remind me to call the bank.")]).await;
    change(&db, id, "discarded = true, title = ''").await;
    let path = |query: &str| format!("/v1/conversations/{id}/reprocess{query}");
    let answer = server.post(&path(""), &other.token, json!({})).await;
    assert_eq!(answer.status, 404);
    let long = format!("?language_code={}", "a".repeat(36));
    let answer = server.post(&path(&long), &user.token, json!({})).await;
    assert_eq!(answer.status, 422, "{answer:#?}");
    let one = conversation(&server, &user, &id.to_string()).await;
    assert_eq!(one["discarded"], true);
    // A query that is not known is no mistake.
    let query = "?language_code=en-GB&app_id=any";
    let one = server.post(&path(query), &user.token, json!({})).await.ok();
    assert_eq!(
        (&one["status"], &one["discarded"]),
        (&json!("completed"), &json!(false))
    );
    assert_eq!(one["language"], "en-GB");
    assert_ne!(one["structured"]["title"], "");
    assert_eq!(
        one["structured"]["action_items"].as_array().unwrap().len(),
        1
    );
    change(
        &db,
        id,
        "title = 'Mine', starred = true, folder_id = 'work'",
    )
    .await;
    let one = server.post(&path(""), &user.token, json!({})).await.ok();
    assert_eq!(one["structured"]["title"], "Mine");
    assert_eq!(
        (&one["starred"], &one["folder_id"]),
        (&json!(true), &json!("work"))
    );
    assert_eq!(one["language"], "en-GB");
    let answer = server.post(&path(""), &user.token, json!({})).await;
    assert_eq!(
        answer.status, 429,
        "the refused one counts too: {answer:#?}"
    );
    db.close().await;
}
