//! What can stop the private Postgres from starting, each as a sentence for the operator.

use std::io;
use std::path::{Path, PathBuf};

use super::lock::LockError;

#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    #[error(transparent)]
    Lock(#[from] LockError),

    #[error(
        "no PostgreSQL {minimum} or newer was found ({found}); {install}, or set DATABASE_URL to a PostgreSQL that already runs"
    )]
    NoBinaries {
        minimum: u32,
        /// The older versions that were found, or where was searched.
        found: String,
        install: String,
    },

    #[error("no {name} of PostgreSQL {major} or newer was found; {install}")]
    NoProgram {
        name: &'static str,
        major: u32,
        install: String,
    },

    #[error(
        "OMI_POSTGRES_BIN names {}, which cannot be used: {why}; set it to the directory that holds postgres and initdb, or unset it",
        dir.display()
    )]
    BinDir { dir: PathBuf, why: String },

    #[error(
        "the database in {} was made by PostgreSQL {cluster}, but only {found} was found here; {install}, or set OMI_POSTGRES_BIN to its bin directory",
        dir.display()
    )]
    OtherVersion {
        dir: PathBuf,
        cluster: u32,
        found: String,
        install: String,
    },

    #[error("the database's version file {} does not hold a number; restore the directory from a backup", path.display())]
    VersionFile { path: PathBuf },

    #[error(
        "PostgreSQL does not run as root and there is no user {tried} here to run it as; {next}"
    )]
    NoAccount { tried: String, next: &'static str },

    #[error(
        "the database in {} does not belong to this user ({user}); start the server as its owner, or give it to this user with chown -R",
        dir.display()
    )]
    Owner { dir: PathBuf, user: String },

    #[error(
        "the user {user} cannot run {}; make it readable to everyone, or set OMI_POSTGRES_BIN to a PostgreSQL that is",
        program.display()
    )]
    Program { program: PathBuf, user: String },

    #[error(
        "the user {user}, who runs the database, cannot enter {}; open that directory and those above it with chmod o+x, or move the data elsewhere",
        dir.display()
    )]
    Closed { dir: PathBuf, user: String },

    #[error(
        "{} says that the database is in {}, but nothing is there; restore it from a backup, or delete that file to begin with an empty database",
        pointer.display(), dir.display()
    )]
    Missing { pointer: PathBuf, dir: PathBuf },

    #[error("{} is not empty and holds no database; move it away, then start again", dir.display())]
    Occupied { dir: PathBuf },

    #[error("initdb could not make a database in {}: {output}", dir.display())]
    Initdb { dir: PathBuf, output: String },

    #[error(
        "no directory for the database's socket has a path of at most {limit} bytes; set TMPDIR to a shorter one"
    )]
    SocketPath { limit: usize },

    #[error(
        "the directory {} of the database's socket is open to other users or not ours; remove it, then start again",
        dir.display()
    )]
    SocketDirectory { dir: PathBuf },

    #[error("PostgreSQL did not start: {why}. Its last words: {log}")]
    Exited { why: String, log: String },

    #[error(
        "'{name}' cannot be a database's name; use at most 63 lower-case letters, digits and underscores, a letter first"
    )]
    DatabaseName { name: String },

    #[error("the database {name} could not be made: {why}")]
    Database { name: String, why: sqlx::Error },

    #[error("could not {doing} {}: {why}", path.display())]
    File {
        /// A verb: "create", "read".
        doing: &'static str,
        path: PathBuf,
        why: io::Error,
    },
}

impl PrivateError {
    /// For `map_err`: what was being done to which path.
    pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |why| Self::File { doing, path, why }
    }
}
