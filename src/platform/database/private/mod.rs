//! The private PostgreSQL that the server starts, watches and stops when no DATABASE_URL is given.

mod account;
mod binaries;
mod cluster;
mod error;
mod lock;
mod log;
mod pid_file;
mod postmaster;
mod socket;
mod supervisor;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

pub use binaries::{Binaries, MINIMUM_MAJOR, Program, find_binaries, find_program};
pub use error::PrivateError;
pub(crate) use lock::PAUSE;
pub use lock::{DataDirLock, Holder, LockError, Role};
pub use supervisor::Status;

use account::Account;
use log::Follower;
use pid_file::PidFile;
use postmaster::{Launch, Postmaster};

/// How long a first start waits for the backends of a killed postmaster to go.
const LEFT_OVER_BACKENDS: Duration = Duration::from_secs(15);

#[derive(Debug, Clone)]
pub struct Settings {
    /// The server's data directory, created if missing. The cluster is in `postgres` below it if the database's account
    /// can enter it.
    pub data_dir: PathBuf,
    /// Where the cluster goes otherwise; only root ever needs it.
    pub state_root: PathBuf,
    /// OMI_POSTGRES_BIN.
    pub bin_dir: Option<PathBuf>,
    /// The account that runs PostgreSQL when the server is root; None: the cluster's owner, else postgres, else nobody.
    pub database_user: Option<String>,
    /// False only in tests: nothing is synced to the disk.
    pub durable: bool,
    /// Created if missing.
    pub database: String,
}

impl Settings {
    pub fn new(data_dir: impl Into<PathBuf>, database: &str) -> Self {
        let state_root = if cfg!(target_os = "macos") {
            "/usr/local/var/omi-server"
        } else {
            "/var/lib/omi-server"
        };
        Self {
            data_dir: data_dir.into(),
            state_root: state_root.into(),
            bin_dir: None,
            database_user: None,
            durable: true,
            database: database.to_owned(),
        }
    }
}

/// A PostgreSQL that is kept running. Dropping it asks PostgreSQL to end without waiting for it; `stop` waits.
#[derive(Debug)]
pub struct PrivatePostgres {
    database: String,
    cluster: PathBuf,
    socket_dir: PathBuf,
    version: u32,
    adopted: bool,
    status: watch::Receiver<Status>,
    supervisor: JoinHandle<()>,
    stop: DropGuard,
    log: Follower,
    _locks: Vec<DataDirLock>,
}

/// Locks the data directory for a server, then does as `start_locked`.
pub async fn start(settings: Settings) -> Result<PrivatePostgres, PrivateError> {
    let data_dir = cluster::prepare_data_dir(&settings.data_dir)?;
    let lock = DataDirLock::acquire(&data_dir)?;
    start_locked(settings, lock).await
}

/// Starts PostgreSQL for a data directory, or takes over the one that a killed server left running. Returns when it
/// answers queries. `lock` is that directory's, and is held until PostgreSQL has ended.
pub async fn start_locked(
    settings: Settings,
    lock: DataDirLock,
) -> Result<PrivatePostgres, PrivateError> {
    socket::check_database_name(&settings.database)?;
    let data_dir = cluster::prepare_data_dir(&settings.data_dir)?;
    let role = lock.role();
    let mut locks = vec![lock];
    let existing = cluster::existing(&data_dir)?;
    let bin_dir = settings.bin_dir.as_deref();
    let binaries = match &existing {
        Some((dir, major)) => {
            let remembered = cluster::remembered_binaries(dir);
            binaries::find_major(bin_dir, remembered.as_deref(), dir, *major)?
        }
        None => find_binaries(bin_dir)?,
    };
    let existing = existing.map(|(dir, _)| dir);
    // One that still runs keeps its account: its files must not change hands under it.
    let runs = existing
        .as_deref()
        .and_then(PidFile::read)
        .is_some_and(|file| pid_file::is_alive(file.pid));
    let configured = settings.database_user.as_deref().filter(|_| !runs);
    let account = Account::choose(configured, existing.as_deref())?;
    let cluster = match existing {
        Some(dir) => {
            lock_elsewhere(&mut locks, role, parent(&dir), &data_dir)?;
            take_over(&dir, &account, &binaries).await?;
            dir
        }
        None => {
            let parent =
                cluster::choose_parent(&data_dir, &settings.state_root, &account, &binaries)
                    .await?;
            lock_elsewhere(&mut locks, role, &parent, &data_dir)?;
            cluster::create(&data_dir, &parent, &account, &binaries, settings.durable).await?
        }
    };
    cluster::remember_binaries(&cluster, &binaries)?;

    let last_socket_dir = PidFile::read(&cluster).and_then(|file| file.socket_dir);
    let launch = Launch {
        socket_dir: socket::choose_dir(&cluster, last_socket_dir, &account, &binaries).await?,
        log: cluster.with_extension("log"),
        durable: settings.durable,
        cluster,
        account,
        binaries,
    };
    let (postmaster, log) = run(&launch).await?;
    socket::ensure_database(&launch.socket_dir, &settings.database).await?;

    let stop = CancellationToken::new();
    let (sender, status) = watch::channel(Status::Running);
    Ok(PrivatePostgres {
        database: settings.database,
        cluster: launch.cluster.clone(),
        socket_dir: launch.socket_dir.clone(),
        version: launch.binaries.major,
        adopted: postmaster.adopted(),
        status,
        supervisor: tokio::spawn(supervisor::supervise(
            launch,
            postmaster,
            sender,
            stop.clone(),
        )),
        stop: stop.drop_guard(),
        log,
        _locks: locks,
    })
}

/// The connection options of the cluster that another process, the server, runs for these settings; None when none
/// answers, or its database is not made yet.
pub async fn running(settings: &Settings) -> Option<PgConnectOptions> {
    let data_dir = settings.data_dir.canonicalize().ok()?;
    let (cluster, _) = cluster::existing(&data_dir).ok()??;
    let socket_dir = PidFile::read(&cluster)?.socket_dir?;
    socket::answers(&socket_dir, &cluster).await.ok()?;
    if !socket::has_database(&socket_dir, &settings.database).await {
        return None;
    }
    Some(socket::options(&socket_dir, &settings.database))
}

impl PrivatePostgres {
    /// They stay valid over restarts.
    pub fn options(&self) -> PgConnectOptions {
        socket::options(&self.socket_dir, &self.database)
    }

    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    pub fn cluster_dir(&self) -> &Path {
        &self.cluster
    }

    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The major version.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// It was already running, left by a server that was killed.
    pub fn adopted(&self) -> bool {
        self.adopted
    }

    /// Disconnects everyone and returns when PostgreSQL has ended: at once, or after up to 40 s. Close pools first.
    pub async fn stop(self) {
        drop(self.stop);
        let _ = self.supervisor.await;
        self.log.finish().await;
        if self.socket_dir != self.cluster {
            let _ = fs::remove_dir_all(&self.socket_dir);
        }
    }
}

/// Adopts or starts the postmaster and waits until it is ready.
async fn run(launch: &Launch) -> Result<(Postmaster, Follower), PrivateError> {
    let follow = |from| Follower::start(launch.log.clone(), from);
    if let Some(adopted) = launch.adopt().await {
        tracing::info!(
            "took over the database in {}, which a server that was killed left running",
            launch.cluster.display()
        );
        return Ok((adopted, follow(log::size(&launch.log))));
    }
    // Its content has been passed on, or belongs to a run that nobody watched.
    log::empty(&launch.log).map_err(PrivateError::file("empty", &launch.log))?;
    let log = follow(0);
    let begun = Instant::now();
    loop {
        let mut postmaster = launch.spawn()?;
        match launch.ready(&mut postmaster).await {
            Ok(()) => return Ok((postmaster, log)),
            Err(PrivateError::Exited { log, .. })
                if log.contains("shared memory block") && begun.elapsed() < LEFT_OVER_BACKENDS =>
            {
                tracing::debug!("backends of the last run are still there: {log}");
                sleep(Duration::from_millis(300)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Makes sure that the account owns an existing cluster and can get at it.
async fn take_over(
    cluster: &Path,
    account: &Account,
    binaries: &Binaries,
) -> Result<(), PrivateError> {
    let owner = fs::metadata(cluster)
        .map_err(PrivateError::file("read", cluster))?
        .uid();
    if owner != account.uid {
        account.own(cluster)?;
    }
    if account.can_enter(cluster, binaries).await? {
        return Ok(());
    }
    Err(PrivateError::Closed {
        dir: parent(cluster).to_owned(),
        user: account.name.clone(),
    })
}

/// A cluster outside the data directory gets a lock of its own: the pointer to it may have been copied.
fn lock_elsewhere(
    locks: &mut Vec<DataDirLock>,
    role: Role,
    parent: &Path,
    data_dir: &Path,
) -> Result<(), PrivateError> {
    if parent != data_dir {
        locks.push(DataDirLock::acquire_as(role, parent)?);
    }
    Ok(())
}

fn parent(cluster: &Path) -> &Path {
    cluster.parent().unwrap_or(cluster)
}
