//! The one seam to storage: tables of ordered keys, atomic batches, blobs; in memory, or in a folder that survives
//! `kill -9`.
//!
//! Owns durability and nothing else: it knows no service and no record's meaning, and exposes no type of the database
//! underneath. Start at [`Store`]; a batch is made with [`Batch`], keys with [`Key`].

mod batch;
mod blobs;
mod collection;
mod disk;
mod error;
mod key;
mod lanes;
mod memory;
mod store;

pub use batch::{Batch, Table};
pub use blobs::{Blob, BlobId, Blobs};
pub use collection::{Collection, Staged};
pub use error::StoreError;
pub use key::Key;
pub use lanes::Lanes;
pub use store::{Commit, Store};
