//! AWS Lambda: functions, and the execution environments that run them.
//!
//! Owns functions' records, packages, environments and the Runtime API; knows no other service but through
//! [`runtime::ServiceRouter`] (S3 for packages) and [`runtime::LogSink`]. An invocation goes through four rooms:
//! `invoke` finds the version, `environment` has a pool of warm ones, `executor` starts and stops them, and
//! `runtime_api` is how work reaches them. Requests to function URLs come in by `url`; what queues and streams have is
//! read by `event_source`. `access` says what other accounts may do. Start at [`Lambda::start`].

mod access;
mod capacity;
mod code;
mod code_signing;
mod durable;
mod environment;
mod error;
mod event_source;
mod executor;
mod function;
mod hex;
mod invoke;
mod layer;
mod operations;
mod options;
mod runtime_api;
mod service;
mod url;

pub use options::{Connection, DebugPort, Door, ExecutorChoice, Options, PullWatcher};
pub use service::{Lambda, StartError};
