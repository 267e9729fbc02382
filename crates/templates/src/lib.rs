//! Templates into planned API calls: CloudFormation's language, the SAM transform, OpenAPI bodies.
//!
//! Pure: texts and values in, a plan out; no file, network, clock or randomness. What a template asks for and this
//! crate does not know is refused by name, all of it at once. The way through is [`Template::parse`],
//! [`Template::plan`], then for each [`Step`] [`Step::calls`] with what the earlier ones gave.

mod calls;
mod cidr;
mod document;
mod intrinsics;
mod language_extensions;
mod plan;
mod refusal;
mod sam;
mod template;

pub use calls::{Call, Code, Follow, Reply};
pub use intrinsics::{Known, PseudoParameters};
pub use plan::{Plan, Step};
pub use refusal::{Refusal, Refusals};
pub use template::{Template, Transformed};
