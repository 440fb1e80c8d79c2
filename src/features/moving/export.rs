//! Everything of a user, into a new folder.

use std::{
    fs::{self, DirBuilder},
    io::{self, BufRead as _, BufReader, ErrorKind},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use futures_util::TryStreamExt as _;
use serde_json::Value;

use super::{
    Step,
    folder::LineWriter,
    manifest::{self, Account, FileEntry, FileList, Manifest, TableFile},
    store,
    tables::{self, Files},
};
use crate::platform::{clock, database::Db, disk};

#[derive(Debug, Default)]
pub struct Exported {
    pub rows: u64,
    pub tables: usize,
    pub files: u64,
    pub bytes: u64,
    /// Files that rows name and that are not there, the first few.
    pub missing: Vec<String>,
    pub missing_count: u64,
}

/// Missing files that are told by name.
const TOLD: usize = 10;

/// The rows are those of one moment; files are copied after it. `into` must not exist, or be empty; it is there when the
/// export is whole. `email`: how the account is called.
pub async fn export(
    db: &Db,
    data_dir: &Path,
    uid: &str,
    email: &str,
    into: &Path,
    note: &mut dyn FnMut(Step),
) -> Result<Exported> {
    let part = begin(into)?;
    let outcome = fill(db, data_dir, uid, email, &part, note).await;
    let finished = outcome.and_then(|exported| {
        disk::sync_folder(&part)?;
        fs::rename(&part, into)
            .with_context(|| format!("{} cannot be put there", into.display()))?;
        disk::sync_folder(&parent(into))?;
        Ok(exported)
    });
    if finished.is_err() {
        let _ = fs::remove_dir_all(&part);
    }
    finished
}

/// Where it is written until it is whole: beside the folder.
fn begin(into: &Path) -> Result<PathBuf> {
    let shown = into.display();
    match fs::read_dir(into) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                bail!("{shown} is not empty; name a folder that does not exist");
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            bail!("{shown} is no folder; name one that does not exist")
        }
        Err(error) => return Err(error).with_context(|| format!("{shown} cannot be read")),
    }
    let Some(name) = into.file_name() else {
        bail!("{shown} is no name for a new folder");
    };
    let mut name = name.to_os_string();
    name.push(".partial");
    let part = into.with_file_name(name);
    fs::create_dir_all(parent(into))
        .with_context(|| format!("{} cannot be created", parent(into).display()))?;
    match DirBuilder::new().mode(0o700).create(&part) {
        Ok(()) => Ok(part),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!(
            "{} is what another export writes, or left when it was cut off; delete it and try again",
            part.display()
        ),
        Err(error) => Err(error).with_context(|| format!("{} cannot be created", part.display())),
    }
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

async fn fill(
    db: &Db,
    data_dir: &Path,
    uid: &str,
    email: &str,
    part: &Path,
    note: &mut dyn FnMut(Step),
) -> Result<Exported> {
    let mut exported = Exported::default();
    let mut written = Vec::new();
    let mut tx = store::moment(db).await?;
    let schema = store::schema(&mut tx).await?;
    for table in tables::moving() {
        let columns = store::columns(&mut tx, table).await?;
        let mut rows = store::rows(&mut tx, uid, table, &columns).await?;
        // A file without rows is not made.
        let mut lines: Option<LineWriter> = None;
        while let Some(row) = rows.try_next().await? {
            let lines = match &mut lines {
                Some(lines) => lines,
                None => lines.insert(LineWriter::create(part, table.name)?),
            };
            lines.push(&row)?;
            exported.rows += 1;
            note(Step {
                what: table.name,
                done: exported.rows,
                total: None,
            });
        }
        drop(rows);
        if let Some(lines) = lines {
            written.push(TableFile {
                name: table.name.to_string(),
                columns: columns.into_iter().map(|column| column.name).collect(),
                lines: lines.finish()?,
            });
        }
    }
    tx.rollback().await?;
    exported.tables = written.len();

    let files = copy_files(data_dir, uid, part, &written, &mut exported, note)?;
    let manifest = Manifest {
        format: manifest::FORMAT.to_string(),
        version: manifest::VERSION,
        schema,
        server: env!("CARGO_PKG_VERSION").to_string(),
        exported_at: clock::now(),
        account: Account {
            uid: uid.to_string(),
            email: email.to_string(),
        },
        tables: written,
        files,
    };
    let mut text = serde_json::to_string_pretty(&manifest)?;
    text.push('\n');
    disk::write_new(&part.join(manifest::NAME), text.as_bytes())?;
    Ok(exported)
}

fn copy_files(
    data_dir: &Path,
    uid: &str,
    part: &Path,
    written: &[TableFile],
    exported: &mut Exported,
    note: &mut dyn FnMut(Step),
) -> Result<FileList> {
    let mut list = LineWriter::create(part, manifest::FILES)?;
    for files in tables::FILES {
        let from = (files.folder)(&data_dir.join(files.kind), uid);
        let to = part.join(manifest::FILES).join(files.kind);
        let mut copy = |name: String| -> Result<()> {
            let Some(entry) = copy_file(files.kind, &name, &from, &to)? else {
                exported.missing_count += 1;
                if exported.missing.len() < TOLD {
                    exported.missing.push(format!("{}/{name}", files.kind));
                }
                return Ok(());
            };
            list.push(&serde_json::to_string(&entry)?)?;
            exported.files += 1;
            exported.bytes += entry.bytes;
            note(Step {
                what: files.kind,
                done: exported.rows + exported.files,
                total: None,
            });
            Ok(())
        };
        match files.named_by {
            None => in_folder(&from)?.into_iter().try_for_each(&mut copy)?,
            Some((table, _)) if written.iter().all(|one| one.name != table) => {}
            Some((table, _)) => {
                let rows = BufReader::new(disk::open_plain(&part.join(format!("{table}.jsonl")))?);
                for row in rows.lines() {
                    if let Some(name) = name_in(files, &serde_json::from_str(&row?)?) {
                        copy(name)?;
                    }
                }
            }
        }
    }
    Ok(FileList {
        bytes_of_files: exported.bytes,
        missing: exported.missing_count,
        lines: list.finish()?,
    })
}

fn name_in(files: &Files, row: &Value) -> Option<String> {
    let (_, name) = files.named_by?;
    name(row).filter(|name| tables::is_plain(name))
}

/// Names of files that are whole, in order.
fn in_folder(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("{} cannot be read", folder.display()))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_file() && tables::is_plain(&name) && !name.ends_with(".new") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// None: it is not there.
fn copy_file(kind: &str, name: &str, from: &Path, to: &Path) -> Result<Option<FileEntry>> {
    let source = match disk::open_plain(&from.join(name)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        source => source.with_context(|| format!("{}/{name} cannot be read", from.display()))?,
    };
    let failed = || format!("{}/{name} cannot be written", to.display());
    DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(to)
        .with_context(failed)?;
    let copied = || -> io::Result<(u64, String)> {
        let mut target = disk::Digested::new(disk::create_new(&to.join(name))?);
        io::copy(&mut &source, &mut target)?;
        target.inner().sync_all()?;
        Ok(target.finish())
    };
    let (bytes, sha256) = copied().with_context(failed)?;
    Ok(Some(FileEntry {
        kind: kind.to_string(),
        name: name.to_string(),
        bytes,
        sha256,
    }))
}
