//! PostgreSQL's programs: where they are looked for, and of which version they are.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::PrivateError;

/// The oldest major version that the server works with.
pub const MINIMUM_MAJOR: u32 = 15;

/// Directories with one sub-directory a version: parent, what precedes the number in the name, what follows below it.
const VERSIONED: [(&str, &str, &str); 5] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// A directory that holds `postgres` and `initdb` of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    pub dir: PathBuf,
    /// As the program says it: "15.18", "18beta1".
    pub version: String,
    pub major: u32,
}

impl Binaries {
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Runs `postgres --version`; the error says what is wrong with the directory.
    fn inspect(dir: &Path) -> Result<Self, String> {
        for name in ["postgres", "initdb"] {
            if !dir.join(name).is_file() {
                return Err(format!("it has no {name}"));
            }
        }
        let program = dir.join("postgres");
        let output = Command::new(&program)
            .arg("--version")
            .output()
            .map_err(|error| format!("{} does not run: {error}", program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let (version, major) = parse_version(&text)
            .ok_or_else(|| format!("{} did not tell its version", program.display()))?;
        Ok(Self {
            dir: dir.to_owned(),
            version,
            major,
        })
    }
}

/// The first suitable PostgreSQL: `bin_dir`, beside this program, PATH, then the places of the systems' packages.
pub fn find_binaries(bin_dir: Option<&Path>) -> Result<Binaries, PrivateError> {
    let mut older = Vec::new();
    for found in candidates(bin_dir)? {
        if found.major >= MINIMUM_MAJOR {
            return Ok(found);
        }
        older.push(describe(&found));
    }
    Err(PrivateError::NoBinaries {
        minimum: MINIMUM_MAJOR,
        found: if older.is_empty() {
            "searched beside this program, in PATH and where packages put it".to_owned()
        } else {
            format!("only {}", older.join(" and "))
        },
        install: install_hint(None),
    })
}

/// A program that comes with PostgreSQL, for example `pg_dump`.
#[derive(Debug, Clone)]
pub struct Program {
    pub path: PathBuf,
    pub major: u32,
}

/// The one of that major version, else the oldest newer one: `bin_dir`, beside this program, the places of the systems'
/// packages, then PATH.
pub fn find_program(
    bin_dir: Option<&Path>,
    name: &'static str,
    major: u32,
) -> Result<Program, PrivateError> {
    let mut found: Vec<Program> = bin_dir
        .map(Path::to_owned)
        .into_iter()
        .chain(beside())
        .chain(versioned())
        .chain(in_path())
        .filter_map(|dir| {
            let path = dir.join(name);
            let output = Command::new(&path).arg("--version").output().ok()?;
            let (_, major) = parse_version(&String::from_utf8_lossy(&output.stdout))?;
            Some(Program { path, major })
        })
        .filter(|program| program.major >= major)
        .collect();
    // Stable: of the same version the first.
    found.sort_by_key(|program| program.major);
    found
        .into_iter()
        .next()
        .ok_or_else(|| PrivateError::NoProgram {
            name,
            major,
            install: install_hint(Some(major)),
        })
}

/// The PostgreSQL that made the cluster in `cluster`; `remembered` is tried after `bin_dir`.
pub(super) fn find_major(
    bin_dir: Option<&Path>,
    remembered: Option<&Path>,
    cluster: &Path,
    major: u32,
) -> Result<Binaries, PrivateError> {
    let mut others = Vec::new();
    let remembered = remembered.and_then(|dir| Binaries::inspect(dir).ok());
    let mut all = candidates(bin_dir)?;
    let explicit = bin_dir.and_then(|_| all.next());
    for found in explicit.iter().cloned().chain(remembered).chain(all) {
        if found.major == major && major >= MINIMUM_MAJOR {
            if let Some(explicit) = explicit.as_ref().filter(|it| it.dir != found.dir) {
                tracing::warn!(
                    "OMI_POSTGRES_BIN holds {}, but the database was made by PostgreSQL {major}: using {}",
                    describe(explicit),
                    found.dir.display()
                );
            }
            return Ok(found);
        }
        others.push(describe(&found));
    }
    others.dedup();
    Err(PrivateError::OtherVersion {
        dir: cluster.to_owned(),
        cluster: major,
        found: if others.is_empty() {
            "none".to_owned()
        } else {
            others.join(" and ")
        },
        install: install_hint(Some(major)),
    })
}

fn describe(found: &Binaries) -> String {
    format!("PostgreSQL {} in {}", found.version, found.dir.display())
}

/// All that can be run, best first, inspected as they are asked for. A `bin_dir` that cannot be used is an error.
fn candidates(
    bin_dir: Option<&Path>,
) -> Result<impl Iterator<Item = Binaries> + use<>, PrivateError> {
    let explicit = match bin_dir {
        None => None,
        Some(dir) => Some(
            dir.canonicalize()
                .map_err(|error| error.to_string())
                .and_then(|dir| Binaries::inspect(&dir))
                .map_err(|why| PrivateError::BinDir {
                    dir: dir.to_owned(),
                    why,
                })?,
        ),
    };
    let mut seen: Vec<PathBuf> = explicit.iter().map(|found| found.dir.clone()).collect();
    let rest = directories().into_iter().filter_map(move |dir| {
        if seen.contains(&dir) {
            return None;
        }
        seen.push(dir.clone());
        Binaries::inspect(&dir).ok()
    });
    Ok(explicit.into_iter().chain(rest))
}

/// Where a `postgres` is, by canonical path: initdb finds its share directory beside itself, not beside a link to it.
fn directories() -> Vec<PathBuf> {
    beside()
        .into_iter()
        .chain(in_path())
        .chain(versioned())
        .filter_map(|dir| dir.join("postgres").canonicalize().ok())
        .filter_map(|program| Some(program.parent()?.to_owned()))
        .collect()
}

fn beside() -> Option<PathBuf> {
    let program = env::current_exe().and_then(|path| path.canonicalize());
    Some(program.ok()?.parent()?.join("../lib/postgresql/bin"))
}

fn in_path() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .collect()
}

/// Where packages put them, the newest version first.
fn versioned() -> Vec<PathBuf> {
    let mut places = Vec::new();
    for (parent, prefix, below) in VERSIONED {
        let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(parent)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name();
                let number = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
                Some((number, entry.path().join(below)))
            })
            .collect();
        versions.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        places.extend(versions.into_iter().map(|(_, dir)| dir));
    }
    places
}

/// From "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)".
fn parse_version(text: &str) -> Option<(String, u32)> {
    let version = text
        .split_once("(PostgreSQL) ")?
        .1
        .split_whitespace()
        .next()?;
    let digits = version
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(version.len());
    Some((version.to_owned(), version[..digits].parse().ok()?))
}

/// What to type to install PostgreSQL, by the package manager that is present.
fn install_hint(major: Option<u32>) -> String {
    let number = |before: &str| {
        major
            .map(|major| format!("{before}{major}"))
            .unwrap_or_default()
    };
    let present = |program: &str| {
        [
            "/usr/bin",
            "/bin",
            "/sbin",
            "/usr/local/bin",
            "/opt/homebrew/bin",
        ]
        .iter()
        .any(|dir| Path::new(dir).join(program).exists())
    };
    let command = if present("apt-get") {
        format!("apt-get install postgresql{}", number("-"))
    } else if present("dnf") {
        format!("dnf install postgresql{}-server", number(""))
    } else if present("apk") {
        format!("apk add postgresql{}", number(""))
    } else if present("pacman") {
        "pacman -S postgresql".to_owned()
    } else if present("brew") {
        format!("brew install postgresql@{}", major.unwrap_or(17))
    } else {
        return match major {
            Some(major) => format!("install PostgreSQL {major}"),
            None => format!("install PostgreSQL {MINIMUM_MAJOR} or newer"),
        };
    };
    format!("install it with `{command}`")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn versions_are_read_from_the_programs_own_words() {
        let read = |text| parse_version(text);
        assert_eq!(
            read("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some(("15.18".to_owned(), 15))
        );
        assert_eq!(
            read("postgres (PostgreSQL) 19beta1\n"),
            Some(("19beta1".to_owned(), 19))
        );
        assert_eq!(read("something else"), None);
    }

    #[test]
    fn a_wrong_bin_dir_is_refused_by_name() {
        let error = find_binaries(Some(Path::new("/nowhere")))
            .unwrap_err()
            .to_string();
        assert!(error.contains("OMI_POSTGRES_BIN names /nowhere"), "{error}");
    }
}
