//! CreateBucket, DeleteBucket, HeadBucket, ListBuckets, GetBucketLocation.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::{Map, Value, json};
use store::Key;

use super::text;
use crate::{OBJECTS, State, record::Bucket, storage};

pub(super) async fn create(
    state: &Arc<State>,
    ctx: &CallContext,
    members: &Map<String, Value>,
) -> Result<Output, ServiceError> {
    super::refuse_settings(members, &["ObjectLockEnabledForBucket"])?;
    let name = text(members, "Bucket");
    check_name(name)?;
    let wanted = members.get("CreateBucketConfiguration").and_then(|it| it.get("LocationConstraint"));
    let region = wanted.and_then(Value::as_str).unwrap_or("us-east-1");
    if let Some(bucket) = state.buckets.get(&Key::new().text(name)) {
        if bucket.account != *ctx.scope.account {
            let message = "The requested bucket name is not available. The bucket namespace is shared by all users of the \
                           system. Please select a different name and try again.";
            return Err(ServiceError::new("BucketAlreadyExists", 409, message).with_field("BucketName", name));
        }
        // Only us-east-1 forgives to create an own bucket again.
        if bucket.region != "us-east-1" || region != "us-east-1" {
            let message =
                "Your previous request to create the named bucket succeeded and you already own it.";
            return Err(
                ServiceError::new("BucketAlreadyOwnedByYou", 409, message).with_field("BucketName", name)
            );
        }
        return Ok(located(name));
    }
    let bucket = Bucket {
        name: name.to_owned(),
        account: ctx.scope.account.to_string(),
        region: region.to_owned(),
        created: state.clock.now(),
        notifications: Vec::new(),
    };
    state.buckets.put(Key::new().text(name), bucket).await.map_err(storage)?;
    Ok(located(name))
}

fn located(name: &str) -> Output {
    Output::of(json!({ "Location": format!("/{name}") }))
}

/// The naming rules of general purpose buckets (S3 User Guide, "Bucket naming rules").
fn check_name(name: &str) -> Result<(), ServiceError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let valid = (3..=63).contains(&name.len())
        && name.bytes().all(plain)
        && ends(name.bytes().next())
        && ends(name.bytes().last())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err();
    if valid {
        return Ok(());
    }
    Err(ServiceError::bad_request("InvalidBucketName", "The specified bucket is not valid.")
        .with_field("BucketName", name))
}

pub(super) async fn delete(state: &Arc<State>, members: &Map<String, Value>) -> Result<Output, ServiceError> {
    let name = text(members, "Bucket");
    let _alone = state.emptying.write().await;
    state.bucket(name)?;
    let first = state.store.scan(OBJECTS, &Key::new().text(name), None, 1).map_err(storage)?;
    if !first.is_empty() {
        let message = "The bucket you tried to delete is not empty";
        return Err(ServiceError::new("BucketNotEmpty", 409, message).with_field("BucketName", name));
    }
    state.buckets.remove(&Key::new().text(name)).await.map_err(storage)?;
    Ok(Output { status: Some(204), ..Output::default() })
}

pub(super) fn head(state: &Arc<State>, members: &Map<String, Value>) -> Result<Output, ServiceError> {
    let bucket = state.bucket(text(members, "Bucket"))?;
    Ok(Output::of(json!({ "BucketRegion": bucket.region })))
}

pub(super) fn list(state: &Arc<State>, ctx: &CallContext) -> Output {
    let owned = state.buckets.page(&Key::new(), None, usize::MAX);
    let owned = owned.iter().filter(|bucket| bucket.account == *ctx.scope.account);
    let buckets: Vec<Value> = owned
        .map(|it| json!({ "Name": it.name, "CreationDate": it.created.epoch_seconds(), "BucketRegion": it.region }))
        .collect();
    Output::of(json!({ "Buckets": buckets, "Owner": { "ID": owner(&ctx.scope.account) } }))
}

/// A canonical user id: AWS's are 64 hexadecimal digits; ours show the account.
pub(super) fn owner(account: &str) -> String {
    format!("{account:0>64}")
}

pub(super) fn location(state: &Arc<State>, members: &Map<String, Value>) -> Result<Output, ServiceError> {
    let bucket = state.bucket(text(members, "Bucket"))?;
    let region = if bucket.region == "us-east-1" { "" } else { bucket.region.as_str() };
    Ok(Output::of(json!({ "LocationConstraint": region })))
}
