//! What a client says of its content holds, or nothing is kept.

use std::sync::Arc;

use aws_wire::aws_chunked::Broken;
use futures::stream;
use runtime::{Body, CallContext, Clock, Input, NoServices, Output, Scope, Service as _};
use serde_json::{Value, json};
use store::Store;

use crate::S3;

async fn call(s3: &S3, operation: &str, members: Value, body: Body) -> Result<Output, String> {
    let Value::Object(members) = members else { panic!("members are an object") };
    let ctx = CallContext::internal(Scope::new("000000000000", "us-east-1"), "http://127.0.0.1:4566".into());
    let answer = s3.call(&ctx, operation, Input { members, body }).await;
    if let Ok(output) = &answer {
        fits("s3", operation, output);
    }
    answer.map_err(|error| error.code.into_owned())
}

fn bytes(text: &'static str) -> Body {
    Body::Bytes(text.as_bytes().into())
}

async fn bucket() -> S3 {
    let s3 = S3::new(&Store::memory(), Clock::Real, Arc::new(NoServices)).unwrap();
    call(&s3, "CreateBucket", json!({"Bucket": "bucket"}), Body::Empty).await.unwrap();
    s3
}

fn with(more: &Value) -> Value {
    let mut members = json!({"Bucket": "bucket", "Key": "k"});
    members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    members
}

#[tokio::test]
async fn checksums_are_made_checked_and_shown() {
    let s3 = bucket().await;
    for (asked, member, value) in [
        (json!({}), "ChecksumCRC64NVME", "rosUhgp5mIg="),
        (json!({"ChecksumAlgorithm": "CRC32"}), "ChecksumCRC32", "y/Q5Jg=="),
        (json!({"ChecksumCRC32C": "4waSgw=="}), "ChecksumCRC32C", "4waSgw=="),
    ] {
        let put = call(&s3, "PutObject", with(&asked), bytes("123456789")).await.unwrap();
        assert_eq!(
            (&put.members[member], &put.members["ChecksumType"]),
            (&json!(value), &json!("FULL_OBJECT"))
        );
        assert_eq!(put.members["ServerSideEncryption"], "AES256");
        let head =
            call(&s3, "HeadObject", with(&json!({"ChecksumMode": "ENABLED"})), Body::Empty).await.unwrap();
        assert_eq!(head.members[member], value);
        let plain = call(&s3, "GetObject", with(&json!({})), Body::Empty).await.unwrap();
        assert!(!plain.members.contains_key(member));
    }
}

#[tokio::test]
async fn what_is_not_as_it_is_said_to_be_is_not_kept() {
    let s3 = bucket().await;
    for (said, code) in [
        (json!({"ChecksumCRC32": "AAAAAA=="}), "BadDigest"),
        (json!({"ChecksumSHA256": "AAAA"}), "InvalidRequest"),
        (json!({"ChecksumCRC32": "y/Q5Jg==", "ChecksumCRC32C": "4waSgw=="}), "InvalidRequest"),
        (json!({"ChecksumCRC32": "y/Q5Jg==", "ChecksumAlgorithm": "SHA1"}), "InvalidRequest"),
        (json!({"ChecksumAlgorithm": "XXHASH64"}), "NotImplemented"),
        (json!({"ContentMD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}), "BadDigest"),
        (json!({"ContentMD5": "x"}), "InvalidDigest"),
    ] {
        let refused = call(&s3, "PutObject", with(&said), bytes("123456789")).await.unwrap_err();
        assert_eq!(refused, code, "{said}");
    }
    for (broken, code) in [
        (Broken::Checksum("CRC32"), "BadDigest"),
        (Broken::NoTrailer, "MalformedTrailerError"),
        (Broken::Length, "IncompleteBody"),
    ] {
        let end = std::io::Error::new(std::io::ErrorKind::InvalidData, broken);
        let body = Body::Stream(Box::pin(stream::iter([Ok("part".into()), Err(end)])));
        assert_eq!(call(&s3, "PutObject", with(&json!({})), body).await.unwrap_err(), code);
    }
    assert_eq!(call(&s3, "HeadObject", with(&json!({})), Body::Empty).await.unwrap_err(), "NoSuchKey");
    // Nothing is left that would keep the bucket.
    call(&s3, "DeleteBucket", json!({"Bucket": "bucket"}), Body::Empty).await.unwrap();
}

#[tokio::test]
async fn uploads_in_parts_have_checksums_of_either_kind() {
    let s3 = bucket().await;
    for (asked, member, expected, kind) in [
        (json!({}), "ChecksumCRC64NVME", "rosUhgp5mIg=", "FULL_OBJECT"),
        (
            json!({"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}),
            "ChecksumCRC32",
            "y/Q5Jg==",
            "FULL_OBJECT",
        ),
        (json!({"ChecksumAlgorithm": "SHA256"}), "ChecksumSHA256", "-1", "COMPOSITE"),
    ] {
        let made = call(&s3, "CreateMultipartUpload", with(&asked), Body::Empty).await.unwrap();
        let upload = |more: Value| {
            let mut members = with(&more);
            members["UploadId"] = made.members["UploadId"].clone();
            members
        };
        let part =
            call(&s3, "UploadPart", upload(json!({"PartNumber": 3})), bytes("123456789")).await.unwrap();
        call(&s3, "UploadPart", upload(json!({"PartNumber": 7})), bytes("x")).await.unwrap();
        let first = call(&s3, "ListParts", upload(json!({"MaxParts": 1})), Body::Empty).await.unwrap();
        assert_eq!(
            (&first.members["IsTruncated"], &first.members["Parts"][0]["PartNumber"]),
            (&json!(true), &json!(3))
        );
        let marker = first.members["NextPartNumberMarker"].clone();
        let rest =
            call(&s3, "ListParts", upload(json!({"PartNumberMarker": marker})), Body::Empty).await.unwrap();
        assert_eq!(
            (rest.members["Parts"].as_array().unwrap().len(), &rest.members["IsTruncated"]),
            (1, &json!(false))
        );
        let parts = json!({"MultipartUpload": {"Parts": [{"PartNumber": 3, "ETag": part.members["ETag"]}]}});
        let mut wrong = upload(parts.clone());
        wrong["ChecksumCRC32"] = json!("AAAAAA==");
        assert_eq!(call(&s3, "CompleteMultipartUpload", wrong, Body::Empty).await.unwrap_err(), "BadDigest");
        let whole = call(&s3, "CompleteMultipartUpload", upload(parts), Body::Empty).await.unwrap();
        assert!(whole.members[member].as_str().unwrap().ends_with(expected), "{:?}", whole.members);
        assert_eq!(whole.members["ChecksumType"], kind);
    }
    let asked = json!({"ChecksumAlgorithm": "SHA256", "ChecksumType": "FULL_OBJECT"});
    let refused = call(&s3, "CreateMultipartUpload", with(&asked), Body::Empty).await.unwrap_err();
    assert_eq!(refused, "InvalidRequest");
}

#[tokio::test]
async fn conditions_of_deletions_act_or_are_refused() {
    let s3 = bucket().await;
    call(&s3, "PutObject", with(&json!({})), bytes("123456789")).await.unwrap();
    for (condition, code) in [
        (json!({"VersionId": "v1"}), "InvalidArgument"),
        (json!({"IfMatch": "\"other\""}), "PreconditionFailed"),
        (json!({"IfMatchSize": 1}), "NotImplemented"),
        (json!({"MFA": "1 2"}), "NotImplemented"),
    ] {
        let refused = call(&s3, "DeleteObject", with(&condition), Body::Empty).await.unwrap_err();
        assert_eq!(refused, code, "{condition}");
    }
    let listed = json!([
        {"Key": "k", "ETag": "other"}, {"Key": "k", "VersionId": "v1"}, {"Key": "k", "Size": 1}, {"Key": "none"},
    ]);
    let asked = json!({"Bucket": "bucket", "Delete": {"Objects": listed}});
    let answer = call(&s3, "DeleteObjects", asked, Body::Empty).await.unwrap();
    let codes: Vec<&str> =
        answer.members["Errors"].as_array().unwrap().iter().filter_map(|it| it["Code"].as_str()).collect();
    assert_eq!(codes, ["PreconditionFailed", "InvalidArgument", "NotImplemented"]);
    assert_eq!(answer.members["Deleted"][0]["Key"], "none");
    let right = json!({"IfMatch": "25f9e794323b453885f5181f1b624d0b", "VersionId": "null"});
    call(&s3, "DeleteObject", with(&right), Body::Empty).await.unwrap();
    assert_eq!(call(&s3, "HeadObject", with(&json!({})), Body::Empty).await.unwrap_err(), "NoSuchKey");
}

#[tokio::test]
async fn no_object_outlives_its_bucket() {
    for _ in 0..50 {
        let s3 = bucket().await;
        let put = tokio::spawn({
            let s3 = s3.clone();
            async move { call(&s3, "PutObject", with(&json!({})), bytes("x")).await }
        });
        let removed = call(&s3, "DeleteBucket", json!({"Bucket": "bucket"}), Body::Empty).await;
        let put = put.await.unwrap();
        assert!(put.is_ok() != removed.is_ok(), "one of the two: {put:?} {removed:?}");
    }
}

/// Encodes an answer, which panics at members that its shape has not.
fn fits(service: &str, operation: &str, output: &Output) {
    let model = aws_model::service(service).expect("it has a model");
    let operation = model.operation(operation).expect("the model has it");
    aws_wire::encode_output(model, operation, &output.members, output.status, "id");
}
