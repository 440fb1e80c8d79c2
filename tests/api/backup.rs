//! `omi-server backup` and `omi-server restore`: a whole server as a file, and back.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use super::plant;
use crate::support::{
    Server,
    postgres::digests,
    server::{User, client},
};

async fn run(server: &Server, command: &str, file: &Path, more: &[&str]) -> Output {
    let arguments = [&[command, file.to_str().unwrap()], more].concat();
    server.command(&arguments).output().await.unwrap()
}

#[track_caller]
fn assert_refused(output: &Output, words: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}: {told}");
    assert!(output.stdout.is_empty(), "{words}");
    assert!(
        told.starts_with("omi-server: ") && told.contains(words),
        "{words:?} is missing: {told}"
    );
    assert_eq!(told.trim_end().lines().count(), 1, "{told}");
}

#[track_caller]
fn assert_done(output: &Output) {
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).lines().count(),
        1,
        "{output:#?}"
    );
}

async fn speak(server: &Server, user: &User) -> uuid::Uuid {
    let db = server.pool().await;
    let conversation = plant::Conversation::default().put(&db, &user.uid).await;
    plant::segment(
        &db,
        &user.uid,
        conversation,
        0,
        true,
        0.0,
        "We saw a heron.",
    )
    .await;
    let begin = plant::at("2026-01-31T09:00:00Z");
    let sound: Vec<i16> = (0..16_000).map(|n| (n * 37 % 4000) as i16).collect();
    plant::sound(
        &db,
        &server.data_dir,
        &user.uid,
        conversation,
        begin,
        &sound,
    )
    .await;
    conversation
}

async fn played(server: &Server, user: &User, conversation: uuid::Uuid) -> Vec<u8> {
    let urls = format!("/v1/sync/audio/{conversation}/urls");
    let urls = server.get(&urls, &user.token).await.ok();
    let file = urls["audio_files"][0]["id"].as_str().unwrap();
    let path = format!("{}/v1/sync/audio/{conversation}/{file}", server.url);
    let answer = client()
        .get(path)
        .bearer_auth(&user.token)
        .header("range", "bytes=4000-5999");
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 206);
    answer.bytes().await.unwrap().to_vec()
}

/// From a database that is shared into a private one, and over another: all is there, and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_comes_back_whole() {
    let (old, mut new) = (Server::deaf().await, Server::private().await);
    let ann = old.user("ann@example.org").await;
    let conversation = speak(&old, &ann).await;
    let sound = played(&old, &ann, conversation).await;
    let secret = |server: &Server| fs::read(server.data_dir.join("secrets/metrics_token")).unwrap();
    let begun = Instant::now();
    let searched = "/v1/search?q=heron";
    while !old
        .get(searched, &ann.token)
        .await
        .ok()
        .to_string()
        .contains("saw a heron")
    {
        assert!(begun.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let but = ["rate_windows"];
    let before = digests(&old.pool().await, &but).await;
    let file = old.data_dir.with_file_name("all.backup");
    assert_done(&run(&old, "backup", &file, &[]).await);
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_refused(&run(&old, "backup", &file, &[]).await, "--force");
    assert_done(&run(&old, "backup", &file, &["--force"]).await);
    let left: Vec<_> = fs::read_dir(file.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().contains(".partial")),
        "{left:?}"
    );

    // Not while a server runs, here or on the same database.
    assert_refused(
        &run(&new, "restore", &file, &["--force"]).await,
        "already uses",
    );
    assert_refused(
        &run(&old, "restore", &file, &["--force"]).await,
        "already uses",
    );
    let mut elsewhere = old.command(&["restore", file.to_str().unwrap(), "--force"]);
    elsewhere.env("OMI_DATA_DIR", old.data_dir.with_file_name("elsewhere"));
    assert_refused(
        &elsewhere.output().await.unwrap(),
        "a server uses the database",
    );
    new.stop().await;

    // Damaged, cut short, something else.
    let whole = fs::read(&file).unwrap();
    let bad = file.with_file_name("bad.backup");
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    for (bytes, words) in [
        (&damaged[..], "damaged"),
        (&whole[..whole.len() / 2], "cut short"),
        (&whole[..whole.len() - 2048], "cut short"),
        (&b""[..], "cut short"),
        (&[b'x'; 4096][..], "is no backup"),
    ] {
        fs::write(&bad, bytes).unwrap();
        assert_refused(&run(&new, "restore", &bad, &[]).await, words);
    }
    assert_refused(
        &run(&new, "restore", &file.with_file_name("absent"), &[]).await,
        "cannot be read",
    );
    assert!(!new.data_dir.join("restoring").exists());

    assert_done(&run(&new, "restore", &file, &[]).await);
    // Now it has accounts.
    assert_refused(&run(&new, "restore", &file, &[]).await, "--force");
    new.run().await;
    assert_eq!(digests(&new.pool().await, &but).await, before);
    assert_eq!(secret(&new), secret(&old));
    assert_eq!(played(&new, &ann, conversation).await, sound);
    assert!(
        new.get(searched, &ann.token)
            .await
            .ok()
            .to_string()
            .contains("saw a heron")
    );
    // Jobs run, the schema is whole.
    let body = serde_json::json!({"text": "Remind me to buy bread."});
    let made = new
        .post("/v1/dev/user/conversations", &ann.developer_key, body)
        .await
        .ok();
    assert_eq!(made["status"], "completed", "{made:#}");
    let ben = new.user("ben@example.org").await;

    // And over what is there: nothing of it stays.
    speak(&new, &ben).await;
    new.stop().await;
    assert_done(&run(&new, "restore", &file, &["--force"]).await);
    let sounds = fs::read_dir(new.data_dir.join("audio")).unwrap().count();
    assert_eq!(sounds, 1);
    assert!(!new.data_dir.join("restoring").exists());
    new.run().await;
    assert_eq!(digests(&new.pool().await, &but).await, before);
    assert_eq!(new.get("/v1/users/profile", &ben.token).await.status, 401);
    // Of a private database, too.
    let second = new.data_dir.with_file_name("second.backup");
    assert_done(&run(&new, "backup", &second, &[]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_killed_is_never_half_there() {
    let mut server = Server::private().await;
    let ann = server.user("ann@example.org").await;
    let conversation = speak(&server, &ann).await;
    let sound = played(&server, &ann, conversation).await;
    let db = server.pool().await;
    sqlx::query(
        "insert into memories (uid, id, content, category, visibility, manually_added, reviewed, scoring, created_at, updated_at)
         select $1, gen_random_uuid(), md5(n::text), 'system', 'private', true, true, '00', now(), now()
         from generate_series(1, 20000) n",
    )
    .bind(&ann.uid)
    .execute(&db)
    .await
    .unwrap();
    db.close().await;
    let file = server.data_dir.with_file_name("all.backup");
    for delay in [100, 300, 600] {
        let mut child = server
            .command(&["backup", file.to_str().unwrap()])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(delay)).await;
        child.kill().await.unwrap();
        if file.exists() {
            fs::remove_file(&file).unwrap();
        }
    }
    assert_done(&run(&server, "backup", &file, &[]).await);
    server.stop().await;
    for delay in [300, 600, 1000, 1500, 2000] {
        let mut child = server
            .command(&["restore", file.to_str().unwrap(), "--force"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(delay)).await;
        let _ = child.kill().await;
        // The server starts with all it had, or says what to do.
        if server.data_dir.join("restoring/begun").exists() {
            let output = server.command(&["serve"]).output().await.unwrap();
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(told.contains("run `omi-server restore` again"), "{told}");
        }
    }
    assert_done(&run(&server, "restore", &file, &["--force"]).await);
    server.run().await;
    assert_eq!(played(&server, &ann, conversation).await, sound);
    let count: i64 = sqlx::query_scalar("select count(*) from memories")
        .fetch_one(&server.pool().await)
        .await
        .unwrap();
    assert_eq!(count, 20_000);
}
