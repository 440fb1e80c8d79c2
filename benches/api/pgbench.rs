//! `pgbench`, one of PostgreSQL's server programs: how fast the database alone runs a statement.

use std::{process::Stdio, time::Duration};

use omi_server::platform::database::private;
use tokio::process::Command;

use super::{cases::Case, data::Data};

/// What pgbench reports.
#[derive(Default)]
pub struct Pgbench {
    /// Transactions.
    pub count: u64,
    seconds: f64,
    latency_ms: f64,
}

impl Pgbench {
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.seconds += other.seconds;
        self.latency_ms += other.latency_ms;
    }

    pub fn rate(&self) -> f64 {
        self.count as f64 / self.seconds
    }

    pub fn mean_ms(&self) -> f64 {
        self.latency_ms / self.count as f64
    }
}

/// Runs the case's script over as many connections as the server is given.
pub async fn run(data: &Data, case: &Case, time: Duration) -> Pgbench {
    let program = private::find_binaries(None).unwrap().program("pgbench");
    assert!(
        program.exists(),
        "{} is missing: install PostgreSQL's server programs whole",
        program.display()
    );
    let script = data.folder().join("statement.sql");
    std::fs::write(&script, &case.script).unwrap();
    let output = Command::new(&program)
        .args([
            "--no-vacuum",
            "--protocol=prepared",
            "--jobs=2",
            "--define=none=none",
        ])
        .arg(format!("--client={}", case.connections))
        .arg(format!("--time={}", time.as_secs()))
        .arg(format!("--file={}", script.display()))
        .args(["--username=omi", "--host"])
        .arg(data.socket_dir())
        .arg(data.name())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "pgbench: {}\n{text}{words}",
        output.status
    );
    let number = |before: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(before));
        let number = line.and_then(|rest| rest.split([' ', '/']).next()?.parse().ok());
        number.unwrap_or_else(|| panic!("pgbench tells no {before:?}:\n{text}"))
    };
    assert_eq!(number("number of failed transactions: "), 0.0, "{text}");
    let count = number("number of transactions actually processed: ");
    Pgbench {
        count: count as u64,
        seconds: count / number("tps = "),
        latency_ms: number("latency average = ") * count,
    }
}
