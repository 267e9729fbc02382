//! `CreateEventSourceMapping`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value};

use super::{TAG_LIMIT, named, tags, too_many_tags};
use crate::{
    error,
    event_source::{
        poll,
        record::{Mapping, Phase},
        settings,
        source::Source,
    },
    function::{configure::text, name::FunctionRef},
    service::{Inner, Lambda},
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let members = &input.members;
    let source = Source::of(members)?;
    let settings = settings::create(source, members)?;
    let named = named(ctx, members)?;
    function_must_exist(inner, ctx, &named)?;
    let tags = tags(members);
    if tags.len() > TAG_LIMIT {
        return Err(too_many_tags());
    }
    let now = inner.clock.now();
    let mapping = Mapping {
        account: ctx.scope.account.to_string(),
        region: ctx.scope.region.to_string(),
        uuid: uuid::Uuid::new_v4().to_string(),
        function: named.name.clone(),
        qualifier: named.qualifier.clone(),
        source,
        source_arn: text(members, "EventSourceArn").map(str::to_owned),
        settings,
        enabled: members.get("Enabled").and_then(Value::as_bool).unwrap_or(true),
        created: now,
        modified: now,
        tags: tags.into_iter().collect(),
    };
    let problem = poll::check_source(inner, &mapping).await?;
    let stored = {
        let function = store::Key::new().text(&mapping.function_arn());
        let _turn = inner.mappings.turns.turn(&function).await;
        must_be_new(inner, ctx, &mapping)?;
        inner.mappings.put(mapping).await?
    };
    let live = inner.mappings.live(&stored.uuid);
    live.source_problem(problem);
    let phase = if stored.enabled { Phase::Creating } else { Phase::Settled };
    poll::change(inner, &stored, phase);
    Ok(Output { members: inner.mappings.shown(&stored), ..Output::default() })
}

/// A mapping's function must be there, with the version or alias that is named.
pub(super) fn function_must_exist(inner: &Inner, ctx: &CallContext, named: &FunctionRef) -> Result<(), ServiceError> {
    let function = inner.table.get(&ctx.scope, &named.name).map(|entry| entry.function());
    if function.is_none_or(|function| function.qualified(named.qualifier.as_deref()).is_none()) {
        return Err(error::invalid_parameter("Function does not exist"));
    }
    Ok(())
}

/// A function reads a source by one mapping.
pub(super) fn must_be_new(inner: &Inner, ctx: &CallContext, mapping: &Mapping) -> Result<(), ServiceError> {
    let (arn, name) = (mapping.function_arn(), &mapping.function);
    let of_function = inner.mappings.page(&ctx.scope, (Some(&arn), mapping.source_arn.as_deref()), None, usize::MAX);
    let same = |other: &Map<String, Value>, member: &str| other.get(member) == mapping.settings.get(member);
    let mut others = of_function.iter().filter(|other| other.uuid != mapping.uuid);
    let before = others.find(|other| match mapping.source {
        Source::SelfManagedKafka => {
            other.source == mapping.source
                && same(&other.settings, "SelfManagedEventSource")
                && same(&other.settings, "Topics")
        }
        Source::ManagedKafka => same(&other.settings, "Topics"),
        Source::Broker => same(&other.settings, "Queues"),
        Source::DocumentDb => same(&other.settings, "DocumentDBEventSourceConfig"),
        Source::Queue | Source::FifoQueue | Source::Kinesis | Source::DynamoDb => true,
    });
    let Some(before) = before else { return Ok(()) };
    let (uuid, source) = (&before.uuid, mapping.source_arn.as_deref().unwrap_or_default());
    Err(error::conflict(if mapping.source.is_queue() {
        format!(
            "An event source mapping with SQS arn (\" {source} \") and function (\" {name} \") already exists. Please \
             update or delete the existing mapping with UUID {uuid}"
        )
    } else {
        format!(
            "The event source arn (\" {source} \") and function (\" {name} \") provided mapping already exists. Please \
             update or delete the existing mapping with UUID {uuid}"
        )
    }))
}
