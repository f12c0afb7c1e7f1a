//! From a failed request to its failure class, or to a fault of our own.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use super::marks::Marks;
use crate::domain::outcome::FailureClass as Class;
use crate::domain::outcome::Outcome;
use crate::domain::outcome::UnknownReason as Reason;

/// How a lookup failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsFault {
    NoSuchName,
    NoAddress,
    /// It has addresses, but none of the family that was asked for.
    NoSuchFamily,
    /// The machine has no resolver to ask.
    NoResolver,
    /// The resolver could not be reached; the number is the system's.
    Io(Option<i32>),
    Other,
}

impl DnsFault {
    /// What a person is told; none where the causes themselves say more.
    pub fn sentence(self) -> Option<String> {
        match self {
            Self::NoSuchName => Some("the name does not exist (NXDOMAIN)".to_owned()),
            Self::NoAddress => Some("the name exists but has no address (neither A nor AAAA)".to_owned()),
            Self::NoSuchFamily => {
                Some("the name has no address of the family that `addresses` asks for".to_owned())
            }
            Self::NoResolver => Some("this machine has no resolver to ask; see /etc/resolv.conf".to_owned()),
            Self::Io(number) => {
                let why = number.map(|it| format!(" ({})", std::io::Error::from_raw_os_error(it)));
                Some(format!("the resolver could not be reached{}", why.unwrap_or_default()))
            }
            Self::Other => None,
        }
    }
}

/// How far a request had come when its time ran out.
pub fn timed_out(marks: &Marks, answered: bool) -> Outcome {
    let class = if answered {
        Class::TimeoutBody
    } else if marks.head_began {
        Class::TimeoutHeaders
    } else if marks.connect_ended.is_some() {
        Class::TimeoutTtfb
    } else if marks.tls_began.is_some() {
        Class::TimeoutTls
    } else if marks.dns_began.is_some() && marks.dns_ended.is_none() {
        Class::DnsError
    } else {
        Class::ConnectTimeout
    };
    Outcome::Failure(class)
}

/// Why there was no answer, or, once `answered`, why it did not end.
pub fn failed(error: &reqwest::Error, marks: &Marks, answered: bool) -> Outcome {
    if let Some(fault) = marks.dns_fault {
        return dns(fault);
    }
    if let Some(fault) = &marks.certificate_fault {
        return Outcome::Failure(certificate(fault, marks));
    }
    let connecting = marks.connect_ended.is_none();
    let class = if connecting { connect(error) } else { exchange(error, answered) };
    Outcome::Failure(class)
}

/// Why a bare connection did not come to stand, or broke.
pub fn broken(error: &io::Error, marks: &Marks) -> Outcome {
    if let Some(reason) = error.raw_os_error().and_then(our_errno) {
        return Outcome::Unknown(reason);
    }
    match &marks.certificate_fault {
        Some(fault) => Outcome::Failure(certificate(fault, marks)),
        None => Outcome::Failure(connect(error)),
    }
}

/// How a lookup failed, as an outcome.
pub fn lookup(fault: DnsFault) -> Outcome {
    dns(fault)
}

/// Faults of the machine we run on, by the system's own numbers.
pub fn ours(error: &reqwest::Error) -> Option<Reason> {
    os_error(error).and_then(our_errno)
}

pub(super) fn our_errno(number: i32) -> Option<Reason> {
    use rustix::io::Errno;
    match Errno::from_raw_os_error(number) {
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS | Errno::ADDRNOTAVAIL => {
            Some(Reason::OwnResources)
        }
        // A kernel without IPv6 has no such family.
        Errno::NETDOWN | Errno::NETUNREACH | Errno::AFNOSUPPORT => Some(Reason::OwnNetwork),
        _ => None,
    }
}

fn dns(fault: DnsFault) -> Outcome {
    match fault {
        DnsFault::NoSuchName => Outcome::Failure(Class::DnsNxdomain),
        DnsFault::NoAddress | DnsFault::NoSuchFamily | DnsFault::Other => Outcome::Failure(Class::DnsError),
        DnsFault::NoResolver => Outcome::Unknown(Reason::OwnDns),
        DnsFault::Io(number) => Outcome::Unknown(number.and_then(our_errno).unwrap_or(Reason::OwnDns)),
    }
}

fn certificate(fault: &CertificateError, marks: &Marks) -> Class {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Class::TlsExpired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Class::TlsNotYet,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Class::TlsName,
        // Nobody can say who would have issued it, so it is the chain that is wrong.
        CertificateError::UnknownIssuer
            if super::certificate::lacks_issuer(marks.chain.iter().map(|it| &**it)) =>
        {
            Class::TlsChain
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Class::TlsUntrusted,
        // Made by openssl in one line it says of itself that it is an authority.
        CertificateError::Other(_)
            if marks.chain.first().is_some_and(|it| super::certificate::is_self_issued(it)) =>
        {
            Class::TlsUntrusted
        }
        CertificateError::BadEncoding
        | CertificateError::UnhandledCriticalExtension
        | CertificateError::InvalidPurpose => Class::TlsChain,
        _ => Class::TlsError,
    }
}

/// No connection, or no handshake.
fn connect(error: &(dyn Error + 'static)) -> Class {
    if let Some(tls) = causes(error).find_map(tls_error) {
        return match tls {
            rustls::Error::PeerIncompatible(_) => Class::TlsVersion,
            rustls::Error::AlertReceived(alert) if *alert == rustls::AlertDescription::ProtocolVersion => {
                Class::TlsVersion
            }
            _ => Class::TlsError,
        };
    }
    match system(error) {
        Some(io::ErrorKind::ConnectionRefused) => Class::ConnectRefused,
        Some(io::ErrorKind::TimedOut) => Class::ConnectTimeout,
        Some(
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe,
        ) => Class::Reset,
        // The peer hung up during the handshake.
        Some(io::ErrorKind::UnexpectedEof) => Class::TlsError,
        _ => Class::ConnectUnreachable,
    }
}

fn tls_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    cause.downcast_ref()
}

/// What the system says went wrong; an error that only wraps another says nothing.
fn system(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let kinds = causes(error).filter_map(|it| it.downcast_ref::<io::Error>()).map(io::Error::kind);
    kinds.into_iter().find(|it| *it != io::ErrorKind::Other)
}

/// Connected, but the answer did not come whole.
fn exchange(error: &reqwest::Error, answered: bool) -> Class {
    if let Some(class) = causes(error).find_map(|it| it.downcast_ref()).and_then(|it| http2(it, answered)) {
        return class;
    }
    let system = system(error);
    let http = causes(error).find_map(|it| it.downcast_ref::<hyper::Error>());
    let was_reset = matches!(
        system,
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe)
    );
    match http {
        _ if was_reset => Class::Reset,
        Some(_) if causes(error).any(|it| tls_error(it).is_some()) => Class::TlsError,
        Some(http) if http.is_parse_too_large() => Class::HeaderTooLarge,
        Some(http) if http.is_incomplete_message() && answered => Class::BodyIncomplete,
        Some(http) if http.is_incomplete_message() => Class::EmptyReply,
        Some(http) if http.is_parse() => Class::Protocol,
        // Without an error of the exchange it is the decoder that wants more.
        Some(_) if system == Some(io::ErrorKind::UnexpectedEof) && answered => Class::BodyIncomplete,
        // TLS that was hung up without a goodbye.
        Some(_) if system == Some(io::ErrorKind::UnexpectedEof) => Class::EmptyReply,
        Some(http) if http.is_body_write_aborted() || http.is_canceled() || http.is_closed() => {
            Class::EmptyReply
        }
        None if answered => Class::DecodeError,
        _ => Class::Protocol,
    }
}

/// HTTP/2 tells its own errors from those of whoever answers.
///
/// | the stream | before an answer | in its body |
/// | --- | --- | --- |
/// | was given up by the server (`RST_STREAM`) | `reset` | `body_incomplete` |
/// | ended with the connection (`GOAWAY` with an error) | as without HTTP/2 | `body_incomplete` |
/// | ended with the connection, which was hung up | as without HTTP/2 | `body_incomplete` |
/// | broke off with the connection (RST) | `reset` | `reset` |
/// | broke the rules | `protocol` | `protocol` |
fn http2(error: &h2::Error, answered: bool) -> Option<Class> {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    if let Some(io) = error.get_io() {
        let is_tls = io.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>()).is_some();
        return match io.kind() {
            _ if is_tls => Some(Class::TlsError),
            ConnectionReset | ConnectionAborted => Some(Class::Reset),
            BrokenPipe | UnexpectedEof if answered => Some(Class::BodyIncomplete),
            _ => None,
        };
    }
    if !error.is_remote() {
        return None;
    }
    match error.is_reset() {
        _ if answered => Some(Class::BodyIncomplete),
        true => Some(Class::Reset),
        false => None,
    }
}

/// The connection was closed in good order before the request went out on it.
pub fn was_never_sent(error: &(dyn Error + 'static)) -> bool {
    causes(error).find_map(|it| it.downcast_ref::<hyper::Error>()).is_some_and(hyper::Error::is_canceled)
}

/// The raw number of the first error of the system in a chain of causes.
fn os_error(error: &(dyn std::error::Error + 'static)) -> Option<i32> {
    causes(error).find_map(|it| it.downcast_ref::<io::Error>()?.raw_os_error())
}

/// An error and everything that caused it, outermost first. An `io::Error` names
/// as its source that of what it wraps, and so hides the wrapped itself.
pub fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |it: &&'a (dyn Error + 'static)| {
        match it.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => (*it).source(),
        }
    })
}
