//! For whoever runs the server: health, readiness, metrics, and what happens while the database is away.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use sqlx::Connection as _;
use tokio::{
    io::copy_bidirectional,
    net::{UnixListener, UnixStream},
    task::{JoinHandle, JoinSet},
};

use crate::support::{
    Server, ServerOptions,
    postgres::{TestDatabase, folder},
    server::{Answer, client},
};

const MEMORIES: &str = "/v1/dev/user/memories";

/// A GET without a credential.
async fn look(server: &Server, path: &str) -> Answer {
    server.send(reqwest::Method::GET, path, None, None).await
}

fn check<'a>(ready: &'a Value, name: &str) -> &'a Value {
    let checks = ready["checks"].as_array().unwrap();
    checks
        .iter()
        .find(|check| check["name"] == name)
        .unwrap_or_else(|| panic!("no check {name}: {ready:#}"))
}

#[tokio::test]
async fn a_healthy_server_says_so() {
    let server = Server::start().await;
    for path in ["/healthz", "/v1/health"] {
        assert_eq!(look(&server, path).await.ok(), json!({"status": "ok"}));
    }
    let ready = look(&server, "/readyz").await.ok();
    assert_eq!(ready["status"], "ready");
    for name in ["database", "migrations", "queue", "disk", "speech"] {
        assert_eq!(check(&ready, name)["state"], "ok", "{ready:#}");
    }
    // It is open to strangers.
    let text = ready.to_string();
    let folder = server.data_dir.to_str().unwrap();
    for inside in ["PostgreSQL", "MiB", "whisper", folder] {
        assert!(!text.contains(inside), "{inside}: {ready:#}");
    }

    // Every answer carries the id that its log lines have; a client's own is kept.
    for path in ["/healthz", MEMORIES, "/nowhere"] {
        let id = look(&server, path).await.headers["x-request-id"]
            .to_str()
            .unwrap()
            .to_string();
        assert!(id.parse::<uuid::Uuid>().is_ok(), "{path}: {id}");
    }
    let request = client()
        .get(format!("{}/healthz", server.url))
        .header("x-request-id", "mine");
    assert_eq!(
        request.send().await.unwrap().headers()["x-request-id"],
        "mine"
    );
}

#[tokio::test]
async fn a_missing_model_is_a_warning() {
    let server = Server::deaf().await;
    let ready = look(&server, "/readyz").await.ok();
    assert_eq!(ready["status"], "ready");
    let speech = check(&ready, "speech");
    assert_eq!(speech["state"], "warn");
    assert!(
        speech["message"].as_str().unwrap().contains("model"),
        "{speech}"
    );
    assert!(
        speech["message"]
            .as_str()
            .unwrap()
            .contains("omi-server model fetch"),
        "{speech}"
    );
}

#[tokio::test]
async fn metrics_are_for_loopback_or_a_token() {
    let server = Server::deaf().await;
    let token = std::fs::read_to_string(server.data_dir.join("secrets/metrics_token")).unwrap();
    let scrape = async |headers: &[(&str, &str)]| {
        let mut request = client().get(format!("{}/metrics", server.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send().await.unwrap()).await
    };
    let plain = scrape(&[]).await;
    assert!(
        plain.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    let text = plain.ok();
    for name in [
        "omi_jobs_waiting",
        "omi_jobs_oldest_seconds",
        "omi_live_sessions",
    ] {
        assert!(
            text.as_str().unwrap().contains(&format!("\n{name} ")),
            "{name}: {text}"
        );
    }
    let told = format!("Bearer {}", token.trim());
    for header in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        // Loopback is then the proxy, not the client.
        let proxied = (header, "127.0.0.1");
        let refused = scrape(&[proxied]).await;
        assert_eq!(refused.status, 401, "{header}");
        assert_eq!(refused.body["error"]["code"], "missing_api_key");
        assert_eq!(
            scrape(&[proxied, ("authorization", "Bearer wrong")])
                .await
                .status,
            401,
            "{header}"
        );
        assert_eq!(
            scrape(&[proxied, ("authorization", &told)]).await.status,
            200,
            "{header}"
        );
    }

    let configured = ServerOptions {
        deaf: true,
        env: vec![("OMI_METRICS_TOKEN", "of-the-operator".into())],
        ..ServerOptions::default()
    };
    let server = Server::start_with(configured).await;
    let request = client()
        .get(format!("{}/metrics", server.url))
        .header("x-real-ip", "10.0.0.1");
    assert_eq!(
        request
            .bearer_auth("of-the-operator")
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

#[tokio::test]
async fn a_key_is_noted_as_used_without_a_write_in_the_request() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let options = &server.database.as_ref().unwrap().options;
    let mut holder = sqlx::PgConnection::connect_with(options).await.unwrap();
    // Reading goes on; a write would wait.
    let mut held = holder.begin().await.unwrap();
    sqlx::query("lock table credentials in exclusive mode")
        .execute(&mut *held)
        .await
        .unwrap();
    let start = Instant::now();
    server.get(MEMORIES, &user.developer_key).await.ok();
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "the request waited: {:?}",
        start.elapsed()
    );
    held.rollback().await.unwrap();

    let db = server.pool().await;
    let start = Instant::now();
    loop {
        let used: Vec<String> = sqlx::query_scalar(
            "select kind from credentials where last_used_at > now() - interval '1 minute'",
        )
        .fetch_all(&db)
        .await
        .unwrap();
        if !used.is_empty() {
            assert_eq!(used, ["developer"], "only what was used");
            break;
        }
        assert!(
            start.elapsed() < Duration::from_secs(6),
            "it is not written"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// While the database is away: 503, and when to try again.
#[track_caller]
fn assert_put_off(api: &Answer) {
    assert_eq!(api.status, 503, "{api:#?}");
    assert_eq!(api.body["error"]["code"], "unavailable");
    let seconds: u32 = api.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
}

/// Asks until everything works again, a job included; fails after 30 s.
async fn assert_recovers(server: &Server, key: &str) {
    let start = Instant::now();
    loop {
        let (ready, api) = tokio::join!(look(server, "/readyz"), server.get(MEMORIES, key));
        if ready.status == 200 && api.status == 200 {
            break;
        }
        assert!([200, 503].contains(&ready.status), "{ready:#?}");
        if api.status != 200 {
            assert_put_off(&api);
        }
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{ready:#?}\n{api:#?}\n{}",
            server.log()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let body = json!({"text": "We are back, and the garden looks lovely."});
    let outcome = server
        .post("/v1/dev/user/conversations", key, body)
        .await
        .ok();
    assert_eq!(outcome["status"], "completed", "{}", server.log());
}

#[tokio::test]
async fn a_killed_private_database_comes_back() {
    let server = Server::start_with(ServerOptions {
        private_database: true,
        deaf: true,
        env: vec![],
    })
    .await;
    let user = server.user("ann@example.org").await;
    let pid = postmaster(&server.data_dir).unwrap();
    kill(pid, Signal::SIGKILL).unwrap();
    assert_recovers(&server, &user.developer_key).await;
    assert_ne!(postmaster(&server.data_dir), Some(pid));
}

fn postmaster(data_dir: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(data_dir.join("postgres/postmaster.pid")).ok()?;
    Some(Pid::from_raw(text.lines().next()?.parse().ok()?))
}

#[tokio::test]
async fn while_the_database_is_away_requests_are_put_off() {
    let database = TestDatabase::new().await;
    let mut door = Door::new(database.options.get_socket().unwrap());
    let name = database.options.get_database().unwrap();
    let options = ServerOptions {
        deaf: true,
        env: vec![(
            "DATABASE_URL",
            format!(
                "postgres:///{name}?host={}&user=omi",
                door.folder.path().display()
            ),
        )],
        ..ServerOptions::default()
    };
    door.open();
    let server = Server::start_with(options).await;
    let user = server.user("ann@example.org").await;
    server.get(MEMORIES, &user.developer_key).await.ok();

    door.shut();
    let (health, ready, api, create) = tokio::join!(
        look(&server, "/healthz"),
        look(&server, "/readyz"),
        server.get(MEMORIES, &user.developer_key),
        server.post(MEMORIES, &user.developer_key, json!({"content": "x"})),
    );
    assert_eq!(health.status, 200, "the process itself is well");
    assert_eq!(ready.status, 503, "{ready:#?}");
    assert_eq!(ready.body["status"], "unavailable");
    assert_eq!(
        *check(&ready.body, "database"),
        json!({"name": "database", "state": "fail", "message": "does not answer"})
    );
    assert!(
        server
            .log()
            .contains("database is not well: does not answer: "),
        "the rest is in the log: {}",
        server.log()
    );
    assert_put_off(&api);
    assert_put_off(&create);
    let metrics = look(&server, "/metrics").await;
    assert_eq!(metrics.status, 200);

    door.open();
    assert_recovers(&server, &user.developer_key).await;
}

/// A way to a database's socket that can be shut, which also cuts whoever is inside.
struct Door {
    folder: tempfile::TempDir,
    target: PathBuf,
    watchman: Option<JoinHandle<()>>,
}

impl Door {
    const FILE: &str = ".s.PGSQL.5432";

    /// `socket`: the folder of the database's own socket.
    fn new(socket: &Path) -> Self {
        Self {
            folder: folder(),
            target: socket.join(Self::FILE),
            watchman: None,
        }
    }

    fn open(&mut self) {
        let listener = UnixListener::bind(self.folder.path().join(Self::FILE)).unwrap();
        let target = self.target.clone();
        self.watchman = Some(tokio::spawn(async move {
            let mut inside = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let target = target.clone();
                inside.spawn(async move {
                    let mut database = UnixStream::connect(target).await.unwrap();
                    let _ = copy_bidirectional(&mut client, &mut database).await;
                });
            }
        }));
    }

    fn shut(&mut self) {
        std::fs::remove_file(self.folder.path().join(Self::FILE)).unwrap();
        self.watchman.take().unwrap().abort();
    }
}
