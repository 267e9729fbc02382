//! `CreateEventSourceMapping`: what AWS refuses is refused as it does; everything else by name, for now.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::named;
use crate::{error, function::configure::text, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = &input.members;
    let source = text(members, "EventSourceArn");
    if source.is_none() && !members.contains_key("SelfManagedEventSource") {
        return Err(error::invalid_parameter("Unrecognized event source."));
    }
    let service = source.and_then(|arn| arn.split(':').nth(2)).unwrap_or("kafka");
    let destinations = &members.get("DestinationConfig").cloned().unwrap_or_default();
    if service == "sqs" && destinations.as_object().is_some_and(|given| !given.is_empty()) {
        return Err(error::invalid_parameter(
            "Unsupported DestinationConfig parameter for given event source mapping type.",
        ));
    }
    let named = named(ctx, members)?;
    let function = lambda.0.table.get(&ctx.scope, &named.name).map(|entry| entry.function());
    if function.is_none_or(|function| function.qualified(named.qualifier.as_deref()).is_none()) {
        return Err(error::invalid_parameter("Function does not exist"));
    }
    Err(error::unsupported(&format!("event source mappings of {service}")))
}
