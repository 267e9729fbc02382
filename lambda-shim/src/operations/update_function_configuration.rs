//! `UpdateFunctionConfiguration`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::{activate, entry, latest, must_be_revision, must_be_settled, release_layers};
use crate::{
    code_signing,
    function::{answer, configure, managed, network, record::Update},
    invoke::dead_letter,
    layer::reference,
    service::{Lambda, stop_latest},
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let members = input.members;
    let named = latest(ctx, &members)?;
    let entry = entry(inner, ctx, &named)?;
    let now = inner.clock.now();
    if members.contains_key("Layers") {
        code_signing::must_not_enforce_on(inner, &entry.function())?;
    }
    dead_letter::check(inner, ctx, &members).await?;
    let vpc = network::vpc_of(inner, ctx, &members).await?;
    // While the function is being stored nobody removes a layer that it has.
    let referring = inner.layers.referring.read().await;
    let before = entry.function();
    let members = inner
        .table
        .update(&entry, |function| {
            must_be_revision(&members, &function.latest.revision_id)?;
            must_be_settled(&entry, function)?;
            let latest = &mut function.latest;
            configure::update(latest, &named.name, &members)?;
            network::put(latest, vpc);
            managed::apply(latest, &members, false, |arn| inner.capacity.of_arn(arn))?;
            reference::apply(latest, &ctx.scope, &inner.layers, &members)?;
            reference::must_fit(&latest.code, &latest.layers)?;
            latest.redeploy(now);
            latest.last_update = Some(Update::InProgress);
            Ok(answer::configuration(&ctx.scope, &named.name, latest, None))
        })
        .await?;
    drop(referring);
    release_layers(inner, &before).await;
    stop_latest(&entry);
    activate::spawn(inner, &entry);
    Ok(Output { members, ..Output::default() })
}
