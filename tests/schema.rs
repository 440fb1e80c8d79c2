//! The catalogue: every table of a user's data is led by `uid`, so one user's rows lie together and the schema shards as
//! it is.

use sqlx::PgPool;

use crate::support::postgres::TestDatabase;

/// Look-ups that find the user, led by their own key.
const DIRECTORIES: [&str; 13] = [
    "user_emails",
    "credential_hashes",
    "app_owners",
    "action_item_share_tokens",
    "chat_file_tokens",
    "message_share_tokens",
    "shared_conversations",
    "sign_in_codes",
    "identities",
    "provider_visits",
    "link_tickets",
    "mcp_session_owners",
    "connector_codes",
];
/// Of no user, and the same on every shard.
const REFERENCES: [&str; 1] = ["connector_clients"];
/// Not ours.
const FOREIGN: [&str; 1] = ["_sqlx_migrations"];
/// Indexes of users' tables that are led by something else, and why.
const OTHER_INDEXES: [(&str, &str); 0] = [];

/// What breaks a rule, a sentence each.
async fn faults(db: &PgPool) -> Vec<String> {
    let exempt: Vec<_> = DIRECTORIES
        .iter()
        .chain(&REFERENCES)
        .chain(&FOREIGN)
        .map(|name| name.to_string())
        .collect();
    let mut faults = Vec::new();

    let tables: Vec<String> = sqlx::query_scalar(
        "select c.relname::text
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'public' and c.relkind in ('r', 'p') and c.relname <> all ($1)
           and not exists (
               select from pg_index x join pg_attribute a on a.attrelid = c.oid and a.attnum = x.indkey[0]
               where x.indrelid = c.oid and x.indisprimary and a.attname = 'uid' and a.atttypid = 'text'::regtype)
         order by 1",
    )
    .bind(&exempt)
    .fetch_all(db)
    .await
    .unwrap();
    faults.extend(
        tables
            .iter()
            .map(|table| format!("{table}: the primary key is not led by uid")),
    );

    let columns: Vec<String> = sqlx::query_scalar(
        "select c.relname::text
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         left join pg_attribute a on a.attrelid = c.oid and a.attnum = 1
         where n.nspname = 'public' and c.relkind in ('r', 'p') and c.relname <> all ($1)
           and a.attname is distinct from 'uid'
         order by 1",
    )
    .bind(&exempt)
    .fetch_all(db)
    .await
    .unwrap();
    faults.extend(
        columns
            .iter()
            .map(|table| format!("{table}: the first column is not uid")),
    );

    let other: Vec<_> = OTHER_INDEXES
        .iter()
        .map(|(name, _)| name.to_string())
        .collect();
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "select c.relname::text, i.relname::text
         from pg_index x join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
         join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'public' and c.relname <> all ($1) and i.relname <> all ($2)
           and (select attname from pg_attribute a where a.attrelid = c.oid and a.attnum = x.indkey[0])
               is distinct from 'uid'
         order by 1, 2",
    )
    .bind(&exempt)
    .bind(&other)
    .fetch_all(db)
    .await
    .unwrap();
    faults.extend(
        indexes
            .iter()
            .map(|(table, index)| format!("{table}: the index {index} is not led by uid")),
    );

    // Also of directories: uid points to uid.
    let keys: Vec<(String, String)> = sqlx::query_as(
        "select c.relname::text, k.conname::text
         from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'public' and k.contype = 'f'
           and not exists (
               select from unnest(k.conkey, k.confkey) as pair (own, theirs)
               join pg_attribute a on a.attrelid = k.conrelid and a.attnum = pair.own
               join pg_attribute b on b.attrelid = k.confrelid and b.attnum = pair.theirs
               where a.attname = 'uid' and b.attname = 'uid')
         order by 1, 2",
    )
    .fetch_all(db)
    .await
    .unwrap();
    faults.extend(
        keys.iter()
            .map(|(table, key)| format!("{table}: the foreign key {key} does not carry uid")),
    );

    let sequences: Vec<String> = sqlx::query_scalar(
        "select c.relname::text
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'public' and c.relkind = 'S' order by 1",
    )
    .fetch_all(db)
    .await
    .unwrap();
    faults.extend(
        sequences
            .iter()
            .map(|name| format!("{name}: ids are made by the server, not by a sequence")),
    );
    faults
}

#[tokio::test]
async fn every_table_is_led_by_its_user() {
    let database = TestDatabase::new().await;
    let db = database.pool().await;
    let faults = faults(&db).await;
    assert!(faults.is_empty(), "{faults:#?}");

    // What the lists above except must exist, or the lists are stale.
    let excepted = DIRECTORIES
        .iter()
        .chain(&REFERENCES)
        .chain(&FOREIGN)
        .chain(OTHER_INDEXES.iter().map(|(name, _)| name));
    for name in excepted {
        let exists: bool = sqlx::query_scalar("select to_regclass($1) is not null")
            .bind(name)
            .fetch_one(&db)
            .await
            .unwrap();
        assert!(exists, "{name} is gone: take it off the list");
    }
    db.close().await;
}

#[tokio::test]
async fn a_bad_table_is_found() {
    let database = TestDatabase::new().await;
    let db = database.pool().await;
    for (statement, fault) in [
        (
            "create table bad (id uuid primary key, uid text not null references users (uid))",
            "bad: the primary key is not led by uid",
        ),
        (
            "create table bad (id uuid, uid text, primary key (uid, id))",
            "bad: the first column is not uid",
        ),
        (
            "create table bad (uid text, id uuid, name text unique, primary key (uid, id))",
            "bad: the index bad_name_key is not led by uid",
        ),
        ("create index bad_index on memories (created_at)", "memories: the index bad_index is not led by uid"),
        ("create index bad_index on memories (lower(uid))", "memories: the index bad_index is not led by uid"),
        (
            "create unique index ids on memories (id);
             create table bad (uid text, id uuid, memory uuid references memories (id), primary key (uid, id))",
            "bad: the foreign key bad_memory_fkey does not carry uid",
        ),
        (
            "create table bad (uid text, number serial, primary key (uid, number))",
            "bad_number_seq: ids are made by the server, not by a sequence",
        ),
        ("create table bad (uid bigint primary key)", "bad: the primary key is not led by uid"),
    ] {
        sqlx::raw_sql(statement).execute(&db).await.unwrap();
        let faults = faults(&db).await;
        assert!(faults.iter().any(|found| found == fault), "{statement}\n{faults:#?}");
        sqlx::raw_sql("drop table if exists bad; drop index if exists bad_index, ids").execute(&db).await.unwrap();
    }
    assert!(faults(&db).await.is_empty());
    db.close().await;
}
