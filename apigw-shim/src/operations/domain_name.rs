//! CreateDomainName, GetDomainName, GetDomainNames, UpdateDomainName, DeleteDomainName: of the first control plane.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output, Scope};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{limit, listing, rest_api::seconds};
use crate::{
    State,
    domain::{
        Routes, check,
        record::{Domain, EndpointType, RoutingMode},
        truststore,
    },
    error::{bad_request, invalid, storage},
    id, members,
    patch::Patch,
    rest_api::record::Texts,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    domain_name: String,
    certificate_name: Option<String>,
    certificate_arn: Option<String>,
    regional_certificate_name: Option<String>,
    regional_certificate_arn: Option<String>,
    endpoint_configuration: Option<EndpointConfiguration>,
    #[serde(default)]
    tags: Texts,
    security_policy: Option<String>,
    endpoint_access_mode: Option<String>,
    mutual_tls_authentication: Option<MutualTls>,
    ownership_verification_certificate_arn: Option<String>,
    policy: Option<String>,
    routing_mode: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EndpointConfiguration {
    types: Option<Vec<String>>,
    ip_address_type: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MutualTls {
    truststore_uri: Option<String>,
    truststore_version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfDomain {
    domain_name: String,
    domain_name_id: Option<String>,
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    position: Option<String>,
    limit: Option<i64>,
    resource_owner: Option<String>,
}

fn render(scope: &Scope, domain: &Domain) -> Value {
    let is_private = domain.endpoint_type == EndpointType::Private;
    let is_edge = domain.endpoint_type == EndpointType::Edge;
    let is_regional = domain.endpoint_type == EndpointType::Regional;
    let of = |wanted: bool, value: Value| if wanted { value } else { Value::Null };
    let (target, zone) = (json!(domain.target(scope)), json!(domain.hosted_zone(scope)));
    json!({
        "domainName": domain.name,
        "domainNameArn": domain.arn(scope),
        "domainNameId": of(is_private, json!(domain.id)),
        "certificateName": of(!is_regional, json!(domain.certificate_name)),
        "certificateArn": of(!is_regional, json!(domain.certificate_arn)),
        "certificateUploadDate": of(!is_regional, json!(domain.uploaded)),
        "regionalCertificateName": of(is_regional, json!(domain.certificate_name)),
        "regionalCertificateArn": of(is_regional, json!(domain.certificate_arn)),
        "regionalDomainName": of(is_regional, target.clone()),
        "regionalHostedZoneId": of(is_regional, zone.clone()),
        "distributionDomainName": of(is_edge, target),
        "distributionHostedZoneId": of(is_edge, zone),
        "endpointConfiguration": {
            "types": [domain.endpoint_type.name()],
            "ipAddressType": domain.ip_address_type,
        },
        "domainNameStatus": "AVAILABLE",
        "securityPolicy": domain.security_policy,
        "endpointAccessMode": domain.endpoint_access_mode,
        "tags": of(!domain.tags.is_empty(), json!(domain.tags)),
        "ownershipVerificationCertificateArn": domain.ownership_certificate_arn,
        "mutualTlsAuthentication":
            truststore::render(domain, ["truststoreUri", "truststoreVersion", "truststoreWarnings"]),
        "managementPolicy": domain.management_policy.as_ref().map(|policy| policy.replace('"', "\\\"")),
        "policy": domain.policy.as_ref().map(|policy| policy.replace('"', "\\\"")),
        "routingMode": domain.routing_mode.rest_name(),
    })
}

/// The domain that an operation names.
pub(super) fn find(
    state: &State,
    scope: &Scope,
    name: &str,
    domain_id: Option<&str>,
) -> Result<Arc<Routes>, ServiceError> {
    state.domains.find(scope, name, domain_id).ok_or_else(|| invalid("domain name identifier"))
}

/// AWS answers with a policy's quotes escaped, and takes such back.
fn plain(policy: &str) -> String {
    policy.replace("\\\"", "\"")
}

/// Keeps a domain that has been checked.
pub(crate) async fn keep(state: &State, scope: &Scope, domain: Domain) -> Result<Arc<Domain>, ServiceError> {
    check::domain(state, scope, &domain)?;
    state.domains.put(scope, domain).await.map_err(storage)
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Create = members::read(input)?;
    let _changing = state.domains.changing.lock().await;
    check::name(state, &input.domain_name)?;
    let mutual_tls = match input.mutual_tls_authentication {
        Some(MutualTls { truststore_uri: Some(uri), truststore_version }) if !uri.is_empty() => {
            Some(truststore::read(state, &ctx.scope, &uri, truststore_version.as_deref()).await?)
        }
        _ => None,
    };
    let (types, ip_address_type) = match input.endpoint_configuration {
        None => (None, None),
        Some(given) => (given.types, given.ip_address_type),
    };
    let types = types.filter(|types| !types.is_empty()).unwrap_or_else(|| vec![String::from("EDGE")]);
    let [endpoint_type] = types.as_slice() else {
        return Err(bad_request("Only one endpoint type can be specified for a domain name"));
    };
    let endpoint_type = check::endpoint_type(endpoint_type)?;
    let (certificate_arn, certificate_name) = match endpoint_type {
        EndpointType::Edge | EndpointType::Private => (input.certificate_arn, input.certificate_name),
        EndpointType::Regional => (input.regional_certificate_arn, input.regional_certificate_name),
    };
    let is_private = endpoint_type == EndpointType::Private;
    let default_address = if is_private { "dualstack" } else { "ipv4" };
    let domain = Domain {
        name: input.domain_name,
        id: if is_private { id::random(10) } else { format!("d-{}", id::random(10)) },
        endpoint_type,
        ip_address_type: ip_address_type.unwrap_or_else(|| default_address.to_owned()),
        certificate_arn,
        certificate_name,
        ownership_certificate_arn: input.ownership_verification_certificate_arn,
        uploaded: seconds(state),
        security_policy: input.security_policy.unwrap_or_else(|| String::from("TLS_1_2")),
        endpoint_access_mode: input.endpoint_access_mode,
        routing_mode: match input.routing_mode.as_deref() {
            None => RoutingMode::MappingOnly,
            Some(name) => check::routing_mode(name)?,
        },
        tags: input.tags,
        management_policy: None,
        mutual_tls,
        policy: input.policy.filter(|policy| !policy.is_empty()).as_deref().map(plain),
    };
    let domain = keep(state, &ctx.scope, domain).await?;
    Ok(Output::of(render(&ctx.scope, &domain)))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfDomain = members::read(input)?;
    let found = find(state, &ctx.scope, &input.domain_name, input.domain_name_id.as_deref())?;
    Ok(Output::of(render(&ctx.scope, &found.domain)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: List = members::read(input)?;
    // Private domains are all that accounts share.
    if input.resource_owner.as_deref() == Some("OTHER_ACCOUNTS") {
        return Ok(listing(Vec::new(), None));
    }
    let limit = limit(input.limit);
    let mut found = state.domains.page(&ctx.scope, input.position.as_deref(), limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let position = found.last().filter(|_| more).map(|domain| domain.name.clone());
    Ok(listing(found.iter().map(|domain| render(&ctx.scope, domain)).collect(), position))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfDomain = members::read(input)?;
    let _changing = state.domains.changing.lock().await;
    let found = find(state, &ctx.scope, &input.domain_name, input.domain_name_id.as_deref())?;
    let mut domain = Domain::clone(&found.domain);
    let mut tls = domain.mutual_tls.as_ref().map_or_else(MutualTls::default, |tls| MutualTls {
        truststore_uri: Some(tls.truststore_uri.clone()),
        truststore_version: tls.truststore_version.clone(),
    });
    let mut is_new = false;
    for patch in &input.patch_operations {
        if patch.path.starts_with("/mutualTlsAuthentication") {
            tls.change(patch)?;
            is_new = true;
        } else {
            change(&mut domain, patch)?;
        }
    }
    // A truststore that is named again is read again: that is how AWS is told of a new one.
    if is_new {
        domain.mutual_tls = match &tls.truststore_uri {
            Some(uri) => {
                Some(truststore::read(state, &ctx.scope, uri, tls.truststore_version.as_deref()).await?)
            }
            None => None,
        };
    }
    let is_private = |domain: &Domain| domain.endpoint_type == EndpointType::Private;
    if is_private(&domain) != is_private(&found.domain) {
        return Err(bad_request("A domain name can neither become private nor public"));
    }
    let domain = keep(state, &ctx.scope, domain).await?;
    Ok(Output::of(render(&ctx.scope, &domain)))
}

impl MutualTls {
    fn change(&mut self, patch: &Patch) -> Result<(), ServiceError> {
        let value = Some(patch.value()).filter(|value| patch.op != "remove" && !value.is_empty());
        patch.sets()?;
        match patch.path.as_str() {
            "/mutualTlsAuthentication" if patch.op == "remove" => *self = Self::default(),
            "/mutualTlsAuthentication/truststoreUri" => self.truststore_uri = value,
            "/mutualTlsAuthentication/truststoreVersion" => self.truststore_version = value,
            _ => return Err(patch.invalid_path()),
        }
        Ok(())
    }
}

fn change(domain: &mut Domain, patch: &Patch) -> Result<(), ServiceError> {
    let segments = patch.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let text = Some(patch.value()).filter(|text| !text.is_empty());
    match segments.as_slice() {
        ["endpointConfiguration", "types"] => {
            if patch.sets()? {
                domain.endpoint_type = check::endpoint_type(&patch.value())?;
            }
            return Ok(());
        }
        _ => patch.only_replace()?,
    }
    match segments.as_slice() {
        ["certificateArn" | "regionalCertificateArn"] => domain.certificate_arn = text,
        ["certificateName" | "regionalCertificateName"] => domain.certificate_name = text,
        ["ownershipVerificationCertificateArn"] => domain.ownership_certificate_arn = text,
        ["endpointConfiguration", "types", _] => {
            domain.endpoint_type = check::endpoint_type(&patch.value())?;
        }
        ["endpointConfiguration", "ipAddressType"] => domain.ip_address_type = patch.value(),
        ["securityPolicy"] => domain.security_policy = patch.value(),
        ["endpointAccessMode"] => domain.endpoint_access_mode = text,
        ["policy"] => domain.policy = text.as_deref().map(plain),
        ["managementPolicy"] => domain.management_policy = text.as_deref().map(plain),
        ["routingMode"] => domain.routing_mode = check::routing_mode(&patch.value())?,
        _ => return Err(patch.invalid_path()),
    }
    Ok(())
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfDomain = members::read(input)?;
    let _changing = state.domains.changing.lock().await;
    let found = find(state, &ctx.scope, &input.domain_name, input.domain_name_id.as_deref())?;
    state.domains.remove(&found).await.map_err(storage)?;
    Ok(Output::empty())
}
