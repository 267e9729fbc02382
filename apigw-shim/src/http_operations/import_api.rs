//! ImportApi, ReimportApi: an HTTP API of an OpenAPI document, new or in the place of what it was.

use std::collections::{BTreeMap, HashMap};

use aws_wire::ServiceError;
use dashmap::DashMap;
use runtime::{CallContext, Output};
use serde_json::{Value, json};
use store::Batch;

use super::{
    Members, answer, api, authorizer, cors, deployment, http_api, integration, is_socket, required, route,
    text,
};
use crate::{
    State,
    apis::{Kind, Live},
    error::{bad_request, storage},
    http_api::record::{Api, Child, Integration, Route},
    id,
    openapi::{
        self, Notes,
        http::import::{self, Draft, Options},
        import::{BasePath, base_path},
    },
};

/// Records of an API's parts as they are to be.
struct Made {
    authorizers: Vec<Child>,
    integrations: Vec<Integration>,
    routes: Vec<Route>,
}

fn read(ctx: &CallContext, input: &Members) -> Result<(Draft, Notes), ServiceError> {
    let base_path = match text(input, "Basepath") {
        Some(base_path) => base_path::parse(&base_path)?,
        None => BasePath::Ignore,
    };
    let options =
        Options { base_path, region: ctx.scope.region.to_string(), account: ctx.scope.account.to_string() };
    let document = openapi::parse(required(input, "Body").as_bytes())?;
    let (draft, notes) = import::read(&document, &options)?;
    cors::check(&draft.members)?;
    notes.verdict(input.get("FailOnWarnings") == Some(&Value::Bool(true)))?;
    Ok((draft, notes))
}

/// A part that cannot be as the document has it.
fn refused(what: &str, error: ServiceError) -> ServiceError {
    if error.code != "BadRequestException" && error.status != 404 && error.status != 409 {
        return error;
    }
    bad_request(format!("Errors found during import:\n\tUnable to create {what}: {}", error.message))
}

/// Makes records of a draft. What keeps its name keeps its id.
fn make(state: &State, live: &Live, draft: Draft) -> Result<Made, ServiceError> {
    let apis = &state.apis;
    let known = |all: Vec<(Option<String>, String)>| -> BTreeMap<String, String> {
        all.into_iter().filter_map(|(name, id)| Some((name?, id))).collect()
    };
    let before = apis.authorizers.page(&live.prefix(), None, usize::MAX);
    let before = known(before.iter().map(|it| (text(&it.members, "Name"), it.id.clone())).collect());
    let mut authorizers = Vec::new();
    let mut ids = HashMap::new();
    for members in draft.authorizers {
        let name = required(&members, "Name");
        let members = authorizer::complete(live, members)
            .map_err(|error| refused(&format!("authorizer '{name}'"), error))?;
        let id = before.get(&name).cloned().unwrap_or_else(|| id::random(6));
        ids.insert(name, id.clone());
        authorizers.push(Child { id, parent: None, members });
    }
    let mut integrations = Vec::new();
    for given in draft.integrations {
        let uri = text(&given, "IntegrationUri").unwrap_or_default();
        let members = integration::given(live, &given)
            .and_then(|given| integration::complete(state, live, given))
            .map_err(|error| refused(&format!("integration with {uri}"), error))?;
        integrations.push(Integration { id: id::random(7), members });
    }
    let before = apis.routes.page(&live.prefix(), None, usize::MAX);
    let before = known(before.iter().map(|it| (text(&it.members, "RouteKey"), it.id.clone())).collect());
    let mut routes = BTreeMap::new();
    let mut shapes: HashMap<Vec<String>, String> = HashMap::new();
    for found in draft.routes {
        let key = required(&found.members, "RouteKey");
        route::check_key(&key).map_err(|error| refused(&format!("route '{key}'"), error))?;
        let shape = route::shape(&key).into_iter().map(str::to_owned).collect();
        if let Some(other) = shapes.insert(shape, key.clone()).filter(|other| *other != key) {
            return Err(refused(&format!("route '{key}'"), route::conflicting(&key, &other)));
        }
        let mut members = route::blank();
        members.extend(found.members);
        if let Some(id) = found.authorizer.and_then(|name| ids.get(&name)) {
            members.insert(String::from("AuthorizerId"), json!(id));
        }
        if let Some(target) = found.integration.and_then(|place| integrations.get(place)) {
            members.insert(String::from("Target"), json!(format!("integrations/{}", target.id)));
        }
        let id = before.get(&key).cloned().unwrap_or_else(|| id::random(7));
        routes.insert(key, Route { id, members });
    }
    Ok(Made { authorizers, integrations, routes: routes.into_values().collect() })
}

/// Writes an API with its parts, in the place of what it had, whole or not at all.
async fn write(state: &State, live: &Live, api: Api, made: Made) -> Result<(), ServiceError> {
    let apis = &state.apis;
    let mut batch = Batch::new();
    let mut gone_routes = Vec::new();
    for old in apis.routes.page(&live.prefix(), None, usize::MAX) {
        if !made.routes.iter().any(|new| new.id == old.id) {
            gone_routes.push(apis.routes.stage_removal(&mut batch, live.child(&old.id)));
        }
    }
    let mut gone_authorizers = Vec::new();
    for old in apis.authorizers.page(&live.prefix(), None, usize::MAX) {
        if !made.authorizers.iter().any(|new| new.id == old.id) {
            gone_authorizers.push(apis.authorizers.stage_removal(&mut batch, live.child(&old.id)));
        }
    }
    let gone = apis.integrations.page(&live.prefix(), None, usize::MAX);
    let gone_integrations: Vec<_> =
        gone.iter().map(|old| apis.integrations.stage_removal(&mut batch, live.child(&old.id))).collect();
    let api = apis.http_apis.stage(&mut batch, live.key(), api).map_err(storage)?;
    let mut authorizers = Vec::new();
    for new in made.authorizers {
        authorizers.push(apis.authorizers.stage(&mut batch, live.child(&new.id), new).map_err(storage)?);
    }
    let mut integrations = Vec::new();
    for new in made.integrations {
        integrations.push(apis.integrations.stage(&mut batch, live.child(&new.id), new).map_err(storage)?);
    }
    let mut routes = Vec::new();
    for new in made.routes {
        routes.push(apis.routes.stage(&mut batch, live.child(&new.id), new).map_err(storage)?);
    }
    apis.http_apis.commit(batch).await.map_err(storage)?;
    apis.http_apis.show(api);
    gone_routes.into_iter().chain(routes).for_each(|staged| apis.routes.show(staged));
    gone_authorizers.into_iter().chain(authorizers).for_each(|staged| apis.authorizers.show(staged));
    gone_integrations.into_iter().chain(integrations).for_each(|staged| apis.integrations.show(staged));
    Ok(())
}

fn told(state: &State, api: &Api, info: Vec<String>, notes: &Notes) -> Output {
    let mut members = api::render(state, api);
    members.insert(String::from("Warnings"), notes.warnings());
    members.insert(String::from("ImportInfo"), if info.is_empty() { Value::Null } else { info.into() });
    answer(members)
}

pub(super) async fn import(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let (mut draft, notes) = read(ctx, &input)?;
    if !draft.members.contains_key("Name") {
        return Err(bad_request("Invalid OpenAPI input. (it has no title)"));
    }
    let mut members = std::mem::take(&mut draft.members);
    members.insert(String::from("Tags"), json!(draft.tags));
    let info = std::mem::take(&mut draft.info);
    let api = api::blank(state, &members, "HTTP", api::SELECTION)?;
    // Nobody finds it before it is whole.
    let live = Live {
        id: api.id.clone(),
        scope: ctx.scope.clone(),
        sequence: api.sequence,
        changing: tokio::sync::Mutex::default(),
        kind: Kind::Http(DashMap::new()),
    };
    let made = make(state, &live, draft)?;
    write(state, &live, api.clone(), made).await?;
    state.apis.add(&api.id, ctx.scope.clone(), api.sequence, Kind::Http(DashMap::new()));
    Ok(told(state, &api, info, &notes))
}

pub(super) async fn reimport(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    if is_socket(&live) {
        return Err(bad_request("ReimportApi is supported for HTTP APIs only"));
    }
    let (mut draft, notes) = read(ctx, &input)?;
    let _changing = live.changing.lock().await;
    let mut api = Api::clone(&*api::record(state, &live)?);
    for name in ["CorsConfiguration", "Description", "Version"] {
        api.members.remove(name);
    }
    api.members.extend(std::mem::take(&mut draft.members));
    api.tags.extend(std::mem::take(&mut draft.tags));
    let info = std::mem::take(&mut draft.info);
    let made = make(state, &live, draft)?;
    write(state, &live, api.clone(), made).await?;
    for stage in state.apis.http_stages.page(&live.prefix(), None, usize::MAX) {
        state.apis.restage_http(&live, &stage);
    }
    deployment::automatically(state, &live).await?;
    Ok(told(state, &api, info, &notes))
}
