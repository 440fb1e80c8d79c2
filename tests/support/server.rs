//! The server as an operator runs it: a process of its own, reached over HTTP.

use std::{
    collections::VecDeque,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use omi_server::platform::database::private;
use serde_json::Value;
use sqlx::PgPool;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use super::{
    material,
    postgres::{self, TestDatabase},
};

const BINARY: &str = env!("CARGO_BIN_EXE_omi-server");
/// A first start creates a database; two cores may be busy.
const START: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct ServerOptions {
    /// The server's own private database instead of one in the shared cluster.
    pub private_database: bool,
    /// A model that is not there.
    pub deaf: bool,
    pub env: Vec<(&'static str, String)>,
}

/// A running server and all it needs. Dropping it kills the process; `stop` ends it in order.
pub struct Server {
    pub url: String,
    pub data_dir: PathBuf,
    pub database: Option<Arc<TestDatabase>>,
    options: ServerOptions,
    child: Option<Child>,
    log: Arc<Mutex<VecDeque<String>>>,
    folder: tempfile::TempDir,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(ServerOptions::default()).await
    }

    /// One that needs no ears: it loads no model.
    pub async fn deaf() -> Self {
        Self::start_with(ServerOptions {
            deaf: true,
            ..ServerOptions::default()
        })
        .await
    }

    /// The same with a database of its own, as who starts it without a DATABASE_URL.
    pub async fn private() -> Self {
        Self::start_with(ServerOptions {
            private_database: true,
            deaf: true,
            env: vec![],
        })
        .await
    }

    /// Where a test guesses, reprocesses and merges more than the guard allows.
    pub async fn unguarded() -> Self {
        Self::start_with(ServerOptions {
            deaf: true,
            env: vec![
                ("OMI_RATE_LIMIT__FAILURES_PER_MINUTE", "0".into()),
                ("OMI_RATE_LIMIT__REPROCESSINGS_PER_HOUR", "0".into()),
                ("OMI_RATE_LIMIT__MERGES_PER_HOUR", "0".into()),
            ],
            ..ServerOptions::default()
        })
        .await
    }

    pub async fn start_with(options: ServerOptions) -> Self {
        let database = if options.private_database {
            None
        } else {
            Some(Arc::new(TestDatabase::new().await))
        };
        Self::start_over(database, options).await
    }

    /// Another one over the same database, with a data directory of its own.
    pub async fn instance(&self) -> Self {
        let options = ServerOptions {
            private_database: false,
            deaf: self.options.deaf,
            env: self.options.env.clone(),
        };
        Self::start_over(self.database.clone(), options).await
    }

    async fn start_over(database: Option<Arc<TestDatabase>>, options: ServerOptions) -> Self {
        let folder = postgres::folder();
        let mut server = Self {
            url: String::new(),
            data_dir: folder.path().join("data"),
            database,
            options,
            child: None,
            log: Arc::default(),
            folder,
        };
        server.run().await;
        server
    }

    /// Starts the process (again) and waits until it listens.
    pub async fn run(&mut self) {
        let mut child = self
            .command(&["serve"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = self.log.clone();
        let (found, address) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let mut found = Some(found);
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some((_, address)) = line.split_once("listening on http://")
                    && let Some(found) = found.take()
                {
                    let _ = found.send(address.trim().to_string());
                }
                let mut log = log.lock().unwrap();
                log.push_back(line);
                if log.len() > 400 {
                    log.pop_front();
                }
            }
        });
        self.child = Some(child);
        let address = match timeout(START, address).await {
            Ok(Ok(address)) => address,
            _ => panic!("the server did not start:\n{}", self.log()),
        };
        self.url = format!("http://{address}");
    }

    /// Changes a setting for what is run from now on.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.options.env.retain(|(known, _)| *known != name);
        self.options.env.push((name, value.into()));
    }

    /// The program with this server's settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("OMI_DATA_DIR", &self.data_dir)
            .env("OMI_BIND", "127.0.0.1:0")
            .env("OMI_LOG", "info,omi_server=debug")
            // Tests ask more in a minute than a person; those of the limits set their own.
            .env("OMI_RATE_LIMIT__PER_MINUTE", "100000")
            .env("OMI_RATE_LIMIT__IMPORT_CONVERSATIONS_PER_HOUR", "0")
            .env("OMI_RATE_LIMIT__IMPORT_MEMORIES_PER_HOUR", "0")
            .env("OMI_RATE_LIMIT__CHAT_MESSAGES_PER_HOUR", "0")
            .env("OMI_RATE_LIMIT__CHAT_GREETINGS_PER_HOUR", "0")
            .env("OMI_RATE_LIMIT__DAILY_SUMMARIES_PER_HOUR", "0")
            .env("OMI_RATE_LIMIT__KNOWLEDGE_GRAPHS_PER_HOUR", "0")
            .env("OMI_RATE_LIMIT__TEST_PROMPTS_PER_HOUR", "0")
            .current_dir(self.folder.path())
            .kill_on_drop(true);
        if let Some(database) = &self.database {
            command.env("DATABASE_URL", &database.url);
        }
        if self.options.deaf {
            command.env("OMI_STT__MODEL", "tiny");
        } else {
            command.env("OMI_STT__MODEL", material::model());
        }
        for (name, value) in &self.options.env {
            command.env(name, value);
        }
        command
    }

    /// Runs a command beside the server and gives its standard output, trimmed. It must succeed.
    pub async fn cli(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().await.unwrap();
        assert!(
            output.status.success(),
            "omi-server {arguments:?}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_string()
    }

    /// An account with every kind of credential.
    pub async fn user(&self, email: &str) -> User {
        self.user_in(email, "UTC").await
    }

    pub async fn user_in(&self, email: &str, time_zone: &str) -> User {
        let created = self
            .cli(&["user", "create", "--email", email, "--time-zone", time_zone])
            .await;
        let (uid, password) = created.split_once('\n').unwrap();
        User {
            uid: uid.to_string(),
            email: email.into(),
            password: password.into(),
            token: self.cli(&["token", "create", "--email", email]).await,
            developer_key: self
                .cli(&[
                    "key",
                    "create",
                    "--email",
                    email,
                    "--kind",
                    "developer",
                    "--name",
                    "test",
                    "--scopes",
                    "all",
                ])
                .await,
            mcp_key: self
                .cli(&[
                    "key", "create", "--email", email, "--kind", "mcp", "--name", "test",
                ])
                .await,
        }
    }

    /// The server's database, for what no surface shows. A private one must be running.
    pub async fn pool(&self) -> PgPool {
        match &self.database {
            Some(database) => database.pool().await,
            None => {
                let settings = private::Settings::new(&self.data_dir, "omi");
                let options = private::running(&settings)
                    .await
                    .expect("the private database does not answer");
                PgPool::connect_with(options).await.unwrap()
            }
        }
    }

    pub fn log(&self) -> String {
        self.log
            .lock()
            .unwrap()
            .iter()
            .map(|line| format!("{line}\n"))
            .collect()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.as_ref().unwrap().id().unwrap() as i32)
    }

    /// Memory of the process, in MiB.
    pub fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        kib.unwrap().parse::<f64>().unwrap() / 1024.0
    }

    /// `kill -9`: nothing is tidied up.
    pub async fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().await.unwrap();
    }

    /// As an operator stops it.
    pub async fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        kill(Pid::from_raw(child.id().unwrap() as i32), Signal::SIGTERM).unwrap();
        let status = timeout(Duration::from_secs(40), child.wait())
            .await
            .expect("the server does not stop")
            .unwrap();
        assert!(status.success(), "{status}\n{}", self.log());
    }

    pub async fn get(&self, path: &str, secret: &str) -> Answer {
        self.send(reqwest::Method::GET, path, Some(secret), None)
            .await
    }

    pub async fn post(&self, path: &str, secret: &str, body: Value) -> Answer {
        self.send(reqwest::Method::POST, path, Some(secret), Some(body))
            .await
    }

    pub async fn send(
        &self,
        method: reqwest::Method,
        path: &str,
        secret: Option<&str>,
        body: Option<Value>,
    ) -> Answer {
        let mut request = client().request(method, format!("{}{path}", self.url));
        if let Some(secret) = secret {
            request = request.bearer_auth(secret);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// Asks until `done` says yes; fails with the last answer after `patience`.
    pub async fn wait_for(
        &self,
        path: &str,
        secret: &str,
        patience: Duration,
        done: impl Fn(&Value) -> bool,
    ) -> Value {
        let start = tokio::time::Instant::now();
        loop {
            let answer = self.get(path, secret).await;
            if answer.status == 200 && done(&answer.body) {
                return answer.body;
            }
            assert!(
                start.elapsed() < patience,
                "{path}: {answer:#?}\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let private = self.options.private_database;
        if let Some(mut child) = self.child.take() {
            // A private database must not be orphaned: ask first.
            if let Some(pid) = child.id().filter(|_| private) {
                let _ = kill(Pid::from_raw(pid as i32), Signal::SIGTERM);
                for _ in 0..200 {
                    if matches!(child.try_wait(), Ok(Some(_))) {
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
            let _ = child.start_kill();
        } else if private {
            stop_orphan(&self.data_dir);
        }
    }
}

/// Ends the private database that a killed server left behind.
fn stop_orphan(data_dir: &std::path::Path) {
    let pid = std::fs::read_to_string(data_dir.join("postgres/postmaster.pid"))
        .ok()
        .and_then(|text| text.lines().next()?.parse().ok());
    if let Some(pid) = pid {
        let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
    }
}

pub struct User {
    pub uid: String,
    pub email: String,
    pub password: String,
    pub token: String,
    pub developer_key: String,
    pub mcp_key: String,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub async fn of(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self {
            status,
            headers,
            body,
        }
    }

    /// The body of a 200.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{self:#?}");
        self.body
    }
}

pub fn client() -> reqwest::Client {
    // The tests' own process has no default provider yet.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(90))
        .build()
        .unwrap()
}
