//! Execution environments: started on demand, one request at a time each, kept warm, retired when their time has come.
//!
//! [`pool`] decides which environment takes a request, [`running`] is one of them, [`log`] what it writes. Knows no
//! operation and no way of starting a process: that is the executor's.

pub(crate) mod deployment;
pub(crate) mod host;
pub(crate) mod log;
pub(crate) mod pool;
pub(crate) mod provisioned;
pub(crate) mod running;
pub(crate) mod system_lines;
