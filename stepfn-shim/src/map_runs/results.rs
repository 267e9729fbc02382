//! The results of a Map Run: put together as the state's result, or exported to S3.

use asl::{
    Failure, MAX_BYTES, Payload, Status,
    definition::distributed::{Transformation, WriterConfig},
};
use aws_wire::ServiceError;
use runtime::{Body, Timestamp};
use serde_json::{Map, Value, json};
use store::Key;

use super::{
    actor::{Actor, index_of},
    inputs::{Pages, name_of},
    s3,
};
use crate::{
    errors,
    records::{self, ChildRow, Machine},
};

/// How large a file of results gets before another one is begun.
const FILE_BYTES: usize = 64 * 1024 * 1024;

/// Puts the results where they go; what it answers is the state's result.
pub(super) async fn put(actor: &Actor) -> Result<Result<Payload, Failure>, ServiceError> {
    match actor.run.spec.results.export.clone() {
        Some(export) => export_to(actor, &export).await,
        None => together(actor),
    }
}

/// All results as one value, if that is not too large.
fn together(actor: &Actor) -> Result<Result<Payload, Failure>, ServiceError> {
    let config = actor.run.spec.results.config;
    let config = config.unwrap_or(WriterConfig { transformation: Transformation::Compact, lines: false });
    let (mut results, mut bytes) = (Vec::new(), 2);
    let mut pages = Pages::of(&actor.run.key);
    let mut too_large = false;
    each_child(actor, |index, row| {
        let Some(row) = row else { return Ok(true) };
        for result in transformed(actor, &mut pages, index, &row, config.transformation)? {
            bytes += result.to_string().len() + 1;
            results.push(result);
        }
        too_large = bytes > MAX_BYTES + 1;
        Ok(!too_large)
    })?;
    if too_large {
        return Ok(Err(Failure::data_limit_exceeded(&actor.run.spec.state_name)));
    }
    let result = if config.lines {
        Value::String(results.iter().map(|result| format!("{result}\n")).collect())
    } else {
        Value::Array(results)
    };
    Ok(Ok(Payload::new(result)))
}

/// Visits all children in their order, those without a row too, until told to stop.
fn each_child(
    actor: &Actor,
    mut visit: impl FnMut(u64, Option<ChildRow>) -> Result<bool, ServiceError>,
) -> Result<(), ServiceError> {
    const PAGE: usize = 500;
    let prefix = actor.run.key.key();
    let children = actor.run.state().record.read.map_or(0, |(children, _)| children);
    let (mut after, mut next): (Option<Key>, u64) = (None, 0);
    loop {
        let at = after.as_ref().map(Key::as_bytes);
        let rows = actor.inner.store.scan(records::MAP_CHILDREN, &prefix, at, PAGE);
        let rows = rows.map_err(errors::storage)?;
        for (place, value) in &rows {
            let Some(index) = index_of(place, &prefix) else { continue };
            for missing in next..index {
                if !visit(missing, None)? {
                    return Ok(());
                }
            }
            next = index + 1;
            after = Some(actor.run.key.child(index));
            if !visit(index, Some(records::read(value, "a child of a Map Run")?))? {
                return Ok(());
            }
        }
        if rows.len() < PAGE {
            break;
        }
    }
    for missing in next..children {
        if !visit(missing, None)? {
            break;
        }
    }
    Ok(())
}

/// What a child came to. A failure is shown whole whatever the transformation.
fn transformed(
    actor: &Actor,
    pages: &mut Pages,
    index: u64,
    row: &ChildRow,
    transformation: Transformation,
) -> Result<Vec<Value>, ServiceError> {
    let output = row.output.as_deref().filter(|_| row.status == Status::Succeeded);
    let Some(output) = output.filter(|_| transformation != Transformation::None) else {
        let (_, input) = pages.get(&actor.inner.store, index)?;
        return Ok(vec![described(actor, row, &input)]);
    };
    let output: Value = serde_json::from_str(output).map_err(|_| errors::damaged("a result"))?;
    Ok(match (output, transformation) {
        (Value::Array(items), Transformation::Flatten) => items,
        (output, _) => vec![output],
    })
}

/// A child as DescribeExecution would show it, in the language's names.
fn described(actor: &Actor, row: &ChildRow, input: &Payload) -> Value {
    let run = &actor.run.key;
    let mut members = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    put("Cause", row.cause.as_ref().map(|cause| json!(cause)));
    put("Error", row.error.as_ref().map(|error| json!(error)));
    put("ExecutionArn", Some(json!(row.arn(run))));
    put("Input", Some(json!(&**input.text())));
    put("InputDetails", Some(json!({ "Included": true })));
    put("Name", Some(json!(&*row.name)));
    put("Output", row.output.as_deref().map(|output| json!(output)));
    put("OutputDetails", row.output.as_ref().map(|_| json!({ "Included": true })));
    put("RedriveCount", Some(json!(row.redrives)));
    put("RedriveDate", row.redriven.map(|at| json!(at.rfc3339())));
    if row.status == Status::Succeeded {
        put("RedriveStatus", Some(json!("NOT_REDRIVABLE")));
        put("RedriveStatusReason", Some(json!("Execution is SUCCEEDED and cannot be redriven")));
    } else {
        put("RedriveStatus", Some(json!("REDRIVABLE_BY_MAP_RUN")));
    }
    put("StartDate", Some(json!(row.started.rfc3339())));
    put("StateMachineArn", Some(json!(Machine::arn(&run.scope, &run.machine))));
    put("Status", Some(json!(row.status.as_str())));
    put("StopDate", row.stopped.map(|at: Timestamp| json!(at.rfc3339())));
    Value::Object(members)
}

/// A child that was never started.
fn pending(actor: &Actor, index: u64, input: &Payload) -> Value {
    let (name, suffix) = name_of(actor.run.spec.seed, index);
    let run = &actor.run.key;
    let arn = if actor.run.spec.express {
        run.scope.arn("states", &format!("express:{}:{name}:{suffix}", run.machine))
    } else {
        run.scope.arn("states", &format!("execution:{}:{name}", run.machine))
    };
    json!({
        "ExecutionArn": arn,
        "Input": &**input.text(),
        "InputDetails": { "Included": true },
        "Name": &*name,
        "StateMachineArn": Machine::arn(&run.scope, &run.machine),
        "Status": "PENDING",
    })
}

/// The files of one kind of results, while they are written.
struct Files {
    name: &'static str,
    content: Vec<u8>,
    written: Vec<Value>,
}

/// Where results are exported to.
struct Destination<'a> {
    actor: &'a Actor,
    bucket: String,
    /// `prefix/run/`.
    folder: String,
    lines: bool,
}

impl Destination<'_> {
    async fn put(&self, name: &str, content: Vec<u8>) -> Result<Value, Failure> {
        let key = format!("{}{name}", self.folder);
        let size = content.len();
        let mut members = Map::new();
        members.insert("Bucket".into(), json!(self.bucket));
        members.insert("Key".into(), json!(key));
        members.insert("ContentType".into(), json!("application/json"));
        let (inner, run) = (&self.actor.inner, &self.actor.run);
        let put = s3::call(inner, &run.key.scope, "PutObject", members, Body::Bytes(content.into())).await;
        put.map_err(Failure::result_writer)?;
        Ok(json!({ "Key": key, "Size": size }))
    }

    /// Writes what is collected as the next file of its kind.
    async fn close(&self, files: &mut Files) -> Result<(), Failure> {
        if files.content.is_empty() {
            return Ok(());
        }
        let mut content = std::mem::take(&mut files.content);
        if !self.lines {
            content.push(b']');
        }
        let extension = if self.lines { "jsonl" } else { "json" };
        let name = format!("{}_{}.{extension}", files.name, files.written.len());
        files.written.push(self.put(&name, content).await?);
        Ok(())
    }

    async fn add(&self, files: &mut Files, result: &Value) -> Result<(), Failure> {
        if self.lines {
            files.content.extend(format!("{result}\n").as_bytes());
        } else {
            files.content.push(if files.content.is_empty() { b'[' } else { b',' });
            files.content.extend(result.to_string().as_bytes());
        }
        if files.content.len() >= FILE_BYTES { self.close(files).await } else { Ok(()) }
    }
}

/// Writes a file for each kind of results, and the manifest that names them.
async fn export_to(actor: &Actor, export: &Payload) -> Result<Result<Payload, Failure>, ServiceError> {
    let text = |name: &str| export.value().get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    let (bucket, prefix) = (text("Bucket"), text("Prefix"));
    let prefix = prefix.trim_end_matches('/');
    let slash = if prefix.is_empty() { "" } else { "/" };
    let config = actor.run.spec.results.config;
    let config = config.unwrap_or(WriterConfig { transformation: Transformation::None, lines: false });
    let folder = format!("{prefix}{slash}{}/", actor.run.key.id);
    let destination = Destination { actor, bucket, folder, lines: config.lines };
    let file = |name| Files { name, content: Vec::new(), written: Vec::new() };
    let mut files = [file("SUCCEEDED"), file("FAILED"), file("PENDING")];
    let mut from = 0;
    while let Some(next) = chunk(actor, from, config.transformation)? {
        from = next.until;
        for (kind, result) in next.results {
            if let Err(failure) = destination.add(&mut files[kind], &result).await {
                return Ok(Err(failure));
            }
        }
    }
    for file in &mut files {
        if let Err(failure) = destination.close(file).await {
            return Ok(Err(failure));
        }
    }
    let [succeeded, failed, pending] = files.map(|file| file.written);
    let manifest = json!({
        "DestinationBucket": destination.bucket,
        "MapRunArn": &*actor.run.arn,
        "ResultFiles": { "FAILED": failed, "PENDING": pending, "SUCCEEDED": succeeded },
    });
    if let Err(failure) = destination.put("manifest.json", manifest.to_string().into_bytes()).await {
        return Ok(Err(failure));
    }
    Ok(Ok(Payload::new(json!({
        "MapRunArn": &*actor.run.arn,
        "ResultWriterDetails": {
            "Bucket": destination.bucket,
            "Key": format!("{}manifest.json", destination.folder),
        },
    }))))
}

/// Some results, each with the place of its kind of file.
struct Chunk {
    results: Vec<(usize, Value)>,
    /// The child to go on with.
    until: u64,
}

/// The results of some children from one on; `None` behind the last.
fn chunk(actor: &Actor, from: u64, transformation: Transformation) -> Result<Option<Chunk>, ServiceError> {
    const CHILDREN: u64 = 256;
    let children = actor.run.state().record.read.map_or(0, |(children, _)| children);
    let until = children.min(from + CHILDREN);
    if from >= until {
        return Ok(None);
    }
    let mut pages = Pages::of(&actor.run.key);
    let mut results = Vec::new();
    for index in from..until {
        let found = actor.inner.store.get(records::MAP_CHILDREN, &actor.run.key.child(index));
        match found.map_err(errors::storage)? {
            None => {
                let (_, input) = pages.get(&actor.inner.store, index)?;
                results.push((2, pending(actor, index, &input)));
            }
            Some(bytes) => {
                let row: ChildRow = records::read(&bytes, "a child of a Map Run")?;
                let kind = usize::from(row.status != Status::Succeeded);
                let found = transformed(actor, &mut pages, index, &row, transformation)?;
                results.extend(found.into_iter().map(|result| (kind, result)));
            }
        }
    }
    Ok(Some(Chunk { results, until }))
}
