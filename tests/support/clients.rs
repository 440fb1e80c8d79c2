//! The published clients, which `make test` installs, in an environment of their own.

use std::{
    path::{Path, PathBuf},
    process::{Command as Blocking, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("OMI_TEST_CLIENTS") {
        return folder.into();
    }
    // Where tools/test-clients puts them: a folder named after the list of their versions.
    let pins = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/test-clients.txt");
    let sum = Blocking::new("sh")
        .args(["-c", "cksum < \"$0\"", pins])
        .output()
        .unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    PathBuf::from(std::env::var_os("HOME").unwrap())
        .join(".cache/omi-server/clients")
        .join(sum.split(' ').next().unwrap())
}

/// `omi`, `st` or `python`; it sees only loopback and keeps its files in `home`.
pub fn program(name: &str, home: &Path) -> Command {
    let program = folder().join("bin").join(name);
    assert!(
        program.exists(),
        "{} is missing: run `make test`, which installs it",
        program.display()
    );
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("NO_PROXY", "*")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONIOENCODING", "utf-8")
        .current_dir(home)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// `python` with a program of tests/clients.
pub fn python(script: &str, home: &Path) -> Command {
    let mut command = program("python", home);
    command.arg(script_path(script));
    command
}

/// The same with the second generation of the MCP SDK.
pub fn newer_python(script: &str, home: &Path) -> Command {
    let mut command = python(script, home);
    command.env("PYTHONPATH", folder().join("mcp/python"));
    command
}

/// Whether there is a node, for `node`.
pub fn node_is_for_here() -> bool {
    cfg!(all(target_os = "linux", target_arch = "x86_64"))
}

pub fn node_path() -> PathBuf {
    let node = folder().join("language/bin/node");
    assert!(
        node.exists(),
        "{} is missing: run `make test`, which installs it",
        node.display()
    );
    node
}

/// A program of the package of npm, at its path there.
pub fn npm_path(program: &str) -> PathBuf {
    folder().join("mcp/node_modules").join(program)
}

/// `node` with a program of npm; it sees only loopback and keeps its files in `home`.
pub fn node(program: &str, home: &Path) -> Command {
    let mut command = Command::new(node_path());
    command
        .arg(npm_path(program))
        .env_clear()
        .env("HOME", home)
        .env("NO_PROXY", "*")
        .current_dir(home)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

pub fn script_path(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(script)
}

/// A small real language model behind an OpenAI-shaped endpoint.
pub struct LanguageServer {
    /// Base address, with the version.
    pub url: String,
    _child: Child,
}

impl LanguageServer {
    pub async fn start(home: &Path) -> Self {
        let folder = folder().join("language");
        let mut child = Command::new(node_path())
            .arg(script_path("language_server.mjs"))
            .arg(&folder)
            .env_clear()
            .env("HOME", home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = timeout(Duration::from_secs(120), lines.next_line()).await;
        let line = ready
            .expect("the language model did not start")
            .unwrap()
            .expect("the language model's server ended");
        let (_, url) = line.split_once("listening on ").unwrap();
        Self {
            url: format!("{url}/v1"),
            _child: child,
        }
    }
}
