//! PublishStateMachineVersion, ListStateMachineVersions, DeleteStateMachineVersion.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::Output;
use serde_json::{Value, json};

use super::{Request, listing::name_of_token};
use crate::{arn, errors, records::Machine, service::Inner};

pub(super) async fn publish(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let members = &request.members;
    let (machine, _) = inner.machine_of(members.text("stateMachineArn"))?;
    if let Some(wanted) = members.optional_text("revisionId") {
        // A machine that was never updated has the revision INITIAL.
        let current = if machine.record.updated { machine.record.revision.as_str() } else { "INITIAL" };
        if wanted != current {
            let message = format!(
                "Failed to publish the State Machine version for revision {wanted}. The current State Machine revision is {current}."
            );
            return Err(ServiceError::bad_request("ConflictException", message));
        }
    }
    let mut record = machine.record.clone();
    let number = record.publish(members.optional_text("description"), inner.clock.now());
    let created =
        record.versions.iter().find(|version| version.number == number).map(|version| version.created);
    inner.save_machine(&machine.scope, record, Arc::clone(&machine.revision), false).await?;
    Ok(Output::of(json!({
        "stateMachineVersionArn": format!("{}:{number}", machine.arn),
        "creationDate": created.map(runtime::Timestamp::epoch_seconds),
    })))
}

pub(super) async fn list(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let (machine, _) = inner.machine_of(request.members.text("stateMachineArn"))?;
    let before = request.members.optional_text("nextToken").map(name_of_token).transpose()?;
    let before: Option<u64> =
        before.map(|number| number.parse().map_err(|_| errors::page_token())).transpose()?;
    let size = request.members.page_size(100);
    // The newest version first.
    let rest = machine
        .record
        .versions
        .iter()
        .rev()
        .filter(|version| before.is_none_or(|before| version.number < before));
    let mut page: Vec<_> = rest.take(size + 1).collect();
    let more = page.len() > size;
    page.truncate(size);
    let next = page.last().filter(|_| more).map(|version| format!("after-{}", version.number));
    let items: Vec<Value> = page
        .iter()
        .map(|version| {
            json!({
                "stateMachineVersionArn": format!("{}:{}", machine.arn, version.number),
                "creationDate": version.created.epoch_seconds(),
            })
        })
        .collect();
    Ok(Output::of(json!({ "stateMachineVersions": items, "nextToken": next })))
}

pub(super) async fn delete(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let given = request.members.text("stateMachineVersionArn");
    let (scope, name, qualifier) = arn::state_machine(given)?;
    let number = qualifier.as_deref().and_then(|qualifier| qualifier.parse::<u64>().ok());
    let number = number.ok_or_else(|| errors::invalid_arn(format!("Invalid ARN: {given}")))?;
    let Some(machine) = inner.machines.machine(&Machine::arn(&scope, &name)) else {
        return Ok(Output::empty());
    };
    let aliases = machine.record.aliases.iter();
    let referring: Vec<&str> = aliases
        .filter(|(_, alias)| alias.routes.iter().any(|route| route.version == number))
        .map(|(name, _)| name.as_str())
        .collect();
    if !referring.is_empty() {
        let message = format!(
            "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [{}]",
            referring.join(", ")
        );
        return Err(ServiceError::bad_request("ConflictException", message));
    }
    let mut record = machine.record.clone();
    record.versions.retain(|version| version.number != number);
    inner.save_machine(&machine.scope, record, Arc::clone(&machine.revision), false).await?;
    Ok(Output::empty())
}
