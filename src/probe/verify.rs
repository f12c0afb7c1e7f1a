//! Reading a server's certificate: as the shared verifier does, and remembering what it minded.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

use jiff::Timestamp;

use super::certificate;
use super::errand::Errand;

/// How strictly a server's certificate is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dates {
    Judged,
    /// The chain and name are verified at this time instead of now; only for
    /// asking a server what time it thinks it is.
    ReadAt(UnixTime),
}

/// Verifies as the shared verifier does, and keeps what it said against the certificate.
#[derive(Debug)]
pub struct Verifier(pub Arc<dyn ServerCertVerifier>);

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let at = match Errand::dates() {
            Dates::Judged => now,
            Dates::ReadAt(at) => at,
        };
        let verified = self.0.verify_server_cert(leaf, intermediates, name, ocsp, at);
        let shown = std::iter::once(leaf).chain(intermediates).take(certificate::CHAIN);
        let chain: Arc<[CertificateDer<'static>]> = shown.map(|it| it.clone().into_owned()).collect();
        let second = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let now = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        let until = certificate::earliest(&chain, verified.is_ok(), now);
        Errand::note(|marks| {
            marks.certificate_until = until;
            marks.chain = chain;
        });
        if let Err(rustls::Error::InvalidCertificate(fault)) = &verified {
            Errand::note(|marks| marks.certificate_fault = Some(fault.clone()));
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        // Which of the two is asked tells which was agreed on.
        Errand::note(|marks| marks.tls_version = Some("TLSv1.2"));
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Errand::note(|marks| marks.tls_version = Some("TLSv1.3"));
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
