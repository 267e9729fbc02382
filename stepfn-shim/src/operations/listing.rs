//! ListExecutions and ListStateMachines.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::Output;
use serde_json::{Value, json};
use store::Key;

use super::{Request, map_run};
use crate::{
    errors,
    records::{self, ExecutionKey, Machine, Summary},
    service::Inner,
};

/// How many summaries are read at a time, and how many at most for one page: a filter that matches little gives short
/// pages with a token, not long waits.
const ROWS: usize = 1000;
const MOST_ROWS: usize = 20_000;

pub(super) async fn executions(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let members = &request.members;
    match (members.optional_text("mapRunArn"), members.optional_text("stateMachineArn")) {
        (Some(run), None) => return map_run::children(inner, members, run),
        (None, Some(_)) => {}
        _ => {
            let message = "Must specify only one of the following parameters: stateMachineArn, mapRunArn";
            return Err(ServiceError::validation(message));
        }
    }
    if members.optional_text("statusFilter") == Some("PENDING_REDRIVE")
        || members.get("redriveFilter").is_some()
    {
        let message = "The filters PENDING_REDRIVE and redriveFilter need a mapRunArn";
        return Err(ServiceError::validation(message));
    }
    let given = members.text("stateMachineArn");
    let (machine, qualifier) = inner.machine_of(given)?;
    if machine.record.express {
        return Err(errors::type_not_supported());
    }
    let wanted = |summary: &Summary| {
        let by = qualifier.is_none()
            || summary.alias_arn.as_deref() == Some(given)
            || summary.version_arn.as_deref() == Some(given);
        by && members.optional_text("statusFilter").is_none_or(|status| summary.status.as_str() == status)
    };
    let key = Machine::key(&machine.scope, &machine.name);
    let size = members.page_size(100);
    let mut after =
        members.optional_text("nextToken").map(|token| place_of_token(&key, token)).transpose()?;
    let (mut found, mut seen, mut more): (Vec<Value>, usize, bool) = (Vec::new(), 0, true);
    while more && found.len() < size && seen < MOST_ROWS {
        let rows =
            inner.store.scan(records::BY_START, &key, after.as_ref().map(Key::as_bytes), ROWS.min(size + 1));
        let rows = rows.map_err(errors::storage)?;
        more = rows.len() == ROWS.min(size + 1);
        for (place, value) in &rows {
            if found.len() == size {
                more = true;
                break;
            }
            seen += 1;
            after = order_of(place, &key).map(|order| key.clone().number(order));
            let summary: Summary = records::read(value, "an execution")?;
            if wanted(&summary) {
                let name = Arc::clone(&summary.name);
                let execution =
                    ExecutionKey { scope: machine.scope.clone(), machine: Arc::clone(&machine.name), name };
                found.push(summary.list_item(&execution));
            }
        }
    }
    let next = after.filter(|_| more).and_then(|after| order_of(after.as_bytes(), &key));
    Ok(Output::of(json!({ "executions": found, "nextToken": next.map(|order| format!("after-{order}")) })))
}

fn order_of(place: &[u8], key: &Key) -> Option<u64> {
    place.strip_prefix(key.as_bytes())?.try_into().ok().map(u64::from_be_bytes)
}

fn place_of_token(key: &Key, token: &str) -> Result<Key, ServiceError> {
    let order =
        token.strip_prefix("after-").and_then(|order| order.parse().ok()).ok_or_else(errors::page_token)?;
    Ok(key.clone().number(order))
}

/// The name that a token of a list by names stands for.
pub(super) fn name_of_token(token: &str) -> Result<&str, ServiceError> {
    token.strip_prefix("after-").ok_or_else(errors::page_token)
}

pub(super) async fn state_machines(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let size = request.members.page_size(100);
    let after = request.members.optional_text("nextToken").map(name_of_token).transpose()?;
    let mut found = inner.machines.machines_after(request.scope, after, size + 1);
    let more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| more).map(|machine| format!("after-{}", machine.name));
    let items: Vec<Value> = found
        .iter()
        .map(|machine| {
            json!({
                "stateMachineArn": &*machine.arn,
                "name": &*machine.name,
                "type": machine.type_name(),
                "creationDate": machine.record.created.epoch_seconds(),
            })
        })
        .collect();
    Ok(Output::of(json!({ "stateMachines": items, "nextToken": next })))
}
