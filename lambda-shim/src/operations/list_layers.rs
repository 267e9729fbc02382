//! `ListLayers`: each with its newest version that suits.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value, json};

use super::page_size;
use crate::{
    function::{configure::text, runtimes},
    layer::{name::LayerRef, record::LayerVersion},
    service::Lambda,
};

const PAGE: usize = 50;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = &input.members;
    let asked = Asked::of(members)?;
    let size = page_size(members, PAGE);
    // A marker is the name of the last layer shown.
    let mut after = text(members, "Marker").map(str::to_owned);
    let mut shown: Vec<(String, Value)> = Vec::with_capacity(size + 1);
    // Layers without a version that suits are not shown, so one page of them may not fill one of ours.
    while shown.len() <= size {
        let layers = lambda.0.layers.page(&ctx.scope, after.as_deref(), size + 1);
        let Some(last) = layers.last() else { break };
        after = Some(last.name.clone());
        for layer in layers {
            let named = LayerRef { scope: ctx.scope.clone(), name: layer.name.clone() };
            let versions = lambda.0.layers.versions(&named);
            if let Some(newest) = versions.iter().rev().find(|version| asked.suits(version)) {
                let item = json!({
                    "LayerName": layer.name,
                    "LayerArn": newest.layer_arn(),
                    "LatestMatchingVersion": newest.listed(),
                });
                shown.push((layer.name.clone(), item));
            }
        }
    }
    let more = shown.len() > size;
    shown.truncate(size);
    let marker = shown.last().filter(|_| more).map(|(name, _)| name.clone());
    let layers: Vec<Value> = shown.into_iter().map(|(_, item)| item).collect();
    Ok(Output::of(json!({"Layers": layers, "NextMarker": marker})))
}

/// What listed versions must say that they are for.
pub(super) struct Asked<'a> {
    runtime: Option<&'a str>,
    architecture: Option<&'a str>,
}

impl<'a> Asked<'a> {
    pub(super) fn of(members: &'a Map<String, Value>) -> Result<Self, ServiceError> {
        let runtime = text(members, "CompatibleRuntime");
        if let Some(runtime) = runtime {
            runtimes::parse_filter(runtime)?;
        }
        Ok(Self { runtime, architecture: text(members, "CompatibleArchitecture") })
    }

    pub(super) fn suits(&self, version: &LayerVersion) -> bool {
        version.suits(self.runtime, self.architecture)
    }
}
