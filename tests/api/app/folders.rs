//! `/v1/folders`, and what lies in them.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    api::plant::{self, at},
    processing::{nothing, server_asking, settled, transcript},
    support::{
        Server,
        peer::{Peer, Script},
        server::{Answer, User, client},
    },
};

const PATH: &str = "/v1/folders";

async fn ask(
    server: &Server,
    user: &User,
    method: Method,
    rest: &str,
    body: Option<Value>,
) -> Answer {
    server
        .send(method, &format!("{PATH}{rest}"), Some(&user.token), body)
        .await
}

async fn make(server: &Server, user: &User, body: Value) -> Answer {
    ask(server, user, Method::POST, "", Some(body)).await
}

/// Names in their order.
async fn names(server: &Server, user: &User) -> Vec<String> {
    let listed = server.get(PATH, &user.token).await.ok();
    let listed = listed.as_array().unwrap().iter();
    listed
        .map(|folder| folder["name"].as_str().unwrap().to_string())
        .collect()
}

#[tokio::test]
async fn folders_are_made_changed_and_put_in_order() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;

    // Those of the system are made when they are first looked for, once.
    let first = server.get(PATH, &ann.token).await.ok();
    assert_eq!(server.get(PATH, &ann.token).await.ok(), first);
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("system_folders", first, {
            "[].id" => "[id]", "[].created_at" => "[time]", "[].updated_at" => "[time]",
        });
    });

    // Behind all others; what is left out is filled in.
    let trips = make(&server, &ann, json!({"name": " Trips "})).await.ok();
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("folder", trips, {
            ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
        });
    });
    // The app repeats a request that it had no answer to: the same at once is the same folder, anything else is not.
    assert_eq!(
        make(&server, &ann, json!({"name": "Trips"})).await.ok(),
        trips
    );
    let body =
        json!({"name": "Trips", "color": "#ff00AA", "icon": "🚲", "description": "By bicycle"});
    let twin = make(&server, &ann, body).await.ok();
    assert_ne!(twin["id"], trips["id"]);
    assert_eq!(
        (
            &twin["color"],
            &twin["icon"],
            &twin["description"],
            &twin["order"]
        ),
        (
            &json!("#ff00AA"),
            &json!("🚲"),
            &json!("By bicycle"),
            &json!(4)
        )
    );
    let keyed = async |key: &str| {
        let request = client()
            .post(format!("{}{PATH}", server.url))
            .bearer_auth(&ann.token)
            .header("Idempotency-Key", key)
            .json(&json!({"name": "Keyed"}));
        Answer::of(request.send().await.unwrap()).await.ok()
    };
    let (one, again, other) = (keyed("a").await, keyed("a").await, keyed("b").await);
    assert_eq!(one, again);
    assert_ne!(one["id"], other["id"], "names need not differ");

    for body in [
        json!({}),
        json!({"name": " "}),
        json!({"name": "n".repeat(101)}),
        json!({"name": "n", "description": "d".repeat(501)}),
        json!({"name": "n", "color": "red"}),
        json!({"name": "n", "icon": "i".repeat(51)}),
    ] {
        assert_eq!(
            make(&server, &ann, body.clone()).await.status,
            422,
            "{body}"
        );
    }
    assert_eq!(make(&server, &ann, json!({"name": "\0"})).await.status, 400);

    // A change leaves alone what it does not name, and null takes the description away. Those of the system change too.
    let id = twin["id"].as_str().unwrap();
    let change = async |id: &str, body: Value| {
        ask(&server, &ann, Method::PATCH, &format!("/{id}"), Some(body)).await
    };
    let changed = change(id, json!({"name": "Rides", "order": 1})).await.ok();
    assert_eq!(
        (&changed["name"], &changed["order"], &changed["description"]),
        (&json!("Rides"), &json!(1), &json!("By bicycle"))
    );
    let changed = change(id, json!({"description": null, "color": null}))
        .await
        .ok();
    assert_eq!(
        (&changed["description"], &changed["color"]),
        (&Value::Null, &json!("#ff00AA"))
    );
    let found = ask(&server, &ann, Method::GET, &format!("/{id}"), None).await;
    assert_eq!(found.ok(), changed);
    let system = first[0]["id"].as_str().unwrap();
    let renamed = change(system, json!({"name": "Office"})).await.ok();
    assert_eq!(
        (&renamed["name"], &renamed["is_system"]),
        (&json!("Office"), &json!(true))
    );
    for body in [
        json!({"order": -1}),
        json!({"name": ""}),
        json!({"color": "#12"}),
    ] {
        assert_eq!(change(id, body.clone()).await.status, 422, "{body}");
    }

    // The order is that of the list; who is not named keeps their place, and one that is absent spoils it all.
    let wanted = json!({"folder_ids": [trips["id"], first[2]["id"], trips["id"], first[1]["id"]]});
    let reorder = async |user: &User, body: &Value| {
        ask(&server, user, Method::POST, "/reorder", Some(body.clone())).await
    };
    assert_eq!(reorder(&ann, &wanted).await.ok(), json!({"status": "ok"}));
    let before = server.get(PATH, &ann.token).await.ok();
    let places: Vec<_> = before
        .as_array()
        .unwrap()
        .iter()
        .map(|folder| {
            (
                folder["order"].as_i64().unwrap(),
                folder["name"].as_str().unwrap(),
            )
        })
        .collect();
    assert!(places.is_sorted_by_key(|(place, _)| *place), "{places:?}");
    let mut sorted = places.clone();
    sorted.sort();
    let expected = [
        (0, "Office"),
        (0, "Trips"),
        (1, "Rides"),
        (1, "Social"),
        (2, "Personal"),
        (5, "Keyed"),
        (6, "Keyed"),
    ];
    assert_eq!(sorted, expected);
    for absent in ["absent", "", "\0"] {
        let body = json!({"folder_ids": [first[1]["id"], absent]});
        assert_eq!(reorder(&ann, &body).await.status, 404, "{absent:?}");
    }
    assert_eq!(
        reorder(&ben, &wanted).await.status,
        404,
        "another's are absent"
    );
    assert_eq!(server.get(PATH, &ann.token).await.ok(), before);
    assert_eq!(names(&server, &ben).await, ["Work", "Personal", "Social"]);

    // Fifty of one's own, and none of another's counts.
    for number in 0..50 {
        let made = make(&server, &ben, json!({"name": format!("F{number}")})).await;
        assert_eq!(made.status, 200, "{number}: {made:#?}");
    }
    let refused = make(&server, &ben, json!({"name": "F50"})).await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.body["detail"],
        "Maximum folder limit reached (50 custom folders)"
    );
}

#[tokio::test]
async fn conversations_lie_in_folders() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let db = server.pool().await;
    let system = server.get(PATH, &ann.token).await.ok();
    let folder = async |user: &User, name: &str| {
        let made = make(&server, user, json!({"name": name})).await.ok();
        made["id"].as_str().unwrap().to_string()
    };
    let (trips, house) = (folder(&ann, "Trips").await, folder(&ann, "House").await);
    let theirs = folder(&ben, "Theirs").await;
    let mut talks: Vec<Uuid> = Vec::new();
    for (title, day, status, discarded) in [
        ("one", 1, "completed", false),
        ("two", 2, "completed", false),
        ("three", 3, "in_progress", false),
        ("four", 4, "completed", true),
    ] {
        let one = plant::Conversation {
            title,
            status,
            discarded,
            created_at: at(&format!("2026-01-0{day}T09:00:00Z")),
            finished_at: chrono::Utc::now(),
            ..Default::default()
        };
        talks.push(one.put(&db, &ann.uid).await);
    }
    let foreign = plant::Conversation::default().put(&db, &ben.uid).await;

    let put = async |user: &User, id: &str, body: Value| {
        let path = format!("/v1/conversations/{id}/folder");
        server
            .send(Method::PATCH, &path, Some(&user.token), Some(body))
            .await
    };
    let lies_in = async |id: Uuid| {
        let path = format!("/v1/conversations/{id}");
        server.get(&path, &ann.token).await.ok()["folder_id"].clone()
    };
    let count = async |id: &str| {
        let found = ask(&server, &ann, Method::GET, &format!("/{id}"), None).await;
        found.ok()["conversation_count"].as_i64().unwrap()
    };
    let one = talks[0].to_string();
    let moved = put(&ann, &one, json!({"folder_id": trips})).await;
    assert_eq!(moved.ok(), json!({"status": "ok"}), "in small letters");
    assert_eq!(lies_in(talks[0]).await, json!(trips));
    assert_eq!(count(&trips).await, 1);
    // None of these is anywhere, so nothing moves.
    for (user, id, folder, missing) in [
        (&ann, one.as_str(), "absent", "Folder not found"),
        (&ann, one.as_str(), "\0", "Folder not found"),
        (&ann, one.as_str(), theirs.as_str(), "Folder not found"),
        (
            &ann,
            &foreign.to_string(),
            trips.as_str(),
            "Conversation not found",
        ),
        (
            &ben,
            one.as_str(),
            theirs.as_str(),
            "Conversation not found",
        ),
    ] {
        let refused = put(user, id, json!({"folder_id": folder})).await;
        assert_eq!(
            (refused.status, refused.body["detail"].as_str().unwrap()),
            (404, missing)
        );
    }
    assert_eq!(lies_in(talks[0]).await, json!(trips));
    for nowhere in [
        json!({"folder_id": null}),
        json!({"folder_id": ""}),
        json!({}),
    ] {
        put(&ann, &one, json!({"folder_id": trips})).await.ok();
        put(&ann, &one, nowhere.clone()).await.ok();
        assert_eq!(lies_in(talks[0]).await, Value::Null, "{nowhere}");
    }

    // Several at once, or none of them.
    let bulk = async |folder: &str, ids: Value| {
        let rest = format!("/{folder}/conversations/bulk-move");
        let body = json!({"conversation_ids": ids});
        ask(&server, &ann, Method::POST, &rest, Some(body)).await
    };
    for missing in [json!(foreign), json!(Uuid::new_v4()), json!("no-uuid")] {
        let refused = bulk(&trips, json!([talks[0], missing])).await;
        assert_eq!(refused.status, 404, "{missing}");
        assert_eq!(lies_in(talks[0]).await, Value::Null, "{missing}");
    }
    assert_eq!(bulk(&theirs, json!(talks)).await.status, 404);
    let moved = bulk(
        &trips,
        json!([talks[0], talks[1], talks[2], talks[3], talks[0]]),
    )
    .await;
    assert_eq!(moved.ok(), json!({"status": "ok", "moved_count": 4}));
    assert_eq!(
        bulk(&trips, json!([])).await.ok()["moved_count"],
        0,
        "nothing is nothing wrong"
    );
    assert_eq!(count(&trips).await, 2, "completed, and not discarded");

    // The list of a folder has every status, but nothing discarded unless it is asked for.
    let titles = async |rest: &str| {
        let path = format!("/{trips}/conversations{rest}");
        let found = ask(&server, &ann, Method::GET, &path, None).await.ok();
        let found = found.as_array().unwrap().iter();
        let titles: Vec<_> = found
            .map(|one| one["structured"]["title"].as_str().unwrap().to_string())
            .collect();
        titles.join(" ")
    };
    assert_eq!(titles("").await, "three two one");
    assert_eq!(
        titles("?include_discarded=true&limit=2").await,
        "four three"
    );
    assert_eq!(titles("?limit=1&offset=1").await, "two");
    for query in ["limit=0", "limit=1001", "offset=-1"] {
        let path = format!("/{trips}/conversations?{query}");
        let answer = ask(&server, &ann, Method::GET, &path, None).await;
        assert_eq!(answer.status, 422, "{query}");
    }

    // What lies in a folder that is removed goes elsewhere, and is never removed with it.
    let remove = async |id: &str, query: &str| {
        ask(
            &server,
            &ann,
            Method::DELETE,
            &format!("/{id}{query}"),
            None,
        )
        .await
    };
    let into = |id: &str| format!("?move_to_folder_id={id}");
    assert_eq!(remove(&trips, &into(&trips)).await.status, 400);
    assert_eq!(remove(&trips, &into(&theirs)).await.status, 404);
    assert_eq!(remove(&theirs, "").await.status, 404);
    let refused = remove(system[0]["id"].as_str().unwrap(), "").await;
    assert_eq!(
        (refused.status, refused.body["detail"].as_str().unwrap()),
        (400, "Cannot delete system folder")
    );
    assert_eq!(titles("").await, "three two one", "nothing has moved");
    let removed = remove(&trips, &into(&house)).await;
    assert_eq!((removed.status, removed.body), (204, json!("")));
    assert_eq!(count(&house).await, 2);
    assert_eq!(lies_in(talks[3]).await, json!(house));
    let again = remove(&trips, "").await;
    assert_eq!(again.body["detail"], "Folder not found");
    assert_eq!(remove(&house, &into("")).await.status, 204);
    for talk in &talks {
        assert_eq!(
            lies_in(*talk).await,
            Value::Null,
            "no id is left that names nothing"
        );
    }
    // With a default folder, that takes them.
    let last = folder(&ann, "Last").await;
    put(&ann, &one, json!({"folder_id": last})).await.ok();
    sqlx::query("update folders set is_default = true where uid = $1 and name = 'Social'")
        .bind(&ann.uid)
        .execute(&db)
        .await
        .unwrap();
    assert_eq!(remove(&last, "").await.status, 204);
    assert_eq!(lies_in(talks[0]).await, system[2]["id"]);
    assert_eq!(names(&server, &ben).await, ["Theirs"], "another's stay");
}

#[tokio::test]
async fn a_folder_that_goes_while_it_is_chosen_is_not_chosen() {
    let peer = Peer::start(Script::by_task(|task, _, _| match task {
        "choose_folder" => {
            let answer = Script::json(json!({"folder": 4, "confidence": 1.0}));
            Script::Later(Duration::from_secs(2), Box::new(answer))
        }
        other => nothing(other),
    }))
    .await;
    let server = server_asking(&peer).await;
    let ann = server.user("ann@example.org").await;
    server.get(PATH, &ann.token).await.ok();
    let lies_in = async |goes: bool| {
        let folder = make(&server, &ann, json!({"name": "Trips"})).await.ok();
        let id = folder["id"].as_str().unwrap().to_string();
        peer.forget();
        let path = "/v1/dev/user/conversations/from-segments";
        let body = transcript(&["We walked to the lake.", "It was cold."]);
        let made = server.post(path, &ann.developer_key, body).await.ok();
        let talk = made["id"].as_str().unwrap();
        while peer.asked_for("choose_folder").is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if goes {
            let gone = ask(&server, &ann, Method::DELETE, &format!("/{id}"), None).await;
            assert_eq!(gone.status, 204);
        }
        settled(&server, &ann, talk, Duration::from_secs(30)).await;
        let path = format!("/v1/conversations/{talk}");
        let found = server.get(&path, &ann.token).await.ok()["folder_id"].clone();
        (found, json!(id))
    };
    assert_eq!(lies_in(true).await.0, Value::Null);
    let (found, id) = lies_in(false).await;
    assert_eq!(found, id);
}
