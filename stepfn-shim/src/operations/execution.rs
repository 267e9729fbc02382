//! StartExecution, DescribeExecution, DescribeStateMachineForExecution, StopExecution.

use std::{collections::BTreeSet, sync::Arc};

use asl::{MAX_BYTES, Payload, Signal, Status};
use aws_wire::ServiceError;
use runtime::Output;
use serde_json::json;
use uuid::Uuid;

use super::{Request, state_machine};
use crate::{
    arn,
    driver::Start,
    errors,
    members::{Members, is_valid_name},
    mocks::TestCase,
    records::{ExecutionKey, ExecutionRecord, Machine},
    service::Inner,
};

/// What an execution is started with, from a request.
pub(super) fn start_of(inner: &Inner, members: &Members) -> Result<(Arc<Machine>, Start), ServiceError> {
    let given = members.text("stateMachineArn");
    // `ARN#TestCase` starts an execution whose tasks are mocked, as Step Functions Local has it.
    let (given, case) = given.split_once('#').map_or((given, None), |(arn, case)| (arn, Some(case)));
    let (machine, qualifier) = inner.machine_of(given)?;
    let name = members.optional_text("name");
    if let Some(name) = name.filter(|name| !is_valid_name(name)) {
        return Err(errors::invalid_name(name));
    }
    let text = members.optional_text("input").unwrap_or("{}");
    if text.len() > MAX_BYTES {
        return Err(ServiceError::bad_request(
            "InvalidExecutionInput",
            format!("Invalid execution input: the input is longer than {MAX_BYTES} bytes"),
        ));
    }
    let input = Payload::from_text(text).map_err(|error| {
        ServiceError::bad_request(
            "InvalidExecutionInput",
            format!("Invalid State Machine Execution Input: '{error}'"),
        )
    })?;
    let draw = Uuid::new_v4().as_u128() % 100;
    let draw = u64::try_from(draw).unwrap_or(0);
    let (revision, version) = inner.qualified(&machine, qualifier.as_deref(), given, draw)?;
    let version_arn = version.map(|version| Arc::from(format!("{}:{}", machine.arn, version.number)));
    let by_alias = qualifier.is_some_and(|qualifier| qualifier.parse::<u64>().is_err());
    let start = Start {
        scope: machine.scope.clone(),
        machine: Arc::clone(&machine.name),
        revision,
        express: machine.record.express,
        name: name.map(str::to_owned),
        input,
        trace_header: members.optional_text("traceHeader").map(str::to_owned),
        alias_arn: by_alias.then(|| Arc::from(given)),
        version_arn,
        test_case: case.map(|case| test_case(inner, &machine, case)).transpose()?,
        child: None,
    };
    Ok((machine, start))
}

/// The test case that an execution is started as.
fn test_case(inner: &Inner, machine: &Machine, name: &str) -> Result<(String, Arc<TestCase>), ServiceError> {
    let case = inner.mocks.case(&machine.name, name).map_err(ServiceError::validation)?;
    let tasks: BTreeSet<&str> = machine.revision.definition.tasks().collect();
    for state in case.states().filter(|state| !tasks.contains(state)) {
        tracing::warn!(
            machine = &*machine.name,
            "the test case {name} mocks {state}, which is no Task state of the machine"
        );
    }
    Ok((name.to_owned(), case))
}

pub(super) async fn start(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let (_, start) = start_of(inner, &request.members)?;
    let started = inner.start(start).await?;
    Ok(Output::of(json!({ "executionArn": &*started.arn, "startDate": started.at.epoch_seconds() })))
}

/// The record of the execution that a request names.
pub(super) fn named(
    inner: &Inner,
    members: &Members,
) -> Result<(ExecutionKey, ExecutionRecord), ServiceError> {
    let given = members.text("executionArn");
    let (scope, machine, name) = arn::execution(given)?;
    let key = ExecutionKey { scope, machine: machine.into(), name: name.into() };
    let record = inner.execution_record(&key)?.ok_or_else(|| errors::execution_does_not_exist(given))?;
    Ok((key, record))
}

pub(super) async fn describe(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let (key, record) = named(inner, &request.members)?;
    let with_data = request.members.optional_text("includedData") != Some("METADATA_ONLY");
    Ok(Output::of(record.describe(&key, with_data, inner.clock.now())))
}

pub(super) async fn describe_state_machine(
    inner: &Arc<Inner>,
    request: Request<'_>,
) -> Result<Output, ServiceError> {
    let (key, record) = named(inner, &request.members)?;
    let name = key.state_machine();
    let revision = inner.revision(&key.scope, name, &record.revision)?;
    let revision = revision.ok_or_else(|| errors::damaged("the execution's state machine"))?;
    let machine = inner.machines.machine(&Machine::arn(&key.scope, name));
    let updated = machine.is_some_and(|machine| machine.record.updated);
    let with_data = request.members.optional_text("includedData") != Some("METADATA_ONLY");
    let shown = &revision.record;
    Ok(Output::of(json!({
        "stateMachineArn": Machine::arn(&key.scope, &key.machine),
        "name": name,
        "mapRunArn": record.child.as_ref().map(|child| &*child.map_run),
        "label": record.child.as_ref().and(key.machine.split_once('/')).map(|(_, label)| label),
        "definition": if with_data { shown.definition.as_str() } else { "" },
        "roleArn": shown.role_arn,
        "updateDate": shown.created.epoch_seconds(),
        "loggingConfiguration": state_machine::shown_logging(shown.logging.as_ref()),
        "tracingConfiguration": shown.tracing.clone().unwrap_or_else(|| json!({ "enabled": false })),
        "encryptionConfiguration": shown.encryption,
        "revisionId": updated.then_some(&shown.id),
        "variableReferences": state_machine::variable_references(&revision),
    })))
}

pub(super) async fn stop(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let members = &request.members;
    let (key, record) = named(inner, members)?;
    let text = |name: &str| members.optional_text(name).map(str::to_owned);
    if record.status == Status::Running
        && let Some(running) = inner.find(&key.arn())?
    {
        inner.deliver(&running, Signal::StopRequested { error: text("error"), cause: text("cause") }).await?;
    }
    let (_, record) = named(inner, members)?;
    Ok(Output::of(json!({ "stopDate": record.stopped.map(runtime::Timestamp::epoch_seconds) })))
}
