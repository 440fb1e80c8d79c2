//! `/v1/users`: profile, choices, devices, webhooks, usage

use chrono::{Duration, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    api::plant,
    support::{
        Server,
        server::{Answer, User, client},
    },
};

async fn send(
    server: &Server,
    method: Method,
    path: &str,
    user: &User,
    body: Option<Value>,
) -> Answer {
    let path = format!("/v1/users/{path}");
    server.send(method, &path, Some(&user.token), body).await
}

#[tokio::test]
async fn a_profile_is_there_from_the_first_request_on() {
    let server = Server::deaf().await;
    let ann = server.user_in("ann@example.org", "Europe/Berlin").await;
    let ben = server.user("ben@example.org").await;
    let get = async |path: &str| send(&server, Method::GET, path, &ann, None).await.ok();
    let patch =
        async |path: &str, body: Value| send(&server, Method::PATCH, path, &ann, Some(body)).await;
    let profile = get("profile").await;
    insta::assert_json_snapshot!("profile", profile, {".uid" => "[uid]", ".created_at" => "[time]"});
    // The app asks for a language until there is one.
    assert_eq!(get("language").await, json!({"language": null}));
    // A language that recognition of several at once does not know is listened for alone, and another no longer.
    for (language, alone) in [("sv", true), ("pt-BR", false)] {
        let set = patch("language", json!({"language": language})).await.ok();
        assert_eq!(
            set,
            json!({"status": "ok", "single_language_mode": alone}),
            "{language}"
        );
        let heard = get("transcription-preferences").await;
        let expected =
            json!({"single_language_mode": alone, "vocabulary": [], "language": language});
        assert_eq!(heard, expected);
    }
    let empty = patch("language", json!({"language": " "})).await;
    assert_eq!(empty.status, 400, "{empty:#?}");
    assert_eq!(empty.body["detail"], "Language is required");
    let odd = patch("language", json!({"language": "tlh\0"})).await;
    assert_eq!(odd.status, 422, "{odd:#?}");

    // A vocabulary is cut rather than refused, and the other choice stays.
    let many: Vec<_> = (0..150).map(|n| format!("word{n}")).collect();
    patch("transcription-preferences", json!({"vocabulary": many}))
        .await
        .ok();
    patch(
        "transcription-preferences",
        json!({"single_language_mode": true}),
    )
    .await
    .ok();
    let heard = get("transcription-preferences").await;
    assert_eq!(heard["vocabulary"], json!(many[..100]));
    assert_eq!(heard["single_language_mode"], true);

    let fresh = json!({"completed": false, "acquisition_source": ""});
    assert_eq!(get("onboarding").await, fresh);
    for body in [
        json!({"acquisition_source": "a friend"}),
        json!({"completed": true}),
    ] {
        assert_eq!(
            patch("onboarding", body).await.ok(),
            json!({"status": "ok"})
        );
    }
    let done = json!({"completed": true, "acquisition_source": "a friend"});
    assert_eq!(get("onboarding").await, done);
    assert_eq!(get("profile").await["onboarding"], done);

    assert_eq!(get("ai-profile").await, Value::Null);
    patch("ai-profile", json!({"profile_text": "Likes tea."}))
        .await
        .ok();
    let merged = patch("ai-profile", json!({"data_sources_used": 3}))
        .await
        .ok();
    let expected = json!({"profile_text": "Likes tea.", "data_sources_used": 3});
    assert_eq!(merged, expected);
    assert_eq!(get("ai-profile").await, expected);

    // Where the user is: a place of the same four digits is the same.
    let at = async |latitude: f64| {
        let place = json!({"latitude": latitude, "longitude": 13.4, "time": "2026-01-31T09:00:00Z", "altitude": null});
        patch("geolocation", place).await
    };
    assert_eq!(at(52.52).await.ok(), json!({"status": "ok"}));
    let same = json!({"status": "ok", "message": "Location not changed significantly."});
    assert_eq!(at(52.520_01).await.ok(), same);
    assert_eq!(at(52.53).await.ok(), json!({"status": "ok"}));
    assert_eq!(at(91.0).await.status, 422);
    let db = server.pool().await;
    sqlx::query("update last_locations set stored_at = stored_at - interval '31 minutes'")
        .execute(&db)
        .await
        .unwrap();
    // It was forgotten.
    assert_eq!(at(52.53).await.ok(), json!({"status": "ok"}));

    // Nothing of all that is another's.
    let others = send(&server, Method::GET, "onboarding", &ben, None)
        .await
        .ok();
    assert_eq!(others, fresh);
    let others = send(&server, Method::GET, "ai-profile", &ben, None)
        .await
        .ok();
    assert_eq!(others, Value::Null);
}

#[tokio::test]
async fn choices_have_defaults_and_keep_what_is_not_changed() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ask = async |method: Method, path: &str, body: Option<Value>| {
        send(&server, method, path, &ann, body).await
    };
    let get = async |path: &str| ask(Method::GET, path, None).await.ok();
    let settings = "notification-settings";
    assert_eq!(
        get(settings).await,
        json!({"enabled": true, "frequency": 3})
    );
    let changed = ask(Method::PATCH, settings, Some(json!({"frequency": 0}))).await;
    assert_eq!(changed.ok(), json!({"enabled": true, "frequency": 0}));
    let changed = ask(Method::PATCH, settings, Some(json!({"enabled": false}))).await;
    assert_eq!(changed.ok(), json!({"enabled": false, "frequency": 0}));
    let mentor = "mentor-notification-settings";
    // Off unless the user asks for it.
    assert_eq!(get(mentor).await, json!({"frequency": 0}));
    ask(Method::PATCH, mentor, Some(json!({"frequency": 5})))
        .await
        .ok();
    assert_eq!(get(mentor).await, json!({"frequency": 5}));
    for path in [settings, mentor] {
        for frequency in [-1, 6] {
            let answer = ask(Method::PATCH, path, Some(json!({"frequency": frequency}))).await;
            assert_eq!(answer.status, 400, "{path} {frequency}: {answer:#?}");
        }
    }

    let assistant = "assistant-settings";
    assert_eq!(get(assistant).await, json!({}));
    let first =
        json!({"focus": {"enabled": true, "min_confidence": 0.5}, "update_channel": "beta"});
    ask(Method::PATCH, assistant, Some(first)).await.ok();
    let second = json!({"focus": {"enabled": false}, "task": {"enabled": true}});
    let merged = ask(Method::PATCH, assistant, Some(second)).await.ok();
    let expected = json!({"focus": {"enabled": false, "min_confidence": 0.5}, "task": {"enabled": true},
                          "update_channel": "beta"});
    assert_eq!(merged, expected);
    assert_eq!(get(assistant).await, expected);

    // Sound that is stored goes with the permission.
    let permission = "store-recording-permission";
    let may = |allowed: bool| json!({"store_recording_permission": allowed});
    assert_eq!(get(permission).await, may(false));
    let allow = format!("{permission}?value=true");
    ask(Method::POST, &allow, None).await.ok();
    assert_eq!(get(permission).await, may(true));
    assert_eq!(ask(Method::POST, permission, None).await.status, 422);
    let db = server.pool().await;
    let conversation = plant::Conversation::default().put(&db, &ann.uid).await;
    let begin = plant::at("2026-01-31T09:00:00Z");
    let sound = [0; 1600];
    plant::sound(&db, &server.data_dir, &ann.uid, conversation, begin, &sound).await;
    ask(Method::DELETE, permission, None).await.ok();
    assert_eq!(get(permission).await, may(false));
    let url = format!("/v1/sync/audio/{conversation}/urls");
    let files = server.get(&url, &ann.token).await.ok();
    assert_eq!(files["audio_files"], json!([]));

    let chosen = "/v1/task-integrations/default";
    let put = json!({"app_key": "apple_reminders"});
    let answer = server
        .send(Method::PUT, chosen, Some(&ann.token), Some(put))
        .await;
    assert_eq!(answer.ok()["default_app"], "apple_reminders");
    let all = server.get("/v1/task-integrations", &ann.token).await.ok();
    let expected = json!({"integrations": {}, "default_app": "apple_reminders"});
    assert_eq!(all, expected);

    // The rating of a summary: that it was seen is none, and does not take one away.
    let path = format!("analytics/memory_summary?memory_id={conversation}");
    assert_eq!(get(&path).await, json!({"has_rating": false}));
    for (value, has, rating) in [(-1, false, -1), (1, true, 1), (-1, true, 1), (0, true, 0)] {
        let rate = format!("{path}&value={value}&reason=null");
        ask(Method::POST, &rate, None).await.ok();
        let told = json!({"has_rating": has, "rating": rating});
        assert_eq!(get(&path).await, told, "{value}");
    }
    let nowhere = format!(
        "analytics/memory_summary?memory_id={}&value=1",
        Uuid::new_v4()
    );
    assert_eq!(ask(Method::POST, &nowhere, None).await.status, 200);
    let bad = format!("{path}&value=2");
    assert_eq!(ask(Method::POST, &bad, None).await.status, 422);
}

#[tokio::test]
async fn a_token_of_a_device_brings_the_time_zone() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let db = server.pool().await;
    let register = async |platform: Option<&str>, token: &str, zone: &str| {
        let mut request = client()
            .post(format!("{}/v1/users/fcm-token", server.url))
            .bearer_auth(&ann.token)
            .json(&json!({"fcm_token": token, "time_zone": zone}));
        if let Some(platform) = platform {
            request = request
                .header("X-App-Platform", platform)
                .header("X-Device-Id-Hash", "abc");
        }
        Answer::of(request.send().await.unwrap()).await
    };
    let kept = async || -> Vec<(String, String)> {
        sqlx::query_as("select device, token from push_tokens where uid = $1 order by device")
            .bind(&ann.uid)
            .fetch_all(&db)
            .await
            .unwrap()
    };
    // The capital O is what the reference answers.
    let answer = register(Some("ios"), "t1", "Asia/Tokyo").await;
    assert_eq!(answer.ok(), json!({"status": "Ok"}));
    let profile = server.get("/v1/users/profile", &ann.token).await.ok();
    assert_eq!(profile["time_zone"], "Asia/Tokyo");
    // A device has one token, its newest.
    register(Some("ios"), "t2", "Asia/Tokyo").await.ok();
    register(None, "t3", "Asia/Tokyo").await.ok();
    let expected = [
        ("ios_abc".to_string(), "t2".to_string()),
        ("unknown_default".into(), "t3".into()),
    ];
    assert_eq!(kept().await, expected);
    // What is no zone changes nothing.
    let refused = register(Some("ios"), "t4", "Middle/Earth").await;
    assert_eq!(refused.status, 422, "{refused:#?}");
    assert_eq!(kept().await, expected);
    let gone = send(&server, Method::DELETE, "fcm-token", &ann, None).await;
    assert_eq!(gone.status, 200);
    assert!(kept().await.is_empty());
}

#[tokio::test]
async fn a_webhook_is_switched_on_by_itself_only_once() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let post = async |path: &str, body: Option<Value>| {
        let path = format!("developer/{path}");
        send(&server, Method::POST, &path, &ann, body).await
    };
    let status = async || {
        send(
            &server,
            Method::GET,
            "developer/webhooks/status",
            &ann,
            None,
        )
        .await
        .ok()
    };
    let url = async |kind: &str| {
        let path = format!("developer/webhook/{kind}");
        send(&server, Method::GET, &path, &ann, None).await.ok()["url"].clone()
    };
    assert_eq!(url("day_summary").await, "");
    let set = async |kind: &str, url: &str| {
        post(&format!("webhook/{kind}"), Some(json!({"url": url})))
            .await
            .ok()
    };
    set("day_summary", "https://example.org/day").await;
    set("audio_bytes", "https://example.org/audio,5").await;
    assert_eq!(url("audio_bytes").await, "https://example.org/audio,5");
    // Those with an address are on at the first look; the app stops at a missing key.
    let first = json!({"audio_bytes": true, "memory_created": false, "realtime_transcript": false, "day_summary": true});
    assert_eq!(status().await, first);
    // An address alone switches nothing on after that.
    set("memory_created", "https://example.org/memory").await;
    assert_eq!(status().await, first);
    post("webhook/memory_created/enable", None).await.ok();
    post("webhook/day_summary/disable", None).await.ok();
    // One without an address is off: the app sends a comma where a field is empty.
    set("audio_bytes", ",").await;
    let last = json!({"audio_bytes": false, "memory_created": true, "realtime_transcript": false, "day_summary": false});
    assert_eq!(status().await, last);
    set("audio_bytes_websocket", "wss://example.org").await;
    let odd = post("webhook/everything", Some(json!({"url": ""}))).await;
    assert_eq!(odd.status, 422, "{odd:#?}");
}

#[tokio::test]
async fn usage_counts_what_is_stored_in_its_period() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let db = server.pool().await;
    let now = Utc::now();
    for created_at in [now, now - Duration::days(800)] {
        let conversation = plant::Conversation {
            created_at,
            finished_at: created_at + Duration::seconds(600),
            ..plant::Conversation::default()
        };
        let id = conversation.put(&db, &ann.uid).await;
        plant::segment(&db, &ann.uid, id, 0, true, 0.0, "Five words are said here.").await;
        plant::segment(&db, &ann.uid, id, 1, false, 5.0, "Two more.").await;
        let item = plant::ActionItem {
            created_at,
            ..plant::ActionItem::default()
        };
        item.put(&db, &ann.uid).await;
    }
    let usage = async |user: &User, period: &str| {
        let path = format!("me/usage{period}");
        send(&server, Method::GET, &path, user, None).await.ok()
    };
    let once = json!({"transcription_seconds": 600, "words_transcribed": 7, "insights_gained": 1, "memories_created": 0,
                      "speech_seconds": 4});
    // Only what was asked for is filled.
    let today = usage(&ann, "").await;
    assert_eq!(today["today"], once);
    for other in ["monthly", "yearly", "all_time"] {
        assert_eq!(today[other], Value::Null);
    }
    for period in ["today", "monthly", "yearly"] {
        let answer = usage(&ann, &format!("?period={period}")).await;
        assert_eq!(answer[period], once, "{period}");
        let history = answer["history"].as_array().unwrap();
        assert_eq!(history.len(), 1, "{period}");
        assert_eq!(history[0]["words_transcribed"], 7, "{period}");
    }
    let all = usage(&ann, "?period=all_time").await;
    assert_eq!(all["all_time"]["transcription_seconds"], 1200);
    assert_eq!(all["all_time"]["words_transcribed"], 14);
    assert_eq!(all["history"].as_array().unwrap().len(), 2);
    let none = usage(&ben, "?period=all_time").await;
    assert_eq!(none["all_time"]["words_transcribed"], 0);
    assert_eq!(none["history"], json!([]));
    let odd = send(&server, Method::GET, "me/usage?period=weekly", &ann, None).await;
    assert_eq!(odd.status, 422, "{odd:#?}");
}
