//! What the optimised integrations add to a service's answer: its HTTP metadata, as AWS's SDK for Java shows it.

use runtime::CallContext;
use serde_json::{Map, Value, json};

/// What is shown of the HTTP answer.
pub(super) struct Http<'h> {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) content_length: usize,
    /// How the service spells the header `Connection`.
    pub(super) connection: &'static str,
    pub(super) extra: &'h [(&'static str, String)],
}

/// Adds SdkHttpMetadata and SdkResponseMetadata.
pub(super) fn add(answer: &mut Map<String, Value>, ctx: &CallContext, http: &Http<'_>) {
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let common = [
        (http.connection, String::from("keep-alive")),
        ("x-amzn-RequestId", (*ctx.request_id).to_owned()),
        ("Content-Length", http.content_length.to_string()),
        ("Date", date),
        ("Content-Type", http.content_type.to_owned()),
    ];
    let headers = || http.extra.iter().chain(&common);
    let all: Map<String, Value> =
        headers().map(|(name, value)| ((*name).to_owned(), json!([value]))).collect();
    let single: Map<String, Value> =
        headers().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    answer.insert(
        "SdkHttpMetadata".into(),
        json!({ "AllHttpHeaders": all, "HttpHeaders": single, "HttpStatusCode": http.status }),
    );
    answer.insert("SdkResponseMetadata".into(), json!({ "RequestId": &*ctx.request_id }));
}
