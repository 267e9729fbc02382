//! DescribeMapRun, ListMapRuns, UpdateMapRun, and the list of a Map Run's children.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::Output;
use serde_json::{Value, json};
use store::Key;
use tokio::sync::oneshot;

use super::{Request, execution::named};
use crate::{
    errors,
    map_runs::Message,
    members::Members,
    records::{self, ChildRow, Machine, MapRunKey, MapRunRecord},
    service::Inner,
};

/// How many rows are read at most for one page of a list.
const MOST_ROWS: usize = 20_000;
const ROWS: usize = 1000;

/// The run that a request names, with its counts as they are now.
fn find(inner: &Inner, given: &str) -> Result<(MapRunKey, MapRunRecord), ServiceError> {
    let (key, record) = inner.map_run_record(given)?.ok_or_else(|| errors::resource_not_found(given))?;
    let record = inner.map_runs.get(given).map_or(record, |run| run.record());
    Ok((key, record))
}

pub(super) async fn describe(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let given = request.members.text("mapRunArn");
    let (_, record) = find(inner, given)?;
    Ok(Output::of(record.describe(given)))
}

pub(super) async fn list(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let members = &request.members;
    let (key, _) = named(inner, members)?;
    let size = members.page_size(100);
    let prefix = key.key();
    let after = members.optional_text("nextToken").map(|token| place(&prefix, token)).transpose()?;
    let rows = inner.store.scan(records::MAP_RUNS_OF, &prefix, after.as_ref().map(Key::as_bytes), size + 1);
    let rows = rows.map_err(errors::storage)?;
    let mut items = Vec::with_capacity(rows.len().min(size));
    for (_, value) in rows.iter().take(size) {
        let arn = String::from_utf8_lossy(value).into_owned();
        let (run, record) = find(inner, &arn)?;
        items.push(json!({
            "executionArn": &*record.execution,
            "mapRunArn": arn,
            "stateMachineArn": Machine::arn(&run.scope, &run.machine),
            "startDate": record.started.epoch_seconds(),
            "stopDate": record.stopped.map(runtime::Timestamp::epoch_seconds),
        }));
    }
    let last = rows.get(size - 1).filter(|_| rows.len() > size);
    let next = last.and_then(|(place, _)| number(place, &prefix)).map(token);
    Ok(Output::of(json!({ "mapRuns": items, "nextToken": next })))
}

pub(super) async fn update(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let members = &request.members;
    let given = members.text("mapRunArn");
    let (_, record) = find(inner, given)?;
    let names = ["maxConcurrency", "toleratedFailureCount", "toleratedFailurePercentage"];
    if names.iter().all(|name| members.get(name).is_none()) {
        return Err(ServiceError::validation(
            "At least one of maxConcurrency, toleratedFailureCount or toleratedFailurePercentage is required",
        )
        .with_field("reason", "MISSING_REQUIRED_PARAMETER"));
    }
    let completed = || {
        ServiceError::validation(format!("Map Run is already completed: '{given}'"))
            .with_field("reason", "CANNOT_UPDATE_COMPLETED_MAP_RUN")
    };
    let mut limits = record.limits;
    if let Some(most) = members.get("maxConcurrency").and_then(Value::as_u64) {
        limits.max_concurrency = most;
    }
    if let Some(count) = members.get("toleratedFailureCount").and_then(Value::as_u64) {
        limits.tolerated_count = Some(count);
    }
    if let Some(percentage) = members.get("toleratedFailurePercentage").and_then(Value::as_f64) {
        limits.tolerated_percentage = Some(percentage);
    }
    // A run that ends before it hears of this was completed.
    let run = inner.map_runs.get(given).ok_or_else(completed)?;
    let (done, stored) = oneshot::channel();
    run.tell(Message::Updated { limits, done });
    drop(run);
    stored.await.map_err(|_| completed())?;
    Ok(Output::empty())
}

/// ListExecutions of a Map Run: its children, those started last first.
pub(super) fn children(inner: &Inner, members: &Members, given: &str) -> Result<Output, ServiceError> {
    let (run, record) = find(inner, given)?;
    if record.express {
        return Err(errors::type_not_supported());
    }
    let prefix = run.key();
    let size = members.page_size(100);
    let wanted = |row: &ChildRow| {
        members.optional_text("statusFilter").is_none_or(|status| row.shown_status(&record) == status)
            && match members.optional_text("redriveFilter") {
                Some("REDRIVEN") => row.redrives > 0,
                Some(_) => row.redrives == 0,
                None => true,
            }
    };
    let mut before = members.optional_text("nextToken").map(|token| place(&prefix, token)).transpose()?;
    let (mut found, mut seen, mut more): (Vec<Value>, usize, bool) = (Vec::new(), 0, true);
    while more && found.len() < size && seen < MOST_ROWS {
        let at = before.as_ref().map(Key::as_bytes);
        let rows = inner.store.scan_backwards(records::MAP_CHILDREN, &prefix, at, ROWS.min(size + 1));
        let rows = rows.map_err(errors::storage)?;
        more = rows.len() == ROWS.min(size + 1);
        for (key, value) in &rows {
            if found.len() == size {
                more = true;
                break;
            }
            seen += 1;
            before = number(key, &prefix).map(|index| prefix.clone().number(index));
            let row: ChildRow = records::read(value, "a child of a Map Run")?;
            if wanted(&row) {
                found.push(row.list_item(&run, given, row.shown_status(&record)));
            }
        }
    }
    let next = before.filter(|_| more).and_then(|before| number(before.as_bytes(), &prefix)).map(token);
    Ok(Output::of(json!({ "executions": found, "nextToken": next })))
}

fn number(place: &[u8], prefix: &Key) -> Option<u64> {
    place.strip_prefix(prefix.as_bytes())?.try_into().ok().map(u64::from_be_bytes)
}

fn token(number: u64) -> String {
    format!("after-{number}")
}

fn place(prefix: &Key, token: &str) -> Result<Key, ServiceError> {
    let number = token.strip_prefix("after-").and_then(|number| number.parse().ok());
    number.map(|number| prefix.clone().number(number)).ok_or_else(errors::page_token)
}
