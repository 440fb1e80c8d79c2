//! Moving: everything of a user as a folder, and such a folder into an account of this or another server. docs/moving.md
//! describes the folder. Only the command line comes here: files are read and written where they stand.

mod export;
mod folder;
mod import;
mod manifest;
mod store;
mod tables;

pub use export::{Exported, export};
pub use import::{Imported, import};
pub use tables::{FILES, Fate, Files, TABLES, Table};

/// How far it is.
pub struct Step<'a> {
    /// A table, or what else is done.
    pub what: &'a str,
    /// Rows and files.
    pub done: u64,
    /// None: nobody knows yet.
    pub total: Option<u64>,
}
