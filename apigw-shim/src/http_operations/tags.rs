//! GetTags, TagResource, UntagResource, of HTTP APIs and their stages, VPC links, domain names, portals and their products.

use std::{collections::BTreeMap, sync::Arc};

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::{Value, json};

use super::{Members, api, domain_name, portal, portal_product, required, stage, texts, vpc_link};
use crate::{
    State,
    apis::Live,
    domain::{Routes, record::Domain},
    error::{bad_request, not_found},
    http_api::record::{Api, Child, Stage},
    operations::keep_domain,
    portal::{Portal, Product},
};

/// What an ARN names: `arn:aws:apigateway:REGION::/apis/ID`, or a stage below it.
enum Tagged {
    Api(Arc<Live>, Arc<Api>),
    Stage(Arc<Live>, Arc<Stage>),
    Link(Arc<Child>),
    Domain(Arc<Routes>),
    Portal(Arc<Portal>),
    Product(Arc<Product>),
}

fn find(state: &State, ctx: &CallContext, input: &Members) -> Result<Tagged, ServiceError> {
    let arn = required(input, "ResourceArn");
    let path =
        arn.splitn(6, ':').nth(5).ok_or_else(|| bad_request("Invalid ARN specified in the request"))?;
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match segments.as_slice() {
        ["apis", id] => api::by_id(state, ctx, id).map(|(live, api)| Tagged::Api(live, api)),
        ["apis", id, "stages", name] => {
            let (live, _) = api::by_id(state, ctx, id)?;
            let stage = state.apis.http_stages.get(&live.child(name));
            let stage = stage.ok_or_else(|| not_found("Invalid stage identifier specified"))?;
            Ok(Tagged::Stage(live, stage))
        }
        ["vpclinks", id] => vpc_link::find(state, &ctx.scope, id).map(Tagged::Link),
        ["portals", id] => portal::find(state, &ctx.scope, id).map(Tagged::Portal),
        ["portalproducts", _] => portal_product::by_arn(state, &ctx.scope, &arn).map(Tagged::Product),
        ["domainnames", name] => {
            let named = Members::from_iter([(String::from("DomainName"), json!(name))]);
            domain_name::find(state, &ctx.scope, &named).map(Tagged::Domain)
        }
        _ => Err(bad_request("Invalid ARN specified in the request")),
    }
}

async fn change(
    state: &State,
    ctx: &CallContext,
    tagged: Tagged,
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<(), ServiceError> {
    match tagged {
        Tagged::Api(live, found) => {
            let _changing = live.changing.lock().await;
            let mut found = Api::clone(&found);
            change(&mut found.tags);
            api::put(state, &live, found).await.map(drop)
        }
        Tagged::Stage(live, found) => {
            let _changing = live.changing.lock().await;
            let mut found = Stage::clone(&found);
            change(&mut found.tags);
            stage::put(state, &live, found).await.map(drop)
        }
        Tagged::Link(found) => {
            let mut link = Child::clone(&found);
            tag_members(&mut link.members, change);
            vpc_link::put(state, ctx, link).await.map(drop)
        }
        Tagged::Portal(found) => {
            let _changing = state.portals.changing.lock().await;
            let mut portal = Portal::clone(&*portal::find(state, &ctx.scope, &found.id)?);
            tag_members(&mut portal.members, change);
            portal::put(state, &ctx.scope, portal).await.map(drop)
        }
        Tagged::Product(found) => {
            let _changing = state.portals.changing.lock().await;
            let mut product = Product::clone(&found);
            tag_members(&mut product.members, change);
            portal_product::put(state, &ctx.scope, product).await.map(drop)
        }
        Tagged::Domain(found) => {
            let _changing = state.domains.changing.lock().await;
            let mut domain = Domain::clone(&found.domain);
            change(&mut domain.tags);
            keep_domain(state, &ctx.scope, domain).await.map(drop)
        }
    }
}

/// Changes tags that are among a record's other members.
fn tag_members(members: &mut Members, change: impl FnOnce(&mut BTreeMap<String, String>)) {
    let mut tags = texts(members, "Tags");
    change(&mut tags);
    members.insert(String::from("Tags"), json!(tags));
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let tags = match find(state, ctx, &input)? {
        Tagged::Api(_, api) => api.tags.clone(),
        Tagged::Stage(_, stage) => stage.tags.clone(),
        Tagged::Link(link) => texts(&link.members, "Tags"),
        Tagged::Portal(found) => texts(&found.members, "Tags"),
        Tagged::Product(found) => texts(&found.members, "Tags"),
        Tagged::Domain(found) => found.domain.tags.clone(),
    };
    Ok(Output::of(json!({"Tags": tags})))
}

pub(super) async fn tag(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let tagged = find(state, ctx, &input)?;
    change(state, ctx, tagged, |tags| tags.extend(texts(&input, "Tags"))).await?;
    Ok(Output::empty())
}

pub(super) async fn untag(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let tagged = find(state, ctx, &input)?;
    let keys: Vec<&str> = input
        .get("TagKeys")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    change(state, ctx, tagged, |tags| tags.retain(|key, _| !keys.contains(&key.as_str()))).await?;
    Ok(Output::empty())
}
