//! The table of tables is complete: whatever a user has is thought of.

use std::collections::BTreeSet;

use omi_server::features::moving::{FILES, Fate, TABLES};

use crate::support::{Server, postgres::TestDatabase};

/// Folders of the data directory that hold nothing that moves: the server's own, and what it has not heard yet.
const LEFT_OUT: [&str; 4] = ["secrets", "spool", "uploads", "models"];

#[tokio::test]
async fn every_table_has_a_fate() {
    let database = TestDatabase::new().await;
    let db = database.pool().await;
    let there: BTreeSet<String> = sqlx::query_scalar::<_, String>(
        "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'public' and c.relkind in ('r', 'p') and c.relname <> '_sqlx_migrations'",
    )
    .fetch_all(&db)
    .await
    .unwrap()
    .into_iter()
    .collect();
    let told: Vec<String> = TABLES.iter().map(|table| table.name.to_string()).collect();
    let told_once: BTreeSet<String> = told.iter().cloned().collect();
    assert_eq!(told.len(), told_once.len(), "a table is told of twice");
    let forgotten: Vec<_> = there.symmetric_difference(&told_once).collect();
    assert!(
        forgotten.is_empty(),
        "decide in features/moving/tables.rs what becomes of them when a user moves, or take them off: {forgotten:?}"
    );

    // What points to another table comes after it, and never to one that stays behind.
    let keys: Vec<(String, String)> = sqlx::query_as(
        "select distinct conrelid::regclass::text, confrelid::regclass::text from pg_constraint where contype = 'f'",
    )
    .fetch_all(&db)
    .await
    .unwrap();
    let place = |name: &str| {
        let place = TABLES.iter().position(|table| table.name == name).unwrap();
        (place, TABLES[place].fate)
    };
    for (own, parent) in keys.iter().filter(|(own, _)| there.contains(own)) {
        let ((own_place, fate), (parent_place, parents)) = (place(own), place(parent));
        if fate == Fate::Exported {
            assert!(own_place > parent_place, "{own} must come after {parent}");
            assert_eq!(parents, Fate::Exported, "{own} points to {parent}");
        }
    }
    for table in TABLES {
        let directory = table.claimed.iter().map(|(name, id, _)| (*name, *id));
        let own = table.claimed.iter().map(|(_, _, own)| (table.name, *own));
        let without = table.without.iter().map(|column| (table.name, *column));
        for (name, column) in directory.chain(own).chain(without) {
            let exists: bool = sqlx::query_scalar(
                "select exists (select from pg_attribute where attrelid = to_regclass($1) and attname = $2 and not attisdropped)",
            )
            .bind(name)
            .bind(column)
            .fetch_one(&db)
            .await
            .unwrap();
            assert!(exists, "{name} has no {column}");
        }
    }
    db.close().await;
}

#[tokio::test]
async fn every_folder_has_a_fate() {
    let server = Server::deaf().await;
    let kinds: Vec<_> = FILES.iter().map(|files| files.kind).collect();
    let entries: Vec<_> = std::fs::read_dir(&server.data_dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .collect();
    assert!(entries.len() >= 5);
    for entry in entries {
        let name = entry.file_name().into_string().unwrap();
        assert_ne!(
            kinds.contains(&name.as_str()),
            LEFT_OUT.contains(&name.as_str()),
            "{name}: list it in FILES of features/moving/tables.rs, or leave it out here"
        );
    }
}
