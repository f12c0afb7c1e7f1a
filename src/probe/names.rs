//! Asking for names: which resolver, for how long an answer is kept, and how it failed.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use super::classify::DnsFault;
use super::client::Only;
use super::errand::Errand;
use super::fence;
use super::marks::{Trace, now};

/// A name is asked again after at most this, whatever its TTL says.
const DNS_CACHE: Duration = Duration::from_secs(60);
/// A name that failed is asked again by the confirming probe.
const DNS_NEGATIVE_CACHE: Duration = Duration::from_secs(1);
const DNS_PORT: u16 = 53;
/// Names remembered by the resolver.
const DNS_CACHE_SIZE: u64 = 1024;

/// When the addresses of one family are known, those of the other are waited for
/// so long: some name servers never answer for AAAA, and whoever logs in gets in
/// all the same.
const OTHER_FAMILY: Duration = Duration::from_millis(500);

/// Asks for the addresses of names, each family by itself.
#[derive(Clone)]
pub struct Resolver {
    ipv4: TokioResolver,
    ipv6: TokioResolver,
}

impl Resolver {
    /// As the system wants it, or one that asks only `nameserver`.
    pub fn new(nameserver: Option<SocketAddr>) -> Result<Self, String> {
        Ok(Self {
            ipv4: resolver(nameserver, LookupIpStrategy::Ipv4Only)?,
            ipv6: resolver(nameserver, LookupIpStrategy::Ipv6Only)?,
        })
    }

    /// All addresses that `only` takes, IPv6 first.
    pub async fn addresses(&self, name: &str, only: Only) -> Result<Vec<IpAddr>, NetError> {
        // The trailing dot: an operator's name is never tried in search domains.
        let name = absolute(name);
        let ask = async |resolver: &TokioResolver| -> Result<Vec<IpAddr>, NetError> {
            Ok(resolver.lookup_ip(name.as_str()).await?.iter().collect())
        };
        let (mut ipv6, mut ipv4) = (std::pin::pin!(ask(&self.ipv6)), std::pin::pin!(ask(&self.ipv4)));
        // Of a forced family it must be known whether the other has any.
        let patience = if only == Only::Any { OTHER_FAMILY } else { Duration::MAX };
        let (ipv6, ipv4) = tokio::select! {
            found = &mut ipv6 => {
                let patience = if found.is_ok() { patience } else { Duration::MAX };
                let other = tokio::time::timeout(patience, ipv4).await;
                (Some(found), other.ok())
            }
            found = &mut ipv4 => {
                let patience = if found.is_ok() { patience } else { Duration::MAX };
                let other = tokio::time::timeout(patience, ipv6).await;
                (other.ok(), Some(found))
            }
        };
        let answers = [ipv6, ipv4].into_iter().flatten();
        let (found, faults): (Vec<_>, Vec<_>) = answers.partition(Result::is_ok);
        if found.is_empty() {
            // A fault says more than that there is none of this family.
            let mut faults: Vec<NetError> = faults.into_iter().filter_map(Result::err).collect();
            faults.sort_by_key(NetError::is_no_records_found);
            return Err(faults.into_iter().next().unwrap_or(NetError::Timeout));
        }
        Ok(found.into_iter().flatten().flatten().filter(|it| only.takes(*it)).collect())
    }
}

fn resolver(nameserver: Option<SocketAddr>, families: LookupIpStrategy) -> Result<TokioResolver, String> {
    let mut builder = match nameserver {
        Some(nameserver) => {
            TokioResolver::builder_with_config(only(nameserver), TokioRuntimeProvider::default())
        }
        None => TokioResolver::builder_tokio().map_err(|it| it.to_string())?,
    };
    let options = builder.options_mut();
    options.ip_strategy = families;
    options.cache_size = DNS_CACHE_SIZE;
    options.positive_max_ttl = Some(DNS_CACHE);
    options.negative_max_ttl = Some(DNS_NEGATIVE_CACHE);
    builder.build().map_err(|it| it.to_string())
}

fn only(nameserver: SocketAddr) -> ResolverConfig {
    let mut connection = ConnectionConfig::udp();
    connection.port = nameserver.port();
    let server = NameServerConfig::new(nameserver.ip(), true, vec![connection]);
    ResolverConfig::from_parts(None, vec![], vec![server])
}

/// Those the machine is configured with.
pub fn configured() -> Result<Vec<SocketAddr>, String> {
    let (config, _) = hickory_resolver::system_conf::read_system_conf().map_err(|it| it.to_string())?;
    Ok(config.name_servers().iter().map(|it| SocketAddr::new(it.ip, DNS_PORT)).collect())
}

/// Looks a name up, notes how long it took and how it failed, and gives the
/// addresses that may be used.
pub async fn look_up(
    resolver: Option<&Resolver>,
    name: &str,
    only: Only,
    trace: &Trace,
) -> Result<Vec<IpAddr>, (DnsFault, Option<NetError>)> {
    trace.note(|marks| marks.dns_began = Some(now()));
    let answer = match resolver {
        Some(resolver) => resolver.addresses(name, only).await.map_err(Some),
        None => Err(None),
    };
    trace.note(|marks| marks.dns_ended = Some(now()));
    let found = match answer {
        Ok(found) if found.is_empty() => Err((DnsFault::NoSuchFamily, None)),
        Ok(found) => Ok(found),
        Err(error) => Err((dns_fault(error.as_ref()), error)),
    };
    if let Err((fault, _)) = &found {
        trace.note(|marks| marks.dns_fault = Some(*fault));
    }
    found
}

/// Resolves names for the client that all requests share, as each wants it.
pub struct Names;

impl reqwest::dns::Resolve for Names {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let errand = Errand::current();
        Box::pin(async move {
            // Asked outside of a request it would pass by every fence.
            let Some(Errand { resolver, trace, proxy, only, fence, .. }) = errand else {
                return Err("no request is under way".into());
            };
            let of_proxy = proxy.as_deref() == Some(name.as_str());
            let through_proxy = proxy.is_some();
            let only = if of_proxy { Only::Any } else { only };
            let fence = fence.filter(|_| !of_proxy);
            // A proxy's way asks for whatever stands in the URL, addresses too.
            let written = name.as_str().trim_matches(['[', ']']).parse().ok();
            let known = match only {
                Only::This(one) => Some(one),
                Only::Any | Only::Ipv4 | Only::Ipv6 => written,
            };
            if let Some(ip) = known {
                let address: reqwest::dns::Addrs = Box::new(std::iter::once(SocketAddr::new(ip, 0)));
                return Ok(address);
            }
            match look_up(resolver.as_ref(), name.as_str(), only, &trace).await {
                Ok(found) => {
                    let mut addresses: Vec<SocketAddr> =
                        found.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
                    if let Some((fence, port)) = fence {
                        addresses.retain(|it| fence::lets(&fence, name.as_str(), it.ip(), port));
                        if addresses.is_empty() {
                            trace.note(|marks| marks.fenced = true);
                            return Err(fence::SAID.into());
                        }
                    }
                    // SOCKS is told one address only; any proxy can reach this kind.
                    if through_proxy {
                        addresses.sort_by_key(SocketAddr::is_ipv6);
                    }
                    let addresses: reqwest::dns::Addrs = Box::new(addresses.into_iter());
                    Ok(addresses)
                }
                Err((_, error)) => {
                    trace.note(|marks| marks.proxy_unknown = of_proxy);
                    Err(error.map_or_else(|| "no resolver is configured".into(), Into::into))
                }
            }
        })
    }
}

/// `localhost` is left as it is, so that the hosts file is asked for it.
fn absolute(name: &str) -> String {
    if name.ends_with('.') || !name.contains('.') { name.to_owned() } else { format!("{name}.") }
}

fn dns_fault(error: Option<&NetError>) -> DnsFault {
    match error {
        None => DnsFault::NoResolver,
        Some(error) if error.is_nx_domain() => DnsFault::NoSuchName,
        Some(error) if error.is_no_records_found() => DnsFault::NoAddress,
        Some(NetError::Io(error)) => DnsFault::Io(error.raw_os_error()),
        // Not one name server could be reached.
        Some(NetError::NoConnections) => DnsFault::Io(None),
        Some(_) => DnsFault::Other,
    }
}
