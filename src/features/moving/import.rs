//! An export, into an account that is there.

use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
};

use anyhow::{Context as _, Error, Result, anyhow, bail};

use super::{
    Step,
    folder::Folder,
    manifest::FileEntry,
    store,
    tables::{self, Table},
};
use crate::{
    features::folders,
    platform::{
        database::{Db, take_turn},
        disk, ids,
    },
};

/// Rows and bytes that go to the database at once; a longer row goes alone.
const BATCH_ROWS: usize = 1000;
const BATCH_BYTES: usize = 4 << 20;

#[derive(Debug, Default)]
pub struct Imported {
    /// Rows that came.
    pub rows: u64,
    /// Rows that were there, or that another account of this server has.
    pub known_rows: u64,
    pub files: u64,
    pub known_files: u64,
}

/// All rows come, or none; then the files. The same again adds what is missing and changes nothing that is there, but the
/// user's name, language and the like, which become those of the export.
pub async fn import(
    db: &Db,
    data_dir: &Path,
    uid: &str,
    from: &Path,
    note: &mut dyn FnMut(Step),
) -> Result<Imported> {
    let folder = Folder::open(from, &mut |done, total| {
        note(Step {
            what: "bytes checked",
            done,
            total: Some(total),
        });
    })?;
    let rows: u64 = folder
        .manifest
        .tables
        .iter()
        .map(|table| table.lines.rows)
        .sum();
    let total = Some(rows.saturating_add(folder.manifest.files.lines.rows));
    let mut imported = Imported::default();
    put_rows(db, uid, &folder, &mut imported, &mut |what, done| {
        note(Step { what, done, total });
    })
    .await?;
    // Rows first: a file that no row names is taken away after an hour.
    folder.files(|entry| {
        if put_file(data_dir, uid, &folder, &entry)? {
            imported.files += 1;
        } else {
            imported.known_files += 1;
        }
        note(Step {
            what: &entry.kind,
            done: rows + imported.files + imported.known_files,
            total,
        });
        Ok(())
    })?;
    Ok(imported)
}

async fn put_rows(
    db: &Db,
    uid: &str,
    folder: &Folder,
    imported: &mut Imported,
    note: &mut dyn FnMut(&str, u64),
) -> Result<()> {
    let mut tx = db.begin().await?;
    store::spell(&mut tx).await?;
    take_turn(&mut tx, uid, "import").await?;
    for table in tables::moving() {
        let Some(part) = folder.table(table) else {
            continue;
        };
        let mut columns = store::columns(&mut tx, table).await?;
        if let Some(unknown) = unknown(&part.columns, &columns) {
            bail!(
                "this server's table {} has no column {unknown:?}: the export comes from a newer one; update this one",
                table.name
            );
        }
        // What an older server did not know yet is as in a new row.
        columns.retain(|column| part.columns.contains(&column.name));
        let is_user = table.name == "users";
        let statement = if is_user {
            store::update(table, &columns)
        } else {
            let parents = store::parents(&mut tx, table).await?;
            store::insertion(table, &columns, &parents)
        };
        let mut reader = folder.reader(table.name)?;
        let mut number = 0;
        while let Some(batch) = Batch::next(&mut reader)? {
            let came = store::put(&mut tx, &statement, uid, &batch.text)
                .await
                .map_err(|error| refused(table, number, number + batch.rows, error))?;
            number += batch.rows;
            // The user is always there.
            let came = if is_user { 0 } else { came };
            imported.rows += came;
            imported.known_rows += batch.rows.saturating_sub(came);
            note(table.name, imported.rows + imported.known_rows);
        }
    }
    store::hide_taken(&mut tx, uid).await?;
    folders::give_way(&mut tx, uid).await?;
    tx.commit().await?;
    Ok(())
}

fn unknown<'a>(named: &'a [String], columns: &[store::Column]) -> Option<&'a str> {
    let known = |name: &str| columns.iter().any(|column| column.name == name);
    named.iter().map(String::as_str).find(|name| !known(name))
}

/// What the database says of rows that it does not take. `after`, `to`: lines.
fn refused(table: &Table, after: u64, to: u64, error: sqlx::Error) -> Error {
    match error {
        sqlx::Error::Database(error) if !gone(&error.code().unwrap_or_default()) => anyhow!(
            "the export cannot be taken in: {}.jsonl, lines {} to {to}: {}",
            table.name,
            after + 1,
            error.message()
        ),
        error => error.into(),
    }
}

/// Whether the database itself has a problem.
fn gone(code: &str) -> bool {
    ["08", "53", "57", "58"]
        .iter()
        .any(|class| code.starts_with(class))
}

/// Some rows, as a JSON array.
struct Batch {
    text: String,
    rows: u64,
}

impl Batch {
    fn next(reader: &mut super::folder::LineReader) -> Result<Option<Self>> {
        let mut text = String::new();
        let mut rows = 0;
        while rows < BATCH_ROWS && text.len() < BATCH_BYTES {
            let Some(line) = reader.line()? else {
                break;
            };
            text.push(if rows == 0 { '[' } else { ',' });
            text.push_str(&line);
            rows += 1;
        }
        text.push(']');
        let rows = rows as u64;
        Ok((rows > 0).then_some(Self { text, rows }))
    }
}

/// False: it was there. It is under its name when it is whole.
fn put_file(data_dir: &Path, uid: &str, folder: &Folder, entry: &FileEntry) -> Result<bool> {
    let shown = format!("files/{}/{}", entry.kind, entry.name);
    let files = tables::files(&entry.kind)
        .with_context(|| format!("{shown}: this server does not know such files"))?;
    let target = (files.folder)(&data_dir.join(files.kind), uid);
    let path = target.join(&entry.name);
    if fs::symlink_metadata(&path).is_ok() {
        return Ok(false);
    }
    let failed = || format!("{} cannot be written", path.display());
    fs::create_dir_all(&target).with_context(failed)?;
    let aside = target.join(format!("{}.new", ids::new()));
    let copied = || -> io::Result<(u64, String)> {
        let mut source = disk::open_plain(&folder.path(entry).map_err(io::Error::other)?)?;
        let mut file = disk::Digested::new(disk::create_new(&aside)?);
        io::copy(&mut source, &mut file)?;
        file.inner().sync_all()?;
        Ok(file.finish())
    };
    let copied = copied().with_context(failed).and_then(|(bytes, sha256)| {
        if (bytes, &sha256) != (entry.bytes, &entry.sha256) {
            bail!("{shown} was changed meanwhile; begin again");
        }
        fs::rename(&aside, &path).with_context(failed)?;
        disk::sync_folder(&target).with_context(failed)
    });
    if copied.is_err() {
        match fs::remove_file(&aside) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(%error, "{} cannot be removed", aside.display());
            }
            _ => {}
        }
    }
    copied?;
    Ok(true)
}
