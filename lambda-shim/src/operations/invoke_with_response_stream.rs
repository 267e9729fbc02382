//! `InvokeWithResponseStream`: the answer in events, each as soon as the function has written it.

use aws_wire::ServiceError;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use runtime::{Body, CallContext, Event, Input, InvocationMode, InvocationOutcome, Output};
use serde_json::{Map, Value, json};

use crate::{
    function::configure::text,
    invoke::{
        payload,
        streaming::{Pieces, Response},
    },
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = &input.members;
    let own = |name: &str| text(members, name).map(str::to_owned);
    let payload = payload::read(input.body, "InvokeWithResponseStream").await?;
    let invocation = runtime::Invocation {
        qualifier: own("Qualifier"),
        client_context: own("ClientContext"),
        log_tail: text(members, "LogType") == Some("Tail"),
        tenant_id: own("TenantId"),
        ..runtime::Invocation::request_response(own("FunctionName").unwrap_or_default(), payload)
    };
    if text(members, "InvocationType") == Some("DryRun") {
        let dry = runtime::Invocation { mode: InvocationMode::DryRun, ..invocation };
        let outcome = lambda.invoke_function(ctx, dry).await?;
        return Ok(Output { status: Some(outcome.status), ..Output::default() });
    }
    let (version, response) = lambda.stream(ctx, invocation).await?;
    let mut members = Map::new();
    members.insert("ExecutedVersion".into(), version.into());
    let events = match response {
        Response::Whole(outcome) => {
            members.insert("ResponseStreamContentType".into(), "application/json".into());
            let chunk = outcome.function_error.is_none().then(|| chunk(outcome.payload.clone()));
            stream::iter(chunk.into_iter().chain([complete(&outcome)])).left_stream()
        }
        Response::Stream(pieces) => {
            let content_type = pieces.content_type.as_deref().unwrap_or("application/octet-stream");
            members.insert("ResponseStreamContentType".into(), content_type.into());
            stream::unfold(Some(pieces), next).right_stream()
        }
    };
    Ok(Output { members, body: Body::Events(Box::pin(events)), ..Output::default() })
}

/// The next event of a response under way; the last tells what came of it.
async fn next(pieces: Option<Pieces>) -> Option<(Event, Option<Pieces>)> {
    let mut pieces = pieces?;
    if let Some(bytes) = pieces.next().await {
        return Some((chunk(bytes), Some(pieces)));
    }
    let last = match pieces.outcome().await {
        Ok(outcome) => complete(&outcome),
        Err(error) => event("InvokeComplete", json!({ "ErrorCode": error.code, "ErrorDetails": error.message })),
    };
    Some((last, None))
}

fn chunk(payload: Bytes) -> Event {
    Event { name: "PayloadChunk".to_owned(), members: Map::new(), payload: Some(payload) }
}

fn complete(outcome: &InvocationOutcome) -> Event {
    let mut members = Map::new();
    if let Some(failed) = &outcome.function_error {
        members.insert("ErrorCode".into(), failed.as_str().into());
        members.insert("ErrorDetails".into(), String::from_utf8_lossy(&outcome.payload).into());
    }
    if let Some(log) = &outcome.log_result {
        members.insert("LogResult".into(), log.as_str().into());
    }
    event("InvokeComplete", members.into())
}

fn event(name: &str, members: Value) -> Event {
    let members = if let Value::Object(members) = members { members } else { Map::new() };
    Event { name: name.to_owned(), members, payload: None }
}
