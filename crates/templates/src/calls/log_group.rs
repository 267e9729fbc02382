//! `AWS::Logs::LogGroup`.

use serde_json::{Value, json};

use super::{Call, Named, Reply, pseudo};
use crate::Known;

pub(super) const PROPERTIES: &[&str] = &["LogGroupName", "RetentionInDays"];

pub(super) fn calls(resource: Named<'_>) -> Vec<Call> {
    let name = resource.name("LogGroupName");
    let create = Call::new("logs", "CreateLogGroup", json!({ "logGroupName": name }));
    let mut calls = vec![create.or_if("ResourceAlreadyExistsException", Vec::new())];
    if let Some(days) = resource.get("RetentionInDays") {
        let members = json!({ "logGroupName": name, "retentionInDays": days });
        calls.push(Call::new("logs", "PutRetentionPolicy", members));
    }
    calls
}

pub(super) fn reply(resource: Named<'_>, known: &Known) -> Reply {
    let name = resource.name("LogGroupName");
    let (region, account) = (pseudo(known, "AWS::Region"), pseudo(known, "AWS::AccountId"));
    let arn = Value::from(format!("arn:aws:logs:{region}:{account}:log-group:{name}:*"));
    Reply { reference: Value::from(name), attributes: vec![("Arn", arn)] }
}
