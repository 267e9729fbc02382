//! Listings and ranges against what they mean, said in a few lines.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use runtime::{Body, CallContext, Clock, Input, NoServices, Output, Scope, Service as _};
use s3::S3;
use serde_json::{Value, json};
use store::Store;

struct Client {
    s3: S3,
    ctx: CallContext,
}

impl Client {
    fn new() -> Self {
        let ctx =
            CallContext::internal(Scope::new("000000000000", "us-east-1"), "http://127.0.0.1:4566".into());
        Self { s3: S3::new(&Store::memory(), Clock::Real, Arc::new(NoServices)).unwrap(), ctx }
    }

    async fn call(&self, operation: &str, members: Value, body: &[u8]) -> Result<Output, String> {
        let Value::Object(members) = members else { panic!("members are an object") };
        let input = Input { members, body: Body::Bytes(body.to_vec().into()) };
        self.s3.call(&self.ctx, operation, input).await.map_err(|error| error.code.into_owned())
    }

    async fn bucket(keys: &BTreeSet<String>) -> Self {
        let client = Self::new();
        client.call("CreateBucket", json!({ "Bucket": "list" }), b"").await.unwrap();
        for key in keys {
            client.call("PutObject", json!({ "Bucket": "list", "Key": key }), b"x").await.unwrap();
        }
        client
    }

    /// All pages of a listing, one after the other; no page is larger than asked for.
    async fn pages(&self, operation: &str, ask: &Value, size: usize) -> Vec<(bool, String)> {
        let (mut seen, mut ask) = (Vec::new(), ask.clone());
        loop {
            let page = Value::Object(self.call(operation, ask.clone(), b"").await.unwrap().members);
            let items = |list: &str, name: &str| -> Vec<String> {
                let items = page[list].as_array().into_iter().flatten();
                items.map(|item| item[name].as_str().unwrap().to_owned()).collect()
            };
            let keys = items("Contents", "Key").into_iter().map(|key| (false, key));
            let mut given: Vec<_> =
                keys.chain(items("CommonPrefixes", "Prefix").into_iter().map(|it| (true, it))).collect();
            given.sort_by(|one, other| one.1.cmp(&other.1));
            assert!(given.len() <= size && (!given.is_empty() || page["IsTruncated"] == false), "{page}");
            let last = given.last().map(|(_, last)| last.clone());
            seen.extend(given);
            if page["IsTruncated"] == false {
                return seen;
            }
            match operation {
                "ListObjectsV2" => ask["ContinuationToken"] = page["NextContinuationToken"].clone(),
                _ => ask["Marker"] = page.get("NextMarker").cloned().or(last.map(Value::from)).unwrap(),
            }
        }
    }
}

/// What a listing gives: keys, and common prefixes (`true`), in order.
fn expected(keys: &BTreeSet<String>, prefix: &str, delimiter: &str) -> Vec<(bool, String)> {
    let mut given = Vec::new();
    for key in keys.iter().filter(|key| key.starts_with(prefix)) {
        let at = key[prefix.len()..].find(delimiter).filter(|_| !delimiter.is_empty());
        let item = match at {
            Some(at) => (true, key[..prefix.len() + at + delimiter.len()].to_owned()),
            None => (false, key.clone()),
        };
        if given.last() != Some(&item) {
            given.push(item);
        }
    }
    given
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn pages_together_are_the_whole(
        keys in prop::collection::btree_set("[ab/é\u{0}\u{ff}]{1,5}", 0..25),
        prefix in "[ab/é\u{0}]{0,3}",
        delimiter in prop_oneof![Just(""), Just("/"), Just("aa"), Just("ab"), Just("é"), Just("b/")],
        size in 1..6_usize,
    ) {
        runtime().block_on(async {
            let client = Client::bucket(&keys).await;
            let mut ask = json!({ "Bucket": "list", "Prefix": prefix, "MaxKeys": size });
            if !delimiter.is_empty() {
                ask["Delimiter"] = Value::from(delimiter);
            }
            let expected = expected(&keys, &prefix, delimiter);
            assert_eq!(client.pages("ListObjectsV2", &ask, size).await, expected);
            assert_eq!(client.pages("ListObjects", &ask, size).await, expected);
        });
    }

    #[test]
    fn a_listing_starts_behind_what_it_is_told(keys in prop::collection::btree_set("[abc]{1,4}", 0..20), prefix in "[abc]{0,2}", start in "[abc]{1,4}") {
        runtime().block_on(async {
            let client = Client::bucket(&keys).await;
            let ask = json!({ "Bucket": "list", "Prefix": prefix, "StartAfter": start, "MaxKeys": 3 });
            let expected: Vec<_> = keys.iter().filter(|key| **key > start && key.starts_with(&prefix)).map(|key| (false, key.clone())).collect();
            assert_eq!(client.pages("ListObjectsV2", &ask, 3).await, expected);
        });
    }

    #[test]
    fn ranges_give_their_bytes_or_are_refused(
        content in prop::collection::vec(any::<u8>(), 0..20), first in prop::option::of(0..25_u64), last in prop::option::of(prop_oneof![0..25_u64, Just(u64::MAX)]),
    ) {
        runtime().block_on(async {
            let client = Client::bucket(&BTreeSet::new()).await;
            client.call("PutObject", json!({ "Bucket": "list", "Key": "k" }), &content).await.unwrap();
            let text = |bound: Option<u64>| bound.map(|bound| bound.to_string()).unwrap_or_default();
            let ask = json!({ "Bucket": "list", "Key": "k", "Range": format!("bytes={}-{}", text(first), text(last)) });
            let got = client.call("GetObject", ask, b"").await;
            let at = |bound: u64| usize::try_from(bound).unwrap().min(content.len());
            let part = match (first, last) {
                (None, None) => Some(0..content.len()),
                (Some(first), Some(last)) if last < first => Some(0..content.len()),
                (Some(first), last) => Some(at(first)..at(last.map_or(u64::MAX, |last| last.saturating_add(1)))).filter(|it| !it.is_empty()),
                (None, Some(last)) => Some(content.len() - at(last)..content.len()).filter(|it| !it.is_empty()),
            };
            match part {
                Some(part) => assert_eq!(got.unwrap().body.read(100).await.unwrap(), content[part]),
                None => assert_eq!(got.unwrap_err(), "InvalidRange"),
            }
        });
    }

    #[test]
    fn any_text_as_range_token_or_marker_is_taken_or_refused(text in "(bytes=)?[0-9, é+-]{0,30}|\\PC{0,20}") {
        runtime().block_on(async {
            let client = Client::bucket(&["a".to_owned(), "é".to_owned()].into()).await;
            let _ = client.call("GetObject", json!({ "Bucket": "list", "Key": "a", "Range": text }), b"").await;
            for name in ["ContinuationToken", "StartAfter", "Prefix", "Delimiter"] {
                let _ = client.call("ListObjectsV2", json!({ "Bucket": "list", name: text }), b"").await;
            }
            let _ = client.call("ListObjects", json!({ "Bucket": "list", "Marker": text, "Delimiter": "é" }), b"").await;
            let _ = client.call("CopyObject", json!({ "Bucket": "list", "Key": "b", "CopySource": text }), b"").await;
        });
    }
}
