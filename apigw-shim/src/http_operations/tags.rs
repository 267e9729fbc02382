//! GetTags, TagResource, UntagResource, of HTTP APIs and their stages.

use std::{collections::BTreeMap, sync::Arc};

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::{Value, json};

use super::{Members, api, required, stage, texts};
use crate::{
    State,
    apis::Live,
    error::{bad_request, not_found},
    http_api::record::{Api, Stage},
};

/// What an ARN names: `arn:aws:apigateway:REGION::/apis/ID`, or a stage below it.
enum Tagged {
    Api(Arc<Live>, Arc<Api>),
    Stage(Arc<Live>, Arc<Stage>),
}

fn find(state: &State, ctx: &CallContext, input: &Members) -> Result<Tagged, ServiceError> {
    let arn = required(input, "ResourceArn");
    let path =
        arn.splitn(6, ':').nth(5).ok_or_else(|| bad_request("Invalid ARN specified in the request"))?;
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match segments.as_slice() {
        ["apis", id] => api::by_id(state, ctx, id).map(|(live, api)| Tagged::Api(live, api)),
        ["apis", id, "stages", name] => {
            let (live, _) = api::by_id(state, ctx, id)?;
            let stage = state.apis.http_stages.get(&live.child(name));
            let stage = stage.ok_or_else(|| not_found("Invalid stage identifier specified"))?;
            Ok(Tagged::Stage(live, stage))
        }
        _ => Err(bad_request("Invalid ARN specified in the request")),
    }
}

async fn change(
    state: &State,
    tagged: Tagged,
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<(), ServiceError> {
    match tagged {
        Tagged::Api(live, found) => {
            let _changing = live.changing.lock().await;
            let mut found = Api::clone(&found);
            change(&mut found.tags);
            api::put(state, &live, found).await.map(drop)
        }
        Tagged::Stage(live, found) => {
            let _changing = live.changing.lock().await;
            let mut found = Stage::clone(&found);
            change(&mut found.tags);
            stage::put(state, &live, found).await.map(drop)
        }
    }
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let tags = match find(state, ctx, &input)? {
        Tagged::Api(_, api) => api.tags.clone(),
        Tagged::Stage(_, stage) => stage.tags.clone(),
    };
    Ok(Output::of(json!({"Tags": tags})))
}

pub(super) async fn tag(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let tagged = find(state, ctx, &input)?;
    change(state, tagged, |tags| tags.extend(texts(&input, "Tags"))).await?;
    Ok(Output::empty())
}

pub(super) async fn untag(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let tagged = find(state, ctx, &input)?;
    let keys: Vec<&str> = input
        .get("TagKeys")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    change(state, tagged, |tags| tags.retain(|key, _| !keys.contains(&key.as_str()))).await?;
    Ok(Output::empty())
}
