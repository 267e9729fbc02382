//! `FunctionUrlConfig`: a function's URL, and who may call it.

use serde_json::{Map, Value, json};

use super::super::{
    Serverless, Work,
    intrinsic::{is_intrinsic, plain_map, said},
};

/// Adds the URL. `function` is the function's reference, or its alias's.
pub(super) fn make(id: &str, found: &Serverless, function: &Value, work: &mut Work<'_>) {
    let place = format!("Resources.{id}.Properties.FunctionUrlConfig");
    let Some(given) = found.get("FunctionUrlConfig") else { return };
    let Some(given) = plain_map(given) else {
        work.refusals.add(place, "a URL's configuration is a map");
        return;
    };
    for name in given.keys().filter(|name| !["AuthType", "Cors", "InvokeMode"].contains(&name.as_str())) {
        work.refusals
            .add(format!("{place}.{name}"), "Tule does not apply this property of function URLs yet");
    }
    let auth = given.get("AuthType").cloned().unwrap_or_default();
    if auth != "AWS_IAM" && auth != "NONE" && !is_intrinsic(&auth) {
        let text = "AuthType is required to configure function property `FunctionUrlConfig`. Please provide either \
                    AWS_IAM or NONE.";
        work.refusals.add(&place, text);
    }
    let mut url = Map::new();
    url.insert("AuthType".to_owned(), auth.clone());
    url.insert("TargetFunctionArn".to_owned(), function.clone());
    for name in ["Cors", "InvokeMode"] {
        url.extend(said(given, name).map(|value| (name.to_owned(), value.clone())));
    }
    let beside = found.derived();
    work.made.add(&format!("{id}Url"), "AWS::Lambda::Url", url, &beside);
    if auth != "NONE" {
        return;
    }
    let object = |value: Value| value.as_object().cloned().unwrap_or_default();
    let public = json!({
        "Action": "lambda:InvokeFunctionUrl", "FunctionName": function, "Principal": "*", "FunctionUrlAuthType": "NONE",
    });
    let kind = "AWS::Lambda::Permission";
    work.made.add(&format!("{id}UrlPublicPermissions"), kind, object(public), &beside);
    let through = json!({
        "Action": "lambda:InvokeFunction", "FunctionName": function, "Principal": "*", "InvokedViaFunctionUrl": true,
    });
    work.made.add(&format!("{id}URLInvokeAllowPublicAccess"), kind, object(through), &beside);
}
