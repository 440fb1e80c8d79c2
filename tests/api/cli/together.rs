//! Servers and commands on one data directory at the same time.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, Instant},
};

use omi_server::platform::database::private::{DataDirLock, Role};
use tokio::{process::Command, task::JoinSet};

use super::{assert_sentence, omi, run};
use crate::support::Server;

#[tokio::test]
async fn one_server_has_a_data_directory_whatever_the_database() {
    let server = Server::deaf().await;
    let begun = Instant::now();
    let second = omi(&server, &["serve"]).await;
    assert_eq!(second.code, 1, "{second:#?}");
    let words = format!("another omi-server (process {}) already uses", server.pid());
    assert!(second.err.contains(&words), "{second:#?}");
    assert!(begun.elapsed() < Duration::from_secs(20), "refused at once");
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A server that was started and stopped: its private database does not run.
async fn stopped() -> Server {
    let mut server = Server::private().await;
    server.stop().await;
    server
}

fn create(server: &Server, name: &str) -> Command {
    let email = format!("{name}@example.org");
    server.command(&["user", "create", "--email", &email])
}

#[tokio::test]
async fn a_command_waits_for_the_server_that_starts() {
    let mut server = stopped().await;
    // A fresh directory: the longest start. The folder above it gets a usual mode, and doctor makes nothing.
    server.data_dir = server.data_dir.with_file_name("above").join("fresh");
    let doctor = omi(&server, &["doctor"]).await;
    assert_eq!(doctor.code, 0, "{doctor:#?}");
    for start in ["warn  migrations ", "warn  queue ", "ok    data "] {
        assert!(doctor.out.contains(start), "{start:?}: {doctor:#?}");
    }
    assert!(!server.data_dir.parent().unwrap().exists());

    let mut ann = create(&server, "ann");
    let early = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        run(&mut ann).await
    });
    server.run().await;
    let early = early.await.unwrap();
    assert_eq!(early.code, 0, "{early:#?}");
    let token = server
        .cli(&["token", "create", "--email", "ann@example.org"])
        .await;
    server.get("/v1/conversations", &token).await.ok();

    let folder = server.data_dir.clone();
    assert_eq!(mode(&folder), 0o711);
    assert_ne!(
        mode(folder.parent().unwrap()),
        0o711,
        "the one above is not ours"
    );
    server.stop().await;
    // What was opened to others is closed again.
    std::fs::set_permissions(folder.join("secrets"), Permissions::from_mode(0o755)).unwrap();
    let doctor = omi(&server, &["doctor"]).await;
    assert!(doctor.out.contains("warn  data "), "{doctor:#?}");
    server.run().await;
    assert_eq!(mode(&folder.join("secrets")), 0o700);
    server.stop().await;
}

#[tokio::test]
async fn commands_and_a_server_that_starts_wait_for_each_other() {
    let mut server = stopped().await;
    server.data_dir = server.data_dir.with_file_name("fresh");
    let mut commands = JoinSet::new();
    for n in 0..6 {
        let mut command = create(&server, &format!("user{n}"));
        commands.spawn(async move { run(&mut command).await });
    }
    while let Some(ran) = commands.join_next().await {
        let ran = ran.unwrap();
        assert_eq!(ran.code, 0, "{ran:#?}");
    }
    for n in 6..9 {
        let mut command = create(&server, &format!("user{n}"));
        commands.spawn(async move { run(&mut command).await });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.run().await;
    while let Some(ran) = commands.join_next().await {
        let ran = ran.unwrap();
        assert_eq!(ran.code, 0, "{ran:#?}");
    }
    server.stop().await;

    // A command that takes its time.
    let command = DataDirLock::acquire_as(Role::Command, &server.data_dir).unwrap();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        drop(command);
    });
    server.run().await;
    let count: i64 = sqlx::query_scalar("select count(*) from users")
        .fetch_one(&server.pool().await)
        .await
        .unwrap();
    assert_eq!(count, 9);
    server.stop().await;
}

#[tokio::test]
async fn commands_share_a_private_database_or_start_it_for_the_moment() {
    let mut server = Server::private().await;
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
