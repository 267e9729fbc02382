//! Task states.

use std::sync::Arc;

use super::{
    Number, Pattern, Resource, Task,
    fields::Fields,
    handlers,
    machine::{Compiler, Targets},
};
use crate::template::Template;

pub(super) const PATHS: &[&str] = &["TimeoutSecondsPath", "HeartbeatSecondsPath"];
pub(super) const FIELDS: &[&str] = &["Resource", "TimeoutSeconds", "HeartbeatSeconds", "Credentials"];

pub(super) fn parse(compiler: &Compiler, fields: &mut Fields<'_, '_>, targets: &Targets<'_>) -> Option<Task> {
    let handlers = handlers::parse(fields, targets);
    let timeout = fields.number("TimeoutSeconds", 1);
    let heartbeat = fields.number("HeartbeatSeconds", 1);
    if let (Some(Number::Literal(timeout)), Some(Number::Literal(heartbeat))) = (&timeout, &heartbeat)
        && heartbeat >= timeout
    {
        fields.wrong("HeartbeatSeconds", "HeartbeatSeconds must be smaller than TimeoutSeconds");
    }
    fields.at_most("TimeoutSeconds", 99_999_999);
    fields.at_most("HeartbeatSeconds", 99_999_999);
    let credentials = credentials(fields);
    if !fields.required(&["Resource"]) {
        return None;
    }
    let arn = fields.string("Resource")?;
    let Some(resource) = Resource::parse(arn) else {
        fields.wrong(
            "Resource",
            format!("The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region."),
        );
        return None;
    };
    if compiler.express {
        match &resource {
            Resource::Activity { .. } => {
                fields.wrong("Resource", "Express state machine does not support Activity ARN");
            }
            Resource::Service { pattern, .. } if *pattern != Pattern::RequestResponse => {
                let suffix = pattern.suffix();
                fields.wrong(
                    "Resource",
                    format!("Express state machine does not support '{suffix}' service integration "),
                );
            }
            Resource::Lambda { .. } | Resource::Service { .. } => {}
        }
    }
    Some(Task { resource: Arc::new(resource), timeout, heartbeat, credentials, handlers })
}

fn credentials(fields: &mut Fields<'_, '_>) -> Option<Template> {
    let members = fields.object("Credentials")?;
    if !members.contains_key("RoleArn") && !members.contains_key("RoleArn.$") {
        fields.wrong("Credentials", "The field 'RoleArn' is required but was missing");
        return None;
    }
    fields.template("Credentials")
}
