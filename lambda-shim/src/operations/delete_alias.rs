//! `DeleteAlias`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::{provision, unqualified};
use crate::{function::configure::text, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let entry = unqualified(&lambda.0, ctx, &input.members)?;
    let alias_name = text(&input.members, "Name").unwrap_or_default();
    // An alias that is not there is as good as deleted.
    if entry.function().aliases.contains_key(alias_name) {
        lambda
            .0
            .table
            .update(&entry, |function| {
                function.aliases.remove(alias_name);
                function.policies.remove(alias_name);
                function.event_configs.remove(alias_name);
                function.urls.remove(alias_name);
                function.provisioned.remove(alias_name);
                Ok(())
            })
            .await?;
        provision::apply(&lambda.0, &entry);
    }
    Ok(Output::empty())
}
