//! Which executor: the one asked for, or Docker where an engine answers.

use std::sync::Arc;

use super::Executor;
use crate::options::{ExecutorChoice, Options};

/// The executor of `options`, and where the choice was ours, why it is that one.
pub(crate) async fn choose(options: &Options) -> Result<Arc<dyn Executor>, String> {
    match options.executor {
        ExecutorChoice::Process => process(options, "as asked for"),
        ExecutorChoice::Docker => docker(options, "as asked for").await,
        // Where a debugger sees a file as it is in its editor.
        ExecutorChoice::Auto if !options.debug.is_empty() => process(options, "for --debug"),
        ExecutorChoice::Auto => match docker(options, "a Docker engine answers").await {
            Ok(executor) => Ok(executor),
            Err(why) => process(options, &why),
        },
    }
}

#[cfg(unix)]
fn process(options: &Options, why: &str) -> Result<Arc<dyn Executor>, String> {
    Ok(Arc::new(super::process::ProcessExecutor::new(options, why)?))
}

#[cfg(unix)]
async fn docker(options: &Options, why: &str) -> Result<Arc<dyn Executor>, String> {
    super::docker::DockerExecutor::connect(options, why).await
}

#[cfg(not(unix))]
fn process(_: &Options, _: &str) -> Result<Arc<dyn Executor>, String> {
    Err("the process executor is not available on this platform yet".to_owned())
}

#[cfg(not(unix))]
#[expect(clippy::unused_async, reason = "the other platforms connect")]
async fn docker(_: &Options, _: &str) -> Result<Arc<dyn Executor>, String> {
    Err("the docker executor is not available on this platform yet".to_owned())
}
