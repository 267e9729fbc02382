//! Layers: archives that functions have below `/opt`, published in versions.
//!
//! [`table`] keeps them, [`name`] reads how requests name them, [`reference`] is how functions refer to them. What a
//! function refers to stays usable when its version is deleted; it is removed with the last reference.

pub(crate) mod name;
pub(crate) mod record;
pub(crate) mod reference;
pub(crate) mod table;
