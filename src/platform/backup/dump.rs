//! PostgreSQL's own programs, which write a database as one stream and read it again.

use std::{
    io::{self, Read},
    process::{Child, Command, Stdio},
    thread::JoinHandle,
};

use anyhow::{Context as _, Result, anyhow, bail};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::platform::database::{Source, private};

/// Writes the database into `take`, from one moment.
pub fn dump(
    program: &private::Program,
    database: &Access,
    take: impl FnOnce(&mut dyn Read) -> Result<()>,
) -> Result<()> {
    let mut command = database.command(program);
    command
        // Owners and rights are those of the server that it comes to.
        .args([
            "--format=custom",
            "--no-owner",
            "--no-privileges",
            "--no-comments",
            "--lock-wait-timeout=60s",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut run = Running::start(command, "pg_dump")?;
    let mut stdout = run.child.stdout.take().context("pg_dump has no output")?;
    let taken = take(&mut stdout);
    drop(stdout);
    // Its own words say more than that its output ended.
    run.end()?;
    taken
}

/// Whether such a stream can be read, as far as its table of contents.
pub fn check(program: &private::Program, from: &mut dyn Read) -> Result<()> {
    let mut command = Command::new(&program.path);
    command.arg("--list");
    feed(command, from)
}

/// Puts such a stream into a database without tables, all or nothing.
pub fn restore(program: &private::Program, database: &Access, from: &mut dyn Read) -> Result<()> {
    let mut command = database.command(program);
    command.args([
        "--single-transaction",
        "--exit-on-error",
        "--no-owner",
        "--no-privileges",
    ]);
    command.arg(format!("--dbname={}", database.name));
    feed(command, from)
}

fn feed(mut command: Command, from: &mut dyn Read) -> Result<()> {
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut run = Running::start(command, "pg_restore")?;
    let mut stdin = run.child.stdin.take().context("pg_restore has no input")?;
    let fed = io::copy(from, &mut stdin);
    drop(stdin);
    run.end()?;
    match fed {
        // It has read what it needs.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

struct Running {
    name: &'static str,
    child: Child,
    words: Option<JoinHandle<String>>,
}

impl Running {
    fn start(mut command: Command, name: &'static str) -> Result<Self> {
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} cannot be run"))?;
        let mut stderr = child.stderr.take().context("it has no standard error")?;
        let words = std::thread::spawn(move || {
            let mut words = Vec::new();
            let _ = stderr.read_to_end(&mut words);
            String::from_utf8_lossy(&words).into_owned()
        });
        Ok(Self {
            name,
            child,
            words: Some(words),
        })
    }

    fn end(&mut self) -> Result<()> {
        let status = self.child.wait()?;
        let words = self.words.take().and_then(|words| words.join().ok());
        if status.success() {
            return Ok(());
        }
        let words = words.unwrap_or_default();
        let why = words.lines().find(|line| line.contains("error:"));
        let why = why.or(words.lines().next()).unwrap_or("it said nothing");
        bail!("{} failed ({status}): {why}", self.name)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How those programs reach the database.
pub struct Access {
    name: String,
    env: Vec<(&'static str, String)>,
}

impl Access {
    /// A password goes into the environment of the program only: others can read command lines.
    pub fn new(options: &PgConnectOptions, source: &Source) -> Result<Self> {
        let name = options
            .get_database()
            .ok_or_else(|| anyhow!("DATABASE_URL names no database; add its name"))?
            .to_string();
        let host = match options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => options.get_host().to_string(),
        };
        let mode = match options.get_ssl_mode() {
            PgSslMode::Disable => "disable",
            PgSslMode::Allow => "allow",
            PgSslMode::Prefer => "prefer",
            PgSslMode::Require => "require",
            PgSslMode::VerifyCa => "verify-ca",
            PgSslMode::VerifyFull => "verify-full",
        };
        let mut env = vec![
            ("PGHOST", host),
            ("PGPORT", options.get_port().to_string()),
            ("PGUSER", options.get_username().to_string()),
            ("PGDATABASE", name.clone()),
            ("PGSSLMODE", mode.to_string()),
            ("PGCONNECT_TIMEOUT", "10".to_string()),
        ];
        if let Some(password) = source.password() {
            env.push(("PGPASSWORD", password));
        }
        Ok(Self { name, env })
    }

    fn command(&self, program: &private::Program) -> Command {
        let mut command = Command::new(&program.path);
        command
            .arg("--no-password")
            .env("LC_ALL", "C")
            .envs(self.env.iter().map(|(name, value)| (*name, value.as_str())));
        command
    }
}
