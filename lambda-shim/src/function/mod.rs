//! Functions: their names, what is kept of them, how they are shown, and the table that holds them all.

pub(crate) mod answer;
pub(crate) mod configure;
pub(crate) mod managed;
pub(crate) mod name;
pub(crate) mod network;
pub(crate) mod record;
pub(crate) mod runtimes;
pub(crate) mod table;
