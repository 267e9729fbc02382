//! OpenAPI 3.0 of HTTP APIs: documents into drafts, stages into documents.

pub(crate) mod export;
pub(crate) mod import;
mod integration;
mod security;
