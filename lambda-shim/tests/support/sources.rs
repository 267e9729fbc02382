//! Services around Lambda as event sources: the real SQS, and streams that a test writes to.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use aws_wire::ServiceError;
use runtime::{BoxFuture, CallContext, Clock, Input, Output, Service, ServiceRouter, Timestamp};
use serde_json::{Value, json};
use sqs::Sqs;
use store::Store;

/// A shard that a test writes to.
#[derive(Default)]
struct FakeShard {
    parent: Option<String>,
    closed: bool,
    /// With the moment each was written at.
    records: Vec<(Timestamp, Value)>,
}

/// Streams of Kinesis and DynamoDB (one of each), SQS, and what S3 was given.
#[derive(Clone)]
pub struct Sources {
    pub sqs: Sqs,
    clock: Clock,
    shards: Arc<Mutex<BTreeMap<(String, String), FakeShard>>>,
    pub objects: Arc<Mutex<Vec<(String, Value)>>>,
    /// Whether iterators have expired: the next read is refused.
    pub expired: Arc<AtomicBool>,
    /// Iterators that were asked for.
    pub iterators: Arc<Mutex<Vec<Value>>>,
}

impl Sources {
    pub fn new(store: &Store, clock: Clock) -> Self {
        Self {
            sqs: Sqs::new(store, clock.clone()).unwrap(),
            clock,
            shards: Arc::default(),
            objects: Arc::default(),
            expired: Arc::default(),
            iterators: Arc::default(),
        }
    }

    pub fn add_shard(&self, service: &str, id: &str, parent: Option<&str>) {
        let shard = FakeShard { parent: parent.map(str::to_owned), ..FakeShard::default() };
        self.shards.lock().unwrap().insert((service.to_owned(), id.to_owned()), shard);
    }

    pub fn close_shard(&self, service: &str, id: &str) {
        let mut shards = self.shards.lock().unwrap();
        shards.get_mut(&(service.to_owned(), id.to_owned())).unwrap().closed = true;
    }

    /// Writes a record; its sequence number tells its place.
    pub fn write(&self, service: &str, shard: &str, make: impl FnOnce(&str) -> Value) -> String {
        let mut shards = self.shards.lock().unwrap();
        let shard = shards.get_mut(&(service.to_owned(), shard.to_owned())).unwrap();
        let sequence = format!("1{:021}", shard.records.len() + 1);
        let now = self.clock.now();
        let mut record = make(&sequence);
        if service == "kinesis" {
            record["SequenceNumber"] = json!(sequence);
            record["ApproximateArrivalTimestamp"] = json!(now.epoch_seconds());
        } else {
            record["dynamodb"]["SequenceNumber"] = json!(sequence);
            record["dynamodb"]["ApproximateCreationDateTime"] = json!(now.millis() / 1000);
        }
        shard.records.push((now, record));
        sequence
    }

    fn list(&self, service: &str) -> Vec<Value> {
        let shards = self.shards.lock().unwrap();
        let of_service = shards.iter().filter(|((of, _), _)| of == service);
        let shown = of_service.map(|((_, id), shard)| {
            let mut range = json!({"StartingSequenceNumber": "0"});
            if shard.closed {
                range["EndingSequenceNumber"] = json!("9");
            }
            json!({"ShardId": id, "ParentShardId": shard.parent, "SequenceNumberRange": range})
        });
        shown.collect()
    }

    fn iterator(&self, service: &str, members: &Value) -> Value {
        self.iterators.lock().unwrap().push(members.clone());
        let shards = self.shards.lock().unwrap();
        let id = members["ShardId"].as_str().unwrap();
        let records = &shards[&(service.to_owned(), id.to_owned())].records;
        let named = |name: &str| members[name].as_str().map(|it| it[1..].parse::<usize>().unwrap());
        let at = match members["ShardIteratorType"].as_str().unwrap() {
            "TRIM_HORIZON" => 0,
            "LATEST" => records.len(),
            "AFTER_SEQUENCE_NUMBER" => named("StartingSequenceNumber").or(named("SequenceNumber")).unwrap(),
            "AT_TIMESTAMP" => {
                let from = members["Timestamp"].as_f64().unwrap();
                records.iter().take_while(|(at, _)| at.epoch_seconds() < from).count()
            }
            other => panic!("no such iterator: {other}"),
        };
        json!({"ShardIterator": format!("{id}/{at}")})
    }

    fn records(&self, service: &str, members: &Value) -> Value {
        let (id, at) = members["ShardIterator"].as_str().unwrap().rsplit_once('/').unwrap();
        let shards = self.shards.lock().unwrap();
        let shard = &shards[&(service.to_owned(), id.to_owned())];
        let records: Vec<Value> =
            shard.records.iter().skip(at.parse().unwrap()).map(|(_, record)| record.clone()).collect();
        let next = (!shard.closed).then(|| format!("{id}/{}", shard.records.len()));
        json!({"Records": records, "NextShardIterator": next})
    }

    async fn answer(
        &self,
        ctx: &CallContext,
        service: &str,
        operation: &str,
        input: Input,
    ) -> Result<Output, ServiceError> {
        // What is asked must be what the service's model knows.
        let model = aws_model::service(service).unwrap();
        let known = model.operation(operation).unwrap();
        aws_wire::validate(model, known, &input.members)
            .unwrap_or_else(|refused| panic!("{operation}: {refused}"));
        if service == "sqs" {
            return self.sqs.call(ctx, operation, input).await;
        }
        let body = input.body.read(1 << 20).await.unwrap();
        let members = Value::Object(input.members);
        let known = self.shards.lock().unwrap().keys().any(|(of, _)| of == service);
        match (service, operation) {
            ("s3", "PutObject") => {
                let object =
                    (members["Key"].as_str().unwrap().to_owned(), serde_json::from_slice(&body).unwrap());
                self.objects.lock().unwrap().push(object);
                Ok(Output::empty())
            }
            ("kinesis" | "dynamodbstreams", _) if !known => Err(ServiceError::not_implemented(format!(
                "Tule does not emulate {service} ({operation}); delegate it to another endpoint"
            ))),
            ("kinesis", "ListShards") if members["StreamName"] != "stream" => {
                Err(ServiceError::bad_request("ResourceNotFoundException", "Stream not found"))
            }
            ("kinesis", "ListShards") => Ok(Output::of(json!({"Shards": self.list(service)}))),
            ("dynamodbstreams", "DescribeStream") => {
                Ok(Output::of(json!({"StreamDescription": {"Shards": self.list(service)}})))
            }
            ("kinesis" | "dynamodbstreams", "GetShardIterator") => {
                Ok(Output::of(self.iterator(service, &members)))
            }
            ("kinesis" | "dynamodbstreams", "GetRecords") if self.expired.swap(false, Ordering::SeqCst) => {
                Err(ServiceError::bad_request("ExpiredIteratorException", "Iterator expired."))
            }
            ("kinesis" | "dynamodbstreams", "GetRecords") => Ok(Output::of(self.records(service, &members))),
            _ => Err(ServiceError::not_implemented("not here")),
        }
    }
}

impl ServiceRouter for Sources {
    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        service: &'a str,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        Box::pin(self.answer(ctx, service, operation, input))
    }
}
