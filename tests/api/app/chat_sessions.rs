//! `/v2/chat-sessions`, `/v2/desktop/messages`: talks side by side, apart from the threads of the phone.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::chat::{ask, history};
use crate::support::{
    Server, ServerOptions,
    peer::{Peer, Script},
    server::{Answer, User, client},
};

const SESSIONS: &str = "/v2/chat-sessions";
const MESSAGES: &str = "/v2/desktop/messages";

struct Desk<'a> {
    server: &'a Server,
    user: &'a User,
}

impl Desk<'_> {
    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.server
            .send(method, path, Some(&self.user.token), body)
            .await
    }

    async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, None).await.ok()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.send(Method::POST, path, Some(body)).await.ok()
    }

    /// Keeps a message, and gives its id.
    async fn say(&self, body: Value) -> String {
        let kept = self.post(MESSAGES, body).await;
        let keys: Vec<_> = kept.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["created_at", "id"]);
        kept["id"].as_str().unwrap().into()
    }

    async fn titles(&self, query: &str) -> Vec<String> {
        let list = self.get(&format!("{SESSIONS}{query}")).await;
        let list = list.as_array().unwrap().iter();
        list.map(|one| one["title"].as_str().unwrap().into())
            .collect()
    }

    async fn texts(&self, query: &str) -> Vec<String> {
        let list = self.get(&format!("{MESSAGES}{query}")).await;
        let list = list.as_array().unwrap().iter();
        list.map(|one| one["text"].as_str().unwrap().into())
            .collect()
    }
}

#[tokio::test]
async fn sessions_are_opened_named_starred_listed_and_deleted() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let bob = server.user("bob@example.org").await;
    let (ann, bob) = (
        Desk {
            server: &server,
            user: &ann,
        },
        Desk {
            server: &server,
            user: &bob,
        },
    );
    let first = ann.post(SESSIONS, json!({})).await;
    let expected = json!({
        "id": first["id"], "title": "New Chat", "preview": null, "created_at": first["created_at"],
        "updated_at": first["created_at"], "app_id": null, "plugin_id": null, "message_count": 0, "starred": false,
    });
    assert_eq!(first, expected);
    let id = first["id"].as_str().unwrap();
    let path = format!("{SESSIONS}/{id}");
    ann.post(SESSIONS, json!({"title": "Second"})).await;
    let of_app = ann
        .post(SESSIONS, json!({"title": "Of an app", "app_id": "ghost"}))
        .await;
    assert_eq!(
        (&of_app["app_id"], &of_app["plugin_id"]),
        (&json!("ghost"), &json!("ghost"))
    );
    // Without an app: those of none only. What changed last comes first.
    assert_eq!(ann.titles("").await, ["Second", "New Chat"]);
    assert_eq!(ann.titles("?app_id=ghost").await, ["Of an app"]);
    let long = "ä".repeat(150);
    ann.say(json!({"text": long, "sender": "human", "session_id": id}))
        .await;
    assert_eq!(ann.titles("").await, ["New Chat", "Second"]);
    assert_eq!(ann.titles("?limit=1&offset=1").await, ["Second"]);
    let now = ann.get(&path).await;
    assert_eq!(
        (&now["preview"], &now["message_count"]),
        (&json!("ä".repeat(100)), &json!(1))
    );
    assert!(now["updated_at"].as_str() > first["updated_at"].as_str());

    let change =
        async |desk: &Desk<'_>, body: Value| desk.send(Method::PATCH, &path, Some(body)).await;
    let starred = change(&ann, json!({"starred": true})).await.ok();
    assert_eq!(
        (&starred["starred"], &starred["title"]),
        (&json!(true), &json!("New Chat"))
    );
    change(&ann, json!({"title": "Boats"})).await.ok();
    assert_eq!(ann.titles("?starred=true").await, ["Boats"]);
    assert_eq!(ann.titles("?starred=false").await, ["Second"]);
    for (body, field) in [
        (json!({"title": "x".repeat(501)}), "title"),
        (json!({"starred": "very"}), "starred"),
    ] {
        let refused = change(&ann, body).await;
        assert_eq!(refused.status, 422);
        assert!(refused.body.to_string().contains(field), "{refused:#?}");
    }
    for query in ["?limit=0", "?limit=501", "?offset=-1", "?starred=perhaps"] {
        let refused = ann
            .send(Method::GET, &format!("{SESSIONS}{query}"), None)
            .await;
        assert_eq!(refused.status, 422, "{query}");
    }

    // Another's session is none; to delete what there is not is no mistake.
    assert_eq!(
        change(&bob, json!({"title": "Mine"})).await.body["detail"],
        "Chat session not found"
    );
    let ok = json!({"status": "ok"});
    for desk in [&bob, &ann, &ann] {
        assert_eq!(desk.send(Method::DELETE, &path, None).await.ok(), ok);
        if std::ptr::eq(desk, &bob) {
            assert_eq!(ann.texts(&format!("?session_id={id}")).await.len(), 1);
        }
    }
    assert_eq!(ann.send(Method::GET, &path, None).await.status, 404);
    assert!(ann.texts(&format!("?session_id={id}")).await.is_empty());
    assert_eq!(ann.titles("").await, ["Second"]);

    // A repeated request makes nothing twice.
    let once = async |path: &str, body: Value| {
        let sent = client()
            .post(format!("{}{path}", server.url))
            .header("Idempotency-Key", "one")
            .bearer_auth(&ann.user.token)
            .json(&body)
            .send();
        Answer::of(sent.await.unwrap()).await.ok()
    };
    for (path, body) in [
        (SESSIONS, json!({"title": "Once"})),
        (MESSAGES, json!({"text": "Once", "sender": "ai"})),
    ] {
        assert_eq!(once(path, body.clone()).await, once(path, body).await);
    }
    assert_eq!(ann.texts("").await, ["Once"]);
}

#[tokio::test]
async fn what_is_kept_for_the_desktop_stays_as_it_was_said() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let bob = server.user("bob@example.org").await;
    let (ann, bob) = (
        Desk {
            server: &server,
            user: &user,
        },
        Desk {
            server: &server,
            user: &bob,
        },
    );
    let session = ann.post(SESSIONS, json!({})).await["id"]
        .as_str()
        .unwrap()
        .to_string();
    let of = format!("?session_id={session}");
    ann.say(json!({"text": " apart\n", "sender": "human", "session_id": session, "metadata": "{\"a\":1}"})).await;
    let answer = ann
        .say(json!({"text": "answer", "sender": "ai", "session_id": session}))
        .await;
    // Without a session: in the thread, whose session begins then. The phone shows it, and not what is apart.
    ann.say(json!({"text": "in the thread", "sender": "human"}))
        .await;
    assert_eq!(ann.texts(&of).await, ["answer", " apart\n"]);
    assert_eq!(ann.texts("").await, ["in the thread"]);
    let shown = history(&server, &user, "").await;
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["text"], "in the thread");
    assert!(shown[0]["chat_session_id"].is_string());
    assert_eq!(ann.titles("").await.len(), 2);
    ask(&server, &user, "Where is my bow?").await;
    assert_eq!(ann.texts("").await.len(), 3);
    assert_eq!(ann.texts("?app_id=ghost").await.len(), 0);

    let list = ann.get(&format!("{MESSAGES}{of}&limit=1&offset=1")).await;
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(
        (&list[0]["metadata"], &list[0]["session_id"]),
        (&json!("{\"a\":1}"), &json!(session))
    );
    assert_eq!(list[0]["chat_session_id"], session);
    let count = async |desk: &Desk<'_>| desk.get("/v1/users/stats/chat-messages").await;
    assert_eq!(count(&ann).await, json!({"count": 5}));
    assert_eq!(count(&bob).await, json!({"count": 0}));

    for (body, status, word) in [
        (json!({"sender": "ai"}), 422, "text"),
        (json!({"text": "", "sender": "ai"}), 422, "text"),
        (
            json!({"text": "x".repeat(100_001), "sender": "ai"}),
            422,
            "text",
        ),
        (json!({"text": "x", "sender": "dog"}), 422, "sender"),
        (
            json!({"text": "x", "sender": "ai", "app_id": "x".repeat(201)}),
            422,
            "app_id",
        ),
        (
            json!({"text": "x", "sender": "ai", "metadata": {}}),
            422,
            "metadata",
        ),
        (json!({"text": "x\u{0}", "sender": "ai"}), 400, "U+0000"),
        (
            json!({"text": "x", "sender": "ai", "session_id": "no-uuid"}),
            404,
            "Chat session",
        ),
        (
            json!({"text": "x", "sender": "ai", "session_id": Uuid::new_v4()}),
            404,
            "Chat session",
        ),
    ] {
        let refused = ann.send(Method::POST, MESSAGES, Some(body)).await;
        assert_eq!(refused.status, status, "{refused:#?}");
        assert!(refused.body.to_string().contains(word), "{refused:#?}");
    }
    let theirs = json!({"text": "x", "sender": "ai", "session_id": session});
    assert_eq!(
        bob.send(Method::POST, MESSAGES, Some(theirs)).await.status,
        404
    );
    assert!(bob.texts(&of).await.is_empty());

    let rate = async |desk: &Desk<'_>, id: &str, rating: Value| {
        let path = format!("{MESSAGES}/{id}/rating");
        let body = json!({"rating": rating, "app_version": "1.0"});
        desk.send(Method::PATCH, &path, Some(body)).await.status
    };
    for (rating, status) in [
        (json!(-1), 200),
        (json!(0), 400),
        (json!(2), 422),
        (json!(null), 200),
        (json!(1), 200),
    ] {
        assert_eq!(
            rate(&ann, &answer, rating.clone()).await,
            status,
            "{rating}"
        );
    }
    assert_eq!(rate(&bob, &answer, json!(-1)).await, 404);
    assert_eq!(ann.get(&format!("{MESSAGES}{of}")).await[0]["rating"], 1);

    // Messages go, sessions stay; clearing the thread leaves what is apart.
    let delete =
        async |desk: &Desk<'_>, path: &str| desk.send(Method::DELETE, path, None).await.ok();
    let deleted = |count: u64| json!({"status": "ok", "deleted_count": count});
    delete(&ann, "/v2/messages").await;
    assert_eq!(ann.texts(&of).await.len(), 2);
    assert_eq!(delete(&bob, &format!("{MESSAGES}{of}")).await, deleted(0));
    assert_eq!(
        delete(&ann, &format!("{MESSAGES}?session_id=no-uuid")).await,
        deleted(0)
    );
    assert_eq!(delete(&ann, &format!("{MESSAGES}{of}")).await, deleted(2));
    assert_eq!(delete(&ann, MESSAGES).await, deleted(1));
    assert_eq!(ann.titles("").await.len(), 2);
}

#[tokio::test]
async fn sessions_are_greeted_and_named_with_and_without_a_model() {
    let peer = Peer::start(Script::Refuses(500)).await;
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env: peer.settings(),
        ..ServerOptions::default()
    })
    .await;
    let user = server.user("ann@example.org").await;
    let ann = Desk {
        server: &server,
        user: &user,
    };
    let session = ann.post(SESSIONS, json!({})).await["id"]
        .as_str()
        .unwrap()
        .to_string();
    let lines = |text: &str| json!({"session_id": session, "messages": [{"text": "Hello!", "sender": "ai"}, {"text": text, "sender": "human"}]});
    // Where the model says nothing rules do it.
    let greeted = ann
        .post("/v2/chat/initial-message", json!({"session_id": session}))
        .await;
    let expected = "Hello! Ask me about anything that you said or heard.";
    assert_eq!(greeted["message"], expected);
    let kept = ann.get(&format!("{MESSAGES}?session_id={session}")).await;
    assert_eq!(
        (&kept[0]["id"], &kept[0]["text"]),
        (&greeted["message_id"], &json!(expected))
    );
    let title = "/v2/chat/generate-title";
    let named = ann
        .post(title, lines("What colour is the boat of my aunt?"))
        .await;
    assert_eq!(named, json!({"title": "What colour is the boat of"}));
    assert_eq!(ann.titles("").await, ["What colour is the boat of"]);
    peer.script(Script::says(&["\"A Blue Boat For My Old Aunt.\""]));
    assert_eq!(
        ann.post(title, lines("x")).await["title"],
        "A Blue Boat For My Old"
    );
    // Whatever a talk says, a session that is none is only not renamed.
    let other = json!({"session_id": "somewhere", "messages": [{"text": "x", "sender": "human"}]});
    assert_eq!(
        ann.post(title, other).await["title"],
        "A Blue Boat For My Old"
    );
    for (path, body, status) in [
        (
            "/v2/chat/initial-message",
            json!({"session_id": Uuid::new_v4()}),
            404,
        ),
        ("/v2/chat/initial-message", json!({}), 422),
        (title, json!({"session_id": session, "messages": []}), 422),
        (
            title,
            json!({"session_id": session, "messages": vec![json!({"text": "x", "sender": "ai"}); 51]}),
            422,
        ),
        (
            title,
            json!({"session_id": session, "messages": [{"text": "x"}]}),
            422,
        ),
    ] {
        let refused = ann.send(Method::POST, path, Some(body)).await;
        assert_eq!(refused.status, status, "{path}: {refused:#?}");
    }
}
