//! Where a deployment package comes from: the request itself, or S3.

use aws_wire::ServiceError;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use runtime::{CallContext, Input, ServiceRouter};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use store::Store;

use super::{archive, image_uri};
use crate::{
    error,
    function::{
        configure::text,
        record::{Code, Image},
    },
    service::Inner,
};

/// AWS's limit of a package from S3, compressed.
const ARCHIVE_LIMIT: usize = 250 << 20;

/// An archive that has been checked.
pub(crate) struct Package {
    pub(crate) archive: Bytes,
    /// Bytes of what it holds.
    pub(crate) unzipped: u64,
}

/// Fetches the package that `members` (of `Code`, or of UpdateFunctionCode) name, and checks it.
pub(crate) async fn fetch(
    ctx: &CallContext,
    router: &dyn ServiceRouter,
    members: &Map<String, Value>,
) -> Result<Package, ServiceError> {
    if members.get("ImageUri").is_some_and(|uri| !uri.is_null()) {
        return Err(error::invalid_parameter(
            "Please don't provide ImageUri when updating a function with packageType Zip.",
        ));
    }
    let package = match (text(members, "ZipFile"), text(members, "S3Bucket"), text(members, "S3Key")) {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            return Err(error::invalid_parameter(
                "Please do not provide other FunctionCode parameters when providing a ZipFile.",
            ));
        }
        (Some(zip), None, None) => {
            BASE64_STANDARD.decode(zip).map(Bytes::from).map_err(|_| error::invalid_parameter(UNREADABLE))?
        }
        (None, Some(bucket), Some(key)) => {
            from_s3(ctx, router, bucket, key, text(members, "S3ObjectVersion")).await?
        }
        (None, ..) => return Err(error::invalid_parameter("Please provide a source for function code.")),
    };
    let checked = package.clone();
    let unzipped = tokio::task::spawn_blocking(move || archive::check(&checked))
        .await
        .map_err(|failure| error::service(failure.to_string()))?
        .map_err(|refusal| error::invalid_parameter(refusal.to_string()))?;
    Ok(Package { archive: package, unzipped })
}

const UNREADABLE: &str = "Could not unzip uploaded file. Please check your file, then try to upload again.";

async fn from_s3(
    ctx: &CallContext,
    router: &dyn ServiceRouter,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> Result<Bytes, ServiceError> {
    let mut members = json!({"Bucket": bucket, "Key": key});
    if let Some(version) = version {
        members["VersionId"] = version.into();
    }
    let Value::Object(members) = members else { return Err(error::service("an object is an object")) };
    let input = Input { members, ..Input::default() };
    let answer = router.call(ctx, "s3", "GetObject", input).await.map_err(|failure| {
        error::invalid_parameter(format!(
            "Error occurred while GetObject. S3 Error Code: {}. S3 Error Message: {}",
            failure.code, failure.message
        ))
    })?;
    answer.body.read(ARCHIVE_LIMIT).await.map_err(|failure| error::invalid_parameter(failure.to_string()))
}

/// Finds the image that `members` name for a function from an image: what it is on this machine now, as long as it is
/// on it. The code's hash is the image's.
pub(crate) async fn of_image(
    inner: &Inner,
    image: &mut Image,
    members: &Map<String, Value>,
) -> Result<Code, ServiceError> {
    let Some(uri) = text(members, "ImageUri").filter(|uri| !uri.is_empty()) else {
        return Err(error::invalid_parameter(
            "Please provide ImageUri when updating a function with packageType Image.",
        ));
    };
    if ["ZipFile", "S3Bucket", "S3Key"].iter().any(|name| text(members, name).is_some()) {
        return Err(error::invalid_parameter(
            "Please do not provide other FunctionCode parameters when providing an ImageUri.",
        ));
    }
    if !image_uri::is_reference(uri) {
        return Err(error::invalid_parameter(format!(
            "Source image {uri} is not valid. Provide a valid source image."
        )));
    }
    image.id = inner.host.executor.image_id(uri).await;
    uri.clone_into(&mut image.uri);
    let hash = image.id.as_deref().and_then(|id| id.strip_prefix("sha256:")).map(str::to_owned);
    let hash = hash.unwrap_or_else(|| crate::hex::hex(&Sha256::digest(uri)));
    Ok(Code { sha256: hash, size: 0, blob: String::new(), unzipped: 0, folders: Vec::new() })
}

/// What is recorded of a package before it is stored.
pub(crate) fn describe(package: &Package) -> Code {
    Code {
        sha256: BASE64_STANDARD.encode(Sha256::digest(&package.archive)),
        size: package.archive.len() as u64,
        blob: String::new(),
        unzipped: package.unzipped,
        folders: Vec::new(),
    }
}

/// Stores a package; the code that names it can be put into a record now.
pub(crate) async fn keep(store: &Store, package: Package) -> Result<Code, ServiceError> {
    let code = describe(&package);
    let blob = store
        .blobs()
        .put(package.archive)
        .await
        .map_err(|failure| error::service(format!("The package could not be stored: {failure}")))?;
    Ok(Code { blob: blob.as_str().to_owned(), ..code })
}
