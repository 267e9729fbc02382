//! CreateVpcLink, GetVpcLink, GetVpcLinks, UpdateVpcLink, DeleteVpcLink.
//!
//! Everything on this machine is in one network, so a link is there at once and leads to any address that may be reached.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::{Value, json};

use super::{Members, answer, keep, now, page, required, text};
use crate::{
    State,
    apis::scope_key,
    error::{bad_request, not_found, storage},
    http_api::record::Child,
    id,
    operations::check_link_unused,
};

const KEPT: &[&str] = &["Name", "SecurityGroupIds", "SubnetIds", "Tags"];

fn render(link: &Child) -> Members {
    let mut members = link.members.clone();
    members.insert(String::from("VpcLinkId"), json!(link.id));
    members
}

/// The link of that id, in the caller's account and region.
pub(super) fn find(state: &State, scope: &runtime::Scope, id: &str) -> Result<Arc<Child>, ServiceError> {
    let found = state.apis.http_vpc_links.get(&scope_key(scope).text(id));
    found.ok_or_else(|| not_found(format!("Invalid VpcLink identifier specified {id}")))
}

pub(super) async fn put(state: &State, ctx: &CallContext, link: Child) -> Result<Output, ServiceError> {
    let key = scope_key(&ctx.scope).text(&link.id);
    let link = state.apis.http_vpc_links.put(key, link).await.map_err(storage)?;
    Ok(answer(render(&link)))
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    if input.get("SubnetIds").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        return Err(bad_request("At least one subnet must be provided"));
    }
    let mut members = Members::from_iter([
        (String::from("CreatedDate"), now(state)),
        (String::from("SecurityGroupIds"), json!([])),
        (String::from("Tags"), json!({})),
        (String::from("VpcLinkStatus"), json!("AVAILABLE")),
        (String::from("VpcLinkStatusMessage"), json!("VPC link is ready to route traffic")),
        (String::from("VpcLinkVersion"), json!("V2")),
    ]);
    members.extend(keep(&input, KEPT));
    put(state, ctx, Child { id: id::random(6), parent: None, members }).await
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    Ok(answer(render(&*find(state, &ctx.scope, &required(&input, "VpcLinkId"))?)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let all = state.apis.http_vpc_links.page(&scope_key(&ctx.scope), None, usize::MAX);
    page("GetVpcLinks", &all, &input, |link| link.id.clone(), |link| render(link))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let mut link = Child::clone(&*find(state, &ctx.scope, &required(&input, "VpcLinkId"))?);
    link.members.extend(keep(&input, &["Name"]));
    put(state, ctx, link).await
}

/// All routes whose integrations are behind a link: the method, and the route's id.
pub(crate) fn routes_through(state: &State, scope: &runtime::Scope, link: &str) -> Vec<String> {
    let mut found = Vec::new();
    for live in state.apis.all_live().iter().filter(|live| live.scope == *scope) {
        for route in state.apis.routes.page(&live.prefix(), None, usize::MAX) {
            let target = text(&route.members, "Target");
            let integration = target.as_deref().and_then(|target| target.strip_prefix("integrations/"));
            let integration = integration.and_then(|id| state.apis.integrations.get(&live.child(id)));
            if integration.is_some_and(|it| text(&it.members, "ConnectionId").as_deref() == Some(link)) {
                let key = text(&route.members, "RouteKey").unwrap_or_default();
                let method = key.split(' ').next().unwrap_or_default();
                found.push(format!("{method}:{}", route.id));
            }
        }
    }
    found
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let link = find(state, &ctx.scope, &required(&input, "VpcLinkId"))?;
    check_link_unused(state, &ctx.scope, &link.id)?;
    state.apis.http_vpc_links.remove(&scope_key(&ctx.scope).text(&link.id)).await.map_err(storage)?;
    Ok(Output::empty())
}
