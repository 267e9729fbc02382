//! What belongs to an API and is kept and shown alike: authorizers, models, and the responses of routes and integrations.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::Output;
use serde_json::json;
use store::{Collection, Key};

use super::{Members, answer, page, required};
use crate::{
    apis::Live,
    error::{not_found, storage},
    http_api::record::Child,
};

/// A kind of thing, in the model's words.
pub(super) struct Sort {
    /// `Authorizer`.
    pub name: &'static str,
    /// `AuthorizerId`.
    pub id: &'static str,
    /// `GetAuthorizers`.
    pub listing: &'static str,
}

/// The key of a thing that belongs to an API, or to a part of it.
pub(super) fn key(live: &Live, parent: Option<&str>, id: &str) -> Key {
    below(live, parent).text(id)
}

fn below(live: &Live, parent: Option<&str>) -> Key {
    match parent {
        Some(parent) => live.child(parent),
        None => live.prefix(),
    }
}

pub(super) fn render(sort: &Sort, child: &Child) -> Members {
    let mut members = child.members.clone();
    members.insert(sort.id.to_owned(), json!(child.id));
    members
}

pub(super) fn find(
    of: &Collection<Child>,
    sort: &Sort,
    live: &Live,
    parent: Option<&str>,
    input: &Members,
) -> Result<Arc<Child>, ServiceError> {
    let id = required(input, sort.id);
    let found = of.get(&key(live, parent, &id));
    found.ok_or_else(|| not_found(format!("Invalid {} identifier specified {id}", sort.name)))
}

pub(super) async fn put(
    of: &Collection<Child>,
    sort: &Sort,
    live: &Live,
    child: Child,
) -> Result<Output, ServiceError> {
    let key = key(live, child.parent.as_deref(), &child.id);
    let child = of.put(key, child).await.map_err(storage)?;
    Ok(answer(render(sort, &child)))
}

pub(super) fn list(
    of: &Collection<Child>,
    sort: &Sort,
    live: &Live,
    parent: Option<&str>,
    input: &Members,
) -> Result<Output, ServiceError> {
    let all = of.page(&below(live, parent), None, usize::MAX);
    page(sort.listing, &all, input, |child| child.id.clone(), |child| render(sort, child))
}

pub(super) async fn remove(
    of: &Collection<Child>,
    live: &Live,
    child: &Child,
) -> Result<Output, ServiceError> {
    of.remove(&key(live, child.parent.as_deref(), &child.id)).await.map_err(storage)?;
    Ok(Output::empty())
}

/// Removes all that belongs to a part of an API.
pub(super) async fn remove_below(
    of: &Collection<Child>,
    live: &Live,
    parent: &str,
) -> Result<(), ServiceError> {
    for child in of.page(&below(live, Some(parent)), None, usize::MAX) {
        remove(of, live, &child).await?;
    }
    Ok(())
}
