//! Deflates the models, so that they take a seventh of their size in the binary.

use std::{
    env, fs,
    io::{self, Write as _},
    path::Path,
};

use flate2::{Compression, write::ZlibEncoder};

fn main() -> io::Result<()> {
    let out = env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    println!("cargo::rerun-if-changed=models");
    for entry in fs::read_dir("models")? {
        let path = entry?.path();
        let Some(name) = path.file_stem().filter(|_| path.extension().is_some_and(|it| it == "json")) else {
            continue;
        };
        let target = Path::new(&out).join(name).with_extension("zz");
        let mut encoder = ZlibEncoder::new(fs::File::create(target)?, Compression::best());
        encoder.write_all(&fs::read(&path)?)?;
        encoder.finish()?;
    }
    Ok(())
}
