//! What there is, for people: APIs with their stages, URLs and routes.

use crate::{
    State,
    apis::{Kind, Live},
    http_api::record::text,
};

/// An API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSummary {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `REST` or `HTTP`.
    pub kind: &'static str,
    /// The account and region it is in.
    pub account: String,
    /// See `account`.
    pub region: String,
    /// Its stages, by name.
    pub stages: Vec<StageSummary>,
}

/// A stage of an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageSummary {
    /// Its name.
    pub name: String,
    /// Its URL, without a slash at the end. It needs no name to be resolved.
    pub url: String,
    /// `GET /orders/{id}`, sorted.
    pub routes: Vec<String>,
}

pub(crate) fn of(state: &State) -> Vec<ApiSummary> {
    state.apis.all_live().iter().filter_map(|live| api(state, live)).collect()
}

fn api(state: &State, live: &Live) -> Option<ApiSummary> {
    let (name, kind, stages) = match &live.kind {
        Kind::Rest(_) => {
            (state.apis.rest_apis.get(&live.key())?.name.clone(), "REST", rest_stages(state, live))
        }
        Kind::Http(_) => {
            let api = state.apis.http_apis.get(&live.key())?;
            (text(&api.members, "Name").unwrap_or_default().to_owned(), "HTTP", http_stages(state, live))
        }
    };
    Some(ApiSummary {
        id: live.id.clone(),
        name,
        kind,
        account: live.scope.account.to_string(),
        region: live.scope.region.to_string(),
        stages,
    })
}

fn rest_stages(state: &State, live: &Live) -> Vec<StageSummary> {
    let stage = |stage: &crate::rest_api::record::Stage| {
        let deployment = state.apis.rest_deployment(live, &stage.deployment_id);
        let resources = deployment.iter().flat_map(|deployment| &deployment.snapshot.resources);
        let mut routes: Vec<String> = resources
            .flat_map(|resource| {
                resource.resource_methods.keys().map(|method| format!("{method} {}", resource.path))
            })
            .collect();
        routes.sort();
        let url =
            format!("{}/restapis/{}/{}/_user_request_", state.options.endpoint, live.id, stage.stage_name);
        StageSummary { name: stage.stage_name.clone(), url, routes }
    };
    state.apis.rest_stages.page(&live.prefix(), None, usize::MAX).iter().map(|found| stage(found)).collect()
}

fn http_stages(state: &State, live: &Live) -> Vec<StageSummary> {
    let stage = |stage: &crate::http_api::record::Stage| {
        let deployment = stage.deployment_id.as_deref().and_then(|id| state.apis.http_deployment(live, id));
        let deployed = deployment.iter().flat_map(|deployment| &deployment.routes);
        let mut routes: Vec<String> =
            deployed.filter_map(|route| text(&route.members, "RouteKey").map(str::to_owned)).collect();
        routes.sort();
        let base = http_endpoint(&state.options.endpoint, &live.id);
        let url = if stage.name == "$default" { base } else { format!("{base}/{}", stage.name) };
        StageSummary { name: stage.name.clone(), url, routes }
    };
    state.apis.http_stages.page(&live.prefix(), None, usize::MAX).iter().map(|found| stage(found)).collect()
}

/// The address of an HTTP API that works without any name being resolved.
pub(crate) fn http_endpoint(endpoint: &str, id: &str) -> String {
    format!("{endpoint}/_aws/execute-api/{id}")
}
