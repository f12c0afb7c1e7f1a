//! Reads the configuration file and the files of secrets, within bounds.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::site::default_store;
use super::surroundings::SecretFile;

/// Room for the most endpoints allowed, with every option of each written out.
const FILE_LIMIT: u64 = 4 << 20;
/// A key or a token; never a whole disk by mistake.
const SECRET_LIMIT: u64 = 64 << 10;
/// The permission bit of everybody else to read.
const OTHERS_READ: u32 = 0o004;

/// Why the configuration file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(
        "there is no config file {}; name one with `--config FILE`, or write one with `porchlight init`",
        path.display()
    )]
    Missing { path: PathBuf },
    #[error("{} is a directory; name the file in it with `--config FILE`", path.display())]
    Directory { path: PathBuf },
    #[error(
        "this user may not read {}; let the user that runs porchlight read it (ls -l shows who may)",
        path.display()
    )]
    Forbidden { path: PathBuf },
    #[error("reading {}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is larger than {} MiB, which no configuration is", path.display(), FILE_LIMIT >> 20)]
    TooLarge { path: PathBuf },
    #[error("{} is not UTF-8 from line {line}, column {column} on: save it as UTF-8", path.display())]
    NotUtf8 { path: PathBuf, line: usize, column: usize },
}

/// The text of a configuration file.
pub fn read(path: &Path) -> Result<String, ReadError> {
    let bytes = bounded(path, FILE_LIMIT).map_err(|source| refused(path.to_owned(), source))?;
    let bytes = bytes.1.ok_or_else(|| ReadError::TooLarge { path: path.to_owned() })?;
    String::from_utf8(bytes).map_err(|error| {
        let good =
            String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]).into_owned();
        let line = 1 + good.matches('\n').count();
        let column = 1 + good.rsplit('\n').next().unwrap_or_default().chars().count();
        ReadError::NotUtf8 { path: path.to_owned(), line, column }
    })
}

fn refused(path: PathBuf, source: io::Error) -> ReadError {
    match source.kind() {
        io::ErrorKind::NotFound => ReadError::Missing { path },
        io::ErrorKind::IsADirectory => ReadError::Directory { path },
        io::ErrorKind::PermissionDenied => ReadError::Forbidden { path },
        _ => ReadError::Io { path, source },
    }
}

/// The data directory a configuration file names, however wrong the rest of it
/// is: whoever mends a file wants to talk to the daemon that runs on.
pub fn data_dir(path: &Path) -> PathBuf {
    let dir = path.parent().unwrap_or(Path::new(""));
    let named = read(path).ok().and_then(|text| {
        let (file, _) = DeTable::parse_recoverable(&text);
        let data = file.get_ref().get("store")?.get_ref().get("data")?.get_ref().as_str()?.to_owned();
        Some(dir.join(data))
    });
    named.unwrap_or_else(|| default_store(dir).data)
}

/// The text of a file of one secret, as [`super::Surroundings`] wants it.
pub fn read_secret(path: &Path) -> io::Result<SecretFile> {
    let (mode, bytes) = bounded(path, SECRET_LIMIT)?;
    let bytes = bytes.ok_or_else(|| io::Error::other("it is larger than 64 KiB"))?;
    let text = String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))?;
    Ok(SecretFile { text: text.into(), world_readable: mode & OTHERS_READ != 0 })
}

/// The mode of a file and its bytes, unless they are more than `limit`.
fn bounded(path: &Path, limit: u64) -> io::Result<(u32, Option<Vec<u8>>)> {
    let file = File::open(path)?;
    let mode = file.metadata()?.mode();
    let mut bytes = Vec::new();
    let read = file.take(limit + 1).read_to_end(&mut bytes)?;
    let fits = u64::try_from(read).is_ok_and(|read| read <= limit);
    Ok((mode, fits.then_some(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, bytes).unwrap();
        (dir, path)
    }

    fn said(bytes: &[u8]) -> String {
        let (dir, path) = file(bytes);
        read(&path).unwrap_err().to_string().replace(&format!("{}/", dir.path().display()), "")
    }

    #[test]
    fn a_file_that_cannot_be_a_configuration_is_refused_in_a_sentence() {
        insta::assert_snapshot!(said(b"a = 1\nb\xff = 2"), @"file is not UTF-8 from line 2, column 2 on: save it as UTF-8");
        insta::assert_snapshot!(said(b"\xff\xfea\0"), @"file is not UTF-8 from line 1, column 1 on: save it as UTF-8");
        insta::assert_snapshot!(said(&vec![b'#'; (4 << 20) + 1]), @"file is larger than 4 MiB, which no configuration is");
        assert!(matches!(read(Path::new("/nowhere/at/all")), Err(ReadError::Missing { .. })));
        assert!(matches!(read(Path::new("/")), Err(ReadError::Directory { .. })));
    }

    #[test]
    fn the_data_directory_is_found_in_a_file_that_is_wrong() {
        let found = |text: &str| {
            let (dir, path) = file(text.as_bytes());
            data_dir(&path).strip_prefix(dir.path()).unwrap().display().to_string()
        };
        assert_eq!(found("[store]\ndata = \"here\"\n[[endpoint]]\nid = 3\nevery = \"\n"), "here");
        assert_eq!(found("nonsense"), "data");
        assert_eq!(found("[store]\ndata = 3"), "data");
        assert_eq!(data_dir(Path::new("nowhere.toml")), Path::new("data"));
    }

    #[test]
    fn a_secret_file_says_who_may_read_it() {
        let (_dir, path) = file(b"s3cret\n");
        for (mode, open) in [(0o600, false), (0o640, false), (0o644, true)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(read_secret(&path).unwrap().world_readable, open, "{mode:o}");
        }
        assert!(!format!("{:?}", read_secret(&path)).contains("s3cret"));
        assert!(read_secret(Path::new("/dev/zero")).is_err());
    }
}
