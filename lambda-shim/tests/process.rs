//! The contract of executors, kept by the process executor.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use lambda_shim::ExecutorChoice;
use support::Rig;

async fn rig() -> Option<Rig> {
    Some(Rig::new(ExecutorChoice::Process).await)
}

contract!(rig());
extensions_contract!(rig());
python_contract!(rig());
