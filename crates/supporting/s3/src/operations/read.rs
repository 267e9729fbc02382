//! GetObject and HeadObject: conditions and ranges.

use std::sync::Arc;

use aws_wire::ServiceError;
use futures::{StreamExt as _, TryStreamExt as _};
use runtime::{Body, ByteStream, Output};
use serde_json::{Map, Value, json};
use store::{Blob, BlobId, Blobs};

use super::text;
use crate::{State, record::Object, storage};

pub(super) async fn get(state: &Arc<State>, members: &Map<String, Value>) -> Result<Output, ServiceError> {
    let (object, mut output, content) = with_content(state, || found(state, members)).await?;
    let (from, to) = match range(members, object.size)? {
        Some((from, to)) => {
            let bounds = format!("bytes {from}-{}/{}", to - 1, object.size);
            output.members.insert("ContentRange".to_owned(), Value::from(bounds));
            output.members.insert("ContentLength".to_owned(), Value::from(to - from));
            output.status = Some(206);
            (from, to)
        }
        None => (0, object.size),
    };
    for (name, header) in RESPONSE_OVERRIDES {
        if let Some(value) = members.get(*name) {
            output.members.insert((*header).to_owned(), value.clone());
        }
    }
    output.body = Body::Stream(content.stream(from, to));
    Ok(output)
}

/// Query parameters that replace headers of the answer.
const RESPONSE_OVERRIDES: &[(&str, &str)] = &[
    ("ResponseCacheControl", "CacheControl"),
    ("ResponseContentDisposition", "ContentDisposition"),
    ("ResponseContentEncoding", "ContentEncoding"),
    ("ResponseContentLanguage", "ContentLanguage"),
    ("ResponseContentType", "ContentType"),
];

pub(super) fn head(state: &Arc<State>, members: &Map<String, Value>) -> Result<Output, ServiceError> {
    found(state, members).map(|(_, output)| output)
}

fn found(state: &Arc<State>, members: &Map<String, Value>) -> Result<(Object, Output), ServiceError> {
    super::refuse_settings(members, &["PartNumber", "SSECustomerKey"])?;
    if members.get("VersionId").is_some_and(|version| version != "null") {
        let message = "The specified version does not exist.";
        return Err(ServiceError::new("NoSuchVersion", 404, message));
    }
    let object = state.object(text(members, "Bucket"), text(members, "Key"))?;
    check_conditions(&object, members)?;
    let mut output = Output { members: object.headers.clone(), ..Output::default() };
    let head = json!({
        "AcceptRanges": "bytes",
        "ContentLength": object.size,
        "ETag": object.etag,
        "LastModified": object.modified.epoch_seconds(),
    });
    output.members.extend(head.as_object().cloned().unwrap_or_default());
    super::encryption(&object.headers, &mut output.members);
    // Of a part of an object nothing is known.
    let asked = members.get("ChecksumMode").is_some_and(|mode| mode == "ENABLED");
    if let Some(checksum) = object.checksum.as_ref().filter(|_| asked && !members.contains_key("Range")) {
        checksum.show(&mut output.members);
    }
    Ok((object, output))
}

pub(super) fn precondition_failed() -> ServiceError {
    let message = "At least one of the pre-conditions you specified did not hold";
    ServiceError::new("PreconditionFailed", 412, message)
}

fn check_conditions(object: &Object, members: &Map<String, Value>) -> Result<(), ServiceError> {
    let is = |etag: &str| etag == "*" || etag.trim_matches('"') == object.etag.trim_matches('"');
    let listed = |name: &str| {
        members.get(name).and_then(Value::as_str).map(|tags| tags.split(',').any(|it| is(it.trim())))
    };
    // Seconds are all that HTTP dates tell.
    let changed_since = |name: &str| {
        let since = members.get(name).and_then(Value::as_f64);
        since.map(|since| (object.modified.epoch_seconds()).floor() > since)
    };
    if listed("IfMatch") == Some(false) {
        return Err(precondition_failed());
    }
    if !members.contains_key("IfMatch") && changed_since("IfUnmodifiedSince") == Some(true) {
        return Err(precondition_failed());
    }
    let not_modified =
        listed("IfNoneMatch").unwrap_or_else(|| changed_since("IfModifiedSince") == Some(false));
    if not_modified {
        return Err(ServiceError::new("NotModified", 304, "Not Modified"));
    }
    Ok(())
}

/// The bytes asked for, as start and end (exclusive). A range of another unit or form means the whole object.
fn range(members: &Map<String, Value>, size: u64) -> Result<Option<(u64, u64)>, ServiceError> {
    let Some(asked) = members.get("Range").and_then(Value::as_str).and_then(|it| it.strip_prefix("bytes="))
    else {
        return Ok(None);
    };
    let Some((first, last)) = asked.split_once('-').filter(|_| !asked.contains(',')) else { return Ok(None) };
    let bounds = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if last < first => return Ok(None),
        (Ok(first), Ok(last)) => (first, last.saturating_add(1).min(size)),
        (Ok(first), Err(_)) if last.trim().is_empty() => (first, size),
        (Err(_), Ok(suffix)) if first.trim().is_empty() => (size.saturating_sub(suffix), size),
        _ => return Ok(None),
    };
    if bounds.0 >= bounds.1 {
        let error = ServiceError::new("InvalidRange", 416, "The requested range is not satisfiable");
        return Err(error
            .with_field("RangeRequested", format!("bytes={asked}"))
            .with_field("ActualObjectSize", size));
    }
    Ok(Some(bounds))
}

/// How often an object is looked for again that was replaced while it was read.
const ATTEMPTS: usize = 16;

/// How many parts are opened at once; the files a process may have open are few.
const OPENED: usize = 64;

/// An object's content: its parts with their lengths. The first ones are open, so that they stay readable when the object
/// is replaced; those of uploads in very many parts are opened when it is their turn.
pub(super) struct Content {
    blobs: Blobs,
    parts: Vec<(Part, u64)>,
}

enum Part {
    Open(Blob),
    Named(BlobId),
}

impl Content {
    /// The bytes from `from` up to `to`, as they are read.
    pub(super) fn stream(self, from: u64, to: u64) -> ByteStream {
        let Self { blobs, parts } = self;
        let mut position = 0;
        let mut wanted = Vec::new();
        for (part, length) in parts {
            let (start, end) = (position, position + length);
            position = end;
            if start < to && end > from {
                wanted.push((part, from.max(start) - start, to.min(end) - start));
            }
        }
        let read = futures::stream::iter(wanted).then(move |(part, from, to)| {
            let blobs = blobs.clone();
            async move {
                let blob = match part {
                    Part::Open(blob) => blob,
                    Part::Named(id) => blobs.open(&id).await?,
                };
                Ok::<_, std::io::Error>(blob.stream(from, to))
            }
        });
        Box::pin(read.try_flatten())
    }
}

/// An object, as `look` finds it, and its content. The content of one that is replaced or removed between the two is
/// gone: it is looked for again.
pub(super) async fn with_content<T>(
    state: &Arc<State>,
    look: impl Fn() -> Result<(Object, T), ServiceError>,
) -> Result<(Object, T, Content), ServiceError> {
    let mut attempts = 1;
    loop {
        let (object, found) = look()?;
        match content(state, &object).await {
            Ok(content) => return Ok((object, found, content)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && attempts < ATTEMPTS => {
                attempts += 1;
            }
            Err(error) => return Err(storage(error)),
        }
    }
}

async fn content(state: &Arc<State>, object: &Object) -> std::io::Result<Content> {
    let mut parts = Vec::with_capacity(object.blobs.len());
    let blobs = state.store.blobs();
    for (at, (blob, length)) in object.blobs.iter().enumerate() {
        let id = BlobId::parse(blob).ok_or_else(|| std::io::Error::other("a record names no blob"))?;
        let part = if at < OPENED { Part::Open(blobs.open(&id).await?) } else { Part::Named(id) };
        parts.push((part, *length));
    }
    Ok(Content { blobs: blobs.clone(), parts })
}
