//! The published clients, which `make test` installs, in an environment of their own.

use std::{
    path::{Path, PathBuf},
    process::{Command as Blocking, Stdio},
};

use tokio::process::Command;

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

pub fn script_path(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(script)
}
