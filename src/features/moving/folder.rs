//! The files of an export: written line by line, and read with distrust.

use std::{
    collections::HashSet,
    fmt,
    fs::{self, File},
    io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;

use super::{
    manifest::{self, FileEntry, Lines, Manifest, TableFile},
    tables::{self, Fate, Table},
};
use crate::platform::disk::{self, Digested};

/// Longest line, in bytes.
const LONGEST_LINE: usize = 128 << 20;
const LONGEST_MANIFEST: u64 = 4 << 20;

/// A file with a JSON value a line, while it is written.
pub struct LineWriter {
    file: Digested<BufWriter<File>>,
    rows: u64,
}

impl LineWriter {
    /// `<name>.jsonl` in a folder.
    pub fn create(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(format!("{name}.jsonl"));
        let file = disk::create_new(&path)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Self {
            file: Digested::new(BufWriter::with_capacity(1 << 16, file)),
            rows: 0,
        })
    }

    /// A JSON value; a line end in it can only stand between its parts.
    pub fn push(&mut self, value: &str) -> Result<()> {
        let mut line = value.replace('\n', " ");
        line.push('\n');
        self.file.write_all(line.as_bytes())?;
        self.rows += 1;
        Ok(())
    }

    /// It is on the disk when this returns.
    pub fn finish(mut self) -> Result<Lines> {
        self.file.flush()?;
        self.file.inner().get_ref().sync_all()?;
        let (bytes, sha256) = self.file.finish();
        Ok(Lines {
            rows: self.rows,
            bytes,
            sha256,
        })
    }
}

/// An export whose every part is as its manifest says.
pub struct Folder {
    root: PathBuf,
    pub manifest: Manifest,
}

impl Folder {
    /// Reads all of it: whatever is wrong is found before anything is done. `note`: bytes that were read, of how many.
    pub fn open(root: &Path, note: &mut dyn FnMut(u64, u64)) -> Result<Self> {
        let manifest = read_manifest(root)?;
        let folder = Self {
            root: root.to_path_buf(),
            manifest,
        };
        folder.check(note)?;
        Ok(folder)
    }

    fn check(&self, note: &mut dyn FnMut(u64, u64)) -> Result<()> {
        let mut seen = HashSet::new();
        let lines = self.manifest.tables.iter().map(|table| table.lines.bytes);
        let parts = lines.chain([
            self.manifest.files.lines.bytes,
            self.manifest.files.bytes_of_files,
        ]);
        let total = parts.fold(0, u64::saturating_add);
        let mut done = 0;
        for table in &self.manifest.tables {
            let forms = known(&table.name)?.forms;
            if !seen.insert(&table.name) {
                bail!(
                    "the export is damaged: its manifest names {} twice",
                    table.name
                );
            }
            let columns: HashSet<&str> = table.columns.iter().map(String::as_str).collect();
            self.lines(&table.name, &table.lines, |number, line| {
                done += line.len() as u64 + 1;
                note(done, total);
                let Keys(keys) = parse(&table.name, number, line)?;
                if keys.len() != columns.len() || !keys.iter().all(|key| columns.contains(key.as_str())) {
                    bail!(
                        "the export is damaged: {}.jsonl, line {number}: other columns than its manifest names",
                        table.name
                    );
                }
                if !forms.is_empty() {
                    let row: Value = parse(&table.name, number, line)?;
                    // What is not there is as in a new row.
                    let wrong = |(column, is_right): &&(&str, fn(&Value) -> bool)| {
                        row.get(column).is_some_and(|value| !is_right(value))
                    };
                    if let Some((column, _)) = forms.iter().find(wrong) {
                        bail!(
                            "the export cannot be taken in: {}.jsonl, line {number}: {column} is not of its form",
                            table.name
                        );
                    }
                }
                Ok(())
            })?;
        }
        let mut bytes = 0_u64;
        self.files(|entry| {
            let path = self.path(&entry)?;
            let shown = format!("files/{}/{}", entry.kind, entry.name);
            let file = disk::open_plain(&path)
                .with_context(|| format!("the export is damaged: {shown}"))?;
            let mut file = Digested::new(file);
            io::copy(&mut file, &mut io::sink())
                .with_context(|| format!("{shown} cannot be read"))?;
            let (length, sha256) = file.finish();
            if (length, &sha256) != (entry.bytes, &entry.sha256) {
                bail!("the export is damaged: {shown} is not what its list says; copy it again");
            }
            bytes = bytes.saturating_add(length);
            done = done.saturating_add(length);
            note(done, total);
            Ok(())
        })?;
        if bytes != self.manifest.files.bytes_of_files {
            bail!(
                "the export is damaged: its files have {bytes} bytes, its manifest says otherwise"
            );
        }
        Ok(())
    }

    /// The lines of a file, which must be as the manifest says.
    fn lines(
        &self,
        name: &str,
        expected: &Lines,
        mut each: impl FnMut(u64, &str) -> Result<()>,
    ) -> Result<()> {
        let mut reader = self.reader(name)?;
        let mut digest = Digested::new(io::sink());
        let mut rows = 0;
        while let Some(line) = reader.line()? {
            rows += 1;
            if rows > expected.rows {
                break;
            }
            digest.write_all(line.as_bytes())?;
            digest.write_all(b"\n")?;
            each(rows, &line)?;
        }
        let (bytes, sha256) = digest.finish();
        let found = Lines {
            rows,
            bytes,
            sha256,
        };
        if found != *expected {
            bail!(
                "the export is damaged: {name}.jsonl is not what its manifest says; copy it again"
            );
        }
        Ok(())
    }

    /// Rows of a table, a bounded number at a time.
    pub fn reader(&self, name: &str) -> Result<LineReader> {
        let path = self.root.join(format!("{name}.jsonl"));
        let file = disk::open_plain(&path)
            .with_context(|| format!("the export is damaged: {}", path.display()))?;
        Ok(LineReader {
            name: name.to_string(),
            lines: BufReader::with_capacity(1 << 16, file),
            number: 0,
        })
    }

    /// Each file, in order.
    pub fn files(&self, mut each: impl FnMut(FileEntry) -> Result<()>) -> Result<()> {
        self.lines(manifest::FILES, &self.manifest.files.lines, |number, line| {
            let entry: FileEntry = parse(manifest::FILES, number, line)?;
            if tables::files(&entry.kind).is_none() {
                bail!(
                    "this server does not know files of the kind {:?}: the export comes from a newer one; update this one",
                    shortened(&entry.kind)
                );
            }
            if !tables::is_plain(&entry.name) {
                bail!(
                    "the export is damaged: files.jsonl, line {number}: {:?} is no name of a file",
                    shortened(&entry.name)
                );
            }
            each(entry)
        })
    }

    /// Where a file lies; no link leads there.
    pub fn path(&self, entry: &FileEntry) -> Result<PathBuf> {
        let mut path = self.root.clone();
        for name in [manifest::FILES, &entry.kind] {
            path.push(name);
            let found = fs::symlink_metadata(&path)
                .with_context(|| format!("the export is damaged: {}", path.display()))?;
            if !found.is_dir() {
                bail!("the export is damaged: {} is no folder", path.display());
            }
        }
        Ok(path.join(&entry.name))
    }

    pub fn table(&self, table: &Table) -> Option<&TableFile> {
        self.manifest
            .tables
            .iter()
            .find(|one| one.name == table.name)
    }
}

/// Lines of a file, none longer than is allowed.
pub struct LineReader {
    name: String,
    lines: BufReader<File>,
    number: u64,
}

impl LineReader {
    /// Without its end. None: there is no more.
    pub fn line(&mut self) -> Result<Option<String>> {
        self.number += 1;
        let mut line = Vec::new();
        let most = LONGEST_LINE as u64 + 1;
        (&mut self.lines)
            .take(most)
            .read_until(b'\n', &mut line)
            .with_context(|| format!("{}.jsonl cannot be read", self.name))?;
        if line.is_empty() {
            return Ok(None);
        }
        let (name, number) = (&self.name, self.number);
        if line.pop() != Some(b'\n') {
            bail!(
                "the export is damaged: {name}.jsonl, line {number}: it is too long, or has no end"
            );
        }
        match String::from_utf8(line) {
            Ok(line) => Ok(Some(line)),
            Err(_) => bail!("the export is damaged: {name}.jsonl, line {number}: it is no UTF-8"),
        }
    }
}

fn read_manifest(root: &Path) -> Result<Manifest> {
    let path = root.join(manifest::NAME);
    let shown = root.display();
    let file = match disk::open_plain(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("{shown} is no export: it has no {}", manifest::NAME)
        }
        file => file.with_context(|| format!("{} cannot be read", path.display()))?,
    };
    let mut text = String::new();
    file.take(LONGEST_MANIFEST)
        .read_to_string(&mut text)
        .with_context(|| format!("{} cannot be read", path.display()))?;

    #[derive(Deserialize)]
    struct Head {
        format: String,
        version: u32,
    }
    let head: Head = serde_json::from_str(&text)
        .with_context(|| format!("the export is damaged: {}", path.display()))?;
    if head.format != manifest::FORMAT {
        bail!("{shown} is no export of an account of omi-server");
    }
    if head.version > manifest::VERSION {
        bail!(
            "{shown} has the format version {}, and this server reads up to {}; update it",
            head.version,
            manifest::VERSION
        );
    }
    serde_json::from_str(&text)
        .with_context(|| format!("the export is damaged: {}", path.display()))
}

/// Only what goes along may come.
fn known(name: &str) -> Result<&'static Table> {
    match tables::find(name) {
        None => bail!(
            "this server does not know the table {:?}: the export comes from a newer one; update this one",
            shortened(name)
        ),
        Some(table) if table.fate == Fate::Exported => Ok(table),
        Some(_) => bail!("the export is damaged: {name} is never part of one"),
    }
}

fn parse<T: DeserializeOwned>(name: &str, number: u64, line: &str) -> Result<T> {
    serde_json::from_str(line)
        .with_context(|| format!("the export is damaged: {name}.jsonl, line {number}"))
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

/// The keys of an object, each once.
struct Keys(HashSet<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfObject;
        impl<'de> Visitor<'de> for OfObject {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = HashSet::new();
                while let Some((key, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
                    if !keys.insert(key) {
                        return Err(A::Error::custom("a key comes twice"));
                    }
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(OfObject)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_are_read_and_nothing_else() {
        let Keys(keys) = parse("a", 1, r#"{"a": [1, {"b": 2}], "c": null}"#).unwrap();
        assert_eq!(keys, HashSet::from(["a".to_string(), "c".to_string()]));
        for bad in ["[]", "{", "{} {}", r#"{"a": 1, "a": 2}"#, "null", ""] {
            assert!(parse::<Keys>("a", 1, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_line_has_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut lines = LineWriter::create(folder, "a").unwrap();
        lines.push("{\n}").unwrap();
        lines.push("[]").unwrap();
        let told = lines.finish().unwrap();
        assert_eq!((told.rows, told.bytes), (2, 7));
        let read = |text: &[u8]| {
            fs::write(folder.join("b.jsonl"), text).unwrap();
            let mut reader = LineReader {
                name: "b".into(),
                lines: BufReader::new(File::open(folder.join("b.jsonl")).unwrap()),
                number: 0,
            };
            let first = reader.line()?;
            reader.line().map(|second| (first, second))
        };
        let both = (Some("{ }".to_string()), Some("[]".to_string()));
        assert_eq!(
            read(&fs::read(folder.join("a.jsonl")).unwrap()).unwrap(),
            both
        );
        assert_eq!(read(b"").unwrap(), (None, None));
        assert!(read(b"{}\n{}").is_err());
        assert!(read(b"\xff\n").is_err());
    }
}
