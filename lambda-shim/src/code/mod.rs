//! Deployment packages: where they come from ([`source`]), and how they are unpacked ([`archive`]).

pub(crate) mod archive;
pub(crate) mod download;
pub(crate) mod machine;
pub(crate) mod source;
