//! TLS of our own: a certificate and its key, looked at closely, and read again when they change.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, InconsistentKeys, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

/// How often the files are looked at; who renews a certificate does so weeks ahead.
const LOOK: Duration = Duration::from_secs(60);
/// A chain or a key is a few thousand bytes; never a whole disk by mistake.
const FILE_LIMIT: u64 = 1 << 20;
const OTHERS_READ: u32 = 0o004;

/// What is wrong with a certificate or its key, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}: {help}")]
pub struct Fault {
    /// About the key rather than the certificate.
    pub in_key: bool,
    pub message: String,
    pub help: String,
}

/// A pair that can be served, and what is doubtful about it.
pub struct Pair {
    serving: Arc<ServerConfig>,
    pub doubts: Vec<Fault>,
}

/// The pair in use.
pub struct Tls {
    files: Files,
    serving: ArcSwap<ServerConfig>,
    seen: Mutex<[Option<Version>; 2]>,
}

/// Where a certificate chain and its key are.
#[derive(Debug, Clone)]
pub struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// What changes when a file does.
type Version = (SystemTime, u64, u64);

impl Tls {
    pub fn new(files: Files) -> Result<Self, Fault> {
        let seen = Mutex::new(files.versions());
        let pair = files.read()?;
        Ok(Self { files, serving: ArcSwap::new(pair.serving), seen })
    }

    pub async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        TlsAcceptor::from(self.serving.load_full()).accept(stream).await
    }

    /// Reads the files again if they have changed. A pair that cannot be
    /// served leaves the old one in use. Says whether a new one is.
    pub fn reload(&self) -> Result<bool, Fault> {
        let versions = self.files.versions();
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *seen == versions {
                return Ok(false);
            }
            *seen = versions;
        }
        self.serving.store(self.files.read()?.serving);
        Ok(true)
    }

    /// [`Tls::reload`] for all who do not wait for its answer: logs it.
    pub fn look_again(&self) {
        match self.reload() {
            Ok(true) => tracing::info!("A new certificate is in use: {}", self.files.certificate.display()),
            Ok(false) => (),
            Err(fault) => {
                tracing::warn!("The certificate in use stays; the new one cannot be served: {fault}")
            }
        }
    }

    /// Looks again and again until `stop`.
    pub async fn keep_fresh(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => (),
            }
            let looking = self.clone();
            let _ = tokio::task::spawn_blocking(move || looking.look_again()).await;
        }
    }
}

impl Files {
    fn versions(&self) -> [Option<Version>; 2] {
        [&self.certificate, &self.key].map(|path| {
            let it = fs::metadata(path).ok()?;
            Some((it.modified().ok()?, it.len(), it.ino()))
        })
    }

    fn read(&self) -> Result<Pair, Fault> {
        let (certificate, _) = bounded(&self.certificate)
            .map_err(|it| fault(false, unreadable("certificate", &self.certificate, &it), WHERE))?;
        let (key, mode) =
            bounded(&self.key).map_err(|it| fault(true, unreadable("key", &self.key, &it), WHERE))?;
        let (shown, shown_key) = (self.certificate.display(), self.key.display());
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| fault(false, format!("{shown} is not a certificate in PEM form"), CHAIN))?;
        if chain.is_empty() {
            return Err(fault(false, format!("there is no certificate in PEM form in {shown}"), CHAIN));
        }
        let mut doubts = Vec::new();
        if mode & OTHERS_READ != 0 {
            let message = format!("every user of this machine may read the key {shown_key}");
            doubts.push(fault(true, message, &format!("chmod 600 {shown_key}")));
        }
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| no_key(&key, &self.key))?;
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|it| it.with_no_client_auth().with_single_cert(chain, key));
        let mut config = config.map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => fault(
                true,
                format!("the key {shown_key} does not fit the certificate {shown}"),
                "use the key it was made with; in the chain, the server's own certificate comes first",
            ),
            rustls::Error::InvalidCertificate(_) => {
                fault(false, format!("{shown} cannot be read as a certificate ({error})"), CHAIN)
            }
            error => fault(true, format!("the key {shown_key} cannot be used ({error})"), KEY),
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Pair { serving: Arc::new(config), doubts })
    }

    /// Looks at the pair as a browser would at `now` when asking for `host`.
    pub fn examine(&self, host: Option<&str>, now: Timestamp) -> Result<Vec<Fault>, Fault> {
        let mut doubts = self.read()?.doubts;
        let Ok((bytes, _)) = bounded(&self.certificate) else { return Ok(doubts) };
        let Ok(leaf) = CertificateDer::from_pem_slice(&bytes) else { return Ok(doubts) };
        let Ok(parsed) = ParsedCertificate::try_from(&leaf) else { return Ok(doubts) };
        let shown = self.certificate.display();
        let mut doubt = |message: String, help: &str| doubts.push(fault(false, message, help));
        match validity(&parsed, now) {
            Some(CertificateError::ExpiredContext { .. } | CertificateError::Expired) => {
                doubt(format!("the certificate {shown} has expired"), "renew it; browsers refuse it");
            }
            Some(CertificateError::NotValidYetContext { .. } | CertificateError::NotValidYet) => {
                doubt(format!("the certificate {shown} is not valid yet"), "is this machine's clock right?");
            }
            _ => (),
        }
        let name = host.and_then(|it| ServerName::try_from(it.trim_matches(['[', ']'])).ok());
        if let (Some(name), Some(host)) = (name, host)
            && verify_server_name(&parsed, &name).is_err()
        {
            let message = format!("the certificate {shown} is not for {host}");
            doubt(message, "use one for the host of public_url; browsers refuse it");
        }
        Ok(doubts)
    }
}

const WHERE: &str =
    "write the path of a file this user may read; a relative path starts at the directory of the config";
const CHAIN: &str = "write a file with the server's certificate first and those that signed it after it, each between -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----";
const KEY: &str = "write a file with the certificate's own key, between -----BEGIN PRIVATE KEY----- and -----END PRIVATE KEY-----";

fn fault(in_key: bool, message: String, help: &str) -> Fault {
    Fault { in_key, message, help: help.to_owned() }
}

fn unreadable(what: &str, path: &Path, error: &io::Error) -> String {
    format!("the {what} {} cannot be read: {error}", path.display())
}

/// Never quotes the file: it may be a key after all.
fn no_key(bytes: &[u8], path: &Path) -> Fault {
    let shown = path.display();
    if bytes.windows(9).any(|it| it == b"ENCRYPTED") {
        let message = format!("the key {shown} is locked with a passphrase, which nobody is there to type");
        return fault(true, message, &format!("unlock a copy for this user alone: openssl pkey -in {shown}"));
    }
    fault(true, format!("there is no key in PEM form in {shown}"), KEY)
}

fn bounded(path: &Path) -> io::Result<(Vec<u8>, u32)> {
    use std::io::Read;
    let file = fs::File::open(path)?;
    let mode = file.metadata()?.mode();
    let mut bytes = Vec::new();
    if FILE_LIMIT < u64::try_from(file.take(FILE_LIMIT + 1).read_to_end(&mut bytes)?).unwrap_or(u64::MAX) {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok((bytes, mode))
}

/// What a verifier that trusts nobody minds first: the dates come before the chain.
fn validity(leaf: &ParsedCertificate<'_>, now: Timestamp) -> Option<CertificateError> {
    let second = u64::try_from(now.as_second()).unwrap_or_default();
    let at = UnixTime::since_unix_epoch(Duration::from_secs(second));
    let algorithms = default_provider().signature_verification_algorithms;
    let nobody = RootCertStore::empty();
    match verify_server_cert_signed_by_trust_anchor(leaf, &nobody, &[], at, algorithms.all) {
        Err(rustls::Error::InvalidCertificate(fault)) => Some(fault),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    struct Dir(tempfile::TempDir);

    impl Dir {
        fn new() -> Self {
            let dir = Self(tempfile::tempdir().unwrap());
            dir.pair("status.example.com");
            dir
        }

        /// A certificate for 2021 to 2030 and its key.
        fn pair(&self, name: &str) {
            let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            (params.not_before, params.not_after) = (date_time_ymd(2021, 1, 1), date_time_ymd(2030, 1, 1));
            let key = KeyPair::generate().unwrap();
            self.write("chain.pem", &params.self_signed(&key).unwrap().pem());
            self.write("key.pem", &key.serialize_pem());
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.0.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }

        fn files(&self) -> Files {
            Files { certificate: self.0.path().join("chain.pem"), key: self.0.path().join("key.pem") }
        }

        fn said(&self, now: &str) -> String {
            let dir = format!("{}/", self.0.path().display());
            let told = match self.files().examine(Some("status.example.com"), now.parse().unwrap()) {
                Ok(doubts) => doubts.iter().map(|it| format!("doubt: {it}")).collect::<Vec<_>>().join("\n"),
                Err(fault) => fault.to_string(),
            };
            told.replace(&dir, "")
        }
    }

    const NOW: &str = "2026-11-23T00:00:00Z";

    #[test]
    fn a_good_pair_leaves_no_doubt() {
        assert_eq!(Dir::new().said(NOW), "");
    }

    #[test]
    fn every_fault_is_one_sentence_with_the_mend() {
        let dir = Dir::new();
        insta::assert_snapshot!(dir.said("2031-01-01T00:00:00Z"), @"doubt: the certificate chain.pem has expired: renew it; browsers refuse it");
        insta::assert_snapshot!(dir.said("2020-01-01T00:00:00Z"), @"doubt: the certificate chain.pem is not valid yet: is this machine's clock right?");
        fs::set_permissions(dir.files().key, fs::Permissions::from_mode(0o644)).unwrap();
        insta::assert_snapshot!(dir.said(NOW), @"doubt: every user of this machine may read the key key.pem: chmod 600 key.pem");
        let dir = Dir::new();
        dir.pair("other.example.com");
        insta::assert_snapshot!(dir.said(NOW), @"doubt: the certificate chain.pem is not for status.example.com: use one for the host of public_url; browsers refuse it");
        let other = Dir::new();
        dir.write("key.pem", &fs::read_to_string(other.files().key).unwrap());
        insta::assert_snapshot!(dir.said(NOW), @"the key key.pem does not fit the certificate chain.pem: use the key it was made with; in the chain, the server's own certificate comes first");
        dir.write(
            "key.pem",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\naGk=\n-----END ENCRYPTED PRIVATE KEY-----\n",
        );
        insta::assert_snapshot!(dir.said(NOW), @"the key key.pem is locked with a passphrase, which nobody is there to type: unlock a copy for this user alone: openssl pkey -in key.pem");
        dir.write("key.pem", "s3cret");
        insta::assert_snapshot!(dir.said(NOW), @"there is no key in PEM form in key.pem: write a file with the certificate's own key, between -----BEGIN PRIVATE KEY----- and -----END PRIVATE KEY-----");
        fs::remove_file(dir.files().key).unwrap();
        insta::assert_snapshot!(dir.said(NOW), @"the key key.pem cannot be read: No such file or directory (os error 2): write the path of a file this user may read; a relative path starts at the directory of the config");
        let dir = Dir::new();
        dir.write("chain.pem", "hello");
        insta::assert_snapshot!(dir.said(NOW), @"there is no certificate in PEM form in chain.pem: write a file with the server's certificate first and those that signed it after it, each between -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----");
        dir.write("chain.pem", "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n");
        insta::assert_snapshot!(dir.said(NOW), @"chain.pem cannot be read as a certificate (invalid peer certificate: BadEncoding): write a file with the server's certificate first and those that signed it after it, each between -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----");
        dir.write("chain.pem", "-----BEGIN CERTIFICATE-----\nhello");
        insta::assert_snapshot!(dir.said(NOW), @"chain.pem is not a certificate in PEM form: write a file with the server's certificate first and those that signed it after it, each between -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----");
    }

    #[test]
    fn a_new_pair_is_taken_and_a_bad_one_leaves_the_old() {
        let dir = Dir::new();
        let tls = Tls::new(dir.files()).unwrap();
        let first = tls.serving.load_full();
        assert_eq!(tls.reload(), Ok(false), "nothing has changed");
        dir.write("key.pem", "half a ke");
        assert!(tls.reload().is_err());
        assert!(Arc::ptr_eq(&first, &tls.serving.load_full()));
        assert_eq!(tls.reload(), Ok(false), "said once");
        dir.pair("status.example.com");
        assert_eq!(tls.reload(), Ok(true));
        assert!(!Arc::ptr_eq(&first, &tls.serving.load_full()));
    }
}
