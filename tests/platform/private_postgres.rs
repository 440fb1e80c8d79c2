//! The private PostgreSQL: first and later starts, where it goes, and what is refused.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod kills;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use omi_server::platform::database::private::{
    self, DataDirLock, LockError, PrivateError, PrivatePostgres, Settings, Status,
};
use sqlx::{ConnectOptions, Connection, PgConnection};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(60);

/// A directory that every account can pass through, and settings that keep everything inside it. A test that kills the
/// postmaster and counts rows needs `durable`: without it, a commit reaches the disk a moment later.
fn place() -> (TempDir, Settings) {
    let dir = TempDir::new().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).unwrap();
    let settings = settings(dir.path());
    (dir, settings)
}

fn settings(dir: &Path) -> Settings {
    Settings {
        state_root: dir.join("state"),
        durable: false,
        ..Settings::new(dir.join("data"), "omi")
    }
}

async fn connect(postgres: &PrivatePostgres) -> PgConnection {
    postgres.options().connect().await.unwrap()
}

/// Tries until a query is answered.
async fn answer(postgres: &PrivatePostgres, query: &'static str) -> i64 {
    let ask = async || {
        let mut connection = postgres.options().connect().await?;
        sqlx::query_scalar::<_, i64>(query)
            .fetch_one(&mut connection)
            .await
    };
    let begun = Instant::now();
    loop {
        match ask().await {
            Ok(value) => return value,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn write_rows(postgres: &PrivatePostgres) {
    let mut connection = connect(postgres).await;
    sqlx::raw_sql(
        "create table notes (n bigint); insert into notes select generate_series(1, 1000)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
}

const COUNT: &str = "select count(*) from notes";

fn postmaster(cluster: &Path) -> i32 {
    let text = fs::read_to_string(cluster.join("postmaster.pid")).unwrap();
    text.lines().next().unwrap().parse().unwrap()
}

fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// True for a zombie too.
fn exists(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None).is_ok()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the status was Restarting, then until it is Running again; the seconds from one to the other.
async fn restarted(postgres: &PrivatePostgres) -> f32 {
    let mut status = postgres.status();
    let down = |status: &Status| matches!(status, Status::Restarting { attempt: 1.., .. });
    timeout(PATIENCE, status.wait_for(down))
        .await
        .unwrap()
        .unwrap();
    let begun = Instant::now();
    let up = |status: &Status| *status == Status::Running;
    timeout(PATIENCE, status.wait_for(up))
        .await
        .unwrap()
        .unwrap();
    begun.elapsed().as_secs_f32()
}

/// Stops it and checks that no process and no pid file is left.
async fn stop(postgres: PrivatePostgres) {
    let cluster = postgres.cluster_dir().to_owned();
    let pid = postmaster(&cluster);
    let adopted = postgres.adopted();
    postgres.stop().await;
    if adopted {
        // Its parent, process 1, may take a moment to reap it.
        until("the adopted process is gone", || !exists(pid)).await;
    }
    assert!(!exists(pid), "process {pid} is left");
    assert!(!cluster.join("postmaster.pid").exists());
}

async fn refusal(settings: &Settings) -> String {
    private::start(settings.clone())
        .await
        .unwrap_err()
        .to_string()
}

#[tokio::test]
async fn a_later_start_is_warm_and_finds_the_rows() {
    let (_dir, settings) = place();
    assert!(private::running(&settings).await.is_none());

    let begun = Instant::now();
    let postgres = private::start(settings.clone()).await.unwrap();
    eprintln!("first start: {} ms", begun.elapsed().as_millis());
    assert_eq!(*postgres.status().borrow(), Status::Running);
    assert!(!postgres.adopted());
    assert!(postgres.version() >= private::MINIMUM_MAJOR);
    let data_dir = settings.data_dir.canonicalize().unwrap();
    assert_eq!(postgres.cluster_dir(), data_dir.join("postgres"));
    assert_eq!(fs::metadata(&data_dir).unwrap().mode() & 0o777, 0o711);
    assert_eq!(
        fs::metadata(postgres.cluster_dir()).unwrap().mode() & 0o777,
        0o700
    );
    let mut connection = connect(&postgres).await;
    let facts: (String, String, String, String) = sqlx::query_as(
        "select current_user::text, current_database()::text, current_setting('listen_addresses'), \
         current_setting('data_checksums')",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(
        facts,
        ("omi".into(), "omi".into(), String::new(), "on".into())
    );
    drop(connection);
    write_rows(&postgres).await;

    let options = private::running(&settings).await.unwrap();
    let mut connection = options.connect().await.unwrap();
    let count: i64 = sqlx::query_scalar(COUNT)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(count, 1000);
    let error = refusal(&settings).await;
    let me = std::process::id();
    assert!(
        error.contains(&format!("another omi-server (process {me}) already uses")),
        "{error}"
    );
    stop(postgres).await;
    assert!(private::running(&settings).await.is_none());

    let begun = Instant::now();
    let postgres = private::start(settings.clone()).await.unwrap();
    eprintln!("warm start: {} ms", begun.elapsed().as_millis());
    assert_eq!(answer(&postgres, COUNT).await, 1000);
    let cluster = postgres.cluster_dir().to_owned();
    let version = postgres.version();
    stop(postgres).await;

    // What PostgreSQL says when it does not start is in the error.
    let own_settings = fs::read_to_string(cluster.join("postgresql.conf")).unwrap();
    fs::write(cluster.join("postgresql.conf"), "no_such_setting = 1\n").unwrap();
    let error = refusal(&settings).await;
    assert!(
        error.contains("unrecognized configuration parameter"),
        "{error}"
    );
    eprintln!("{error}");
    fs::write(cluster.join("postgresql.conf"), own_settings).unwrap();

    for other in [14, 99] {
        fs::write(cluster.join("PG_VERSION"), format!("{other}\n")).unwrap();
        let error = refusal(&settings).await;
        assert!(
            error.contains(&format!("was made by PostgreSQL {other}")),
            "{error}"
        );
        assert!(
            error.contains(&format!("only PostgreSQL {version}.")),
            "{error}"
        );
        eprintln!("{error}");
    }
}

#[tokio::test]
async fn a_data_directory_closed_to_the_database_user_gets_its_cluster_elsewhere() {
    if !Uid::effective().is_root() {
        return;
    }
    let (dir, mut settings) = place();
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    settings.data_dir = closed.join("data");

    let postgres = private::start(settings.clone()).await.unwrap();
    let cluster = postgres.cluster_dir().to_owned();
    assert!(cluster.starts_with(settings.state_root.canonicalize().unwrap()));
    write_rows(&postgres).await;
    assert!(private::running(&settings).await.is_some());

    // A copy of the data directory points to the same cluster, and may not use it at the same time.
    let copy = Settings {
        data_dir: closed.join("copy"),
        ..settings.clone()
    };
    fs::create_dir(&copy.data_dir).unwrap();
    fs::copy(
        settings.data_dir.join("postgres.path"),
        copy.data_dir.join("postgres.path"),
    )
    .unwrap();
    let error = private::start(copy).await.unwrap_err();
    assert!(
        matches!(error, PrivateError::Lock(LockError::Held { .. })),
        "{error}"
    );
    stop(postgres).await;

    let postgres = private::start(settings.clone()).await.unwrap();
    assert_eq!(postgres.cluster_dir(), cluster);
    assert_eq!(answer(&postgres, COUNT).await, 1000);
    stop(postgres).await;

    // A new data directory in the old one's place begins empty; the old cluster is kept.
    fs::remove_dir_all(&settings.data_dir).unwrap();
    let postgres = private::start(settings.clone()).await.unwrap();
    assert_eq!(
        answer(
            &postgres,
            "select count(*) from pg_class where relname = 'notes'"
        )
        .await,
        0
    );
    stop(postgres).await;
    let kept = fs::read_dir(cluster.parent().unwrap())
        .unwrap()
        .flatten()
        .any(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with("postgres.old-")
        });
    assert!(kept);

    // A cluster that was moved behind a closed door is refused, not replaced.
    let (_open, mut moved) = place();
    moved.data_dir = closed.join("moved");
    fs::create_dir_all(moved.data_dir.join("postgres")).unwrap();
    let owner = fs::metadata(&cluster).unwrap();
    std::os::unix::fs::chown(
        moved.data_dir.join("postgres"),
        Some(owner.uid()),
        Some(owner.gid()),
    )
    .unwrap();
    fs::copy(
        cluster.join("PG_VERSION"),
        moved.data_dir.join("postgres/PG_VERSION"),
    )
    .unwrap();
    let error = refusal(&moved).await;
    assert!(error.contains("cannot enter"), "{error}");
}

#[tokio::test]
async fn a_long_path_puts_the_socket_elsewhere() {
    let (dir, mut settings) = place();
    settings.data_dir = dir
        .path()
        .join("d".repeat(120))
        .join("with space, comma and \"quote\"");
    let postgres = private::start(settings.clone()).await.unwrap();
    let socket_dir = postgres.socket_dir().to_owned();
    assert_ne!(socket_dir, postgres.cluster_dir());
    assert_eq!(fs::metadata(&socket_dir).unwrap().mode() & 0o777, 0o700);
    write_rows(&postgres).await;
    assert!(private::running(&settings).await.is_some());

    // When a cleaner of temporary files takes it away, it is made again in the same place.
    let pid = postmaster(postgres.cluster_dir());
    fs::remove_dir_all(&socket_dir).unwrap();
    restarted(&postgres).await;
    assert!(!exists(pid));
    assert_eq!(answer(&postgres, COUNT).await, 1000);
    stop(postgres).await;
    assert!(!socket_dir.exists());
}

#[tokio::test]
async fn odd_characters_in_a_path_are_no_hindrance() {
    let (dir, mut settings) = place();
    settings.data_dir = dir.path().join("a space, a comma and a \"quote\"");
    let postgres = private::start(settings).await.unwrap();
    assert_eq!(postgres.socket_dir(), postgres.cluster_dir());
    stop(postgres).await;
}

#[tokio::test]
async fn what_an_interrupted_first_start_left_is_removed() {
    let (_dir, settings) = place();
    fs::create_dir_all(settings.data_dir.join("postgres.new-1234/base")).unwrap();
    fs::write(
        settings.data_dir.join("postgres.new-1234/PG_VERSION"),
        "15\n",
    )
    .unwrap();
    fs::set_permissions(&settings.data_dir, Permissions::from_mode(0o711)).unwrap();
    let interrupted = timeout(Duration::from_millis(100), private::start(settings.clone())).await;
    assert!(interrupted.is_err(), "initdb was done in 100 ms");

    let postgres = private::start(settings.clone()).await.unwrap();
    let left: Vec<_> = fs::read_dir(&settings.data_dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("new"))
        .collect();
    assert!(left.is_empty(), "{left:?}");

    // Without `stop` it ends as well, only later.
    let pid = postmaster(postgres.cluster_dir());
    drop(postgres);
    until("the dropped one has ended", || !exists(pid)).await;
}

#[tokio::test]
async fn what_cannot_be_right_is_refused() {
    let (_dir, settings) = place();
    fs::create_dir(&settings.data_dir).unwrap();

    let lock = DataDirLock::acquire(&settings.data_dir).unwrap();
    let error = refusal(&settings).await;
    assert!(error.contains("already uses"), "{error}");
    drop(lock);

    let named = Settings {
        database: "omi; drop".into(),
        ..settings.clone()
    };
    let error = refusal(&named).await;
    assert!(error.contains("cannot be a database's name"), "{error}");

    let elsewhere = Settings {
        bin_dir: Some("/nowhere".into()),
        ..settings.clone()
    };
    let error = refusal(&elsewhere).await;
    assert!(error.contains("OMI_POSTGRES_BIN names /nowhere"), "{error}");

    fs::create_dir(settings.data_dir.join("postgres")).unwrap();
    fs::write(settings.data_dir.join("postgres/photo"), "").unwrap();
    let error = refusal(&settings).await;
    assert!(error.contains("holds no database"), "{error}");

    fs::write(
        settings.data_dir.join("postgres.path"),
        "/nowhere/postgres\n",
    )
    .unwrap();
    let error = refusal(&settings).await;
    assert!(error.contains("but nothing is there"), "{error}");

    if Uid::effective().is_root() {
        fs::remove_file(settings.data_dir.join("postgres.path")).unwrap();
        for user in ["root", "no-such-user"] {
            let user = Settings {
                database_user: Some(user.into()),
                ..settings.clone()
            };
            let error = refusal(&user).await;
            assert!(error.contains("does not run as root"), "{error}");
        }
    }
}
