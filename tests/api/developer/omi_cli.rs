//! The published `omi` program, every command of it that this server answers.

use std::process::Stdio;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::support::{
    Server, ServerOptions, clients,
    server::{Answer, User},
};

const OK: i32 = 0;
const WRONG: i32 = 1;
const REFUSED: i32 = 2;
const TOO_MANY: i32 = 4;
const ABSENT: i32 = 5;

/// The program, its settings and its server.
struct Omi {
    home: tempfile::TempDir,
    url: String,
}

struct Run {
    code: i32,
    told: String,
    errors: String,
}

impl Omi {
    fn new(server: &Server) -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            url: server.url.clone(),
        }
    }

    async fn json(&self, arguments: &[&str]) -> Run {
        self.run(&[&["--json"], arguments].concat()).await
    }

    async fn run(&self, arguments: &[&str]) -> Run {
        let mut command = self.command(clients::program("omi", self.home.path()));
        finish(command.args(arguments), "").await
    }

    /// With the key in the environment and no settings; it does not sleep between its tries.
    async fn sleepless(&self, key: &str, arguments: &[&str]) -> Run {
        let mut command = self.command(clients::python("omi_sleepless.py", self.home.path()));
        command
            .env("OMI_API_KEY", key)
            .env("OMI_CONFIG", "none.toml");
        finish(command.args(arguments), "").await
    }

    fn command(&self, mut program: Command) -> Command {
        program
            .env("OMI_CONFIG", "omi.toml")
            .env("OMI_API_BASE", &self.url)
            .env("NO_COLOR", "1")
            .env("COLUMNS", "1000");
        program
    }
}

async fn finish(command: &mut Command, input: &str) -> Run {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may end without having read.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    Run {
        code: output.status.code().unwrap(),
        told: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Run {
    #[track_caller]
    fn ok(self) -> Value {
        assert_eq!(self.code, OK, "{}{}", self.told, self.errors);
        serde_json::from_str(&self.told).unwrap_or_default()
    }

    #[track_caller]
    fn fails(self, code: i32, says: &[&str]) {
        assert_eq!(self.code, code, "{}{}", self.told, self.errors);
        for part in says {
            assert!(
                self.errors.contains(part),
                "{part:?} is not in {}",
                self.errors
            );
        }
    }
}

#[track_caller]
fn id(of: &Value) -> String {
    of["id"].as_str().unwrap().to_string()
}

#[track_caller]
fn assert_lists(list: &Value, id: &str, expected: bool) {
    let found = list.as_array().unwrap().iter().any(|one| one["id"] == id);
    assert_eq!(found, expected, "{id}: {list:#}");
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

const NOBODYS: &str = "00000000-0000-4000-8000-000000000000";

#[tokio::test]
async fn every_command_does_its_work() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let omi = Omi::new(&server);

    let made_up = ["--profile", "bad", "auth", "login", "--api-key"];
    omi.run(&[&made_up[..], &["omi_dev_zzzzzzzzzzzzzzzzzzzzzzzz"]].concat())
        .await
        .fails(REFUSED, &["Authentication failed", "Invalid API Key"]);
    let login = ["auth", "login", "--api-key", &user.developer_key];
    let run = omi.run(&login).await;
    assert!(run.errors.contains("Logged in"), "{}", run.errors);
    run.ok();
    let whoami = omi.json(&["auth", "whoami"]).await.ok();
    assert_eq!(whoami["owns_memories"], true);

    tokio::join!(
        memories(&omi),
        action_items(&omi),
        conversations(&omi, &server, &user),
        goals(&omi),
        no_scope(&omi, &server),
    );
}

async fn memories(omi: &Omi) {
    let create = [
        "memory",
        "create",
        "likes tea",
        "--category",
        "work",
        "--tag",
        "t1",
    ];
    let memory = omi.json(&create).await.ok();
    assert_eq!(memory["content"], "likes tea");
    assert_eq!(memory["category"], "work");
    assert_eq!(memory["visibility"], "private");
    assert_eq!(memory["tags"], json!(["t1"]));
    let id = id(&memory);
    let list = [
        "memory",
        "list",
        "--categories",
        "work,skills",
        "--limit",
        "200",
    ];
    assert_lists(&omi.json(&list).await.ok(), &id, true);
    assert_eq!(
        omi.json(&["memory", "get", &id]).await.ok()["content"],
        "likes tea"
    );
    omi.json(&["memory", "get", NOBODYS])
        .await
        .fails(ABSENT, &[]);

    let update = [
        "memory",
        "update",
        &id,
        "--content",
        "likes coffee",
        "--visibility",
        "public",
    ];
    let edited = omi.json(&update).await.ok();
    assert_eq!(edited["content"], "likes coffee");
    assert_eq!(edited["visibility"], "public");
    assert_eq!(edited["edited"], true);
    assert!(time(&edited["updated_at"]) > time(&memory["updated_at"]));
    let update = [
        "memory",
        "update",
        &id,
        "--category",
        "skills",
        "--tag",
        "t2",
    ];
    let edited = omi.json(&update).await.ok();
    assert_eq!(edited["category"], "skills");
    assert_eq!(edited["tags"], json!(["t2"]));

    omi.run(&["memory", "delete", &id, "-y"]).await.ok();
    omi.run(&["memory", "delete", &id, "-y"])
        .await
        .fails(ABSENT, &["Memory not found"]);
    let long = "a".repeat(501);
    omi.json(&["memory", "create", &long])
        .await
        .fails(WRONG, &["body.content: "]);
}

async fn action_items(omi: &Omi) {
    let create = [
        "action-item",
        "create",
        "buy milk",
        "--due-at",
        "2026-12-01T10:00:00",
    ];
    let item = omi.json(&create).await.ok();
    assert_eq!(item["description"], "buy milk");
    assert_eq!(item["completed"], false);
    assert_eq!(time(&item["due_at"]), time(&json!("2026-12-01T10:00:00Z")));
    let id = id(&item);
    let list = ["action-item", "list", "--open", "--conversation-id", "null"];
    assert_lists(&omi.json(&list).await.ok(), &id, true);
    let done = omi.json(&["action-item", "complete", &id]).await.ok();
    assert_eq!(done["completed"], true);
    assert!(done["completed_at"].is_string(), "{done}");
    let got = omi.json(&["action-item", "get", &id]).await.ok();
    assert_eq!(got["completed_at"], done["completed_at"]);
    assert_lists(
        &omi.json(&["action-item", "list", "--open"]).await.ok(),
        &id,
        false,
    );
    let open = omi
        .json(&["action-item", "update", &id, "--open"])
        .await
        .ok();
    assert_eq!(open["completed"], false);
    assert_eq!(open["completed_at"], Value::Null);
    omi.run(&["action-item", "delete", &id, "-y"]).await.ok();
    omi.run(&["action-item", "delete", &id, "-y"])
        .await
        .fails(ABSENT, &["Action item not found"]);
}

async fn conversations(omi: &Omi, server: &Server, user: &User) {
    let mut command = omi.command(clients::program("omi", omi.home.path()));
    let create = [
        "--json",
        "conversation",
        "create",
        "--text",
        "-",
        "--text-source-spec",
        "notes",
    ];
    let outcome = finish(command.args(create), "We agreed Bob ships Friday.\n")
        .await
        .ok();
    let status = outcome["status"].as_str().unwrap();
    assert!(["completed", "processing"].contains(&status), "{outcome}");
    assert!(outcome["discarded"].is_boolean(), "{outcome}");
    let conversation = id(&outcome);

    // The program asks again when no answer comes in time; that makes no second conversation.
    let text = "Carol will bring the red tent to the lake on Sunday.";
    let create = ["--json", "conversation", "create", "--text", text];
    let outcome = omi
        .sleepless(
            &user.developer_key,
            &[&["--lose-first-answer"], &create[..]].concat(),
        )
        .await
        .ok();
    let rows = "select count(*) from conversations where uid = $1";
    let rows: i64 = sqlx::query_scalar(rows)
        .bind(&user.uid)
        .fetch_one(&server.pool().await)
        .await
        .unwrap();
    assert_eq!(rows, 2, "one for each text");
    assert_ne!(id(&outcome), conversation);

    let file = omi.home.path().join("s.json");
    std::fs::write(&file, r#"[{"text":"hi","start":0,"end":1}]"#).unwrap();
    let create = [
        "conversation",
        "from-segments",
        "s.json",
        "--source",
        "phone",
    ];
    let spoken = id(&omi.json(&create).await.ok());
    let path = format!("/v1/dev/user/conversations/{conversation}");
    let done = |found: &Value| found["structured"]["title"] != "";
    let patience = std::time::Duration::from_secs(20);
    server
        .wait_for(&path, &user.developer_key, patience, done)
        .await;

    let list = [
        "conversation",
        "list",
        "--include-transcript",
        "--start-date",
        "2020-01-01T00:00:00",
    ];
    assert_lists(&omi.json(&list).await.ok(), &conversation, true);
    let get = ["conversation", "get", &spoken, "--include-transcript"];
    let found = omi.json(&get).await.ok();
    assert_eq!(found["source"], "phone");
    assert_eq!(found["transcript_segments"][0]["text"], "hi");
    assert_eq!(found["transcript_segments"][0]["speaker_name"], "Speaker 0");

    let update = [
        "conversation",
        "update",
        &conversation,
        "--title",
        "Shipping",
    ];
    let updated = omi.json(&update).await.ok();
    assert_eq!(updated["structured"]["title"], "Shipping");
    let discard = ["conversation", "update", &conversation, "--discarded"];
    omi.json(&discard).await.ok();
    assert_lists(&omi.json(&list).await.ok(), &conversation, false);
    omi.run(&["conversation", "delete", &conversation, "-y"])
        .await
        .ok();
    omi.json(&["conversation", "get", &conversation])
        .await
        .fails(ABSENT, &["Conversation not found"]);
}

async fn goals(omi: &Omi) {
    let create = [
        "goal", "create", "Run", "--target", "10", "--type", "numeric", "--unit", "km",
    ];
    let goal = omi.json(&create).await.ok();
    assert_eq!(goal["goal_type"], "numeric");
    assert_eq!(goal["unit"], "km");
    let id = id(&goal);
    let progress = omi.json(&["goal", "progress", &id, "3"]).await.ok();
    assert_eq!(progress["current_value"], 3.0);
    let history = omi
        .json(&["goal", "history", &id, "--days", "7"])
        .await
        .ok();
    assert_eq!(history[0]["value"], 3.0, "{history}");
    assert_eq!(
        history[0]["date"],
        time(&history[0]["recorded_at"])
            .format("%Y-%m-%d")
            .to_string()
    );
    assert_eq!(omi.json(&["goal", "get", &id]).await.ok()["title"], "Run");
    let updated = omi.json(&["goal", "update", &id, "--title", "Walk"]).await;
    assert_eq!(updated.ok()["title"], "Walk");
    let list = ["goal", "list", "--include-inactive"];
    assert_lists(&omi.json(&list).await.ok(), &id, true);
    omi.run(&["goal", "delete", &id, "-y"]).await.ok();
    omi.json(&["goal", "get", &id])
        .await
        .fails(ABSENT, &["Goal not found"]);
}

async fn no_scope(omi: &Omi, server: &Server) {
    let create = [
        "key",
        "create",
        "--email",
        "ann@example.org",
        "--kind",
        "developer",
    ];
    let key = server
        .cli(&[&create[..], &["--name", "default"]].concat())
        .await;
    omi.sleepless(&key, &["memory", "create", "x"])
        .await
        .fails(REFUSED, &["Insufficient permissions", "memories:write"]);
}

#[tokio::test]
async fn limits_and_a_stopped_server_are_told() {
    let options = |name, limit: &str| ServerOptions {
        deaf: true,
        env: vec![(name, limit.to_string())],
        ..ServerOptions::default()
    };
    let (mut daily, hourly) = tokio::join!(
        Server::start_with(options("OMI_RATE_LIMIT__PER_DAY", "2")),
        Server::start_with(options("OMI_RATE_LIMIT__MEMORIES_PER_HOUR", "1")),
    );

    let user = daily.user("ann@example.org").await;
    let omi = Omi::new(&daily);
    let list = ["--json", "memory", "list"];
    for _ in 0..2 {
        omi.sleepless(&user.developer_key, &list).await.ok();
    }
    omi.sleepless(&user.developer_key, &list)
        .await
        .fails(TOO_MANY, &["Rate limited", "Retry in ", "s."]);
    let answer: Answer = daily
        .get("/v1/dev/user/memories", &user.developer_key)
        .await;
    assert_eq!(answer.status, 429, "{answer:#?}");
    let wait: u32 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=86_400).contains(&wait), "{wait}");

    let user = hourly.user("ann@example.org").await;
    let omi_hourly = Omi::new(&hourly);
    let create = |content| ["--json", "memory", "create", content];
    let first = omi_hourly
        .sleepless(&user.developer_key, &create("one"))
        .await;
    first.ok();
    omi_hourly
        .sleepless(&user.developer_key, &create("two"))
        .await
        .fails(
            TOO_MANY,
            &["Rate limited: dev:memories (120/hr)", "Retry in "],
        );
    omi_hourly.sleepless(&user.developer_key, &list).await.ok();

    daily.stop().await;
    omi.sleepless(&user.developer_key, &list)
        .await
        .fails(WRONG, &["unexpected error", "Connection refused"]);
}
