//! `GetAccountSettings`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use crate::{
    code::archive::UNZIPPED_LIMIT,
    invoke::concurrency::ACCOUNT_CONCURRENCY,
    service::Lambda,
};

/// AWS's limit of all packages of an account: 75 GiB.
const TOTAL_CODE_SIZE: u64 = 75 << 30;
/// AWS's limit of a package in a request: 50 MiB.
const ZIPPED_LIMIT: u64 = 50 << 20;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, _: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let functions = inner.table.page(&ctx.scope, None, usize::MAX);
    let size: u64 = functions
        .iter()
        .map(|entry| {
            let function = entry.function();
            function.latest.code.size + function.versions.values().map(|version| version.code.size).sum::<u64>()
        })
        .sum();
    let reserved: u64 = functions.iter().filter_map(|entry| entry.function().reserved_concurrency).map(u64::from).sum();
    let size = size + inner.layers.code_size(&ctx.scope);
    Ok(Output::of(json!({
        "AccountLimit": {
            "TotalCodeSize": TOTAL_CODE_SIZE,
            "CodeSizeUnzipped": UNZIPPED_LIMIT,
            "CodeSizeZipped": ZIPPED_LIMIT,
            "ConcurrentExecutions": ACCOUNT_CONCURRENCY,
            "UnreservedConcurrentExecutions": u64::from(ACCOUNT_CONCURRENCY).saturating_sub(reserved),
        },
        "AccountUsage": {"TotalCodeSize": size, "FunctionCount": functions.len()},
    })))
}
