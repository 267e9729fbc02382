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
    let all = Key::new().text(bucket_name).beginning(prefix);
    loop {
        let rows = state.store.scan(OBJECTS, &all, position.as_deref(), CHUNK).map_err(storage)?;
        let Some((last, _)) = rows.last() else { return Ok(page) };
        position = Some(last.to_vec());
        for (row, value) in &rows {
            let key = Key::texts(row, 2).and_then(|(mut texts, _)| texts.pop()).unwrap_or_default();
            let common = common_prefix(&key, prefix, delimiter);
            if common.is_some_and(|common| page.prefixes.contains(common)) {
                continue;
            }
            if page.contents.len() + page.prefixes.len() == most {
                page.next = last_given;
                return Ok(page);
            }
            last_given = Some(common.unwrap_or(&key).to_owned());
            match common {
                Some(common) => {
                    page.prefixes.insert(common.to_owned());
                    position = Some(past(bucket_name, common, delimiter, prefix));
                }
                None => {
                    page.contents.push(entry(&key, value, encoded, owned.then_some(&*bucket.account))?);
                    position = Some(row.to_vec());
                }
            }
        }
    }
}

/// What a key is grouped under: all of it up to and with the first delimiter behind the prefix.
fn common_prefix<'k>(key: &'k str, prefix: &str, delimiter: &str) -> Option<&'k str> {
    let rest = key.strip_prefix(prefix).filter(|_| !delimiter.is_empty())?;
    rest.find(delimiter).map(|at| &key[..prefix.len() + at + delimiter.len()])
}

/// Where a scan goes on behind a key or a common prefix. Keys below a common prefix need not be looked at.
fn past(bucket: &str, after: &str, delimiter: &str, prefix: &str) -> Vec<u8> {
    if common_prefix(after, prefix, delimiter) == Some(after) {
        // No text has the byte FF but behind a 00: this is behind all keys that begin so.
        let mut end = Key::new().text(bucket).beginning(after).as_bytes().to_vec();
        end.push(0xFF);
        return end;
    }
    object_key(bucket, after).as_bytes().to_vec()
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
                out.push(char::from(byte));
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
    out.extend(members.get("EncodingType").map(|value| ("EncodingType".to_owned(), value.clone())));
    // What clients decode where they asked for an encoding.
    for name in ["Delimiter", "StartAfter"] {
        let value = members.get(name).and_then(Value::as_str);
        out.extend(value.map(|value| (name.to_owned(), Value::from(shown(value, encoded)))));
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
    let encoded = text(members, "EncodingType") == "url";
    out.insert("Marker".into(), Value::from(shown(marker, encoded)));
    // Without a delimiter the last key is the marker, and is not repeated.
    if truncated && members.contains_key("Delimiter") {
        out.insert("NextMarker".into(), Value::from(next.map(|next| shown(&next, encoded))));
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
    out.extend(members.get("ContinuationToken").map(|value| ("ContinuationToken".to_owned(), value.clone())));
    if let Some(next) = next {
        out.insert("NextContinuationToken".into(), Value::from(PageToken::encode(LISTING, &next)));
    }
    Ok(Output { members: out, ..Output::default() })
}
