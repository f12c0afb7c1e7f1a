//! The socket itself: made for its owner alone, and taken away at the end.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixSocket};

use super::SOCKET_FILE;

/// Longer paths do not fit a socket's address, with the zero at its end.
const PATH_LIMIT: usize = 107;
/// Connections the system holds until they are accepted.
const BACKLOG: u32 = 128;

#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    #[error("{} is in the way and is no socket; move it away", path.display())]
    InTheWay { path: PathBuf },
    #[error("could not open the socket {}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// Removes its socket when it is dropped.
#[derive(Debug)]
pub struct Door {
    pub(super) listener: UnixListener,
    path: PathBuf,
}

impl Door {
    /// Opens the socket in `dir`, in the place of one that a dead daemon left.
    /// The caller holds the lock of `dir`, so that no living one is replaced.
    pub fn open(dir: &Path) -> Result<Self, DoorError> {
        let path = dir.join(SOCKET_FILE);
        let failed = |source| DoorError::Io { path: path.clone(), source };
        match fs::symlink_metadata(&path) {
            Ok(found) if found.file_type().is_socket() => fs::remove_file(&path).map_err(failed)?,
            Ok(_) => return Err(DoorError::InTheWay { path }),
            Err(why) if why.kind() == io::ErrorKind::NotFound => (),
            Err(why) => return Err(failed(why)),
        }
        let listener = bind(dir, &path).map_err(failed)?;
        Ok(Self { listener, path })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Err(why) = fs::remove_file(&self.path) {
            tracing::debug!("The socket was gone already: {why}");
        }
    }
}

fn bind(dir: &Path, path: &Path) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    let near = Near::to(dir)?;
    socket.bind(near.path())?;
    // Nobody can connect before `listen`.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    socket.listen(BACKLOG)
}

/// The socket's path, short enough for an address however deep the directory is.
pub(super) struct Near {
    path: PathBuf,
    /// Held as long as the path that names it.
    _dir: Option<File>,
}

impl Near {
    pub(super) fn to(dir: &Path) -> io::Result<Self> {
        let path = dir.join(SOCKET_FILE);
        if path.as_os_str().as_bytes().len() <= PATH_LIMIT {
            return Ok(Self { path, _dir: None });
        }
        let open = File::open(dir)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET_FILE}", open.as_raw_fd()));
        Ok(Self { path, _dir: Some(open) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
