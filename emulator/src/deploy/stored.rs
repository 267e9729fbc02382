//! What a template wants read from Systems Manager, where another endpoint serves that.

use std::collections::BTreeMap;

use runtime::{Body, CallContext, Input, ServiceRouter};
use serde_json::json;

/// The values of parameters by their names. A name may have a version behind it.
pub(super) async fn read(
    router: &dyn ServiceRouter,
    ctx: &CallContext,
    names: Vec<String>,
) -> Result<BTreeMap<String, String>, String> {
    let mut values = BTreeMap::new();
    for name in names {
        let members = json!({ "Name": name }).as_object().cloned().unwrap_or_default();
        let answer = router.call(ctx, "ssm", "GetParameter", Input { members, body: Body::Empty }).await;
        let answer = answer.map_err(|error| {
            format!(
                "the parameter {name} of Systems Manager cannot be read: {}: {}",
                error.code, error.message
            )
        })?;
        let parameter = answer.members.get("Parameter");
        let text = |member: &str| parameter.and_then(|it| it.get(member)?.as_str()).map(str::to_owned);
        if text("Type").as_deref() == Some("SecureString") {
            return Err(format!(
                "the parameter {name} of Systems Manager is a SecureString, which templates cannot have as a parameter"
            ));
        }
        let value =
            text("Value").ok_or_else(|| format!("Systems Manager has no value of the parameter {name}"))?;
        values.insert(name, value);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use aws_wire::ServiceError;
    use runtime::{Output, Scope, ScriptedRouter};
    use serde_json::Value;

    use super::*;

    #[tokio::test]
    async fn parameters_are_read_by_name_and_secrets_are_not() {
        let ssm = ScriptedRouter::new(|_, service, operation, input| {
            assert_eq!((service, operation), ("ssm", "GetParameter"));
            let parameter = match input.members.get("Name").and_then(Value::as_str) {
                Some("/a:2") => Ok(json!({"Name": "/a", "Type": "String", "Value": "x", "Selector": ":2"})),
                Some("/secret") => Ok(json!({"Name": "/secret", "Type": "SecureString", "Value": "?"})),
                _ => Err(ServiceError::bad_request("ParameterNotFound", "")),
            };
            std::future::ready(parameter.map(|parameter| Output::of(json!({"Parameter": parameter}))))
        });
        let ctx = CallContext::internal(Scope::new("000000000000", "us-east-1"), "http://x".into());
        let read = async |name: &str| read(&ssm, &ctx, vec![name.to_owned()]).await;
        assert_eq!(read("/a:2").await.unwrap(), BTreeMap::from([("/a:2".to_owned(), "x".to_owned())]));
        assert!(read("/secret").await.unwrap_err().contains("SecureString"));
        assert!(read("/none").await.unwrap_err().contains("ParameterNotFound"));
    }
}
