//! Deployment packages: where they come from ([`source`], or [`folder`] for those that are never packed), and how they
//! are unpacked ([`archive`]).

pub(crate) mod archive;
pub(crate) mod download;
pub(crate) mod folder;
pub(crate) mod folder_package;
pub(crate) mod image_uri;
pub(crate) mod machine;
pub(crate) mod source;
