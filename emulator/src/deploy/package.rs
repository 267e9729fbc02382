//! A function's package: its own folder, with what it requires installed beside it, so that an edited file is picked
//! up by the next invocation; or a zip, where the template brings the code itself.
//!
//! Installed packages are kept in a cache outside of the source tree, keyed by what asks for them, so that the same
//! requirements cost nothing the second time.

use std::{
    io::{Cursor, Write as _},
    path::{Path, PathBuf},
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
            Code::Archive { path } => {
                let source = self.folder.join(path);
                let told = |error: std::io::Error| format!("{}: {error}", source.display());
                let zip = match source.is_dir() {
                    true => zip_of_folder(&source)?,
                    false => std::fs::read(&source).map_err(told)?,
                };
                Ok(zipped(&zip))
            }
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

fn options(mode: u32) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(mode)
}

/// A folder with all that is in it, as it is; what a link leads to stands for it.
fn zip_of_folder(folder: &Path) -> Result<Vec<u8>, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // Deeper than that only links lead that go round in a circle.
    const DEEPEST: usize = 40;
    let mut waiting = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((at, prefix, depth)) = waiting.pop() {
        if depth > DEEPEST {
            return Err(format!("{} is deeper than {DEEPEST} folders", folder.display()));
        }
        let entries = std::fs::read_dir(&at).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = entries.map_err(|error| told(&error))?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            // What cannot be read is named itself, and a link with what it leads to.
            let named = |error: std::io::Error| match std::fs::read_link(entry.path()) {
                Ok(target) => {
                    format!("{} is a link to {}: {error}", entry.path().display(), target.display())
                }
                Err(_) => format!("{}: {error}", entry.path().display()),
            };
            let metadata = std::fs::metadata(entry.path()).map_err(named)?;
            if metadata.is_dir() {
                waiting.push((entry.path(), format!("{name}/"), depth + 1));
                continue;
            }
            let content = std::fs::read(entry.path()).map_err(named)?;
            zip.start_file(name, options(mode(&metadata))).map_err(|error| told(&error))?;
            zip.write_all(&content).map_err(|error| told(&error))?;
        }
    }
    Ok(zip.finish().map_err(|error| told(&error))?.into_inner())
}

#[cfg(unix)]
fn mode(metadata: &std::fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o777
}

#[cfg(not(unix))]
fn mode(_: &std::fs::Metadata) -> u32 {
    0o755
}

fn zip_of(name: &str, text: &str) -> Result<Vec<u8>, String> {
    let told = |error: &dyn std::fmt::Display| format!("the package cannot be written: {error}");
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = options(0o644);
    zip.start_file(name, options).map_err(|error| told(&error))?;
    zip.write_all(text.as_bytes()).map_err(|error| told(&error))?;
    Ok(zip.finish().map_err(|error| told(&error))?.into_inner())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_nowhere_is_named_with_what_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        std::fs::write(folder.path().join("good"), "x").unwrap();
        zip_of_folder(folder.path()).unwrap();
        let link = folder.path().join("inner/dangling");
        std::os::unix::fs::symlink("../gone", &link).unwrap();
        let refused = zip_of_folder(folder.path()).unwrap_err();
        assert!(refused.starts_with(&format!("{} is a link to ../gone: ", link.display())), "{refused}");
    }
}
