//! Step Functions: the service around the interpreter of crate `asl`, and everything the interpreter must not do.
//!
//! `operations` holds one file for each group of API operations, `driver` journals, commits and then acts, `effects`
//! has tasks done by Lambda and other services, `records` is what is stored. Knows other services only through the
//! router and the function invoker. Start at [`StepFunctions`].

mod activities;
mod arn;
mod driver;
mod effects;
mod errors;
mod logging;
mod map_runs;
mod members;
mod mocks;
mod operations;
mod records;
mod service;

pub use mocks::MockFile;
pub use service::{Integrations, Options, StepFunctions};
