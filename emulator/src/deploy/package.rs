//! A function's package: its own folder, with what it requires installed beside it, so that an edited file is picked
//! up by the next invocation; or a zip, where the template brings the code itself.
//!
//! Installed packages are kept in a cache outside of the source tree, keyed by what asks for them, so that the same
//! requirements cost nothing the second time.

use std::{
    io::{Cursor, Write as _},
    path::PathBuf,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use templates::Code;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::install::{self, Manifest};

/// Makes packages for the functions of one template.
pub(super) struct Packager {
    folder: PathBuf,
    cache: PathBuf,
}

/// A package, and what is missing in it.
pub(super) struct Package {
    /// As a member `Code` has it.
    pub(super) code: Value,
    pub(super) warning: Option<String>,
}

impl Packager {
    pub(super) fn new(folder: PathBuf) -> Result<Self, String> {
        Ok(Self { folder, cache: install::cache_folder()? })
    }

    pub(super) async fn package(&self, code: &Code) -> Result<Package, String> {
        match code {
            Code::Inline { text, file } => Ok(zipped(&zip_of(file, text)?)),
            Code::Path { path, runtime } => {
                let source = std::path::absolute(self.folder.join(path))
                    .map_err(|error| format!("{path}: {error}"))?;
                if source.is_file() {
                    let zip = std::fs::read(&source);
                    return zip
                        .map(|zip| zipped(&zip))
                        .map_err(|error| format!("{}: {error}", source.display()));
                }
                if !source.is_dir() {
                    return Err(format!("{} is neither a folder nor a zip", source.display()));
                }
                self.of_folder(source, runtime).await
            }
        }
    }

    async fn of_folder(&self, source: PathBuf, runtime: &str) -> Result<Package, String> {
        let (installed, warning) = match Manifest::find(&source, runtime) {
            None => (None, None),
            Some(manifest) => match install::install(&self.cache, &manifest).await {
                Ok(folder) => (Some(folder), None),
                Err(problem) => (None, Some(problem)),
            },
        };
        let folders = std::env::join_paths(std::iter::once(source).chain(installed))
            .map_err(|error| format!("a function's folder cannot be named: {error}"))?;
        let code = json!({ "S3Bucket": "hot-reload", "S3Key": folders.to_string_lossy() });
        Ok(Package { code, warning })
    }
}

fn zipped(zip: &[u8]) -> Package {
    Package { code: json!({ "ZipFile": STANDARD.encode(zip) }), warning: None }
}

fn zip_of(name: &str, text: &str) -> Result<Vec<u8>, String> {
    let told = |error: &dyn std::fmt::Display| format!("the package cannot be written: {error}");
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644);
    zip.start_file(name, options).map_err(|error| told(&error))?;
    zip.write_all(text.as_bytes()).map_err(|error| told(&error))?;
    Ok(zip.finish().map_err(|error| told(&error))?.into_inner())
}
