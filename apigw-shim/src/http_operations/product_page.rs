//! CreateProductPage, GetProductPage, ListProductPages, UpdateProductPage, DeleteProductPage; and what pages of REST
//! endpoints have alike.

use std::{collections::BTreeSet, sync::Arc};

use aws_wire::ServiceError;
use runtime::{CallContext, Output, Scope};
use serde_json::{Value, json};
use store::Collection;

use super::{Members, answer, keep, now, page, portal_product, required};
use crate::{
    State,
    error::{not_found, storage},
    http_api::record::Child,
    id,
    portal::{Portals, arn, key},
};

/// A kind of pages.
pub(super) struct Sort {
    /// Its part of ARNs.
    pub kind: &'static str,
    pub id: &'static str,
    pub arn: &'static str,
    pub pages: fn(&Portals) -> &Collection<Child>,
}

const SORT: Sort = Sort {
    kind: "productpages",
    id: "ProductPageId",
    arn: "ProductPageArn",
    pages: |portals| &portals.pages,
};

pub(super) fn render(scope: &Scope, sort: &Sort, child: &Child) -> Members {
    let mut members = child.members.clone();
    members.insert(sort.id.to_owned(), json!(child.id));
    members.insert(sort.arn.to_owned(), json!(page_arn(scope, sort.kind, child)));
    members
}

fn page_arn(scope: &Scope, kind: &str, child: &Child) -> String {
    let product = child.parent.as_deref().unwrap_or_default();
    arn(scope, &format!("portalproducts/{product}/{kind}"), &child.id)
}

/// The ARNs of a product's pages of a kind.
pub(super) fn arns(state: &State, scope: &Scope, product: &str, kind: &str) -> BTreeSet<String> {
    let pages = if kind == SORT.kind { &state.portals.pages } else { &state.portals.endpoint_pages };
    let all = pages.page(&key(scope, product), None, usize::MAX);
    all.iter().map(|page| page_arn(scope, kind, page)).collect()
}

pub(super) fn find(
    state: &State,
    scope: &Scope,
    sort: &Sort,
    input: &Members,
) -> Result<Arc<Child>, ServiceError> {
    let product = portal_product::find(state, scope, input)?;
    let id = required(input, sort.id);
    let found = (sort.pages)(&state.portals).get(&key(scope, &product.id).text(&id));
    found.ok_or_else(|| not_found(format!("Invalid page identifier specified {id}")))
}

pub(super) async fn put(
    state: &State,
    scope: &Scope,
    sort: &Sort,
    mut child: Child,
) -> Result<Arc<Child>, ServiceError> {
    child.members.insert(String::from("LastModified"), now(state));
    let place = key(scope, child.parent.as_deref().unwrap_or_default()).text(&child.id);
    (sort.pages)(&state.portals).put(place, child).await.map_err(storage)
}

/// Removes a page, and its place among its product's.
pub(super) async fn remove(
    state: &State,
    ctx: &CallContext,
    sort: &Sort,
    input: &Members,
) -> Result<Output, ServiceError> {
    let _changing = state.portals.changing.lock().await;
    let child = find(state, &ctx.scope, sort, input)?;
    let gone = json!(page_arn(&ctx.scope, sort.kind, &child));
    let product = portal_product::find(state, &ctx.scope, input)?;
    if product.members.contains_key("DisplayOrder") {
        let mut product = (*product).clone();
        if let Some(Value::Object(order)) = product.members.get_mut("DisplayOrder") {
            if order.get("OverviewPageArn") == Some(&gone) {
                order.remove("OverviewPageArn");
            }
            let without = |list: Option<&mut Value>| {
                if let Some(Value::Array(list)) = list {
                    list.retain(|arn| *arn != gone);
                }
            };
            without(order.get_mut("ProductPageArns"));
            let sections = order.get_mut("Contents").and_then(Value::as_array_mut);
            for section in sections.into_iter().flatten() {
                without(section.get_mut("ProductRestEndpointPageArns"));
            }
        }
        portal_product::put(state, &ctx.scope, product).await?;
    }
    let place = key(&ctx.scope, child.parent.as_deref().unwrap_or_default()).text(&child.id);
    (sort.pages)(&state.portals).remove(&place).await.map_err(storage)?;
    Ok(Output::empty())
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let _changing = state.portals.changing.lock().await;
    let product = portal_product::find(state, &ctx.scope, &input)?;
    let members = keep(&input, &["DisplayContent"]);
    let child = Child { id: id::random(10), parent: Some(product.id.clone()), members };
    Ok(answer(render(&ctx.scope, &SORT, &*put(state, &ctx.scope, &SORT, child).await?)))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    Ok(answer(render(&ctx.scope, &SORT, &*find(state, &ctx.scope, &SORT, &input)?)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let product = portal_product::find(state, &ctx.scope, &input)?;
    let all = state.portals.pages.page(&key(&ctx.scope, &product.id), None, usize::MAX);
    let brief = |child: &Arc<Child>| {
        let mut members = render(&ctx.scope, &SORT, child);
        let content = members.remove("DisplayContent").unwrap_or_default();
        members.insert(String::from("PageTitle"), content.get("Title").cloned().unwrap_or_default());
        members
    };
    page("ListProductPages", &all, &input, |child| child.id.clone(), brief)
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let _changing = state.portals.changing.lock().await;
    let mut child = Child::clone(&*find(state, &ctx.scope, &SORT, &input)?);
    child.members.extend(keep(&input, &["DisplayContent"]));
    Ok(answer(render(&ctx.scope, &SORT, &*put(state, &ctx.scope, &SORT, child).await?)))
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    remove(state, ctx, &SORT, &input).await
}
