//! `UpdateFunctionUrlConfig`: what is given changes, the rest stays.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::{create_function_url_config::cors, get_function_url_config::missing, named};
use crate::{function::configure::text, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = input.members;
    let named = named(ctx, &members)?;
    let entry = lambda.0.table.get(&ctx.scope, &named.name).ok_or_else(missing)?;
    let now = lambda.0.clock.now().millis();
    let changed = lambda
        .0
        .table
        .update(&entry, |function| {
            let key = named.qualifier.as_deref().unwrap_or_default();
            let url = function.urls.get_mut(key).ok_or_else(missing)?;
            if let Some(auth_type) = text(&members, "AuthType") {
                auth_type.clone_into(&mut url.auth_type);
            }
            if let Some(mode) = text(&members, "InvokeMode") {
                url.invoke_mode = Some(mode.to_owned());
            }
            if members.get("Cors").is_some_and(|given| !given.is_null()) {
                url.cors = cors(&members);
            }
            url.modified = now;
            Ok(url.clone())
        })
        .await?;
    let mut answer = changed.answer(&named.arn(), &ctx.scope.region, &ctx.endpoint);
    answer["LastModifiedTime"] = runtime::Timestamp(changed.modified).rfc3339().into();
    Ok(Output::of(answer))
}
