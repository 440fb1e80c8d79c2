//! The route table: no route answers without its credential and its scope, and nobody can tell another's thing from an
//! absent one.

use std::{collections::BTreeSet, sync::Arc};

use chrono::Utc;
use metrics_exporter_prometheus::PrometheusBuilder;
use omi_server::{
    app::Handles,
    config::Config,
    features::{
        credentials::{self, Kind, Known, NewCredential, Scope, Which},
        identities::Providers,
        listening::LiveSessions,
        search::Vectors,
    },
    platform::{
        database::Db,
        embeddings::Embedder,
        outbox::Outbox,
        rate_limits::{Failures, RateLimits},
        speech::Speech,
    },
    surfaces::router,
};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{PgPool, postgres::PgConnectOptions};
use uuid::Uuid;

use crate::support::{
    Server, material,
    server::{Answer, User, client},
};

const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

/// The scope that each operation of the Developer API wants.
const SCOPES: &[(Method, &str, Scope)] = &[
    (Method::GET, "/v1/dev/user/memories", Scope::ReadMemories),
    (Method::POST, "/v1/dev/user/memories", Scope::WriteMemories),
    (
        Method::GET,
        "/v1/dev/user/conversations",
        Scope::ReadConversations,
    ),
    (
        Method::POST,
        "/v1/dev/user/conversations",
        Scope::WriteConversations,
    ),
    (
        Method::POST,
        "/v1/dev/user/conversations/from-segments",
        Scope::WriteConversations,
    ),
    (
        Method::GET,
        "/v1/dev/user/conversations/{id}",
        Scope::ReadConversations,
    ),
    (
        Method::PATCH,
        "/v1/dev/user/conversations/{id}",
        Scope::WriteConversations,
    ),
    (
        Method::DELETE,
        "/v1/dev/user/conversations/{id}",
        Scope::WriteConversations,
    ),
    (
        Method::GET,
        "/v1/dev/user/action-items",
        Scope::ReadActionItems,
    ),
    (Method::GET, "/v1/dev/user/goals", Scope::ReadGoals),
    (Method::POST, "/v1/dev/user/goals", Scope::WriteGoals),
    (Method::GET, "/v1/dev/user/goals/{id}", Scope::ReadGoals),
    (Method::PATCH, "/v1/dev/user/goals/{id}", Scope::WriteGoals),
    (Method::DELETE, "/v1/dev/user/goals/{id}", Scope::WriteGoals),
    (
        Method::PATCH,
        "/v1/dev/user/goals/{id}/progress",
        Scope::WriteGoals,
    ),
    (
        Method::GET,
        "/v1/dev/user/goals/{id}/history",
        Scope::ReadGoals,
    ),
    (
        Method::GET,
        "/v1/dev/user/folders",
        Scope::ReadConversations,
    ),
    (
        Method::POST,
        "/v1/dev/user/memories/batch",
        Scope::WriteMemories,
    ),
    (
        Method::GET,
        "/v1/dev/user/memories/{id}",
        Scope::ReadMemories,
    ),
    (
        Method::PATCH,
        "/v1/dev/user/memories/{id}",
        Scope::WriteMemories,
    ),
    (
        Method::DELETE,
        "/v1/dev/user/memories/{id}",
        Scope::WriteMemories,
    ),
    (
        Method::POST,
        "/v1/dev/user/action-items",
        Scope::WriteActionItems,
    ),
    (
        Method::POST,
        "/v1/dev/user/action-items/batch",
        Scope::WriteActionItems,
    ),
    (
        Method::GET,
        "/v1/dev/user/action-items/{id}",
        Scope::ReadActionItems,
    ),
    (
        Method::PATCH,
        "/v1/dev/user/action-items/{id}",
        Scope::WriteActionItems,
    ),
    (
        Method::DELETE,
        "/v1/dev/user/action-items/{id}",
        Scope::WriteActionItems,
    ),
];

struct Route {
    /// The credentials that it takes.
    kinds: &'static [Kind],
    method: Method,
    path: String,
}

/// What the OpenAPI documents hold.
fn documented() -> Vec<Route> {
    let mut routes = Vec::new();
    for (surface, document) in router::documents() {
        let usual: &[Kind] = match surface {
            "developer" => &[Kind::Developer],
            "user" => &[Kind::User],
            "mcp" => &[Kind::Mcp],
            // Says no in its own way, which tests/api/integration/ has a table of.
            "integration" => &[Kind::App],
            other => panic!("the surface {other} is new: say here which credential it takes"),
        };
        let document = serde_json::to_value(&document).unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in METHODS {
                if router::SIGN_IN.contains(&path.as_str()) || router::OPEN.contains(&path.as_str())
                {
                    continue;
                }
                let kinds = match path.as_str() {
                    "/v1/dev/keys" | "/v1/dev/keys/{id}" => &[Kind::User, Kind::Developer],
                    _ => usual,
                };
                if item[method.as_str().to_lowercase()].is_object() {
                    routes.push(Route {
                        kinds,
                        method,
                        path: path.clone(),
                    });
                }
            }
        }
    }
    assert!(routes.len() >= 10, "the documents are nearly empty");
    routes
}

/// The doors that no OpenAPI document can hold.
fn undocumented() -> [Route; 3] {
    let route = |kinds, method, path: &str| Route {
        kinds,
        method,
        path: path.into(),
    };
    [
        route(&[Kind::User], Method::GET, router::LISTEN),
        route(&[Kind::User], Method::GET, router::DICTATION),
        route(&[Kind::Mcp], Method::POST, router::MCP),
    ]
}

/// The app as it is inside a server, without anything that runs.
pub fn handles(db: PgPool) -> Arc<Handles> {
    let (config, _) = Config::load(None, []).unwrap();
    let speech = Speech::look(&config.speech_settings("/nowhere".as_ref())).unwrap();
    let mut embeddings = config.embedding_settings("/nowhere".as_ref());
    embeddings.model = material::embedding_model().to_str().unwrap().into();
    Arc::new(Handles {
        config,
        data_dir: "/nowhere".into(),
        bound: "127.0.0.1:1".parse().unwrap(),
        public_url: "http://127.0.0.1:1".into(),
        metrics_token: "unused".into(),
        db: Db::new(db),
        outbox: Outbox::new(&[]),
        speech,
        language: None,
        embeddings: Embedder::start(&embeddings).unwrap(),
        known: Known::default(),
        platforms: Default::default(),
        mcp_sessions: Default::default(),
        firebase: None,
        service_account: None,
        providers: Providers::default(),
        rate_limits: RateLimits::default(),
        failures: Failures::new(0),
        wrong_passwords: Failures::new(0),
        departures: Failures::new(0),
        runs: Default::default(),
        live: LiveSessions::default(),
        vectors: Vectors::new(64),
        stop: Default::default(),
    })
}

/// Every path that the router itself knows, whoever put it there.
fn mounted() -> BTreeSet<String> {
    let app = handles(PgPool::connect_lazy_with(PgConnectOptions::new()));
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    // axum has no list of its routes, but prints one: `RouteId(3): "/healthz"`.
    let printed = format!("{:?}", router::router(app, metrics));
    let (own, _fallback) = printed
        .split_once("fallback_router")
        .unwrap_or((&printed, ""));
    let paths: BTreeSet<_> = regex::Regex::new(r#"RouteId\(\d+\): "([^"]+)""#)
        .unwrap()
        .captures_iter(own)
        .map(|found| found[1].to_string())
        .collect();
    assert!(
        paths.contains("/healthz"),
        "axum prints its routes differently now: {printed}"
    );
    paths
}

/// A path with something in place of its parameters.
fn filled(path: &str, parameter: &str) -> String {
    let parameters = regex::Regex::new(r"\{[^}]*\}").unwrap();
    parameters.replace_all(path, parameter).into_owned()
}

fn secret(user: &User, kind: Kind) -> &str {
    match kind {
        Kind::User => &user.token,
        Kind::Developer => &user.developer_key,
        Kind::Mcp => &user.mcp_key,
        Kind::App | Kind::Refresh | Kind::Browser | Kind::Connector | Kind::ConnectorRefresh => {
            panic!("the table has no such credential")
        }
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, code: &str, what: &str) {
    assert_eq!(answer.status, 401, "{what}: {answer:#?}");
    assert_eq!(answer.body["error"]["code"], code, "{what}: {answer:#?}");
    assert_ne!(
        answer.body["detail"].as_str().unwrap_or_default(),
        "",
        "{what}"
    );
    assert_eq!(
        answer.body["error"]["message"], answer.body["detail"],
        "{what}"
    );
    let challenge = answer.headers["www-authenticate"].to_str().unwrap();
    let own = ["/v1/mcp/keys", "/v1/mcp/assistants"];
    if what.contains("/v1/mcp/") && !own.iter().any(|path| what.contains(path)) {
        assert!(challenge.starts_with("Bearer "), "{what}: {challenge}");
        assert!(
            challenge.contains("resource_metadata=\"http"),
            "{what}: {challenge}"
        );
    } else {
        assert_eq!(challenge, "Bearer", "{what}");
    }
}

#[tokio::test]
async fn no_path_answers_without_a_credential_unless_it_is_public() {
    let paths = mounted();
    let public = router::PUBLIC
        .iter()
        .chain(&router::MCP_PUBLIC)
        .chain(&router::METADATA)
        .chain(&router::OPEN)
        .chain(&router::DOCUMENTS)
        .map(|path| path.to_string());
    let public: BTreeSet<_> = public.collect();
    let sign_in: BTreeSet<_> = router::SIGN_IN.map(str::to_string).into();
    let mut known: BTreeSet<_> = public.union(&sign_in).cloned().collect();
    let pages: Vec<_> = router::PAGES.iter().chain(&router::CONSOLE).collect();
    known.extend(pages.iter().map(|(path, ..)| path.to_string()));
    let connectors: BTreeSet<_> = router::CONNECTORS.map(str::to_string).into();
    known.extend(connectors.iter().cloned());
    known.extend(router::CONSENT.map(str::to_string));
    known.extend(documented().into_iter().map(|route| route.path));
    known.extend(undocumented().map(|route| route.path));
    // It asks for a credential in the first message.
    known.insert(router::BROWSERS.into());
    for path in &paths {
        assert!(
            known.contains(path) || path.starts_with(&format!("{}/", router::MCP)),
            "{path} is neither documented nor public"
        );
    }
    for path in &known {
        assert!(paths.contains(path), "{path} is not mounted");
    }

    let server = Server::deaf().await;
    let documented = documented();
    for path in &paths {
        for method in METHODS {
            let what = format!("{method} {path}");
            let url = filled(path, &Uuid::new_v4().to_string());
            let answer = server.send(method.clone(), &url, None, None).await;
            if sign_in.contains(path) {
                // Without a body: which is then missing.
                let expected = if method == Method::POST { 422 } else { 405 };
                assert_eq!(answer.status, expected, "{what}: {answer:#?}");
                continue;
            }
            let consent = router::CONSENT.contains(&path.as_str());
            if connectors.contains(path) || consent {
                let known = method == Method::POST || consent && method == Method::GET;
                let expected = if known { 400 } else { 405 };
                assert_eq!(answer.status, expected, "{what}: {answer:#?}");
                continue;
            }
            let page = pages.iter().find(|(known, ..)| known == path);
            if let Some((_, get, post)) = page {
                let known = (*get && method == Method::GET) || (*post && method == Method::POST);
                let expected = match path.as_str() {
                    _ if !known => 405,
                    // What it is asked for is missing, or lost.
                    "/v1/auth/authorize" => 422,
                    "/v1/auth/link" => 404,
                    "/signed-in" => 400,
                    // The page itself, or the one for signing in, to which it leads.
                    path if router::CONSOLE.iter().any(|(page, ..)| *page == path) => 200,
                    _ => 400,
                };
                assert_eq!(answer.status, expected, "{what}: {answer:#?}");
                continue;
            }
            if path.starts_with("/docs") || path == router::BROWSERS {
                continue;
            }
            if public.contains(path) {
                let updates = path.starts_with("/v2/firmware/") || path.starts_with("/v2/desktop/");
                let expected = match (method == Method::GET, updates || path.contains('{')) {
                    (false, _) => 405,
                    // There is no such thing.
                    (true, true) => 404,
                    (true, false) => 200,
                };
                assert_eq!(answer.status, expected, "{what}: {answer:#?}");
                continue;
            }
            let exists = documented
                .iter()
                .any(|route| route.method == method && route.path == *path)
                || path.starts_with(router::MCP)
                || ([router::LISTEN, router::DICTATION].contains(&path.as_str())
                    && method == Method::GET);
            if exists || answer.status != 405 {
                assert_refused(&answer, "missing_api_key", &what);
            }
        }
    }
}

#[tokio::test]
async fn a_credential_of_another_kind_opens_nothing() {
    let server = Server::unguarded().await;
    let user = server.user("ann@example.org").await;
    let routes = documented().into_iter().chain(undocumented());
    for route in routes.filter(|route| route.kinds != [Kind::App]) {
        // After it nothing else is opened; see tests/api/app/leaving.rs.
        if route.path == "/v1/users/delete-account" {
            continue;
        }
        let url = filled(&route.path, &Uuid::new_v4().to_string());
        let ask = async |secret: &str| {
            server
                .send(route.method.clone(), &url, Some(secret), None)
                .await
        };
        for kind in [Kind::User, Kind::Developer, Kind::Mcp] {
            let what = format!(
                "{} {} with a {} credential",
                route.method,
                route.path,
                kind.as_str()
            );
            let answer = ask(secret(&user, kind)).await;
            if route.kinds.contains(&kind) {
                assert_ne!(answer.status, 401, "{what}: {answer:#?}");
            } else {
                assert_refused(&answer, "invalid_api_key", &what);
            }
        }
        // Well formed, but nobody's; and one that lacks its last digit.
        let kind = route.kinds[0];
        let made_up = format!("{}{}", kind.prefix(), "0".repeat(32));
        assert_refused(&ask(&made_up).await, "invalid_api_key", &route.path);
        let own = secret(&user, kind);
        assert_refused(
            &ask(&own[..own.len() - 1]).await,
            "invalid_api_key",
            &route.path,
        );
        let basic = client()
            .request(route.method.clone(), format!("{}{url}", server.url))
            .basic_auth("ann@example.org", Some(own))
            .send()
            .await
            .unwrap();
        // Routes of the app tell a header that is wrong from none.
        let code = if route.kinds.contains(&Kind::User) {
            "invalid_api_key"
        } else {
            "missing_api_key"
        };
        assert_refused(&Answer::of(basic).await, code, &route.path);
    }
}

#[tokio::test]
async fn each_developer_operation_wants_its_scope() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let db = Db::new(server.pool().await);
    let key = async |scopes: Vec<Scope>| {
        let new = NewCredential {
            uid: &user.uid,
            kind: Kind::Developer,
            name: "scoped",
            scopes: Some(scopes),
            app: None,
        };
        credentials::create(&db, new).await.unwrap().secret
    };
    let operations: Vec<_> = documented()
        .into_iter()
        .filter(|route| route.kinds == [Kind::Developer])
        .collect();
    assert_eq!(
        operations.len(),
        SCOPES.len(),
        "the table of scopes holds an operation that is gone"
    );
    for Route { method, path, .. } in operations {
        let Some((.., scope)) = SCOPES
            .iter()
            .find(|(m, p, _)| (m, *p) == (&method, path.as_str()))
        else {
            panic!("{method} {path}: add the scope that it wants to the table");
        };
        let url = filled(&path, &Uuid::new_v4().to_string());
        // Something that no operation takes, so that nothing is created.
        let ask = async |secret: String| {
            server
                .send(method.clone(), &url, Some(&secret), Some(json!({})))
                .await
        };
        let others = Scope::ALL
            .into_iter()
            .filter(|other| other != scope)
            .collect();
        for scopes in [others, vec![]] {
            let answer = ask(key(scopes).await).await;
            assert_eq!(answer.status, 403, "{method} {path}: {answer:#?}");
            let sentence = format!("Insufficient permissions. Required scope: {scope}");
            assert_eq!(answer.body["detail"], sentence, "{method} {path}");
            assert_eq!(
                answer.body["error"]["code"], "insufficient_scope",
                "{method} {path}"
            );
        }
        let answer = ask(key(vec![*scope]).await).await;
        assert!(
            [200, 404, 422].contains(&answer.status),
            "{method} {path} with just {scope}: {answer:#?}"
        );
    }
}

/// Status and body to the byte, with the id in place of the path's parameter.
async fn told(server: &Server, secret: &str, route: &Route, id: &str) -> (u16, Vec<u8>) {
    let response = client()
        .request(
            route.method.clone(),
            // What is changed by the query takes one of these.
            format!(
                "{}{}?current_value=1&completed=true&title=changed&starred=true&assign_type=is_user&value={}",
                server.url,
                filled(&route.path, id),
                if route.path.ends_with("/visibility") {
                    "private"
                } else {
                    "true"
                }
            ),
        )
        .bearer_auth(secret)
        // Whatever is changed, it is changed by one of these.
        .json(&json!({
            "title": "changed", "content": "changed", "description": "changed", "old_description": "planted",
            "segment_id": id, "segment_ids": [id], "text": "changed", "assign_type": "is_user", "prompt": "changed",
            "items_idx": [0], "events_idx": [0], "values": [true], "conversation_ids": [],
        }))
        .send()
        .await
        .unwrap();
    (
        response.status().as_u16(),
        response.bytes().await.unwrap().to_vec(),
    )
}

/// All that the Developer API shows of a user.
async fn owned(server: &Server, user: &User) -> Vec<Value> {
    let mut lists = Vec::new();
    for noun in ["conversations", "memories", "action-items", "goals"] {
        let path = format!("/v1/dev/user/{noun}?limit=100");
        lists.push(server.get(&path, &user.developer_key).await.ok());
    }
    lists
}

#[tokio::test]
async fn anothers_id_answers_as_an_absent_one() {
    let server = Server::unguarded().await;
    let owner = server.user("ann@example.org").await;
    let other = server.user("ben@example.org").await;
    let db = Db::new(server.pool().await);
    let conversation = super::plant::Conversation::default()
        .put(&db, &owner.uid)
        .await;
    let upload = super::plant::upload(&db, &owner.uid).await;
    // Under the same id, so that a path with both leads somewhere.
    let begin = super::plant::at("2026-01-31T09:00:00Z");
    super::plant::sound_with_id(
        &db,
        &server.data_dir,
        &owner.uid,
        conversation,
        conversation,
        begin,
        &[0; 1600],
    )
    .await;
    let keys = credentials::list(&db, &owner.uid, Kind::Developer, None).await;
    let key = keys.unwrap()[0].id;
    let mcp_keys = credentials::list(&db, &owner.uid, Kind::Mcp, None).await;
    let mcp_key = mcp_keys.unwrap()[0].id;
    let assistant = super::plant::assistant(&db, &owner.uid).await;
    let goal = "goal_0123456789ab";
    super::plant::goal(&db, &owner.uid, goal).await;
    super::plant::goal_entry(&db, &owner.uid, goal, Utc::now(), 1.0).await;
    let memory = super::plant::memory(&db, &owner.uid, "planted", "system", None, None).await;
    let item = super::plant::ActionItem::default()
        .put(&db, &owner.uid)
        .await;
    super::plant::Folder::default().put(&db, &owner.uid).await;
    let summary = super::plant::daily_summary(&db, &owner.uid, "2026-01-31").await;
    let meeting = super::plant::meeting(&db, &owner.uid).await;
    let keep = async |path: &str, body: Value| {
        let kept = server.post(path, &owner.token, body).await.ok();
        kept["id"].as_str().unwrap().to_string()
    };
    let focus = json!({"status": "focused", "app_or_site": "x", "description": "x"});
    let focus = keep("/v1/focus-sessions", focus).await;
    let advice = keep("/v1/advice", json!({"content": "x"})).await;
    let staged = keep("/v1/staged-tasks", json!({"description": "x"})).await;
    let person = keep("/v1/users/people", json!({"name": "Planted"})).await;
    let session = keep("/v2/chat-sessions", json!({"title": "Planted"})).await;
    let message = json!({"text": "Planted", "sender": "ai", "session_id": session});
    let message = keep("/v2/desktop/messages", message).await;
    let app = [
        "app",
        "create",
        "--email",
        "ann@example.org",
        "--name",
        "Mine",
        "--private",
    ];
    let app = server.cli(&app).await;
    // What the owner has made, and none of it opens an id.
    let make = async |kind: Kind, scopes: Option<Vec<Scope>>| {
        let app = (kind == Kind::App).then(|| app.parse().unwrap());
        let new = NewCredential {
            uid: &owner.uid,
            kind,
            name: "made",
            scopes,
            app,
        };
        credentials::create(&db, new).await.unwrap()
    };
    let revoked = async |kind: Kind| {
        let made = make(kind, Some(Scope::ALL.to_vec())).await;
        let (outbox, known, id) = (Outbox::new(&[]), Known::default(), made.listed.id);
        credentials::revoke(&db, &outbox, &known, &owner.uid, Which::Any, id)
            .await
            .unwrap();
        made.secret
    };
    let scopeless = make(Kind::Developer, Some(vec![])).await.secret;
    let of_app = make(Kind::App, None).await.secret;
    let before = owned(&server, &owner).await;
    let mut walked = 0;
    for route in documented() {
        if !route.path.contains('{') || route.kinds == [Kind::App] {
            continue;
        }
        // A year is nobody's, and neither is the name of a service, of a webhook or of a shelf.
        let names = [
            "/v1/wrapped/",
            "/v1/integrations/{app_key}",
            "/v1/task-integrations/{app_key}",
            "/v1/users/developer/webhook/",
            "/v2/apps/capability/",
            "/v1/users/me/identities/{provider}",
        ];
        if names.iter().any(|start| route.path.starts_with(start)) {
            continue;
        }
        let existing = if route.path.contains("/conversations/{id}")
            || route.path.starts_with("/v1/sync/audio/{id}/")
        {
            conversation.to_string()
        } else if route.path == "/v2/sync-local-files/{id}" {
            upload.to_string()
        } else if route.path == "/v1/dev/keys/{id}" {
            key.to_string()
        } else if route.path == "/v1/mcp/keys/{id}" {
            mcp_key.to_string()
        } else if route.path == "/v1/mcp/assistants/{id}" {
            assistant.to_string()
        } else if route.path.contains("/goals/{id}") {
            goal.to_string()
        } else if route.path.contains("/memories/{id}") {
            memory.to_string()
        } else if route.path.contains("/action-items/{id}") {
            item.to_string()
        } else if route.path.contains("/daily-summaries/{id}") {
            summary.to_string()
        } else if route.path.contains("/meetings/{id}") {
            meeting.to_string()
        } else if route.path.starts_with("/v1/users/people/{id}") {
            person.clone()
        } else if route.path == "/v1/focus-sessions/{id}" {
            focus.clone()
        } else if route.path == "/v1/advice/{id}" {
            advice.clone()
        } else if route.path == "/v1/staged-tasks/{id}" {
            staged.clone()
        } else if route.path == "/v2/chat-sessions/{id}" {
            session.clone()
        } else if route.path.contains("/messages/{id}/") {
            message.clone()
        } else if route.path.starts_with("/v1/announcements/") {
            // There is none.
            Uuid::new_v4().to_string()
        } else if route.path.contains("/folders/{id}") {
            "planted".into()
        } else if route.path.starts_with("/v1/apps/{app_id}") {
            app.clone()
        } else {
            panic!("{}: plant such a thing here", route.path);
        };
        let secret_of = |user| secret(user, route.kinds[0]);
        let absent = told(
            &server,
            secret_of(&other),
            &route,
            &Uuid::new_v4().to_string(),
        )
        .await;
        let expected = match (route.path.as_str(), route.method.as_str()) {
            // To revoke a key that there is not is no mistake, nor is to delete a conversation from a phone.
            ("/v1/dev/keys/{id}" | "/v1/mcp/keys/{id}" | "/v1/mcp/assistants/{id}", _) => 204,
            ("/v1/conversations/{id}", "DELETE") => 204,
            // Of no goal there is no history.
            ("/v1/dev/user/goals/{id}/history" | "/v1/goals/{id}/history", _) => 200,
            // On no goal there is the same advice for everybody.
            ("/v1/goals/{id}/advice", _) => 200,
            // To forget what there is not is no mistake.
            ("/v1/focus-sessions/{id}" | "/v1/staged-tasks/{id}", _) => 200,
            ("/v1/advice/{id}", "DELETE") => 200,
            ("/v2/chat-sessions/{id}", "DELETE") | ("/v2/messages/{id}/rating", _) => 200,
            // A voice model is told in words.
            ("/v1/tools/action-items/{id}", _) => 200,
            _ => 404,
        };
        assert_eq!(absent.0, expected, "{} {}", route.method, route.path);
        for id in [
            existing.as_str(),
            "no-uuid",
            "%00",
            "00000000-0000-0000-0000-000000000000",
        ] {
            let answer = told(&server, secret_of(&other), &route, id).await;
            assert_eq!(answer, absent, "{} {} with {id}", route.method, route.path);
        }
        let other_kind = match route.kinds {
            [Kind::Mcp] => &owner.developer_key,
            _ => &owner.mcp_key,
        };
        let mut refused = vec![
            (401, revoked(route.kinds[0]).await),
            (401, other_kind.clone()),
            (401, of_app.clone()),
        ];
        if route.kinds == [Kind::Developer] {
            refused.extend([(401, owner.token.clone()), (403, scopeless.clone())]);
        }
        for (status, secret) in refused {
            let answer = told(&server, &secret, &route, &existing).await;
            assert_eq!(answer.0, status, "{} {}", route.method, route.path);
            let unknown = told(&server, &secret, &route, &Uuid::new_v4().to_string()).await;
            assert_eq!(answer, unknown, "{} {}", route.method, route.path);
        }
        assert_eq!(owned(&server, &owner).await, before, "{}", route.path);
        if route.method == Method::GET {
            assert_eq!(
                told(&server, secret_of(&owner), &route, &existing).await.0,
                200
            );
        }
        walked += 1;
    }
    assert!(walked >= 2, "no route with an id was found");
    for path in ["/v1/focus-sessions", "/v1/advice"] {
        let kept = server.get(path, &owner.token).await.ok();
        assert_eq!(kept.as_array().unwrap().len(), 1, "{path}");
    }
    let kept = server
        .get("/v2/desktop/messages?session_id=", &owner.token)
        .await
        .ok();
    assert_eq!(kept, json!([]), "in the thread nothing was said");
    let path = format!("/v2/desktop/messages?session_id={session}");
    let kept = server.get(&path, &owner.token).await.ok();
    assert_eq!(
        (&kept[0]["id"], &kept[0]["reported"]),
        (&json!(message), &json!(false))
    );
    let kept = server.get("/v1/staged-tasks", &owner.token).await.ok();
    assert_eq!(kept["items"][0]["id"], staged);
    let memories = server
        .get("/v1/dev/user/memories", &owner.developer_key)
        .await;
    assert_eq!(memories.status, 200, "somebody else revoked the key");
    let keys = server.get("/v1/mcp/keys", &owner.token).await.ok();
    assert!(keys.to_string().contains(&mcp_key.to_string()), "{keys:#}");
    let assistants = server.get("/v1/mcp/assistants", &owner.token).await.ok();
    assert_eq!(assistants[0]["id"], assistant.to_string());
}
