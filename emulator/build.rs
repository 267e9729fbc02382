//! Lets the linker fold functions that came out the same, where it can: generic code is compiled once for every type.

use std::{env, fs, path::PathBuf, process::Command};

const FOLD: &str = "-Wl,--icf=all";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") && folds() {
        println!("cargo::rustc-link-arg-bins={FOLD}");
    }
}

/// Whether the linker knows the option: LLD, gold and mold do, GNU's does not.
fn folds() -> bool {
    let folder = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let source = folder.join("probe.rs");
    let target = env::var("TARGET").unwrap_or_default();
    if !target.contains("linux") || fs::write(&source, "fn main() {}").is_err() {
        return false;
    }
    let mut probe = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    probe.args(["--edition", "2024", "--target", &target, "-C", &format!("link-arg={FOLD}"), "-o"]);
    probe.arg(folder.join("probe")).arg(source);
    probe.output().is_ok_and(|output| output.status.success())
}
