//! CreatePortalProduct, GetPortalProduct, ListPortalProducts, UpdatePortalProduct, DeletePortalProduct, and
//! PutPortalProductSharingPolicy, GetPortalProductSharingPolicy, DeletePortalProductSharingPolicy.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output, Scope};
use serde_json::{Value, json};

use super::{Members, answer, keep, now, page, product_page, required, text};
use crate::{
    State,
    apis::scope_key,
    error::{bad_request, conflict, not_found, storage},
    id,
    portal::{Product, arn, key},
};

const KEPT: &[&str] = &["Description", "DisplayName", "DisplayOrder"];

fn render(scope: &Scope, product: &Product) -> Members {
    let mut members = product.members.clone();
    members.insert(String::from("PortalProductArn"), json!(arn(scope, "portalproducts", &product.id)));
    members.insert(String::from("PortalProductId"), json!(product.id));
    members
}

/// The product of that id. Those of other accounts are not to be had.
pub(super) fn find(state: &State, scope: &Scope, input: &Members) -> Result<Arc<Product>, ServiceError> {
    let id = required(input, "PortalProductId");
    let is_own = text(input, "ResourceOwnerAccountId").is_none_or(|account| account == *scope.account);
    let found = state.portals.products.get(&key(scope, &id)).filter(|_| is_own);
    found.ok_or_else(|| not_found(format!("Invalid portal product identifier specified {id}")))
}

pub(super) fn by_arn(state: &State, scope: &Scope, named: &str) -> Result<Arc<Product>, ServiceError> {
    let id = named.rsplit('/').next().unwrap_or_default();
    let found = state.portals.products.get(&key(scope, id));
    let found = found.filter(|product| arn(scope, "portalproducts", &product.id) == named);
    found.ok_or_else(|| not_found(format!("Invalid portal product ARN specified {named}")))
}

pub(super) async fn put(
    state: &State,
    scope: &Scope,
    product: Product,
) -> Result<Arc<Product>, ServiceError> {
    state.portals.products.put(key(scope, &product.id), product).await.map_err(storage)
}

/// The order of a product's pages names pages that it has.
fn check_order(state: &State, scope: &Scope, id: &str, order: &Value) -> Result<(), ServiceError> {
    let texts = |value: Option<&Value>| -> Vec<String> {
        let all = value.and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut pages = texts(order.get("ProductPageArns"));
    pages.extend(order.get("OverviewPageArn").and_then(Value::as_str).map(str::to_owned));
    let sections = order.get("Contents").and_then(Value::as_array).into_iter().flatten();
    let endpoints = sections.flat_map(|section| texts(section.get("ProductRestEndpointPageArns")));
    let named = [("productpages", pages), ("productrestendpointpages", endpoints.collect())];
    for (kind, arns) in named {
        let known = product_page::arns(state, scope, id, kind);
        if let Some(arn) = arns.iter().find(|arn| !known.contains(*arn)) {
            return Err(bad_request(format!("The product has no page {arn}")));
        }
    }
    Ok(())
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let _changing = state.portals.changing.lock().await;
    let mut members = keep(&input, &["Description", "DisplayName", "Tags"]);
    members.entry("Description").or_insert(json!(""));
    members.entry("Tags").or_insert(json!({}));
    members.insert(String::from("LastModified"), now(state));
    let product = Product { id: id::random(10), members, policy: None };
    Ok(answer(render(&ctx.scope, &*put(state, &ctx.scope, product).await?)))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    Ok(answer(render(&ctx.scope, &*find(state, &ctx.scope, &input)?)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let mut all = state.portals.products.page(&scope_key(&ctx.scope), None, usize::MAX);
    match text(&input, "ResourceOwner").as_deref() {
        None | Some("SELF") => {}
        Some("OTHER_ACCOUNTS") => all.clear(),
        Some(other) => return Err(bad_request(format!("Invalid resource owner specified: {other}"))),
    }
    let brief = |product: &Arc<Product>| {
        let mut members = render(&ctx.scope, product);
        members.remove("DisplayOrder");
        members
    };
    page("ListPortalProducts", &all, &input, |product| product.id.clone(), brief)
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let _changing = state.portals.changing.lock().await;
    let mut product = Product::clone(&*find(state, &ctx.scope, &input)?);
    if let Some(order) = input.get("DisplayOrder") {
        check_order(state, &ctx.scope, &product.id, order)?;
    }
    product.members.extend(keep(&input, KEPT));
    product.members.insert(String::from("LastModified"), now(state));
    Ok(answer(render(&ctx.scope, &*put(state, &ctx.scope, product).await?)))
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let _changing = state.portals.changing.lock().await;
    let product = find(state, &ctx.scope, &input)?;
    let own = json!(arn(&ctx.scope, "portalproducts", &product.id));
    for portal in state.portals.portals.page(&scope_key(&ctx.scope), None, usize::MAX) {
        let included = portal.members.get("IncludedPortalProductArns").and_then(Value::as_array);
        if included.is_some_and(|included| included.contains(&own)) {
            return Err(conflict(format!("The product is included in the portal {}", portal.id)));
        }
    }
    // The product goes first. What belonged to it is unreachable from then on.
    let place = key(&ctx.scope, &product.id);
    state.portals.products.remove(&place).await.map_err(storage)?;
    for pages in [&state.portals.pages, &state.portals.endpoint_pages] {
        for page in pages.page(&place, None, usize::MAX) {
            pages.remove(&place.clone().text(&page.id)).await.map_err(storage)?;
        }
    }
    Ok(Output::empty())
}

pub(super) async fn put_policy(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let _changing = state.portals.changing.lock().await;
    let mut product = Product::clone(&*find(state, &ctx.scope, &input)?);
    let text = required(&input, "PolicyDocument");
    crate::policy::Policy::kept(&text)
        .map_err(|error| error.refusal(|reason| format!("Invalid policy document specified: {reason}")))?;
    product.policy = Some(text);
    put(state, &ctx.scope, product).await?;
    Ok(Output::empty())
}

pub(super) async fn get_policy(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let product = find(state, &ctx.scope, &input)?;
    let policy = product.policy.as_ref().ok_or_else(no_policy)?;
    Ok(Output::of(json!({"PolicyDocument": policy, "PortalProductId": product.id})))
}

pub(super) async fn delete_policy(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let _changing = state.portals.changing.lock().await;
    let mut product = Product::clone(&*find(state, &ctx.scope, &input)?);
    product.policy.take().ok_or_else(no_policy)?;
    put(state, &ctx.scope, product).await?;
    Ok(Output::empty())
}

fn no_policy() -> ServiceError {
    not_found("The portal product has no sharing policy")
}
