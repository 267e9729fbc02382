//! Documentation parts: what is said of the parts of an API. They are kept and listed; nothing answers by them.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    ListOfApi, api, listing, page,
    part::{self, Part},
    rest_api, undocumented,
};
use crate::{
    State,
    error::{bad_request, conflict, invalid},
    id, members,
    patch::Patch,
    rest_api::record::{DocumentationPart, Location, RestApi},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    rest_api_id: String,
    location: Location,
    properties: String,
}

impl Part for DocumentationPart {
    const MEMBER: &'static str = "documentationPartId";

    fn all(record: &RestApi) -> &Vec<Self> {
        &record.documentation_parts
    }

    fn all_mut(record: &mut RestApi) -> &mut Vec<Self> {
        &mut record.documentation_parts
    }

    fn key(&self) -> &str {
        &self.id
    }

    fn missing(_: &str) -> ServiceError {
        invalid("Documentation part identifier")
    }

    fn is_wanted(&self, input: &Map<String, Value>) -> bool {
        is_wanted(&self.location, input)
    }

    fn change(&mut self, _: &RestApi, patch: &Patch) -> Result<(), ServiceError> {
        if patch.path != "/properties" {
            return Err(bad_request(format!(
                "Invalid patch path  '{}' specified for op '{}'. Must be one of: [/properties]",
                patch.path, patch.op
            )));
        }
        patch.only_replace()?;
        self.properties = patch.value();
        Ok(())
    }
}

fn is_wanted(location: &Location, input: &Map<String, Value>) -> bool {
    let given = |name: &str| input.get(name).and_then(Value::as_str);
    let named = |query: &str| location.name.as_ref().is_some_and(|name| name.contains(query));
    given("type").is_none_or(|kind| location.kind == kind)
        && given("nameQuery").is_none_or(named)
        && given("path").is_none_or(|path| location.path.as_deref() == Some(path))
}

/// The parts there are; or, where those without content are asked for, what they could be about.
pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    if input.members.get("locationStatus").is_none_or(|status| status != "UNDOCUMENTED") {
        return part::list::<DocumentationPart>(state, ctx, input).await;
    }
    let given = input.members.clone();
    let input: ListOfApi = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let record = rest_api::record(state, &live)?;
    let resources = state.apis.resources.page(&live.prefix(), None, usize::MAX);
    let mut all = undocumented::locations(&record, &resources);
    all.retain(|(_, location)| is_wanted(location, &given));
    let (found, position) = page(all, input.limit, input.position.as_deref(), |(key, _)| key.as_str());
    Ok(listing(found.iter().map(|(_, location)| json!({"location": location})).collect(), position))
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Create = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let part =
        DocumentationPart { id: id::random(6), location: input.location, properties: input.properties };
    rest_api::alter(state, &live, |record| {
        if record.documentation_parts.iter().any(|known| known.location == part.location) {
            return Err(conflict("Documentation part already exists for the specified location"));
        }
        let answer = members::answer(&part);
        record.documentation_parts.push(part);
        answer
    })
    .await
}
