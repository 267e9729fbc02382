//! What events come from, told by the ARN, and which members a mapping of each kind may have.

use aws_wire::ServiceError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{error, function::configure::text};

/// A kind of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Source {
    Queue,
    FifoQueue,
    Kinesis,
    DynamoDb,
    ManagedKafka,
    SelfManagedKafka,
    Broker,
    DocumentDb,
}

/// Members that any mapping may have.
const ALWAYS: &[&str] = &[
    "BatchSize",
    "Enabled",
    "EventSourceArn",
    "FilterCriteria",
    "FunctionName",
    "KMSKeyArn",
    "MaximumBatchingWindowInSeconds",
    "MetricsConfig",
    "Tags",
    "UUID",
];
const QUEUE: &[&str] = &["FunctionResponseTypes", "ProvisionedPollerConfig", "ScalingConfig"];
const STREAM: &[&str] = &[
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "FunctionResponseTypes",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
    "StartingPosition",
    "StartingPositionTimestamp",
    "TumblingWindowInSeconds",
];
/// What mappings of both kinds of Kafka may have.
const KAFKA: &[&str] = &[
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "FunctionResponseTypes",
    "LoggingConfig",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ProvisionedPollerConfig",
    "SourceAccessConfigurations",
    "StartingPosition",
    "StartingPositionTimestamp",
    "Topics",
];
const BROKER: &[&str] = &["Queues", "SourceAccessConfigurations"];
const DOCUMENT_DB: &[&str] = &[
    "DocumentDBEventSourceConfig",
    "SourceAccessConfigurations",
    "StartingPosition",
    "StartingPositionTimestamp",
];

impl Source {
    /// The source that a request to create a mapping names.
    pub(crate) fn of(members: &Map<String, Value>) -> Result<Self, ServiceError> {
        let unknown = || error::invalid_parameter("Unrecognized event source.");
        if members.contains_key("SelfManagedEventSource") {
            return Ok(Self::SelfManagedKafka);
        }
        let arn = text(members, "EventSourceArn").ok_or_else(unknown)?;
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let resource = parts.get(5).copied().unwrap_or_default();
        match parts.get(2).copied() {
            Some("sqs") if resource.ends_with(".fifo") => Ok(Self::FifoQueue),
            Some("sqs") if !resource.is_empty() => Ok(Self::Queue),
            Some("kinesis") if resource.starts_with("stream/") => Ok(Self::Kinesis),
            Some("dynamodb") if resource.contains("/stream/") => Ok(Self::DynamoDb),
            Some("kafka") => Ok(Self::ManagedKafka),
            Some("mq") => Ok(Self::Broker),
            Some("rds") => Ok(Self::DocumentDb),
            _ => Err(unknown()),
        }
    }

    pub(crate) fn is_queue(self) -> bool {
        matches!(self, Self::Queue | Self::FifoQueue)
    }

    pub(crate) fn is_stream(self) -> bool {
        matches!(self, Self::Kinesis | Self::DynamoDb)
    }

    /// Whether a mapping must say where to begin.
    pub(crate) fn has_position(self) -> bool {
        !self.is_queue() && self != Self::Broker
    }

    /// Whether a member goes with this source.
    pub(crate) fn takes(self, member: &str) -> bool {
        let own = match self {
            Self::Queue | Self::FifoQueue => QUEUE,
            Self::Kinesis | Self::DynamoDb => STREAM,
            Self::ManagedKafka | Self::SelfManagedKafka => KAFKA,
            Self::Broker => BROKER,
            Self::DocumentDb => DOCUMENT_DB,
        };
        ALWAYS.contains(&member)
            || own.contains(&member)
            || (self == Self::ManagedKafka && member == "AmazonManagedKafkaEventSourceConfig")
            || (self == Self::SelfManagedKafka
                && matches!(member, "SelfManagedEventSource" | "SelfManagedKafkaEventSourceConfig"))
    }

    /// What AWS shows of a mapping where nothing was said.
    pub(crate) fn defaults(self) -> Value {
        match self {
            Self::Queue | Self::FifoQueue => {
                json!({"BatchSize": 10, "FunctionResponseTypes": [], "MaximumBatchingWindowInSeconds": 0})
            }
            Self::Kinesis | Self::DynamoDb => json!({
                "BatchSize": 100,
                "BisectBatchOnFunctionError": false,
                "DestinationConfig": {"OnFailure": {}},
                "FunctionResponseTypes": [],
                "MaximumBatchingWindowInSeconds": 0,
                "MaximumRecordAgeInSeconds": -1,
                "MaximumRetryAttempts": -1,
                "ParallelizationFactor": 1,
                "TumblingWindowInSeconds": 0,
            }),
            Self::ManagedKafka | Self::SelfManagedKafka => {
                json!({"BatchSize": 100, "DestinationConfig": {"OnFailure": {}}})
            }
            Self::Broker | Self::DocumentDb => json!({"BatchSize": 100}),
        }
    }

    /// Who changed a mapping's state, in the words of its kind.
    pub(crate) fn transition_reason(self) -> &'static str {
        if self.is_stream() { "User action" } else { "USER_INITIATED" }
    }

    /// What people call a source that Tule does not read from; `None` for those that it does.
    pub(crate) fn unpolled(self) -> Option<&'static str> {
        match self {
            Self::Queue | Self::FifoQueue | Self::Kinesis | Self::DynamoDb => None,
            Self::ManagedKafka => Some("Amazon MSK"),
            Self::SelfManagedKafka => Some("Apache Kafka"),
            Self::Broker => Some("Amazon MQ"),
            Self::DocumentDb => Some("Amazon DocumentDB"),
        }
    }
}
