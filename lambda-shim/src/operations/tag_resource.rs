//! `TagResource`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::{TAG_LIMIT, tagged, tags, too_many_tags};
use crate::{error, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let tags = tags(&input.members);
    let entry = tagged(&lambda.0, ctx, &input.members)?;
    if tags.is_empty() {
        return Err(error::invalid_parameter("An error occurred and the request cannot be processed."));
    }
    lambda
        .0
        .table
        .update(&entry, |function| {
            function.tags.extend(tags);
            if function.tags.len() > TAG_LIMIT {
                return Err(too_many_tags());
            }
            function.latest.revise();
            Ok(())
        })
        .await?;
    Ok(Output::empty())
}
