//! `DeleteLayerVersion`: one that is not there is deleted already.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use crate::{
    layer::name::{self, LayerRef},
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let number = name::number(&input.members)?;
    inner.layers.delete(&LayerRef::of(ctx, &input.members), number, &inner.table).await?;
    Ok(Output::empty())
}
