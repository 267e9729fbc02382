//! Event source mappings: what is read from queues and streams, and given to functions in batches.
//!
//! `record`, `settings` and `source` say what a mapping is and which settings go with which source; `table` keeps
//! them. What to invoke next, and what an answer means, is decided by functions of values (`shard`, `window`, `reply`,
//! `filter`, `event`); `poll` acts on it, and reaches sources through [`runtime::ServiceRouter`] alone, so that a
//! queue of Tule's and one of a delegated endpoint are the same.
//!
//! `KMSKeyArn`, `MetricsConfig` and `LoggingConfig` are kept and shown: there is no key, metric or poller log here that
//! they would be about.

mod event;
mod filter;
pub(crate) mod poll;
pub(crate) mod record;
mod reply;
pub(crate) mod settings;
mod shard;
pub(crate) mod source;
pub(crate) mod table;
mod window;
