//! `PutFunctionScalingConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::Value;

use super::get_function_scaling_config::refusal;
use crate::{error, service::Lambda};

#[expect(clippy::unused_async, reason = "all operations are called alike")]
pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let config = input.members.get("FunctionScalingConfig").and_then(Value::as_object);
    let number = |name: &str| config.and_then(|config| config.get(name)).and_then(Value::as_u64);
    if let (Some(least), Some(most)) = (number("MinExecutionEnvironments"), number("MaxExecutionEnvironments"))
        && least > most
    {
        return Err(error::invalid_parameter(
            "MinExecutionEnvironments must be less than or equal to MaxExecutionEnvironments.",
        ));
    }
    refusal(lambda, ctx, &input.members)
}
