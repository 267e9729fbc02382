//! What a domain, a mapping or a rule must be before it is kept, for both control planes.

use aws_wire::ServiceError;
use http::Uri;
use runtime::Scope;

use super::{
    record::{Domain, EndpointType, RoutingMode},
    truststore,
};
use crate::{
    State, apis,
    error::{bad_request, invalid, not_found},
    policy::Policy,
};

/// A name that a host can have, and that Tule itself is not reached by.
pub(crate) fn name(state: &State, name: &str) -> Result<(), ServiceError> {
    if name.is_empty() {
        return Err(bad_request("No Domain Name specified"));
    }
    let bare = name.strip_prefix("*.").unwrap_or(name);
    let is_label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(plain) && !label.starts_with('-')
    };
    if name.len() > 255 || !bare.split('.').all(is_label) {
        return Err(bad_request("Invalid domain name specified"));
    }
    let endpoint: Option<Uri> = state.options.endpoint.parse().ok();
    let is_own = endpoint.as_ref().and_then(Uri::host).is_some_and(|own| own.eq_ignore_ascii_case(bare))
        || bare.parse::<std::net::IpAddr>().is_ok()
        || ["localhost", "host.docker.internal", "localhost.localstack.cloud"]
            .iter()
            .any(|own| own.eq_ignore_ascii_case(bare));
    if is_own {
        return Err(bad_request(format!("{name} is the name by which Tule itself is reached")));
    }
    if state.domains.is_taken(name) {
        return Err(bad_request("The domain name you provided already exists."));
    }
    Ok(())
}

/// A domain as changes have left it.
pub(crate) fn domain(state: &State, scope: &Scope, domain: &Domain) -> Result<(), ServiceError> {
    let certificate = domain.certificate_arn.as_deref();
    match certificate {
        None if domain.certificate_name.is_none() => {
            return Err(bad_request(format!(
                "A certificate must be provided for an endpoint of type {}",
                domain.endpoint_type.name()
            )));
        }
        None => {}
        Some(arn) => {
            let region = arn.split(':').nth(3).unwrap_or_default();
            if !arn.starts_with("arn:") || arn.split(':').nth(2) != Some("acm") {
                return Err(bad_request(format!("Invalid certificate ARN: {arn}")));
            }
            let wanted = match domain.endpoint_type {
                EndpointType::Edge => "us-east-1",
                EndpointType::Regional | EndpointType::Private => &*scope.region,
            };
            if region != wanted {
                return Err(bad_request(format!(
                    "Invalid certificate ARN: {arn}. Certificate must be in '{wanted}'."
                )));
            }
        }
    }
    truststore::check(domain)?;
    let is_private = domain.endpoint_type == EndpointType::Private;
    for policy in [&domain.policy, &domain.management_policy].into_iter().flatten() {
        if !is_private {
            return Err(bad_request("Policies are supported for private domain names only"));
        }
        Policy::kept(policy).map_err(|error| {
            error.refusal(|reason| format!("Invalid policy document specified: {reason}"))
        })?;
    }
    if is_private && domain.ip_address_type != "dualstack" {
        return Err(bad_request("Only dualstack ipAddressType is supported for private domain names."));
    }
    if !["ipv4", "dualstack"].contains(&domain.ip_address_type.as_str()) {
        return Err(bad_request("Invalid ipAddressType specified"));
    }
    if domain.routing_mode != RoutingMode::MappingOnly
        && let Some(routes) =
            state.domains.find(scope, &domain.name, is_private.then_some(domain.id.as_str()))
        && routes.mappings.iter().any(|mapping| !is_rest(state, scope, &mapping.api_id))
    {
        return Err(bad_request(
            "Routing rules are not supported for domain names with mappings to HTTP APIs",
        ));
    }
    Ok(())
}

pub(crate) fn routing_mode(name: &str) -> Result<RoutingMode, ServiceError> {
    RoutingMode::parse(name).ok_or_else(|| bad_request(format!("Invalid routing mode specified: {name}")))
}

pub(crate) fn endpoint_type(name: &str) -> Result<EndpointType, ServiceError> {
    EndpointType::parse(name).ok_or_else(|| bad_request(format!("Invalid endpoint type specified: {name}")))
}

fn is_rest(state: &State, scope: &Scope, api_id: &str) -> bool {
    let live = state.apis.live_in(scope, api_id);
    live.is_none_or(|live| matches!(live.kind, apis::Kind::Rest(_)))
}

/// The path of a mapping: `(none)` and nothing are all that is left.
pub(crate) fn base_path(path: &str) -> Result<String, ServiceError> {
    if path == "(none)" {
        return Ok(String::new());
    }
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"$-_.+!*'()/".contains(&byte);
    let is_odd = path.starts_with('/') || path.ends_with('/') || path.contains("//");
    if is_odd || path.len() > 300 || !path.bytes().all(is_known) {
        return Err(bad_request(
            "The mapping key can contain only letters, numbers and one of $-_.+!*'()/, and can neither begin nor end \
             with a slash",
        ));
    }
    Ok(path.to_owned())
}

/// Private domains lead to private APIs, and others to others.
pub(crate) fn same_reach(
    state: &State,
    scope: &Scope,
    domain: &Domain,
    api_id: &str,
) -> Result<(), ServiceError> {
    let live = state.apis.live_in(scope, api_id);
    let record = live.and_then(|live| state.apis.rest_apis.get(&live.key()));
    let is_private = record.is_some_and(|record| record.endpoint_type == "PRIVATE");
    if is_private == (domain.endpoint_type == EndpointType::Private) {
        return Ok(());
    }
    Err(bad_request("Private APIs can be mapped to private domain names only, and these to no other APIs"))
}

/// Whether there is such a stage, of a REST API.
pub(crate) fn rest_stage(
    state: &State,
    scope: &Scope,
    api_id: &str,
    stage: Option<&str>,
) -> Result<(), ServiceError> {
    let live = state.apis.live_in(scope, api_id).filter(|live| matches!(live.kind, apis::Kind::Rest(_)));
    let live = live.ok_or_else(|| bad_request("Invalid REST API identifier specified"))?;
    match stage {
        Some(name) if state.apis.rest_stages.get(&live.child(name)).is_none() => {
            Err(bad_request("Invalid stage identifier specified"))
        }
        _ => Ok(()),
    }
}

/// Whether there is such a stage, of any API that may be where the others of the domain are.
pub(crate) fn any_stage(
    state: &State,
    scope: &Scope,
    api_id: &str,
    stage: &str,
    others: &[&str],
) -> Result<(), ServiceError> {
    let live = state.apis.live_in(scope, api_id);
    let live = live.ok_or_else(|| not_found(format!("Invalid API identifier specified {api_id}")))?;
    let is_there = match &live.kind {
        apis::Kind::Rest(_) => state.apis.rest_stages.get(&live.child(stage)).is_some(),
        apis::Kind::Http(_) | apis::Kind::Socket(_) => {
            state.apis.http_stages.get(&live.child(stage)).is_some()
        }
    };
    if !is_there {
        return Err(invalid("stage identifier"));
    }
    let is_socket = |kind: &apis::Kind| matches!(kind, apis::Kind::Socket(_));
    let differs = |id: &&str| {
        let other = state.apis.live_in(scope, id);
        other.is_some_and(|other| is_socket(&other.kind) != is_socket(&live.kind))
    };
    if others.iter().any(differs) {
        return Err(bad_request(
            "WebSocket APIs cannot be mapped to a domain name that has mappings to HTTP or REST APIs, nor these to \
             one of WebSocket APIs",
        ));
    }
    Ok(())
}
