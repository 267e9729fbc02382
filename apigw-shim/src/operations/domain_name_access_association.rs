//! CreateDomainNameAccessAssociation, GetDomainNameAccessAssociations, DeleteDomainNameAccessAssociation,
//! RejectDomainNameAccessAssociation: which VPC endpoints may reach private domain names.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{limit, listing};
use crate::{
    State,
    apis::scope_key,
    domain::record::{Association, EndpointType},
    error::{bad_request, conflict, not_found, storage},
    members,
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
    let (name, id) = named.split_once('+').map_or((named, None), |(name, id)| (name, Some(id)));
    let found = state.domains.find(&ctx.scope, name, id);
    let found = found.filter(|found| found.domain.arn(&ctx.scope) == input.domain_name_arn);
    let found = found.ok_or_else(|| not_found("Invalid domain name identifier specified"))?;
    if found.domain.endpoint_type != EndpointType::Private {
        return Err(bad_request("Access associations are supported for private domain names only"));
    }
    let source = input.access_association_source;
    if !source.starts_with("vpce-") {
        return Err(bad_request(format!("Invalid VPC endpoint identifier specified: {source}")));
    }
    let path = format!("/domainnameaccessassociations/domainname/{named}/vpcesource/{source}");
    let arn = ctx.scope.arn("apigateway", &path);
    let key = scope_key(&ctx.scope).text(&arn);
    if state.domains.associations.get(&key).is_some() {
        return Err(conflict("The access association exists already"));
    }
    let association = Association { arn, domain_arn: input.domain_name_arn, source, tags: input.tags };
    let association = state.domains.associations.put(key, association).await.map_err(storage)?;
    Ok(Output::of(render(&association)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: List = members::read(input)?;
    if input.resource_owner.as_deref() == Some("OTHER_ACCOUNTS") {
        return Ok(listing(Vec::new(), None));
    }
    let limit = limit(input.limit);
    let prefix = scope_key(&ctx.scope);
    let after = input.position.as_deref().map(|arn| prefix.clone().text(arn));
    let mut found = state.domains.associations.page(&prefix, after.as_ref(), limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let position = found.last().filter(|_| more).map(|association| association.arn.clone());
    Ok(listing(found.iter().map(|association| render(association)).collect(), position))
}

/// Takes an association away: for the one who made it, or for the domain's owner, who is the same on one machine.
pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfAssociation = members::read(input)?;
    let _changing = state.domains.changing.lock().await;
    let key = scope_key(&ctx.scope).text(&input.domain_name_access_association_arn);
    let found: Option<Arc<Association>> = state.domains.associations.get(&key);
    let of = input.domain_name_arn;
    found
        .filter(|found| of.as_ref().is_none_or(|of| *of == found.domain_arn))
        .ok_or_else(|| not_found("Invalid domain name access association identifier specified"))?;
    state.domains.associations.remove(&key).await.map_err(storage)?;
    Ok(Output::empty())
}
