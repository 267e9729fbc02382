//! ListObjects and ListObjectsV2: prefixes, delimiters, pages.

use std::{collections::BTreeSet, sync::Arc};

use aws_wire::{PageToken, ServiceError};
use runtime::Output;
use serde_json::{Map, Value, json};
use store::Key;

use super::{bucket::owner, text};
use crate::{OBJECTS, State, object_key, record::Object, storage};

/// A page of a listing.
struct Page {
    contents: Vec<Value>,
    prefixes: BTreeSet<String>,
    /// The last key or prefix given, when there is more.
    next: Option<String>,
}

/// Rows fetched at a time.
const CHUNK: usize = 1_000;

fn page(
    state: &Arc<State>,
    members: &Map<String, Value>,
    after: Option<String>,
) -> Result<Page, ServiceError> {
    let bucket_name = text(members, "Bucket");
    let bucket = state.bucket(bucket_name)?;
    let (prefix, delimiter) = (text(members, "Prefix"), text(members, "Delimiter"));
    let most = limit(members)?;
    let encoded = text(members, "EncodingType") == "url";
    let owned = members.get("FetchOwner").is_none_or(|it| it == true);
    let mut page = Page { contents: Vec::new(), prefixes: BTreeSet::new(), next: None };
    let mut last_given = None;
    let mut position = after.map(|after| past(bucket_name, &after, delimiter, prefix));
    let all = Key::new().text(bucket_name);
    loop {
        let rows = state.store.scan(OBJECTS, &all, position.as_deref(), CHUNK).map_err(storage)?;
        let Some((last, _)) = rows.last() else { return Ok(page) };
        position = Some(last.to_vec());
        for (row, value) in &rows {
            let key = Key::texts(row, 2).and_then(|(mut texts, _)| texts.pop()).unwrap_or_default();
            let Some(rest) = key.strip_prefix(prefix) else {
                // Keys are in order: once past the prefix, none follows.
                if key.as_str() > prefix {
                    return Ok(page);
                }
                continue;
            };
            let common = (!delimiter.is_empty()).then(|| rest.find(delimiter)).flatten();
            let common = common.map(|at| format!("{prefix}{}", &rest[..at + delimiter.len()]));
            if common.as_ref().is_some_and(|common| page.prefixes.contains(common)) {
                continue;
            }
            if page.contents.len() + page.prefixes.len() == most {
                page.next = last_given;
                return Ok(page);
            }
            last_given = Some(common.clone().unwrap_or_else(|| key.clone()));
            match common {
                Some(common) => {
                    page.prefixes.insert(common);
                }
                None => page.contents.push(entry(&key, value, encoded, owned.then_some(&*bucket.account))?),
            }
        }
    }
}

/// Where a scan goes on behind a key or a common prefix.
fn past(bucket: &str, after: &str, delimiter: &str, prefix: &str) -> Vec<u8> {
    let is_prefix = !delimiter.is_empty() && after.ends_with(delimiter) && after.len() > prefix.len();
    let key = object_key(bucket, after);
    if is_prefix {
        // Behind all keys that begin with the prefix: the text part's end mark off, the prefix's end on.
        let open = &key.as_bytes()[..key.as_bytes().len() - 2];
        let mut end = open.to_vec();
        end.push(0xFF);
        return end;
    }
    key.as_bytes().to_vec()
}

fn limit(members: &Map<String, Value>) -> Result<usize, ServiceError> {
    let asked = members.get("MaxKeys").and_then(Value::as_i64).unwrap_or(1_000);
    usize::try_from(asked).map(|asked| asked.min(1_000)).map_err(|_| {
        let message = "Argument maxKeys must be an integer between 0 and 2147483647";
        ServiceError::bad_request("InvalidArgument", message)
    })
}

fn entry(key: &str, record: &[u8], encoded: bool, account: Option<&str>) -> Result<Value, ServiceError> {
    let object: Object = serde_json::from_slice(record).map_err(storage)?;
    let mut entry = json!({
        "Key": shown(key, encoded),
        "LastModified": object.modified.epoch_seconds(),
        "ETag": object.etag,
        "Size": object.size,
        "StorageClass": "STANDARD",
    });
    if let Some(account) = account {
        entry["Owner"] = json!({ "ID": owner(account) });
    }
    Ok(entry)
}

/// With `EncodingType=url`, keys are percent-encoded, since XML cannot hold every character.
fn shown(key: &str, encoded: bool) -> String {
    if !encoded {
        return key.to_owned();
    }
    let mut out = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => {
                out.push(char::from(byte))
            }
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn answer(members: &Map<String, Value>, page: Page) -> Map<String, Value> {
    let encoded = text(members, "EncodingType") == "url";
    let prefixes: Vec<Value> =
        page.prefixes.iter().map(|it| json!({ "Prefix": shown(it, encoded) })).collect();
    let mut out = Map::new();
    out.insert("Name".into(), members.get("Bucket").cloned().unwrap_or_default());
    out.insert("Prefix".into(), Value::from(shown(text(members, "Prefix"), encoded)));
    out.insert("MaxKeys".into(), members.get("MaxKeys").cloned().unwrap_or_else(|| Value::from(1_000)));
    out.insert("IsTruncated".into(), Value::from(page.next.is_some()));
    for name in ["Delimiter", "EncodingType"] {
        out.extend(members.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    if !page.contents.is_empty() {
        out.insert("Contents".into(), Value::Array(page.contents));
    }
    if !prefixes.is_empty() {
        out.insert("CommonPrefixes".into(), Value::Array(prefixes));
    }
    out
}

pub(super) fn first(state: &Arc<State>, members: &Map<String, Value>) -> Result<Output, ServiceError> {
    let marker = text(members, "Marker");
    let mut page = page(state, members, (!marker.is_empty()).then(|| marker.to_owned()))?;
    let next = page.next.clone();
    let truncated = next.is_some();
    page.next = next.clone();
    let mut out = answer(members, page);
    out.insert("Marker".into(), Value::from(marker));
    // Without a delimiter the last key is the marker, and is not repeated.
    if truncated && members.contains_key("Delimiter") {
        out.insert("NextMarker".into(), Value::from(next));
    }
    Ok(Output { members: out, ..Output::default() })
}

const LISTING: &str = "ListObjectsV2";

pub(super) fn second(state: &Arc<State>, members: &Map<String, Value>) -> Result<Output, ServiceError> {
    let token = text(members, "ContinuationToken");
    let after = if token.is_empty() {
        let start = text(members, "StartAfter");
        (!start.is_empty()).then(|| start.to_owned())
    } else {
        let decoded = PageToken::decode(LISTING, token);
        let decoded = decoded.ok_or_else(|| {
            ServiceError::bad_request("InvalidArgument", "The continuation token provided is incorrect")
        })?;
        Some(decoded.after)
    };
    let mut members = members.clone();
    members.entry("FetchOwner").or_insert(Value::Bool(false));
    let page = page(state, &members, after)?;
    let next = page.next.clone();
    let count = page.contents.len() + page.prefixes.len();
    let mut out = answer(&members, page);
    out.insert("KeyCount".into(), Value::from(count));
    for name in ["ContinuationToken", "StartAfter"] {
        out.extend(members.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    if let Some(next) = next {
        out.insert("NextContinuationToken".into(), Value::from(PageToken::encode(LISTING, &next)));
    }
    Ok(Output { members: out, ..Output::default() })
}
