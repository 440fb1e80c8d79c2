//! Single statements share a few connections, and what happens to one of them harms no other.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::try_join_all;
use omi_server::platform::database::Db;
use sqlx::postgres::PgPoolOptions;
use tokio::time::timeout;

use crate::support::postgres::TestDatabase;

async fn backend(db: &Db) -> sqlx::Result<i32> {
    sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(db)
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_share_half_of_the_connections() {
    let database = TestDatabase::new().await;
    let pool = PgPoolOptions::new()
        .max_connections(4)
        .acquire_timeout(Duration::from_secs(5))
        .connect_with(database.options.clone())
        .await
        .unwrap();
    let db = Db::new(pool);
    let used = try_join_all((0..50).map(|_| backend(&db))).await.unwrap();
    assert!(used.into_iter().collect::<BTreeSet<_>>().len() <= 2);
    // One after the other they take the same one.
    let first = backend(&db).await.unwrap();
    assert_eq!(backend(&db).await.unwrap(), first);

    // Transactions have the others.
    let (mut one, mut two) = (db.begin().await.unwrap(), db.begin().await.unwrap());
    for tx in [&mut one, &mut two] {
        sqlx::query("select 1").execute(&mut **tx).await.unwrap();
    }
    backend(&db).await.unwrap();
    drop((one, two));

    // A statement that fails, and one that nobody waits for any more.
    let failed = sqlx::query("select 1 / 0").execute(&db).await;
    assert!(matches!(failed, Err(sqlx::Error::Database(_))));
    let sleep = sqlx::query("select pg_sleep(0.3)").execute(&db);
    assert!(timeout(Duration::from_millis(50), sleep).await.is_err());
    let rows: Vec<i32> = sqlx::query_scalar("select generate_series(1, 3)")
        .fetch_all(&db)
        .await
        .unwrap();
    assert_eq!(rows, [1, 2, 3]);
    let none = sqlx::query("select 1 where false").fetch_optional(&db);
    assert!(none.await.unwrap().is_none());

    // A connection that the database ended: at most the statement that meets it fails.
    let ended = backend(&db).await.unwrap();
    let mut other = db.acquire().await.unwrap();
    sqlx::query("select pg_terminate_backend($1, 5000)")
        .bind(ended)
        .execute(&mut *other)
        .await
        .unwrap();
    drop(other);
    let _ = backend(&db).await;
    assert_ne!(backend(&db).await.unwrap(), ended);

    // Resting connections do not keep it from closing.
    timeout(Duration::from_secs(5), db.close()).await.unwrap();
    assert!(matches!(backend(&db).await, Err(sqlx::Error::PoolClosed)));
}
