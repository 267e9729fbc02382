//! `PutRuntimeManagementConfig`: kept and shown. There is one build of a runtime here, so that it never changes under a
//! function, whatever this says; another build than that one is refused.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::{
    entry,
    get_runtime_management_config::{answer, version},
    named,
};
use crate::{
    error,
    function::{
        answer::runtime_version_arn,
        configure::text,
        name,
        record::RuntimeManagement,
    },
    service::Lambda,
};

const MANUAL: &str = "Manual";

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = input.members;
    let named = named(ctx, &members)?;
    let entry = entry(&lambda.0, ctx, &named)?;
    let update_on = text(&members, "UpdateRuntimeOn").unwrap_or_default().to_owned();
    let given = text(&members, "RuntimeVersionArn");
    match (update_on == MANUAL, given) {
        (true, None) => {
            return Err(error::invalid_parameter(
                "RuntimeVersionArn is required when UpdateRuntimeOn is Manual.",
            ));
        }
        (false, Some(_)) => {
            return Err(error::invalid_parameter(
                "RuntimeVersionArn is only accepted when UpdateRuntimeOn is Manual.",
            ));
        }
        (true, Some(_)) | (false, None) => {}
    }
    let update = lambda.0.table.update(&entry, |function| {
        let missing = || error::function_not_found(&named.arn());
        let version = version(function, named.qualifier.as_deref()).ok_or_else(missing)?;
        let configuration = function.version(&version).ok_or_else(missing)?;
        if configuration.runtime.is_none() {
            return Err(error::invalid_parameter("Functions from container images have no runtime to manage."));
        }
        if let Some(given) = given
            && given != runtime_version_arn(&ctx.scope, configuration)
        {
            return Err(error::unsupported(&format!("RuntimeVersionArn {given}: another build of the runtime")));
        }
        let config = RuntimeManagement { update_on, version_arn: given.map(str::to_owned) };
        function.runtime_management.insert(version, config.clone());
        Ok(config)
    });
    let config = update.await?;
    let arn = name::arn(&ctx.scope, &named.name, named.qualifier.as_deref());
    Ok(Output::of(answer(&arn, Some(&config))))
}
