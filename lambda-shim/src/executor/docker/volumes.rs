//! Volumes: one for the init, one for every package, filled once and mounted read-only.

use std::{
    collections::HashMap,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use dashmap::DashMap;
use flate2::read::ZlibDecoder;
use store::{BlobId, Blobs};
use tokio::sync::OnceCell;

use super::{
    debugger::{self, DEBUGPY_FOLDER},
    engine::{Engine, EngineError},
};
use crate::{
    code::{
        archive::{self, Item, ItemKind},
        folder,
    },
    executor::{ExecutorError, layers_hash},
    function::record::Code,
};

/// The init, deflated, as the build script made it; empty where it could not.
pub(super) const INIT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tule-init.zz"));
/// Where it is in a container.
pub(super) const INIT_FOLDER: &str = "/var/tule";
pub(super) const INIT_PROGRAM: &str = "/var/tule/init";

/// Where Node.js looks for packages that neither the function nor a folder beside it has.
pub(super) const NODE_SDK_FOLDER: &str = "/var/node_modules";
/// A client of the SDK that AWS's images have.
const NODE_SDK_IN_IMAGE: &str = "/var/runtime/node_modules/@aws-sdk/client-s3";

/// See the module.
pub(super) struct Volumes {
    engine: Engine,
    blobs: Blobs,
    /// The instance's id: volumes of two Tules are never the same.
    instance: String,
    labels: HashMap<String, String>,
    init: OnceCell<String>,
    packages: DashMap<String, Arc<OnceCell<String>>>,
    /// By the hashes of the layers in order.
    layers: DashMap<String, Arc<OnceCell<String>>>,
    node_sdk: OnceCell<String>,
    debugpy: OnceCell<String>,
    /// Images that bring no AWS SDK for JavaScript.
    without_sdk: DashMap<String, Arc<OnceCell<bool>>>,
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
            layers: DashMap::new(),
            node_sdk: OnceCell::new(),
            debugpy: OnceCell::new(),
            without_sdk: DashMap::new(),
        }
    }

    /// The volume with the init. Any image will do to make it with.
    pub(super) async fn init(&self, image: &str) -> Result<String, ExecutorError> {
        let make = async {
            let mut init = Vec::new();
            ZlibDecoder::new(INIT).read_to_end(&mut init).map_err(unpacked)?;
            let mut archive = tar::Builder::new(Vec::new());
            append(&mut archive, "init", 0o755, &init).map_err(unpacked)?;
            append(&mut archive, "debug", 0o755, debugger::SCRIPT).map_err(unpacked)?;
            let archive = archive.into_inner().map_err(unpacked)?;
            self.make("init", image, INIT_FOLDER, archive.into()).await
        };
        self.init.get_or_try_init(|| make).await.cloned()
    }

    /// The volume with a package. The first who asks fills it; others wait.
    pub(super) async fn package(&self, code: &Code, image: &str) -> Result<String, ExecutorError> {
        let cell = Arc::clone(self.packages.entry(code.sha256.clone()).or_default().value());
        let make = async {
            let archive = if code.folders.is_empty() {
                self.archive(std::slice::from_ref(code)).await?
            } else {
                folders_to_tar(code.folders.clone()).await?
            };
            let hash = BASE64_STANDARD.decode(&code.sha256).unwrap_or_default();
            let name = crate::hex::hex(&hash[..hash.len().min(12)]);
            self.make(&format!("code-{name}"), image, "/var/task", archive).await
        };
        cell.get_or_try_init(|| make).await.cloned()
    }

    /// The volume with layers, merged in their order: what comes later replaces what came before. `None` without any.
    pub(super) async fn layers(&self, layers: &[Code], image: &str) -> Result<Option<String>, ExecutorError> {
        if layers.is_empty() {
            return Ok(None);
        }
        let name = crate::hex::hex(&layers_hash(layers)[..12]);
        let cell = Arc::clone(self.layers.entry(name.clone()).or_default().value());
        let make = async {
            let archive = self.archive(layers).await?;
            self.make(&format!("layers-{name}"), image, "/opt", archive).await
        };
        cell.get_or_try_init(|| make).await.cloned().map(Some)
    }

    /// Packages one after the other, as the engine takes them.
    async fn archive(&self, packages: &[Code]) -> Result<Bytes, ExecutorError> {
        let mut archives = Vec::with_capacity(packages.len());
        for code in packages {
            let id = BlobId::parse(&code.blob)
                .ok_or_else(|| ExecutorError::Failed("The function's package has no name.".to_owned()))?;
            archives.push(self.blobs.get(&id).await.map_err(unpacked)?);
        }
        let archive = tokio::task::spawn_blocking(move || to_tar(&archives));
        archive.await.map_err(|failure| ExecutorError::Failed(failure.to_string()))?
    }

    /// The volume with the AWS SDK for JavaScript of `folder`, for images that bring none, as AWS's do.
    pub(super) async fn node_sdk(&self, image: &str, folder: &Path) -> Result<Option<String>, ExecutorError> {
        let cell = Arc::clone(self.without_sdk.entry(image.to_owned()).or_default().value());
        let look = async {
            let failed = |failure: EngineError| {
                ExecutorError::Failed(format!("The Docker engine could not look into {image}: {failure}"))
            };
            let helper = self.engine.create_helper(image, None, self.labels.clone()).await.map_err(failed)?;
            let found = self.engine.has_path(&helper, NODE_SDK_IN_IMAGE).await;
            self.engine.remove(&helper).await;
            found.map(|found| !found).map_err(failed)
        };
        if !*cell.get_or_try_init(|| look).await? {
            return Ok(None);
        }
        let make = async {
            let archive = packages_to_tar("The AWS SDK for Node.js functions", folder.to_owned()).await?;
            self.make("node-sdk", image, NODE_SDK_FOLDER, archive).await
        };
        self.node_sdk.get_or_try_init(|| make).await.cloned().map(Some)
    }

    /// The volume with the debugger for Python of `folder`.
    pub(super) async fn debugpy(&self, image: &str, folder: &Path) -> Result<String, ExecutorError> {
        let make = async {
            let archive = packages_to_tar("debugpy", folder.to_owned()).await?;
            self.make("debugpy", image, DEBUGPY_FOLDER, archive).await
        };
        self.debugpy.get_or_try_init(|| make).await.cloned()
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
        let helper = self
            .engine
            .create_helper(image, Some((&volume, at)), self.labels.clone())
            .await
            .map_err(failed)?;
        let filled = self.engine.upload(&helper, at, archive).await;
        self.engine.remove(&helper).await;
        filled.map_err(failed)?;
        Ok(volume)
    }
}

/// A function's folders as the engine takes them.
async fn folders_to_tar(folders: Vec<PathBuf>) -> Result<Bytes, ExecutorError> {
    let archived = tokio::task::spawn_blocking(move || {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, path) in folder::listing(&folders)? {
            let content = std::fs::read(&path)?;
            append(&mut builder, name, if is_executable(&path) { 0o755 } else { 0o644 }, &content)?;
        }
        builder.into_inner()
    });
    let archived = archived.await.map_err(|failure| ExecutorError::Failed(failure.to_string()))?;
    archived.map(Bytes::from).map_err(unpacked)
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

/// A folder of packages as the engine takes it.
async fn packages_to_tar(what: &str, folder: PathBuf) -> Result<Bytes, ExecutorError> {
    let archived = tokio::task::spawn_blocking(move || {
        let mut builder = tar::Builder::new(Vec::new());
        builder.follow_symlinks(false);
        builder.append_dir_all(".", folder)?;
        builder.into_inner()
    });
    let failed = |problem: &dyn std::fmt::Display| {
        ExecutorError::Failed(format!("{what} could not be read: {problem}"))
    };
    match archived.await {
        Ok(Ok(archive)) => Ok(archive.into()),
        Ok(Err(error)) => Err(failed(&error)),
        Err(error) => Err(failed(&error)),
    }
}

/// Packages as the engine takes them, one after the other.
fn to_tar(packages: &[Bytes]) -> Result<Bytes, ExecutorError> {
    let mut builder = tar::Builder::new(Vec::new());
    for package in packages {
        append_package(&mut builder, package)?;
    }
    builder.into_inner().map(Bytes::from).map_err(unpacked)
}

fn append_package(builder: &mut tar::Builder<Vec<u8>>, package: &Bytes) -> Result<(), ExecutorError> {
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
            append(builder, path, if executable { 0o755 } else { 0o644 }, &content)
        }
    })
    .map_err(|refusal| ExecutorError::Failed(refusal.to_string()))
}

fn append(
    builder: &mut tar::Builder<Vec<u8>>,
    path: impl AsRef<Path>,
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
