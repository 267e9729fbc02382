//! The ARNs of the service's resources.

use aws_wire::ServiceError;
use runtime::Scope;

use crate::{errors, records::MapRunKey};

/// What an ARN of the service names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    /// `stateMachine:NAME`, with a version's number or an alias's name behind it.
    StateMachine { name: String, qualifier: Option<String> },
    /// `execution:MACHINE:NAME`.
    Execution { machine: String, name: String },
    /// `express:MACHINE:NAME:UUID`.
    Express,
    /// `activity:NAME`.
    Activity { name: String },
    /// `mapRun:MACHINE/LABEL:ID`.
    MapRun { machine: String, id: String },
}

/// Reads an ARN of the service.
pub(crate) fn parse(arn: &str) -> Result<(Scope, Resource), ServiceError> {
    let parts: Vec<&str> = arn.split(':').collect();
    if parts.first() != Some(&"arn") {
        return Err(errors::invalid_arn(format!("Invalid ARN prefix: {arn}")));
    }
    let [_, partition, "states", region, account, kind, rest @ ..] = &parts[..] else {
        return Err(errors::invalid_arn(format!("Invalid ARN: {arn}")));
    };
    if !partition.starts_with("aws") || rest.iter().any(|part| part.is_empty()) {
        return Err(errors::invalid_arn(format!("Invalid ARN: {arn}")));
    }
    let resource = match (*kind, rest) {
        ("stateMachine", [name]) => Resource::StateMachine { name: (*name).to_owned(), qualifier: None },
        ("stateMachine", [name, qualifier]) => {
            Resource::StateMachine { name: (*name).to_owned(), qualifier: Some((*qualifier).to_owned()) }
        }
        ("execution", [machine, name]) => {
            Resource::Execution { machine: (*machine).to_owned(), name: (*name).to_owned() }
        }
        ("mapRun", [machine, id]) if machine.contains('/') => {
            Resource::MapRun { machine: (*machine).to_owned(), id: (*id).to_owned() }
        }
        ("express", [_, _, _]) => Resource::Express,
        ("activity", [name]) => Resource::Activity { name: (*name).to_owned() },
        _ => return Err(errors::invalid_arn(format!("Invalid ARN: {arn}"))),
    };
    Ok((Scope::new(account, region), resource))
}

fn not_here(arn: &str) -> ServiceError {
    let kind = arn.split(':').nth(5).unwrap_or("");
    errors::invalid_arn(format!("Resource type not valid in this context: {kind}"))
}

/// A state machine's ARN: its scope, its name, and the version or alias behind it.
pub(crate) fn state_machine(arn: &str) -> Result<(Scope, String, Option<String>), ServiceError> {
    match parse(arn)? {
        (scope, Resource::StateMachine { name, qualifier }) => Ok((scope, name, qualifier)),
        (
            _,
            Resource::Execution { .. }
            | Resource::Express
            | Resource::Activity { .. }
            | Resource::MapRun { .. },
        ) => Err(not_here(arn)),
    }
}

/// The ARN of an execution of a Standard state machine: its scope, its machine's name, its own.
pub(crate) fn execution(arn: &str) -> Result<(Scope, String, String), ServiceError> {
    match parse(arn)? {
        (scope, Resource::Execution { machine, name }) => Ok((scope, machine, name)),
        (
            _,
            Resource::StateMachine { .. }
            | Resource::Express
            | Resource::Activity { .. }
            | Resource::MapRun { .. },
        ) => Err(not_here(arn)),
    }
}

/// An activity's ARN.
pub(crate) fn activity(arn: &str) -> Result<(Scope, String), ServiceError> {
    match parse(arn)? {
        (scope, Resource::Activity { name }) => Ok((scope, name)),
        (
            _,
            Resource::StateMachine { .. }
            | Resource::Execution { .. }
            | Resource::Express
            | Resource::MapRun { .. },
        ) => Err(not_here(arn)),
    }
}

/// A Map Run's ARN.
pub(crate) fn map_run(arn: &str) -> Result<MapRunKey, ServiceError> {
    match parse(arn)? {
        (scope, Resource::MapRun { machine, id }) => {
            Ok(MapRunKey { scope, machine: machine.into(), id: id.into() })
        }
        (
            _,
            Resource::StateMachine { .. }
            | Resource::Execution { .. }
            | Resource::Express
            | Resource::Activity { .. },
        ) => Err(not_here(arn)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_arn_is_refused_as_aws_refuses_it() {
        let message = |arn: &str| execution(arn).unwrap_err().message;
        assert_eq!(message("no_arn"), "Invalid Arn: 'Invalid ARN prefix: no_arn'");
        assert_eq!(
            message("arn:aws:states:us-east-1:1:express:m:e:u"),
            "Invalid Arn: 'Resource type not valid in this context: express'"
        );
        assert!(execution("arn:aws:states:us-east-1:1:execution:m:e").is_ok());
        assert!(state_machine("arn:aws:states:us-east-1:1:stateMachine:m:").is_err());
    }
}
