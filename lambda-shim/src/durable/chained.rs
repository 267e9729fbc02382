//! Chained invocations: what is behind one, the functions that answer at once, and how an operation hears of the end.

use std::{sync::Arc, time::Duration};

use aws_wire::ServiceError;
use runtime::Invocation;

use super::{
    driver,
    engine::{
        checkpoint::Target as Found,
        control,
        execution::{Identity, Origin, Outcome},
        invocation,
        operation::{Details, ErrorObject, OperationStatus},
        update::Invoke,
    },
    run,
    start::{self, Born, Start},
    table::Entry,
};
use crate::{
    function::{name::FunctionRef, record::new_id},
    invoke::{
        lineage,
        synchronous::{self, Request},
        target::Target,
        tenant,
    },
    service::Inner,
};

/// For how long the end of what an execution invoked waits for the end of the execution's own invocation (host time).
const PATIENCE: Duration = Duration::from_secs(5);

/// What is behind a chained invocation. Where that is a durable function its execution is `born`.
pub(crate) fn find(
    inner: &Inner,
    parent: &Identity,
    (operation, input): (&str, Option<&str>),
    invoke: &Invoke,
    born: &mut Vec<Born>,
) -> Found {
    match look(inner, parent, (operation, input), invoke, born) {
        Ok(found) => found,
        Err(refusal) => Found::Refused(ErrorObject::new(Some(&refusal.code), refusal.message)),
    }
}

fn look(
    inner: &Inner,
    parent: &Identity,
    (operation, input): (&str, Option<&str>),
    invoke: &Invoke,
    born: &mut Vec<Born>,
) -> Result<Found, ServiceError> {
    let scope = parent.scope();
    let named = Invocation::request_response(invoke.function.as_str(), bytes::Bytes::new());
    let target = Target::find(&inner.table, &scope, &named)?;
    let is_qualified = FunctionRef::parse(&scope, &invoke.function, None)?.qualifier.is_some();
    let isolated =
        target.entry.function().version(&target.version).is_some_and(|found| found.tenancy.is_some());
    tenant::must_suit(isolated, invoke.tenant.as_deref())?;
    let Some(config) = start::durable(&target, is_qualified)? else {
        return Ok(Found::Plain { version: target.version, request_id: new_id() });
    };
    let start = Start {
        config: &config,
        name: None,
        input: input.map(str::to_owned),
        origin: Origin::Chained { execution: parent.id.clone(), operation: operation.to_owned() },
        trace: trace(inner, parent, invoke.trace.as_deref())?,
        tenant: invoke.tenant.clone(),
    };
    let child = start::born(inner, &target, new_id(), start)?;
    let found = Found::Durable {
        version: target.version,
        id: child.entry.identity.id.clone(),
        arn: child.entry.identity.arn(),
    };
    born.push(child);
    Ok(found)
}

/// The trace header that a function invoked by `parent` gets: it counts the parent's function, so that loops are found.
fn trace(inner: &Inner, parent: &Identity, given: Option<&str>) -> Result<String, ServiceError> {
    let trace = given.unwrap_or(&parent.trace);
    let Some(entry) = inner.table.get(&parent.scope(), &parent.function) else { return Ok(trace.to_owned()) };
    let allow = entry.function().recursive_loop.as_deref().is_some_and(|says| says != lineage::TERMINATE);
    lineage::follow(trace, &entry.lineage, allow)
}

/// Runs the function of an operation that answers at once, and has the operation hear of it.
pub(crate) async fn run(inner: &Arc<Inner>, entry: &Arc<Entry>, operation: &str) {
    let Some((details, input)) = details(entry, operation) else { return };
    let (status, outcome) = match invoke(inner, &entry.identity, details, input).await {
        Ok(result) => (OperationStatus::Succeeded, Outcome { result, error: None }),
        Err(error) => (OperationStatus::Failed, Outcome { result: None, error: Some(error) }),
    };
    ended(inner, entry, operation, None, status, outcome).await;
}

/// What an operation that is still under way invokes.
pub(crate) fn details(entry: &Entry, operation: &str) -> Option<(Details, Option<String>)> {
    let state = entry.state();
    let found = state.operations.get(state.find(operation)?)?;
    (found.status == OperationStatus::Started).then(|| (found.details.clone(), found.input.clone()))
}

async fn invoke(
    inner: &Arc<Inner>,
    parent: &Identity,
    details: Details,
    input: Option<String>,
) -> Result<Option<String>, ErrorObject> {
    let Details::ChainedInvoke { function, tenant, trace: given, request_id, .. } = details else {
        return Err(ErrorObject::default());
    };
    let refused = |refusal: ServiceError| ErrorObject::new(Some(&refusal.code), refusal.message);
    let named = Invocation::request_response(function, bytes::Bytes::new());
    let target = Target::find(&inner.table, &parent.scope(), &named).map_err(refused)?;
    let request = Request {
        request_id: request_id.unwrap_or_else(new_id),
        payload: input.map_or_else(|| bytes::Bytes::from_static(b"{}"), Into::into),
        client_context: None,
        trace_id: trace(inner, parent, given.as_deref()).map_err(refused)?,
        tail: false,
        sink: None,
        tenant_id: tenant,
    };
    let outcome = synchronous::run(inner, target, request).await.map_err(refused)?;
    if outcome.function_error.is_some() {
        return Err(run::function_error(&outcome));
    }
    let result = String::from_utf8(outcome.payload.to_vec())
        .map_err(|_| ErrorObject::new(None, "CHAINED_INVOKE response could not be decoded as UTF-8."))?;
    invocation::chained_result(Some(result).filter(|result| !result.is_empty()))
}

/// Has an operation hear of the end of what it invoked, which is the execution `child` if it has one.
pub(crate) async fn ended(
    inner: &Arc<Inner>,
    entry: &Arc<Entry>,
    operation: &str,
    child: Option<&str>,
    status: OperationStatus,
    outcome: Outcome,
) {
    // On AWS a function that is invoked so takes its time; here it may have answered before the one that invoked it
    // has said that it waits, which would then be invoked once more for nothing. A function that goes on instead makes
    // another checkpoint, and could not hear of the end before that anyway.
    let mut invoked = entry.invoked.subscribe();
    let before = *invoked.borrow_and_update();
    if before.is_some() {
        let _ = tokio::time::timeout(PATIENCE, invoked.wait_for(|now| *now != before)).await;
    }
    let request_id = new_id();
    let taken = driver::change(inner, entry, |draft| {
        let at = draft.find(operation).filter(|at| {
            let found = draft.operation(*at);
            let is_its = matches!(&found.details, Details::ChainedInvoke { child: kept, .. } if kept.as_deref() == child);
            draft.base.progress.status.is_open() && is_its && found.status == OperationStatus::Started
        });
        if let Some(at) = at {
            control::chained_ended(draft, at, status, outcome);
            control::wake(draft, &request_id);
        }
        Ok(())
    });
    if let Err(error) = taken.await
        && !inner.durable.is_closed()
    {
        tracing::error!(execution = entry.identity.arn(), %error, "the end of a chained invocation could not be taken");
    }
}
