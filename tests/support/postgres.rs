//! One throw-away cluster for all tests, started by the product's own code. It runs for as long as
//! some test holds a database of it. Each test gets a copy of a migrated template.

use std::{
    os::unix::fs::PermissionsExt as _,
    sync::{Arc, LazyLock, Mutex, Weak},
};

use omi_server::platform::database::{
    self,
    private::{self, PrivatePostgres},
};
use sqlx::{Connection as _, PgConnection, PgPool, postgres::PgConnectOptions};

/// The cluster outlives each test's own runtime.
static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
});
static RUNNING: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());

/// A folder that the database's user can enter.
pub fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    folder
}

struct Cluster {
    server: Mutex<Option<PrivatePostgres>>,
    options: PgConnectOptions,
    socket_dir: String,
    /// Removed once the cluster has ended.
    _folder: tempfile::TempDir,
}

impl Cluster {
    fn get() -> Arc<Self> {
        let mut running = RUNNING
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(cluster) = running.upgrade() {
            return cluster;
        }
        let folder = folder();
        let cluster = Arc::new(on_runtime(async {
            let settings = private::Settings {
                durable: false,
                ..private::Settings::new(folder.path(), "template")
            };
            let server = private::start(settings).await.unwrap();
            let options = server.options();
            let pool = PgPool::connect_with(options.clone()).await.unwrap();
            database::migrate(&pool).await.unwrap();
            pool.close().await;
            let socket_dir = server.socket_dir().display().to_string();
            Self {
                server: Mutex::new(Some(server)),
                options,
                socket_dir,
                _folder: folder,
            }
        }));
        *running = Arc::downgrade(&cluster);
        cluster
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The lock keeps a new one from starting before this one has ended.
        let _running = RUNNING
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(server) = self.server.lock().unwrap().take() {
            on_runtime(server.stop());
        }
    }
}

/// From a thread of its own: a test's runtime must not be blocked on.
fn on_runtime<T: Send>(work: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| scope.spawn(|| RUNTIME.block_on(work)).join().unwrap())
}

/// A migrated, empty database of its own.
pub struct TestDatabase {
    pub url: String,
    pub options: PgConnectOptions,
    cluster: Arc<Cluster>,
}

impl TestDatabase {
    pub async fn new() -> Self {
        let cluster = tokio::task::spawn_blocking(Cluster::get).await.unwrap();
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        let mut admin = PgConnection::connect_with(&cluster.options.clone().database("postgres"))
            .await
            .unwrap();
        let create = format!("create database {name} template template");
        sqlx::query(sqlx::AssertSqlSafe(create))
            .execute(&mut admin)
            .await
            .unwrap();
        admin.close().await.unwrap();
        Self {
            url: format!("postgres:///{name}?host={}&user=omi", cluster.socket_dir),
            options: cluster.options.clone().database(&name),
            cluster,
        }
    }

    pub async fn pool(&self) -> PgPool {
        PgPool::connect_with(self.options.clone()).await.unwrap()
    }
}

impl Drop for TestDatabase {
    /// Hundreds of them would fill the disk. A cluster that was killed takes them along anyway.
    fn drop(&mut self) {
        let name = self.options.get_database().unwrap();
        let drop = format!("drop database {name} with (force)");
        let options = self.cluster.options.clone().database("postgres");
        on_runtime(async move {
            if let Ok(mut admin) = PgConnection::connect_with(&options).await {
                let _ = sqlx::query(sqlx::AssertSqlSafe(drop))
                    .execute(&mut admin)
                    .await;
            }
        });
    }
}

/// A digest of every row of every table, but for tables with names like these and when a secret was last used.
pub async fn digests(db: &PgPool, but: &[&str]) -> Vec<(String, Option<String>)> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.tables
         where table_schema = 'public' and table_type = 'BASE TABLE' and not table_name like any($1)
         order by 1",
    )
    .bind(but)
    .fetch_all(db)
    .await
    .unwrap();
    assert!(tables.len() > 10, "{tables:?}");
    let mut digests = Vec::new();
    for table in tables {
        let digest = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "select md5(string_agg(row, '|' order by row))
             from (select (to_jsonb(t) - 'last_used_at')::text as row from {table} t) as rows"
        )))
        .fetch_one(db)
        .await
        .unwrap();
        digests.push((table, digest));
    }
    digests
}
