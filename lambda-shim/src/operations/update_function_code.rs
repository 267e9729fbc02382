//! `UpdateFunctionCode`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::Value;

use super::{activate, drop_blobs, entry, latest, must_be_revision, must_be_settled, publish_version::{Place, publish}};
use crate::{
    code::{folder, source},
    code_signing,
    function::{
        answer, configure,
        record::{Code, Function, State, Update},
    },
    layer::reference,
    service::{Lambda, stop_latest},
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let members = input.members;
    configure::refuse_unsupported(&members)?;
    let named = latest(ctx, &members)?;
    let entry = entry(inner, ctx, &named)?;
    let before = entry.function();
    must_be_revision(&members, &before.latest.revision_id)?;
    must_be_settled(&entry, &before)?;
    let place = Place::asked_for(&members);
    place.map_or(Ok(()), |place| place.must_suit(&before.latest))?;
    code_signing::must_not_enforce_on(inner, &before)?;
    let architecture = configure::architecture(&members)?;
    let flag = |name: &str| members.get(name).and_then(Value::as_bool) == Some(true);
    let mut image = before.latest.image.clone();
    let code = match &mut image {
        Some(image) => source::of_image(inner, image, &members).await?,
        None => if let Some(code) = folder::named(&members)? { code } else {
            let package = source::fetch(ctx, &*inner.router, &members).await?;
            reference::must_fit(&source::describe(&package), &before.latest.layers)?;
            if flag("DryRun") { source::describe(&package) } else { source::keep(&inner.store, package).await? }
        }
    };
    if flag("DryRun") {
        let mut shown = before.latest.clone();
        shown.code = Code { blob: shown.code.blob, ..code };
        return Ok(Output { members: answer::configuration(&ctx.scope, &named.name, &shown, None), ..Output::default() });
    }
    let now = inner.clock.now();
    let (members, after) = inner
        .table
        .update(&entry, |function| {
            must_be_revision(&members, &function.latest.revision_id)?;
            must_be_settled(&entry, function)?;
            let latest = &mut function.latest;
            latest.code = code;
            if let (Some(latest), Some(new)) = (&mut latest.image, image) {
                (latest.uri, latest.id) = (new.uri, new.id);
            }
            latest.architecture = architecture.unwrap_or_else(|| latest.architecture.clone());
            latest.redeploy(now);
            latest.last_update = Some(Update::InProgress);
            let shown = place.and_then(|place| pending_version(function, place));
            let (shown, qualifier) = match shown {
                Some(version) => (function.version(&version).unwrap_or(&function.latest), Some(version)),
                None => (&function.latest, None),
            };
            Ok((answer::configuration(&ctx.scope, &named.name, shown, qualifier.as_deref()), function.clone()))
        })
        .await?;
    stop_latest(&entry);
    activate::spawn(inner, &entry);
    drop_blobs(inner, &before, Some(&after)).await;
    Ok(Output { members, ..Output::default() })
}

/// Publishes what is not ready yet: the version's state follows `$LATEST`'s.
fn pending_version(function: &mut Function, place: Place) -> Option<String> {
    let version = publish(function, None, place);
    let published = function.version_mut(&version)?;
    published.state = State::Pending;
    published.last_update = None;
    Some(version)
}
