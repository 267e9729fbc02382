//! PutObject, CopyObject, DeleteObject, DeleteObjects.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{Body, CallContext, Output};
use serde_json::{Map, Value, json};
use store::{Batch, BlobId};

use super::{encryption, kept, read, text, upload};
use crate::{
    OBJECTS, State,
    notify::{self, Happened},
    object_key,
    record::Object,
    storage,
};

pub(super) async fn put(
    state: &Arc<State>,
    ctx: &CallContext,
    members: &Map<String, Value>,
    body: Body,
) -> Result<Output, ServiceError> {
    super::refuse_settings(
        members,
        &["Tagging", "ObjectLockMode", "ObjectLockRetainUntilDate", "SSECustomerKey", "WriteOffsetBytes"],
    )?;
    let (bucket, key) = (text(members, "Bucket"), text(members, "Key"));
    state.bucket(bucket)?;
    check_key(key)?;
    check_conditions(state, members)?;
    let stored = upload::store_body(state, members, body).await?;
    let object = Object {
        blobs: vec![(stored.blob.as_str().to_owned(), stored.size)],
        size: stored.size,
        etag: stored.etag.clone(),
        modified: state.clock.now(),
        headers: kept(members),
        checksum: Some(stored.checksum),
    };
    if let Err(error) = save(state, ctx, members, (bucket, key, "ObjectCreated:Put"), &object).await {
        drop_content(state, Some(object), &[]).await;
        return Err(error);
    }
    let mut output = Output::of(json!({ "ETag": stored.etag }));
    encryption(&object.headers, &mut output.members);
    if let Some(checksum) = &object.checksum {
        checksum.show(&mut output.members);
    }
    Ok(output)
}

pub(super) fn check_key(key: &str) -> Result<(), ServiceError> {
    if key.len() <= 1024 {
        return Ok(());
    }
    Err(ServiceError::bad_request("KeyTooLongError", "Your key is too long")
        .with_field("MaxSizeAllowed", 1024))
}

/// `If-None-Match: *` and `If-Match` on writes.
fn check_conditions(state: &Arc<State>, members: &Map<String, Value>) -> Result<(), ServiceError> {
    let (if_match, if_none_match) = (members.get("IfMatch"), members.get("IfNoneMatch"));
    if if_match.is_none() && if_none_match.is_none() {
        return Ok(());
    }
    let found = match state.object(text(members, "Bucket"), text(members, "Key")) {
        Ok(object) => Some(object),
        Err(error) if error.code == "NoSuchKey" && if_match.is_none() => None,
        Err(error) => return Err(error),
    };
    let matches = if_match.and_then(Value::as_str).is_none_or(|etag| {
        found.as_ref().is_some_and(|object| object.etag.trim_matches('"') == etag.trim_matches('"'))
    });
    if matches && (if_none_match.is_none() || found.is_none()) {
        return Ok(());
    }
    Err(read::precondition_failed())
}

/// Makes an object visible, if the request's conditions still hold, and tells those who want to know of it.
pub(super) async fn save(
    state: &Arc<State>,
    ctx: &CallContext,
    members: &Map<String, Value>,
    (bucket, key, event): (&str, &str, &'static str),
    object: &Object,
) -> Result<(), ServiceError> {
    let sequencer = replace(state, members, bucket, key, object).await?;
    let happened = Happened { event, key, object: Some((object.size, &object.etag)), sequencer };
    notify::tell(state, ctx, bucket, &happened).await;
    Ok(())
}

/// Puts an object in the place of what was there, whose content is removed. Gives the event's sequencer.
async fn replace(
    state: &Arc<State>,
    members: &Map<String, Value>,
    bucket: &str,
    key: &str,
    object: &Object,
) -> Result<String, ServiceError> {
    // The bucket stays while an object is put into it.
    let _there = state.emptying.read().await;
    state.bucket(bucket)?;
    let _turn = state.keys.turn(&object_key(bucket, key)).await;
    check_conditions(state, members)?;
    let replaced = state.object(bucket, key).ok();
    let record = serde_json::to_vec(object).map_err(storage)?;
    let mut batch = Batch::new();
    batch.put(OBJECTS, object_key(bucket, key), record);
    state.store.commit(batch).await.map_err(storage)?;
    drop_content(state, replaced, &object.blobs).await;
    Ok(notify::sequencer(state))
}

/// Removes an object's content, but for what is `kept` in another.
async fn drop_content(state: &Arc<State>, object: Option<Object>, kept: &[(String, u64)]) {
    let blobs = object.into_iter().flat_map(|object| object.blobs);
    for (blob, _) in blobs.filter(|blob| !kept.contains(blob)) {
        // Content that no object names any more is rubbish; failing to remove it loses nothing.
        if let Some(blob) = BlobId::parse(&blob) {
            let _ = state.store.blobs().delete(&blob).await;
        }
    }
}

pub(super) async fn copy(
    state: &Arc<State>,
    ctx: &CallContext,
    members: &Map<String, Value>,
) -> Result<Output, ServiceError> {
    super::refuse_settings(
        members,
        &[
            "ChecksumAlgorithm",
            "CopySourceIfMatch",
            "CopySourceIfModifiedSince",
            "CopySourceIfNoneMatch",
            "CopySourceIfUnmodifiedSince",
            "CopySourceSSECustomerKey",
            "SSECustomerKey",
            "Tagging",
        ],
    )?;
    let source = aws_wire::decode_percent(text(members, "CopySource")).into_owned();
    let source = source.trim_start_matches('/');
    let (from_bucket, from_key) = source.split_once('/').ok_or_else(|| {
        ServiceError::bad_request(
            "InvalidArgument",
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
        )
    })?;
    let look = || state.object(from_bucket, from_key).map(|found| (found, ()));
    let (found, (), content) = read::with_content(state, look).await?;
    let (bucket, key) = (text(members, "Bucket"), text(members, "Key"));
    state.bucket(bucket)?;
    check_key(key)?;
    let content = content.stream(0, found.size);
    let (blob, _) =
        state.store.blobs().put_stream(content, upload::LARGEST, |_| {}).await.map_err(storage)?;
    let replaces = text(members, "MetadataDirective") == "REPLACE";
    let object = Object {
        blobs: vec![(blob.as_str().to_owned(), found.size)],
        modified: state.clock.now(),
        headers: if replaces { kept(members) } else { found.headers.clone() },
        ..found
    };
    if let Err(error) = save(state, ctx, members, (bucket, key, "ObjectCreated:Copy"), &object).await {
        drop_content(state, Some(object), &[]).await;
        return Err(error);
    }
    let mut result = json!({ "ETag": object.etag, "LastModified": object.modified.epoch_seconds() });
    if let (Some(checksum), Some(result)) = (&object.checksum, result.as_object_mut()) {
        checksum.show(result);
    }
    let mut output = Output::of(json!({ "CopyObjectResult": result }));
    encryption(&object.headers, &mut output.members);
    Ok(output)
}

pub(super) async fn delete(
    state: &Arc<State>,
    ctx: &CallContext,
    members: &Map<String, Value>,
) -> Result<Output, ServiceError> {
    super::refuse_settings(
        members,
        &["BypassGovernanceRetention", "IfMatchLastModifiedTime", "IfMatchSize", "MFA"],
    )?;
    check_version(members.get("VersionId"))?;
    let etag = members.get("IfMatch").and_then(Value::as_str);
    remove(state, ctx, text(members, "Bucket"), text(members, "Key"), etag).await?;
    Ok(Output { status: Some(204), ..Output::default() })
}

/// Buckets here keep no versions: the one there is is `null`.
fn check_version(version: Option<&Value>) -> Result<(), ServiceError> {
    match version.and_then(Value::as_str) {
        None | Some("null") => Ok(()),
        Some(version) => Err(ServiceError::bad_request("InvalidArgument", "Invalid version id specified")
            .with_field("ArgumentName", "versionId")
            .with_field("ArgumentValue", version)),
    }
}

/// Removes an object, if it has the tag that is asked for, and tells those who want to know of it; one that is not there
/// is no error unless a tag is.
async fn remove(
    state: &Arc<State>,
    ctx: &CallContext,
    bucket: &str,
    key: &str,
    etag: Option<&str>,
) -> Result<(), ServiceError> {
    if let Some(sequencer) = take_away(state, bucket, key, etag).await? {
        let happened = Happened { event: "ObjectRemoved:Delete", key, object: None, sequencer };
        notify::tell(state, ctx, bucket, &happened).await;
    }
    Ok(())
}

/// Removes an object. Gives the event's sequencer, if there was one.
async fn take_away(
    state: &Arc<State>,
    bucket: &str,
    key: &str,
    etag: Option<&str>,
) -> Result<Option<String>, ServiceError> {
    let _turn = state.keys.turn(&object_key(bucket, key)).await;
    let found = match state.object(bucket, key) {
        Ok(found) => found,
        Err(error) if error.code == "NoSuchKey" && etag.is_none() => return Ok(None),
        Err(error) => return Err(error),
    };
    if etag.is_some_and(|etag| etag != "*" && etag.trim_matches('"') != found.etag.trim_matches('"')) {
        return Err(read::precondition_failed());
    }
    let mut batch = Batch::new();
    batch.delete(OBJECTS, object_key(bucket, key));
    state.store.commit(batch).await.map_err(storage)?;
    drop_content(state, Some(found), &[]).await;
    Ok(Some(notify::sequencer(state)))
}

pub(super) async fn delete_many(
    state: &Arc<State>,
    ctx: &CallContext,
    members: &Map<String, Value>,
) -> Result<Output, ServiceError> {
    super::refuse_settings(members, &["BypassGovernanceRetention", "MFA"])?;
    let bucket = text(members, "Bucket");
    state.bucket(bucket)?;
    let asked = members.get("Delete");
    let objects = asked.and_then(|it| it.get("Objects")).and_then(Value::as_array);
    let quiet = asked.and_then(|it| it.get("Quiet")).and_then(Value::as_bool).unwrap_or_default();
    let objects =
        objects.filter(|objects| (1..=1000).contains(&objects.len())).ok_or_else(super::malformed)?;
    let (mut deleted, mut failed) = (Vec::new(), Vec::new());
    for object in objects {
        let key = object.get("Key").and_then(Value::as_str).unwrap_or_default();
        match remove_listed(state, ctx, bucket, key, object).await {
            Ok(()) => deleted.push(json!({ "Key": key, "VersionId": object.get("VersionId") })),
            Err(error) if error.status >= 500 && error.code != "NotImplemented" => return Err(error),
            Err(error) => failed.push(json!({
                "Key": key, "VersionId": object.get("VersionId"), "Code": error.code, "Message": error.message,
            })),
        }
    }
    let mut out = Map::new();
    if !quiet && !deleted.is_empty() {
        out.insert("Deleted".into(), Value::Array(deleted));
    }
    if !failed.is_empty() {
        out.insert("Errors".into(), Value::Array(failed));
    }
    Ok(Output { members: out, ..Output::default() })
}

/// Removes one object of a list, under the conditions that stand beside it.
async fn remove_listed(
    state: &Arc<State>,
    ctx: &CallContext,
    bucket: &str,
    key: &str,
    object: &Value,
) -> Result<(), ServiceError> {
    if let Some(object) = object.as_object() {
        super::refuse_settings(object, &["LastModifiedTime", "Size"])?;
    }
    check_version(object.get("VersionId"))?;
    remove(state, ctx, bucket, key, object.get("ETag").and_then(Value::as_str)).await
}
