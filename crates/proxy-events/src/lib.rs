//! What lies between an HTTP request and a Lambda function that answers it: the request as it has been read, the event
//! of version 2.0, the answer in what the function returned, and CORS.
//!
//! HTTP APIs and function URLs share all of it; REST APIs share the request. Knows no service and keeps no state.

mod answer;
mod cors;
mod event;
mod names;
mod prelude;
mod request;
mod secured;

pub use answer::{PayloadVersion, headers, read, status};
pub use cors::Cors;
pub use event::{Route, body, version_2};
pub use names::WrittenNames;
pub use prelude::{NoPrelude, Prelude};
pub use request::{
    CustomDomain, Incoming, MOST_BODY, decode, encode_path, is_binary, is_framing, multi_values, path_values,
    random_id, single_values,
};
pub use secured::{ClientCertificate, Secured};
