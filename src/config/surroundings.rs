//! What is asked outside the file while it is read: variables, other files, certificates.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use jiff::Timestamp;
use secrecy::SecretString;

use super::TlsFiles;

/// What is doubtful about a pair for this host at this time, or why it cannot be served.
pub type LookAtCertificate =
    dyn Fn(&TlsFiles, Option<&str>, Timestamp) -> Result<Vec<CertificateFault>, CertificateFault>;

/// What is asked outside the file while it is read.
pub struct Surroundings<'a> {
    /// Environment variables.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Secret files; asked with the path joined to `dir`.
    pub file: &'a dyn Fn(&Path) -> io::Result<SecretFile>,
    /// What the sample wallet was told at this start: `username`, `password`.
    pub sample: &'a dyn Fn(&str) -> Option<SecretString>,
    /// Looks at a certificate and its key as a browser would that asks for
    /// this host now; gives what is doubtful, or why they cannot be served.
    pub certificate: &'a LookAtCertificate,
    /// Where the configuration file is; relative paths in it start here.
    pub dir: &'a Path,
    /// Where the page is served whatever `[server] listen` says.
    pub listen: Option<SocketAddr>,
}

impl Surroundings<'_> {
    /// Nothing around: no variables, no files, no sample wallet; every certificate will do.
    pub fn none() -> Self {
        Self {
            env: &|_| None,
            file: &|_| Err(io::Error::new(io::ErrorKind::NotFound, "there are no files here")),
            sample: &|_| None,
            certificate: &|_, _, _| Ok(vec![]),
            dir: Path::new(""),
            listen: None,
        }
    }
}

/// A secret file as it was found.
pub struct SecretFile {
    pub text: SecretString,
    /// Every user of the machine may read it.
    pub world_readable: bool,
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretFile").field("world_readable", &self.world_readable).finish_non_exhaustive()
    }
}

/// What is wrong with, or doubtful about, a certificate or its key.
#[derive(Debug, Clone)]
pub struct CertificateFault {
    /// About the key rather than the certificate.
    pub in_key: bool,
    pub message: String,
    pub help: String,
}
