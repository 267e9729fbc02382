//! AWS's wire: how a request becomes an operation with members, and how an answer or an error goes back.
//!
//! Owns protocols, routing by the service models, validation, errors, ARNs, policies' patterns, paging tokens and
//! SigV4. Knows no service and no HTTP server: it maps values to values. The way in is [`identify`], then
//! [`Identified::target`], then [`decode`] and [`validate`]; the way out is [`encode_output`] or [`encode_error`].

pub mod aws_chunked;
pub mod checksum;
pub mod event_stream;
pub mod sigv4;

mod arn;
mod credential;
mod decode;
mod encode;
mod error;
mod identify;
mod incomplete;
mod json;
mod like;
mod named;
mod paging;
mod query;
mod query_json;
mod routes;
mod text;
mod validate;
mod validate_ec2;
mod xml;

pub use arn::Arn;
pub use credential::{Credential, account_of};
pub use decode::{BodyNeed, body_need, decode};
pub use encode::{Encoded, encode_error, encode_output};
pub use error::ServiceError;
pub use identify::{Identified, identify, signed_as};
pub use incomplete::incomplete_signature;
pub use like::like;
pub use named::decode_named;
pub use paging::PageToken;
pub use query_json::{decode_query, encode_query_error, encode_query_output};
pub use routes::Target;
pub use text::{decode_percent, query_pairs, split_at_mark};
pub use validate::validate;
