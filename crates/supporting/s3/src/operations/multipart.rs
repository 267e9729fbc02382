//! Multipart uploads: CreateMultipartUpload, UploadPart, ListParts, CompleteMultipartUpload, AbortMultipartUpload.

use std::{collections::HashSet, sync::Arc};

use aws_wire::ServiceError;
use md5::{Digest as _, Md5};
use runtime::{Body, CallContext, Output};
use serde_json::{Map, Value, json};
use store::{BlobId, Key};

use super::{kept, object, text};
use crate::{
    State,
    record::{Object, Part, Upload},
    storage,
};

/// All parts but the last must be at least this long.
const SMALLEST_PART: u64 = 5 << 20;

fn upload_key(members: &Map<String, Value>) -> Key {
    Key::new().text(text(members, "Bucket")).text(text(members, "UploadId"))
}

fn find(state: &Arc<State>, members: &Map<String, Value>) -> Result<Arc<Upload>, ServiceError> {
    state.bucket(text(members, "Bucket"))?;
    let found = state.uploads.get(&upload_key(members)).filter(|upload| upload.key == text(members, "Key"));
    found.ok_or_else(|| {
        let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been \
                       aborted or completed.";
        ServiceError::new("NoSuchUpload", 404, message).with_field("UploadId", text(members, "UploadId"))
    })
}

fn parts_of(state: &Arc<State>, members: &Map<String, Value>) -> Vec<Arc<Part>> {
    state.parts.page(&upload_key(members), None, usize::MAX)
}

pub(super) async fn create(state: &Arc<State>, members: &Map<String, Value>) -> Result<Output, ServiceError> {
    super::refuse_settings(members, &["Tagging", "ObjectLockMode", "ObjectLockRetainUntilDate"])?;
    let (bucket, key) = (text(members, "Bucket"), text(members, "Key"));
    state.bucket(bucket)?;
    let id = runtime::new_request_id().replace('-', "");
    let upload = Upload {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        started: state.clock.now(),
        headers: kept(members),
    };
    state.uploads.put(Key::new().text(bucket).text(&id), upload).await.map_err(storage)?;
    Ok(Output::of(json!({ "Bucket": bucket, "Key": key, "UploadId": id })))
}

pub(super) async fn upload_part(
    state: &Arc<State>,
    members: &Map<String, Value>,
    body: Body,
) -> Result<Output, ServiceError> {
    find(state, members)?;
    let number =
        members.get("PartNumber").and_then(Value::as_u64).filter(|number| (1..=10_000).contains(number));
    let number = number.ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        ServiceError::bad_request("InvalidArgument", message)
    })?;
    let stored = object::store_body(state, members, body).await?;
    let part = Part {
        number,
        blob: stored.blob.as_str().to_owned(),
        size: stored.size,
        etag: stored.etag.clone(),
        modified: state.clock.now(),
    };
    // The upload may have ended while the part came.
    let _turn = state.uploading.turn(&upload_key(members)).await;
    if let Err(error) = find(state, members) {
        drop_part(state, &part).await;
        return Err(error);
    }
    // A record of its own: clients send the parts of one upload side by side.
    let key = upload_key(members).number(number);
    let replaced = state.parts.get(&key);
    state.parts.put(key, part).await.map_err(storage)?;
    if let Some(replaced) = replaced {
        drop_part(state, &replaced).await;
    }
    Ok(Output::of(json!({ "ETag": stored.etag })))
}

/// Removes the content of a part that is no upload's any more: rubbish by then, failing to remove it loses nothing.
async fn drop_part(state: &Arc<State>, part: &Part) {
    if let Some(blob) = BlobId::parse(&part.blob) {
        let _ = state.store.blobs().delete(&blob).await;
    }
}

pub(super) fn list_parts(state: &Arc<State>, members: &Map<String, Value>) -> Result<Output, ServiceError> {
    let upload = find(state, members)?;
    let parts: Vec<Value> = parts_of(state, members)
        .iter()
        .map(|part| {
            let modified = part.modified.epoch_seconds();
            json!({ "PartNumber": part.number, "ETag": part.etag, "Size": part.size, "LastModified": modified })
        })
        .collect();
    let mut out = json!({
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": text(members, "UploadId"),
        "MaxParts": 10_000,
        "IsTruncated": false,
        "StorageClass": "STANDARD",
    });
    if !parts.is_empty() {
        out["Parts"] = Value::Array(parts);
    }
    Ok(Output::of(out))
}

pub(super) async fn complete(
    state: &Arc<State>,
    ctx: &CallContext,
    members: &Map<String, Value>,
) -> Result<Output, ServiceError> {
    let _turn = state.uploading.turn(&upload_key(members)).await;
    let upload = find(state, members)?;
    let listed = members.get("MultipartUpload").and_then(|it| it.get("Parts")).and_then(Value::as_array);
    let listed = listed
        .filter(|parts| !parts.is_empty())
        .ok_or_else(|| ServiceError::bad_request("MalformedXML", "You must specify at least one part"))?;
    let uploaded = parts_of(state, members);
    let parts = chosen(&uploaded, listed)?;
    let mut digest = Md5::new();
    for part in &parts {
        let etag = part.etag.trim_matches('"');
        let bytes =
            (0..etag.len()).step_by(2).filter_map(|at| u8::from_str_radix(etag.get(at..at + 2)?, 16).ok());
        digest.update(bytes.collect::<Vec<u8>>());
    }
    let etag = format!("\"{}-{}\"", aws_wire::sigv4::hex(&digest.finalize()), parts.len());
    let object = Object {
        blobs: parts.iter().map(|part| (part.blob.clone(), part.size)).collect(),
        size: parts.iter().map(|part| part.size).sum(),
        etag: etag.clone(),
        modified: state.clock.now(),
        headers: upload.headers.clone(),
    };
    object::save(state, members, &upload.bucket, &upload.key, &object).await?;
    forget(state, members, &parts).await?;
    let location = format!("{}/{}/{}", ctx.endpoint, upload.bucket, upload.key);
    Ok(Output::of(json!({ "Bucket": upload.bucket, "Key": upload.key, "ETag": etag, "Location": location })))
}

/// The parts a client lists: in ascending order, each uploaded and with its tag, all but the last large enough.
fn chosen<'u>(uploaded: &'u [Arc<Part>], listed: &[Value]) -> Result<Vec<&'u Part>, ServiceError> {
    let number_of = |entry: &Value| entry.get("PartNumber").and_then(Value::as_u64).unwrap_or_default();
    if !listed.is_sorted_by(|one, next| number_of(one) < number_of(next)) {
        let message = "The list of parts was not in ascending order. Parts must be ordered by part number.";
        return Err(ServiceError::bad_request("InvalidPartOrder", message));
    }
    let mut parts = Vec::new();
    for (at, entry) in listed.iter().enumerate() {
        let number = number_of(entry);
        let etag = entry.get("ETag").and_then(Value::as_str).unwrap_or_default();
        let found = uploaded.binary_search_by_key(&number, |part| part.number).ok().map(|at| &uploaded[at]);
        let part = found.filter(|part| part.etag.trim_matches('"') == etag.trim_matches('"'));
        let part = part.ok_or_else(|| {
            let message = "One or more of the specified parts could not be found.  The part may not have been uploaded, \
                           or the specified entity tag may not match the part's entity tag.";
            ServiceError::bad_request("InvalidPart", message)
        })?;
        if part.size < SMALLEST_PART && at + 1 < listed.len() {
            let message = "Your proposed upload is smaller than the minimum allowed size";
            return Err(ServiceError::bad_request("EntityTooSmall", message));
        }
        parts.push(part.as_ref());
    }
    Ok(parts)
}

/// Ends an upload: its records go, and the content of parts that became no object's.
async fn forget(
    state: &Arc<State>,
    members: &Map<String, Value>,
    used: &[&Part],
) -> Result<(), ServiceError> {
    state.uploads.remove(&upload_key(members)).await.map_err(storage)?;
    let used: HashSet<&str> = used.iter().map(|part| part.blob.as_str()).collect();
    for part in parts_of(state, members) {
        state.parts.remove(&upload_key(members).number(part.number)).await.map_err(storage)?;
        if !used.contains(part.blob.as_str()) {
            drop_part(state, &part).await;
        }
    }
    Ok(())
}

pub(super) async fn abort(state: &Arc<State>, members: &Map<String, Value>) -> Result<Output, ServiceError> {
    let _turn = state.uploading.turn(&upload_key(members)).await;
    find(state, members)?;
    forget(state, members, &[]).await?;
    Ok(Output { status: Some(204), ..Output::default() })
}
