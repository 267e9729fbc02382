//! A debugger's way to a function in a container: a port of this machine, whose connections go through the container's
//! link. So nothing has to be published, and an engine that is elsewhere will do.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{
    environment::{deployment::Deployment, telemetry::Connect},
    executor::debug,
    function::runtimes::Family,
    options::Connection,
};

/// The script that starts a runtime under its debugger; it is beside the init.
pub(super) const SCRIPT: &[u8] = include_bytes!("../../../init/debug.sh");
/// Where it is in a container.
const PROGRAM: &str = "/var/tule/debug";
/// Where debugpy is, where the function does not bring it.
pub(super) const DEBUGPY_FOLDER: &str = "/var/debugpy";

/// A port in a container that is refused is not open yet: the runtime is still being started.
const AGAIN: Duration = Duration::from_millis(100);
/// How soon a refusal is known.
const REFUSAL: Duration = Duration::from_millis(150);
/// How long a debugger that has connected is kept waiting.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a function under a debugger is told besides.
pub(super) fn variables(deployment: &Deployment, port: u16) -> Vec<(String, String)> {
    let mut variables = vec![(debug::VARIABLE.to_owned(), port.to_string())];
    if matches!(deployment.runtime.family, Family::Python | Family::Node) {
        let own = deployment.wrapper().unwrap_or_default().to_owned();
        variables.push(("TULE_DEBUG_WRAPPER".to_owned(), own));
        variables.push(("AWS_LAMBDA_EXEC_WRAPPER".to_owned(), PROGRAM.to_owned()));
    }
    variables
}

/// Carries connections to the port of the same number in the container, for as long as this is polled.
pub(super) async fn carry(listener: TcpListener, port: u16, container: Arc<dyn Connect>) {
    let mut carried = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = carried.join_next() => continue,
        };
        let Ok((client, _)) = accepted else { return };
        let container = Arc::clone(&container);
        carried.spawn(async move {
            let inside = tokio::time::timeout(PATIENCE, reach(port, &*container)).await;
            let ended = match inside {
                Ok(Ok((stream, first))) => carry_one(client, stream, &first).await,
                Ok(Err(error)) => Err(error),
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            };
            if let Err(error) = ended {
                tracing::debug!(%error, port, "a debugger's connection ended");
            }
        });
    }
}

async fn carry_one(mut client: TcpStream, mut inside: Box<dyn Connection>, first: &[u8]) -> io::Result<()> {
    client.set_nodelay(true)?;
    client.write_all(first).await?;
    tokio::io::copy_bidirectional(&mut client, &mut inside).await.map(drop)
}

/// A connection to a port that is open, and what came over it already.
async fn reach(port: u16, container: &dyn Connect) -> io::Result<(Box<dyn Connection>, Vec<u8>)> {
    loop {
        let mut stream = container.connect(port).await?;
        let mut first = vec![0; 4096];
        match tokio::time::timeout(REFUSAL, stream.read(&mut first)).await {
            // Closed at once: nobody listens there.
            Ok(Ok(0) | Err(_)) => tokio::time::sleep(AGAIN).await,
            Ok(Ok(count)) => {
                first.truncate(count);
                return Ok((stream, first));
            }
            Err(_) => return Ok((stream, Vec::new())),
        }
    }
}
