//! REST APIs: their records, what is compiled of a deployment, and the pipeline a request goes through.

pub(crate) mod access_log;
pub(crate) mod authorize;
pub(crate) mod cache;
pub(crate) mod compiled;
pub(crate) mod compression;
mod content;
pub(crate) mod exchange;
pub(crate) mod execution_log;
mod firehose;
pub(crate) mod gateway_response;
pub(crate) mod integration_kind;
pub(crate) mod integration_request;
pub(crate) mod integration_response;
pub(crate) mod method_response;
pub(crate) mod pipeline;
pub(crate) mod record;
pub(crate) mod route;
pub(crate) mod settings;
pub(crate) mod trie;
pub(crate) mod validate;
