//! Execution environments: started on demand, one request at a time each, kept warm, retired when their time has come.
//!
//! [`pool`] decides which environment takes a request, [`running`] is one of them, [`start`] and `ending` its ends,
//! [`log`] what it writes, [`telemetry`] who else learns of that. Knows no operation and no way of starting a process:
//! that is the executor's.

mod delivery;
pub(crate) mod deployment;
mod ending;
pub(crate) mod failure;
pub(crate) mod host;
pub(crate) mod log;
mod memory;
pub(crate) mod pool;
pub(crate) mod provisioned;
pub(crate) mod running;
pub(crate) mod start;
pub(crate) mod system_lines;
pub(crate) mod telemetry;
