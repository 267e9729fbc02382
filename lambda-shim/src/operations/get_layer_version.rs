//! `GetLayerVersion`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use crate::{
    access,
    code::download,
    error,
    layer::name::{self, LayerRef},
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let number = name::number(&input.members)?;
    show(lambda, ctx, &LayerRef::of(ctx, &input.members), number)
}

/// A version with a link to its archive.
pub(super) fn show(
    lambda: &Lambda,
    ctx: &CallContext,
    layer: &LayerRef,
    number: u64,
) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let missing = || error::not_found("The resource you requested does not exist.");
    let found = inner.layers.get(layer, number).filter(|found| access::may_use(&ctx.scope, found));
    let version = found.ok_or_else(|| {
        let own = layer.scope.account == ctx.scope.account;
        if own { missing() } else { access::no_layer(&ctx.scope, &layer.version_arn(number)) }
    })?;
    let link = download::link(&ctx.endpoint, &version.code.blob, &inner.secret, inner.clock.now());
    Ok(Output { members: version.shown(&link), ..Output::default() })
}
