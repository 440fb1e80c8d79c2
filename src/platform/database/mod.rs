//! Postgres: the one that is configured, or a private one; its pool and migrations.

pub mod private;

use std::{path::Path, str::FromStr as _, time::Duration};

use anyhow::{Context as _, Result, bail};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use private::PrivatePostgres;

/// Oldest PostgreSQL that is known to work.
pub const MINIMUM_MAJOR: u32 = 15;
/// Name of the database in a private cluster.
const DATABASE: &str = "omi";
/// Any key, so long as every instance uses the same.
const MIGRATION_LOCK: i64 = 0x6f6d_695f_6d69_6772;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// Where the database comes from.
pub struct Source<'a> {
    pub url: &'a SecretString,
    pub data_dir: &'a Path,
    pub postgres_bin: Option<std::path::PathBuf>,
    pub database_user: Option<String>,
    pub connections: u32,
}

/// A pool, and the private server behind it if this process runs one.
pub struct Database {
    pub pool: PgPool,
    private: Option<PrivatePostgres>,
}

impl Source<'_> {
    fn private_settings(&self) -> private::Settings {
        private::Settings {
            bin_dir: self.postgres_bin.clone(),
            database_user: self.database_user.clone(),
            ..private::Settings::new(self.data_dir, DATABASE)
        }
    }

    fn configured(&self) -> Result<Option<PgConnectOptions>> {
        let url = self.url.expose_secret();
        if url.is_empty() {
            return Ok(None);
        }
        // The URL holds a password: it must not appear in an error.
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| anyhow::anyhow!("DATABASE_URL cannot be read: it should look like postgres://user:password@host/database"))?;
        Ok(Some(options.application_name("omi-server")))
    }

    /// For `serve`: connects, or starts the private server and owns it.
    pub async fn open(&self) -> Result<Database> {
        let (options, private) = match self.configured()? {
            Some(options) => (options, None),
            None => {
                let private = private::start(self.private_settings()).await?;
                (private.options(), Some(private))
            }
        };
        self.connect(options, private).await
    }

    /// For the other commands: shares the private server of a running `serve`, or starts it for a moment.
    pub async fn open_beside(&self) -> Result<Database> {
        if self.configured()?.is_none()
            && let Some(options) = private::running(&self.private_settings()).await
        {
            return self.connect(options, None).await;
        }
        self.open().await
    }

    /// For looking only: None when a private database is meant and does not run.
    pub async fn open_if_running(&self) -> Result<Option<Database>> {
        match self.configured()? {
            Some(options) => Ok(Some(self.connect(options, None).await?)),
            None => match private::running(&self.private_settings()).await {
                Some(options) => Ok(Some(self.connect(options, None).await?)),
                None => {
                    private::find_binaries(self.postgres_bin.as_deref())?;
                    Ok(None)
                }
            },
        }
    }

    async fn connect(
        &self,
        options: PgConnectOptions,
        private: Option<PrivatePostgres>,
    ) -> Result<Database> {
        let pool = PgPoolOptions::new()
            .max_connections(self.connections)
            // A request waits no longer than this while the database is away.
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(options)
            .await
            .context("the database cannot be reached; check DATABASE_URL, or unset it to use a private database")?;
        let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
            .fetch_one(&pool)
            .await?;
        if version / 10_000 < MINIMUM_MAJOR as i32 {
            bail!(
                "the database is PostgreSQL {}; omi-server needs {MINIMUM_MAJOR} or newer",
                version / 10_000
            );
        }
        Ok(Database { pool, private })
    }
}

impl Database {
    /// The private server of this process, if there is one.
    pub fn private(&self) -> Option<&PrivatePostgres> {
        self.private.as_ref()
    }

    /// Closes the pool, then stops the private server if there is one.
    pub async fn close(self) {
        self.pool.close().await;
        if let Some(private) = self.private {
            private.stop().await;
        }
    }
}

/// Brings the schema up to date; several instances may try at once. Returns how many were applied.
pub async fn migrate(pool: &PgPool) -> Result<usize> {
    let mut lock = pool.acquire().await?;
    sqlx::query("select pg_advisory_lock($1)")
        .bind(MIGRATION_LOCK)
        .execute(&mut *lock)
        .await?;
    let outcome = async {
        let before = applied(pool).await?;
        MIGRATIONS
            .run(pool)
            .await
            .context("the database schema could not be brought up to date")?;
        crate::platform::jobs::migrate(pool).await?;
        anyhow::Ok(applied(pool).await? - before)
    }
    .await;
    sqlx::query("select pg_advisory_unlock($1)")
        .bind(MIGRATION_LOCK)
        .execute(&mut *lock)
        .await?;
    outcome
}

async fn applied(pool: &PgPool) -> Result<usize, sqlx::Error> {
    let present: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null")
        .fetch_one(pool)
        .await?;
    if !present {
        return Ok(0);
    }
    let count: i64 = sqlx::query_scalar("select count(*) from _sqlx_migrations where success")
        .fetch_one(pool)
        .await?;
    Ok(count as usize)
}

/// Migrations that this binary knows and the database lacks.
pub async fn pending_migrations(pool: &PgPool) -> Result<usize, sqlx::Error> {
    Ok(MIGRATIONS
        .iter()
        .count()
        .saturating_sub(applied(pool).await?))
}
