//! PutObject, CopyObject, DeleteObject, DeleteObjects.

use std::sync::Arc;

use aws_wire::ServiceError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::stream;
use md5::{Digest as _, Md5};
use runtime::{Body, Output};
use serde_json::{Map, Value, json};
use store::{Batch, BlobId};

use super::{kept, read, text};
use crate::{OBJECTS, State, object_key, record::Object, storage};

/// S3's limit of one put.
const LARGEST: u64 = 5 << 30;

pub(super) async fn put(
    state: &Arc<State>,
    members: &Map<String, Value>,
    body: Body,
) -> Result<Output, ServiceError> {
    super::refuse_settings(
        members,
        &["Tagging", "ObjectLockMode", "ObjectLockRetainUntilDate", "WriteOffsetBytes"],
    )?;
    let (bucket, key) = (text(members, "Bucket"), text(members, "Key"));
    state.bucket(bucket)?;
    check_key(key)?;
    check_conditions(state, members)?;
    let stored = store_body(state, members, body).await?;
    let object = Object {
        blobs: vec![(stored.blob.as_str().to_owned(), stored.size)],
        size: stored.size,
        etag: stored.etag.clone(),
        modified: state.clock.now(),
        headers: kept(members),
    };
    if let Err(error) = save(state, members, bucket, key, &object).await {
        drop_content(state, Some(object), &[]).await;
        return Err(error);
    }
    Ok(Output::of(json!({ "ETag": stored.etag })))
}

fn check_key(key: &str) -> Result<(), ServiceError> {
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

/// Content that has been stored.
pub(super) struct Stored {
    pub(super) blob: BlobId,
    pub(super) size: u64,
    /// With its quotes.
    pub(super) etag: String,
}

/// Stores a body as it arrives and checks it against the digest that the client may have sent.
pub(super) async fn store_body(
    state: &Arc<State>,
    members: &Map<String, Value>,
    body: Body,
) -> Result<Stored, ServiceError> {
    let mut digest = Md5::new();
    let stream: runtime::ByteStream = match body {
        Body::Empty | Body::Events(_) => Box::pin(stream::empty()),
        Body::Bytes(bytes) => Box::pin(stream::once(std::future::ready(Ok::<Bytes, std::io::Error>(bytes)))),
        Body::Stream(stream) => stream,
    };
    let (blob, size) = state
        .store
        .blobs()
        .put_stream(stream, LARGEST, |chunk| digest.update(chunk))
        .await
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::FileTooLarge => ServiceError::bad_request(
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed size",
            ),
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => ServiceError::bad_request(
                "IncompleteBody",
                "You did not provide the number of bytes specified by the Content-Length HTTP header.",
            ),
            _ => storage(error),
        })?;
    let digest = digest.finalize();
    let sent = members.get("ContentMD5").and_then(Value::as_str);
    if sent.is_some_and(|sent| sent != STANDARD.encode(digest)) {
        state.store.blobs().delete(&blob).await.map_err(storage)?;
        let message = "The Content-MD5 you specified did not match what we received.";
        return Err(ServiceError::bad_request("BadDigest", message));
    }
    Ok(Stored { blob, size, etag: format!("\"{}\"", aws_wire::sigv4::hex(&digest)) })
}

/// Makes an object visible, if the request's conditions still hold, and removes the content of what it replaces.
pub(super) async fn save(
    state: &Arc<State>,
    members: &Map<String, Value>,
    bucket: &str,
    key: &str,
    object: &Object,
) -> Result<(), ServiceError> {
    let _turn = state.keys.turn(&object_key(bucket, key)).await;
    check_conditions(state, members)?;
    let replaced = state.object(bucket, key).ok();
    let record = serde_json::to_vec(object).map_err(storage)?;
    let mut batch = Batch::new();
    batch.put(OBJECTS, object_key(bucket, key), record);
    state.store.commit(batch).await.map_err(storage)?;
    drop_content(state, replaced, &object.blobs).await;
    Ok(())
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

pub(super) async fn copy(state: &Arc<State>, members: &Map<String, Value>) -> Result<Output, ServiceError> {
    super::refuse_settings(members, &["Tagging", "CopySourceIfMatch", "CopySourceIfNoneMatch"])?;
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
    let (blob, _) = state.store.blobs().put_stream(content, LARGEST, |_| {}).await.map_err(storage)?;
    let replaces = text(members, "MetadataDirective") == "REPLACE";
    let object = Object {
        blobs: vec![(blob.as_str().to_owned(), found.size)],
        modified: state.clock.now(),
        headers: if replaces { kept(members) } else { found.headers.clone() },
        ..found
    };
    save(state, members, bucket, key, &object).await?;
    let result = json!({ "ETag": object.etag, "LastModified": object.modified.epoch_seconds() });
    Ok(Output::of(json!({ "CopyObjectResult": result })))
}

pub(super) async fn delete(state: &Arc<State>, members: &Map<String, Value>) -> Result<Output, ServiceError> {
    super::refuse_settings(members, &["IfMatch", "IfMatchLastModifiedTime", "IfMatchSize"])?;
    remove(state, text(members, "Bucket"), text(members, "Key")).await?;
    Ok(Output { status: Some(204), ..Output::default() })
}

/// Removes an object; one that is not there is no error.
async fn remove(state: &Arc<State>, bucket: &str, key: &str) -> Result<(), ServiceError> {
    let _turn = state.keys.turn(&object_key(bucket, key)).await;
    let found = match state.object(bucket, key) {
        Ok(found) => found,
        Err(error) if error.code == "NoSuchKey" => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut batch = Batch::new();
    batch.delete(OBJECTS, object_key(bucket, key));
    state.store.commit(batch).await.map_err(storage)?;
    drop_content(state, Some(found), &[]).await;
    Ok(())
}

pub(super) async fn delete_many(
    state: &Arc<State>,
    members: &Map<String, Value>,
) -> Result<Output, ServiceError> {
    let bucket = text(members, "Bucket");
    state.bucket(bucket)?;
    let asked = members.get("Delete");
    let objects = asked.and_then(|it| it.get("Objects")).and_then(Value::as_array);
    let quiet = asked.and_then(|it| it.get("Quiet")).and_then(Value::as_bool).unwrap_or_default();
    let objects = objects.filter(|objects| (1..=1000).contains(&objects.len())).ok_or_else(|| {
        let message =
            "The XML you provided was not well-formed or did not validate against our published schema";
        ServiceError::bad_request("MalformedXML", message)
    })?;
    let mut deleted = Vec::new();
    for object in objects {
        let key = object.get("Key").and_then(Value::as_str).unwrap_or_default();
        remove(state, bucket, key).await?;
        deleted.push(json!({ "Key": key }));
    }
    Ok(Output::of(if quiet { json!({}) } else { json!({ "Deleted": deleted }) }))
}
