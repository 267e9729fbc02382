//! A function's package: its folder, with what it requires installed beside it, as one zip.
//!
//! Installed packages and finished zips are kept in a cache outside of the source tree, keyed by content, so that the
//! same sources cost nothing the second time.

use std::{
    collections::HashSet,
    io::{Cursor, Write as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
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
    pub(super) zip: Vec<u8>,
    pub(super) warning: Option<String>,
}

/// Folders that are never part of a package.
const SKIPPED: &[&str] = &[".git", ".aws-sam", "__pycache__", "node_modules", ".venv", "venv"];

impl Packager {
    pub(super) fn new(folder: PathBuf) -> Result<Self, String> {
        Ok(Self { folder, cache: install::cache_folder()? })
    }

    pub(super) async fn package(&self, code: &Code) -> Result<Package, String> {
        match code {
            Code::Inline { text, file } => {
                let zip = write_zip(vec![(file.clone(), Source::Text(text.clone()))])?;
                Ok(Package { zip, warning: None })
            }
            Code::Path { path, runtime } => {
                let source = self.folder.join(path);
                if source.is_file() {
                    let zip =
                        std::fs::read(&source).map_err(|error| format!("{}: {error}", source.display()))?;
                    return Ok(Package { zip, warning: None });
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
        let cache = self.cache.join("packages");
        let zip = tokio::task::spawn_blocking(move || zip_folder(&cache, &source, installed.as_deref()));
        let zip = zip.await.map_err(|error| format!("packaging ended: {error}"))??;
        Ok(Package { zip, warning })
    }
}

enum Source {
    Text(String),
    File(PathBuf),
}

fn zip_folder(cache: &Path, source: &Path, installed: Option<&Path>) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", source.display());
    let mut files = Vec::new();
    collect(source, source, true, &mut files).map_err(told)?;
    let mut key = Sha256::new();
    for (name, path) in &files {
        let content = std::fs::read(path).map_err(told)?;
        key.update((name.len() as u64).to_le_bytes());
        key.update(name);
        key.update((content.len() as u64).to_le_bytes());
        key.update(content);
        key.update(mode_of(path).to_le_bytes());
    }
    key.update(installed.map_or_else(String::new, |installed| installed.display().to_string()));
    let cached = cache.join(format!("{}.zip", aws_wire::sigv4::hex(&key.finalize())));
    if let Ok(zip) = std::fs::read(&cached) {
        return Ok(zip);
    }
    if let Some(installed) = installed {
        // A function's own file stands before an installed one of the same name.
        let own: HashSet<String> = files.iter().map(|(name, _)| name.clone()).collect();
        let mut further = Vec::new();
        collect(installed, installed, false, &mut further).map_err(told)?;
        files.extend(further.into_iter().filter(|(name, _)| !own.contains(name)));
    }
    let zip = write_zip(files.into_iter().map(|(name, path)| (name, Source::File(path))).collect())?;
    std::fs::create_dir_all(cache).map_err(told)?;
    let unfinished = tempfile::NamedTempFile::new_in(cache).map_err(told)?;
    std::fs::write(unfinished.path(), &zip).map_err(told)?;
    unfinished.persist(&cached).map_err(|error| told(error.error))?;
    Ok(zip)
}

/// All files below a folder, sorted, with their names in the zip. Links are followed only within the folder.
fn collect(
    root: &Path,
    folder: &Path,
    skip: bool,
    files: &mut Vec<(String, PathBuf)>,
) -> std::io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !(skip && SKIPPED.iter().any(|skipped| entry.file_name() == *skipped)) {
                collect(root, &path, skip, files)?;
            }
        } else if path.is_file() && (!kind.is_symlink() || is_inside(root, &path)?) {
            let name = path.strip_prefix(root).unwrap_or(&path);
            let name: Vec<_> =
                name.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
            files.push((name.join("/"), path));
        }
    }
    Ok(())
}

/// Whether a link ends below `root`: a project from elsewhere must not put a file of its user's into a package.
fn is_inside(root: &Path, link: &Path) -> std::io::Result<bool> {
    Ok(std::fs::canonicalize(link)?.starts_with(std::fs::canonicalize(root)?))
}

fn write_zip(files: Vec<(String, Source)>) -> Result<Vec<u8>, String> {
    let told = |error: &dyn std::fmt::Display| format!("the package cannot be written: {error}");
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // Fast before small: the package only goes to this machine.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(1))
        .last_modified_time(zip::DateTime::default());
    for (name, source) in files {
        let (content, mode) = match source {
            Source::Text(text) => (text.into_bytes(), 0o644),
            Source::File(path) => (std::fs::read(&path).map_err(|error| told(&error))?, mode_of(&path)),
        };
        zip.start_file(name, options.unix_permissions(mode)).map_err(|error| told(&error))?;
        zip.write_all(&content).map_err(|error| told(&error))?;
    }
    Ok(zip.finish().map_err(|error| told(&error))?.into_inner())
}

#[cfg(unix)]
fn mode_of(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    let executable = std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0);
    if executable { 0o755 } else { 0o644 }
}

#[cfg(not(unix))]
fn mode_of(_: &Path) -> u32 {
    0o755
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(zip: &[u8]) -> Vec<String> {
        let mut zip = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
        (0..zip.len()).map(|at| zip.by_index(at).unwrap().name().unwrap().into_owned()).collect()
    }

    #[cfg(unix)]
    #[test]
    fn a_package_is_what_the_folder_is_now_and_no_more() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};

        let folder = tempfile::tempdir().unwrap();
        let [cache, source, installed] =
            ["cache", "source", "installed"].map(|name| folder.path().join(name));
        for made in [&source, &installed] {
            std::fs::create_dir(made).unwrap();
            std::fs::write(made.join("six.py"), "").unwrap();
        }
        std::fs::write(installed.join("seven.py"), "").unwrap();
        std::fs::write(source.join("bootstrap"), "#!/bin/sh").unwrap();
        std::fs::write(folder.path().join("secret"), "").unwrap();
        symlink(folder.path().join("secret"), source.join("outside")).unwrap();
        symlink("bootstrap", source.join("inside")).unwrap();
        let zip = zip_folder(&cache, &source, Some(&installed)).unwrap();
        assert_eq!(names(&zip), ["bootstrap", "inside", "six.py", "seven.py"]);
        std::fs::set_permissions(source.join("bootstrap"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let zip = zip_folder(&cache, &source, Some(&installed)).unwrap();
        let mut zip = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
        assert_eq!(zip.by_name("bootstrap").unwrap().unix_mode().unwrap() & 0o777, 0o755);
    }
}
