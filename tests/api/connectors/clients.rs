//! Published clients without a key: they find out where to ask, register, ask their user, refresh, and ask for more.

use std::{process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader},
    process::Command,
    sync::mpsc,
    time::timeout,
};

use crate::support::{
    Server, clients,
    connector::{Connector, allow},
    server::client,
    visitor::Visitor,
};

fn pass_on(stream: impl AsyncRead + Unpin + Send + 'static, to: mpsc::Sender<String>) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if to.send(line).await.is_err() {
                return;
            }
        }
    });
}

/// What a program says up to `done`, and how often it asked. Its user opens the addresses that it tells of, and allows what is
/// ticked there.
async fn run(
    mut command: Command,
    server: &Server,
    visitor: &Visitor<'_>,
    done: &str,
) -> (String, usize) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let (to, mut lines) = mpsc::channel(100);
    pass_on(child.stdout.take().unwrap(), to.clone());
    pass_on(child.stderr.take().unwrap(), to);
    let page = format!("{}/oauth/authorize?", server.url);
    let (mut words, mut asked) = (String::new(), 0);
    let walk = async {
        while !words.contains(done) {
            let Some(line) = lines.recv().await else {
                panic!("it ended: {words}\n{}", server.log());
            };
            if let Some((_, query)) = line.split_once(&page) {
                let query = query.split_whitespace().next().unwrap();
                let shown = visitor.get(&format!("/oauth/authorize?{query}")).await;
                let back = allow(visitor, &shown, &[]).await.location().to_string();
                asked += 1;
                // One reads it; others listen there.
                let line = format!("{back}\n");
                input.write_all(line.as_bytes()).await.unwrap();
                tokio::spawn(client().get(back).send());
            }
            words += &line;
            words += "\n";
        }
    };
    timeout(Duration::from_secs(120), walk).await.unwrap();
    (words, asked)
}

#[tokio::test]
async fn the_official_python_clients_ask_their_user() {
    let server = Server::unguarded().await;
    let user = server.user("ann@example.org").await;
    let visitor = Visitor::signed_in(&server, &user).await;
    let home = tempfile::tempdir().unwrap();
    let url = format!("{}/v1/mcp/sse", server.url);
    for newer in [false, true] {
        let mut command = if newer {
            clients::newer_python("mcp_oauth.py", home.path())
        } else {
            clients::python("mcp_oauth.py", home.path())
        };
        command.arg(&url);
        let (words, asked) = run(command, &server, &visitor, "\"created\"").await;
        let told: Value = serde_json::from_str(words.lines().last().unwrap()).unwrap();
        assert_eq!(asked, 2, "at first, and for more: {words}");
        assert_eq!(told["refreshed"], true, "{told}");
        assert_eq!(told["created"], "User grows tomatoes");
        assert!(
            told["scope"].as_str().unwrap().contains("memories:write"),
            "{told}"
        );
        let tools = told["tools"].as_array().unwrap();
        assert!(tools.contains(&"search_memories".into()), "{told}");
    }
    let list = server.get("/v1/mcp/assistants", &user.token).await.ok();
    assert_eq!(list.as_array().unwrap().len(), 2, "{list}");
    assert_eq!(list[0]["name"], "Assistant of Python");
}

#[tokio::test]
async fn the_bridge_asks_its_user_once() {
    if !clients::node_is_for_here() {
        return;
    }
    let server = Server::unguarded().await;
    let user = server.user("ann@example.org").await;
    let visitor = Visitor::signed_in(&server, &user).await;
    let home = tempfile::tempdir().unwrap();
    let url = format!("{}/v1/mcp/sse", server.url);
    for times in [1, 0] {
        let mut command = clients::node("mcp-remote/dist/client.js", home.path());
        command.arg(&url);
        let (words, asked) = run(command, &server, &visitor, "search_memories").await;
        assert_eq!(asked, times, "{words}");
    }
}

/// Below those that the system hands out by itself: no other test gets it in the meantime.
fn free_port() -> u16 {
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    (first..first + 1000)
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}

#[tokio::test]
async fn the_one_who_gives_tokens_conforms() {
    if !clients::node_is_for_here() {
        return;
    }
    let server = Server::unguarded().await;
    let user = server.user("ann@example.org").await;
    let visitor = Visitor::signed_in(&server, &user).await;
    let home = tempfile::tempdir().unwrap();
    let port = free_port().to_string();
    let returns = format!("http://127.0.0.1:{port}/callback");
    let connector = Connector::of(&server, "none", &returns).await;
    let suite = "@modelcontextprotocol/conformance/dist/index.js";
    let mut command = clients::node(suite, home.path());
    command.args([
        "authorization",
        "--url",
        &server.url,
        "--client-id",
        &connector.id,
    ]);
    command.args([
        "--resource",
        &format!("{}/v1/mcp/sse", server.url),
        "--port",
        &port,
    ]);
    let (words, asked) = run(command, &server, &visitor, "Total: ").await;
    assert_eq!(asked, 1, "{words}");
    assert!(words.contains("Total: 2 passed, 0 failed"), "{words}");
}
