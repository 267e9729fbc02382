//! CreateDomainNameAccessAssociation, GetDomainNameAccessAssociations, DeleteDomainNameAccessAssociation,
//! RejectDomainNameAccessAssociation: which VPC endpoints may reach private domain names.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;
use serde_json::{Value, json};
use store::Key;

use super::{limit, listing};
use crate::{
    State,
    apis::scope_key,
    domain::{
        Routes,
        record::{Association, EndpointType, key_of},
    },
    error::{bad_request, conflict, not_found, storage},
    members,
    policy::{Ask, Policy, Verdict},
    rest_api::record::Texts,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    domain_name_arn: String,
    access_association_source: String,
    #[serde(default)]
    tags: Texts,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfAssociation {
    domain_name_access_association_arn: String,
    domain_name_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    position: Option<String>,
    limit: Option<i64>,
    resource_owner: Option<String>,
}

fn render(association: &Association) -> Value {
    let tags = &association.tags;
    json!({
        "domainNameAccessAssociationArn": association.arn,
        "domainNameArn": association.domain_arn,
        "accessAssociationSourceType": "VPCE",
        "accessAssociationSource": association.source,
        "tags": if tags.is_empty() { Value::Null } else { json!(tags) },
    })
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Create = members::read(input)?;
    let _changing = state.domains.changing.lock().await;
    let named = input.domain_name_arn.rsplit('/').next().unwrap_or_default();
    let found = state.domains.by_arn(&input.domain_name_arn);
    let found = found.ok_or_else(|| not_found("Invalid domain name identifier specified"))?;
    if found.domain.endpoint_type != EndpointType::Private {
        return Err(bad_request("Access associations are supported for private domain names only"));
    }
    check_access(state, ctx, &found, &input.domain_name_arn)?;
    let source = input.access_association_source;
    if !source.starts_with("vpce-") {
        return Err(bad_request(format!("Invalid VPC endpoint identifier specified: {source}")));
    }
    let path = format!("/domainnameaccessassociations/domainname/{named}/vpcesource/{source}");
    let arn = ctx.scope.arn("apigateway", &path);
    let key = key_of(&arn);
    if state.domains.associations.get(&key).is_some() {
        return Err(conflict("The access association exists already"));
    }
    let association = Association { arn, domain_arn: input.domain_name_arn, source, tags: input.tags };
    let association = state.domains.associations.put(key, association).await.map_err(storage)?;
    Ok(Output::of(render(&association)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: List = members::read(input)?;
    let limit = limit(input.limit);
    if input.resource_owner.as_deref() == Some("OTHER_ACCOUNTS") {
        return Ok(list_foreign(state, ctx, limit, input.position.as_deref()));
    }
    let prefix = scope_key(&ctx.scope);
    let after = input.position.as_deref().map(|arn| prefix.clone().text(arn));
    let mut found = state.domains.associations.page(&prefix, after.as_ref(), limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let position = found.last().filter(|_| more).map(|association| association.arn.clone());
    Ok(listing(found.iter().map(|association| render(association)).collect(), position))
}

/// What others have associated with the caller's domains.
fn list_foreign(state: &State, ctx: &CallContext, limit: usize, position: Option<&str>) -> Output {
    let own = format!(":{}:", ctx.scope.account);
    let all = state.domains.associations.page(&Key::new(), None, usize::MAX);
    let is_foreign =
        |it: &&Arc<Association>| it.account() != &*ctx.scope.account && it.domain_arn.contains(&own);
    let mut found: Vec<&Arc<Association>> = all.iter().filter(is_foreign).collect();
    if let Some(at) = position.and_then(|arn| found.iter().position(|it| it.arn == arn)) {
        found.drain(..=at);
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let position = found.last().filter(|_| more).map(|association| association.arn.clone());
    listing(found.into_iter().map(|association| render(association)).collect(), position)
}

/// Whether the domain's management policy lets the caller in: its own account unless it is denied, others if they are
/// allowed.
fn check_access(state: &State, ctx: &CallContext, routes: &Routes, arn: &str) -> Result<(), ServiceError> {
    const ACTION: &str = "apigateway:CreateAccessAssociation";
    let account = &*ctx.scope.account;
    let ask = Ask {
        action: ACTION,
        resource: arn,
        account: Some(account),
        at: state.clock.now(),
        ..Ask::nobody(IpAddr::V4(Ipv4Addr::LOCALHOST))
    };
    let policy = routes.domain.management_policy.as_deref().and_then(|policy| Policy::parse(policy).ok());
    match policy.map_or(Verdict::Neither, |policy| policy.verdict(&ask)) {
        Verdict::Allow => Ok(()),
        Verdict::Neither if *routes.scope.account == *account => Ok(()),
        Verdict::Neither | Verdict::Deny => Err(ServiceError::new(
            "AccessDeniedException",
            403,
            format!(
                "User: arn:aws:iam::{account}:root is not authorized to perform: {ACTION} on resource: {arn}"
            ),
        )),
    }
}

/// Takes an association away: for the one who made it, or for the domain's owner.
pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfAssociation = members::read(input)?;
    let _changing = state.domains.changing.lock().await;
    let key = key_of(&input.domain_name_access_association_arn);
    let own = format!(":{}:", ctx.scope.account);
    let found: Option<Arc<Association>> = state.domains.associations.get(&key);
    let of = input.domain_name_arn;
    found
        .filter(|found| found.account() == &*ctx.scope.account || found.domain_arn.contains(&own))
        .filter(|found| of.as_ref().is_none_or(|of| *of == found.domain_arn))
        .ok_or_else(|| not_found("Invalid domain name access association identifier specified"))?;
    state.domains.associations.remove(&key).await.map_err(storage)?;
    Ok(Output::empty())
}
