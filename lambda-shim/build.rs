//! Compiles the init of function containers into a static program that the library embeds, deflated. Where that is not
//! possible (another system than Linux, no static C library) an empty file takes its place, and the docker executor
//! says so.

use std::{
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use flate2::{Compression, write::ZlibEncoder};

fn main() {
    println!("cargo:rerun-if-changed=init/main.rs");
    println!("cargo:rerun-if-changed=build.rs");
    let program = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("tule-init");
    let out = program.with_extension("zz");
    let target = env::var("TARGET").unwrap_or_default();
    let built = target.contains("linux") && compile(&target, &program) && deflate(&program, &out).is_ok();
    if !built {
        if target.contains("linux") {
            println!(
                "cargo:warning=the containers' init could not be built; the docker executor will not be available"
            );
        }
        fs::write(&out, []).unwrap_or_else(|error| println!("cargo:warning={error}"));
    }
}

fn deflate(program: &Path, out: &Path) -> io::Result<()> {
    let mut encoder = ZlibEncoder::new(fs::File::create(out)?, Compression::best());
    encoder.write_all(&fs::read(program)?)?;
    encoder.finish().map(drop)
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
