//! Durable jobs: one that is killed in the middle is done soon after the restart, and once.

use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::{Connection as _, PgPool};
use uuid::Uuid;

use crate::support::{Server, ServerOptions, server::client};

#[tokio::test]
async fn a_killed_job_is_done_after_the_restart_with_a_shared_database() {
    // Whether the dead server's worker is dead shows only in its missing heartbeat.
    killed_in_the_middle(
        ServerOptions {
            deaf: true,
            ..ServerOptions::default()
        },
        Duration::from_secs(60),
    )
    .await;
}

#[tokio::test]
async fn a_killed_job_is_done_at_once_with_a_private_database() {
    let options = ServerOptions {
        private_database: true,
        deaf: true,
        env: vec![],
    };
    killed_in_the_middle(options, Duration::from_secs(10)).await;
}

async fn killed_in_the_middle(options: ServerOptions, patience: Duration) {
    let mut server = Server::start_with(options).await;
    let user = server.user("ann@example.org").await;
    let db = server.pool().await;

    // Its transaction comes as far as the action items and waits there; reading goes on.
    let mut holder = db.acquire().await.unwrap().detach();
    let mut held = holder.begin().await.unwrap();
    sqlx::query("lock table action_items in exclusive mode")
        .execute(&mut *held)
        .await
        .unwrap();
    let body = json!({"text": "Remind me to call the dentist tomorrow. Remind me to water the roses on Friday."});
    let request = client()
        .post(format!("{}/v1/dev/user/conversations", server.url))
        .bearer_auth(&user.developer_key)
        .json(&body);
    let post = tokio::spawn(request.send());
    let id = until(
        "the job waits for the lock",
        Duration::from_secs(20),
        async || waiting(&db).await,
    )
    .await;

    server.kill().await;
    assert!(
        post.await.unwrap().is_err(),
        "the server died before it answered"
    );
    assert_eq!(state(&db, id).await, ("processing".to_string(), 1));
    held.rollback().await.unwrap();
    until("the dead server's transaction is gone", Duration::from_secs(20), async || {
        let others: i64 = sqlx::query_scalar(
            "select count(*) from pg_locks where relation = 'action_items'::regclass and pid <> pg_backend_pid()",
        )
        .fetch_one(&db)
        .await
        .unwrap();
        (others == 0).then_some(())
    })
    .await;
    assert_eq!(
        state(&db, id).await,
        ("processing".to_string(), 1),
        "nothing of it was kept"
    );

    let start = Instant::now();
    server.run().await;
    let path = format!("/v1/conversations/{id}");
    let done = server
        .wait_for(&path, &user.token, patience, |found| {
            found["status"] == "completed"
        })
        .await;
    println!(
        "done {:.1} s after the restart",
        start.elapsed().as_secs_f64()
    );
    assert!(start.elapsed() < patience, "{:?}", start.elapsed());

    // Once: the second attempt found everything, and nothing is left to do.
    assert_eq!(state(&db, id).await, ("completed".to_string(), 2));
    let path = format!("/v1/dev/user/action-items?conversation_id={id}");
    let items = server.get(&path, &user.developer_key).await.ok();
    let items = items.as_array().unwrap();
    assert_eq!(items.len(), 2, "{items:#?}");
    assert_eq!(
        done["structured"]["action_items"].as_array().unwrap().len(),
        2
    );
    until("the queue is empty", Duration::from_secs(5), async || {
        let jobs: i64 = sqlx::query_scalar("select count(*) from graphile_worker._private_jobs")
            .fetch_one(&db)
            .await
            .unwrap();
        (jobs == 0).then_some(())
    })
    .await;
    db.close().await;
    server.stop().await;
}

/// The conversation that is being processed, once its job waits for the lock.
async fn waiting(db: &PgPool) -> Option<Uuid> {
    sqlx::query_scalar(
        "select id from conversations
         where status = 'processing'
           and exists (select from pg_locks where relation = 'action_items'::regclass and not granted)
           and exists (select from graphile_worker._private_jobs where locked_at is not null)",
    )
    .fetch_optional(db)
    .await
    .unwrap()
}

/// Status and number of attempts.
async fn state(db: &PgPool, id: Uuid) -> (String, i32) {
    sqlx::query_as("select status, processing_attempts from conversations where id = $1")
        .bind(id)
        .fetch_one(db)
        .await
        .unwrap()
}

async fn until<T>(what: &str, patience: Duration, found: impl AsyncFn() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = found().await {
            return value;
        }
        assert!(start.elapsed() < patience, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
