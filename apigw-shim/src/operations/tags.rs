//! GetTags, TagResource, UntagResource, of REST APIs and their stages.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output, Scope};
use serde::Deserialize;
use serde_json::json;

use super::{ClientCertificate, VpcLink, client_certificate, domain_name, rest, rest_api, stage, vpc_link};
use crate::{
    State,
    apis::Live,
    domain::{Routes, record::Domain},
    error::{bad_request, not_found, storage},
    members,
    metering::{ApiKey, UsagePlan},
    rest_api::record::{RestApi, Stage, Texts},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfArn {
    resource_arn: String,
    #[serde(default)]
    tags: Texts,
    #[serde(default)]
    tag_keys: Vec<String>,
}

/// What an ARN names: `arn:aws:apigateway:REGION::/restapis/ID`, or a stage below it.
enum Tagged {
    Api(Arc<Live>, Arc<RestApi>),
    Stage(Arc<Live>, Arc<Stage>),
    Key(Arc<ApiKey>),
    Plan(Arc<UsagePlan>),
    Link(Arc<VpcLink>),
    Domain(Arc<Routes>),
    Certificate(Arc<ClientCertificate>),
}

fn find(state: &State, ctx: &CallContext, arn: &str) -> Result<Tagged, ServiceError> {
    let path =
        arn.splitn(6, ':').nth(5).ok_or_else(|| bad_request("Invalid ARN specified in the request"))?;
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let no_such = || not_found("Invalid API identifier specified");
    match segments.as_slice() {
        ["restapis", id] => {
            let live = rest(state, &ctx.scope, id).ok_or_else(no_such)?;
            let record = rest_api::record(state, &live)?;
            Ok(Tagged::Api(live, record))
        }
        ["restapis", id, "stages", name] => {
            let live = rest(state, &ctx.scope, id).ok_or_else(no_such)?;
            let stage = state.apis.rest_stages.get(&live.child(name));
            let stage = stage.ok_or_else(|| crate::error::invalid("stage identifier"))?;
            Ok(Tagged::Stage(live, stage))
        }
        ["apikeys", id] => {
            let key = state.metering.key(&ctx.scope, id);
            key.map(Tagged::Key).ok_or_else(|| crate::error::invalid("API Key identifier"))
        }
        ["usageplans", id] => {
            let plan = state.metering.plan(&ctx.scope, id);
            plan.map(Tagged::Plan).ok_or_else(|| not_found("Invalid Usage Plan ID specified"))
        }
        ["vpclinks", id] => vpc_link::find(state, &ctx.scope, id).map(Tagged::Link),
        ["clientcertificates", id] => {
            client_certificate::find(state, &ctx.scope, id).map(Tagged::Certificate)
        }
        ["domainnames", name] => {
            let (name, id) = name.split_once('+').map_or((*name, None), |(name, id)| (name, Some(id)));
            domain_name::find(state, &ctx.scope, name, id).map(Tagged::Domain)
        }
        _ => Err(bad_request("Invalid ARN specified in the request")),
    }
}

async fn change(
    state: &State,
    scope: &Scope,
    tagged: &Tagged,
    change: impl FnOnce(&mut Texts),
) -> Result<(), ServiceError> {
    match tagged {
        Tagged::Api(live, _) => {
            let _changing = live.changing.lock().await;
            let mut record = RestApi::clone(&*rest_api::record(state, live)?);
            change(&mut record.tags);
            rest_api::put(state, live, record).await?;
        }
        Tagged::Stage(live, found) => {
            let _changing = live.changing.lock().await;
            let mut stage = Stage::clone(found);
            change(&mut stage.tags);
            stage::keep(state, live, stage).await?;
        }
        Tagged::Key(found) => {
            let mut key = ApiKey::clone(found);
            change(&mut key.tags);
            state.metering.put_key(scope, key).await.map_err(storage)?;
        }
        Tagged::Plan(found) => {
            let mut plan = UsagePlan::clone(found);
            change(&mut plan.tags);
            state.metering.put_plan(scope, plan).await.map_err(storage)?;
        }
        Tagged::Link(found) => {
            let mut link = VpcLink::clone(found);
            change(&mut link.tags);
            vpc_link::keep(state, scope, link).await?;
        }
        Tagged::Certificate(found) => {
            let mut certificate = ClientCertificate::clone(found);
            change(&mut certificate.tags);
            client_certificate::keep(state, scope, certificate).await?;
        }
        Tagged::Domain(found) => {
            let _changing = state.domains.changing.lock().await;
            let mut domain = Domain::clone(&found.domain);
            change(&mut domain.tags);
            domain_name::keep(state, scope, domain).await?;
        }
    }
    Ok(())
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfArn = members::read(input)?;
    let tags = match find(state, ctx, &input.resource_arn)? {
        Tagged::Api(_, api) => api.tags.clone(),
        Tagged::Stage(_, stage) => stage.tags.clone(),
        Tagged::Key(key) => key.tags.clone(),
        Tagged::Plan(plan) => plan.tags.clone(),
        Tagged::Link(link) => link.tags.clone(),
        Tagged::Domain(found) => found.domain.tags.clone(),
        Tagged::Certificate(found) => found.tags.clone(),
    };
    Ok(Output::of(json!({"tags": tags})))
}

pub(super) async fn tag(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfArn = members::read(input)?;
    let tagged = find(state, ctx, &input.resource_arn)?;
    change(state, &ctx.scope, &tagged, |tags| tags.extend(input.tags)).await?;
    Ok(Output::empty())
}

pub(super) async fn untag(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfArn = members::read(input)?;
    let tagged = find(state, ctx, &input.resource_arn)?;
    change(state, &ctx.scope, &tagged, |tags| tags.retain(|key, _| !input.tag_keys.contains(key))).await?;
    Ok(Output::empty())
}
