//! `tule`.
fn main() {}
