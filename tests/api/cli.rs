//! The command line: results on standard output, one sentence on standard error, exit codes.

use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, process::Command};
use uuid::Uuid;

use crate::support::{Server, ServerOptions};

#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

async fn run(command: &mut Command) -> Ran {
    let output = command.output().await.unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

async fn omi(server: &Server, arguments: &[&str]) -> Ran {
    run(&mut server.command(arguments)).await
}

/// Exit code 1, nothing on standard output, one sentence that has these words.
#[track_caller]
fn assert_sentence(ran: &Ran, words: &str) {
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert_eq!(ran.out, "", "{ran:#?}");
    assert!(ran.err.starts_with("omi-server: "), "{ran:#?}");
    assert_eq!(ran.err.trim_end().lines().count(), 1, "{ran:#?}");
    assert!(ran.err.contains(words), "{words:?} is missing: {ran:#?}");
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .chars()
            .all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase())
}

#[tokio::test]
async fn accounts_tokens_and_keys() {
    let server = Server::deaf().await;
    let ann = "ann@example.org";

    let created = omi(
        &server,
        &[
            "user",
            "create",
            "--email",
            ann,
            "--name",
            "Ann",
            "--time-zone",
            "Europe/Lisbon",
        ],
    )
    .await;
    assert_eq!(
        (created.code, created.err.as_str()),
        (0, ""),
        "{created:#?}"
    );
    let lines: Vec<_> = created.out.lines().collect();
    let [uid, password] = lines[..] else {
        panic!("{created:#?}")
    };
    assert!(uid.parse::<Uuid>().is_ok(), "{uid}");
    assert!(is_hex(password, 24), "{password}");

    let mut child = server
        .command(&[
            "user",
            "create",
            "--email",
            "Ben@Example.org",
            "--password-stdin",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"correct horse\n")
        .await
        .unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success());
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(
        out.trim_end().parse::<Uuid>().is_ok(),
        "the uid alone: {out:?}"
    );

    for (email, words) in [
        (ann, "already has an account"),
        ("ANN@example.org", "already has an account"),
        ("ben@example.org", "already has an account"),
        ("ann", "is no e-mail address"),
        ("ann@example", "is no e-mail address"),
        ("", "is no e-mail address"),
    ] {
        assert_sentence(
            &omi(&server, &["user", "create", "--email", email]).await,
            words,
        );
    }
    let nowhere = [
        "user",
        "create",
        "--email",
        "cleo@example.org",
        "--time-zone",
        "Europe/Nowhere",
    ];
    assert_sentence(&omi(&server, &nowhere).await, "Europe/Nowhere");
    let mut short = server.command(&[
        "user",
        "create",
        "--email",
        "cleo@example.org",
        "--password-stdin",
    ]);
    assert_sentence(&run(short.stdin(Stdio::null())).await, "password");

    let token = server
        .cli(&["token", "create", "--email", " ANN@example.org"])
        .await;
    assert!(
        is_hex(token.strip_prefix("omi_user_").unwrap(), 64),
        "{token}"
    );
    server.get("/v1/conversations", &token).await.ok();
    assert_sentence(
        &omi(&server, &["token", "create", "--email", "cleo@example.org"]).await,
        "not found",
    );

    let key = ["key", "create", "--email", ann, "--name", "test", "--kind"];
    let key = async |rest: &[&str]| omi(&server, &[&key[..], rest].concat()).await;
    let mcp = key(&["mcp"]).await;
    assert!(
        is_hex(mcp.out.trim_end().strip_prefix("omi_mcp_").unwrap(), 32),
        "{mcp:#?}"
    );
    assert_sentence(
        &key(&["mcp", "--scopes", "memories:read"]).await,
        "no scopes",
    );
    assert_sentence(
        &key(&["developer", "--scopes", "memories:fly"]).await,
        "memories:fly",
    );
    assert_sentence(
        &key(&["developer", "--scopes", ""]).await,
        "Available: conversations:read",
    );
    let blank = [
        "key",
        "create",
        "--email",
        ann,
        "--kind",
        "developer",
        "--name",
        " ",
    ];
    assert_sentence(&omi(&server, &blank).await, "name");
    // Without scopes: read only. With some: those.
    let memories = "/v1/dev/user/memories";
    let body = || Some(json!({"content": "User likes tea"}));
    for (scopes, read, write) in [
        (&[][..], 200, 403),
        (&["--scopes", "all"], 200, 200),
        (&["--scopes", "memories:write, goals:read"], 403, 200),
    ] {
        let made = key(&[&["developer"], scopes].concat()).await;
        let secret = made.out.trim_end();
        assert!(
            is_hex(secret.strip_prefix("omi_dev_").unwrap(), 32),
            "{made:#?}"
        );
        assert_eq!(
            server.get(memories, secret).await.status,
            read,
            "{scopes:?}"
        );
        let written = server
            .send(Method::POST, memories, Some(secret), body())
            .await;
        assert_eq!(written.status, write, "{scopes:?}");
    }
}

#[tokio::test]
async fn usage_configuration_and_documents() {
    let server = Server::deaf().await;
    for wrong in [
        &["fly"][..],
        &["user"],
        &["user", "create"],
        &["user", "create", "--email"],
        &[
            "key", "create", "--email", "a@b.org", "--name", "x", "--kind", "master",
        ],
        &["--no-such-option"],
    ] {
        let ran = omi(&server, wrong).await;
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{wrong:?}: {ran:#?}");
        assert!(
            ran.err.contains("Usage") || ran.err.contains("--help"),
            "{wrong:?}: {ran:#?}"
        );
    }
    let version = omi(&server, &["--version"]).await;
    assert_eq!(
        (version.code, version.out.trim_end()),
        (0, concat!("omi-server ", env!("CARGO_PKG_VERSION")))
    );

    for (arguments, path) in [
        (&["openapi"][..], "/v1/dev/user/memories"),
        (
            &["openapi", "--surface", "developer"],
            "/v1/dev/user/memories",
        ),
        (&["openapi", "--surface", "user"], "/v3/memories"),
    ] {
        let document: Value = serde_json::from_str(&server.cli(arguments).await).unwrap();
        assert!(
            document["openapi"].as_str().unwrap().starts_with("3."),
            "{arguments:?}"
        );
        assert!(document["paths"][path].is_object(), "{arguments:?}");
    }
    assert_sentence(
        &omi(&server, &["openapi", "--surface", "moon"]).await,
        "developer, user",
    );

    let models = server.cli(&["model", "list"]).await;
    for name in ["NAME", "tiny.en", "base"] {
        assert!(
            models.lines().any(|line| line.starts_with(name)),
            "{name}: {models}"
        );
    }
    assert_sentence(
        &omi(&server, &["model", "fetch", "enormous"]).await,
        "enormous",
    );

    let file = server.data_dir.with_file_name("settings.toml");
    let with_file = async |text: &str| {
        std::fs::write(&file, text).unwrap();
        omi(&server, &["--config", file.to_str().unwrap(), "openapi"]).await
    };
    assert_eq!(
        with_file("log = \"debug\"\n[stt]\nworkers = 1\n")
            .await
            .code,
        0
    );
    assert_sentence(&with_file("bindd = \"127.0.0.1:1\"\n").await, "bindd");
    assert_sentence(&with_file("[stt]\nears = 2\n").await, "ears");
    std::fs::remove_file(&file).unwrap();
    assert_sentence(
        &omi(&server, &["--config", file.to_str().unwrap(), "openapi"]).await,
        "settings.toml",
    );

    let unknown = run(server.command(&["openapi"]).env("OMI_BINDD", "x")).await;
    assert_eq!(unknown.code, 0, "{unknown:#?}");
    assert!(unknown.err.contains("OMI_BINDD"), "{unknown:#?}");
    serde_json::from_str::<Value>(&unknown.out).expect("the warning is not on standard output");
    let bad = run(server
        .command(&["openapi"])
        .env("OMI_DATABASE_CONNECTIONS", "many"))
    .await;
    assert_sentence(&bad, "database_connections");

    let address = server.url.trim_start_matches("http://");
    let taken = run(server.command(&["serve"]).env("OMI_BIND", address)).await;
    assert_eq!(taken.code, 1, "{taken:#?}");
    assert!(taken.err.contains("OMI_BIND"), "{taken:#?}");
}

#[tokio::test]
async fn doctor_and_healthcheck() {
    let mut server = Server::deaf().await;
    let doctor = omi(&server, &["doctor"]).await;
    assert_eq!(doctor.code, 0, "{doctor:#?}");
    let lines: Vec<_> = doctor.out.lines().collect();
    for (name, state) in [
        ("database", "ok"),
        ("migrations", "ok"),
        ("queue", "ok"),
        ("disk", "ok"),
        ("speech", "warn"),
    ] {
        let start = format!("{state:<5} {name} ");
        assert!(
            lines.iter().any(|line| line.starts_with(&start)),
            "{start:?}: {doctor:#?}"
        );
    }
    let lost = run(server
        .command(&["doctor"])
        .env("DATABASE_URL", "postgres:///x?host=/nowhere&user=omi"))
    .await;
    assert_eq!(lost.code, 1, "{lost:#?}");
    assert!(
        lost.out
            .lines()
            .any(|line| line.starts_with("fail  database ")),
        "{lost:#?}"
    );
    assert!(!lost.out.contains("migrations"), "{lost:#?}");

    let address = server.url.trim_start_matches("http://").to_string();
    let port = address.rsplit(':').next().unwrap();
    let healthy = async |bind: &str| {
        let ran = run(server.command(&["healthcheck"]).env("OMI_BIND", bind)).await;
        assert_eq!(ran.out, "", "{ran:#?}");
        ran.code
    };
    assert_eq!(healthy(&address).await, 0);
    // Listening everywhere includes loopback.
    assert_eq!(healthy(&format!("0.0.0.0:{port}")).await, 0);
    assert_eq!(healthy("127.0.0.1:1").await, 1);
    server.stop().await;
    let stopped = run(server.command(&["healthcheck"]).env("OMI_BIND", &address)).await;
    assert_eq!(stopped.code, 1, "{stopped:#?}");
}

#[tokio::test]
async fn commands_share_a_private_database_or_start_it_for_the_moment() {
    let mut server = Server::start_with(ServerOptions {
        private_database: true,
        deaf: true,
        env: vec![],
    })
    .await;
    let pid_file = server.data_dir.join("postgres/postmaster.pid");
    let running = std::fs::read_to_string(&pid_file).unwrap();
    let ann = server.user("ann@example.org").await;
    server.get("/v1/conversations", &ann.token).await.ok();
    let doctor = omi(&server, &["doctor"]).await;
    assert_eq!(doctor.code, 0, "{doctor:#?}");
    assert!(
        doctor.out.starts_with("ok    database    PostgreSQL "),
        "{doctor:#?}"
    );
    assert_eq!(
        std::fs::read_to_string(&pid_file).unwrap(),
        running,
        "the server's own went on"
    );

    server.stop().await;
    assert!(!pid_file.exists(), "the server takes its database along");
    let ben = server.user("ben@example.org").await;
    assert_eq!(
        server.cli(&["migrate"]).await,
        "0 migrations applied; the schema is up to date"
    );
    let taken = omi(&server, &["user", "create", "--email", "ann@example.org"]).await;
    assert_sentence(&taken, "already has an account");
    assert!(!pid_file.exists(), "a command leaves nothing running");
    let doctor = omi(&server, &["doctor"]).await;
    assert_eq!(doctor.code, 0, "{doctor:#?}");
    assert!(doctor.out.starts_with("warn  database "), "{doctor:#?}");
    assert!(!pid_file.exists(), "doctor looks only");

    server.run().await;
    server.get("/v1/conversations", &ann.token).await.ok();
    server.get("/v1/conversations", &ben.token).await.ok();
    server.stop().await;
}
