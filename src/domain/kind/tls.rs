//! A TLS port: its handshake, and how long its certificates hold.

use super::HostPort;

/// The handshake decides, as that of an https endpoint does; nothing is sent after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tls {
    pub at: HostPort,
    /// The name that is asked for and must stand in the certificate, where it is not the host.
    pub server_name: Option<String>,
    /// Fewer days left on the chain are degraded.
    pub certificate_days: Option<u32>,
}
