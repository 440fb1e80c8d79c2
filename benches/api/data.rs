//! A durable database as the product runs it, filled with what 100 people gathered.

use std::{ops::Range, path::Path, time::Duration};

use omi_server::{
    features::credentials::{self, Kind, NewCredential, Scope},
    platform::database::{
        self, Db,
        private::{self, PrivatePostgres},
    },
};
use sqlx::PgPool;

use super::{process, support::postgres};

pub const USERS: u64 = 100;
pub const MEMORIES: u64 = 1000;
pub const CONVERSATIONS: u64 = 20;
/// Uids count from here: pgbench's variables are numbers.
pub const FIRST_UID: u64 = 1_000_001;

const DATABASE: &str = "omi";

/// Rows of users $1 to $2; row n of user u has the number n * 100 + u, which its id shows in decimal.
const FILL: [&str; 5] = [
    "insert into users (uid, name)
     select (1000001 + u)::text, 'User ' || u from generate_series($1::bigint, $2) u",
    "insert into memories (uid, id, content, category, visibility, tags, manually_added, reviewed, user_review, scoring,
                           created_at, updated_at)
     select (1000001 + u)::text, lpad((n * 100 + u)::text, 32, '0')::uuid,
            'Takes the train at ' || n % 24 || ' and reads chapter ' || n || ' of the book about gardens in the north.',
            (array['interesting', 'system', 'manual'])[1 + n % 3], 'private', array['reading', 'travel'], n % 2 = 0, true,
            case when n % 20 = 0 then false when n % 2 = 0 then true end,
            to_char((n + 1) % 2, 'FM00') || '_99' || 8 + n % 2 || '_' || extract(epoch from at)::bigint, at, at
     from generate_series(0, 999) n, generate_series($1::bigint, $2) u,
          lateral (select timestamptz '2025-01-01' + n * interval '1 hour' + u * interval '1 second') made (at)
     order by n, u",
    "insert into conversations (uid, id, status, source, language, created_at, started_at, finished_at, title, overview)
     select (1000001 + u)::text, lpad((n * 100 + u)::text, 32, '0')::uuid, 'completed', 'omi', 'en', at, at,
            at + interval '5 minutes', 'Talk about garden ' || n,
            repeat('They speak about the garden, the weather and what to plant in spring. ', 3)
     from generate_series(0, 19) n, generate_series($1::bigint, $2) u,
          lateral (select timestamptz '2025-01-01' + n * interval '1 day' + u * interval '1 second') made (at)",
    "insert into transcript_segments (uid, conversation_id, id, text, speaker, speaker_id, is_user, start_seconds, end_seconds)
     select c.uid, c.id, gen_random_uuid(), 'We could plant the apple tree beside the old wall.', 'SPEAKER_0', 0, true,
            s * 5, s * 5 + 4
     from conversations c, generate_series(0, 9) s
     where c.uid::bigint between 1000001 + $1::bigint and 1000001 + $2",
    "insert into action_items (uid, id, description, created_at, updated_at)
     select (1000001 + u)::text, gen_random_uuid(), 'Order seeds for bed ' || n, at, at
     from generate_series(0, 49) n, generate_series($1::bigint, $2) u,
          lateral (select timestamptz '2025-01-01' + n * interval '1 day') made (at)",
];

pub struct Data {
    /// A developer key of each user.
    pub keys: Vec<String>,
    postgres: PrivatePostgres,
    postmaster: u32,
    pool: PgPool,
    folder: tempfile::TempDir,
}

impl Data {
    /// Migrated, with users but without rows of theirs.
    pub async fn new() -> Self {
        let folder = postgres::folder();
        let settings = private::Settings::new(folder.path(), DATABASE);
        let postgres = private::start(settings).await.unwrap();
        let pool = PgPool::connect_with(postgres.options()).await.unwrap();
        database::migrate(&pool).await.unwrap();
        let backend: i32 = sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&pool)
            .await
            .unwrap();
        let fsync: String = sqlx::query_scalar(
            "select current_setting('fsync') || current_setting('synchronous_commit')",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        assert_eq!(fsync, "onon", "the database is not durable");
        let mut data = Self {
            keys: Vec::new(),
            postmaster: process::parent(backend as u32),
            postgres,
            pool,
            folder,
        };
        data.run(FILL[0], 0..USERS).await;
        let db = Db::new(data.pool.clone());
        for user in 0..USERS {
            let uid = (FIRST_UID + user).to_string();
            let new = NewCredential {
                uid: &uid,
                kind: Kind::Developer,
                name: "bench",
                scopes: Some(Scope::ALL.to_vec()),
                app: None,
            };
            let key = credentials::create(&db, new);
            data.keys.push(key.await.unwrap().secret);
        }
        data
    }

    /// Gives these users their rows.
    pub async fn fill(&self, users: Range<u64>) {
        for statement in &FILL[1..] {
            self.run(statement, users.clone()).await;
        }
        // As autovacuum would have done by and by.
        sqlx::query("vacuum analyze")
            .execute(&self.pool)
            .await
            .unwrap();
    }

    async fn run(&self, statement: &'static str, users: Range<u64>) {
        sqlx::query(statement)
            .bind(users.start as i64)
            .bind(users.end as i64 - 1)
            .execute(&self.pool)
            .await
            .unwrap();
    }

    /// Waits until the server has indexed what was filled in and what pgbench wrote: that is no part of any case.
    pub async fn indexed(&self) {
        let waits = "select exists (select from search_changes)";
        while sqlx::query_scalar(waits)
            .fetch_one(&self.pool)
            .await
            .unwrap()
        {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    pub fn url(&self) -> String {
        let socket_dir = self.socket_dir().display();
        format!("postgres:///{DATABASE}?host={socket_dir}&user=omi")
    }

    pub fn name(&self) -> &'static str {
        DATABASE
    }

    pub fn socket_dir(&self) -> &Path {
        self.postgres.socket_dir()
    }

    /// For files beside the database.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Processor time of all processes of the database so far.
    pub fn database_seconds(&self) -> f64 {
        process::family_seconds(self.postmaster)
    }

    pub async fn close(self) {
        self.pool.close().await;
        self.postgres.stop().await;
    }
}
