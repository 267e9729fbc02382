//! Volumes: one for the init, one for every package, filled once and mounted read-only.

use std::{collections::HashMap, io, path::Path, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use dashmap::DashMap;
use store::{BlobId, Blobs};
use tokio::sync::OnceCell;

use super::engine::{Engine, EngineError};
use crate::{
    code::archive::{self, Item, ItemKind},
    executor::ExecutorError,
    function::record::Code,
};

/// The init, as the build script made it; empty where it could not.
pub(super) const INIT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tule-init"));
/// Where it is in a container.
pub(super) const INIT_FOLDER: &str = "/var/tule";
pub(super) const INIT_PROGRAM: &str = "/var/tule/init";

/// Where Node.js looks last, for both kinds of modules, when it looks up from `/var/task`.
pub(super) const NODE_SDK_FOLDER: &str = "/node_modules";

/// See the module.
pub(super) struct Volumes {
    engine: Engine,
    blobs: Blobs,
    /// The instance's id: volumes of two Tules are never the same.
    instance: String,
    labels: HashMap<String, String>,
    init: OnceCell<String>,
    packages: DashMap<String, Arc<OnceCell<String>>>,
    /// By image: the volume with the SDK for Node functions, where the image has none of its own.
    node_sdks: DashMap<String, Arc<OnceCell<Option<String>>>>,
}

impl Volumes {
    pub(super) fn new(engine: Engine, blobs: Blobs, instance: &str, labels: HashMap<String, String>) -> Self {
        Self {
            engine,
            blobs,
            instance: instance.to_owned(),
            labels,
            init: OnceCell::new(),
            packages: DashMap::new(),
            node_sdks: DashMap::new(),
        }
    }

    /// The volume with the init. Any image will do to make it with.
    pub(super) async fn init(&self, image: &str) -> Result<String, ExecutorError> {
        let make = async {
            let mut archive = tar::Builder::new(Vec::new());
            append(&mut archive, "init", 0o755, INIT).map_err(unpacked)?;
            let archive = archive.into_inner().map_err(unpacked)?;
            self.make("init", image, INIT_FOLDER, archive.into()).await
        };
        self.init.get_or_try_init(|| make).await.cloned()
    }

    /// The volume with a package. The first who asks fills it; others wait.
    pub(super) async fn package(&self, code: &Code, image: &str) -> Result<String, ExecutorError> {
        let cell = Arc::clone(self.packages.entry(code.sha256.clone()).or_default().value());
        let make = async {
            let id = BlobId::parse(&code.blob)
                .ok_or_else(|| ExecutorError::Failed("The function's package has no name.".to_owned()))?;
            let package = self.blobs.get(&id).await.map_err(unpacked)?;
            let archive = tokio::task::spawn_blocking(move || to_tar(&package));
            let archive = archive.await.map_err(|failure| ExecutorError::Failed(failure.to_string()))??;
            let hash = BASE64_STANDARD.decode(&code.sha256).unwrap_or_default();
            let name = crate::hex::hex(&hash[..hash.len().min(12)]);
            self.make(&format!("code-{name}"), image, "/var/task", archive).await
        };
        cell.get_or_try_init(|| make).await.cloned()
    }

    /// The volume with the SDK in `folder`, for Node functions of an image that lacks it: AWS's own images have it.
    pub(super) async fn node_sdk(&self, image: &str, folder: &Path) -> Result<Option<String>, ExecutorError> {
        let cell = Arc::clone(self.node_sdks.entry(image.to_owned()).or_default().value());
        let make = async {
            if self.has_sdk(image).await? {
                return Ok(None);
            }
            let folder = folder.to_owned();
            let archive = tokio::task::spawn_blocking(move || {
                let mut archive = tar::Builder::new(Vec::new());
                archive.follow_symlinks(false);
                archive.append_dir_all(".", folder)?;
                archive.into_inner()
            });
            let archive = archive.await.map_err(|failure| ExecutorError::Failed(failure.to_string()))?;
            let archive = archive.map_err(unpacked)?;
            self.make("node-sdk", image, NODE_SDK_FOLDER, archive.into()).await.map(Some)
        };
        cell.get_or_try_init(|| make).await.cloned()
    }

    async fn has_sdk(&self, image: &str) -> Result<bool, ExecutorError> {
        let failed = |failure: EngineError| {
            ExecutorError::Failed(format!("The Docker engine could not look into the image {image}: {failure}"))
        };
        let init = self.init(image).await?;
        let helper = self.engine.create_helper(image, &init, INIT_FOLDER, self.labels.clone()).await.map_err(failed)?;
        let found = self.engine.has_path(&helper, "/var/runtime/node_modules/@aws-sdk/client-s3").await;
        self.engine.remove(&helper).await;
        found.map_err(failed)
    }

    async fn make(
        &self,
        name: &str,
        image: &str,
        at: &'static str,
        archive: Bytes,
    ) -> Result<String, ExecutorError> {
        let volume = format!("tule-{}-{name}", self.instance);
        let failed = |failure: EngineError| {
            ExecutorError::Failed(format!("The Docker engine could not make the volume {volume}: {failure}"))
        };
        self.engine.create_volume(&volume, self.labels.clone()).await.map_err(failed)?;
        let helper =
            self.engine.create_helper(image, &volume, at, self.labels.clone()).await.map_err(failed)?;
        let filled = self.engine.upload(&helper, at, archive).await;
        self.engine.remove(&helper).await;
        filled.map_err(failed)?;
        Ok(volume)
    }
}

/// A package as the engine takes it.
fn to_tar(package: &Bytes) -> Result<Bytes, ExecutorError> {
    let mut builder = tar::Builder::new(Vec::new());
    archive::read(package, |Item { path, kind }| match kind {
        ItemKind::Folder => {
            let mut header = header(0o755, 0);
            header.set_entry_type(tar::EntryType::Directory);
            builder.append_data(&mut header, path, io::empty())
        }
        ItemKind::Link(target) => {
            let mut header = header(0o777, 0);
            header.set_entry_type(tar::EntryType::Symlink);
            builder.append_link(&mut header, path, target)
        }
        ItemKind::File { executable, content } => {
            append(&mut builder, path, if executable { 0o755 } else { 0o644 }, &content)
        }
    })
    .map_err(|refusal| ExecutorError::Failed(refusal.to_string()))?;
    builder.into_inner().map(Bytes::from).map_err(unpacked)
}

fn append(
    builder: &mut tar::Builder<Vec<u8>>,
    path: impl AsRef<std::path::Path>,
    mode: u32,
    content: &[u8],
) -> io::Result<()> {
    builder.append_data(&mut header(mode, content.len() as u64), path, content)
}

fn header(mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(size);
    // Lambda shows every file with this time: 1980, the first that archives know.
    header.set_mtime(315_532_800);
    header
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err calls")]
fn unpacked(error: io::Error) -> ExecutorError {
    ExecutorError::Failed(format!("The function's package could not be read: {error}"))
}
