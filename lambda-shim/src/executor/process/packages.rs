//! Files of the process executor: packages unpacked once each, bootstraps, one scratch folder an environment.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use dashmap::DashMap;
use store::{BlobId, Blobs};
use tokio::sync::OnceCell;

use super::{failed, merge, system};
use crate::{
    code::{archive, folder},
    executor::{ExecutorError, layers_hash},
    function::record::Code,
};

const PYTHON: &str = include_str!("../../../bootstrap/python.py");
const NODE: &str = include_str!("../../../bootstrap/node.mjs");

/// The folder of the bootstraps in a process's own.
const RUNTIME: &str = "runtime";

/// See the module.
pub(crate) struct Packages {
    /// Packages and byte code, by the package's hash.
    cache: PathBuf,
    /// This process's own: bootstraps and scratch folders. Swept when the process is gone.
    own: PathBuf,
    bootstraps: PathBuf,
    root: PathBuf,
    /// Functions under a debugger, by name.
    debug: PathBuf,
    python: PathBuf,
    node: PathBuf,
    blobs: Blobs,
    unpacked: DashMap<String, Arc<OnceCell<PathBuf>>>,
    /// Layers merged into one folder, by their hashes in order.
    merged: DashMap<String, Arc<OnceCell<PathBuf>>>,
}

/// A folder that is gone when dropped.
pub(crate) struct Scratch(PathBuf);

impl Packages {
    /// Makes the folders, in `cache` or in a temporary one, and sweeps what crashed processes left.
    pub(crate) fn open(cache: Option<&Path>, blobs: Blobs) -> io::Result<Self> {
        let (base, shared) = match cache {
            Some(cache) => (cache.join("environments"), Some(cache.join("packages"))),
            // Users of one machine share its temporary folder, and nothing in it.
            None => (std::env::temp_dir().join(format!("tule-environments-{}", system::user())), None),
        };
        make_private(&base)?;
        must_be_ours(&base)?;
        sweep(&base);
        let own = base.join(format!("{}-{}", std::process::id(), uuid::Uuid::new_v4().simple()));
        make_private(&own)?;
        let cache = shared.unwrap_or_else(|| own.join("packages"));
        make_private(&cache)?;
        let (bootstraps, root) = (own.join(RUNTIME), own.join("root"));
        make_private(&bootstraps)?;
        make_private(&root)?;
        let (python, node) = (bootstraps.join("tule_bootstrap.py"), bootstraps.join("tule_bootstrap.mjs"));
        std::fs::write(&python, PYTHON)?;
        std::fs::write(&node, NODE)?;
        Ok(Self {
            debug: base.join("debug"),
            cache,
            own,
            bootstraps,
            root,
            python,
            node,
            blobs,
            unpacked: DashMap::new(),
            merged: DashMap::new(),
        })
    }

    /// The folder of the bootstraps.
    pub(crate) fn bootstraps(&self) -> &Path {
        &self.bootstraps
    }

    /// An empty folder, which views are built in; each has its own there.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// This process's own folder.
    pub(crate) fn own(&self) -> &Path {
        &self.own
    }

    pub(crate) fn python_bootstrap(&self) -> &Path {
        &self.python
    }

    pub(crate) fn node_bootstrap(&self) -> &Path {
        &self.node
    }

    /// Where Python keeps the byte code of a package and its layers, whose own folders are read-only. It knows a file by
    /// its path, size and time, which files of other packages have too: what is kept is of these alone.
    pub(crate) fn byte_code(&self, code: &Code, layers: &[Code]) -> PathBuf {
        let name = format!("{}-{}.pyc", folder_name(code), crate::hex::hex(&layers_hash(layers)));
        self.place(std::iter::once(code).chain(layers)).join(name)
    }

    /// Where what is made of packages is kept: as long as the cache is, or as long as we run where one is a folder's state
    /// of the moment.
    fn place<'c>(&self, mut of: impl Iterator<Item = &'c Code>) -> &Path {
        if of.all(|code| code.folders.is_empty()) { &self.cache } else { &self.own }
    }

    /// The folder of an unpacked package. The first who asks unpacks it; others wait.
    pub(crate) async fn unpacked(&self, code: &Code) -> Result<PathBuf, ExecutorError> {
        let cell = Arc::clone(self.unpacked.entry(code.sha256.clone()).or_default().value());
        cell.get_or_try_init(|| self.unpack(code)).await.cloned()
    }

    /// A function's folders as they are now, in a place that is the same every time, so that a debugger can be told of
    /// it once.
    pub(crate) async fn laid_out(&self, function: &str, code: &Code) -> Result<PathBuf, ExecutorError> {
        let folder = self.debug.join(function);
        let (into, folders) = (folder.clone(), code.folders.clone());
        let laid = tokio::task::spawn_blocking(move || {
            if into.exists() {
                std::fs::remove_dir_all(&into)?;
            }
            make_private(&into)?;
            folder::lay_out(&folders, &into)
        });
        let laid = laid.await.map_err(|error| ExecutorError::Failed(error.to_string()))?;
        laid.map(|()| folder).map_err(failed("copy the function's folder"))
    }

    /// The folder in which layers are merged, as `/opt` is on Lambda; `None` without layers.
    pub(crate) async fn merged(&self, layers: &[Code]) -> Result<Option<PathBuf>, ExecutorError> {
        match layers {
            [] => Ok(None),
            [one] => self.unpacked(one).await.map(Some),
            several => {
                let name = crate::hex::hex(&layers_hash(several));
                let cell = Arc::clone(self.merged.entry(name.clone()).or_default().value());
                cell.get_or_try_init(|| self.merge(several, &name)).await.cloned().map(Some)
            }
        }
    }

    async fn merge(&self, layers: &[Code], name: &str) -> Result<PathBuf, ExecutorError> {
        let folder = self.cache.join(format!("layers-{name}"));
        if folder.is_dir() {
            return Ok(folder);
        }
        let mut unpacked = Vec::with_capacity(layers.len());
        for layer in layers {
            unpacked.push(self.unpacked(layer).await?);
        }
        let unfinished = self.own.join(uuid::Uuid::new_v4().simple().to_string());
        let (into, done) = (unfinished.clone(), folder.clone());
        let merged = tokio::task::spawn_blocking(move || {
            std::fs::create_dir(&into)?;
            for layer in &unpacked {
                merge::overlay(layer, &into)?;
            }
            match std::fs::rename(&into, &done) {
                // Another Tule on the same cache was faster.
                Err(_) if done.is_dir() => Ok(()),
                renamed => renamed,
            }
        });
        let merged = merged.await.map_err(|error| ExecutorError::Failed(error.to_string()))?;
        let _ = std::fs::remove_dir_all(&unfinished);
        merged.map_err(failed("merge the function's layers"))?;
        Ok(folder)
    }

    async fn unpack(&self, code: &Code) -> Result<PathBuf, ExecutorError> {
        let folder = self.place(std::iter::once(code)).join(folder_name(code));
        if folder.is_dir() {
            return Ok(folder);
        }
        if !code.folders.is_empty() {
            let (into, folders) = (folder.clone(), code.folders.clone());
            let laid = tokio::task::spawn_blocking(move || {
                std::fs::create_dir(&into)?;
                folder::lay_out(&folders, &into)
            });
            let laid = laid.await.map_err(|error| ExecutorError::Failed(error.to_string()))?;
            return laid.map(|()| folder).map_err(failed("copy the function's folder"));
        }
        let id = BlobId::parse(&code.blob)
            .ok_or_else(|| ExecutorError::Failed("The function's package has no name.".to_owned()))?;
        let package = self.blobs.get(&id).await.map_err(failed("read the function's package"))?;
        let unfinished = self.own.join(uuid::Uuid::new_v4().simple().to_string());
        let (into, done) = (unfinished.clone(), folder.clone());
        let unpacked = tokio::task::spawn_blocking(move || {
            std::fs::create_dir(&into)?;
            archive::unpack(&package, &into)?;
            match std::fs::rename(&into, &done) {
                // Another Tule on the same cache was faster.
                Err(_) if done.is_dir() => Ok(()),
                renamed => renamed.map_err(archive::ArchiveError::Io),
            }
        });
        let unpacked = unpacked.await.map_err(|error| ExecutorError::Failed(error.to_string()))?;
        let _ = std::fs::remove_dir_all(&unfinished);
        unpacked.map_err(|error| ExecutorError::Failed(error.to_string()))?;
        Ok(folder)
    }

    /// A folder for one environment, readable by nobody else.
    pub(crate) fn scratch(&self) -> io::Result<Scratch> {
        let path = self.own.join(format!("tmp-{}", uuid::Uuid::new_v4().simple()));
        make_private(&path)?;
        Ok(Scratch(path))
    }

    /// Removes this process's own files.
    pub(crate) fn clean_up(&self) {
        let _ = std::fs::remove_dir_all(&self.own);
    }
}

impl Drop for Packages {
    fn drop(&mut self) {
        self.clean_up();
    }
}

impl Scratch {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What the environment takes for this machine's names is beside it.
        let _ = std::fs::remove_file(self.0.with_extension("hosts"));
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A package's hash as a name: base64 holds slashes.
fn folder_name(code: &Code) -> String {
    let hash = BASE64_STANDARD.decode(&code.sha256).unwrap_or_else(|_| code.sha256.clone().into_bytes());
    crate::hex::hex(&hash)
}

/// Removes the folders of processes that are gone, and ends what functions of theirs left running.
fn sweep(base: &Path) {
    let Ok(entries) = std::fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.split('-').next()?.parse::<i32>().ok());
        if pid.is_some_and(|pid| !system::is_alive(pid)) {
            // Functions that have neither a view nor a namespace know that folder by this name of its, which is unique.
            system::kill_those_with("LAMBDA_RUNTIME_DIR", &entry.path().join(RUNTIME));
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Refuses a folder that somebody else has put there.
fn must_be_ours(path: &Path) -> io::Result<()> {
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::symlink_metadata(path)?);
    if owner == system::user() {
        return Ok(());
    }
    let why = format!("{} is another user's; set TMPDIR to a folder of your own", path.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
