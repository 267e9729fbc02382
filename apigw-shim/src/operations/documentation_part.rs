//! Documentation parts: what is said of the parts of an API. They are kept and listed; nothing answers by them.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{api, part::Part, rest_api};
use crate::{
    State,
    error::{bad_request, conflict, invalid, not_yet},
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
        let given = |name: &str| input.get(name).and_then(Value::as_str);
        let location = &self.location;
        let named = |query: &str| location.name.as_ref().is_some_and(|name| name.contains(query));
        given("type").is_none_or(|kind| location.kind == kind)
            && given("nameQuery").is_none_or(named)
            && given("path").is_none_or(|path| location.path.as_deref() == Some(path))
    }

    fn check_listing(input: &Map<String, Value>) -> Result<(), ServiceError> {
        if input.get("locationStatus").is_some_and(|status| status == "UNDOCUMENTED") {
            return Err(not_yet("locationStatus UNDOCUMENTED"));
        }
        Ok(())
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
