//! The operator's words: one TOML file in, checked domain types out.

mod account;
mod around;
mod capture;
mod component;
mod endpoint;
mod expect;
mod fault;
mod file;
mod flow;
mod flow_check;
mod flow_names;
mod json;
mod kinds;
pub mod manual;
mod names;
mod nearest;
mod network;
mod notice;
mod parse;
mod probe;
mod proxy;
mod report;
mod request;
pub mod schema;
mod secret;
mod section;
mod server;
mod site;
pub mod starter;
mod surroundings;
mod template;
mod text;
mod time;
mod value;

#[cfg(test)]
mod tests;

pub use fault::{Fault, Faults};
pub use file::{ReadError, data_dir, read, read_secret};
pub use probe::Probe;
pub use surroundings::{CertificateFault, SecretFile, Surroundings};

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::domain::component::Component;
use crate::domain::endpoint::Endpoint;
use crate::domain::facts::Site;
use crate::domain::network::Network;
use crate::domain::notice::{Announcement, Maintenance};

/// Everything the file said, checked.
#[derive(Debug, Clone)]
pub struct Config {
    pub site: Site,
    pub server: Server,
    pub store: Store,
    pub probe: Probe,
    /// Those that have canaries.
    pub networks: Vec<Network>,
    pub components: Vec<Component>,
    pub endpoints: Vec<Endpoint>,
    /// `published_at` is the time of loading; the store keeps an earlier one.
    pub maintenances: Vec<Maintenance>,
    /// So is `starts_at`, where the file gives none.
    pub announcements: Vec<Announcement>,
    pub sample: Option<Sample>,
    /// None: nobody can read what is counted.
    pub metrics: Option<Metrics>,
}

#[derive(Debug, Clone)]
pub struct Server {
    pub listen: SocketAddr,
    /// Where readers find the page: the only names it answers to then.
    pub public_url: Option<Url>,
    /// Whose word on the client's address is believed.
    pub trusted_proxies: Vec<IpNet>,
    pub tls: Option<TlsFiles>,
}

/// Where a certificate chain and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, Clone)]
pub struct Store {
    /// The directory that holds the database and its lock.
    pub data: PathBuf,
    /// Raw results older than this are pruned.
    pub keep_results: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    pub listen: SocketAddr,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Where the sample wallet's own doors are.
    pub listen: SocketAddr,
    /// Where a person breaks and mends it.
    pub control: SocketAddr,
}
