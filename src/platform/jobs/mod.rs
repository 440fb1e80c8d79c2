//! Durable background jobs on graphile_worker. A job is added inside the transaction of what causes it.

mod loads;

pub use loads::Loads;

use std::{future::Future, time::Duration};

use anyhow::{Context as _, Result};
use graphile_worker::{Worker, WorkerOptions, WorkerRecoveryConfig};
use sqlx::{PgPool, Postgres, Transaction};

/// The schema that graphile_worker owns and migrates.
const SCHEMA: &str = "graphile_worker";

pub struct JobOptions<'a> {
    /// With the same key a job that has not started yet is replaced instead of added again.
    pub key: Option<&'a str>,
    /// Attempts before it is given up; the pause grows from 1 s to about 6 h.
    pub max_attempts: i32,
    pub priority: Priority,
}

/// Which of the jobs that are due begins first: the lowest, then the oldest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(i32);

impl Priority {
    /// Of what nobody waits for.
    pub const LAST: Self = Self(9);
}

/// Adds a job of `kind`; it becomes visible to workers when `tx` commits.
pub async fn add(
    tx: &mut Transaction<'_, Postgres>,
    kind: &str,
    payload: serde_json::Value,
    options: JobOptions<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select 1 from graphile_worker.add_job($1, $2::json, max_attempts => $3, job_key => $4, priority => $5)",
    )
    .bind(kind)
    .bind(payload)
    .bind(options.max_attempts)
    .bind(options.key)
    .bind(options.priority.0)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Adds a job that waits for all others of its kind: they run one after the other.
pub async fn add_in_line(
    tx: &mut Transaction<'_, Postgres>,
    kind: &str,
    payload: serde_json::Value,
    max_attempts: i32,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select 1 from graphile_worker.add_job($1, $2::json, queue_name => $1, max_attempts => $3)",
    )
    .bind(kind)
    .bind(payload)
    .bind(max_attempts)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Creates or upgrades the job tables.
pub async fn migrate(pool: &PgPool) -> Result<()> {
    WorkerOptions::default()
        .pg_pool(pool.clone())
        .schema(SCHEMA)
        .init()
        .await
        .context("the job tables could not be prepared")?;
    Ok(())
}

/// Frees what a dead server still holds. Only right where no other server can be alive, that is,
/// with a private database whose lock this process holds: otherwise recovery takes 30 s.
pub async fn release_all_locks(pool: &PgPool) -> Result<()> {
    sqlx::query(
        "select graphile_worker.force_unlock_workers(array(
            select locked_by from graphile_worker._private_jobs where locked_by is not null
            union
            select locked_by from graphile_worker._private_job_queues where locked_by is not null))",
    )
    .execute(pool)
    .await
    .context("the locks of an earlier run could not be released")?;
    Ok(())
}

/// Waiting jobs and the age of the oldest that should have run, in seconds.
pub async fn backlog(pool: &PgPool) -> Result<(i64, f64), sqlx::Error> {
    sqlx::query_as(
        "select count(*), coalesce(extract(epoch from now() - min(run_at)), 0)::float8
         from graphile_worker._private_jobs where run_at <= now() and locked_at is null and attempts < max_attempts",
    )
    .fetch_one(pool)
    .await
}

/// Runs jobs until `shutdown` resolves; jobs then have 5 s to end and are otherwise run again later.
/// `define` adds the job kinds and what they need.
pub async fn run(
    pool: PgPool,
    concurrency: usize,
    define: impl FnOnce(WorkerOptions) -> WorkerOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    // Recovery is off by default, and a dead worker's jobs would stay locked for four hours.
    let recovery = WorkerRecoveryConfig::default()
        .heartbeat_interval(Duration::from_secs(5))
        .sweep_interval(Duration::from_secs(10))
        .sweep_threshold(Duration::from_secs(30))
        .recovery_delay(Duration::from_secs(1));
    let options = WorkerOptions::default()
        .pg_pool(pool)
        .schema(SCHEMA)
        .concurrency(concurrency)
        .poll_interval(Duration::from_secs(1))
        .worker_recovery(recovery)
        .listen_os_shutdown_signals(false)
        .shutdown_interrupted_job_retry_delay(Duration::ZERO)
        .shutdown_signal(shutdown);
    let worker: Worker = define(options)
        .init()
        .await
        .context("the job worker could not start")?;
    worker.run().await.context("the job worker stopped")?;
    Ok(())
}
