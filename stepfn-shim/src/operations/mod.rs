//! The operations of the API, by name.

mod activity;
mod alias;
pub(crate) mod catalog;
mod execution;
mod history;
mod listing;
mod map_run;
mod redrive;
mod state_machine;
mod sync_execution;
mod tags;
mod task;
mod test_state;
mod update;
mod validate;
mod version;

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{BoxFuture, CallContext, Input, Output, Scope};

use crate::{members::Members, service::Inner};

/// A request as an operation gets it.
pub(crate) struct Request<'r> {
    pub(crate) scope: &'r Scope,
    pub(crate) members: Members,
}

type Handler = for<'a> fn(&'a Arc<Inner>, Request<'a>) -> BoxFuture<'a, Result<Output, ServiceError>>;

macro_rules! operations {
    ($($name:literal => $handler:path,)*) => {
        /// The operations that are done.
        pub(crate) const NAMES: &[&str] = &[$($name),*];

        const HANDLERS: &[(&str, Handler)] =
            &[$(($name, |inner, request| Box::pin($handler(inner, request)))),*];
    };
}

operations! {
    "CreateActivity" => activity::create,
    "CreateStateMachine" => state_machine::create,
    "CreateStateMachineAlias" => alias::create,
    "DeleteActivity" => activity::delete,
    "DeleteStateMachine" => state_machine::delete,
    "DeleteStateMachineAlias" => alias::delete,
    "DeleteStateMachineVersion" => version::delete,
    "DescribeActivity" => activity::describe,
    "DescribeExecution" => execution::describe,
    "DescribeMapRun" => map_run::describe,
    "DescribeStateMachine" => state_machine::describe,
    "DescribeStateMachineAlias" => alias::describe,
    "DescribeStateMachineForExecution" => execution::describe_state_machine,
    "GetActivityTask" => activity::get_task,
    "GetExecutionHistory" => history::get,
    "ListActivities" => activity::list,
    "ListExecutions" => listing::executions,
    "ListMapRuns" => map_run::list,
    "ListStateMachineAliases" => alias::list,
    "ListStateMachineVersions" => version::list,
    "ListStateMachines" => listing::state_machines,
    "ListTagsForResource" => tags::list,
    "PublishStateMachineVersion" => version::publish,
    "RedriveExecution" => redrive::redrive,
    "SendTaskFailure" => task::failure,
    "SendTaskHeartbeat" => task::heartbeat,
    "SendTaskSuccess" => task::success,
    "StartExecution" => execution::start,
    "StartSyncExecution" => sync_execution::start,
    "StopExecution" => execution::stop,
    "TagResource" => tags::tag,
    "TestState" => test_state::test,
    "UntagResource" => tags::untag,
    "UpdateMapRun" => map_run::update,
    "UpdateStateMachine" => update::update,
    "UpdateStateMachineAlias" => alias::update,
    "ValidateStateMachineDefinition" => validate::validate,
}

/// Does an operation.
pub(crate) fn call<'a>(
    inner: &'a Arc<Inner>,
    ctx: &'a CallContext,
    operation: &'a str,
    input: Input,
) -> BoxFuture<'a, Result<Output, ServiceError>> {
    let Ok(place) = HANDLERS.binary_search_by(|(name, _)| (*name).cmp(operation)) else {
        let message = format!("stepfunctions {operation} is not implemented");
        return Box::pin(std::future::ready(Err(ServiceError::not_implemented(message))));
    };
    HANDLERS[place].1(inner, Request { scope: &ctx.scope, members: Members(input.members) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_for_the_search() {
        assert!(NAMES.is_sorted());
    }
}
