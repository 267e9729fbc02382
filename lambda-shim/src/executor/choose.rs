//! Which executor: the one asked for, or Docker where an engine answers.

use std::sync::Arc;

use super::{Executor, process::ProcessExecutor};
use crate::options::{ExecutorChoice, Options};

/// The executor of `options`, and where the choice was ours, why it is that one.
pub(crate) async fn choose(options: &Options) -> Result<Arc<dyn Executor>, String> {
    match options.executor {
        ExecutorChoice::Process => Ok(Arc::new(ProcessExecutor::new(options, "as asked for")?)),
        ExecutorChoice::Docker => docker(options, "as asked for").await,
        ExecutorChoice::Auto => match docker(options, "a Docker engine answers").await {
            Ok(executor) => Ok(executor),
            Err(why) => Ok(Arc::new(ProcessExecutor::new(options, &why)?)),
        },
    }
}

#[cfg(unix)]
async fn docker(options: &Options, why: &str) -> Result<Arc<dyn Executor>, String> {
    super::docker::DockerExecutor::connect(options, why).await
}

#[cfg(not(unix))]
#[expect(clippy::unused_async, reason = "the other platforms connect")]
async fn docker(_: &Options, _: &str) -> Result<Arc<dyn Executor>, String> {
    Err("the docker executor is not available on this platform yet".to_owned())
}
