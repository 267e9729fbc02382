//! Get, list, update and delete, for what an API's record has lists of: models, authorizers, request validators, and
//! documentation.
//!
//! A [`Part`] says what one kind has of its own. Making one differs too much from kind to kind, and is theirs.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output, Scope};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ListOfApi, api, listing, page, rest_api};
use crate::{State, apis::Live, members, patch::Patch, rest_api::record::RestApi};

/// A kind of thing that an API's record has a list of.
pub(super) trait Part: Clone + Serialize {
    /// The member of operations that names one.
    const MEMBER: &'static str;

    fn all(record: &RestApi) -> &Vec<Self>;

    fn all_mut(record: &mut RestApi) -> &mut Vec<Self>;

    /// What [`Part::MEMBER`] names one by.
    fn key(&self) -> &str;

    /// What is answered where there is none of that id.
    fn missing(id: &str) -> ServiceError;

    /// The API that an operation on one is about.
    fn api(state: &State, scope: &Scope, api: &str, _id: &str) -> Result<Arc<Live>, ServiceError> {
        super::api(state, scope, api)
    }

    /// Whether a listing is to have it.
    fn is_wanted(&self, _input: &Map<String, Value>) -> bool {
        true
    }

    fn change(&mut self, record: &RestApi, patch: &Patch) -> Result<(), ServiceError>;

    /// Whether one may be as changes have left it.
    fn check(&self) -> Result<(), ServiceError> {
        Ok(())
    }

    /// What goes away with it.
    fn forget(_record: &mut RestApi, _id: &str) {}

    /// Whether it may go away.
    fn check_unused(&self, _state: &State, _live: &Live, _record: &RestApi) -> Result<(), ServiceError> {
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfPart {
    rest_api_id: String,
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

/// The one of that id.
pub(super) fn find<'r, P: Part + 'r>(record: &'r RestApi, id: &str) -> Result<&'r P, ServiceError> {
    P::all(record).iter().find(|part| part.key() == id).ok_or_else(|| P::missing(id))
}

/// What an operation on one says: the API, the id, the changes.
fn read<P: Part>(
    state: &State,
    ctx: &CallContext,
    input: Input,
) -> Result<(Arc<Live>, String, Vec<Patch>), ServiceError> {
    let id = input.members.get(P::MEMBER).and_then(Value::as_str).unwrap_or_default().to_owned();
    let input: OfPart = members::read(input)?;
    let live = P::api(state, &ctx.scope, &input.rest_api_id, &id)?;
    Ok((live, id, input.patch_operations))
}

pub(super) async fn get<P: Part>(
    state: &State,
    ctx: &CallContext,
    input: Input,
) -> Result<Output, ServiceError> {
    let (live, id, _) = read::<P>(state, ctx, input)?;
    members::answer(find::<P>(&*rest_api::record(state, &live)?, &id)?)
}

pub(super) async fn list<P: Part>(
    state: &State,
    ctx: &CallContext,
    input: Input,
) -> Result<Output, ServiceError> {
    let given = input.members.clone();
    let input: ListOfApi = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let record = rest_api::record(state, &live)?;
    let all: Vec<&P> = P::all(&record).iter().filter(|part| part.is_wanted(&given)).collect();
    let (found, position) = page(all, input.limit, input.position.as_deref(), |part| part.key());
    Ok(listing(found.iter().map(members::value).collect::<Result<_, _>>()?, position))
}

pub(super) async fn update<P: Part>(
    state: &State,
    ctx: &CallContext,
    input: Input,
) -> Result<Output, ServiceError> {
    let (live, id, patches) = read::<P>(state, ctx, input)?;
    rest_api::alter(state, &live, |record| {
        let mut part = find::<P>(record, &id)?.clone();
        for patch in &patches {
            part.change(record, patch)?;
        }
        part.check()?;
        let answer = members::answer(&part);
        for known in P::all_mut(record).iter_mut().filter(|known| known.key() == id) {
            known.clone_from(&part);
        }
        answer
    })
    .await
}

pub(super) async fn delete<P: Part>(
    state: &State,
    ctx: &CallContext,
    input: Input,
) -> Result<Output, ServiceError> {
    let (live, id, _) = read::<P>(state, ctx, input)?;
    rest_api::alter(state, &live, |record| {
        find::<P>(record, &id)?.check_unused(state, &live, record)?;
        P::all_mut(record).retain(|part| part.key() != id);
        P::forget(record, &id);
        Ok(Output::empty())
    })
    .await
}
