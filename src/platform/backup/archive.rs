//! The file of a backup: a tar archive (ustar) of plain files, that every `tar` reads. Its last entry digests the others.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::platform::disk::{self, Digested};

const BLOCK: usize = 512;
/// Name of the last entry.
const END: &str = "end.json";
const LONGEST_END: u64 = 4096;
/// Larger sizes do not go into eleven octal digits.
const LARGEST_OCTAL: u64 = 0o77_777_777_777;

#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct End {
    /// Entries before this one.
    entries: u64,
    /// Of a line an entry: SHA-256 of what it holds, two blanks, its name, a line feed.
    sha256: String,
}

/// Digests entries in their order.
#[derive(Default)]
struct Listing {
    hash: Sha256,
    entries: u64,
}

impl Listing {
    fn add(&mut self, name: &str, sha256: &str) {
        self.hash.update(format!("{sha256}  {name}\n"));
        self.entries += 1;
    }

    fn end(self) -> End {
        End {
            entries: self.entries,
            sha256: hex::encode(self.hash.finalize()),
        }
    }
}

pub struct Writer {
    file: BufWriter<File>,
    listing: Listing,
}

impl Writer {
    pub fn new(file: File) -> Self {
        Self {
            file: BufWriter::with_capacity(1 << 20, file),
            listing: Listing::default(),
        }
    }

    /// Adds all that can be read; gives how much it was.
    pub fn add(&mut self, name: &str, content: impl Read) -> Result<u64> {
        let at = self.file.stream_position()?;
        self.file.write_all(&head(name, 0)?)?;
        let mut content = Digested::new(content);
        io::copy(&mut content, &mut self.file)?;
        let (size, sha256) = content.finish();
        self.pad(size)?;
        // Only now the size is known.
        let behind = self.file.stream_position()?;
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(&head(name, size)?)?;
        self.file.seek(SeekFrom::Start(behind))?;
        self.listing.add(name, &sha256);
        Ok(size)
    }

    /// All of it is on the disk when this returns.
    pub fn finish(mut self) -> Result<()> {
        let end = serde_json::to_vec(&std::mem::take(&mut self.listing).end())?;
        self.file.write_all(&head(END, end.len() as u64)?)?;
        self.file.write_all(&end)?;
        self.pad(end.len() as u64)?;
        self.file.write_all(&[0; 2 * BLOCK])?;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok(())
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let over = (size % BLOCK as u64) as usize;
        if over > 0 {
            self.file.write_all(&[0; BLOCK][over..])?;
        }
        Ok(())
    }
}

/// Calls `each` with the name and the content of every entry but the last, in order. An error: the archive is damaged or
/// cut short, which may show only at the end, or `each` failed. What `each` does not read is read all the same.
pub fn read(path: &Path, mut each: impl FnMut(&str, &mut dyn Read) -> Result<()>) -> Result<()> {
    let shown = path.display();
    let file = disk::open_plain(path).with_context(|| format!("{shown} cannot be read"))?;
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut listing = Listing::default();
    loop {
        let mut block = [0; BLOCK];
        file.read_exact(&mut block)
            .with_context(|| format!("{shown} is cut short, or is no backup"))?;
        let Some((name, size)) = unhead(&block) else {
            bail!("{shown} is damaged, or is no backup");
        };
        let mut content = (&mut file).take(size);
        if name == END {
            let mut text = Vec::new();
            content.take(LONGEST_END).read_to_end(&mut text)?;
            let told: Option<End> = serde_json::from_slice(&text).ok();
            if told != Some(listing.end()) {
                bail!(
                    "{shown} is damaged: its parts are not those that were written; take another copy"
                );
            }
            return Ok(());
        }
        let mut digested = Digested::new(&mut content);
        each(&name, &mut digested)?;
        io::copy(&mut digested, &mut io::sink())
            .with_context(|| format!("{shown} cannot be read"))?;
        let (length, sha256) = digested.finish();
        if length != size {
            bail!("{shown} is cut short");
        }
        listing.add(&name, &sha256);
        let over = size % BLOCK as u64;
        if over > 0 {
            io::copy(&mut (&mut file).take(BLOCK as u64 - over), &mut io::sink())?;
        }
    }
}

fn head(name: &str, size: u64) -> Result<[u8; BLOCK]> {
    let (prefix, rest) =
        split(name).with_context(|| format!("the name {name} is too long for a backup"))?;
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, rest.as_bytes());
    put(100, b"0000600\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    if size <= LARGEST_OCTAL {
        put(124, format!("{size:011o}\0").as_bytes());
    } else {
        put(124, &[0x80]);
        put(128, &size.to_be_bytes());
    }
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    put(345, prefix.as_bytes());
    let sum = checksum(&block);
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(block)
}

/// What goes into the two fields of a name.
fn split(name: &str) -> Option<(&str, &str)> {
    if name.len() <= 100 {
        return Some(("", name));
    }
    let mut places = name.match_indices('/').map(|(at, _)| at);
    let at = places.find(|at| name.len() - at - 1 <= 100)?;
    (at <= 155).then(|| (&name[..at], &name[at + 1..]))
}

/// Name and size of a plain file; None: it is something else, or damaged.
fn unhead(block: &[u8; BLOCK]) -> Option<(String, u64)> {
    let text = |from: usize, length: usize| {
        let field = &block[from..from + length];
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(length);
        std::str::from_utf8(&field[..end]).ok()
    };
    let octal = |from, length| u64::from_str_radix(text(from, length)?.trim(), 8).ok();
    if octal(148, 8)? != u64::from(checksum(block)) || block[156] != b'0' {
        return None;
    }
    let size = if block[124] == 0x80 {
        u64::from_be_bytes(block[128..136].try_into().ok()?)
    } else {
        octal(124, 12)?
    };
    let (prefix, name) = (text(345, 155)?, text(0, 100)?);
    let name = if prefix.is_empty() {
        name.to_string()
    } else {
        format!("{prefix}/{name}")
    };
    is_inside(&name).then_some((name, size))
}

/// Whether a path stays below where it is unpacked.
fn is_inside(name: &str) -> bool {
    !name.contains(['\\', '\0'])
        && name
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..")
}

/// With blanks in place of the field that holds it.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    sum(&block[..148]) + 8 * u32::from(b' ') + sum(&block[156..])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    fn written(path: &Path, entries: &[(&str, Vec<u8>)]) {
        let mut writer = Writer::new(File::create(path).unwrap());
        for (name, content) in entries {
            assert_eq!(
                writer.add(name, &content[..]).unwrap(),
                content.len() as u64
            );
        }
        writer.finish().unwrap();
    }

    fn entries(path: &Path) -> Result<Vec<(String, Vec<u8>)>> {
        let mut found = Vec::new();
        read(path, |name, content| {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes)?;
            found.push((name.to_string(), bytes));
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn an_archive_comes_back_and_tar_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        let long = format!("files/{}/{}", "a".repeat(60), "b".repeat(60));
        let sent = [
            ("backup.json", b"{}".to_vec()),
            ("empty", vec![]),
            (long.as_str(), vec![7; 512]),
            ("files/ä b", vec![1; 100_000]),
        ];
        written(&path, &sent);
        let sent: Vec<_> = sent
            .iter()
            .map(|(name, bytes)| (name.to_string(), bytes.clone()))
            .collect();
        assert_eq!(entries(&path).unwrap(), sent);
        read(&path, |_, _| Ok(())).unwrap();
        let listed = std::process::Command::new("tar")
            .arg("-xf")
            .arg(&path)
            .arg("-C")
            .arg(folder.path())
            .status();
        assert!(listed.unwrap().success());
        assert_eq!(fs::read(folder.path().join(&long)).unwrap(), [7; 512]);
        assert!(folder.path().join(END).exists());
    }

    #[test]
    fn any_damage_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        written(&path, &[("a", vec![1; 700]), ("b/c", vec![2; 10])]);
        let whole = fs::read(&path).unwrap();
        for length in (0..3072 + 89).step_by(100) {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(entries(&path).is_err(), "cut to {length}");
        }
        // Entries: a, two blocks; b/c; the last one. What only fills a block does not count.
        let counts = [0..512 + 700, 1536..2048 + 10, 2560..3072 + 89];
        for at in counts.into_iter().flatten().filter(|at| at % BLOCK != 155) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, damaged).unwrap();
            assert!(entries(&path).is_err(), "damaged at {at}");
        }
        // One entry less, or in another order.
        fs::write(&path, &whole[1536..]).unwrap();
        assert!(entries(&path).is_err());
        let turned = [&whole[1536..2560], &whole[..1536], &whole[2560..]].concat();
        fs::write(&path, turned).unwrap();
        assert!(entries(&path).is_err());
    }

    #[test]
    fn names_lead_nowhere_else() {
        for (name, inside) in [
            ("a/b", true),
            ("a", true),
            ("/a", false),
            ("../a", false),
            ("a/../b", false),
            ("a//b", false),
            ("", false),
            ("a/", false),
        ] {
            assert_eq!(is_inside(name), inside, "{name}");
            assert_eq!(unhead(&head(name, 3).unwrap()).is_some(), inside, "{name}");
        }
        let large = LARGEST_OCTAL + 1;
        assert_eq!(
            unhead(&head("a", large).unwrap()),
            Some(("a".into(), large))
        );
        assert!(head(&"a".repeat(101), 0).is_err());
    }
}
