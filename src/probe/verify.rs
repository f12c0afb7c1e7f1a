//! Reading a server's certificate: as the shared verifier does, and remembering what it minded.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

use super::marks::Trace;

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
pub struct Verifier {
    pub inner: Arc<dyn ServerCertVerifier>,
    pub trace: Trace,
    pub dates: Dates,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let at = match self.dates {
            Dates::Judged => now,
            Dates::ReadAt(at) => at,
        };
        let verified = self.inner.verify_server_cert(leaf, intermediates, name, ocsp, at);
        let ends = std::iter::once(leaf).chain(intermediates);
        let until = ends.filter_map(|it| super::certificate::not_after(it)).min();
        self.trace.note(|marks| marks.certificate_until = until);
        if let Err(rustls::Error::InvalidCertificate(fault)) = &verified {
            self.trace.note(|marks| marks.certificate_fault = Some(fault.clone()));
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
