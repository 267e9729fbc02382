//! CreateProductRestEndpointPage, GetProductRestEndpointPage, ListProductRestEndpointPages,
//! UpdateProductRestEndpointPage, DeleteProductRestEndpointPage.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output, Scope};
use serde_json::{Value, json};

use super::{
    Members, answer, keep, page,
    portal::one_of,
    portal_product,
    product_page::{self, Sort},
    refuse,
};
use crate::{
    State,
    apis::Kind,
    error::{bad_request, not_found},
    http_api::record::Child,
    id,
    portal::key,
    rest_api::record::Method,
};

const SORT: Sort = Sort {
    kind: "productrestendpointpages",
    id: "ProductRestEndpointPageId",
    arn: "ProductRestEndpointPageArn",
    pages: |portals| &portals.endpoint_pages,
};

/// A part of the identifier of a REST endpoint.
fn part<'m>(members: &'m Members, name: &str) -> &'m str {
    let parts = members.get("RestEndpointIdentifier").and_then(|it| it.get("IdentifierParts"));
    parts.and_then(|parts| parts.get(name)?.as_str()).unwrap_or_default()
}

/// The method that a page is about, as it is deployed.
fn method(state: &State, scope: &Scope, members: &Members) -> Result<Method, ServiceError> {
    let (api, stage) = (part(members, "RestApiId"), part(members, "Stage"));
    let (path, name) = (part(members, "Path"), part(members, "Method"));
    let live = state.apis.live_in(scope, api).filter(|live| matches!(live.kind, Kind::Rest(_)));
    let live = live.ok_or_else(|| not_found(format!("Invalid REST API identifier specified {api}")))?;
    let found = state.apis.rest_stages.get(&live.child(stage));
    let found = found.ok_or_else(|| not_found("Invalid stage identifier specified"))?;
    let deployment = state.apis.rest_deployment(&live, &found.deployment_id);
    let resources = deployment.iter().flat_map(|deployment| &deployment.snapshot.resources);
    let mut resources = resources.filter(|resource| resource.path == path);
    let method = resources.find_map(|resource| resource.resource_methods.get(name));
    method.cloned().ok_or_else(|| not_found(format!("The stage {stage} has no method {name} {path}")))
}

/// What a page shows: what it was told to, else what the API says of itself.
fn content(state: &State, scope: &Scope, members: &Members) -> Value {
    let own = members.get("DisplayContent").and_then(|it| it.get("Overrides"));
    let own = |name: &str| own.and_then(|own| own.get(name)).filter(|value| !value.is_null()).cloned();
    let endpoint = || {
        let (api, stage, path) = (part(members, "RestApiId"), part(members, "Stage"), part(members, "Path"));
        json!(format!("{}/restapis/{api}/{stage}/_user_request_{path}", state.options.endpoint))
    };
    let operation = || json!(method(state, scope, members).ok().and_then(|method| method.operation_name));
    json!({
        "Body": own("Body"),
        "Endpoint": own("Endpoint").unwrap_or_else(endpoint),
        "OperationName": own("OperationName").unwrap_or_else(operation),
    })
}

fn render(state: &State, scope: &Scope, child: &Child) -> Members {
    let mut members = product_page::render(scope, &SORT, child);
    members.insert(String::from("DisplayContent"), content(state, scope, &child.members));
    members.insert(String::from("Status"), json!("AVAILABLE"));
    members
}

fn check(members: &Members) -> Result<(), ServiceError> {
    one_of(members, "DisplayContent")?;
    one_of(members, "RestEndpointIdentifier")
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let _changing = state.portals.changing.lock().await;
    let product = portal_product::find(state, &ctx.scope, &input)?;
    check(&input)?;
    let mut members = keep(&input, &["DisplayContent", "RestEndpointIdentifier", "TryItState"]);
    members.entry("TryItState").or_insert(json!("ENABLED"));
    method(state, &ctx.scope, &members)?;
    let known = state.portals.endpoint_pages.page(&key(&ctx.scope, &product.id), None, usize::MAX);
    let identifier = members.get("RestEndpointIdentifier");
    if known.iter().any(|page| page.members.get("RestEndpointIdentifier") == identifier) {
        return Err(bad_request("The product has a page of that REST endpoint already"));
    }
    let child = Child { id: id::random(10), parent: Some(product.id.clone()), members };
    let child = product_page::put(state, &ctx.scope, &SORT, child).await?;
    Ok(answer(render(state, &ctx.scope, &child)))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    refuse(&input, &["IncludeRawDisplayContent"])?;
    let child = product_page::find(state, &ctx.scope, &SORT, &input)?;
    Ok(answer(render(state, &ctx.scope, &child)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let product = portal_product::find(state, &ctx.scope, &input)?;
    let all = state.portals.endpoint_pages.page(&key(&ctx.scope, &product.id), None, usize::MAX);
    let brief = |child: &Arc<Child>| {
        let mut members = render(state, &ctx.scope, child);
        if let Some(Value::Object(content)) = members.remove("DisplayContent") {
            members.extend(content.into_iter().filter(|(name, _)| name != "Body"));
        }
        members
    };
    page("ListProductRestEndpointPages", &all, &input, |child| child.id.clone(), brief)
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let _changing = state.portals.changing.lock().await;
    check(&input)?;
    let mut child = Child::clone(&*product_page::find(state, &ctx.scope, &SORT, &input)?);
    child.members.extend(keep(&input, &["DisplayContent", "TryItState"]));
    let child = product_page::put(state, &ctx.scope, &SORT, child).await?;
    Ok(answer(render(state, &ctx.scope, &child)))
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    product_page::remove(state, ctx, &SORT, &input).await
}
