//! The database's Unix socket: the directory it is in, and how to reach it.

use std::env;
use std::fs::{self, DirBuilder};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, PgConnection};

use super::account::Account;
use super::binaries::Binaries;
use super::error::PrivateError;

/// Only part of the socket's file name: no TCP port is opened.
pub(super) const PORT: u16 = 5432;
const FILE: &str = ".s.PGSQL.5432";
/// The longest path that a socket can have, in bytes.
const PATH_LIMIT: usize = if cfg!(target_os = "macos") { 103 } else { 107 };
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

pub(super) fn file(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

/// The cluster itself, or, when that makes too long a path, a directory of its own below the temporary one. `last` is
/// where the socket was before: it is used again.
pub(super) async fn choose_dir(
    cluster: &Path,
    last: Option<PathBuf>,
    account: &Account,
    binaries: &Binaries,
) -> Result<PathBuf, PrivateError> {
    if fits(cluster) {
        return Ok(cluster.to_owned());
    }
    if let Some(last) = last
        && is_private(&last, account)
    {
        return Ok(last);
    }
    for parent in [env::temp_dir(), PathBuf::from("/tmp")] {
        let Ok(parent) = parent.canonicalize() else {
            continue;
        };
        let number = uuid::Uuid::new_v4().simple().to_string();
        let dir = parent.join(format!("omi-postgres-{}", &number[..12]));
        if fits(&dir) && account.can_enter(&parent, binaries).await? {
            create_dir(&dir, account)?;
            return Ok(dir);
        }
    }
    Err(PrivateError::SocketPath { limit: PATH_LIMIT })
}

/// Makes the directory if it has been deleted, as cleaners of temporary files do.
pub(super) fn ensure_dir(dir: &Path, account: &Account) -> Result<(), PrivateError> {
    if !dir.exists() {
        create_dir(dir, account)?;
    }
    if !is_private(dir, account) {
        return Err(PrivateError::SocketDirectory {
            dir: dir.to_owned(),
        });
    }
    Ok(())
}

fn create_dir(dir: &Path, account: &Account) -> Result<(), PrivateError> {
    DirBuilder::new()
        .mode(0o700)
        .create(dir)
        .map_err(PrivateError::file("create", dir))?;
    account.own(dir)
}

fn fits(dir: &Path) -> bool {
    file(dir).as_os_str().as_bytes().len() <= PATH_LIMIT
}

/// A directory, no link, that only the account can enter.
fn is_private(dir: &Path, account: &Account) -> bool {
    fs::symlink_metadata(dir)
        .is_ok_and(|it| it.is_dir() && it.uid() == account.uid && it.mode() & 0o077 == 0)
}

pub(super) fn options(dir: &Path, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(dir)
        .port(PORT)
        .username("omi")
        .database(database)
        .ssl_mode(PgSslMode::Disable)
}

/// Whether the server behind the socket answers a query, and is the one of this cluster. The error says why not.
pub(super) async fn answers(dir: &Path, cluster: &Path) -> Result<(), String> {
    let ask = async {
        let mut connection = options(dir, "postgres").connect().await?;
        let directory: String = sqlx::query_scalar("show data_directory")
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>(directory)
    };
    match tokio::time::timeout(ANSWER_WITHIN, ask).await {
        Ok(Ok(directory)) => match Path::new(&directory).canonicalize() {
            Ok(path) if path == cluster => Ok(()),
            _ => Err(format!(
                "the socket belongs to another database, {directory}"
            )),
        },
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", ANSWER_WITHIN.as_secs())),
    }
}

/// False too when it cannot be told.
pub(super) async fn has_database(dir: &Path, name: &str) -> bool {
    let ask = async {
        let mut connection = options(dir, "postgres").connect().await?;
        let exists = exists(&mut connection, name).await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>(exists)
    };
    matches!(tokio::time::timeout(ANSWER_WITHIN, ask).await, Ok(Ok(true)))
}

async fn exists(connection: &mut PgConnection, name: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(name)
        .fetch_one(connection)
        .await
}

/// Makes the database if it is missing.
pub(super) async fn ensure_database(dir: &Path, name: &str) -> Result<(), PrivateError> {
    let ensure = async {
        let mut connection: PgConnection = options(dir, "postgres").connect().await?;
        if !exists(&mut connection, name).await? {
            // The name consists of letters, digits and underscores; it cannot be a parameter here.
            let statement = sqlx::AssertSqlSafe(format!("create database {name}"));
            sqlx::raw_sql(statement).execute(&mut connection).await?;
        }
        connection.close().await
    };
    ensure.await.map_err(|why| PrivateError::Database {
        name: name.to_owned(),
        why,
    })
}

pub(super) fn check_database_name(name: &str) -> Result<(), PrivateError> {
    let valid = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 63
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if valid {
        Ok(())
    } else {
        Err(PrivateError::DatabaseName {
            name: name.to_owned(),
        })
    }
}
