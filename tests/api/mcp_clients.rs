//! The official conformance suite of MCP, and published clients with a key.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

use crate::support::{
    Server, clients, key_proxy::KeyProxy, mcp_fixture::FixtureServer, server::User,
};

const SUITE: &str = "@modelcontextprotocol/conformance/dist/index.js";
const INSPECTOR: &str = "@modelcontextprotocol/inspector/clients/launcher/build/index.js";
const REVISIONS: [&str; 2] = ["2025-11-25", "2026-07-28"];

async fn started() -> (Server, User) {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    (server, user)
}

/// Output of a program that must succeed.
async fn told(mut command: Command, server: &Server) -> String {
    let output = command.output().await.unwrap();
    let words = String::from_utf8_lossy(&output.stdout).to_string();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{words}\n{errors}\n{}",
        output.status,
        server.log()
    );
    words
}

fn suite(url: &str, home: &Path) -> Command {
    let mut command = clients::node(SUITE, home);
    command.args(["server", "--url", url]);
    command
}

/// Scenarios that need nothing of the tools: they run against the server as it is.
const OF_ANY_SERVER: [(&str, &[&str]); 10] = [
    ("server-initialize", &["2025-11-25"]),
    ("ping", &["2025-11-25"]),
    ("tools-list", &REVISIONS),
    ("dns-rebinding-protection", &REVISIONS),
    ("server-sse-multiple-streams", &REVISIONS),
    ("server-session-lifecycle", &["2025-11-25"]),
    ("server-sse-polling", &["2025-11-25"]),
    ("input-required-result-unsupported-methods", &["2026-07-28"]),
    ("sep-2164-resource-not-found", &["2026-07-28"]),
    ("caching", &["2026-07-28"]),
];

#[tokio::test]
async fn the_server_conforms() {
    if !clients::node_is_for_here() {
        return;
    }
    let (server, user) = started().await;
    let proxy = KeyProxy::start(&server.url, &user.mcp_key).await;
    let home = tempfile::tempdir().unwrap();
    let url = format!("{}/v1/mcp/sse", proxy.url);
    let mut runs = Vec::new();
    for (scenario, revisions) in OF_ANY_SERVER {
        for revision in revisions {
            let mut command = suite(&url, home.path());
            command.args(["--scenario", scenario, "--spec-version", revision]);
            runs.push(async move { (scenario, revision, command.output().await.unwrap()) });
        }
    }
    // Each takes a hundred megabytes.
    let runs: Vec<_> = futures_util::stream::iter(runs)
        .buffer_unordered(4)
        .collect()
        .await;
    for (scenario, revision, output) in runs {
        let words = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        println!("{scenario} {revision}\n{words}");
        let what = format!("{scenario} {revision}: {words}\n{errors}");
        assert!(output.status.success(), "{what}");
    }
}

/// What the suite wrote down: a folder for each scenario.
fn checks(folder: &Path) -> Vec<Value> {
    let scenarios = std::fs::read_dir(folder).unwrap();
    let written = scenarios.map(|entry| entry.unwrap().path().join("checks.json"));
    let checks = written.filter_map(|file| std::fs::read_to_string(file).ok());
    checks
        .flat_map(|text| serde_json::from_str::<Vec<Value>>(&text).unwrap())
        .collect()
}

#[tokio::test]
async fn the_server_conforms_without_sessions() {
    if !clients::node_is_for_here() {
        return;
    }
    let (server, user) = started().await;
    let proxy = KeyProxy::start(&server.url, &user.mcp_key).await;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("checks");
    let mut command = suite(&format!("{}/v1/mcp/sse", proxy.url), home.path());
    command.args(["--scenario", "server-stateless", "--output-dir"]);
    command.arg(&folder).args(["--spec-version", REVISIONS[1]]);
    let output = command.output().await.unwrap();
    let checks = checks(&folder);
    assert!(checks.len() > 20, "{checks:#?}\n{output:?}");
    // The suite asks for tools of its own in four: they are checked with those, behind the same transport.
    let failed: Vec<_> = checks
        .iter()
        .filter(|check| check["status"] == "FAILURE" && check["details"]["untestable"] != true)
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

/// The scenarios that a revision requires, those of tools, resources and prompts too.
#[tokio::test]
async fn the_transport_conforms() {
    if !clients::node_is_for_here() {
        return;
    }
    let (server, user) = started().await;
    let fixture = FixtureServer::start(&server, &user).await;
    let home = tempfile::tempdir().unwrap();
    let run = async |revision: &str| {
        let folder = home.path().join(revision);
        let mut command = suite(&fixture.url, home.path());
        command.args(["--requirements", revision, "--output-dir"]);
        let output = command.arg(&folder).output().await.unwrap();
        println!("{}", String::from_utf8_lossy(&output.stdout));
        let mut failed = checks(&folder);
        failed.retain(|check| check["status"] == "FAILURE");
        assert!(
            output.status.success(),
            "{revision}: {failed:#?}\n{output:?}"
        );
    };
    let [old, new] = REVISIONS;
    tokio::join!(run(old), run(new));
}

/// What a client of Python told of itself.
async fn of_python(mut command: Command, server: &Server, user: &User) -> Value {
    command.env("OMI_MCP_KEY", &user.mcp_key);
    let told: Value = serde_json::from_str(&told(command, server).await).unwrap();
    assert_eq!(told["server"], "omi-mcp-server");
    let tools = told["tools"].as_array().unwrap();
    assert!(tools.contains(&"search_memories".into()), "{told}");
    let memories = told["memories"].as_array().unwrap();
    assert!(memories.contains(&told["created"]), "{told}");
    told
}

#[tokio::test]
async fn the_second_python_client_works() {
    let (server, user) = started().await;
    let url = format!("{}/v1/mcp/sse", server.url);
    let home = tempfile::tempdir().unwrap();
    for (mode, revision) in [("auto", "2026-07-28"), ("legacy", "2025-11-25")] {
        let mut command = clients::newer_python("mcp_second.py", home.path());
        command.args([mode, &url]);
        let told = of_python(command, &server, &user).await;
        assert_eq!(told["revision"], revision, "{mode}");
    }
}

/// A program of mcp-remote: it talks to the server whose address follows.
fn remote(program: &str) -> PathBuf {
    clients::npm_path("mcp-remote/dist").join(program)
}

#[tokio::test]
async fn the_bridge_works() {
    if !clients::node_is_for_here() {
        return;
    }
    let (server, user) = started().await;
    let url = format!("{}/v1/mcp/sse", server.url);
    let home = tempfile::tempdir().unwrap();
    let mut bridged = clients::python("mcp_bridge.py", home.path());
    bridged
        .arg(clients::node_path())
        .arg(remote("proxy.js"))
        .args([&url, "--header", "Authorization:${AUTH_HEADER}"])
        .env("AUTH_HEADER", format!("Bearer {}", user.mcp_key));
    let told = of_python(bridged, &server, &user).await;
    assert_eq!(told["revision"], "2025-11-25");

    // Its own client, which lists and ends when its input does.
    let mut own = clients::node("mcp-remote/dist/client.js", home.path());
    let header = format!("Authorization: Bearer {}", user.mcp_key);
    let mut own = own
        .args([&url, "--header", &header])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(own.stdout.take().unwrap()).lines();
    let mut errors = BufReader::new(own.stderr.take().unwrap()).lines();
    let mut words = String::new();
    let listed = async {
        while !words.contains("search_memories") {
            let line = tokio::select! {
                line = output.next_line() => line,
                line = errors.next_line() => line,
            };
            words += &line.unwrap().unwrap_or_else(|| panic!("it ended: {words}"));
        }
    };
    tokio::time::timeout(Duration::from_secs(60), listed)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_inspector_finds_no_fault() {
    if !clients::node_is_for_here() {
        return;
    }
    let (server, user) = started().await;
    let url = format!("{}/v1/mcp/sse", server.url);
    let home = tempfile::tempdir().unwrap();
    let header = format!("Authorization: Bearer {}", user.mcp_key);
    let inspect = |more: &[&str]| {
        let mut command = clients::node(INSPECTOR, home.path());
        // An address that ends in /sse is otherwise taken for the transport of the first revision.
        command.args(["--cli", &url, "--transport", "http", "--header", &header]);
        command.args(more);
        command
    };
    let run = async |more: &[&str]| -> Value {
        let words = told(inspect(more), &server).await;
        serde_json::from_str(&words).unwrap_or_else(|error| panic!("{error}: {words}"))
    };
    let list = ["--method", "tools/list", "--strict"];
    let legacy = async { run(&list).await };
    let modern = async { run(&[&list[..], &["--protocol-era", "modern"]].concat()).await };
    let (legacy, modern) = tokio::join!(legacy, modern);
    for tools in [legacy, modern] {
        let names: Vec<_> = tools["tools"].as_array().unwrap().iter().collect();
        assert!(
            names.iter().any(|tool| tool["name"] == "get_memories"),
            "{tools}"
        );
    }
    let call = |tool| ["--method", "tools/call", "--tool-name", tool, "--tool-arg"];
    let create = [&call("create_memory")[..], &["content=User inspects"]].concat();
    assert_eq!(run(&create).await["structuredContent"]["success"], true);
    let found = run(&[&call("get_memories")[..], &["limit=5"]].concat()).await;
    let content = &found["structuredContent"]["memories"][0]["content"];
    assert_eq!(content, "User inspects");

    // Without a key it knows that one is needed.
    let mut stranger = clients::node(INSPECTOR, home.path());
    stranger.args([
        "--cli",
        &url,
        "--transport",
        "http",
        "--method",
        "tools/list",
    ]);
    let output = stranger.output().await.unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}
