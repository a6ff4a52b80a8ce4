//! Private addresses: a server on the internet must not redirect a request into a private network.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Whether an address is loopback, link-local, private or otherwise not global, in any notation.
pub(super) fn is_inner(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_inner_v4(address),
        IpAddr::V6(address) => is_inner_v6(address),
    }
}

fn is_inner_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    matches!(
        (a, b, c),
        // This network, private, carrier-grade NAT, loopback, link-local (with the clouds' metadata servers),
        (0 | 10 | 127, ..) | (100, 64..=127, _) | (169, 254, _) | (172, 16..=31, _) | (192, 168, _)
        // protocol assignments, benchmarking, multicast, reserved, broadcast.
        | (192, 0, 0) | (198, 18..=19, _) | (224..=255, ..)
    )
}

fn is_inner_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let v4 = |high: u16, low: u16| is_inner_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match parts {
        // Unspecified, loopback, and embedded IPv4 addresses: mapped, compatible, translated, 6to4.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => v4(high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        // Local-use translation, Teredo, unique-local, link-local, site-local, multicast.
        [0x64, 0xff9b, 1, ..] | [0x2001, 0, ..] => true,
        [first, ..] => first & 0xfe00 == 0xfc00 || first & 0xff80 == 0xfe80 || first >= 0xff00,
    }
}

/// The addresses of a URL's host; empty if this machine cannot resolve it.
async fn addresses(url: &Url) -> Vec<IpAddr> {
    let host = url.host_str().unwrap_or_default();
    if let Ok(address) = host.trim_matches(['[', ']']).parse() {
        return vec![address];
    }
    // Behind a proxy, only the proxy may be able to resolve names.
    let found = tokio::net::lookup_host((host, 0)).await.map(|found| found.map(|to| to.ip()).collect());
    found.unwrap_or_default()
}

/// Whether a response came from the internet. `peer` is the connected address, which may be a proxy.
pub(super) async fn is_outside(url: &Url, peer: Option<SocketAddr>) -> bool {
    if peer.is_some_and(|peer| !is_inner(peer.ip())) {
        return true;
    }
    let addresses = addresses(url).await;
    addresses.is_empty() || addresses.iter().any(|address| !is_inner(*address))
}

/// The first private address of a URL's host; `None` if all are public or the host cannot be resolved.
pub(super) async fn inner_address(url: &Url) -> Option<IpAddr> {
    addresses(url).await.into_iter().find(|address| is_inner(*address))
}

/// Resolves names with the system's resolver and returns public addresses only. Needed in addition to the check before the
/// request, because a name may resolve differently at connection time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outside;

impl Resolve for Outside {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let outside: Vec<SocketAddr> = found.filter(|to| !is_inner(to.ip())).collect();
            if outside.is_empty() {
                return Err(io::Error::other("the name leads to an address inside a network").into());
            }
            Ok(Box::new(outside.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_a_network_are_known_in_every_form() {
        for (address, expected) in [
            ("127.0.0.1", true),
            ("127.255.0.3", true),
            ("0.0.0.0", true),
            ("10.1.2.3", true),
            ("172.15.0.1", false),
            ("172.16.0.1", true),
            ("172.31.255.255", true),
            ("172.32.0.1", false),
            ("192.168.1.1", true),
            ("169.254.169.254", true),
            ("100.63.0.1", false),
            ("100.64.0.1", true),
            ("100.127.0.1", true),
            ("198.18.0.1", true),
            ("224.0.0.1", true),
            ("255.255.255.255", true),
            ("8.8.8.8", false),
            ("203.0.113.5", false),
            ("::", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("::ffff:8.8.8.8", false),
            ("::10.0.0.1", true),
            ("::ffff:0:10.0.0.1", true),
            ("64:ff9b::169.254.169.254", true),
            ("64:ff9b::8.8.8.8", false),
            ("64:ff9b:1::1", true),
            ("2002:7f00:1::", true),
            ("2002:808:808::", false),
            ("2001:0:1::1", true),
            ("fc00::1", true),
            ("fdff::1", true),
            ("fe80::1", true),
            ("fec0::1", true),
            ("ff02::1", true),
            ("2606:4700::1111", false),
        ] {
            assert_eq!(is_inner(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[tokio::test]
    async fn urls_lead_where_their_hosts_are_however_they_are_spelled() {
        for (url, expected) in [
            ("http://127.0.0.1/", true),
            ("http://2130706433/", true),
            ("http://0x7f.1/", true),
            ("http://0177.0.0.1/", true),
            ("http://[::1]/", true),
            ("http://[::ffff:169.254.169.254]/", true),
            ("http://localhost/", true),
            ("http://8.8.8.8/", false),
        ] {
            let url: Url = url.parse().unwrap();
            assert_eq!(inner_address(&url).await.is_some(), expected, "{url}");
            assert_eq!(is_outside(&url, None).await, !expected, "{url}");
        }
        let peer = |text: &str| Some(text.parse().unwrap());
        let inner: Url = "http://127.0.0.1/".parse().unwrap();
        assert!(!is_outside(&inner, peer("127.0.0.1:80")).await);
        assert!(is_outside(&inner, peer("8.8.8.8:80")).await);
    }
}
