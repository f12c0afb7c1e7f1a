//! What stands above the config file: flags, and below them the environment.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args};

use crate::app::StartError;
use crate::config::{self, Config};

/// Flag over environment over file.
#[derive(Debug, Args)]
#[group(skip)]
pub struct Flags {
    /// The file that says what to watch
    #[arg(
        long,
        short,
        global = true,
        env = "PORCHLIGHT_CONFIG",
        default_value = "config.toml",
        value_name = "FILE"
    )]
    config: OsString,
    /// The directory of the history, instead of [store] `data`; relative to where you are
    #[arg(long, global = true, env = "PORCHLIGHT_DATA", value_name = "DIR")]
    data: Option<OsString>,
    /// Where the page is served, instead of [server] `listen`
    #[arg(long, global = true, env = "PORCHLIGHT_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
}

/// Where this process finds its config, and what overrules it there. Each
/// reading of the file heeds it, a reload's too.
#[derive(Debug, Clone)]
pub struct Place {
    pub config: PathBuf,
    pub data: Option<PathBuf>,
    /// And what gave it.
    pub listen: Option<(SocketAddr, &'static str)>,
}

impl Flags {
    /// Says which of them is wrong.
    pub fn settle(self, matches: &ArgMatches) -> Result<Place, String> {
        let given_by = |id: &str, flag: &'static str, variable: &'static str| match matches.value_source(id) {
            Some(ValueSource::EnvVariable) => variable,
            _ => flag,
        };
        let path = |text: OsString, by: &str| {
            if text.is_empty() {
                Err(format!("{by} is empty; name a path, or leave it out"))
            } else {
                Ok(PathBuf::from(text))
            }
        };
        let config = path(self.config, given_by("config", "--config", "PORCHLIGHT_CONFIG"))?;
        let data = self.data.map(|it| path(it, given_by("data", "--data", "PORCHLIGHT_DATA"))).transpose()?;
        let by = given_by("listen", "--listen", "PORCHLIGHT_LISTEN");
        let listen = self.listen.map(|text| match text.parse() {
            Ok(address) => Ok((address, by)),
            Err(_) => Err(format!(
                "{by} is `{}`, which is no address to listen at; write an IP address and a port, such as 127.0.0.1:8080 or [::]:8080",
                text.escape_debug()
            )),
        });
        Ok(Place { config, data, listen: listen.transpose()? })
    }
}

impl Place {
    pub fn apply(&self, config: &mut Config) {
        if let Some(data) = &self.data {
            config.store.data.clone_from(data);
        }
        if let Some((listen, _)) = self.listen {
            config.server.listen = listen;
        }
    }

    /// Where the running daemon's socket is, whether the config is right or not.
    pub fn data_dir(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| config::data_dir(&self.config))
    }

    /// The same, for who copies data: a mistyped `--config` is said, not taken for an empty one.
    pub fn named_data_dir(&self) -> Result<PathBuf, config::ReadError> {
        if self.data.is_none() {
            config::read(&self.config)?;
        }
        Ok(self.data_dir())
    }

    /// A refused address is mended where it was given.
    pub fn blame(&self, error: anyhow::Error) -> anyhow::Error {
        let Some((_, by)) = self.listen else { return error };
        match error.downcast::<StartError>() {
            Ok(StartError::Listen { what, key: "server.listen", addr, why }) => {
                StartError::Listen { what, key: by, addr, why }.into()
            }
            Ok(other) => other.into(),
            Err(other) => other,
        }
    }
}
