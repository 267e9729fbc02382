//! CreateDomainName, GetDomainName, GetDomainNames, UpdateDomainName, DeleteDomainName: of the second control plane.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output, Scope};
use serde_json::{Value, json};

use super::{Members, answer, page, required, text, texts};
use crate::{
    State,
    domain::{
        Routes, check,
        record::{Domain, EndpointType, RoutingMode},
        truststore,
    },
    error::{bad_request, invalid, storage},
    id,
    operations::keep_domain,
};

fn render(scope: &Scope, domain: &Domain) -> Members {
    let configuration = json!({
        "ApiGatewayDomainName": domain.target(scope),
        "CertificateArn": domain.certificate_arn,
        "CertificateName": domain.certificate_name,
        "CertificateUploadDate":
            if domain.endpoint_type == EndpointType::Edge { json!(domain.uploaded) } else { Value::Null },
        "DomainNameStatus": "AVAILABLE",
        "EndpointType": domain.endpoint_type.name(),
        "HostedZoneId": domain.hosted_zone(scope),
        "IpAddressType": domain.ip_address_type,
        "OwnershipVerificationCertificateArn": domain.ownership_certificate_arn,
        "SecurityPolicy": domain.security_policy,
    });
    Members::from_iter([
        (String::from("ApiMappingSelectionExpression"), json!("$request.basepath")),
        (String::from("DomainName"), json!(domain.name)),
        (String::from("DomainNameArn"), json!(domain.arn(scope))),
        (String::from("DomainNameConfigurations"), json!([configuration])),
        (
            String::from("MutualTlsAuthentication"),
            truststore::render(domain, ["TruststoreUri", "TruststoreVersion", "TruststoreWarnings"]),
        ),
        (String::from("RoutingMode"), json!(domain.routing_mode.http_name())),
        (String::from("Tags"), json!(domain.tags)),
    ])
}

/// The domain that an operation names.
pub(super) fn find(state: &State, scope: &Scope, input: &Members) -> Result<Arc<Routes>, ServiceError> {
    let id = text(input, "DomainNameId");
    let found = state.domains.find(scope, &required(input, "DomainName"), id.as_deref());
    found.ok_or_else(|| invalid("domain name identifier"))
}

/// Reads the truststore that the input names, if it says anything of one: naming none ends mutual TLS.
async fn change_trust(
    state: &State,
    scope: &Scope,
    domain: &mut Domain,
    input: &Members,
) -> Result<(), ServiceError> {
    let Some(given) = input.get("MutualTlsAuthentication").and_then(Value::as_object) else { return Ok(()) };
    let before = domain.mutual_tls.take();
    let uri = text(given, "TruststoreUri").or_else(|| before.map(|tls| tls.truststore_uri));
    if let Some(uri) = uri.filter(|uri| !uri.is_empty()) {
        let version = text(given, "TruststoreVersion").filter(|version| !version.is_empty());
        domain.mutual_tls = Some(truststore::read(state, scope, &uri, version.as_deref()).await?);
    }
    Ok(())
}

/// What the input says of the domain.
fn change(domain: &mut Domain, input: &Members) -> Result<(), ServiceError> {
    if let Some(mode) = text(input, "RoutingMode") {
        domain.routing_mode = check::routing_mode(&mode)?;
    }
    let given = input.get("DomainNameConfigurations").and_then(Value::as_array);
    let Some(given) = given else { return Ok(()) };
    let [Value::Object(given)] = given.as_slice() else {
        return Err(bad_request("Only one domain name configuration can be specified"));
    };
    if let Some(kind) = text(given, "EndpointType") {
        domain.endpoint_type = check::endpoint_type(&kind)?;
        if domain.endpoint_type == EndpointType::Private {
            return Err(bad_request("Invalid endpoint type specified: PRIVATE"));
        }
    }
    let set = |of: &mut Option<String>, name: &str| {
        if let Some(value) = text(given, name) {
            *of = Some(value);
        }
    };
    set(&mut domain.certificate_arn, "CertificateArn");
    set(&mut domain.certificate_name, "CertificateName");
    set(&mut domain.ownership_certificate_arn, "OwnershipVerificationCertificateArn");
    if let Some(policy) = text(given, "SecurityPolicy") {
        domain.security_policy = policy;
    }
    if let Some(address_type) = text(given, "IpAddressType") {
        domain.ip_address_type = address_type;
    }
    Ok(())
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let _changing = state.domains.changing.lock().await;
    let name = required(&input, "DomainName");
    check::name(state, &name)?;
    let mut domain = Domain {
        name,
        id: format!("d-{}", id::random(10)),
        endpoint_type: EndpointType::Regional,
        ip_address_type: String::from("ipv4"),
        certificate_arn: None,
        certificate_name: None,
        ownership_certificate_arn: None,
        uploaded: state.clock.now().epoch_seconds(),
        security_policy: String::from("TLS_1_2"),
        endpoint_access_mode: None,
        routing_mode: RoutingMode::MappingOnly,
        tags: texts(&input, "Tags"),
        policy: None,
        management_policy: None,
        mutual_tls: None,
    };
    change(&mut domain, &input)?;
    change_trust(state, &ctx.scope, &mut domain, &input).await?;
    let domain = keep_domain(state, &ctx.scope, domain).await?;
    Ok(answer(render(&ctx.scope, &domain)))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    Ok(answer(render(&ctx.scope, &find(state, &ctx.scope, &input)?.domain)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let mut all = state.domains.page(&ctx.scope, None, usize::MAX);
    // This control plane knows none that are private.
    all.retain(|domain| domain.endpoint_type != EndpointType::Private);
    page("GetDomainNames", &all, &input, |domain| domain.name.clone(), |domain| render(&ctx.scope, domain))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let _changing = state.domains.changing.lock().await;
    let mut domain = Domain::clone(&find(state, &ctx.scope, &input)?.domain);
    change(&mut domain, &input)?;
    change_trust(state, &ctx.scope, &mut domain, &input).await?;
    let domain = keep_domain(state, &ctx.scope, domain).await?;
    Ok(answer(render(&ctx.scope, &domain)))
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let _changing = state.domains.changing.lock().await;
    let found = find(state, &ctx.scope, &input)?;
    state.domains.remove(&found).await.map_err(storage)?;
    Ok(Output::empty())
}
