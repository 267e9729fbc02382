//! S3, as far as backends and deploy tools keep objects in it: buckets, objects, listings, multipart uploads,
//! notifications.
//!
//! Owns buckets and objects; reaches queues, topics and functions through the router (`notify`). Objects live in the
//! store, contents as blobs, so an object's size costs no memory on disk-backed stores. Start at [`S3`].

#[cfg(test)]
mod checksum_tests;
#[cfg(test)]
mod notification_tests;
mod notify;
mod operations;
mod record;
#[cfg(test)]
mod tests;

use std::sync::{Arc, atomic::AtomicU64};

use aws_wire::ServiceError;
use runtime::{BoxFuture, CallContext, Clock, Input, Output, Service, ServiceRouter, ToTheEnd};
use store::{Collection, Key, Lanes, Store, StoreError, Table};

use record::{Bucket, Object, Part, Upload};

const BUCKETS: Table = Table("s3.buckets");
const OBJECTS: Table = Table("s3.objects");
const PARTS: Table = Table("s3.parts");
const UPLOADS: Table = Table("s3.uploads");
const VERSION: u32 = 1;

/// S3. Cheap to clone.
#[derive(Clone)]
pub struct S3(Arc<State>);

struct State {
    store: Store,
    clock: Clock,
    router: Arc<dyn ServiceRouter>,
    /// How many events there have been.
    events: AtomicU64,
    buckets: Collection<Bucket>,
    uploads: Collection<Upload>,
    parts: Collection<Part>,
    /// Turns to change what is under a key.
    keys: Lanes,
    /// Held by those who put objects into buckets, and alone by who removes a bucket.
    emptying: tokio::sync::RwLock<()>,
    /// Turns to change an upload. Whoever needs both takes this one first.
    uploading: Lanes,
}

impl S3 {
    /// Loads what the store holds.
    pub fn new(store: &Store, clock: Clock, router: Arc<dyn ServiceRouter>) -> Result<Self, StoreError> {
        let buckets = Collection::load(store, BUCKETS, VERSION)?;
        let parts = Collection::load(store, PARTS, VERSION)?;
        let uploads = Collection::load(store, UPLOADS, VERSION)?;
        let (keys, uploading) = (Lanes::default(), Lanes::default());
        let emptying = tokio::sync::RwLock::default();
        Ok(Self(Arc::new(State {
            store: store.clone(),
            clock,
            router,
            events: AtomicU64::new(0),
            buckets,
            uploads,
            parts,
            keys,
            emptying,
            uploading,
        })))
    }
}

/// A failure of the storage, as S3 words its own.
fn storage(error: impl std::error::Error + Send + Sync + 'static) -> ServiceError {
    let text = format!("We encountered an internal error. Please try again. ({error})");
    ServiceError::new("InternalError", 500, text).with_source(error)
}

impl State {
    /// Bucket names are one name space for all accounts and regions.
    fn bucket(&self, name: &str) -> Result<Arc<Bucket>, ServiceError> {
        self.buckets.get(&Key::new().text(name)).ok_or_else(|| {
            ServiceError::new("NoSuchBucket", 404, "The specified bucket does not exist")
                .with_field("BucketName", name)
        })
    }

    fn object(&self, bucket: &str, key: &str) -> Result<Object, ServiceError> {
        self.bucket(bucket)?;
        let found = self.store.get(OBJECTS, &object_key(bucket, key)).map_err(storage)?;
        let found = found.ok_or_else(|| {
            ServiceError::new("NoSuchKey", 404, "The specified key does not exist.").with_field("Key", key)
        })?;
        serde_json::from_slice(&found).map_err(storage)
    }
}

fn object_key(bucket: &str, key: &str) -> Key {
    Key::new().text(bucket).text(key)
}

impl Service for S3 {
    fn name(&self) -> &'static str {
        "s3"
    }

    fn operations(&self) -> &'static [&'static str] {
        operations::NAMES
    }

    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        Box::pin(async move {
            let (state, ctx, operation) = (Arc::clone(&self.0), ctx.clone(), operation.to_owned());
            // It goes on when the client leaves: what is stored is told of.
            let running =
                ToTheEnd::new(async move { operations::call(&state, &ctx, &operation, input).await });
            running.await.map_err(storage)?
        })
    }
}
