//! The floor of proxies: hyper handing every request on over connections that it keeps, and nothing else.

use std::sync::Arc;

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::TcpListener;

use crate::Failure;

pub(crate) fn run(behind: &str) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client: Arc<Client<_, Incoming>> =
            Arc::new(Client::builder(TokioExecutor::new()).build(connector));
        let uri: hyper::Uri = format!("http://{behind}/").parse()?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (client, uri) = (Arc::clone(&client), uri.clone());
            let hand_on = service_fn(move |mut request: Request<Incoming>| {
                *request.uri_mut() = uri.clone();
                client.request(request)
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), hand_on));
        }
    })
}
