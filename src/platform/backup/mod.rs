//! Backup: a whole server, its database and the files in its data directory, as one file; and back. docs/backup.md describes
//! it. Only the command line comes here: it reads and writes files where it stands.

mod archive;
mod dump;

use std::{
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind, Read},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::task::block_in_place;

use archive::Writer;
use dump::Access;

use crate::platform::{
    clock,
    database::{self, Database, Source, private},
    disk, ids,
};

const HEAD: &str = "backup.json";
const DUMP: &str = "database.dump";
const FILES: &str = "files/";
const FORMAT: &str = "omi-server backup";
/// Goes up when an older server would misread a backup.
const VERSION: u32 = 1;
const LONGEST_HEAD: u64 = 65_536;
/// In the data directory: where files are unpacked.
const RESTORING: &str = "restoring";
/// There from the moment on that things are replaced, until all are.
const BEGUN: &str = "begun";

/// What a backup says of itself.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Head {
    format: String,
    version: u32,
    pub created_at: DateTime<Utc>,
    /// Version of the server that wrote it.
    pub server: String,
    /// Number of the newest migration.
    pub schema: i64,
    /// Major version of the PostgreSQL that it comes from.
    postgres: u32,
    /// Major version of the program that wrote the database.
    dumped_by: u32,
}

#[derive(Debug, Default)]
pub struct Totals {
    pub files: u64,
    /// Of the files and the database.
    pub bytes: u64,
}

/// Writes the database, then the files of `folders`, into `into`, which is there when it is whole, for this user only. An
/// older one is replaced if `force`. `note`: what, and bytes so far.
pub async fn backup(
    database: &Database,
    source: &Source<'_>,
    folders: &[&str],
    into: &Path,
    force: bool,
    note: &mut dyn FnMut(&str, u64),
) -> Result<Totals> {
    let shown = into.display();
    if !force && fs::symlink_metadata(into).is_ok() {
        bail!("{shown} exists; name another file, or replace it with --force");
    }
    let Some(name) = into.file_name() else {
        bail!("{shown} is no name for a file");
    };
    let postgres = database.major().await?;
    let program = private::find_program(source.postgres_bin.as_deref(), "pg_dump", postgres)?;
    let head = Head {
        format: FORMAT.to_string(),
        version: VERSION,
        created_at: clock::now(),
        server: env!("CARGO_PKG_VERSION").to_string(),
        schema: database::newest_applied(&database.pool).await?,
        postgres,
        dumped_by: program.major,
    };
    let access = Access::new(&database.pool.connect_options(), source)?;
    let mut part = name.to_os_string();
    part.push(format!(".{}.partial", ids::new()));
    let part = into.with_file_name(part);
    let written = block_in_place(|| {
        let file = disk::create_new(&part)
            .with_context(|| format!("{} cannot be written", part.display()))?;
        let totals = write(
            file,
            &head,
            &program,
            &access,
            source.data_dir,
            folders,
            note,
        )?;
        fs::rename(&part, into).with_context(|| format!("{shown} cannot be written"))?;
        disk::sync_folder(&parent(into))?;
        Ok(totals)
    });
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn write(
    file: File,
    head: &Head,
    program: &private::Program,
    access: &Access,
    data_dir: &Path,
    folders: &[&str],
    note: &mut dyn FnMut(&str, u64),
) -> Result<Totals> {
    let mut archive = Writer::new(file);
    let mut totals = Totals::default();
    archive.add(HEAD, &serde_json::to_vec_pretty(head)?[..])?;
    dump::dump(program, access, |stream| {
        let mut counted = Counted {
            stream,
            bytes: 0,
            note: &mut |bytes| note("database", bytes),
        };
        totals.bytes = archive.add(DUMP, &mut counted)?;
        Ok(())
    })?;
    for folder in folders {
        walk(data_dir, Path::new(folder), &mut |name, file| {
            totals.bytes += archive.add(&format!("{FILES}{name}"), file)?;
            totals.files += 1;
            note(folder, totals.bytes);
            Ok(())
        })?;
    }
    archive.finish()?;
    Ok(totals)
}

struct Counted<'a> {
    stream: &'a mut dyn Read,
    bytes: u64,
    note: &'a mut dyn FnMut(u64),
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.bytes += count as u64;
        (self.note)(self.bytes);
        Ok(count)
    }
}

/// Every whole file below a folder, by its path from the data directory. What goes meanwhile is passed over.
fn walk(
    data_dir: &Path,
    folder: &Path,
    each: &mut dyn FnMut(&str, File) -> Result<()>,
) -> Result<()> {
    let path = data_dir.join(folder);
    let failed = || format!("{} cannot be read", path.display());
    let entries = match fs::read_dir(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(failed)?,
    };
    let mut names = entries
        .map(|entry| Ok(entry?.file_name()))
        .collect::<io::Result<Vec<_>>>()
        .with_context(failed)?;
    names.sort();
    for name in names {
        let inner = folder.join(&name);
        let kind = match fs::symlink_metadata(data_dir.join(&inner)) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            kind => kind.with_context(failed)?,
        };
        let Some(text) = inner.to_str() else {
            bail!(
                "{} has a name that is no text; rename it",
                data_dir.join(&inner).display()
            );
        };
        if kind.is_dir() {
            walk(data_dir, &inner, each)?;
        } else if kind.is_file() && !text.ends_with(".new") {
            match disk::open_plain(&data_dir.join(&inner)) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                file => each(text, file.with_context(failed)?)?,
            }
        }
    }
    Ok(())
}

/// A file of which every part is as it was written.
pub struct Backup {
    path: PathBuf,
    pub head: Head,
}

impl Backup {
    /// Reads all of it. `folders`: those that it may have files of.
    pub fn open(path: &Path, folders: &[&str], note: &mut dyn FnMut(&str, u64)) -> Result<Self> {
        let shown = path.display();
        let mut head: Option<Head> = None;
        let mut dumped = false;
        let mut bytes = 0;
        archive::read(path, |name, content| {
            match name {
                HEAD if head.is_none() => head = Some(read_head(path, content)?),
                DUMP if head.is_some() && !dumped => dumped = true,
                _ if dumped && belongs(name, folders) => {}
                _ => bail!("{shown} is no backup of omi-server: it holds {name:?}"),
            }
            let mut counted = Counted {
                stream: content,
                bytes: 0,
                note: &mut |_| {},
            };
            io::copy(&mut counted, &mut io::sink())?;
            bytes += counted.bytes;
            note("bytes checked", bytes);
            Ok(())
        })?;
        match head {
            Some(head) if dumped => Ok(Self {
                path: path.to_path_buf(),
                head,
            }),
            _ => bail!("{shown} is no backup of omi-server: it holds no database"),
        }
    }

    /// Replaces all that the database and the folders hold. The database comes whole or is empty afterwards.
    pub async fn restore(
        &self,
        database: &Database,
        source: &Source<'_>,
        folders: &[&str],
        note: &mut dyn FnMut(&str, u64),
    ) -> Result<Totals> {
        let postgres = database.major().await?;
        if postgres < self.head.postgres {
            bail!(
                "the backup comes from PostgreSQL {}, and this one is {postgres}; use {} or newer",
                self.head.postgres,
                self.head.postgres
            );
        }
        let least = postgres.max(self.head.dumped_by);
        let program = private::find_program(source.postgres_bin.as_deref(), "pg_restore", least)?;
        block_in_place(|| self.with_dump(|dump| dump::check(&program, dump)))?;
        let aside = source.data_dir.join(RESTORING);
        let unpacked = block_in_place(|| self.unpack(&aside, folders, note));
        if unpacked.is_err() && !was_cut_off(source.data_dir) {
            let _ = fs::remove_dir_all(&aside);
        }
        let totals = unpacked?;
        File::create(aside.join(BEGUN))?.sync_all()?;
        disk::sync_folder(&aside)?;
        let access = Access::new(&database.pool.connect_options(), source)?;
        note("database", totals.bytes);
        database.clear().await?;
        block_in_place(|| {
            self.with_dump(|dump| dump::restore(&program, &access, dump))?;
            swap(&aside, source.data_dir, folders)
        })?;
        Ok(totals)
    }

    fn with_dump(&self, work: impl Fn(&mut dyn Read) -> Result<()>) -> Result<()> {
        archive::read(&self.path, |name, content| match name {
            DUMP => work(content),
            _ => Ok(()),
        })
    }

    /// Writes the files below `aside`.
    fn unpack(
        &self,
        aside: &Path,
        folders: &[&str],
        note: &mut dyn FnMut(&str, u64),
    ) -> Result<Totals> {
        // What one that was cut off has put here, or taken away from its place.
        for entry in fs::read_dir(aside).into_iter().flatten().flatten() {
            if entry.file_name() != BEGUN {
                remove(&entry.path())?;
            }
        }
        for folder in folders {
            make(&aside.join(folder))?;
        }
        let mut totals = Totals::default();
        archive::read(&self.path, |name, content| {
            let Some(inner) = name.strip_prefix(FILES).filter(|_| belongs(name, folders)) else {
                return Ok(());
            };
            let path = aside.join(inner);
            let failed = || format!("{} cannot be written", path.display());
            make(&parent(&path))?;
            let mut file = disk::create_new(&path).with_context(failed)?;
            totals.bytes += io::copy(content, &mut file).with_context(failed)?;
            file.sync_all().with_context(failed)?;
            totals.files += 1;
            note("files", totals.bytes);
            Ok(())
        })?;
        Ok(totals)
    }
}

fn read_head(path: &Path, content: &mut dyn Read) -> Result<Head> {
    let shown = path.display();
    let mut text = Vec::new();
    content.take(LONGEST_HEAD).read_to_end(&mut text)?;
    let head: Head = serde_json::from_slice(&text)
        .with_context(|| format!("{shown} is no backup of omi-server"))?;
    if head.format != FORMAT {
        bail!("{shown} is no backup of omi-server");
    }
    if head.version > VERSION {
        bail!(
            "{shown} has the version {}, and this server reads up to {VERSION}; update it",
            head.version
        );
    }
    let known = database::newest_migration();
    if head.schema > known {
        bail!(
            "{shown} comes from a newer server, {}; update this one, {}",
            head.server,
            env!("CARGO_PKG_VERSION")
        );
    }
    Ok(head)
}

fn belongs(name: &str, folders: &[&str]) -> bool {
    let inner = name
        .strip_prefix(FILES)
        .and_then(|inner| inner.split_once('/'));
    inner.is_some_and(|(folder, _)| folders.contains(&folder))
}

/// Whether a restore into this data directory was cut off.
pub fn was_cut_off(data_dir: &Path) -> bool {
    data_dir.join(RESTORING).join(BEGUN).exists()
}

/// A folder that holds something.
pub fn occupied<'a>(data_dir: &Path, folders: &[&'a str]) -> Result<Option<&'a str>> {
    for folder in folders {
        let mut some = false;
        walk(data_dir, Path::new(folder), &mut |_, _| {
            some = true;
            Ok(())
        })?;
        if some {
            return Ok(Some(*folder));
        }
    }
    Ok(None)
}

/// Puts what was unpacked in the place of what was there.
fn swap(aside: &Path, data_dir: &Path, folders: &[&str]) -> Result<()> {
    for folder in folders {
        let (new, place) = (aside.join(folder), data_dir.join(folder));
        let old = aside.join(format!("{folder}.old"));
        match fs::rename(&place, &old) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error)
                    .with_context(|| format!("{} cannot be replaced", place.display()));
            }
            _ => {}
        }
        fs::rename(&new, &place)
            .with_context(|| format!("{} cannot be replaced", place.display()))?;
    }
    disk::sync_folder(data_dir)?;
    remove(aside)
}

fn make(folder: &Path) -> Result<()> {
    DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(folder)
        .with_context(|| format!("{} cannot be created", folder.display()))
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", folder.display()))
        }
        _ => Ok(()),
    }
}
