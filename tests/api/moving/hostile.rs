//! Exports that are damaged, made up, or not this account's to take; and imports that are cut off.

use std::{
    fs,
    os::unix::{ffi::OsStrExt as _, fs::symlink},
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{ANN, BEN, assert_equal, content, export, fill, import, put};
use crate::{
    api::plant,
    support::{Server, postgres::digests},
};

async fn try_import(server: &Server, folder: &Path) -> Output {
    let folder = folder.to_str().unwrap();
    server
        .command(&["import", "--email", BEN, folder])
        .output()
        .await
        .unwrap()
}

/// One sentence that has these words.
#[track_caller]
fn assert_refused(output: &Output, words: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}: {told}");
    assert!(output.stdout.is_empty(), "{words}");
    assert!(
        told.starts_with("omi-server: ") && told.contains(words),
        "{words:?} is missing: {told}"
    );
    assert_eq!(told.trim_end().lines().count(), 1, "{told}");
}

fn copied(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    for name in content(from).into_keys() {
        let path = to.join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(from.join(&name), path).unwrap();
    }
}

fn manifest(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

fn write_manifest(folder: &Path, manifest: &Value) {
    fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
}

/// Changes a file of lines and has the manifest agree, as somebody who means harm would.
fn rewritten(folder: &Path, name: &str, change: impl Fn(&str) -> String) {
    let path = folder.join(format!("{name}.jsonl"));
    let text = change(&fs::read_to_string(&path).unwrap());
    fs::write(&path, &text).unwrap();
    let mut manifest = manifest(folder);
    let part = match name {
        "files" => &mut manifest["files"],
        _ => {
            let tables = manifest["tables"].as_array_mut().unwrap();
            tables.iter_mut().find(|one| one["name"] == name).unwrap()
        }
    };
    part["rows"] = json!(text.lines().count());
    part["bytes"] = json!(text.len());
    part["sha256"] = json!(hex::encode(Sha256::digest(text.as_bytes())));
    write_manifest(folder, &manifest);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_or_made_up_changes_nothing() {
    let server = Server::deaf().await;
    let db = server.pool().await;
    let ann = server.user(ANN).await;
    server.user(BEN).await;
    fill(&server, &db, &ann, ANN).await;
    let (whole, _) = export(&server, ANN, "whole").await;
    let folder = whole.with_file_name("bad");
    let outside = whole.with_file_name("outside");
    fs::write(&outside, "mine").unwrap();
    let quiet = ["search%", "rate_windows"];
    let before = digests(&db, &quiet).await;
    let sound = content(&whole)
        .into_keys()
        .find(|name| name.ends_with(".opus"))
        .unwrap();
    let files = Path::new("files/audio");

    type Change<'a> = Box<dyn Fn(&Path) + 'a>;
    let set = |path: &'static [&'static str], value: Value| -> Change<'static> {
        Box::new(move |folder: &Path| {
            let mut manifest = manifest(folder);
            let place =
                path.iter()
                    .fold(&mut manifest, |place, name| match name.parse::<usize>() {
                        Ok(number) => &mut place[number],
                        Err(_) => &mut place[*name],
                    });
            *place = value.clone();
            write_manifest(folder, &manifest);
        })
    };
    let line = |name: &'static str, from: &'static str, to: &'static str| -> Change<'static> {
        Box::new(move |folder: &Path| {
            rewritten(folder, name, |text| {
                assert!(text.contains(from), "{name}: {from}");
                text.replacen(from, to, 1)
            });
        })
    };
    let changes: Vec<(&str, Change)> = vec![
        (
            "it has no manifest.json",
            Box::new(|folder: &Path| fs::remove_file(folder.join("manifest.json")).unwrap()),
        ),
        (
            "is damaged",
            Box::new(|folder: &Path| fs::write(folder.join("manifest.json"), "{").unwrap()),
        ),
        (
            "is damaged",
            Box::new(|folder: &Path| {
                fs::write(folder.join("manifest.json"), "[".repeat(100_000)).unwrap()
            }),
        ),
        (
            "cannot be read: it is a link",
            Box::new(|folder: &Path| {
                fs::rename(folder.join("manifest.json"), folder.join("other")).unwrap();
                symlink("other", folder.join("manifest.json")).unwrap();
            }),
        ),
        (
            "is no export of an account",
            set(&["format"], json!("other")),
        ),
        ("reads up to 1; update it", set(&["version"], json!(2))),
        ("is damaged", set(&["tables", "0", "rows"], json!(-1))),
        (
            "is not what its manifest says",
            set(&["tables", "0", "rows"], json!(2)),
        ),
        (
            "does not know the table \"robots\"",
            set(&["tables", "1", "name"], json!("robots")),
        ),
        (
            "does not know the table \"../",
            set(&["tables", "1", "name"], json!("../../etc/passwd")),
        ),
        (
            "credentials is never part of one",
            set(&["tables", "1", "name"], json!("credentials")),
        ),
        (
            "names users twice",
            set(&["tables", "1"], manifest(&whole)["tables"][0].clone()),
        ),
        (
            "other columns",
            set(&["tables", "0", "columns"], json!(["name"])),
        ),
        (
            "memories.jsonl",
            Box::new(|folder: &Path| fs::remove_file(folder.join("memories.jsonl")).unwrap()),
        ),
        (
            "memories.jsonl",
            Box::new(|folder: &Path| {
                fs::remove_file(folder.join("memories.jsonl")).unwrap();
                symlink(&outside, folder.join("memories.jsonl")).unwrap();
            }),
        ),
        (
            "memories.jsonl is not what",
            Box::new(|folder: &Path| {
                let path = folder.join("memories.jsonl");
                let text = fs::read_to_string(&path).unwrap();
                fs::write(&path, text.replacen("Memory 7", "Memory 8", 1)).unwrap();
            }),
        ),
        (
            "memories.jsonl is not what",
            Box::new(|folder: &Path| {
                let path = folder.join("memories.jsonl");
                let text = fs::read_to_string(&path).unwrap();
                fs::write(&path, &text[..text.find('\n').unwrap() + 1]).unwrap();
            }),
        ),
        (
            "memories.jsonl, line 1: ",
            Box::new(|folder: &Path| rewritten(folder, "memories", |_| "{}\n".into())),
        ),
        (
            "memories.jsonl, line 1",
            Box::new(|folder: &Path| rewritten(folder, "memories", |_| "[]\n".into())),
        ),
        (
            "memories.jsonl, line 1",
            Box::new(|folder: &Path| rewritten(folder, "memories", |_| "{\"id\": 1".into())),
        ),
        (
            "memories.jsonl, lines 1 to ",
            line("memories", "\"id\":\"", "\"id\":\"x"),
        ),
        (
            "memories.jsonl, lines 1 to ",
            line("memories", "\"content\":\"Mem", "\"content\":\"\\u0000em"),
        ),
        (
            "goals.jsonl, lines 1 to 1",
            line("goals", "\"scale\"", "\"flying\""),
        ),
        (
            "conversations.jsonl, line 1: events is not of its form",
            line("conversations", "\"events\":[]", "\"events\":[{}]"),
        ),
        (
            "has no column \"password_hash\"",
            Box::new(|folder: &Path| {
                rewritten(folder, "users", |text| {
                    text.replace("{\"", "{\"password_hash\":\"x\",\"")
                });
                let mut manifest = manifest(folder);
                manifest["tables"][0]["columns"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!("password_hash"));
                write_manifest(folder, &manifest);
            }),
        ),
        (
            "has no column \"uid\"",
            Box::new(|folder: &Path| {
                let uid = ann.uid.clone();
                rewritten(folder, "goals", |text| {
                    text.replace("{\"", &format!("{{\"uid\":\"{uid}\",\""))
                });
                let mut manifest = manifest(folder);
                let tables = manifest["tables"].as_array_mut().unwrap();
                let goals = tables
                    .iter_mut()
                    .find(|one| one["name"] == "goals")
                    .unwrap();
                goals["columns"].as_array_mut().unwrap().push(json!("uid"));
                write_manifest(folder, &manifest);
            }),
        ),
        (
            "is no name of a file",
            line("files", "\"name\":\"", "\"name\":\"../../../audio/"),
        ),
        (
            "is no name of a file",
            line("files", "\"name\":\"", "\"name\":\"/"),
        ),
        (
            "is no name of a file",
            line("files", "\"name\":\"", "\"name\":\"."),
        ),
        (
            "files of the kind \"secrets\"",
            line("files", "\"kind\":\"audio\"", "\"kind\":\"secrets\""),
        ),
        (
            "bytes, its manifest says otherwise",
            Box::new(|folder: &Path| {
                rewritten(folder, "files", |text| {
                    text.lines()
                        .skip(1)
                        .map(|line| format!("{line}\n"))
                        .collect()
                })
            }),
        ),
        (
            ".opus",
            Box::new(|folder: &Path| fs::remove_file(folder.join(&sound)).unwrap()),
        ),
        (
            ".opus is not what its list says",
            Box::new(|folder: &Path| {
                let mut bytes = fs::read(folder.join(&sound)).unwrap();
                bytes[40] ^= 1;
                fs::write(folder.join(&sound), bytes).unwrap();
            }),
        ),
        (
            "it is a link",
            Box::new(|folder: &Path| {
                fs::remove_file(folder.join(&sound)).unwrap();
                symlink(whole.join(&sound), folder.join(&sound)).unwrap();
            }),
        ),
        (
            "is no folder",
            Box::new(|folder: &Path| {
                fs::remove_dir_all(folder.join(files)).unwrap();
                symlink(whole.join(files), folder.join(files)).unwrap();
            }),
        ),
    ];
    for (words, change) in &changes {
        copied(&whole, &folder);
        change(&folder);
        assert_refused(&try_import(&server, &folder).await, words);
        assert_eq!(digests(&db, &quiet).await, before, "{words}");
    }
    assert_eq!(fs::read(&outside).unwrap(), b"mine");

    // Where an export may go, and for whom.
    fs::create_dir(whole.with_file_name("full")).unwrap();
    fs::write(whole.with_file_name("full").join("a"), "").unwrap();
    fs::create_dir(whole.with_file_name("begun.partial")).unwrap();
    for (email, name, words) in [
        (ANN, "full", "is not empty"),
        (ANN, "outside", "is no folder"),
        (ANN, "begun", "delete it and try again"),
        (
            "nobody@example.org",
            "fine",
            "nobody@example.org has no account",
        ),
    ] {
        let into = whole.with_file_name(name);
        let output = server
            .command(&["export", "--email", email, into.to_str().unwrap()])
            .output()
            .await
            .unwrap();
        assert_refused(&output, words);
    }
    assert!(!whole.with_file_name("fine").exists());

    // A file that is gone is told, and the rest goes on.
    let name = Path::new(&sound).file_name().unwrap();
    let found = fs::read_dir(server.data_dir.join("audio"))
        .unwrap()
        .find_map(|folder| {
            let path = folder.unwrap().path().join(name);
            path.exists().then_some(path)
        });
    fs::remove_file(found.unwrap()).unwrap();
    let less = whole.with_file_name("less");
    let output = server
        .command(&["export", "--email", ANN, less.to_str().unwrap()])
        .output()
        .await
        .unwrap();
    assert!(output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("1 files that the account names are not there"),
        "{told}"
    );
    assert_eq!(manifest(&less)["files"]["missing"], 1);
    import(&server, BEN, &less).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_account_has_stays_theirs() {
    let server = Server::deaf().await;
    let db = server.pool().await;
    let ann = server.user(ANN).await;
    let ben = server.user(BEN).await;
    fill(&server, &db, &ann, ANN).await;
    fill(&server, &db, &ben, BEN).await;
    let carol = server.user("carol@example.org").await;
    let (anns, _) = export(&server, ANN, "anns").await;
    let (bens, _) = export(&server, BEN, "bens").await;
    // The ids of all of Ann's rows are taken, by Ann.
    import(&server, "carol@example.org", &anns).await;
    import(&server, "carol@example.org", &bens).await;
    let (again, _) = export(&server, ANN, "again").await;
    assert_equal(&anns, &again);
    let (again, _) = export(&server, BEN, "again-ben").await;
    assert_equal(&bens, &again);
    // Carol has what both have, but for what there can be one of.
    let counts: Vec<(i64, i64)> = sqlx::query_as(
        "select (select count(*) from memories where uid = $1), (select count(*) from conversations where uid = $1)",
    )
    .bind(&carol.uid)
    .fetch_all(&db)
    .await
    .unwrap();
    assert_eq!(counts, [(5000, 4)]);
    let taken: (i64, i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from apps where uid = $1), (select count(*) from shared_conversations where uid = $1),
                (select count(*) from conversations where uid = $1 and visibility <> 'private'),
                (select count(*) from action_item_shares where uid = $1)",
    )
    .bind(&carol.uid)
    .fetch_one(&db)
    .await
    .unwrap();
    assert_eq!(taken, (0, 0, 0, 0));
    let shown: i64 = sqlx::query_scalar("select count(*) from shared_conversations where uid = $1")
        .bind(&ann.uid)
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(shown, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_killed_is_finished_by_the_next() {
    let (old, new) = (Server::deaf().await, Server::private().await);
    let db = old.pool().await;
    let ann = old.user(ANN).await;
    let conversation = fill(&old, &db, &ann, ANN).await;
    put(
        &db,
        &ann.uid,
        "insert into memories (uid, id, content, category, visibility, manually_added, reviewed, scoring, created_at, updated_at)
         select :uid, gen_random_uuid(), repeat(n::text, 20), 'system', 'private', true, true, '00', now(), now()
         from generate_series(1, 20000) n",
    )
    .await;
    let begin = plant::at("2026-01-31T10:00:00Z");
    for n in 0..200 {
        let at = begin + chrono::Duration::seconds(n);
        plant::sound_with_id(
            &db,
            &old.data_dir,
            &ann.uid,
            conversation,
            Uuid::now_v7(),
            at,
            &[n as i16; 16_000],
        )
        .await;
    }
    let (whole, _) = export(&old, ANN, "whole").await;
    new.user(ANN).await;
    let mut cut_off = 0;
    for delay in [50, 150, 300, 450, 600, 800, 1000, 1300, 1600] {
        let mut child = new
            .command(&["import", "--email", ANN, whole.to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(delay)).await;
        if child.try_wait().unwrap().is_none() {
            cut_off += 1;
        }
        let _ = child.kill().await;
    }
    assert!(cut_off > 1, "{cut_off}");
    import(&new, ANN, &whole).await;
    let (second, _) = export(&new, ANN, "second").await;
    assert_equal(&whole, &second);
    let left = fs::read_dir(new.data_dir.join("audio"))
        .unwrap()
        .flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
    let unfinished = left
        .filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .file_name()
                .as_bytes()
                .ends_with(b".new")
        })
        .count();
    assert!(unfinished <= cut_off, "{unfinished}");
}
