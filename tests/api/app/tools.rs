//! `/v1/tools`

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api::plant::{self, at},
    support::Server,
};

#[tokio::test]
async fn a_voice_model_is_answered_in_words() {
    let server = Server::deaf().await;
    let ann = server.user_in("ann@example.org", "Europe/Berlin").await;
    let ben = server.user("ben@example.org").await;
    let db = server.pool().await;
    let garden = plant::Conversation {
        title: "Apple trees",
        ..plant::Conversation::default()
    };
    let garden = garden.put(&db, &ann.uid).await;
    let said = "The apple tree needs water.";
    plant::segment(&db, &ann.uid, garden, 1, false, 0.0, said).await;
    let boat = plant::Conversation {
        title: "A boat",
        created_at: at("2026-02-03T09:00:00Z"),
        ..plant::Conversation::default()
    };
    boat.put(&db, &ann.uid).await;
    plant::memory(&db, &ann.uid, "User has an orchard", "system", None, None).await;
    let person = server.post("/v1/users/people", &ann.token, json!({"name": "Maya"}));
    let person = person.await.ok()["id"].clone();
    let name = format!(
        "/v1/conversations/{garden}/assign-speaker/1?assign_type=person_id&value={}",
        person.as_str().unwrap()
    );
    let named = server
        .send(Method::PATCH, &name, Some(&ann.token), None)
        .await;
    assert_eq!(named.status, 200, "{named:#?}");

    let ask = async |method: Method, path: &str, body: Option<Value>| -> (String, bool) {
        let path = format!("/v1/tools/{path}");
        let answer = server
            .send(method, &path, Some(&ann.token), body)
            .await
            .ok();
        assert!(answer["tool_name"].is_string());
        let text = answer["result_text"].as_str().unwrap().to_string();
        (text, answer["is_error"].as_bool().unwrap())
    };
    let get = async |path: &str| ask(Method::GET, path, None).await;
    let (all, wrong) = get("conversations").await;
    assert!(!wrong);
    // Newest first, in the user's zone, with names.
    let boat = all.find("A boat").unwrap();
    assert!(boat < all.find("Apple trees").unwrap(), "{all}");
    assert!(all.contains("Sat 31 Jan 2026, 10:00"), "{all}");
    assert!(all.contains(&format!("Maya: {said}")), "{all}");
    let (some, _) =
        get("conversations?include_transcript=false&end_date=2026-02-01T00:00:00Z").await;
    assert!(
        some.contains("Apple trees") && !some.contains("boat"),
        "{some}"
    );
    assert!(!some.contains(said), "{some}");
    let search = json!({"query": "what needs water?", "limit": 1});
    let (found, _) = ask(Method::POST, "conversations/search", Some(search)).await;
    assert!(found.contains(said) && !found.contains("boat"), "{found}");
    let (known, _) = get("memories").await;
    assert!(known.contains("User has an orchard"), "{known}");
    let (none, _) = get("memories?end_date=2000-01-01T00:00:00%2B01:00").await;
    assert!(none.contains("no such memories"), "{none}");
    let search = json!({"query": "orchard"});
    let (known, _) = ask(Method::POST, "memories/search", Some(search)).await;
    assert!(known.contains("User has an orchard"), "{known}");

    // A model that leaves the offset out is told so, in words, and nothing is done.
    for (method, path, body) in [
        (
            Method::GET,
            "conversations?start_date=2026-01-31T09:00:00",
            None,
        ),
        (Method::GET, "conversations?limit=5001", None),
        (Method::GET, "action-items?due_start_date=tomorrow", None),
        (
            Method::POST,
            "action-items",
            Some(json!({"description": "Prune", "due_at": "2026-01-31 09:00"})),
        ),
        (
            Method::POST,
            "action-items",
            Some(json!({"description": "Prune", "due_at": "2026-01-31T09:00:00Z"})),
        ),
        (
            Method::POST,
            "action-items",
            Some(json!({"description": " "})),
        ),
        (Method::POST, "memories/search", Some(json!({"query": " "}))),
    ] {
        let (text, wrong) = ask(method, path, body).await;
        assert!(wrong && text.starts_with("Error: "), "{path}: {text}");
    }
    let (none, _) = get("action-items").await;
    assert!(none.contains("no such action items"), "{none}");

    let new = json!({"description": "Water the tree"});
    let (made, wrong) = ask(Method::POST, "action-items", Some(new.clone())).await;
    assert!(
        !wrong && made.contains("Water the tree (open, due "),
        "{made}"
    );
    // The same again, as from a client that heard no answer, is the same.
    let (again, _) = ask(Method::POST, "action-items", Some(new)).await;
    assert_eq!(again, made);
    let id = made.rsplit_once("id ").unwrap().1.trim_end_matches(')');
    let one = format!("action-items/{id}");
    let done = json!({"completed": true});
    let (changed, _) = ask(Method::PATCH, &one, Some(done.clone())).await;
    assert!(changed.contains("(done"), "{changed}");
    let (open, _) = get("action-items?completed=false").await;
    assert!(open.contains("no such"), "{open}");
    let (nothing, wrong) = ask(Method::PATCH, &one, Some(json!({}))).await;
    assert!(wrong, "{nothing}");
    // Anybody else's is as absent.
    let path = format!("/v1/tools/{one}");
    let foreign = server
        .send(Method::PATCH, &path, Some(&ben.token), Some(done))
        .await;
    let foreign = foreign.ok();
    assert_eq!(foreign["is_error"], true);
    assert_eq!(foreign["result_text"], "Error: Action item not found");
}
