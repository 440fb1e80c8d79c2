//! `manifest.json`: what an export holds, with lengths and checksums.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub const NAME: &str = "manifest.json";
pub const FORMAT: &str = "omi-server account";
/// Goes up when an older server would misread what it says.
pub const VERSION: u32 = 1;
/// The list of files.
pub const FILES: &str = "files";

#[derive(Serialize, Deserialize)]
pub struct Manifest {
    pub format: String,
    pub version: u32,
    /// Number of the newest migration of the database that it comes from.
    pub schema: i64,
    /// Version of that server.
    pub server: String,
    pub exported_at: DateTime<Utc>,
    pub account: Account,
    /// Those with rows, in the order in which they can be taken in.
    pub tables: Vec<TableFile>,
    pub files: FileList,
}

#[derive(Serialize, Deserialize)]
pub struct Account {
    pub uid: String,
    pub email: String,
}

#[derive(Serialize, Deserialize)]
pub struct TableFile {
    /// The file is `<name>.jsonl`.
    pub name: String,
    /// The keys of each row.
    pub columns: Vec<String>,
    #[serde(flatten)]
    pub lines: Lines,
}

/// Of a file with a JSON value a line.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    pub rows: u64,
    pub bytes: u64,
    /// Lower-case hex.
    pub sha256: String,
}

/// Of `files.jsonl`.
#[derive(Serialize, Deserialize)]
pub struct FileList {
    /// Of all files together.
    pub bytes_of_files: u64,
    /// Files that rows name and that were not there.
    pub missing: u64,
    #[serde(flatten)]
    pub lines: Lines,
}

/// A line of `files.jsonl`: the file is `files/<kind>/<name>`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    pub kind: String,
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}
