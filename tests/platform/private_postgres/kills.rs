//! The private PostgreSQL after a kill of its server, its postmaster or a backend.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::*;

/// Set for the process that is started to be killed.
const HOLD: &str = "OMI_TEST_HOLD_DATABASE";

/// Runs a server in another process, kills it, and waits until the kernel has let go of it.
async fn start_and_kill_a_server(dir: &Path) {
    let path = module_path!().split_once("::").unwrap().1;
    let test = format!("{path}::holds_a_database_until_it_is_killed");
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", &test])
        .env(HOLD, dir)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until("the other server has started", || dir.join("held").exists()).await;
    server.kill().unwrap();
    server.wait().unwrap();
}

#[tokio::test]
async fn a_killed_postmaster_is_restarted() {
    let (_dir, mut settings) = place();
    settings.durable = true;
    let postgres = private::start(settings).await.unwrap();
    write_rows(&postgres).await;
    // Ends with the old postmaster; that holds up the new one for a moment.
    let _busy = connect(&postgres).await;

    let first = postmaster(postgres.cluster_dir());
    send(first, Signal::SIGKILL);
    eprintln!("restart after kill -9: {} s", restarted(&postgres).await);
    assert!(!exists(first));
    let second = postmaster(postgres.cluster_dir());
    assert_ne!(second, first);
    assert_eq!(answer(&postgres, COUNT).await, 1000);

    let mut connection = connect(&postgres).await;
    let backend: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    send(backend, Signal::SIGKILL);
    let begun = Instant::now();
    until("the killed backend is gone", || !exists(backend)).await;
    assert_eq!(answer(&postgres, COUNT).await, 1000);
    eprintln!(
        "answer after kill -9 of a backend: {} ms",
        begun.elapsed().as_millis()
    );
    assert_eq!(postmaster(postgres.cluster_dir()), second);
    assert_eq!(*postgres.status().borrow(), Status::Running);

    // A stop in the middle of a restart leaves nothing behind either.
    send(second, Signal::SIGKILL);
    let mut status = postgres.status();
    timeout(PATIENCE, status.wait_for(|it| *it != Status::Running))
        .await
        .unwrap()
        .unwrap();
    let cluster = postgres.cluster_dir().to_owned();
    postgres.stop().await;
    let last = fs::read_to_string(cluster.join("postmaster.pid"));
    assert!(last.is_err() || !exists(postmaster(&cluster)));
}

#[tokio::test]
async fn the_database_of_a_killed_server_is_adopted() {
    let (dir, mut settings) = place();
    settings.durable = true;
    start_and_kill_a_server(dir.path()).await;

    // It goes on without its server, also when it has something to log.
    let options = private::running(&settings).await.unwrap();
    let mut connection = options.connect().await.unwrap();
    for _ in 0..100 {
        let told = "do $$ begin raise log 'still here'; end $$";
        sqlx::query(told).execute(&mut connection).await.unwrap();
    }
    let log = fs::read_to_string(settings.data_dir.join("postgres.log")).unwrap();
    assert!(log.matches("still here").count() >= 100);
    connection.close().await.unwrap();

    let begun = Instant::now();
    let postgres = private::start(settings.clone()).await.unwrap();
    eprintln!("adoption: {} ms", begun.elapsed().as_millis());
    assert!(postgres.adopted());
    assert_eq!(answer(&postgres, COUNT).await, 1000);

    // It is watched like one's own.
    let pid = postmaster(postgres.cluster_dir());
    send(pid, Signal::SIGKILL);
    eprintln!(
        "restart of an adopted one: {} s",
        restarted(&postgres).await
    );
    assert_eq!(answer(&postgres, COUNT).await, 1000);
    stop(postgres).await;
}

#[tokio::test]
async fn an_adopted_database_is_stopped_too() {
    let (dir, settings) = place();
    start_and_kill_a_server(dir.path()).await;
    let postgres = private::start(settings).await.unwrap();
    assert!(postgres.adopted());
    stop(postgres).await;
}

#[tokio::test]
async fn a_server_and_a_database_killed_together_start_again() {
    let (dir, mut settings) = place();
    settings.durable = true;
    start_and_kill_a_server(dir.path()).await;
    // Until its parent reaps it, the old process keeps its number.
    let old = postmaster(&settings.data_dir.join("postgres"));
    send(old, Signal::SIGKILL);
    let postgres = private::start(settings).await.unwrap();
    assert!(!postgres.adopted());
    assert_eq!(answer(&postgres, COUNT).await, 1000);
    stop(postgres).await;
}

/// Not a test: the server that the tests above kill.
#[tokio::test]
#[ignore = "run by other tests, which kill it"]
async fn holds_a_database_until_it_is_killed() {
    let Some(dir) = std::env::var_os(HOLD).map(PathBuf::from) else {
        return;
    };
    let settings = Settings {
        durable: true,
        ..settings(&dir)
    };
    let postgres = private::start(settings).await.unwrap();
    write_rows(&postgres).await;
    fs::write(dir.join("held"), "").unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_foreign_process_with_the_old_number_does_not_hinder_a_start() {
    let (_dir, settings) = place();
    let postgres = private::start(settings.clone()).await.unwrap();
    let cluster = postgres.cluster_dir().to_owned();
    write_rows(&postgres).await;
    let pid_file = fs::read_to_string(cluster.join("postmaster.pid")).unwrap();
    stop(postgres).await;

    // Of the same user, as PostgreSQL itself passes over other users' processes.
    let mut sleeper = Command::new("sleep");
    sleeper.arg("600");
    let owner = fs::metadata(&cluster).unwrap();
    if Uid::effective().is_root() {
        sleeper.uid(owner.uid()).gid(owner.gid());
    }
    let mut sleeper = sleeper.spawn().unwrap();
    let rest = pid_file.split_once('\n').unwrap().1;
    fs::write(
        cluster.join("postmaster.pid"),
        format!("{}\n{rest}", sleeper.id()),
    )
    .unwrap();

    let postgres = private::start(settings).await.unwrap();
    assert!(!postgres.adopted());
    assert_eq!(answer(&postgres, COUNT).await, 1000);
    stop(postgres).await;
    assert!(sleeper.try_wait().unwrap().is_none());
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
}
