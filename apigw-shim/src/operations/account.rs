//! GetAccount, UpdateAccount.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;
use serde_json::json;

use crate::{
    State,
    apis::scope_key,
    error::{bad_request, storage},
    members,
    patch::Patch,
    rest_api::record::Texts,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateAccount {
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

fn render(account: Option<&Texts>) -> Output {
    Output::of(json!({
        "cloudwatchRoleArn": account.and_then(|account| account.get("cloudwatchRoleArn")),
        "throttleSettings": {"burstLimit": 5000, "rateLimit": 10000.0},
        "features": ["UsagePlans"],
        "apiKeyVersion": "4",
    }))
}

pub(super) async fn get(state: &State, ctx: &CallContext, _: Input) -> Result<Output, ServiceError> {
    Ok(render(state.apis.accounts.get(&scope_key(&ctx.scope)).as_deref()))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: UpdateAccount = members::read(input)?;
    let key = scope_key(&ctx.scope);
    let mut account = state.apis.accounts.get(&key).map(|account| Texts::clone(&account)).unwrap_or_default();
    for patch in &input.patch_operations {
        match patch.path.as_str() {
            // A role has no effect here, so it is kept and shown.
            "/cloudwatchRoleArn" => {
                account.remove("cloudwatchRoleArn");
                if patch.sets()? && !patch.value().is_empty() {
                    if !patch.value().starts_with("arn:") {
                        return Err(bad_request("Invalid ARN specified in the request"));
                    }
                    account.insert(String::from("cloudwatchRoleArn"), patch.value());
                }
            }
            _ => return Err(patch.invalid_path()),
        }
    }
    let account = state.apis.accounts.put(key, account).await.map_err(storage)?;
    Ok(render(Some(&account)))
}
