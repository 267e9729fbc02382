//! An invocation of a durable function: it starts an execution, and is answered when that has ended, or at once.

use std::{sync::Arc, time::Duration};

use aws_wire::ServiceError;
use bytes::Bytes;
use runtime::{Invocation, InvocationMode, InvocationOutcome, Scope};

use super::{
    ending,
    engine::execution::Origin,
    start::{self, Start},
    table::Entry,
};
use crate::{
    error,
    function::name::FunctionRef,
    invoke::{synchronous::Request, target::Target},
    service::Inner,
};

/// For how long anybody waits for an execution's end.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// What an invocation is answered.
pub(crate) struct Answered {
    pub(crate) outcome: InvocationOutcome,
    /// The ARN of the execution, for durable functions.
    pub(crate) execution: Option<String>,
}

/// Invokes the function if it is durable; `name` is the execution's, if it was given one.
pub(crate) async fn invoke(
    inner: &Arc<Inner>,
    scope: &Scope,
    (target, request): (&Target, &Request),
    invocation: &Invocation,
    name: Option<&str>,
) -> Result<Option<Answered>, ServiceError> {
    let named = FunctionRef::parse(scope, &invocation.function, invocation.qualifier.as_deref())?;
    let Some(config) = start::durable(target, named.qualifier.is_some())? else {
        return match name {
            None => Ok(None),
            Some(_) => Err(error::invalid_parameter(
                "A durable execution name can only be given to functions that are durable.",
            )),
        };
    };
    let accepted = |status| InvocationOutcome {
        status,
        payload: Bytes::new(),
        function_error: None,
        executed_version: target.version.clone(),
        log_result: None,
    };
    let waits = match invocation.mode {
        InvocationMode::DryRun => {
            return Ok(Some(Answered { outcome: accepted(204), execution: None }));
        }
        InvocationMode::RequestResponse => true,
        InvocationMode::Event => false,
    };
    if waits && u64::from(config.execution_timeout) > LONGEST.as_secs() {
        return Err(error::invalid_parameter(
            "You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes.",
        ));
    }
    target.settled().await?;
    let origin = if waits {
        Origin::Synchronous
    } else {
        let qualifier = named.qualifier.unwrap_or_default();
        Origin::Event { qualifier, request_id: request.request_id.clone() }
    };
    let start = Start {
        config: &config,
        name,
        input: String::from_utf8(request.payload.to_vec()).ok(),
        origin,
        trace: request.trace_id.clone(),
        tenant: request.tenant_id.clone(),
    };
    let entry = start::start(inner, target, start).await?;
    let outcome = if waits { ended(inner, &entry).await? } else { accepted(202) };
    Ok(Some(Answered { outcome, execution: Some(entry.identity.arn()) }))
}

/// Waits for an execution's end.
async fn ended(inner: &Arc<Inner>, entry: &Arc<Entry>) -> Result<InvocationOutcome, ServiceError> {
    let mut ended = entry.ended.subscribe();
    let too_long = inner.clock.sleep_until(inner.clock.now().plus(LONGEST));
    tokio::select! {
        _ = ended.wait_for(|ended| *ended) => ending::answer(inner, entry),
        () = too_long => Err(error::service(format!(
            "The durable execution {} has not ended within 15 minutes.",
            entry.identity.arn()
        ))),
    }
}
