//! `GetLayerVersionByArn`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::get_layer_version::show;
use crate::{error, function::configure::text, layer::name::LayerRef, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let arn = text(&input.members, "Arn").unwrap_or_default();
    // AWS's own layers (`arn:aws:lambda:::awslayer:…`) are named without a version, and there are none here.
    let missing = || error::not_found("The resource you requested does not exist.");
    let (layer, number) = LayerRef::of_version(arn).ok_or_else(missing)?;
    show(lambda, ctx, &layer, number)
}
