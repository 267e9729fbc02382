//! STS: GetCallerIdentity and AssumeRole.

use std::time::Duration;

use aws_wire::{Arn, ServiceError};
use runtime::{BoxFuture, CallContext, Clock, Input, Output, Service};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::text;

/// STS. Every role can be assumed; the credentials given out belong to the role's account.
#[derive(Clone)]
pub struct Sts {
    clock: Clock,
}

impl Sts {
    /// An STS that dates its credentials by `clock`.
    pub fn new(clock: Clock) -> Self {
        Self { clock }
    }

    fn assume_role(&self, members: &serde_json::Map<String, Value>) -> Result<Output, ServiceError> {
        let role: Arn = text(members, "RoleArn").parse().map_err(|_| {
            ServiceError::bad_request("ValidationError", format!("{} is invalid", text(members, "RoleArn")))
        })?;
        let session = text(members, "RoleSessionName");
        let name = role.resource.rsplit('/').next().unwrap_or_default();
        let seconds = members.get("DurationSeconds").and_then(Value::as_u64).unwrap_or(3_600);
        let id = Uuid::new_v4().simple().to_string().to_uppercase();
        // The account id as access key: so later calls with these credentials reach the role's account.
        Ok(Output::of(json!({
            "Credentials": {
                "AccessKeyId": role.account,
                "SecretAccessKey": "test",
                "SessionToken": format!("tule-{id}"),
                "Expiration": self.clock.now().plus(Duration::from_secs(seconds)).epoch_seconds(),
            },
            "AssumedRoleUser": {
                "AssumedRoleId": format!("AROA{}:{session}", &id[..17]),
                "Arn": format!("arn:aws:sts::{}:assumed-role/{name}/{session}", role.account),
            },
            "PackedPolicySize": 0,
        })))
    }
}

fn get_caller_identity(ctx: &CallContext) -> Output {
    let account = &*ctx.scope.account;
    Output::of(
        json!({ "UserId": account, "Account": account, "Arn": format!("arn:aws:iam::{account}:root") }),
    )
}

impl Service for Sts {
    fn name(&self) -> &'static str {
        "sts"
    }

    fn operations(&self) -> &'static [&'static str] {
        &["AssumeRole", "GetCallerIdentity"]
    }

    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        Box::pin(async move {
            match operation {
                "AssumeRole" => self.assume_role(&input.members),
                "GetCallerIdentity" => Ok(get_caller_identity(ctx)),
                other => {
                    Err(ServiceError::not_implemented(format!("Tule does not implement {other} of sts yet")))
                }
            }
        })
    }
}
