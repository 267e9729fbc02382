//! Large values beside the tables: archives, objects, big payloads.

use std::{
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};
use uuid::Uuid;

/// The name of a blob: made by [`Blobs::put`], kept by a record that refers to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobId(String);

impl BlobId {
    /// As text, for a record.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From a record's text. Anything but lower-case hexadecimal digits is no blob's name.
    pub fn parse(text: &str) -> Option<Self> {
        let valid = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        valid.then(|| Self(text.to_owned()))
    }
}

/// Blobs, in memory or as files. A blob is durable before the record that names it is written; one that no record
/// names is rubbish and may be removed.
#[derive(Debug, Clone)]
pub struct Blobs(Arc<Place>);

#[derive(Debug)]
enum Place {
    Memory(Mutex<std::collections::HashMap<BlobId, Bytes>>),
    Folder(PathBuf),
}

impl Blobs {
    pub(crate) fn memory() -> Self {
        Self(Arc::new(Place::Memory(Mutex::default())))
    }

    pub(crate) fn folder(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        for entry in std::fs::read_dir(path)?.flatten() {
            // What a crash left half-written.
            if entry.path().extension().is_some_and(|extension| extension == "tmp") {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(Self(Arc::new(Place::Folder(path.to_owned()))))
    }

    /// Stores `content` under a new name. On disk it is synced, file and folder, when this returns.
    pub async fn put(&self, content: Bytes) -> io::Result<BlobId> {
        let id = BlobId(Uuid::new_v4().simple().to_string());
        match &*self.0 {
            Place::Memory(blobs) => {
                blobs.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), content);
            }
            Place::Folder(folder) => {
                let (folder, name) = (folder.clone(), id.0.clone());
                tokio::task::spawn_blocking(move || write_file(&folder, &name, &content)).await??;
            }
        }
        Ok(id)
    }

    /// Stores what a stream gives, up to `limit` bytes; on disk without holding it in memory. `inspect` sees every
    /// chunk, for checksums.
    pub async fn put_stream<S>(
        &self,
        mut content: S,
        limit: u64,
        mut inspect: impl FnMut(&[u8]),
    ) -> io::Result<(BlobId, u64)>
    where
        S: Stream<Item = io::Result<Bytes>> + Unpin,
    {
        let mut length = 0;
        let mut sink = Sink::open(&self.0).await?;
        while let Some(chunk) = content.next().await {
            let taken = match chunk {
                Ok(chunk) if length + chunk.len() as u64 > limit => Err(io::ErrorKind::FileTooLarge.into()),
                Ok(chunk) => {
                    length += chunk.len() as u64;
                    inspect(&chunk);
                    sink.write(chunk).await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = taken {
                sink.abandon().await;
                return Err(error);
            }
        }
        Ok((sink.finish(&self.0).await?, length))
    }

    /// The content of a blob; `NotFound` if there is none of that name.
    pub async fn get(&self, id: &BlobId) -> io::Result<Bytes> {
        match &*self.0 {
            Place::Memory(blobs) => {
                let found = blobs.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
                found.ok_or_else(|| io::ErrorKind::NotFound.into())
            }
            Place::Folder(folder) => tokio::fs::read(folder.join(&id.0)).await.map(Bytes::from),
        }
    }

    /// Opens a blob, to read parts of it as they are wanted. It stays readable when it is removed meanwhile (on systems
    /// where open files do); `NotFound` if there is none of that name.
    pub async fn open(&self, id: &BlobId) -> io::Result<Blob> {
        match &*self.0 {
            Place::Memory(_) => self.get(id).await.map(Blob::Memory),
            Place::Folder(folder) => tokio::fs::File::open(folder.join(&id.0)).await.map(Blob::File),
        }
    }

    /// Removes a blob, if it is there.
    pub async fn delete(&self, id: &BlobId) -> io::Result<()> {
        match &*self.0 {
            Place::Memory(blobs) => {
                blobs.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
                Ok(())
            }
            Place::Folder(folder) => match tokio::fs::remove_file(folder.join(&id.0)).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }
}

impl Blobs {
    /// Removes every blob.
    pub(crate) async fn clear(&self) -> io::Result<()> {
        match &*self.0 {
            Place::Memory(blobs) => {
                blobs.lock().unwrap_or_else(PoisonError::into_inner).clear();
                Ok(())
            }
            Place::Folder(folder) => {
                let mut entries = tokio::fs::read_dir(folder).await?;
                while let Some(entry) = entries.next_entry().await? {
                    tokio::fs::remove_file(entry.path()).await?;
                }
                Ok(())
            }
        }
    }
}

/// A blob that has been opened.
#[derive(Debug)]
pub enum Blob {
    /// All of it.
    Memory(Bytes),
    /// Its file.
    File(tokio::fs::File),
}

/// How much of a file is read at a time.
const CHUNK: usize = 256 << 10;

impl Blob {
    /// The bytes from `from` up to `to`, as they are read. Fewer than asked for are an error.
    pub fn stream(self, from: u64, to: u64) -> Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>> {
        match self {
            Self::Memory(content) => {
                let bound = |at: u64| usize::try_from(at).ok().filter(|at| *at <= content.len());
                let part = match (bound(from), bound(to)) {
                    (Some(from), Some(to)) if from <= to => Ok(content.slice(from..to)),
                    _ => Err(io::ErrorKind::UnexpectedEof.into()),
                };
                Box::pin(futures::stream::once(std::future::ready(part)))
            }
            Self::File(file) => {
                Box::pin(futures::stream::try_unfold((file, from, from == 0), move |state| async move {
                    let (mut file, at, is_placed) = state;
                    if at >= to {
                        return Ok(None);
                    }
                    if !is_placed {
                        file.seek(io::SeekFrom::Start(at)).await?;
                    }
                    let wanted = usize::try_from(to - at).unwrap_or(CHUNK).min(CHUNK);
                    let mut chunk = BytesMut::zeroed(wanted);
                    file.read_exact(&mut chunk).await?;
                    Ok(Some((chunk.freeze(), (file, at + wanted as u64, true))))
                }))
            }
        }
    }
}

/// Where a stream is being stored.
enum Sink {
    Memory(BytesMut),
    File { name: String, path: PathBuf, file: tokio::fs::File },
}

impl Sink {
    async fn open(place: &Place) -> io::Result<Self> {
        let Place::Folder(folder) = place else { return Ok(Self::Memory(BytesMut::new())) };
        let name = Uuid::new_v4().simple().to_string();
        let path = folder.join(format!("{name}.tmp"));
        let file = tokio::fs::File::create_new(&path).await?;
        Ok(Self::File { name, path, file })
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        match self {
            Self::Memory(content) => {
                content.extend_from_slice(&chunk);
                Ok(())
            }
            Self::File { file, .. } => file.write_all(&chunk).await,
        }
    }

    async fn abandon(self) {
        if let Self::File { path, .. } = self {
            // Rubbish that cannot be removed now is removed at the next start.
            let _ = tokio::fs::remove_file(path).await;
        }
    }

    async fn finish(self, place: &Place) -> io::Result<BlobId> {
        match (self, place) {
            (Self::File { name, path, mut file }, Place::Folder(folder)) => {
                file.flush().await?;
                file.sync_all().await?;
                tokio::fs::rename(&path, folder.join(&name)).await?;
                let folder = folder.clone();
                tokio::task::spawn_blocking(move || sync_folder(&folder)).await??;
                Ok(BlobId(name))
            }
            (Self::Memory(content), Place::Memory(blobs)) => {
                let id = BlobId(Uuid::new_v4().simple().to_string());
                blobs.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), content.freeze());
                Ok(id)
            }
            _ => Err(io::Error::other("a stream's place changed while it was stored")),
        }
    }
}

fn write_file(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    use io::Write as _;

    let unfinished = folder.join(format!("{name}.tmp"));
    let mut file = std::fs::File::create_new(&unfinished)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| std::fs::rename(&unfinished, folder.join(name))) {
        let _ = std::fs::remove_file(&unfinished);
        return Err(error);
    }
    sync_folder(folder)
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "folders cannot be synced here; the name is durable with the file"
)]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
