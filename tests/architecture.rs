//! The three floors stay apart: reads the sources and names the file that breaks a rule.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What a file of a floor must not name, and why.
const RULES: &[(&str, &[(&str, &str)])] = &[
    (
        "src/platform",
        &[
            (
                "crate::features",
                "the ground floor knows no feature: pass what it needs, or move the code to features/",
            ),
            (
                "crate::surfaces",
                "the ground floor knows no surface: move the code to surfaces/",
            ),
            (
                "crate::app",
                "the ground floor is what App is made of: pass the handle it needs",
            ),
            (
                "crate::wiring",
                "wiring joins the floors: the ground floor cannot know it",
            ),
        ],
    ),
    (
        "src/features",
        &[
            (
                "crate::surfaces",
                "a feature does not know who asks: move the code to surfaces/",
            ),
            (
                "crate::wiring",
                "wiring joins the floors: publish an event instead",
            ),
            (
                "axum::",
                "a feature names no HTTP: move the code to surfaces/",
            ),
            (
                "rmcp::",
                "a feature names no MCP: move the code to surfaces/mcp/",
            ),
            (
                "StatusCode",
                "a feature names no status code: return an Error",
            ),
        ],
    ),
    (
        "src/surfaces",
        &[("sqlx::query", "a surface touches no SQL: call a feature")],
    ),
];

/// What a surface may use of its neighbours: these are shared, the rest are surfaces of their own.
const SHARED: [&str; 12] = [
    "caller",
    "client_address",
    "console",
    "documents",
    "extract",
    "guard",
    "limits",
    "operations",
    "origins",
    "queries",
    "respond",
    "router",
];

/// Platform files besides `store.rs` may hold SQL; in features only a room's store does, `store.rs` or the folder `store/`.
#[test]
fn sql_of_features_stands_in_their_stores() {
    for file in rust_files("src/features") {
        if file.file_name().unwrap() == "store.rs" || file.parent().unwrap().ends_with("store") {
            continue;
        }
        for (line, text) in code_lines(&file) {
            assert!(
                !text.contains("sqlx::query") && !text.contains("query!("),
                "{}:{line}: SQL belongs into the room's store.rs",
                file.display()
            );
        }
    }
}

#[test]
fn a_floor_imports_only_from_those_below() {
    for (floor, forbidden) in RULES {
        let files = rust_files(floor);
        assert!(!files.is_empty(), "{floor} is empty: was it moved?");
        for file in files {
            // `doctor` and `/readyz` look at the database itself.
            if file.ends_with("operations/checks.rs") {
                continue;
            }
            for (line, text) in code_lines(&file) {
                for (name, why) in *forbidden {
                    assert!(
                        !text.contains(name),
                        "{}:{line}: `{name}`: {why}",
                        file.display()
                    );
                }
            }
        }
    }
}

#[test]
fn one_surface_never_imports_another() {
    for folder in subfolders("src/surfaces") {
        let own = folder.file_name().unwrap().to_str().unwrap().to_string();
        for file in rust_files(folder.to_str().unwrap()) {
            for (line, text) in code_lines(&file) {
                for other in subfolders("src/surfaces") {
                    let other = other.file_name().unwrap().to_str().unwrap().to_string();
                    if other == own || SHARED.contains(&other.as_str()) {
                        continue;
                    }
                    let named = format!("surfaces::{other}::");
                    assert!(
                        !text.contains(&named),
                        "{}:{line}: {own} imports {other}",
                        file.display()
                    );
                }
            }
        }
    }
}

/// A feature's inside is its own: others come in through `mod.rs`.
#[test]
fn features_call_each_other_through_their_doors() {
    for file in rust_files("src") {
        for (line, text) in code_lines(&file) {
            for inner in ["::store::", "::model::"] {
                let foreign = text.contains("crate::features::") && text.contains(inner);
                assert!(
                    !foreign,
                    "{}:{line}: reaches into another room",
                    file.display()
                );
            }
        }
    }
}

/// The nouns do not know what is built upon them.
#[test]
fn nouns_know_nothing_of_what_stands_on_them() {
    for noun in [
        "accounts",
        "apps",
        "credentials",
        "conversations",
        "memories",
        "action_items",
        "goals",
        "folders",
        "audio",
        "calendar",
    ] {
        for file in rust_files(&format!("src/features/{noun}")) {
            for (line, text) in code_lines(&file) {
                for upper in ["listening", "processing", "search"] {
                    let named = text.contains(&format!("features::{upper}"))
                        || text.contains(&format!("{upper}::"));
                    assert!(
                        !named,
                        "{}:{line}: {noun} must not know {upper}",
                        file.display()
                    );
                }
            }
        }
    }
}

#[test]
fn every_file_says_what_room_it_is() {
    for file in rust_files("src") {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("//! "),
            "{}: the first line should be a `//!` comment",
            file.display()
        );
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn subfolders(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect()
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// Lines that are no comments, numbered from 1.
fn code_lines(file: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(file).unwrap();
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(n, line)| (n + 1, line.to_string()))
        .collect()
}
