//! `/v1/dev/user/folders`, and the names of folders in conversations.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api::plant::{self, at},
    support::{Server, server::User},
};

const PATH: &str = "/v1/dev/user/folders";
const CONVERSATIONS: &str = "/v1/dev/user/conversations";

async fn get(server: &Server, user: &User, path: &str) -> Value {
    server.get(path, &user.developer_key).await.ok()
}

#[tokio::test]
async fn folders_are_listed_counted_and_named() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let db = server.pool().await;
    assert_eq!(get(&server, &user, PATH).await, json!([]));

    for folder in [
        plant::Folder {
            id: "later",
            name: "Later",
            position: 7,
            ..Default::default()
        },
        plant::Folder {
            id: "work",
            name: "Work",
            description: Some("What pays"),
            category_mapping: Some("work"),
            is_system: true,
            ..Default::default()
        },
    ] {
        folder.put(&db, &user.uid).await;
    }
    // Of the same id, with another name.
    let theirs = plant::Folder {
        id: "work",
        name: "Theirs",
        ..Default::default()
    };
    theirs.put(&db, &other.uid).await;
    let lies_in = |folder_id| plant::Conversation {
        folder_id: Some(folder_id),
        ..Default::default()
    };
    let named = lies_in("work").put(&db, &user.uid).await;
    for conversation in [
        lies_in("work"),
        plant::Conversation {
            discarded: true,
            ..lies_in("work")
        },
        plant::Conversation {
            status: "processing",
            ..lies_in("work")
        },
        plant::Conversation {
            status: "in_progress",
            ..lies_in("later")
        },
        plant::Conversation::default(),
    ] {
        conversation.put(&db, &user.uid).await;
    }
    let foreign = lies_in("work").put(&db, &other.uid).await;
    let dangling = plant::Conversation {
        created_at: at("2026-02-01T00:00:00Z"),
        ..lies_in("gone")
    };
    let dangling = dangling.put(&db, &user.uid).await;

    let folders = get(&server, &user, PATH).await;
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("folders", folders);
    });
    assert_eq!(get(&server, &other, PATH).await[0]["conversation_count"], 1);
    // The count is what a list of the folder shows.
    let listed = get(&server, &user, &format!("{CONVERSATIONS}?folder_id=work")).await;
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(
        listed
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["folder_name"] == "Work")
    );

    for (user, id, folder_id, name) in [
        (&user, named, "work", json!("Work")),
        (&user, dangling, "gone", Value::Null),
        (&other, foreign, "work", json!("Theirs")),
    ] {
        let found = get(&server, user, &format!("{CONVERSATIONS}/{id}")).await;
        assert_eq!(found["folder_id"], folder_id);
        assert_eq!(found["folder_name"], name);
    }
    let path = format!("{CONVERSATIONS}/{named}");
    let body = Some(json!({"title": "Changed"}));
    let changed = server
        .send(Method::PATCH, &path, Some(&user.developer_key), body)
        .await
        .ok();
    assert_eq!(changed["folder_name"], "Work");
    let all = get(&server, &user, CONVERSATIONS).await;
    let mut names: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["folder_name"].as_str())
        .collect();
    names.sort();
    assert_eq!(names, [None, None, Some("Work"), Some("Work")]);
}
