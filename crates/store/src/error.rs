//! What can go wrong underneath.

use std::sync::Arc;

/// A failure of the storage itself. Callers answer it to their client as an internal failure; nothing of the batch
/// that failed is kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The disk is full, the file is gone, the medium failed.
    #[error("the data folder could not be written or read: {0}")]
    Io(#[source] Arc<std::io::Error>),
    /// Another process has the folder open.
    #[error("the data folder {folder} is in use by another Tule process; stop it or use another --data-dir")]
    InUse {
        /// The folder.
        folder: String,
    },
    /// The folder was written by a newer Tule.
    #[error(
        "the data folder {folder} has format {found}, and this Tule knows up to {known}; use a newer Tule or another --data-dir"
    )]
    NewerFormat {
        /// The folder.
        folder: String,
        /// The format found there.
        found: u32,
        /// The newest format known.
        known: u32,
    },
    /// The database says that its content is not what was written.
    #[error("the data folder is damaged: {0}")]
    Damaged(String),
    /// An earlier write failed; nothing is written after it until a restart.
    #[error("the data folder takes no more writes since one failed: {0}")]
    Stopped(String),
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}
