//! AWS's wire: how a request becomes an operation with members, and how an answer or an error goes back.
//!
//! Owns protocols, routing by the service models, validation, errors, ARNs, paging tokens and SigV4. Knows no service
//! and no HTTP server: it maps values to values. Start at [`ServiceError`].

mod error;

pub use error::ServiceError;
