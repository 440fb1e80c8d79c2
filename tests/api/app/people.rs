//! `/v1/users/people`

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    api::plant,
    support::{Server, server::Answer},
};

const PEOPLE: &str = "/v1/users/people";

#[tokio::test]
async fn people_are_added_once_and_renamed_and_forgotten() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let ask = async |method: Method, path: &str, body: Option<Value>| -> Answer {
        server.send(method, path, Some(&ann.token), body).await
    };
    let create = async |name: &str| ask(Method::POST, PEOPLE, Some(json!({"name": name}))).await;
    let list = async || {
        let path = format!("{PEOPLE}?include_speech_samples=true");
        ask(Method::GET, &path, None).await.ok()
    };
    assert_eq!(list().await, json!([]));
    let carol = create("Carol").await.ok();
    insta::assert_json_snapshot!("person", carol, {".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]"});
    // Exactly this name is the same person, as the app sends a request that failed again; another case is another.
    assert_eq!(create("Carol").await.ok(), carol);
    let small = create("carol").await.ok();
    assert_ne!(small["id"], carol["id"]);
    // Also when both come at once.
    let at_once = futures_util::future::join_all((0..8).map(|_| create("Dave"))).await;
    let first = at_once[0].body["id"].clone();
    assert!(at_once.iter().all(|one| one.body["id"] == first));
    assert_eq!(list().await.as_array().unwrap().len(), 3);
    for name in ["", "x", " y ", &"z".repeat(41)] {
        assert_eq!(create(name).await.status, 422, "{name:?}");
    }
    // Each user has people of their own.
    let others = server
        .post(PEOPLE, &ben.token, json!({"name": "Carol"}))
        .await
        .ok();
    assert_ne!(others["id"], carol["id"]);

    let id = carol["id"].as_str().unwrap();
    let one = format!("{PEOPLE}/{id}");
    let renamed = ask(Method::PATCH, &format!("{one}/name?value=C"), None).await;
    assert_eq!(renamed.ok(), json!({"status": "ok"}));
    let shown = ask(Method::GET, &one, None).await.ok();
    assert_eq!(shown["name"], "C");
    assert!(shown["updated_at"].as_str() > carol["updated_at"].as_str());
    // Omi's web client has the name in the body.
    for (body, name) in [
        (json!({"name": "Carola"}), "Carola"),
        (json!({"value": "Caro"}), "Caro"),
    ] {
        ask(Method::PATCH, &format!("{one}/name"), Some(body))
            .await
            .ok();
        assert_eq!(ask(Method::GET, &one, None).await.ok()["name"], name);
    }
    for body in [
        None,
        Some(json!({})),
        Some(json!({"name": " "})),
        Some(json!({"name": 1})),
    ] {
        let answer = ask(Method::PATCH, &format!("{one}/name"), body).await;
        assert_eq!(answer.status, 422, "{answer:#?}");
    }
    let sample = ask(Method::DELETE, &format!("{one}/speech-samples/0"), None).await;
    assert_eq!(
        (sample.status, &sample.body["detail"]),
        (404, &json!("Sample not found"))
    );
    let absent = format!("{PEOPLE}/{}", Uuid::new_v4());
    for (method, path) in [
        (Method::GET, absent.clone()),
        (Method::DELETE, absent.clone()),
        (Method::PATCH, format!("{absent}/name?value=New")),
        (Method::DELETE, format!("{absent}/speech-samples/0")),
    ] {
        let answer = ask(method, &path, None).await;
        assert_eq!(
            (answer.status, &answer.body["detail"]),
            (404, &json!("Person not found")),
            "{path}"
        );
    }
    // Called by a name as the app writes it into the address.
    let called = ask(Method::PATCH, &format!("{one}/name?value=C & D + 1"), None).await;
    assert_eq!(called.status, 200);
    assert_eq!(ask(Method::GET, &one, None).await.ok()["name"], "C & D + 1");
    // 204: the app takes nothing else for done. What they said keeps their id.
    let db = server.pool().await;
    let talk = plant::Conversation::default().put(&db, &ann.uid).await;
    plant::segment(&db, &ann.uid, talk, 0, false, 0.0, "Hello.").await;
    let path = format!("/v1/conversations/{talk}");
    let said = format!("{path}/segments/0/assign?assign_type=person_id&value={id}");
    ask(Method::PATCH, &said, None).await.ok();
    assert_eq!(ask(Method::DELETE, &one, None).await.status, 204);
    let found = ask(Method::GET, &path, None).await.ok();
    assert_eq!(found["transcript_segments"][0]["person_id"], id);
    assert_eq!(ask(Method::DELETE, &one, None).await.status, 404);
}
