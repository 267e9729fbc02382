//! Activities and the workers that poll them.

use std::{sync::Arc, time::Duration};

use asl::Signal;
use aws_wire::ServiceError;
use runtime::Output;
use serde_json::{Value, json};
use store::Batch;

use super::{Request, listing::name_of_token, tags};
use crate::{
    arn, errors,
    members::is_valid_name,
    records::{self, ActivityRecord, Machine},
    service::Inner,
};

/// How long a poll waits for a task.
const POLL: Duration = Duration::from_secs(60);

fn arn_of(scope: &runtime::Scope, name: &str) -> String {
    scope.arn("states", &format!("activity:{name}"))
}

pub(super) async fn create(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let members = &request.members;
    let name = members.text("name");
    if !is_valid_name(name) {
        return Err(errors::invalid_name(name));
    }
    // The same name again is the same activity.
    let created = match inner.machines.activity(request.scope, name) {
        Some(found) => found.created,
        None => {
            let created = inner.clock.now();
            let record = ActivityRecord {
                name: name.to_owned(),
                created,
                encryption: members.get("encryptionConfiguration").cloned(),
                tags: tags::from_list(members.get("tags")),
            };
            inner.save_activity(request.scope, record).await?;
            created
        }
    };
    Ok(Output::of(
        json!({ "activityArn": arn_of(request.scope, name), "creationDate": created.epoch_seconds() }),
    ))
}

pub(super) async fn describe(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let given = request.members.text("activityArn");
    let (scope, name) = arn::activity(given)?;
    let found =
        inner.machines.activity(&scope, &name).ok_or_else(|| errors::activity_does_not_exist(given))?;
    Ok(Output::of(json!({
        "activityArn": given,
        "name": found.name,
        "creationDate": found.created.epoch_seconds(),
        "encryptionConfiguration": found.encryption.clone().unwrap_or_else(|| json!({ "type": "AWS_OWNED_KEY" })),
    })))
}

pub(super) async fn delete(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let (scope, name) = arn::activity(request.members.text("activityArn"))?;
    let mut batch = Batch::new();
    batch.delete(records::ACTIVITIES, Machine::key(&scope, &name));
    inner.store.commit(batch).await.map_err(errors::storage)?;
    inner.machines.remove_activity(&scope, &name);
    Ok(Output::empty())
}

pub(super) async fn list(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let size = request.members.page_size(100);
    let after = request.members.optional_text("nextToken").map(name_of_token).transpose()?;
    let mut found = inner.machines.activities_after(request.scope, after, size + 1);
    let more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| more).map(|activity| format!("after-{}", activity.name));
    let item = |activity: &Arc<ActivityRecord>| {
        json!({
            "activityArn": arn_of(request.scope, &activity.name),
            "name": activity.name,
            "creationDate": activity.created.epoch_seconds(),
        })
    };
    let items: Vec<Value> = found.iter().map(item).collect();
    Ok(Output::of(json!({ "activities": items, "nextToken": next })))
}

pub(super) async fn get_task(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let given = request.members.text("activityArn");
    let (scope, name) = arn::activity(given)?;
    inner.machines.activity(&scope, &name).ok_or_else(|| errors::activity_does_not_exist(given))?;
    let worker = request.members.optional_text("workerName");
    let queue = inner.activities.queue(given);
    let until = inner.clock.now().plus(POLL);
    let over = inner.clock.sleep_until(until);
    tokio::pin!(over);
    loop {
        let came = queue.came.notified();
        while let Some(waiting) = queue.take() {
            let Some(running) = inner.find(&waiting.execution)? else { continue };
            let task = waiting.task;
            let token = task.token.as_deref().unwrap_or("");
            if running.live().execution.task_awaiting(token).is_none() {
                continue;
            }
            let signal = Signal::ActivityStarted { task: task.task, worker: worker.map(str::to_owned) };
            inner.deliver(&running, signal).await?;
            return Ok(Output::of(json!({ "taskToken": token, "input": &**task.input.text() })));
        }
        tokio::select! {
            () = came => {}
            // AWS answers an empty poll with a null token.
            () = &mut over => return Ok(Output::empty()),
        }
    }
}
