//! `UpdateCapacityProvider`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use crate::{
    capacity::{self, Named},
    function::record::last_modified,
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let named = Named::of(ctx, &input.members)?;
    let changed = inner.capacity.change(&named, |provider| {
        capacity::change(&mut provider.settings, &input.members)?;
        provider.modified = last_modified(inner.clock.now());
        Ok(())
    });
    Ok(Output::of(json!({"CapacityProvider": changed.await?.shown("Active")})))
}
