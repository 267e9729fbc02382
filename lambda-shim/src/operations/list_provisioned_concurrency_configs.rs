//! `ListProvisionedConcurrencyConfigs`.

use std::ops::Bound;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Value, json};

use super::{page_size, provision, unqualified};
use crate::{
    function::{configure::text, name},
    service::Lambda,
};

const PAGE: usize = 50;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let entry = unqualified(&lambda.0, ctx, &input.members)?;
    let function = entry.function();
    let size = page_size(&input.members, PAGE);
    // A marker is the last version or alias shown.
    let after = text(&input.members, "Marker").map_or(Bound::Unbounded, Bound::Excluded);
    let mut found: Vec<_> =
        function.provisioned.range::<str, _>((after, Bound::Unbounded)).take(size + 1).collect();
    let more = found.len() > size;
    found.truncate(size);
    let marker = found.last().filter(|_| more).map(|(qualifier, _)| (*qualifier).clone());
    let shown = found.into_iter().map(|(qualifier, config)| {
        let mut members = provision::shown(&entry, qualifier, config);
        members.insert("FunctionArn".into(), name::arn(&ctx.scope, &entry.name, Some(qualifier)).into());
        Value::Object(members)
    });
    let shown: Vec<Value> = shown.collect();
    Ok(Output::of(json!({"ProvisionedConcurrencyConfigs": shown, "NextMarker": marker})))
}
