//! Multipart uploads: CreateMultipartUpload, UploadPart, ListParts, CompleteMultipartUpload, AbortMultipartUpload.

use std::{collections::HashSet, sync::Arc};

use aws_wire::{
    ServiceError,
    checksum::{Algorithm, Hasher},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::TryStreamExt as _;
use md5::{Digest as _, Md5};
use runtime::{Body, CallContext, Output};
use serde_json::{Map, Value, json};
use store::{BlobId, Key};

use super::{encryption, kept, object, read, text, upload};
use crate::{
    State,
    record::{Checksum, Object, Part, Upload},
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
    super::refuse_settings(
        members,
        &["ObjectLockMode", "ObjectLockRetainUntilDate", "SSECustomerKey", "Tagging"],
    )?;
    let (bucket, key) = (text(members, "Bucket"), text(members, "Key"));
    object::check_key(key)?;
    let checksum = checksum_of_upload(members)?;
    let _there = state.emptying.read().await;
    state.bucket(bucket)?;
    let id = runtime::new_request_id().replace('-', "");
    let upload = Upload {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        started: state.clock.now(),
        headers: kept(members),
        checksum,
    };
    let upload = state.uploads.put(Key::new().text(bucket).text(&id), upload).await.map_err(storage)?;
    let mut output = Output::of(json!({ "Bucket": bucket, "Key": key, "UploadId": id }));
    encryption(&upload.headers, &mut output.members);
    if let Some((algorithm, full_object)) = &upload.checksum {
        let kind = if *full_object { "FULL_OBJECT" } else { "COMPOSITE" };
        output.members.insert("ChecksumAlgorithm".into(), json!(algorithm));
        output.members.insert("ChecksumType".into(), json!(kind));
    }
    Ok(output)
}

/// The algorithm that an upload is made with, and whether its checksum is to be that of all bytes.
fn checksum_of_upload(members: &Map<String, Value>) -> Result<Option<(String, bool)>, ServiceError> {
    let algorithm = upload::named(members)?;
    let kind = text(members, "ChecksumType");
    let Some(algorithm) = algorithm else {
        if kind.is_empty() {
            return Ok(None);
        }
        let message =
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.";
        return Err(ServiceError::bad_request("InvalidRequest", message));
    };
    let full_object = match kind {
        "" => algorithm == Algorithm::Crc64Nvme,
        "FULL_OBJECT" => true,
        _ => false,
    };
    let fits = if full_object { algorithm.is_crc() } else { algorithm != Algorithm::Crc64Nvme };
    if !fits {
        let name = algorithm.name().to_ascii_lowercase();
        let message = format!("The {kind} checksum type cannot be used with the {name} checksum algorithm.");
        return Err(ServiceError::bad_request("InvalidRequest", message));
    }
    Ok(Some((algorithm.name().to_owned(), full_object)))
}

pub(super) async fn upload_part(
    state: &Arc<State>,
    members: &Map<String, Value>,
    body: Body,
) -> Result<Output, ServiceError> {
    super::refuse_settings(members, &["SSECustomerKey"])?;
    let found = find(state, members)?;
    let number =
        members.get("PartNumber").and_then(Value::as_u64).filter(|number| (1..=10_000).contains(number));
    let number = number.ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        ServiceError::bad_request("InvalidArgument", message)
    })?;
    let stored = upload::store_body(state, &with_algorithm(members, &found), body).await?;
    let part = Part {
        number,
        blob: stored.blob.as_str().to_owned(),
        size: stored.size,
        etag: stored.etag.clone(),
        modified: state.clock.now(),
        checksum: Some(stored.checksum.clone()),
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
    let mut output = Output::of(json!({ "ETag": stored.etag }));
    encryption(&found.headers, &mut output.members);
    let member = format!("Checksum{}", stored.checksum.algorithm);
    output.members.insert(member, json!(stored.checksum.value));
    Ok(output)
}

/// A part that names no algorithm is summed with the upload's.
fn with_algorithm(members: &Map<String, Value>, upload: &Upload) -> Map<String, Value> {
    let mut members = members.clone();
    if let (Some((algorithm, _)), Ok(None)) = (&upload.checksum, upload::claimed(&members)) {
        members.entry("ChecksumAlgorithm").or_insert_with(|| json!(algorithm));
    }
    members
}

/// Removes the content of a part that is no upload's any more: rubbish by then, failing to remove it loses nothing.
async fn drop_part(state: &Arc<State>, part: &Part) {
    if let Some(blob) = BlobId::parse(&part.blob) {
        let _ = state.store.blobs().delete(&blob).await;
    }
}

pub(super) fn list_parts(state: &Arc<State>, members: &Map<String, Value>) -> Result<Output, ServiceError> {
    super::refuse_settings(members, &["SSECustomerKey"])?;
    let upload = find(state, members)?;
    let most = members.get("MaxParts").map_or(Some(1_000), Value::as_u64).ok_or_else(|| {
        let message = "Argument max-parts must be an integer between 0 and 2147483647";
        ServiceError::bad_request("InvalidArgument", message)
    })?;
    let most = usize::try_from(most.min(1_000)).unwrap_or(1_000);
    // The marker is a text in the model.
    let marker = match text(members, "PartNumberMarker") {
        "" => 0,
        marker => marker.parse::<u64>().map_err(|_| {
            let message = "Argument part-number-marker must be an integer between 0 and 2147483647";
            ServiceError::bad_request("InvalidArgument", message)
        })?,
    };
    let after = upload_key(members).number(marker);
    let mut parts = state.parts.page(&upload_key(members), Some(&after), most + 1);
    let more = parts.len() > most;
    parts.truncate(most);
    let mut out = json!({
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": text(members, "UploadId"),
        "PartNumberMarker": marker.to_string(),
        "MaxParts": most,
        "IsTruncated": more,
        "StorageClass": "STANDARD",
    });
    if let Some(last) = parts.last() {
        out["NextPartNumberMarker"] = json!(last.number.to_string());
    }
    if let Some((algorithm, full_object)) = &upload.checksum {
        out["ChecksumAlgorithm"] = json!(algorithm);
        out["ChecksumType"] = json!(if *full_object { "FULL_OBJECT" } else { "COMPOSITE" });
    }
    if !parts.is_empty() {
        out["Parts"] = parts.iter().map(|part| shown(part, upload.checksum.is_some())).collect();
    }
    Ok(Output::of(out))
}

fn shown(part: &Part, with_checksum: bool) -> Value {
    let modified = part.modified.epoch_seconds();
    let mut shown =
        json!({ "PartNumber": part.number, "ETag": part.etag, "Size": part.size, "LastModified": modified });
    if let Some(checksum) = part.checksum.as_ref().filter(|_| with_checksum) {
        shown[format!("Checksum{}", checksum.algorithm)] = json!(checksum.value);
    }
    shown
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
    let mut object = Object {
        blobs: parts.iter().map(|part| (part.blob.clone(), part.size)).collect(),
        size: parts.iter().map(|part| part.size).sum(),
        etag: etag.clone(),
        modified: state.clock.now(),
        headers: upload.headers.clone(),
        checksum: None,
    };
    let whole = checksum_of_whole(state, &upload, &parts, &object).await?;
    check_whole(members, &whole, object.size)?;
    object.checksum = Some(whole);
    let put = (upload.bucket.as_str(), upload.key.as_str(), "ObjectCreated:CompleteMultipartUpload");
    object::save(state, ctx, members, put, &object).await?;
    forget(state, members, &parts).await?;
    let location = format!("{}/{}/{}", ctx.endpoint, upload.bucket, upload.key);
    let out = json!({ "Bucket": upload.bucket, "Key": upload.key, "ETag": etag, "Location": location });
    let mut output = Output::of(out);
    encryption(&object.headers, &mut output.members);
    if let Some(checksum) = &object.checksum {
        checksum.show(&mut output.members);
    }
    Ok(output)
}

/// The checksum of an object that came in parts: of the parts' checksums, or of all bytes.
async fn checksum_of_whole(
    state: &Arc<State>,
    upload: &Upload,
    parts: &[&Part],
    object: &Object,
) -> Result<Checksum, ServiceError> {
    let chosen = upload.checksum.as_ref().and_then(|(name, full)| Some((Algorithm::of(name)?, *full)));
    let (algorithm, full_object) = chosen.unwrap_or((Algorithm::Crc64Nvme, true));
    let mut hasher = Hasher::new(algorithm);
    let name = algorithm.name().to_owned();
    if full_object {
        let look = || Ok((object.clone(), ()));
        let (_, (), content) = read::with_content(state, look).await?;
        let mut bytes = content.stream(0, object.size);
        while let Some(chunk) = bytes.try_next().await.map_err(storage)? {
            hasher.update(&chunk);
        }
        return Ok(Checksum { algorithm: name, value: hasher.finish_base64(), full_object });
    }
    for part in parts {
        let of_part = part.checksum.as_ref().filter(|checksum| checksum.algorithm == name);
        let value = of_part.and_then(|checksum| STANDARD.decode(&checksum.value).ok()).ok_or_else(|| {
            let message = format!(
                "The upload was created using a {} checksum. The complete request must include the checksum for each \
                 part. It was missing for part {} in the request.",
                name.to_ascii_lowercase(),
                part.number
            );
            ServiceError::bad_request("InvalidRequest", message)
        })?;
        hasher.update(&value);
    }
    let value = format!("{}-{}", hasher.finish_base64(), parts.len());
    Ok(Checksum { algorithm: name, value, full_object })
}

/// Holds an object to what the request that completes it says of it.
fn check_whole(members: &Map<String, Value>, whole: &Checksum, size: u64) -> Result<(), ServiceError> {
    let claimed_size = members.get("MpuObjectSize").and_then(|size| match size {
        Value::String(text) => text.parse().ok(),
        size => size.as_u64(),
    });
    if claimed_size.is_some_and(|claimed: u64| claimed != size) {
        let message = "The provided 'x-amz-mp-object-size' header does not match what was computed.";
        return Err(ServiceError::bad_request("InvalidRequest", message));
    }
    match upload::claimed(members)? {
        Some((algorithm, value)) if algorithm.name() != whole.algorithm || value != whole.value => {
            Err(upload::bad_digest(algorithm.name()))
        }
        _ => Ok(()),
    }
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
        let member =
            part.checksum.as_ref().map(|checksum| (format!("Checksum{}", checksum.algorithm), checksum));
        let claimed = member.as_ref().and_then(|(member, _)| entry.get(member)).and_then(Value::as_str);
        if claimed.is_some_and(|claimed| part.checksum.as_ref().is_some_and(|known| known.value != claimed)) {
            let message = "One or more of the specified parts could not be found.  The part may not have been uploaded, \
                           or the specified entity tag may not match the part's entity tag.";
            return Err(ServiceError::bad_request("InvalidPart", message));
        }
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
