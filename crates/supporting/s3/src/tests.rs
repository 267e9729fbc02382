//! Objects put, read, listed and removed, as a client's requests reach the service.

use std::sync::Arc;

use runtime::{Body, CallContext, Clock, Input, NoServices, Output, Scope, Service as _};
use serde_json::{Value, json};
use store::Store;

use crate::S3;

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

    async fn call(&self, operation: &str, members: Value, body: &'static [u8]) -> Result<Output, String> {
        let Value::Object(members) = members else { panic!("members are an object") };
        let input = Input { members, body: Body::Bytes(body.into()) };
        self.s3.call(&self.ctx, operation, input).await.map_err(|error| error.code.into_owned())
    }

    async fn members(&self, operation: &str, members: Value) -> Value {
        Value::Object(self.call(operation, members, b"").await.unwrap().members)
    }
}

#[tokio::test]
async fn an_object_comes_back_as_it_was_put() {
    let client = Client::new();
    client.call("CreateBucket", json!({"Bucket": "orders"}), b"").await.unwrap();
    let put =
        json!({"Bucket": "orders", "Key": "a/1", "ContentType": "text/plain", "Metadata": {"colour": "red"}});
    client.call("PutObject", put, b"hello world").await.unwrap();
    let got = client.call("GetObject", json!({"Bucket": "orders", "Key": "a/1"}), b"").await.unwrap();
    assert_eq!(got.members["Metadata"], json!({"colour": "red"}));
    assert_eq!(got.members["ETag"], "\"5eb63bbbe01eeed093cb22bb8f5acdc3\"");
    assert_eq!(got.body.read(100).await.unwrap(), "hello world");
    let part = json!({"Bucket": "orders", "Key": "a/1", "Range": "bytes=-5"});
    let part = client.call("GetObject", part, b"").await.unwrap();
    assert_eq!((part.status, part.members["ContentRange"].as_str()), (Some(206), Some("bytes 6-10/11")));
    assert_eq!(part.body.read(100).await.unwrap(), "world");
    let beyond = json!({"Bucket": "orders", "Key": "a/1", "Range": "bytes=11-"});
    assert_eq!(client.call("GetObject", beyond, b"").await.unwrap_err(), "InvalidRange");
    assert_eq!(
        client.call("DeleteBucket", json!({"Bucket": "orders"}), b"").await.unwrap_err(),
        "BucketNotEmpty"
    );
    client.call("DeleteObject", json!({"Bucket": "orders", "Key": "a/1"}), b"").await.unwrap();
    assert_eq!(
        client.call("HeadObject", json!({"Bucket": "orders", "Key": "a/1"}), b"").await.unwrap_err(),
        "NoSuchKey"
    );
    client.call("DeleteBucket", json!({"Bucket": "orders"}), b"").await.unwrap();
    assert_eq!(
        client.call("HeadBucket", json!({"Bucket": "orders"}), b"").await.unwrap_err(),
        "NoSuchBucket"
    );
}

#[tokio::test]
async fn listings_group_by_delimiter_and_page() {
    let client = Client::new();
    client.call("CreateBucket", json!({"Bucket": "list"}), b"").await.unwrap();
    for key in ["a/1", "a/2", "b", "c/1", "c/2", "d"] {
        client.call("PutObject", json!({"Bucket": "list", "Key": key}), b"x").await.unwrap();
    }
    let mut seen = Vec::new();
    let mut ask = json!({"Bucket": "list", "Delimiter": "/", "MaxKeys": 1});
    loop {
        let page = client.members("ListObjectsV2", ask.clone()).await;
        assert_eq!(page["KeyCount"], 1);
        let given =
            page["Contents"][0]["Key"].as_str().or(page["CommonPrefixes"][0]["Prefix"].as_str()).unwrap();
        seen.push(given.to_owned());
        if page["IsTruncated"] == false {
            break;
        }
        ask["ContinuationToken"] = page["NextContinuationToken"].clone();
    }
    assert_eq!(seen, ["a/", "b", "c/", "d"]);
    let inside = client.members("ListObjectsV2", json!({"Bucket": "list", "Prefix": "c/"})).await;
    assert_eq!(inside["Contents"].as_array().unwrap().len(), 2);
    let forged = json!({"Bucket": "list", "ContinuationToken": "rubbish"});
    assert_eq!(client.call("ListObjectsV2", forged, b"").await.unwrap_err(), "InvalidArgument");
}

#[tokio::test]
async fn parts_make_one_object() {
    const PART: &[u8] = &[7; 5 << 20];
    let client = Client::new();
    client.call("CreateBucket", json!({"Bucket": "parts"}), b"").await.unwrap();
    let upload = client.members("CreateMultipartUpload", json!({"Bucket": "parts", "Key": "k"})).await;
    let part = |number: u64| json!({"Bucket": "parts", "Key": "k", "UploadId": upload["UploadId"], "PartNumber": number});
    let first = client.call("UploadPart", part(1), PART).await.unwrap().members["ETag"].clone();
    let second = client.call("UploadPart", part(2), b"end").await.unwrap().members["ETag"].clone();
    let listed = json!([{"PartNumber": 1, "ETag": first}, {"PartNumber": 2, "ETag": second}]);
    let mut done = part(0);
    done["MultipartUpload"] =
        json!({"Parts": [{"PartNumber": 2, "ETag": second}, {"PartNumber": 1, "ETag": first}]});
    assert_eq!(
        client.call("CompleteMultipartUpload", done.clone(), b"").await.unwrap_err(),
        "InvalidPartOrder"
    );
    done["MultipartUpload"] = json!({ "Parts": listed });
    let done = client.call("CompleteMultipartUpload", done, b"").await.unwrap();
    assert!(done.members["ETag"].as_str().unwrap().ends_with("-2\""));
    let got = client.call("GetObject", json!({"Bucket": "parts", "Key": "k"}), b"").await.unwrap();
    assert_eq!(got.body.read(6 << 20).await.unwrap().len(), PART.len() + 3);
}

#[tokio::test]
async fn bad_names_and_digests_change_nothing() {
    let client = Client::new();
    for name in ["ab", "UPPER", "a..b", "-ab", "192.168.1.1"] {
        assert_eq!(
            client.call("CreateBucket", json!({ "Bucket": name }), b"").await.unwrap_err(),
            "InvalidBucketName"
        );
    }
    client.call("CreateBucket", json!({"Bucket": "good"}), b"").await.unwrap();
    let wrong = json!({"Bucket": "good", "Key": "k", "ContentMD5": "AAAAAAAAAAAAAAAAAAAAAA=="});
    assert_eq!(client.call("PutObject", wrong, b"x").await.unwrap_err(), "BadDigest");
    let kept = json!({"Bucket": "good", "Key": "k", "IfNoneMatch": "*"});
    client.call("PutObject", kept.clone(), b"x").await.unwrap();
    assert_eq!(client.call("PutObject", kept, b"y").await.unwrap_err(), "PreconditionFailed");
    assert_eq!(
        client.call("PutObject", json!({"Bucket": "none", "Key": "k"}), b"").await.unwrap_err(),
        "NoSuchBucket"
    );
}

#[tokio::test]
async fn a_completion_sent_twice_keeps_the_content() {
    let client = Client::new();
    client.call("CreateBucket", json!({"Bucket": "twice"}), b"").await.unwrap();
    let upload = client.members("CreateMultipartUpload", json!({"Bucket": "twice", "Key": "k"})).await;
    let ask = json!({"Bucket": "twice", "Key": "k", "UploadId": upload["UploadId"], "PartNumber": 1});
    client.call("UploadPart", ask.clone(), b"replaced").await.unwrap();
    let etag = client.call("UploadPart", ask.clone(), b"whole").await.unwrap().members["ETag"].clone();
    let mut done = ask;
    done["MultipartUpload"] = json!({"Parts": [{"PartNumber": 1, "ETag": etag}]});
    let complete = || client.call("CompleteMultipartUpload", done.clone(), b"");
    let (one, other) = futures::join!(complete(), complete());
    assert!(one.is_ok() != other.is_ok(), "one of the two finds the upload ended");
    let got = client.call("GetObject", json!({"Bucket": "twice", "Key": "k"}), b"").await.unwrap();
    assert_eq!(got.body.read(100).await.unwrap(), "whole");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_while_others_write_gets_one_or_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let s3 = S3::new(&Store::open(folder.path()).unwrap(), Clock::Real, Arc::new(NoServices)).unwrap();
    let client = std::sync::Arc::new(Client { s3, ctx: Client::new().ctx });
    client.call("CreateBucket", json!({"Bucket": "race"}), b"").await.unwrap();
    let object = json!({"Bucket": "race", "Key": "k"});
    let once = json!({"Bucket": "race", "Key": "once", "IfNoneMatch": "*"});
    client.call("PutObject", object.clone(), b"one").await.unwrap();
    let writers = (0..4).map(|_| {
        let (client, object, once) = (client.clone(), object.clone(), once.clone());
        tokio::spawn(async move {
            let made = client.call("PutObject", once, b"x").await.is_ok();
            for _ in 0..10 {
                client.call("PutObject", object.clone(), b"two").await.unwrap();
            }
            usize::from(made)
        })
    });
    let writers: Vec<_> = writers.collect();
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        let got = client.call("GetObject", object.clone(), b"").await.unwrap();
        let got = got.body.read(100).await.unwrap();
        assert!(got == "one" || got == "two", "{got:?}");
    }
    let mut made = 0;
    for writer in writers {
        made += writer.await.unwrap();
    }
    assert_eq!(made, 1, "an object is created once");
}
