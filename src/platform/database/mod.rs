//! Postgres: the one that is configured, or a private one; its pool and migrations.

mod db;
pub mod private;
mod turns;

pub use db::Db;
pub use turns::take_turn;

use std::{path::Path, str::FromStr as _, time::Duration};

use anyhow::{Context as _, Result, anyhow, bail};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{Instant, sleep, timeout_at};

use private::{DataDirLock, LockError, MINIMUM_MAJOR, PrivatePostgres, Role};

/// What connections to a configured database call themselves.
const NAME: &str = "omi-server";
/// Name of the database in a private cluster.
const DATABASE: &str = "omi";
/// Any key, so long as every instance uses the same.
const MIGRATION_LOCK: i64 = 0x6f6d_695f_6d69_6772;

/// How long a process waits for another that starts or, being a command, ends.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a database may take to answer a request.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long one may take to answer at first, and a command, with which nobody else waits: the machine may be busy.
const BEGIN_WITHIN: Duration = Duration::from_secs(30);
/// A connection that has been idle for longer is tested before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

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
    pub pool: Db,
    private: Option<PrivatePostgres>,
    /// Of the data directory, when the database is elsewhere and a server uses the directory.
    _lock: Option<DataDirLock>,
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
        let scheme = url.split_once("://").map(|(scheme, _)| scheme);
        if !matches!(scheme, Some("postgres" | "postgresql")) {
            bail!("DATABASE_URL cannot be used: it must start with postgres:// or postgresql://");
        }
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| anyhow!("DATABASE_URL cannot be read: it should look like postgres://user:password@host/database"))?;
        Ok(Some(options.application_name(NAME)))
    }

    /// Locks the data directory for `serve`, whatever the database: one server at a time works on what lies there. Waits
    /// for a command to end.
    pub async fn lock(&self) -> Result<DataDirLock> {
        Ok(DataDirLock::wait(self.data_dir, PATIENCE).await?)
    }

    /// For `serve`: connects, or starts the private server and owns it.
    pub async fn open(&self, lock: DataDirLock) -> Result<Database> {
        match self.configured()? {
            Some(options) => {
                let mut database = self.connect(options, ANSWER_WITHIN).await?;
                database._lock = Some(lock);
                Ok(database)
            }
            None => self.start(lock, ANSWER_WITHIN).await,
        }
    }

    /// For the other commands: shares the private server of a running `serve`, which may just be starting, or starts it
    /// for a moment, one command after the other.
    pub async fn open_beside(&self) -> Result<Database> {
        if let Some(options) = self.configured()? {
            return self.connect(options, BEGIN_WITHIN).await;
        }
        let begun = Instant::now();
        loop {
            let held = match DataDirLock::acquire_as(Role::Command, self.data_dir) {
                Ok(lock) => return self.start(lock, BEGIN_WITHIN).await,
                Err(held @ LockError::Held { .. }) => held,
                Err(error) => return Err(error.into()),
            };
            // The database of another command is not shared: it ends with that command.
            if held.by_server()
                && let Some(options) = private::running(&self.private_settings()).await
                && let Ok(database) = self.connect(options, BEGIN_WITHIN).await
            {
                return Ok(database);
            }
            if begun.elapsed() > PATIENCE {
                if held.by_server() {
                    bail!(
                        "the server that uses {} runs, but no private database of its own has answered for {} s: if it was given a DATABASE_URL, set that here too, else see its log",
                        self.data_dir.display(),
                        PATIENCE.as_secs()
                    );
                }
                return Err(held.into());
            }
            sleep(private::PAUSE).await;
        }
    }

    /// For a command that replaces what is there: no server may run.
    pub async fn open_alone(&self) -> Result<Database> {
        let lock = DataDirLock::acquire_as(Role::Command, self.data_dir)?;
        let Some(options) = self.configured()? else {
            return self.start(lock, BEGIN_WITHIN).await;
        };
        // Its server may have another data directory.
        let mut one = reach(&options).await.map_err(unreachable_url)?;
        let others: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where datname = current_database() and application_name = $1 and pid <> pg_backend_pid()",
        )
        .bind(NAME)
        .fetch_one(&mut one)
        .await?;
        one.close().await?;
        if others > 0 {
            bail!("a server uses the database of DATABASE_URL; stop it first");
        }
        let mut database = self.connect(options, BEGIN_WITHIN).await?;
        database._lock = Some(lock);
        Ok(database)
    }

    /// Of DATABASE_URL.
    pub fn password(&self) -> Option<String> {
        let (_, rest) = self.url.expose_secret().split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (user, _) = authority.rsplit_once('@')?;
        let (_, password) = user.split_once(':')?;
        // A plus means itself here.
        let pairs = format!("p={}", password.replace('+', "%2B").replace('&', "%26"));
        let (_, password) = form_urlencoded::parse(pairs.as_bytes()).next()?;
        Some(password.into_owned())
    }

    /// For looking only: None when a private database is meant and does not run.
    pub async fn open_if_running(&self) -> Result<Option<Database>> {
        match self.configured()? {
            Some(options) => Ok(Some(self.connect(options, ANSWER_WITHIN).await?)),
            None => match private::running(&self.private_settings()).await {
                Some(options) => Ok(Some(self.connect(options, ANSWER_WITHIN).await?)),
                None => {
                    private::find_binaries(self.postgres_bin.as_deref())?;
                    Ok(None)
                }
            },
        }
    }

    async fn start(&self, lock: DataDirLock, within: Duration) -> Result<Database> {
        let private = private::start_locked(self.private_settings(), lock).await?;
        match self.connect(private.options(), within).await {
            Ok(mut database) => {
                database.private = Some(private);
                Ok(database)
            }
            Err(error) => {
                private.stop().await;
                Err(error)
            }
        }
    }

    /// `within`: how long a statement waits for a connection.
    async fn connect(&self, options: PgConnectOptions, within: Duration) -> Result<Database> {
        // A pool would only say that it waited in vain; one connection says why.
        let mut first = reach(&options).await.map_err(|why| {
            if self.url.expose_secret().is_empty() {
                anyhow!("the private database cannot be reached: {why}; see its log, postgres.log beside it")
            } else {
                unreachable_url(why)
            }
        })?;
        let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
            .fetch_one(&mut first)
            .await?;
        first.close().await?;
        if version / 10_000 < MINIMUM_MAJOR as i32 {
            bail!(
                "the database is PostgreSQL {}; omi-server needs {MINIMUM_MAJOR} or newer",
                version / 10_000
            );
        }
        let pool = PgPoolOptions::new()
            .max_connections(self.connections)
            // A request waits no longer than this while the database is away.
            .acquire_timeout(within)
            // By default every statement would wait for a test of its connection first.
            .test_before_acquire(false)
            // Statements here are short: compiling one takes longer than it could save. Not by the options of a
            // connection, which a pooler in between may refuse.
            .after_connect(|connection, _| {
                Box::pin(async move {
                    sqlx::query("set jit = off").execute(connection).await?;
                    Ok(())
                })
            })
            .before_acquire(|connection, metadata| {
                Box::pin(async move {
                    if metadata.idle_for > TRUSTED_FOR {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options)
            .await
            .context("the database cannot be reached")?;
        Ok(Database {
            pool: Db::new(pool),
            private: None,
            _lock: None,
        })
    }
}

fn unreachable_url(why: String) -> anyhow::Error {
    anyhow!(
        "the database cannot be reached: {why}; check DATABASE_URL, or unset it to use a private database"
    )
}

/// One connection; a database that is just starting is waited for. The error says what is wrong, without the URL.
async fn reach(options: &PgConnectOptions) -> Result<PgConnection, String> {
    let begun = Instant::now();
    let deadline = begun + BEGIN_WITHIN;
    loop {
        let Ok(outcome) = timeout_at(deadline, options.connect()).await else {
            return Err(format!("no answer within {} s", BEGIN_WITHIN.as_secs()));
        };
        let (starting, why) = match outcome {
            Ok(connection) => return Ok(connection),
            Err(sqlx::Error::Io(error)) => (
                error.kind() == std::io::ErrorKind::ConnectionRefused,
                error.to_string(),
            ),
            Err(sqlx::Error::Database(error)) => (
                error.is_transient_in_connect_phase(),
                error.message().to_string(),
            ),
            Err(error) => (false, error.to_string()),
        };
        if !starting || begun.elapsed() + private::PAUSE >= ANSWER_WITHIN {
            return Err(why);
        }
        sleep(private::PAUSE).await;
    }
}

impl Database {
    /// The private server of this process, if there is one.
    pub fn private(&self) -> Option<&PrivatePostgres> {
        self.private.as_ref()
    }

    /// Major version of the server.
    pub async fn major(&self) -> Result<u32> {
        let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
            .fetch_one(&self.pool)
            .await?;
        Ok(version.unsigned_abs() / 10_000)
    }

    /// Drops every table, without a way back.
    pub async fn clear(&self) -> Result<()> {
        sqlx::raw_sql(
            "begin; drop schema if exists graphile_worker cascade; drop schema public cascade; create schema public; commit",
        )
        .execute(&*self.pool)
        .await
        .context("the database could not be emptied")?;
        Ok(())
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

/// Number of the newest migration that the database has.
pub async fn newest_applied(pool: &PgPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select coalesce(max(version), 0) from _sqlx_migrations where success")
        .fetch_one(pool)
        .await
}

/// Number of the newest migration that this binary knows.
pub fn newest_migration() -> i64 {
    MIGRATIONS.iter().map(|one| one.version).max().unwrap_or(0)
}

/// Migrations that this binary knows and the database lacks.
pub async fn pending_migrations(pool: &PgPool) -> Result<usize, sqlx::Error> {
    Ok(MIGRATIONS
        .iter()
        .count()
        .saturating_sub(applied(pool).await?))
}
