//! What belongs to an API and is kept and shown alike: authorizers, models, and the responses of routes and integrations.
//!
//! A [`Kind`] says what one kind has of its own; [`create`], [`get`], [`get_all`], [`update`] and [`delete`] are then its
//! operations.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use store::{Collection, Key};

use super::{Members, answer, deployment, http_api, is_socket, keep, page, refuse, required};
use crate::{
    State,
    apis::{Apis, Live},
    error::{bad_request, not_found, storage},
    http_api::record::Child,
    id,
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

/// What a kind of thing has of its own.
pub(super) trait Kind {
    const SORT: Sort;
    /// Members that are kept, and those that AWS has and Tule does not.
    const KEPT: &'static [&'static str];
    const REFUSED: &'static [&'static str] = &[];
    const ID_LENGTH: usize;
    /// Whether deployments freeze it: stages that deploy by themselves then do so after each change.
    const IS_DEPLOYED: bool;

    fn records(apis: &Apis) -> &Collection<Child>;

    /// The API, and the part of it that such things belong to, if they do not belong to the API itself.
    fn place(
        state: &State,
        ctx: &CallContext,
        input: &Members,
    ) -> Result<(Arc<Live>, Option<String>), ServiceError>;

    /// Adds to the members of a new one what was not given.
    fn complete(_: &mut Members) {}

    /// Whether one may be like this, beside the others of its place.
    fn check(members: &Members, others: &[Arc<Child>]) -> Result<(), ServiceError>;
}

pub(super) async fn create<K: Kind>(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let (live, parent) = K::place(state, ctx, &input)?;
    let _changing = live.changing.lock().await;
    refuse(&input, K::REFUSED)?;
    let mut members = keep(&input, K::KEPT);
    K::complete(&mut members);
    let records = K::records(&state.apis);
    K::check(&members, &records.page(&below(&live, parent.as_deref()), None, usize::MAX))?;
    let child = Child { id: id::random(K::ID_LENGTH), parent, members };
    let output = put(records, &K::SORT, &live, child).await?;
    deploy::<K>(state, &live).await?;
    Ok(output)
}

pub(super) async fn get<K: Kind>(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let (_, found) = found::<K>(state, ctx, &input)?;
    Ok(answer(render(&K::SORT, &found)))
}

pub(super) async fn get_all<K: Kind>(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let (live, parent) = K::place(state, ctx, &input)?;
    list(K::records(&state.apis), &K::SORT, &live, parent.as_deref(), &input)
}

pub(super) async fn update<K: Kind>(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let (live, parent) = K::place(state, ctx, &input)?;
    let _changing = live.changing.lock().await;
    refuse(&input, K::REFUSED)?;
    let records = K::records(&state.apis);
    let mut child = Child::clone(&*find(records, &K::SORT, &live, parent.as_deref(), &input)?);
    child.members.extend(keep(&input, K::KEPT));
    let mut others = records.page(&below(&live, parent.as_deref()), None, usize::MAX);
    others.retain(|other| other.id != child.id);
    K::check(&child.members, &others)?;
    let output = put(records, &K::SORT, &live, child).await?;
    deploy::<K>(state, &live).await?;
    Ok(output)
}

pub(super) async fn delete<K: Kind>(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let (live, parent) = K::place(state, ctx, &input)?;
    let _changing = live.changing.lock().await;
    let records = K::records(&state.apis);
    let found = find(records, &K::SORT, &live, parent.as_deref(), &input)?;
    let output = remove(records, &live, &found).await?;
    deploy::<K>(state, &live).await?;
    Ok(output)
}

/// The thing that an operation is about, with its API.
pub(super) fn found<K: Kind>(
    state: &State,
    ctx: &CallContext,
    input: &Members,
) -> Result<(Arc<Live>, Arc<Child>), ServiceError> {
    let (live, parent) = K::place(state, ctx, input)?;
    let found = find(K::records(&state.apis), &K::SORT, &live, parent.as_deref(), input)?;
    Ok((live, found))
}

async fn deploy<K: Kind>(state: &State, live: &Live) -> Result<(), ServiceError> {
    if K::IS_DEPLOYED { deployment::automatically(state, live).await } else { Ok(()) }
}

/// The part of a WebSocket API that responses belong to: a `Route` or an `Integration`, of which only these have any.
pub(super) fn part_of_socket<T: Serialize + DeserializeOwned>(
    state: &State,
    ctx: &CallContext,
    input: &Members,
    part: &str,
    records: &Collection<T>,
) -> Result<(Arc<Live>, Option<String>), ServiceError> {
    let live = http_api(state, &ctx.scope, input)?;
    if !is_socket(&live) {
        return Err(bad_request(format!(
            "{part}Responses are currently not supported for this API protocol type."
        )));
    }
    let id = required(input, &format!("{part}Id"));
    if records.get(&live.child(&id)).is_none() {
        return Err(not_found(format!("Invalid {part} identifier specified {id}")));
    }
    Ok((live, Some(id)))
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
