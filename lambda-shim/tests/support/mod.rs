//! What the tests of Lambda share: a service over the in-memory store, a sink that keeps log lines, archives.

pub mod contract;
pub mod extensions;
pub mod python;
pub mod registry;
pub mod sources;

use std::{
    collections::HashMap,
    io::{Cursor, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_wire::ServiceError;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures::StreamExt as _;
use lambda_shim::{ExecutorChoice, Lambda, Options};
use runtime::{
    Body, BoxFuture, CallContext, Clock, FunctionInvoker, Input, Invocation, InvocationMode,
    InvocationOutcome, LogSink, LogStream, Output, Scope, Service, ServiceRouter, Timestamp,
};
use serde_json::{Value, json};
use store::Store;

/// Log lines, by group and stream.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<ByStream>>);

/// Lines by group and stream.
type ByStream = HashMap<(String, String), Vec<String>>;

struct Stream(Lines, (String, String));

impl LogSink for Lines {
    fn stream(&self, _: &Scope, group: &str, stream: &str) -> Arc<dyn LogStream> {
        Arc::new(Stream(self.clone(), (group.to_owned(), stream.to_owned())))
    }
}

impl LogStream for Stream {
    fn write(&self, _: Timestamp, message: String) {
        self.0.0.lock().unwrap().entry(self.1.clone()).or_default().push(message);
    }
}

impl Lines {
    /// Everything written to a function's group.
    pub fn of(&self, function: &str) -> String {
        let group = format!("/aws/lambda/{function}");
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|((name, _), _)| *name == group).flat_map(|(_, lines)| lines.clone()).collect()
    }

    /// How many streams a function has written to: its environments.
    pub fn streams(&self, function: &str) -> usize {
        let group = format!("/aws/lambda/{function}");
        self.0.lock().unwrap().keys().filter(|(name, _)| *name == group).count()
    }
}

/// An S3 with one object, and an EC2 that knows whatever it is asked for.
struct OneObject(Bytes);

impl ServiceRouter for OneObject {
    fn call<'a>(
        &'a self,
        _: &'a CallContext,
        service: &'a str,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        if service == "ec2" {
            return Box::pin(std::future::ready(Ok(Output::empty())));
        }
        assert_eq!((service, operation), ("s3", "GetObject"));
        let found = input.members["Bucket"] == "bucket" && input.members["Key"] == "code.zip";
        let answer = if found {
            Ok(Output::empty().with_body(self.0.clone()))
        } else {
            Err(ServiceError::new("NoSuchKey", 404, "The specified key does not exist."))
        };
        Box::pin(std::future::ready(answer))
    }
}

pub struct Rig {
    pub lambda: Lambda,
    pub lines: Lines,
    pub ctx: CallContext,
    pub store: Store,
}

pub fn options(executor: ExecutorChoice, store: Store, lines: &Lines) -> Options {
    let object = OneObject(zip(&[("index.py", "def handler(event, context):\n    return 'from s3'\n")]));
    let mut options = Options::new(store, Clock::Real, Arc::new(lines.clone()), Arc::new(object));
    options.executor = executor;
    options.update_time = Duration::from_millis(1);
    options
}

impl Rig {
    pub async fn new(executor: ExecutorChoice) -> Self {
        Self::with(executor, |_| {}).await
    }

    pub async fn with(executor: ExecutorChoice, change: impl FnOnce(&mut Options)) -> Self {
        let (lines, store) = (Lines::default(), Store::memory());
        let mut options = options(executor, store.clone(), &lines);
        change(&mut options);
        Self::start(options, lines, store).await
    }

    pub async fn start(options: Options, lines: Lines, store: Store) -> Self {
        let lambda = Lambda::start(options).await.expect("lambda starts");
        let ctx = CallContext::internal(
            Scope::new("000000000000", "us-east-1"),
            Arc::from("http://127.0.0.1:4566"),
        );
        Self { lambda, lines, ctx, store }
    }

    pub async fn call(&self, operation: &str, members: Value) -> Result<Value, ServiceError> {
        let Value::Object(members) = members else { panic!("members are an object") };
        let input = Input { members, ..Input::default() };
        self.lambda.call(&self.ctx, operation, input).await.map(|output| Value::Object(output.members))
    }

    pub async fn create(&self, name: &str, runtime: &str, files: &[(&str, &str)], extra: Value) -> Value {
        let mut members = json!({
            "FunctionName": name,
            "Runtime": runtime,
            "Handler": "index.handler",
            "Role": "arn:aws:iam::000000000000:role/r",
            "Code": {"ZipFile": BASE64_STANDARD.encode(zip(files))},
            // A loaded machine takes more than the three seconds that functions have by themselves.
            "Timeout": 20,
        });
        if let (Some(members), Value::Object(extra)) = (members.as_object_mut(), extra) {
            members.extend(extra);
        }
        self.call("CreateFunction", members).await.expect("the function is created")
    }

    /// Publishes a version of a layer and answers its ARN.
    pub async fn layer(&self, name: &str, files: &[(&str, &str)]) -> String {
        let content = json!({"ZipFile": BASE64_STANDARD.encode(zip(files))});
        let published =
            self.call("PublishLayerVersion", json!({"LayerName": name, "Content": content})).await;
        published.expect("the layer is published")["LayerVersionArn"].as_str().unwrap().to_owned()
    }

    /// `CapacityProviderConfig` of a new capacity provider, for so many requests at once.
    pub async fn capacity(&self, name: &str, at_once: u32) -> Value {
        let made = self.call(
            "CreateCapacityProvider",
            json!({
                "CapacityProviderName": name,
                "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
                "PermissionsConfig": {"CapacityProviderOperatorRoleArn": "arn:aws:iam::000000000000:role/r"},
            }),
        );
        let made = made.await.expect("the capacity provider is made");
        json!({ "LambdaManagedInstancesCapacityProviderConfig": {
            "CapacityProviderArn": made["CapacityProvider"]["CapacityProviderArn"],
            "PerExecutionEnvironmentMaxConcurrency": at_once,
        }})
    }

    /// Waits until a function is neither pending nor being updated.
    pub async fn settled(&self, name: &str) -> Value {
        self.until_settled(json!({"FunctionName": name})).await
    }

    /// The same of a version.
    pub async fn active(&self, name: &str, qualifier: &str) -> Value {
        self.until_settled(json!({"FunctionName": name, "Qualifier": qualifier})).await
    }

    async fn until_settled(&self, members: Value) -> Value {
        loop {
            let shown = self.call("GetFunctionConfiguration", members.clone()).await.unwrap();
            if shown["State"] != "Pending" && shown["LastUpdateStatus"] != "InProgress" {
                return shown;
            }
            tokio::task::yield_now().await;
        }
    }

    pub async fn python(&self, name: &str, source: &str) {
        self.create(name, "python3.11", &[("index.py", source)], json!({})).await;
    }

    pub async fn node(&self, name: &str, source: &str) {
        self.create(name, "nodejs20.x", &[("index.js", source)], json!({})).await;
    }

    pub async fn invoke(&self, name: &str, payload: Value) -> InvocationOutcome {
        let invocation =
            Invocation { log_tail: true, ..Invocation::request_response(name, payload.to_string()) };
        self.lambda.invoke(&self.fresh(), invocation).await.expect("the invocation is answered")
    }

    /// The events of an answer as they come: a chunk's text, or what completed it.
    pub async fn stream(&self, function: &str, payload: Value) -> Vec<Value> {
        let members = json!({"FunctionName": function});
        let input = Input {
            members: members.as_object().unwrap().clone(),
            body: Body::from(payload.to_string().into_bytes()),
        };
        let output = self.lambda.call(&self.fresh(), "InvokeWithResponseStream", input).await.unwrap();
        let Body::Events(events) = output.body else { panic!("the answer is a stream of events") };
        let shown = events.map(|event| match event.payload {
            Some(bytes) => json!(String::from_utf8(bytes.to_vec()).unwrap()),
            None => json!({ event.name: event.members }),
        });
        shown.collect().await
    }

    pub async fn refused(&self, invocation: Invocation) -> ServiceError {
        self.lambda.invoke(&self.fresh(), invocation).await.expect_err("the invocation is refused")
    }

    pub async fn event(&self, name: &str, payload: Value) {
        let invocation = Invocation {
            mode: InvocationMode::Event,
            ..Invocation::request_response(name, payload.to_string())
        };
        assert_eq!(self.lambda.invoke(&self.fresh(), invocation).await.unwrap().status, 202);
    }

    /// A context with its own request id.
    pub fn fresh(&self) -> CallContext {
        CallContext { request_id: runtime::new_request_id(), ..self.ctx.clone() }
    }
}

/// The payload as JSON.
pub fn value(outcome: &InvocationOutcome) -> Value {
    serde_json::from_slice(&outcome.payload)
        .unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&outcome.payload)))
}

/// The tail of the log.
pub fn tail(outcome: &InvocationOutcome) -> String {
    let tail = BASE64_STANDARD.decode(outcome.log_result.as_deref().unwrap_or_default()).unwrap();
    String::from_utf8(tail).unwrap()
}

pub fn zip(files: &[(&str, &str)]) -> Bytes {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner().into()
}

/// Python for what [`processes_of`] takes.
pub const WHO: &str = "os.environ['AWS_LAMBDA_LOG_STREAM_NAME']";

/// The processes of an environment by its log stream's name. What a function takes for its own number may be another here:
/// it may be in a namespace.
pub fn processes_of(stream: &str) -> Vec<u32> {
    let wanted = format!("AWS_LAMBDA_LOG_STREAM_NAME={stream}");
    let has_it = |pid: &u32| {
        // Of a process that has ended there is nothing to read.
        let variables = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        variables.split(|byte| *byte == 0).any(|one| one == wanted.as_bytes())
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.filter_map(|process| process.file_name().to_str()?.parse().ok()).filter(has_it).collect()
}

/// Kills the processes of an environment.
pub fn kill_processes_of(stream: &str) {
    for pid in processes_of(stream) {
        std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    }
}
