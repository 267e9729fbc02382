//! Compiles the init of function containers into a static program that the library embeds. Where that is not possible
//! (another system than Linux, no static C library) an empty file takes its place, and the docker executor says so.

use std::{env, fs, path::PathBuf, process::Command};

fn main() {
    println!("cargo:rerun-if-changed=init/main.rs");
    println!("cargo:rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("tule-init");
    let target = env::var("TARGET").unwrap_or_default();
    let built = target.contains("linux") && compile(&target, &out);
    if !built {
        if target.contains("linux") {
            println!(
                "cargo:warning=the containers' init could not be built; the docker executor will not be available"
            );
        }
        fs::write(&out, []).unwrap_or_else(|error| println!("cargo:warning={error}"));
    }
}

fn compile(target: &str, out: &PathBuf) -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let options = [
        "opt-level=z",
        "panic=abort",
        "strip=symbols",
        "lto=fat",
        "codegen-units=1",
        "target-feature=+crt-static",
    ];
    let mut command = Command::new(rustc);
    command.args([
        "--edition",
        "2024",
        "--crate-name",
        "tule_init",
        "--crate-type",
        "bin",
        "--target",
        target,
    ]);
    for option in options {
        command.args(["-C", option]);
    }
    command.arg("-o").arg(out).arg("init/main.rs");
    command.status().is_ok_and(|status| status.success())
}
