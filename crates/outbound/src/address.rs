//! Where requests may go.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::Uri;
use percent_encoding::percent_decode_str;

use crate::OutboundError;

/// Where AWS's instances find their metadata over IPv6.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// The address that a name leads to, if all that it leads to may be reached.
pub(crate) async fn resolve(host: &str, port: u16) -> Result<SocketAddr, OutboundError> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    // What ends so is this machine, whatever the resolver says (RFC 6761).
    let name = if name == "localhost" || name.ends_with(".localhost") { "localhost" } else { name };
    let found = tokio::net::lookup_host((name, port)).await;
    let addresses: Vec<SocketAddr> = found
        .map_err(|error| OutboundError::Unreachable(format!("{host} cannot be resolved: {error}")))?
        .collect();
    if let Some(refused) = addresses.iter().find(|address| is_refused(address.ip())) {
        let text = format!("{host} leads to {}, which integrations may not reach", refused.ip());
        return Err(OutboundError::Refused(text));
    }
    // IPv4 first: local servers often listen there alone.
    let first = addresses.iter().find(|address| address.is_ipv4()).or_else(|| addresses.first());
    first.copied().ok_or_else(|| OutboundError::Unreachable(format!("{host} has no address")))
}

fn is_refused(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => {
            ip == METADATA || ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_multicast()
        }
    }
}

/// Tule's own admin routes take orders from this machine; an integration must not give them. A name may lead to this
/// machine by the time it is asked, so it is the port that counts.
pub(crate) fn refuse_own_admin(own_port: u16, port: u16, uri: &Uri) -> Result<(), OutboundError> {
    if port != own_port {
        return Ok(());
    }
    let path = percent_decode_str(uri.path()).decode_utf8_lossy();
    let is_admin =
        ["_tule", "_localstack"].iter().any(|prefix| path.trim_start_matches('/').starts_with(prefix));
    if is_admin {
        let text = format!("{uri} is an admin route of Tule, which integrations may not reach");
        return Err(OutboundError::Refused(text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_and_the_like_are_refused() {
        let refused = |ip: &str| is_refused(ip.parse().unwrap());
        for ip in [
            "169.254.169.254",
            "169.254.0.1",
            "fd00:ec2::254",
            "fe80::1",
            "::ffff:169.254.169.254",
            "0.0.0.0",
            "::",
        ] {
            assert!(refused(ip), "{ip}");
        }
        for ip in ["127.0.0.1", "::1", "10.0.0.1", "93.184.216.34", "fd00::1"] {
            assert!(!refused(ip), "{ip}");
        }
    }

    #[test]
    fn admin_routes_are_refused_however_they_are_written() {
        for path in ["/_tule/reset", "//_tule/reset", "/%5Ftule/reset", "/_localstack/state/reset"] {
            let uri = format!("http://127.0.0.1:4566{path}").parse().unwrap();
            assert!(refuse_own_admin(4566, 4566, &uri).is_err(), "{path}");
        }
        let uri = "http://127.0.0.1:4566/restapis/a/b/_user_request_/_tule".parse().unwrap();
        assert!(refuse_own_admin(4566, 4566, &uri).is_ok());
    }
}
