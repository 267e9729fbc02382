//! `ListFunctions`.

use aws_wire::ServiceError;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use runtime::{CallContext, Input, Output};
use serde_json::{Value, json};

use super::page_size;
use crate::{
    error,
    function::{answer, configure::text, name::LATEST},
    service::Lambda,
};

/// AWS answers 50 functions a page, however many are asked for.
const PAGE: usize = 50;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let all_versions = text(&input.members, "FunctionVersion") == Some("ALL");
    let size = page_size(&input.members, PAGE);
    // Where the last page ended: a function's name, and how many of its versions were on it.
    let marker: Option<(String, usize)> = text(&input.members, "Marker").map(read).transpose()?;
    let table = &lambda.0.table;
    let mut entries = Vec::new();
    let mut skip = 0;
    if let Some((name, shown)) = &marker {
        skip = *shown;
        entries.extend(table.get(&ctx.scope, name).filter(|_| all_versions));
        if entries.is_empty() {
            skip = 0;
        }
    }
    entries.extend(table.page(&ctx.scope, marker.as_ref().map(|(name, _)| name.as_str()), size + 1));
    let mut functions: Vec<Value> = Vec::with_capacity(size);
    let mut last = (String::new(), 0);
    for entry in entries {
        let function = entry.function();
        let versions = std::iter::once(&function.latest).chain(function.published());
        for (index, version) in versions.take(if all_versions { usize::MAX } else { 1 }).enumerate().skip(skip) {
            if functions.len() == size {
                let marker = write(&last);
                return Ok(Output::of(json!({"Functions": functions, "NextMarker": marker})));
            }
            let qualifier = all_versions.then_some(if index == 0 { LATEST } else { &version.version });
            functions.push(answer::listed(&ctx.scope, &entry.name, version, qualifier));
            last = (entry.name.to_string(), index + 1);
        }
        skip = 0;
    }
    Ok(Output::of(json!({"Functions": functions})))
}

fn write(marker: &(String, usize)) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(json!(marker).to_string())
}

fn read(marker: &str) -> Result<(String, usize), ServiceError> {
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(marker).ok();
    decoded
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| error::invalid_parameter("The marker is not one that ListFunctions answered."))
}
