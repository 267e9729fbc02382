//! `UpdateEventSourceMapping`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::Value;

use super::{
    create_event_source_mapping::{function_must_exist, must_be_new},
    get_event_source_mapping::found,
    named,
};
use crate::{
    event_source::{
        poll,
        record::{Mapping, Phase},
        settings,
    },
    service::{Inner, Lambda},
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let uuid = found(inner, ctx, &input)?.uuid.clone();
    let _turn = inner.mappings.turns.turn(&store::Key::new().text(&uuid)).await;
    let before = found(inner, ctx, &input)?;
    must_be_settled(inner, &before, "update")?;
    let members = &input.members;
    let mut after = Mapping::clone(&before);
    after.settings = settings::update(before.source, &before.settings, members)?;
    if members.contains_key("FunctionName") {
        let named = named(ctx, members)?;
        function_must_exist(inner, ctx, &named)?;
        (after.function, after.qualifier) = (named.name, named.qualifier);
        must_be_new(inner, ctx, &after)?;
    }
    after.enabled = members.get("Enabled").and_then(Value::as_bool).unwrap_or(before.enabled);
    after.modified = inner.clock.now();
    let problem = poll::check_source(inner, &after).await?;
    let phase = match (before.enabled, after.enabled) {
        (false, true) => Phase::Enabling,
        (true, false) => Phase::Disabling,
        (true, true) | (false, false) => Phase::Updating,
    };
    let stored = inner.mappings.put(after).await?;
    inner.mappings.live(&uuid).source_problem(problem);
    poll::change(inner, &stored, phase);
    Ok(Output { members: inner.mappings.shown(&stored), ..Output::default() })
}

/// Refuses a change while another one is under way, as AWS does.
pub(super) fn must_be_settled(inner: &Inner, mapping: &Mapping, verb: &str) -> Result<(), ServiceError> {
    match inner.mappings.live(&mapping.uuid).phase() {
        Phase::Settled => Ok(()),
        Phase::Creating | Phase::Enabling | Phase::Disabling | Phase::Updating | Phase::Deleting => {
            Err(ServiceError::bad_request(
                "ResourceInUseException",
                format!("Cannot {verb} the event source mapping because it is in use."),
            )
            .with_field("Type", "User"))
        }
    }
}
