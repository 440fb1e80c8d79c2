//! The command line: results on standard output, one sentence on standard error, exit codes.

mod apps;
mod together;

use std::{ffi::OsString, os::unix::ffi::OsStringExt as _, process::Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    process::Command,
};
use uuid::Uuid;

use crate::support::{Server, material};

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
    assert_refused(ran, 1, words);
}

/// As `assert_sentence`, with the exit code of wrong usage.
#[track_caller]
fn assert_misused(ran: &Ran, words: &str) {
    assert_refused(ran, 2, words);
}

#[track_caller]
fn assert_refused(ran: &Ran, code: i32, words: &str) {
    assert_eq!(ran.code, code, "{ran:#?}");
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
        "cleo@example.org has no account",
    );

    let key = ["key", "create", "--email", ann, "--name", "test", "--kind"];
    let key = async |rest: &[&str]| omi(&server, &[&key[..], rest].concat()).await;
    let mcp = key(&["mcp"]).await;
    assert!(
        is_hex(mcp.out.trim_end().strip_prefix("omi_mcp_").unwrap(), 32),
        "{mcp:#?}"
    );
    assert_misused(
        &key(&["mcp", "--scopes", "memories:read"]).await,
        "no scopes",
    );
    assert_misused(
        &key(&["developer", "--scopes", "memories:fly"]).await,
        "memories:fly",
    );
    assert_misused(
        &key(&["developer", "--scopes", ""]).await,
        "Available: [conversations:read",
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
async fn keys_are_listed_and_revoked() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    server.user("ben@example.org").await;
    let listed = omi(&server, &["key", "list", "--email", "ann@example.org"]).await;
    assert_eq!((listed.code, listed.err.as_str()), (0, ""), "{listed:#?}");
    let lines: Vec<_> = listed.out.lines().collect();
    assert_eq!(lines.len(), 3, "{listed:#?}");
    assert!(lines[0].contains("  mcp        omi_mcp_"), "{listed:#?}");
    assert!(lines[1].contains("  developer  omi_dev_"), "{listed:#?}");
    assert!(lines[2].contains("  user       omi_user_"), "{listed:#?}");
    assert!(!listed.out.contains(&ann.developer_key), "{listed:#?}");

    let id = lines[1].split(' ').next().unwrap();
    let revoke = async |email: &str, id: &str| {
        omi(&server, &["key", "revoke", "--email", email, "--id", id]).await
    };
    let path = "/v1/dev/user/memories";
    assert_eq!(server.get(path, &ann.developer_key).await.status, 200);
    assert_sentence(&revoke("ben@example.org", id).await, "has no key");
    let revoked = revoke("ann@example.org", id).await;
    assert_eq!(
        (revoked.code, revoked.out.as_str()),
        (0, ""),
        "{revoked:#?}"
    );
    // The running server hears of it.
    let mut asked = 0;
    while server.get(path, &ann.developer_key).await.status != 401 {
        asked += 1;
        assert!(asked < 50, "the server goes on knowing the key");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_sentence(&revoke("ann@example.org", id).await, "key list");
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
        (
            &["openapi", "--surface", "integration"],
            "/v2/integrations/{app_id}/user/memories",
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
    assert_misused(
        &omi(&server, &["openapi", "--surface", "moon"]).await,
        "developer, integration, user",
    );
    assert_misused(&omi(&server, &["stream", "a.wav"]).await, "--token");
    std::fs::write(server.data_dir.with_file_name("noise.mp3"), [7; 3000]).unwrap();
    assert_sentence(
        &omi(&server, &["stream", "noise.mp3", "--token", "x"]).await,
        "noise.mp3",
    );

    let models = server.cli(&["model", "list"]).await;
    for name in ["NAME", "tiny.en", "base", "all-MiniLM-L6-v2"] {
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
    // Bytes that are no text matter in a setting only.
    let bytes = OsString::from_vec(vec![b'a', 0xff]);
    let foreign = run(server.command(&["openapi"]).env("LESS_STYLE", &bytes)).await;
    assert_eq!((foreign.code, foreign.err.as_str()), (0, ""));
    let ours = run(server.command(&["openapi"]).env("OMI_STT__MODEL", &bytes)).await;
    assert_sentence(&ours, "OMI_STT__MODEL");

    let address = server.url.trim_start_matches("http://");
    let mut other = server.command(&["serve"]);
    other.env("OMI_DATA_DIR", server.data_dir.with_file_name("other"));
    let taken = run(other.env("OMI_BIND", address)).await;
    assert_eq!(taken.code, 1, "{taken:#?}");
    assert!(taken.err.contains("OMI_BIND"), "{taken:#?}");
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_named_without_its_password() {
    let server = Server::deaf().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    for (url, words) in [
        (
            format!("postgres://omi:hunter22@127.0.0.1:{port}/omi"),
            "refused",
        ),
        (
            "postgres:///omi?host=/nowhere&user=omi&password=hunter22".into(),
            "No such file",
        ),
        ("mysql://omi:hunter22@127.0.0.1/omi".into(), "postgres://"),
        (
            "postgres://omi:hunter22@127.0.0.1:x/omi".into(),
            "should look like",
        ),
    ] {
        let mut command = server.command(&["token", "create", "--email", "a@b.org"]);
        let ran = run(command.env("DATABASE_URL", &url)).await;
        assert_sentence(&ran, words);
        assert!(ran.err.contains("DATABASE_URL"), "{ran:#?}");
        assert!(!ran.err.contains("hunter22"), "{ran:#?}");
        let told = ran.err.matches(words).count();
        assert_eq!(told, 1, "it repeats itself: {ran:#?}");
    }
    let url = &server.database.as_ref().unwrap().url;
    let url = url.replace("test_", "absent_");
    let mut command = server.command(&["migrate"]);
    assert_sentence(
        &run(command.env("DATABASE_URL", url)).await,
        "does not exist",
    );
}

#[tokio::test]
async fn a_password_is_not_lost_with_a_full_or_closed_output() {
    let server = Server::deaf().await;
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full");
    if let Ok(full) = full() {
        let create = ["user", "create", "--email", "ann@example.org"];
        let ran = run_into(server.command(&create), full.into()).await;
        assert_eq!(ran.code, 1, "{ran:#?}");
        assert!(
            ran.err.contains("standard output cannot be written"),
            "{ran:#?}"
        );
        let (_, password) = ran.err.trim_end().rsplit_once(' ').unwrap();
        assert!(is_hex(password, 24), "{ran:#?}");
    }
    if let Ok(full) = full() {
        let create = ["token", "create", "--email", "ann@example.org"];
        let ran = run_into(server.command(&create), full.into()).await;
        assert_sentence(&ran, "standard output cannot be written");
    }
    // As with `| head -0`: nobody is left to be told.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ran = run_into(server.command(&["openapi"]), writer.into()).await;
    assert_eq!((ran.code, ran.err.as_str()), (1, ""), "{ran:#?}");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let create = ["user", "create", "--email", "ben@example.org"];
    let ran = run_into(server.command(&create), writer.into()).await;
    assert_sentence(&ran, "its password");
}

async fn run_into(mut command: Command, out: Stdio) -> Ran {
    let child = command.stdout(out).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().await.unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::new(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
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
        ("data", "ok"),
        ("disk", "ok"),
        ("speech", "warn"),
        ("embeddings", "warn"),
    ] {
        let start = format!("{state:<5} {name} ");
        assert!(
            lines.iter().any(|line| line.starts_with(&start)),
            "{start:?}: {doctor:#?}"
        );
    }
    let doctor = run(server
        .command(&["doctor"])
        .env("OMI_EMBEDDINGS__MODEL", material::embedding_model()))
    .await;
    assert!(
        doctor
            .out
            .contains("ok    embeddings  local:all-MiniLM-L6-v2@53aa5117 in "),
        "{doctor:#?}"
    );
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
    // Only this server's own 200 counts: no proxy is asked, no redirect followed.
    let proxy = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
    let mut command = server.command(&["healthcheck"]);
    command.envs(proxy.map(|name| (name, "http://127.0.0.1:1")));
    assert_eq!(run(command.env("OMI_BIND", &address)).await.code, 0);
    for status in ["307 Temporary Redirect", "204 No Content"] {
        let answer = format!(
            "HTTP/1.1 {status}\r\nlocation: {}/healthz\r\nconnection: close\r\n\r\n",
            server.url
        );
        assert_eq!(healthy(&answering(answer).await).await, 1, "{status}");
    }
    server.stop().await;
    let stopped = run(server.command(&["healthcheck"]).env("OMI_BIND", &address)).await;
    assert_eq!(stopped.code, 1, "{stopped:#?}");
}

/// The address of a server that says the same to everybody.
async fn answering(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 4096]).await;
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    address
}
