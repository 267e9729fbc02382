//! `CheckpointDurableExecution`: what a durable function's SDK calls.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value};

use crate::{
    durable::{
        chained, driver,
        engine::{
            checkpoint::{self, Checkpoint},
            operation::Kind,
            update::Update,
        },
    },
    error,
    function::configure::text,
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, _: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let members = &input.members;
    let arn = text(members, "DurableExecutionArn").unwrap_or_default();
    // The model has no other error for an execution that is not there.
    let entry = inner.durable.by_arn(arn).ok_or_else(|| error::invalid_parameter("Invalid checkpoint token"))?;
    let given = members.get("Updates").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let updates: Option<Vec<Update>> = given.iter().map(Update::read).collect();
    let updates = updates.ok_or_else(|| error::invalid_parameter("Unknown operation type."))?;
    let asked = Checkpoint {
        token: text(members, "CheckpointToken").unwrap_or_default(),
        client_token: text(members, "ClientToken"),
        updates: &updates,
    };
    let identity = Arc::clone(&entry.identity);
    let answer = driver::change_with(inner, &entry, |draft, born| {
        if let Some(answer) = checkpoint::repeated(draft, &asked) {
            return Ok(answer);
        }
        let mut starts = updates.iter().filter(|update| update.kind == Kind::ChainedInvoke);
        let answer = checkpoint::apply(draft, &asked, |invoke| {
            let update = starts.next();
            let operation = update.map_or("", |update| update.id.as_str());
            let payload = update.and_then(|update| update.payload.as_deref());
            chained::find(inner, &identity, (operation, payload), invoke, born)
        })?;
        Ok(answer)
    });
    let answer = answer.await?;
    let mut members = Map::new();
    if let Some(token) = answer.token {
        members.insert("CheckpointToken".into(), token.into());
    }
    let state = Map::from_iter([("Operations".to_owned(), answer.operations.into())]);
    members.insert("NewExecutionState".into(), state.into());
    Ok(Output { members, ..Output::default() })
}
