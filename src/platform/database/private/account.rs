//! The operating-system account that runs PostgreSQL, which refuses to be root.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::Path;
use std::process::Stdio;

use nix::unistd::{Uid, User};
use tokio::process::Command;

use super::binaries::Binaries;
use super::error::PrivateError;

/// Tried in this order when the server runs as root and no account is configured.
const USUAL: [&str; 2] = ["postgres", "nobody"];

#[derive(Debug, Clone)]
pub(super) struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// The server is root and becomes this account for each program it starts.
    switch: bool,
}

impl Account {
    /// An ordinary user runs PostgreSQL as itself. Root becomes the configured account, else the owner of the cluster
    /// that is already there, else a usual one.
    pub fn choose(configured: Option<&str>, cluster: Option<&Path>) -> Result<Self, PrivateError> {
        let owner = match cluster {
            None => None,
            Some(dir) => Some(fs::metadata(dir).map_err(PrivateError::file("read", dir))?),
        };
        let me = Uid::effective();
        if !me.is_root() {
            let account = Self::of_uid(me.as_raw(), nix::unistd::getegid().as_raw(), false);
            return match (cluster, owner) {
                (Some(dir), Some(owner)) if owner.uid() != account.uid => {
                    Err(PrivateError::Owner {
                        dir: dir.to_owned(),
                        user: account.name,
                    })
                }
                _ => Ok(account),
            };
        }
        if configured.is_none()
            && let Some(owner) = owner
            && owner.uid() != 0
        {
            return Ok(Self::of_uid(owner.uid(), owner.gid(), true));
        }
        let tried = match configured {
            Some(name) => vec![name],
            None => USUAL.to_vec(),
        };
        for name in &tried {
            if let Ok(Some(user)) = User::from_name(name)
                && !user.uid.is_root()
            {
                return Ok(Self {
                    name: user.name,
                    uid: user.uid.as_raw(),
                    gid: user.gid.as_raw(),
                    switch: true,
                });
            }
        }
        Err(PrivateError::NoAccount {
            tried: tried.join(" or "),
            next: match configured {
                Some(_) => "set the database user to one that exists and is not root",
                None => {
                    "add one with `useradd --system postgres`, or start the server as an ordinary user"
                }
            },
        })
    }

    fn of_uid(uid: u32, gid: u32, switch: bool) -> Self {
        let name = match User::from_uid(Uid::from_raw(uid)) {
            Ok(Some(user)) => user.name,
            _ => uid.to_string(),
        };
        Self {
            name,
            uid,
            gid,
            switch,
        }
    }

    /// A program of PostgreSQL's, run as this account with a bare environment, in a directory that every account can read.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs([("LC_ALL", "C"), ("TZ", "UTC")])
            .current_dir("/")
            .stdin(Stdio::null());
        if self.switch {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Whether this account gets into `dir`, found out by trying, so that access lists and mounts count as well.
    pub async fn can_enter(&self, dir: &Path, binaries: &Binaries) -> Result<bool, PrivateError> {
        if !self.switch {
            return Ok(true);
        }
        let program = binaries.program("postgres");
        let runs_in = async |dir: &Path| {
            let mut command = self.command(&program);
            command.arg("--version").current_dir(dir);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            matches!(command.status().await, Ok(status) if status.success())
        };
        if runs_in(dir).await {
            return Ok(true);
        }
        // Not the directory's fault when it does not run anywhere.
        if runs_in(Path::new("/")).await {
            return Ok(false);
        }
        Err(PrivateError::Program {
            program,
            user: self.name.clone(),
        })
    }

    /// Gives `path` and all below it to this account; links are not followed. Nothing to do for an ordinary user.
    pub fn own(&self, path: &Path) -> Result<(), PrivateError> {
        if !self.switch {
            return Ok(());
        }
        self.own_tree(path)
            .map_err(PrivateError::file("change the owner of", path))
    }

    fn own_tree(&self, path: &Path) -> io::Result<()> {
        lchown(path, Some(self.uid), Some(self.gid))?;
        if fs::symlink_metadata(path)?.is_dir() {
            for entry in fs::read_dir(path)? {
                self.own_tree(&entry?.path())?;
            }
        }
        Ok(())
    }
}
