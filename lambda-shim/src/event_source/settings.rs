//! A mapping's settings: AWS's rules across members, and the typed view that pollers have of them.

use std::time::Duration;

use aws_wire::ServiceError;
use serde_json::{Map, Value};

use super::{filter::Filters, record::Mapping, source::Source};
use crate::error;

type Members = Map<String, Value>;

/// Members that are no settings: they are kept elsewhere.
const NOT_SETTINGS: &[&str] = &["Enabled", "EventSourceArn", "FunctionName", "Tags", "UUID"];
/// Of streams: the shortest age that records can be dropped at.
const LEAST_AGE: i64 = 60;
/// AWS's quota.
const FILTER_LIMIT: usize = 10;
/// Batches of a queue that are worked on side by side where nothing else is said: AWS begins with as many pollers.
const QUEUE_CONCURRENCY: usize = 5;
/// Concurrent batches of one poller of SQS in provisioned mode.
const OF_A_POLLER: usize = 10;

fn invalid<T>(message: impl Into<String>) -> Result<T, ServiceError> {
    Err(error::invalid_parameter(message))
}

fn number(members: &Members, name: &str) -> Option<i64> {
    members.get(name).and_then(Value::as_i64)
}

/// The settings of a new mapping.
pub(crate) fn create(source: Source, members: &Members) -> Result<Members, ServiceError> {
    check_position(source, members)?;
    let Value::Object(defaults) = source.defaults() else { return Ok(Members::new()) };
    if source == Source::SelfManagedKafka && !members.contains_key("SourceAccessConfigurations") {
        return invalid("Required 'sourceAccessConfigurations' parameter is missing.");
    }
    let required = match source {
        Source::ManagedKafka | Source::SelfManagedKafka => Some(("Topics", "topics")),
        Source::Broker => Some(("Queues", "queues")),
        Source::DocumentDb => Some(("DocumentDBEventSourceConfig", "documentDBEventSourceConfig")),
        Source::Queue | Source::FifoQueue | Source::Kinesis | Source::DynamoDb => None,
    };
    if let Some((_, shown)) = required.filter(|(name, _)| !members.contains_key(*name)) {
        return invalid(format!("Required '{shown}' parameter is missing."));
    }
    overlay(source, defaults, members)
}

/// The settings of a mapping after an update.
pub(crate) fn update(source: Source, before: &Members, members: &Members) -> Result<Members, ServiceError> {
    overlay(source, before.clone(), members)
}

fn overlay(source: Source, mut settings: Members, members: &Members) -> Result<Members, ServiceError> {
    for (name, value) in members.iter().filter(|(name, _)| !NOT_SETTINGS.contains(&name.as_str())) {
        if value.is_null() {
            continue;
        }
        if !source.takes(name) {
            let empty = value.as_object().is_some_and(Map::is_empty);
            if empty {
                continue;
            }
            return invalid(format!("Unsupported {name} parameter for given event source mapping type."));
        }
        // An empty structure takes back what was said before.
        match value.as_object() {
            Some(given) if removes(name, given) => drop(settings.remove(name)),
            _ => drop(settings.insert(name.clone(), value.clone())),
        }
    }
    check_destination(source, &mut settings)?;
    check_filters(&mut settings)?;
    check_numbers(source, &settings)?;
    check_pollers(source, &settings)?;
    Ok(settings)
}

fn removes(name: &str, given: &Members) -> bool {
    match name {
        "ScalingConfig" | "ProvisionedPollerConfig" | "MetricsConfig" | "LoggingConfig" => given.is_empty(),
        _ => false,
    }
}

fn check_position(source: Source, members: &Members) -> Result<(), ServiceError> {
    let position = members.get("StartingPosition").and_then(Value::as_str);
    let at = members.get("StartingPositionTimestamp").filter(|at| !at.is_null());
    if !source.has_position() {
        if position.is_some() || at.is_some() {
            let name = if source.is_queue() { "SQS" } else { "Amazon MQ" };
            return invalid(format!("StartingPosition is not valid for {name} event sources."));
        }
        return Ok(());
    }
    let Some(position) = position else {
        return invalid(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not \
             be null.",
        );
    };
    if position != "AT_TIMESTAMP" {
        if at.is_some() {
            return invalid("Timestamp only valid with StartingPosition AT_TIMESTAMP");
        }
        return Ok(());
    }
    if source == Source::DynamoDb {
        let arn = members.get("EventSourceArn").and_then(Value::as_str).unwrap_or_default();
        return invalid(format!("Unsupported starting position for arn type: {arn}"));
    }
    match at.and_then(Value::as_f64) {
        None => invalid("StartingPositionTimestamp must be provided with StartingPosition AT_TIMESTAMP"),
        Some(at) if at < 0.0 => invalid(
            "Received Exception while reading from provided stream. class java.lang.Long can not be converted to a \
             Timestamp",
        ),
        Some(_) => Ok(()),
    }
}

/// Checks where failed batches go, and puts it into the form in which it is shown.
fn check_destination(source: Source, settings: &mut Members) -> Result<(), ServiceError> {
    let Some(config) = settings.get_mut("DestinationConfig") else { return Ok(()) };
    let of = |on: &str| config[on]["Destination"].as_str().filter(|arn| !arn.is_empty()).map(str::to_owned);
    if of("OnSuccess").is_some() {
        return invalid("Unsupported DestinationConfig parameter for given event source mapping type.");
    }
    let failure = of("OnFailure");
    if let Some(arn) = &failure {
        let is_kafka = matches!(source, Source::ManagedKafka | Source::SelfManagedKafka);
        let known = match arn.split(':').nth(2) {
            Some("sqs" | "sns" | "s3") => true,
            _ => is_kafka && arn.starts_with("kafka://"),
        };
        if !known {
            return invalid(format!(
                "The provided destination config DestinationConfig(onSuccess=null, \
                 onFailure=OnFailure(destination={arn})) is invalid."
            ));
        }
    }
    *config = match failure {
        Some(arn) => serde_json::json!({"OnFailure": {"Destination": arn}}),
        None => serde_json::json!({"OnFailure": {}}),
    };
    Ok(())
}

/// Checks patterns; criteria without one are none.
fn check_filters(settings: &mut Members) -> Result<(), ServiceError> {
    let Some(criteria) = settings.get("FilterCriteria") else { return Ok(()) };
    let count = criteria["Filters"].as_array().map_or(0, Vec::len);
    if count > FILTER_LIMIT {
        return invalid(format!("FilterCriteria can have at most {FILTER_LIMIT} filters."));
    }
    if Filters::of(criteria).is_none() {
        return invalid("Invalid filter pattern definition.");
    }
    if count == 0 {
        settings.remove("FilterCriteria");
    }
    Ok(())
}

fn check_numbers(source: Source, settings: &Members) -> Result<(), ServiceError> {
    let size = number(settings, "BatchSize").unwrap_or_default();
    let window = number(settings, "MaximumBatchingWindowInSeconds").unwrap_or_default();
    if source == Source::FifoQueue {
        if size > 10 {
            return invalid("Batch size must not exceed 10 for FIFO queues");
        }
        if window > 0 {
            return invalid("Batching window is not supported for FIFO queues");
        }
    }
    if source.is_queue() && size > 10 && window == 0 {
        return invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        );
    }
    if number(settings, "MaximumRecordAgeInSeconds").is_some_and(|age| (0..LEAST_AGE).contains(&age)) {
        return invalid("MaximumRecordAgeInSeconds must be -1 or between 60 and 604800");
    }
    Ok(())
}

fn check_pollers(source: Source, settings: &Members) -> Result<(), ServiceError> {
    let Some(config) = settings.get("ProvisionedPollerConfig") else { return Ok(()) };
    let (least, name) = if source.is_queue() { (2, "SQS") } else { (1, "Kafka") };
    if source.is_queue() && config.get("PollerGroupName").is_some_and(|name| !name.is_null()) {
        return invalid("PollerGroupName is not supported for SQS event sources.");
    }
    let bound = |name: &str| config.get(name).and_then(Value::as_i64);
    let (minimum, maximum) = (bound("MinimumPollers"), bound("MaximumPollers"));
    if minimum.is_none() && maximum.is_none() {
        return invalid(
            "Either MinimumPollers or MaximumPollers are required if ProvisionedPollerConfig is provided.",
        );
    }
    let minimum = minimum.unwrap_or(least);
    if minimum < least || maximum.is_some_and(|maximum| maximum < minimum) {
        return invalid(format!(
            "MinimumPollers should be between [{least}, 200] and MaximumPollers should be between [MinimumPollers, 10000]"
        ));
    }
    if settings.get("ScalingConfig").is_some_and(|scaling| !scaling["MaximumConcurrency"].is_null()) {
        return invalid(format!(
            "Provisioned mode for {name} ESM does not support maximum concurrency feature. Use MaximumPollers as the \
             control mechanism and remove maximum concurrency."
        ));
    }
    Ok(())
}

/// What pollers of all kinds go by.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) batch_size: usize,
    /// How long a batch is waited for to fill.
    pub(crate) window: Duration,
    pub(crate) filters: Filters,
    /// Whether functions say which items of a batch failed.
    pub(crate) report: bool,
    /// Batches of a queue that are worked on at once.
    pub(crate) concurrency: usize,
    pub(crate) on_failure: Option<String>,
    pub(crate) stream: StreamSettings,
}

/// What readers of streams go by.
#[derive(Debug, Clone)]
pub(crate) struct StreamSettings {
    pub(crate) batch_size: usize,
    pub(crate) window: Duration,
    /// Batches of one shard that are worked on at once.
    pub(crate) lanes: usize,
    /// None: for as long as the records live.
    pub(crate) retries: Option<u32>,
    pub(crate) maximum_age: Option<Duration>,
    pub(crate) bisect: bool,
    pub(crate) report: bool,
    /// How long tumbling windows are.
    pub(crate) tumbling: Option<Duration>,
}

impl Settings {
    pub(crate) fn of(mapping: &Mapping) -> Self {
        let settings = &mapping.settings;
        let count = |name: &str| number(settings, name).and_then(|value| usize::try_from(value).ok());
        let seconds = |name: &str| {
            number(settings, name)
                .and_then(|value| u64::try_from(value).ok())
                .filter(|value| *value > 0)
                .map(Duration::from_secs)
        };
        let inner = |outer: &str, name: &str| settings.get(outer).and_then(|value| value[name].as_u64());
        let of_scaling = inner("ScalingConfig", "MaximumConcurrency");
        let of_pollers = inner("ProvisionedPollerConfig", "MaximumPollers")
            .or_else(|| inner("ProvisionedPollerConfig", "MinimumPollers"));
        let sized = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        let concurrency = of_scaling
            .map(sized)
            .or_else(|| of_pollers.map(|pollers| sized(pollers).saturating_mul(OF_A_POLLER)))
            .unwrap_or(QUEUE_CONCURRENCY)
            .min(1_250);
        let batch_size = count("BatchSize").unwrap_or(1).max(1);
        let window = seconds("MaximumBatchingWindowInSeconds").unwrap_or_default();
        let types = settings.get("FunctionResponseTypes").and_then(Value::as_array);
        let report = types.is_some_and(|types| types.iter().any(|it| it == "ReportBatchItemFailures"));
        let destination = settings.get("DestinationConfig");
        let stream = StreamSettings {
            batch_size,
            window,
            lanes: count("ParallelizationFactor").unwrap_or(1).clamp(1, 10),
            retries: number(settings, "MaximumRetryAttempts").and_then(|value| u32::try_from(value).ok()),
            maximum_age: seconds("MaximumRecordAgeInSeconds"),
            bisect: settings.get("BisectBatchOnFunctionError") == Some(&Value::Bool(true)),
            report,
            tumbling: seconds("TumblingWindowInSeconds"),
        };
        Self {
            batch_size,
            window,
            filters: settings.get("FilterCriteria").and_then(Filters::of).unwrap_or_default(),
            report,
            concurrency,
            on_failure: destination
                .and_then(|config| config["OnFailure"]["Destination"].as_str())
                .map(str::to_owned),
            stream,
        }
    }
}
