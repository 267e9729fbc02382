//! Function URLs: requests over HTTP that a function answers.
//!
//! [`serve`] is the way of a request: who may ask, the event, the function, its answer; [`stream`] are answers that are sent
//! as they come. The configurations belong to
//! functions' records, and are found by the URL's id through the table of functions.

mod serve;
mod stream;

use serde_json::{Value, json};

use crate::function::record::FunctionUrl;

pub(crate) use serve::serve;

/// The header that names an error's type.
const ERROR_TYPE: &str = "x-amzn-ErrorType";

impl FunctionUrl {
    /// `http://ID.lambda-url.REGION.localhost:4566/`: `localhost` and all names below it are this machine, by RFC 6761.
    pub(crate) fn address(&self, region: &str, endpoint: &str) -> String {
        let port =
            endpoint.rsplit(':').next().and_then(|port| port.trim_end_matches('/').parse::<u16>().ok());
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("http://{}.lambda-url.{region}.localhost{port}/", self.id)
    }

    /// The configuration as the API shows it.
    pub(crate) fn answer(&self, function_arn: &str, region: &str, endpoint: &str) -> Value {
        json!({
            "FunctionUrl": self.address(region, endpoint),
            "FunctionArn": function_arn,
            "AuthType": self.auth_type,
            "Cors": self.cors,
            "CreationTime": runtime::Timestamp(self.created).rfc3339(),
            "InvokeMode": self.invoke_mode,
        })
    }
}
