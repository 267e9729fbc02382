//! Invocations: from a name and a payload to an environment and back.
//!
//! [`target`] finds the version, [`concurrency`] has a slot for it or none, [`synchronous`] runs one invocation,
//! [`streaming`] hands its response on as it comes, [`asynchronous`] keeps those nobody waits for.

pub(crate) mod asynchronous;
pub(crate) mod concurrency;
pub(crate) mod dead_letter;
pub(crate) mod destination;
pub(crate) mod lineage;
pub(crate) mod payload;
pub(crate) mod streaming;
pub(crate) mod synchronous;
pub(crate) mod target;
pub(crate) mod tenant;
mod trace;
