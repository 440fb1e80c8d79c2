//! What the Omi app reads and does, screen by screen, each answer taken as its parsers take it: for somebody new, for somebody
//! with an ordinary account and for somebody with an odd one. `tests/omi_app/calls.json` has all calls that the app makes.

mod fill;
mod reads;
mod writes;

use std::{collections::BTreeSet, sync::LazyLock};

use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value, json};

use super::operations::operations;
use crate::{
    processing::server_asking,
    support::{
        Server,
        app_models::{faults, faults_in_list},
        peer::{Peer, Script},
        server::{Answer, User, client},
    },
};

#[derive(Deserialize)]
struct Call {
    method: String,
    path: String,
    model: Option<String>,
    list: bool,
    /// What the app takes for success.
    status: Vec<u16>,
}

static CALLS: LazyLock<Vec<Call>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../omi_app/calls.json")).unwrap());

/// Calls that are not walked, and why.
const LEFT_OUT: [(&str, &str, &str); 17] = [
    (
        "GET",
        "/v1/auth/authorize",
        "a page: tests/api/app/sign_in_page.rs",
    ),
    (
        "POST",
        "/v1/auth/token",
        "a form: tests/api/app/sign_in_page.rs",
    ),
    (
        "POST",
        "/v3/upload-audio",
        "sound goes with it: tests/api/app/speech_profile.rs",
    ),
    (
        "GET",
        "/v2/firmware/latest",
        "404 says that there is no update",
    ),
    (
        "GET",
        "/v2/firmware/stable",
        "404 says that there is no update",
    ),
    (
        "POST",
        "/v1/announcements/{id}/dismiss",
        "there is none to dismiss",
    ),
    ("WS", "/v4/listen", "a socket: tests/listen/app.rs"),
    (
        "POST",
        "/v2/sync-local-files",
        "sound goes with it: tests/listen/uploads.rs",
    ),
    (
        "DELETE",
        "/v1/users/people/{id}/speech-samples/{i}",
        "there are no such samples",
    ),
    (
        "POST",
        "/v2/voice-messages",
        "sound goes with it: tests/listen",
    ),
    (
        "POST",
        "/v2/voice-message/transcribe",
        "sound goes with it: tests/listen",
    ),
    ("POST", "/v2/tts/synthesize", "nothing here speaks"),
    (
        "GET",
        "/v1/integrations/{app}/oauth-url",
        "refused: no other service is connected",
    ),
    (
        "PUT",
        "/v1/integrations/{app}",
        "refused: no other service is connected",
    ),
    (
        "DELETE",
        "/v1/integrations/{app}",
        "404: no other service is connected",
    ),
    (
        "PUT",
        "/v1/task-integrations/{app}",
        "refused: no other service is connected",
    ),
    ("POST", "/v1/phone/token", "refused: no telephone service"),
];

fn left_out(call: &Call) -> bool {
    LEFT_OUT
        .iter()
        .any(|(method, path, _)| (*method, *path) == (call.method.as_str(), call.path.as_str()))
}

/// Whether this server is yet to get it, as the table of operations has it.
fn planned(call: &Call) -> bool {
    let alike = |path: &str| {
        let (ours, theirs) = (call.path.split('/'), path.split('/'));
        ours.clone().count() == theirs.clone().count()
            && ours
                .zip(theirs)
                .all(|(ours, theirs)| ours == theirs || theirs.starts_with('{'))
    };
    let mut known: Vec<_> = operations()
        .into_iter()
        .filter(|one| one.method == call.method && alike(one.path))
        .collect();
    // Of two that fit, the one with the fewer parameters is meant.
    known.sort_by_key(|one| one.path.matches('{').count());
    known.first().is_some_and(|one| one.standing == "planned")
}

/// Somebody at their phone.
struct Walk<'a> {
    server: &'a Server,
    user: &'a User,
    /// Whether there is something of each kind to be read.
    full: bool,
    /// Calls of the table that were made.
    made: BTreeSet<usize>,
    /// Answers that were compared with a model.
    compared: usize,
    /// What the app would stumble over.
    faults: Vec<String>,
}

impl Walk<'_> {
    /// Makes a call of the table: `ids` stand for the parameters of its path, `query` is written as the app writes it, and
    /// null is no body. One that is planned is not made, and gives null.
    async fn step(
        &mut self,
        method: &str,
        path: &str,
        ids: &[&str],
        query: &str,
        body: Value,
    ) -> Value {
        let known = |call: &Call| (call.method.as_str(), call.path.as_str()) == (method, path);
        let Some(number) = CALLS.iter().position(known) else {
            panic!("the app does not call {method} {path}");
        };
        let call = &CALLS[number];
        if planned(call) {
            return Value::Null;
        }
        let mut ids = ids.iter();
        let parts = path.split('/').map(|part| match part.starts_with('{') {
            true => *ids.next().unwrap(),
            false => part,
        });
        let asked = format!("{}{query}", parts.collect::<Vec<_>>().join("/"));
        let sent = Utc::now().timestamp_millis() as f64 / 1000.0;
        let mut request = client()
            .request(
                method.parse().unwrap(),
                format!("{}{asked}", self.server.url),
            )
            .bearer_auth(&self.user.token)
            .header("X-App-Platform", "ios")
            .header("X-Device-Id-Hash", "1a2b3c4d")
            .header("X-App-Version", "1.0.520+700")
            .header("X-Request-Start-Time", format!("{sent:.3}"));
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = Answer::of(request.send().await.unwrap()).await;
        let what = format!("{method} {asked}");
        if !call.status.contains(&answer.status) {
            let told = shortened(&answer.body);
            self.faults
                .push(format!("{what}: {} {told}", answer.status));
            return answer.body;
        }
        // Without its character set the app may read JSON as Latin-1.
        let kind = answer.headers.get("content-type");
        let kind = kind.map_or("", |kind| kind.to_str().unwrap());
        if kind.contains("json") && kind != "application/json; charset=utf-8" {
            self.faults.push(format!("{what}: {kind}"));
        }
        self.made.insert(number);
        self.compare(call, &what, &answer.body);
        answer.body
    }

    fn compare(&mut self, call: &Call, what: &str, body: &Value) {
        let Some(model) = &call.model else {
            return;
        };
        // The one goal of somebody without goals; and of an operation that is no list, a list in an object.
        let faults = match (call.path.as_str(), body) {
            ("/v1/goals", Value::Null) => return,
            ("/v1/sync/audio/{conversation}/urls", _) => {
                faults_in_list(model, &body["audio_files"])
            }
            // Bare ids.
            _ if call.list && body[0].is_string() => Vec::new(),
            _ if call.list => faults_in_list(model, body),
            _ => faults(model, body),
        };
        let told = faults.into_iter().map(|fault| format!("{what}: {fault}"));
        self.faults.extend(told);
        self.compared += 1;
    }

    /// What is to be so after something was done.
    fn expect(&mut self, what: &str, found: &Value, expected: impl Into<Value>) {
        let expected = expected.into();
        if *found != expected {
            let (found, expected) = (shortened(found), shortened(&expected));
            self.faults
                .push(format!("{what}: {found} and not {expected}"));
        }
    }

    /// One that is made in another way.
    fn note(&mut self, method: &str, path: &str, body: &Value) {
        let known = |call: &Call| (call.method.as_str(), call.path.as_str()) == (method, path);
        let number = CALLS.iter().position(known).unwrap();
        self.made.insert(number);
        self.compare(&CALLS[number], path, body);
    }
}

/// A server whose model tries prompts, and can do nothing else.
async fn server() -> (Peer, Server) {
    let peer = Peer::start(Script::by_task(|task, _, _| match task {
        "test_prompt" => Script::json(json!({"summary": "In short: herons."})),
        _ => Script::Refuses(400),
    }))
    .await;
    let server = server_asking(&peer).await;
    (peer, server)
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    text.chars().take(300).collect()
}

async fn walked(
    server: &Server,
    friend: &User,
    kind: &str,
) -> (BTreeSet<usize>, usize, Vec<String>) {
    let user = server.user(&format!("{kind}@example.org")).await;
    let words = match kind {
        "odd" => fill::Words::odd(),
        _ => fill::Words::ordinary(),
    };
    match kind {
        "ordinary" => fill::ordinary(server, &user, &words).await,
        "odd" => fill::odd(server, &user, &words).await,
        _ => {}
    }
    let mut walk = Walk {
        server,
        user: &user,
        full: kind != "new",
        made: BTreeSet::new(),
        compared: 0,
        faults: Vec::new(),
    };
    reads::screens(&mut walk).await;
    writes::screens(&mut walk, friend, &words).await;
    // What was done is shown, and nothing of it breaks a screen.
    walk.full = true;
    reads::screens(&mut walk).await;
    writes::leave(&mut walk).await;
    for fault in &mut walk.faults {
        fault.insert_str(0, &format!("{kind}: "));
    }
    (walk.made, walk.compared, walk.faults)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_screen_opens_and_does_what_it_is_for() {
    let (_peer, server) = server().await;
    let friend = server.user("friend@example.org").await;
    let (new, ordinary, odd) = tokio::join!(
        walked(&server, &friend, "new"),
        walked(&server, &friend, "ordinary"),
        walked(&server, &friend, "odd"),
    );
    let faults = [new.2, ordinary.2, odd.2].concat();
    assert!(faults.is_empty(), "{faults:#?}");
    assert_eq!(new.0, ordinary.0, "of the table");
    assert_eq!(ordinary.0, odd.0, "of the table");
    let made = ordinary.0;
    let mut counts = [0; 3];
    for (number, call) in CALLS.iter().enumerate() {
        let stands = [made.contains(&number), left_out(call), planned(call)];
        let what = format!("{} {}", call.method, call.path);
        assert!(
            stands.contains(&true),
            "{what} is not walked: walk it, or say why not"
        );
        assert!(!(stands[0] && stands[1]), "{what} is walked");
        let place = stands.iter().position(|stands| *stands).unwrap();
        counts[place] += 1;
    }
    for (method, path, _) in LEFT_OUT {
        let known = |call: &Call| (call.method.as_str(), call.path.as_str()) == (method, path);
        assert!(CALLS.iter().any(known), "{method} {path} is no call");
    }
    let [walked, left_out, planned] = counts;
    let compared = [new.1, ordinary.1, odd.1];
    println!(
        "{} calls: {walked} walked, {left_out} left out, {planned} planned; answers compared: {compared:?}",
        CALLS.len()
    );
    assert!(walked >= 100, "{walked}");
    assert!(compared[0] > 100 && compared[2] > 300, "{compared:?}");
}
