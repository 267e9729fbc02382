//! One invocation of an execution's function, from its event to what it said.

use std::sync::Arc;

use runtime::{Invocation, InvocationOutcome};
use serde_json::Value;

use super::{
    driver,
    engine::{
        invocation::{self, Ended},
        operation::ErrorObject,
    },
    table::Entry,
};
use crate::{
    function::record::new_id,
    invoke::{
        synchronous::{self, Request},
        target::Target,
    },
    service::Inner,
};

/// Invokes the function, and takes what it said. What a process that ends leaves is invoked again at the next start.
pub(crate) async fn invocation(inner: &Arc<Inner>, entry: &Arc<Entry>, id: String, event: String) {
    let ended = invoke(inner, entry, &id, event).await;
    let next = new_id();
    let taken = driver::change(inner, entry, |draft| {
        invocation::ended(draft, &id, ended, &next);
        Ok(())
    });
    if let Err(error) = taken.await
        && !inner.durable.is_closed()
    {
        tracing::error!(execution = entry.identity.arn(), %error, "the end of an invocation could not be taken");
    }
}

async fn invoke(inner: &Arc<Inner>, entry: &Entry, id: &str, event: String) -> Ended {
    let identity = &entry.identity;
    let named = Invocation::request_response(identity.function_arn(), bytes::Bytes::new());
    let target = match Target::find(&inner.table, &identity.scope(), &named) {
        Ok(target) => target,
        Err(refusal) => return Ended::Gone(ErrorObject::new(Some(&refusal.code), refusal.message)),
    };
    let request = Request {
        request_id: id.to_owned(),
        payload: event.into(),
        client_context: None,
        trace_id: identity.trace.clone(),
        tail: false,
        sink: None,
        tenant_id: identity.tenant.clone(),
    };
    match synchronous::run(inner, target, request).await {
        Ok(outcome) if outcome.function_error.is_some() => Ended::Failed(function_error(&outcome)),
        Ok(outcome) => Ended::Returned(String::from_utf8(outcome.payload.to_vec()).ok()),
        Err(refusal) if refusal.code == "ResourceNotFoundException" => {
            Ended::Gone(ErrorObject::new(Some(&refusal.code), refusal.message))
        }
        Err(refusal) => Ended::Failed(ErrorObject::new(Some(&refusal.code), refusal.message)),
    }
}

/// The error of a function that failed.
pub(crate) fn function_error(outcome: &InvocationOutcome) -> ErrorObject {
    let said: Value = serde_json::from_slice(&outcome.payload).unwrap_or_default();
    let text = |name: &str| said[name].as_str().map(str::to_owned);
    let trace = said["stackTrace"].as_array().or_else(|| said["trace"].as_array());
    ErrorObject {
        message: text("errorMessage"),
        kind: text("errorType").or_else(|| outcome.function_error.clone()),
        data: None,
        stack_trace: trace.map(|lines| lines.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
    }
}
