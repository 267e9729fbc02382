//! `CreateFunction`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value};

use super::{
    TAG_LIMIT, activate, named,
    publish_version::{Place, publish},
    tags, too_many_tags,
};
use crate::{
    code::{folder, source},
    code_signing, error,
    function::{
        answer,
        configure::{self, text},
        managed, network,
        record::{Function, State},
    },
    invoke::dead_letter,
    layer::reference,
    service::Lambda,
};

/// The model admits longer names, for ARNs; a name itself is at most this long.
const NAME_LIMIT: usize = 64;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let members = input.members;
    let named = named(ctx, &members)?;
    if named.name.len() > NAME_LIMIT {
        return Err(error::invalid_parameter(format!(
            "1 validation error detected: Value '{}' at 'functionName' failed to satisfy constraint: Member must have \
             length less than or equal to {NAME_LIMIT}",
            named.name
        )));
    }
    if named.qualifier.is_some() {
        return Err(error::invalid_parameter("A function is created without a version or an alias in its name."));
    }
    let mut configuration = configure::create(&named.name, &members, inner.clock.now())?;
    managed::apply(&mut configuration, &members, true, |arn| inner.capacity.of_arn(arn))?;
    let tags = tags(&members);
    if tags.len() > TAG_LIMIT {
        return Err(too_many_tags());
    }
    // While the function is being stored nobody removes a layer that it has.
    let _referring = inner.layers.referring.read().await;
    reference::apply(&mut configuration, &ctx.scope, &inner.layers, &members)?;
    if inner.table.get(&ctx.scope, &named.name).is_some() {
        return Err(error::conflict(format!("Function already exist: {}", named.name)));
    }
    let signing = text(&members, "CodeSigningConfigArn").map(str::to_owned);
    if let Some(arn) = &signing {
        code_signing::must_exist(inner, arn)?;
        code_signing::must_not_enforce(inner, Some(arn))?;
    }
    dead_letter::check(inner, ctx, &members).await?;
    let vpc = network::vpc_of(inner, ctx, &members).await?;
    network::put(&mut configuration, vpc);
    let none = Map::new();
    let code = members.get("Code").and_then(Value::as_object).unwrap_or(&none);
    if let Some(image) = &mut configuration.image {
        configuration.code = source::of_image(inner, image, code).await?;
    } else if let Some(code) = folder::named(code)? {
        configuration.code = code;
    } else {
        let package = source::fetch(ctx, &*inner.router, code).await?;
        reference::must_fit(&source::describe(&package), &configuration.layers)?;
        configuration.code = source::keep(&inner.store, package).await?;
    }
    let mut function = Function::new(configuration, tags.into_iter().collect());
    function.code_signing = signing;
    let mut shown = function.latest.clone();
    if let Some(place) = Place::asked_for(&members) {
        place.must_suit(&shown)?;
        let version = publish(&mut function, None, place);
        if let Some(published) = function.version_mut(&version) {
            (published.state, published.last_update) = (State::Pending, None);
            shown = published.clone();
        }
    }
    let created = inner.table.insert(&ctx.scope, &named.name, function).await?;
    activate::spawn(inner, &created);
    Ok(Output { members: answer::configuration(&ctx.scope, &named.name, &shown, None), ..Output::default() })
}
