//! What VPC links lead to. Load balancers and Cloud Map's services are not emulated, so whoever starts Tule says which
//! address stands for one: `--vpc-link-target ARN=URL`.

use std::collections::BTreeMap;

use http::Uri;
use runtime::Scope;

use crate::{State, apis::scope_key, mapping::interpolate};

/// The link of a REST or WebSocket API's integration.
pub(crate) struct Link {
    /// Its id, which stage variables may be in.
    pub id: String,
    /// `integrationTarget`: the listener that it leads to, where the integration names one.
    pub target: Option<String>,
}

impl Link {
    /// The address that stands for what the link leads to. Where none does, the integration's own address is meant.
    pub fn stand_in<'s>(
        &self,
        state: &'s State,
        scope: &Scope,
        variables: Option<&BTreeMap<String, String>>,
    ) -> Option<&'s Uri> {
        let targets = &state.options.vpc_link_targets;
        if targets.is_empty() {
            return None;
        }
        let named = self.target.as_ref().and_then(|arn| targets.get(&interpolate(arn, variables)));
        named.or_else(|| {
            let link = state.apis.vpc_links.get(&scope_key(scope).text(&interpolate(&self.id, variables)))?;
            link.target_arns.iter().find_map(|arn| targets.get(arn))
        })
    }
}

/// What an HTTP API's integration may name behind a link: a load balancer's listener, or a service of Cloud Map with what
/// instances of it are meant (`?stage=prod`).
pub(crate) fn is_target(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", _, "elasticloadbalancing", _, _, resource] if resource.starts_with("listener/"))
        || matches!(parts.as_slice(), ["arn", _, "servicediscovery", _, _, resource] if resource.starts_with("service/"))
}

/// The address that stands for such a target.
pub(crate) fn of_target<'s>(state: &'s State, arn: &str) -> Option<&'s Uri> {
    let targets = &state.options.vpc_link_targets;
    targets.get(arn).or_else(|| targets.get(arn.split_once('?')?.0))
}

/// What to do where nothing stands for a target.
pub(crate) fn how_to_say(arn: &str) -> String {
    format!("start Tule with --vpc-link-target {arn}=http://HOST:PORT to say which address stands for it")
}

/// The address under which requests go to a stand-in: their own, in the stand-in's scheme.
pub(crate) fn towards(stand_in: &Uri, uri: &str) -> String {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    format!("{}://{rest}", stand_in.scheme_str().unwrap_or("http"))
}

/// Where a stand-in is.
pub(super) fn host_and_port(stand_in: &Uri) -> Option<(String, u16)> {
    let usual = if stand_in.scheme_str() == Some("https") { 443 } else { 80 };
    Some((stand_in.host()?.to_owned(), stand_in.port_u16().unwrap_or(usual)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_listeners_and_services() {
        let of = |rest: &str| is_target(&format!("arn:aws:{rest}"));
        assert!(of("elasticloadbalancing:eu-west-1:000000000000:listener/app/a/1/2"));
        assert!(of("servicediscovery:eu-west-1:000000000000:service/srv-1?stage=prod"));
        assert!(!of("elasticloadbalancing:eu-west-1:000000000000:loadbalancer/net/a/1"));
        assert!(!of("lambda:eu-west-1:000000000000:function:f"));
        assert!(!is_target("http://listener/"));
    }

    #[test]
    fn addresses_keep_all_but_their_scheme() {
        let at = Uri::from_static("http://127.0.0.1:3000");
        assert_eq!(towards(&at, "https://api.example.com/a?b=://"), "http://api.example.com/a?b=://");
        assert_eq!(host_and_port(&at), Some((String::from("127.0.0.1"), 3000)));
        assert_eq!(host_and_port(&Uri::from_static("https://a")), Some((String::from("a"), 443)));
    }
}
