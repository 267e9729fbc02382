//! Functions under a debugger: debugpy for Python, the inspector for Node.js. The bootstraps of local processes start it,
//! and in containers a script around the runtime; it waits for somebody to attach before the function's code is loaded.

use std::{path::Path, time::Duration};

use tokio::net::TcpListener;

use crate::{environment::deployment::Deployment, executor::ExecutorError, function::runtimes::Family};

/// The variable that tells a bootstrap the port. It is gone when the function's code runs.
pub(crate) const VARIABLE: &str = "TULE_DEBUG_PORT";

/// An environment that is being replaced keeps its port for a moment.
const PATIENCE: Duration = Duration::from_secs(5);

/// Listens on the port, as soon as nothing else does.
pub(super) async fn listen(port: u16) -> Result<TcpListener, ExecutorError> {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => return Ok(listener),
            Err(_) if tokio::time::Instant::now() < end => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => {
                return Err(ExecutorError::Failed(format!(
                    "A debugger cannot be waited for on port {port}: {error}. Choose another one with --debug \
                     FUNCTION:PORT."
                )));
            }
        }
    }
}

/// Tells people where to attach, and which of their folders the function's files stand for.
pub(super) fn announce(deployment: &Deployment, port: u16, folder: &Path) {
    let speaks = if deployment.runtime.family == Family::Node { "node --inspect" } else { "debugpy" };
    let source = deployment.code.folders.first().map_or(folder, |source| source.as_path());
    tracing::warn!(
        "{} waits for a debugger ({speaks}) on 127.0.0.1:{port}; its files of {} are in {}",
        deployment.function,
        source.display(),
        folder.display()
    );
}
