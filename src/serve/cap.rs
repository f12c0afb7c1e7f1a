//! How many connections there are descriptors for, beside everything else.

/// Connections served at once, if there are descriptors for them. When it is
/// full the quietest go, so more would only cost memory.
pub const CONNECTION_CAP: usize = 4096;
/// Descriptors kept back for the store, its readers, files that are read anew, logs and lookups.
const OWN: usize = 64;
/// Descriptors kept back for probes at least; beyond that one for each endpoint …
const PROBES_LEAST: usize = 32;
/// … but not more than this part of all, or nobody could read the page.
const PROBES_PART: usize = 2;
/// At least a few, or the page would never answer.
const CONNECTIONS_LEAST: usize = 16;

/// Raises our own limit of open files to what the system allows us, and says
/// how many connections fit beside everything else, probes of `endpoints` included.
pub fn connection_cap(endpoints: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!("The limit of open files stays as it is: {error}");
    }
    let files = getrlimit(Resource::Nofile).current.and_then(|it| usize::try_from(it).ok());
    files.map_or(CONNECTION_CAP, |files| fitting(files, endpoints))
}

/// | files allowed | endpoints | kept for probes | connections |
/// | --- | --- | --- | --- |
/// | 256 | 2 | 32 | 160 |
/// | 1,024 | 2,000 | 512 | 448 |
/// | 20,000 | 10,000 | 10,000 | 4,096 |
fn fitting(files: usize, endpoints: usize) -> usize {
    let most = (files / PROBES_PART).max(PROBES_LEAST);
    let probes = endpoints.clamp(PROBES_LEAST, most);
    files.saturating_sub(OWN + probes).clamp(CONNECTIONS_LEAST, CONNECTION_CAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_descriptors() {
        for (files, endpoints, connections) in [
            (256, 2, 160),
            (256, 10_000, 64),
            (1_024, 2_000, 448),
            (20_000, 10_000, 4_096),
            (1_048_576, 10_000, 4_096),
            (64, 1, 16),
        ] {
            assert_eq!(fitting(files, endpoints), connections, "{files} files, {endpoints} endpoints");
        }
    }
}
