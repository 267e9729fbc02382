//! Access logs to Amazon Data Firehose, by whoever serves that: Tule has it by delegation alone.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_wire::ServiceError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use runtime::{CallContext, Input, Scope, ServiceRouter};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::{State, error::bad_request};

/// What AWS wants the names of delivery streams to begin with.
const PREFIX: &str = "amazon-apigateway-";
/// As many lines wait for the service; what comes when it is that far behind is lost, and the log says so.
const MOST_WAITING: usize = 10_000;
/// How long the service may take for a line.
const PATIENCE: Duration = Duration::from_secs(10);

/// A delivery stream that lines are sent to, one record each.
pub(super) struct DeliveryStream {
    scope: Scope,
    name: String,
    queue: OnceLock<mpsc::Sender<String>>,
}

impl DeliveryStream {
    /// The stream of `arn:aws:firehose:REGION:ACCOUNT:deliverystream/amazon-apigateway-NAME`.
    pub fn of(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", _, "firehose", region, account, resource] = parts.as_slice() else { return None };
        let name = resource.strip_prefix("deliverystream/").filter(|name| name.starts_with(PREFIX))?;
        Some(Self { scope: Scope::new(account, region), name: name.to_owned(), queue: OnceLock::new() })
    }

    /// Sends a line behind those that wait.
    pub fn send(&self, state: &State, line: String) {
        let queue = self.queue.get_or_init(|| {
            let (queue, lines) = mpsc::channel(MOST_WAITING);
            let ctx = CallContext::internal(self.scope.clone(), state.options.endpoint.clone());
            tokio::spawn(deliver(Arc::clone(&state.router), ctx, self.name.clone(), lines));
            queue
        });
        if queue.try_send(line).is_err() {
            tracing::warn!(stream = self.name, "a line of an access log is lost: Firehose is too slow");
        }
    }
}

/// Puts records until the stage that writes them is no more.
async fn deliver(
    router: Arc<dyn ServiceRouter>,
    ctx: CallContext,
    name: String,
    mut lines: mpsc::Receiver<String>,
) {
    while let Some(line) = lines.recv().await {
        // Records are put together without anything between them, so each ends its line.
        let data = STANDARD.encode(format!("{line}\n"));
        let members = of(json!({"DeliveryStreamName": name, "Record": {"Data": data}}));
        let input = Input { members, ..Input::default() };
        let put = router.call(&ctx, "firehose", "PutRecord", input);
        let reason = match tokio::time::timeout(PATIENCE, put).await {
            Ok(Ok(_)) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => String::from("it did not answer in time"),
        };
        tracing::warn!(stream = name, "a line of an access log is lost: Firehose failed: {reason}");
    }
}

fn of(members: Value) -> Map<String, Value> {
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Whether there is such a stream. Where nobody serves Firehose the refusal says how to have it served.
pub(super) async fn check(state: &State, scope: &Scope, arn: &str) -> Result<(), ServiceError> {
    let Some(stream) = DeliveryStream::of(arn) else {
        return Err(bad_request(format!(
            "Invalid ARN specified in the request. ARNs of Firehose streams must be of the form \
             arn:aws:firehose:{{region}}:{{account-id}}:deliverystream/{PREFIX}{{your-stream-name}}"
        )));
    };
    if stream.scope != *scope {
        return Err(bad_request("The Firehose stream must be in the account and the region of the API"));
    }
    let ctx = CallContext::internal(stream.scope, state.options.endpoint.clone());
    let input = Input { members: of(json!({"DeliveryStreamName": stream.name})), ..Input::default() };
    let described = state.router.call(&ctx, "firehose", "DescribeDeliveryStream", input).await;
    match described {
        Ok(_) => Ok(()),
        Err(error) if error.code == "ResourceNotFoundException" => {
            Err(bad_request(format!("Invalid ARN specified in the request: {}", error.message)))
        }
        Err(error) => Err(error),
    }
}
