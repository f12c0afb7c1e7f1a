//! Which addresses a target may send us to: what keeps us out of our own house.
//!
//! | the address | by itself | named in `allow_private` |
//! | --- | --- | --- |
//! | public | yes | yes |
//! | loopback, private, link-local, shared, reserved, multicast | no | yes |
//! | where clouds tell machines their secrets | no | no |
//! | where we listen ourselves | no | no |

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use url::{Host, Url};

use super::proxy::Way;
use crate::domain::request::{Fence, Request};

/// Metadata services of clouds; the last two lie among public and shared addresses.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
];

/// Told of a name whose addresses are all shut out.
pub(super) const SAID: &str =
    "a target's redirect or address leads to a private address, and `allow_private` does not name it";

/// Why a request may not be sent, as far as that can be told without asking for names.
pub(super) fn refuses(request: &Request) -> Option<String> {
    let fence = request.fence.as_ref()?;
    let url = &request.url;
    let named = || fence.allowed.iter().any(|it| url.host_str().is_some_and(|host| same_host(it, host)));
    let blind = Way::of(request).is_some_and(|way| !way.asks_for_names());
    if !lets_literal(fence, url) {
        Some(SAID.to_owned())
    } else if url.domain().is_some() && blind && !named() {
        Some("a target's redirect or address leads to another host, and the proxy alone sees to which address; \
              name the host in `allow_private` if that is right".to_owned())
    } else {
        None
    }
}

fn same_host(written: &str, host: &str) -> bool {
    let host = host.trim_matches(['[', ']']).trim_end_matches('.');
    written.trim_matches(['[', ']']).eq_ignore_ascii_case(host)
}

/// Whether a connection to this address of that host may be made.
pub(super) fn lets(fence: &Fence, host: &str, ip: IpAddr, port: u16) -> bool {
    let ip = ip.to_canonical();
    let ours = |it: &String| it.parse::<SocketAddr>().is_ok_and(|it| is_ours(it, ip, port));
    if METADATA.contains(&ip) || fence.never.iter().any(ours) {
        return false;
    }
    let named = |it: &String| {
        let net = it.parse::<IpNet>().or_else(|_| it.parse::<IpAddr>().map(IpNet::from));
        net.map_or_else(|_| same_host(it, host), |net| net.contains(&ip))
    };
    is_public(ip) || fence.allowed.iter().any(named)
}

/// Whether the host of an address is let through, as far as that can be told
/// without asking for names.
fn lets_literal(fence: &Fence, url: &Url) -> bool {
    let port = url.port_or_known_default().unwrap_or_default();
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => ip.into(),
        Some(Host::Ipv6(ip)) => ip.into(),
        Some(Host::Domain(_)) | None => return true,
    };
    lets(fence, url.host_str().unwrap_or_default(), ip, port)
}

fn is_ours(ours: SocketAddr, ip: IpAddr, port: u16) -> bool {
    let here = ip == ours.ip() || (ours.ip().is_unspecified() && !is_public(ip));
    here && port == ours.port()
}

/// By the registries of special addresses (RFC 6890 and its successors).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_broadcast()
        || ip.is_documentation()
        || a == 0
        || 224 <= a
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let inside = |high: u16, low: u16| {
        let ([w, x], [y, z]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(w, x, y, z))
    };
    match (a, b) {
        // NAT64, 6to4: they lead to an address of version 4.
        (0x64, 0xff9b) => [c, d, e, f] == [0; 4] && inside(g, h),
        (0x2002, _) => inside(b, c),
        // Teredo, benchmarks, documentation and the like.
        (0x2001, 0..0x200 | 0xdb8) | (0x3fff, _) => false,
        // All that is given out to the public begins with these bits.
        _ => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(allowed: &[&str]) -> Fence {
        let own = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect();
        Fence { allowed: own(allowed), never: own(&["0.0.0.0:8080", "127.0.0.1:8082"]) }
    }

    #[test]
    fn only_public_addresses_are_let_through() {
        for (ip, through) in [
            ("93.184.216.34", true),
            ("1.1.1.1", true),
            ("172.15.0.1", true),
            ("172.32.0.1", true),
            ("2606:4700::1111", true),
            ("::ffff:1.1.1.1", true),
            ("64:ff9b::101:101", true),
            ("127.0.0.1", false),
            ("127.255.1.2", false),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("192.168.1.1", false),
            ("169.254.0.5", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("168.63.129.16", false),
            ("192.0.0.8", false),
            ("198.18.0.1", false),
            ("203.0.113.9", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::1", false),
            ("::", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("::127.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b:1::1", false),
            ("2002:7f00:1::", false),
            ("2002:101:101::", true),
            ("2001:0:1::1", false),
            ("2001:db8::1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("fc00::1", false),
            ("fd00:ec2::254", false),
            ("ff02::1", false),
        ] {
            assert_eq!(lets(&fence(&[]), "host.example", ip.parse().unwrap(), 443), through, "{ip}");
        }
    }

    #[test]
    fn what_is_named_is_let_through_but_never_metadata_or_ourselves() {
        for (allowed, host, ip, port, through) in [
            ("10.0.0.0/8", "a.example", "10.1.2.3", 443, true),
            ("10.0.0.0/8", "a.example", "192.168.0.1", 443, false),
            ("10.1.2.3", "a.example", "10.1.2.3", 443, true),
            ("sso.internal", "SSO.internal.", "10.1.2.3", 443, true),
            ("sso.internal", "evil.example", "10.1.2.3", 443, false),
            ("::1", "localhost", "::1", 443, true),
            ("0.0.0.0/0", "a.example", "169.254.169.254", 80, false),
            ("metadata.internal", "metadata.internal", "169.254.169.254", 80, false),
            ("100.64.0.0/10", "a.example", "100.100.100.200", 80, false),
            ("fd00::/8", "a.example", "fd00:ec2::254", 80, false),
            ("127.0.0.0/8", "a.example", "127.0.0.1", 9000, true),
            ("127.0.0.0/8", "a.example", "127.0.0.1", 8080, false),
            ("127.0.0.0/8", "a.example", "127.0.0.1", 8082, false),
            ("127.0.0.0/8", "a.example", "::ffff:127.0.0.1", 8082, false),
        ] {
            assert_eq!(lets(&fence(&[allowed]), host, ip.parse().unwrap(), port), through, "{allowed} {ip}");
        }
        for (address, through) in [
            ("http://127.1/", false),
            ("http://2130706433/", false),
            ("http://0x7f.1/", false),
            ("http://[::1]/", false),
            ("http://name.example/", true),
        ] {
            assert_eq!(lets_literal(&fence(&[]), &address.parse().unwrap()), through, "{address}");
        }
    }
}
