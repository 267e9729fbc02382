//! A world for the service: a virtual clock, a scripted function invoker, and a router that knows one scripted service
//! and Step Functions itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use aws_wire::ServiceError;
use runtime::{
    Body, BoxFuture, CallContext, Clock, FunctionInvoker, Input, Invocation, InvocationOutcome, Output,
    Scope, Service, ServiceRouter, Timestamp, VirtualClock,
};
use serde_json::{Value, json};
use stepfn_shim::{Options, StepFunctions};
use store::Store;

/// Lambda as the tests script it: `echo` answers its payload, `raise` fails, `slow` never answers.
#[derive(Default)]
pub struct Functions {
    pub invocations: Mutex<Vec<String>>,
    /// The payloads that `flaky` fails on; it echoes all others.
    pub bad: Mutex<BTreeSet<String>>,
}

impl FunctionInvoker for Functions {
    fn invoke<'a>(
        &'a self,
        _: &'a CallContext,
        invocation: Invocation,
    ) -> BoxFuture<'a, Result<InvocationOutcome, ServiceError>> {
        let name = invocation.function.rsplit(':').next().unwrap_or("").to_owned();
        self.invocations.lock().unwrap().push(name.clone());
        let bad = self.bad.lock().unwrap().contains(&*String::from_utf8_lossy(&invocation.payload));
        let name = match (name.as_str(), bad) {
            ("flaky", true) => String::from("raise"),
            ("flaky", false) => String::from("echo"),
            _ => name,
        };
        Box::pin(async move {
            let (payload, function_error) = match name.as_str() {
                "echo" => (invocation.payload, None),
                "raise" => {
                    let error = json!({ "errorMessage": "it broke", "errorType": "Broken" }).to_string();
                    (error.into(), Some(String::from("Unhandled")))
                }
                "slow" => std::future::pending().await,
                other => {
                    let message = format!("Function not found: {other}");
                    return Err(ServiceError::new("ResourceNotFoundException", 404, message));
                }
            };
            let executed_version = String::from("$LATEST");
            Ok(InvocationOutcome { status: 200, payload, function_error, executed_version, log_result: None })
        })
    }
}

/// The router: Step Functions itself, and a queue that keeps what it is sent.
#[derive(Default)]
pub struct Router {
    pub step_functions: OnceLock<StepFunctions>,
    pub messages: Mutex<Vec<Value>>,
    /// What S3 holds, by bucket and key.
    pub objects: Mutex<BTreeMap<(String, String), Vec<u8>>>,
}

impl Router {
    fn s3(&self, operation: &str, input: Input) -> Result<Output, ServiceError> {
        let text = |name: &str| input.members.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        let place = (text("Bucket"), text("Key"));
        let mut objects = self.objects.lock().unwrap();
        match operation {
            "GetObject" => {
                let found = objects.get(&place).cloned();
                let missing = || ServiceError::new("NoSuchKey", 404, "The specified key does not exist.");
                Ok(Output { body: Body::Bytes(found.ok_or_else(missing)?.into()), ..Output::default() })
            }
            "PutObject" if place.0 == "gone" => {
                Err(ServiceError::new("NoSuchBucket", 404, "The specified bucket does not exist"))
            }
            "PutObject" => {
                let Body::Bytes(content) = input.body else { panic!("an object has content") };
                objects.insert(place, content.to_vec());
                Ok(Output::empty())
            }
            // Two keys a page.
            "ListObjectsV2" => {
                let (prefix, after) = (text("Prefix"), text("ContinuationToken"));
                let of_bucket = objects
                    .keys()
                    .filter(|(bucket, key)| *bucket == place.0 && key.starts_with(&prefix) && *key > after);
                let keys: Vec<_> = of_bucket.take(3).map(|(_, key)| key.clone()).collect();
                let contents: Vec<Value> = keys
                    .iter()
                    .take(2)
                    .map(|key| json!({ "Key": key, "Size": 1, "LastModified": 1_700_000_000.5, "ETag": "\"e\"" }))
                    .collect();
                let next = keys.get(1).filter(|_| keys.len() > 2);
                Ok(Output::of(json!({ "Contents": contents, "NextContinuationToken": next })))
            }
            _ => Err(ServiceError::not_implemented(format!("s3 {operation} is not implemented"))),
        }
    }
}

impl ServiceRouter for Router {
    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        service: &'a str,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        match (service, operation) {
            ("stepfunctions", _) => {
                self.step_functions.get().expect("it is there").call(ctx, operation, input)
            }
            ("s3", _) => {
                let answer = self.s3(operation, input);
                Box::pin(async move { answer })
            }
            ("sqs", "SendMessage") => {
                self.messages.lock().unwrap().push(Value::Object(input.members));
                Box::pin(async { Ok(Output::of(json!({ "MessageId": "m", "MD5OfMessageBody": "d" }))) })
            }
            _ => Box::pin(async move {
                Err(ServiceError::not_implemented(format!("{service} {operation} is not implemented")))
            }),
        }
    }
}

pub struct World {
    pub service: StepFunctions,
    pub clock: Arc<VirtualClock>,
    pub functions: Arc<Functions>,
    pub router: Arc<Router>,
    pub ctx: CallContext,
}

pub const ROLE: &str = "arn:aws:iam::000000000000:role/r";

impl World {
    pub fn new() -> Self {
        Self::over(Store::memory(), VirtualClock::starting_at(Timestamp(1_700_000_000_000)))
    }

    pub fn over(store: Store, clock: Arc<VirtualClock>) -> Self {
        Self::mocked(store, clock, None)
    }

    pub fn mocked(store: Store, clock: Arc<VirtualClock>, mock_config: Option<PathBuf>) -> Self {
        let (functions, router) = (Arc::new(Functions::default()), Arc::new(Router::default()));
        let service = StepFunctions::new(
            Options { endpoint: "http://127.0.0.1:4566".into(), mock_config },
            store,
            Clock::Virtual(Arc::clone(&clock)),
            Arc::clone(&router) as Arc<dyn ServiceRouter>,
            Arc::clone(&functions) as Arc<dyn FunctionInvoker>,
        )
        .unwrap();
        assert!(router.step_functions.set(service.clone()).is_ok());
        let ctx =
            CallContext::internal(Scope::new("000000000000", "us-east-1"), "http://127.0.0.1:4566".into());
        Self { service, clock, functions, router, ctx }
    }

    pub async fn call(&self, operation: &str, members: Value) -> Result<Value, ServiceError> {
        let Value::Object(members) = members else { panic!("members are an object") };
        let output =
            self.service.call(&self.ctx, operation, Input { members, ..Input::default() }).await?.opened();
        Ok(Value::Object(output.members.into_iter().filter(|(_, value)| !value.is_null()).collect()))
    }

    pub async fn create(&self, name: &str, definition: &Value) -> String {
        self.create_of_type(name, definition, "STANDARD").await
    }

    pub async fn create_of_type(&self, name: &str, definition: &Value, kind: &str) -> String {
        let members =
            json!({ "name": name, "definition": definition.to_string(), "roleArn": ROLE, "type": kind });
        let answer = self.call("CreateStateMachine", members).await.unwrap();
        answer["stateMachineArn"].as_str().unwrap().to_owned()
    }

    pub async fn start(&self, machine: &str, input: &Value) -> String {
        let members = json!({ "stateMachineArn": machine, "input": input.to_string() });
        self.call("StartExecution", members).await.unwrap()["executionArn"].as_str().unwrap().to_owned()
    }

    pub async fn describe(&self, execution: &str) -> Value {
        self.call("DescribeExecution", json!({ "executionArn": execution })).await.unwrap()
    }

    pub async fn history(&self, execution: &str) -> Vec<Value> {
        let mut events = Vec::new();
        let mut token = Value::Null;
        loop {
            let mut members = json!({ "executionArn": execution, "maxResults": 7 });
            if !token.is_null() {
                members["nextToken"] = token;
            }
            let page = self.call("GetExecutionHistory", members).await.unwrap();
            events.extend(page["events"].as_array().unwrap().clone());
            token = page["nextToken"].clone();
            if token.is_null() {
                return events;
            }
        }
    }

    /// The types of all events, shortened to what tells them apart.
    pub async fn types(&self, execution: &str) -> Vec<String> {
        self.history(execution).await.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }

    /// Lets service time pass until the execution has ended.
    pub async fn finish(&self, execution: &str) -> Value {
        for _ in 0..10_000 {
            let found = self.describe(execution).await;
            if found["status"] != "RUNNING" {
                return found;
            }
            self.settle().await;
            if let Some(next) = self.clock.next_wakeup() {
                self.clock.advance_to(next);
            }
        }
        panic!("the execution does not end: {:?}", self.types(execution).await);
    }

    /// Puts an object into S3.
    pub fn put(&self, bucket: &str, key: &str, content: impl AsRef<[u8]>) {
        let place = (bucket.to_owned(), key.to_owned());
        self.router.objects.lock().unwrap().insert(place, content.as_ref().to_vec());
    }

    /// An object of S3 as JSON.
    pub fn object(&self, bucket: &str, key: &str) -> Value {
        let objects = self.router.objects.lock().unwrap();
        serde_json::from_slice(&objects[&(bucket.to_owned(), key.to_owned())]).unwrap()
    }

    /// Lets everything that can happen without time passing happen.
    pub async fn settle(&self) {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}
