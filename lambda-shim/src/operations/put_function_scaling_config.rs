//! `PutFunctionScalingConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Value, json};

use super::{
    activate,
    get_function_scaling_config::{must_be_managed, version},
};
use crate::{
    error,
    function::record::{Scaling, State},
    invoke::synchronous::pool,
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let config = input.members.get("FunctionScalingConfig").and_then(Value::as_object);
    let number = |name: &str| {
        let given = config.and_then(|config| config.get(name)).and_then(Value::as_u64);
        given.and_then(|given| u32::try_from(given).ok())
    };
    let scaling =
        Scaling { least: number("MinExecutionEnvironments"), most: number("MaxExecutionEnvironments") };
    if let (Some(least), Some(most)) = (scaling.least, scaling.most)
        && least > most
    {
        return Err(error::invalid_parameter(
            "MinExecutionEnvironments must be less than or equal to MaxExecutionEnvironments.",
        ));
    }
    let (entry, version) = version(lambda, ctx, &input.members)?;
    let off = scaling.most == Some(0);
    let update = inner.table.update(&entry, |function| {
        must_be_managed(function, &entry, &version)?;
        function.scaling.insert(version.clone(), scaling);
        if let Some(version) = function.version_mut(&version) {
            version.state = if off { State::Deactivated } else { State::Pending };
            version.revise();
        }
        Ok(())
    });
    update.await?;
    if off {
        if let Ok(pool) = pool(inner, &entry, &version, &entry.function()) {
            super::provision::scale(&pool, &entry.function(), &version);
        }
    } else {
        activate::versions(inner, &entry);
    }
    Ok(Output::of(json!({"FunctionState": if off { "Deactivated" } else { "Pending" }})))
}
