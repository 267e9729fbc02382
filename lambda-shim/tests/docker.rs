//! The contract of executors, kept by the docker executor, with images under AWS's names.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use lambda_shim::ExecutorChoice;
use support::Rig;

/// A rig over the engine; where none answers, the test is skipped aloud, or fails in CI.
#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
async fn rig() -> Option<Rig> {
    if engine_answers() {
        return Some(Rig::new(ExecutorChoice::Docker).await);
    }
    assert!(std::env::var_os("CI").is_none(), "CI needs a Docker engine");
    eprintln!("SKIPPED: no Docker engine answers, so the docker executor is not tested here");
    None
}

fn engine_answers() -> bool {
    let asked =
        std::process::Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).output();
    asked.is_ok_and(|output| output.status.success())
}

contract!(rig());
