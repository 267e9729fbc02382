//! `DeleteProvisionedConcurrencyConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::{
    get_provisioned_concurrency_config::{UNPUBLISHED, qualified},
    provision,
};
use crate::service::Lambda;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let (entry, qualifier) = qualified(inner, ctx, &input.members, UNPUBLISHED)?;
    // One that is not there is deleted already.
    if entry.function().provisioned.contains_key(&qualifier) {
        let update = inner.table.update(&entry, |function| {
            function.provisioned.remove(&qualifier);
            Ok(())
        });
        update.await?;
        provision::apply(inner, &entry);
    }
    Ok(Output::empty())
}
