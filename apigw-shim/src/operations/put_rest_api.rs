//! PutRestApi: an OpenAPI document over an API, or into it.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;
use store::Batch;

use super::{
    api,
    import_rest_api::{MOST_BYTES, check_links},
    rest_api,
};
use crate::{
    State,
    error::{bad_request, storage},
    id, members,
    openapi::{
        self,
        apply::{self, Mode},
        import::{self, Options},
    },
    rest_api::record::{RestApi, Texts},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutRestApi {
    rest_api_id: String,
    mode: Option<String>,
    #[serde(default)]
    fail_on_warnings: bool,
    #[serde(default)]
    parameters: Texts,
}

/// `merge`, if nothing is said.
pub(super) fn mode(given: Option<&str>) -> Mode {
    if given == Some("overwrite") { Mode::Overwrite } else { Mode::Merge }
}

pub(super) async fn put(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let Input { members, body } = input;
    let body = body.read(MOST_BYTES).await.map_err(|error| bad_request(error.to_string()))?;
    let input: PutRestApi = members::read(Input { members, ..Input::default() })?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let options = Options::new(&ctx.scope.region, &ctx.scope.account).with(&input.parameters)?;
    let (draft, notes) = import::read(&openapi::parse(&body)?, &options)?;
    notes.verdict(input.fail_on_warnings)?;
    check_links(state, &ctx.scope, &draft)?;
    let _changing = live.changing.lock().await;
    let record = RestApi::clone(&*rest_api::record(state, &live)?);
    let apis = &state.apis;
    let before = apis.resources.page(&live.prefix(), None, usize::MAX);
    let made = apply::apply(draft, record, &before, mode(input.mode.as_deref()), id::random)?;
    let mut output = Output::of(rest_api::render(&made.api, true));
    output.members.insert(String::from("warnings"), notes.warnings());
    let mut batch = Batch::new();
    let resources: Result<Vec<_>, _> = made
        .resources
        .into_iter()
        .map(|resource| apis.resources.stage(&mut batch, live.child(&resource.id), resource))
        .collect();
    let resources = resources.map_err(storage)?;
    let gone: Vec<_> =
        made.gone.iter().map(|id| apis.resources.stage_removal(&mut batch, live.child(id))).collect();
    let record = apis.rest_apis.stage(&mut batch, live.key(), made.api).map_err(storage)?;
    apis.rest_apis.commit(batch).await.map_err(storage)?;
    resources.into_iter().chain(gone).for_each(|staged| apis.resources.show(staged));
    apis.rest_apis.show(record);
    rest_api::restage(state, &live);
    Ok(output)
}
