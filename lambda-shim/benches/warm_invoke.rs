//! How fast a warm function answers, in the `process` executor: one client's latency, and many clients' rate. Every
//! answer is checked.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

use std::{
    io::{Cursor, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use lambda_shim::{ExecutorChoice, Lambda, Options};
use runtime::{
    CallContext, Clock, FunctionInvoker, Input, Invocation, LogSink, LogStream, NoServices, Scope, Service,
    Timestamp,
};
use serde_json::{Value, json};
use store::Store;

const CLIENTS: usize = 16;
const ONE: usize = 3_000;
const MANY: usize = 30_000;

#[derive(Clone)]
struct Nowhere;

impl LogSink for Nowhere {
    fn stream(&self, _: &Scope, _: &str, _: &str) -> Arc<dyn LogStream> {
        Arc::new(Self)
    }
}

impl LogStream for Nowhere {
    fn write(&self, _: Timestamp, _: String) {}
}

#[tokio::main]
async fn main() {
    let executor = match std::env::var("TULE_EXECUTOR").as_deref() {
        Ok("docker") => ExecutorChoice::Docker,
        _ => ExecutorChoice::Process,
    };
    let mut options = Options::new(Store::memory(), Clock::Real, Arc::new(Nowhere), Arc::new(NoServices));
    options.executor = executor;
    let lambda = Lambda::start(options).await.unwrap();
    println!("executor: {}", lambda.describe());
    for (runtime, file, source) in [
        ("python3.11", "index.py", "def handler(event, context):\n    return {'n': event['n']}\n"),
        ("nodejs20.x", "index.js", "exports.handler = async (event) => ({ n: event.n });"),
    ] {
        measure(&lambda, runtime, file, source).await;
    }
    lambda.shutdown().await;
}

async fn measure(lambda: &Lambda, runtime: &str, file: &str, source: &str) {
    create(lambda, runtime, file, source).await;
    let began = Instant::now();
    invoke(lambda, runtime, 0).await;
    println!("{runtime}: first invocation {:.1} ms", began.elapsed().as_secs_f64() * 1000.0);
    for number in 0..300 {
        invoke(lambda, runtime, number).await;
    }
    let mut times = Vec::with_capacity(ONE);
    for number in 0..ONE {
        let began = Instant::now();
        invoke(lambda, runtime, number).await;
        times.push(began.elapsed());
    }
    times.sort();
    let at = |share: usize| times[times.len() * share / 1000].as_secs_f64() * 1000.0;
    println!("{runtime}: one client p50 {:.3} ms, p99 {:.3} ms", at(500), at(990));
    // Environments for all clients are started before anything is timed.
    many(lambda, runtime, 2_000).await;
    let taken = many(lambda, runtime, MANY).await;
    println!("{runtime}: {CLIENTS} clients {:.0} invocations/s", MANY as f64 / taken.as_secs_f64());
}

async fn many(lambda: &Lambda, runtime: &str, count: usize) -> Duration {
    let began = Instant::now();
    let clients = (0..CLIENTS).map(|client| {
        let (lambda, runtime) = (lambda.clone(), runtime.to_owned());
        tokio::spawn(async move {
            for number in 0..count / CLIENTS {
                invoke(&lambda, &runtime, number * CLIENTS + client).await;
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    began.elapsed()
}

fn context() -> CallContext {
    CallContext::internal(Scope::new("000000000000", "us-east-1"), Arc::from("http://127.0.0.1:4566"))
}

async fn create(lambda: &Lambda, runtime: &str, file: &str, source: &str) {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(file, zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(source.as_bytes()).unwrap();
    let package = zip.finish().unwrap().into_inner();
    let members = json!({
        "FunctionName": runtime.replace('.', "-"),
        "Runtime": runtime,
        "Handler": "index.handler",
        "Role": "arn:aws:iam::000000000000:role/r",
        "Code": {"ZipFile": BASE64_STANDARD.encode(package)},
    });
    let Value::Object(members) = members else { return };
    lambda.call(&context(), "CreateFunction", Input { members, ..Input::default() }).await.unwrap();
}

async fn invoke(lambda: &Lambda, runtime: &str, number: usize) {
    let invocation = Invocation::request_response(runtime.replace('.', "-"), format!("{{\"n\":{number}}}"));
    let outcome = lambda.invoke(&context(), invocation).await.unwrap();
    let answer: Value = serde_json::from_slice(&outcome.payload).unwrap();
    assert_eq!(answer["n"], number);
}
