//! `CreateFunctionUrlConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value};

use super::{entry, named, put_provisioned_concurrency_config::must_not_be_isolated};
use crate::{
    error,
    function::{
        configure::text,
        name::FunctionRef,
        record::{Function, FunctionUrl},
    },
    service::Lambda,
};

/// The tag that chooses a URL's id, for scripts that want one they know.
const CUSTOM_ID: &str = "_custom_id_";
/// An id's length on AWS.
const ID_LENGTH: usize = 32;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = input.members;
    let named = named(ctx, &members)?;
    let entry = entry(&lambda.0, ctx, &named)?;
    let now = lambda.0.clock.now().millis();
    let made = lambda
        .0
        .table
        .update(&entry, |function| {
            must_be_alias(function, &named)?;
            must_not_be_isolated(function, "Function URLs are")?;
            let key = named.qualifier.clone().unwrap_or_default();
            if function.urls.contains_key(&key) {
                return Err(error::conflict(format!(
                    "Failed to create function url config for [functionArn = {}]. Error message:  FunctionUrlConfig \
                     exists for this Lambda function",
                    named.arn()
                )));
            }
            let custom = function.tags.get(CUSTOM_ID).filter(|_| key.is_empty()).cloned();
            let url = FunctionUrl {
                id: custom.unwrap_or_else(new_id),
                auth_type: text(&members, "AuthType").unwrap_or_default().to_owned(),
                cors: cors(&members),
                invoke_mode: text(&members, "InvokeMode").map(str::to_owned),
                created: now,
                modified: now,
            };
            function.urls.insert(key, url.clone());
            Ok(url)
        })
        .await?;
    Ok(Output::of(made.answer(&named.arn(), &ctx.scope.region, &ctx.endpoint)))
}

/// URLs belong to `$LATEST` or to an alias, never to a version.
fn must_be_alias(function: &Function, named: &FunctionRef) -> Result<(), ServiceError> {
    match named.qualifier.as_deref() {
        Some(qualifier) if !function.aliases.contains_key(qualifier) => {
            Err(error::not_found(format!("Function does not exist: {}", named.arn())))
        }
        _ => Ok(()),
    }
}

/// `Cors`, unless it is empty: that is how it is taken away.
pub(super) fn cors(members: &Map<String, Value>) -> Option<Value> {
    let given = members.get("Cors")?.as_object()?;
    (!given.is_empty()).then(|| Value::Object(given.clone()))
}

fn new_id() -> String {
    format!("{}{}", proxy_events::random_id(ID_LENGTH / 2), proxy_events::random_id(ID_LENGTH / 2))
}
