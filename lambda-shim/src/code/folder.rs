//! Code that is a folder of this machine instead of an archive, so that an edited file is picked up by the next
//! invocation: the bucket `hot-reload`, whose keys are paths, as LocalStack has it.
//!
//! A key may be several folders, written as a search path is: the first is the source, which is watched; the others are
//! laid under it and do not change (installed packages).

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};

use aws_wire::ServiceError;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::{
    error,
    function::{
        configure::text,
        record::{Code, Function},
    },
};

/// The bucket's name.
const BUCKET: &str = "hot-reload";
/// Folders that are no part of a function.
const SKIPPED: [&str; 4] = [".git", ".aws-sam", ".tule", "__pycache__"];
/// Folders of installed packages. Only their own entry is watched: they change as a whole, and are large.
const INSTALLED: [&str; 3] = ["node_modules", ".venv", "venv"];

/// The code that `members` (of `Code`, or of UpdateFunctionCode) name, if it is a folder's.
pub(crate) fn named(members: &Map<String, Value>) -> Result<Option<Code>, ServiceError> {
    let (Some(BUCKET), Some(key)) = (text(members, "S3Bucket"), text(members, "S3Key")) else {
        return Ok(None);
    };
    let folders: Vec<PathBuf> = std::env::split_paths(key).collect();
    for folder in &folders {
        if !folder.is_absolute() || !folder.is_dir() {
            return Err(error::invalid_parameter(format!(
                "A key of the bucket {BUCKET} is the absolute path of a folder on the machine that Tule runs on; {} is \
                 not.",
                folder.display()
            )));
        }
    }
    let sha256 = fingerprint(&folders).map_err(|problem| unreadable(&folders, &problem))?;
    Ok(Some(Code { sha256, size: 0, blob: String::new(), unzipped: 0, folders }))
}

/// `function` with the version's code as its folder is now: another deployment where a file has changed.
pub(crate) async fn as_it_is_now(
    function: Arc<Function>,
    version: &str,
) -> Result<Arc<Function>, ServiceError> {
    let folders = match function.version(version) {
        Some(found) if !found.code.folders.is_empty() => found.code.folders.clone(),
        _ => return Ok(function),
    };
    let looked = tokio::task::spawn_blocking(move || {
        fingerprint(&folders).map_err(|problem| unreadable(&folders, &problem))
    });
    let now = looked.await.map_err(|failure| error::service(failure.to_string()))??;
    let mut changed = Function::clone(&function);
    if let Some(configuration) = changed.version_mut(version) {
        configuration.deployment = format!("{}@{now}", configuration.deployment);
        configuration.code.sha256 = now;
    }
    Ok(Arc::new(changed))
}

fn unreadable(folders: &[PathBuf], problem: &io::Error) -> ServiceError {
    let source = folders.first().map_or(Path::new(""), PathBuf::as_path).display();
    error::service(format!("The function's folder {source} could not be read: {problem}"))
}

/// Base64 of a hash over names, sizes and times: another one as soon as a file is written.
fn fingerprint(folders: &[PathBuf]) -> io::Result<String> {
    let mut hash = Sha256::new();
    let Some((source, others)) = folders.split_first() else { return Ok(String::new()) };
    walk(source, &mut |path, metadata| {
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update([0]);
        hash.update(metadata.len().to_le_bytes());
        let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        hash.update(modified.unwrap_or_default().as_nanos().to_le_bytes());
        #[cfg(unix)]
        hash.update(std::os::unix::fs::MetadataExt::mode(metadata).to_le_bytes());
    })?;
    for folder in others {
        hash.update(folder.as_os_str().as_encoded_bytes());
        hash.update([0]);
    }
    Ok(BASE64_STANDARD.encode(hash.finalize()))
}

/// Every file below `folder` in the order of names, and folders of installed packages as such.
fn walk(folder: &Path, seen: &mut dyn FnMut(&Path, &fs::Metadata)) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        if SKIPPED.iter().any(|skipped| name == *skipped) {
            continue;
        }
        let is_folder = entry.file_type()?.is_dir();
        if is_folder && !INSTALLED.iter().any(|installed| name == *installed) {
            walk(&path, seen)?;
        } else if let Ok(metadata) = fs::metadata(&path) {
            // A file that is gone between the two looks, or a link to nowhere, is no part of the function.
            seen(&path, &metadata);
        }
    }
    Ok(())
}

/// Lays out what folders stand for in `into`, which is empty: files of the source are copied, so that a function sees
/// them as they were when its environment began; everything else is linked.
pub(crate) fn lay_out(folders: &[PathBuf], into: &Path) -> io::Result<()> {
    let Some((source, others)) = folders.split_first() else { return Ok(()) };
    let mut copied = Ok(());
    walk(source, &mut |path, metadata| {
        let Ok(name) = path.strip_prefix(source) else { return };
        // An installed folder comes from another one, where that has it.
        let elsewhere = metadata.is_dir() && others.iter().any(|other| other.join(name).is_dir());
        if copied.is_err() || elsewhere || (is_link(path) && !stays_inside(source, path)) {
            return;
        }
        let to = into.join(name);
        copied = to
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| if metadata.is_dir() { link(path, &to) } else { fs::copy(path, &to).map(drop) });
    })?;
    copied?;
    others.iter().try_for_each(|other| lay_under(other, into))
}

/// Links what `folder` has and `into` has not.
fn lay_under(folder: &Path, into: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let to = into.join(entry.file_name());
        match fs::symlink_metadata(&to) {
            Err(_) => link(&entry.path(), &to)?,
            Ok(there) if there.is_dir() && entry.file_type()?.is_dir() => lay_under(&entry.path(), &to)?,
            Ok(_) => {}
        }
    }
    Ok(())
}

/// All files that folders stand for, with their names in a package.
pub(crate) fn listing(folders: &[PathBuf]) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    let mut files = Vec::new();
    let mut names = HashSet::new();
    for (at, folder) in folders.iter().enumerate() {
        list(folder, folder, &folders[at + 1..], &mut |name, path| {
            if names.insert(name.clone()) {
                files.push((name, path));
            }
        })?;
    }
    Ok(files)
}

fn list(
    root: &Path,
    folder: &Path,
    elsewhere: &[PathBuf],
    found: &mut dyn FnMut(PathBuf, PathBuf),
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if SKIPPED.iter().any(|skipped| name == *skipped) {
            continue;
        }
        let relative = path.strip_prefix(root).unwrap_or(&path).to_owned();
        if entry.file_type()?.is_dir() {
            let installed = INSTALLED.iter().any(|installed| name == *installed);
            if !(installed && elsewhere.iter().any(|other| other.join(&relative).is_dir())) {
                list(root, &path, elsewhere, found)?;
            }
        } else if path.is_file() && (!is_link(&path) || stays_inside(root, &path)) {
            found(relative, path);
        }
    }
    Ok(())
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// Whether a link ends below `root`: a project from elsewhere must not put a file of its user's into a function.
fn stays_inside(root: &Path, link: &Path) -> bool {
    match (fs::canonicalize(root), fs::canonicalize(link)) {
        (Ok(root), Ok(target)) => target.starts_with(root),
        _ => false,
    }
}

/// Makes `path` a link to `target`.
#[cfg(unix)]
pub(crate) fn link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

/// Stands for a link: links need rights on Windows that users seldom have.
#[cfg(not(unix))]
pub(crate) fn link(target: &Path, path: &Path) -> io::Result<()> {
    if !target.is_dir() {
        return fs::copy(target, path).map(drop);
    }
    fs::create_dir_all(path)?;
    lay_under(target, path)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    #[test]
    fn a_written_file_makes_another_fingerprint() {
        let source = folder(&[("a.py", "1"), ("lib/b.py", "1"), ("__pycache__/a.pyc", "1")]);
        let folders = [source.path().to_owned()];
        let before = fingerprint(&folders).unwrap();
        fs::write(source.path().join("__pycache__/a.pyc"), "22").unwrap();
        assert_eq!(fingerprint(&folders).unwrap(), before, "byte code is no source");
        fs::write(source.path().join("lib/b.py"), "22").unwrap();
        let changed = fingerprint(&folders).unwrap();
        assert_ne!(changed, before);
        fs::remove_file(source.path().join("a.py")).unwrap();
        assert_ne!(fingerprint(&folders).unwrap(), changed);
    }

    #[test]
    fn folders_are_laid_under_the_source() {
        let source = folder(&[("a.py", "own"), ("pkg/x.py", "own"), ("node_modules/old/i.js", "own")]);
        let installed =
            folder(&[("a.py", "theirs"), ("pkg/y.py", "theirs"), ("node_modules/new/i.js", "theirs")]);
        let folders = [source.path().to_owned(), installed.path().to_owned()];
        let into = tempfile::tempdir().unwrap();
        lay_out(&folders, into.path()).unwrap();
        let read = |name: &str| fs::read_to_string(into.path().join(name)).ok();
        assert_eq!(read("a.py").as_deref(), Some("own"));
        assert_eq!(read("pkg/x.py").as_deref(), Some("own"));
        assert_eq!(read("pkg/y.py").as_deref(), Some("theirs"));
        assert_eq!(read("node_modules/new/i.js").as_deref(), Some("theirs"));
        assert_eq!(read("node_modules/old/i.js"), None);
        let listed: HashMap<_, _> = listing(&folders).unwrap().into_iter().collect();
        let names: HashSet<_> = listed.keys().map(|name| name.to_str().unwrap()).collect();
        assert_eq!(names, HashSet::from(["a.py", "pkg/x.py", "pkg/y.py", "node_modules/new/i.js"]));
        assert!(listed[Path::new("a.py")].starts_with(source.path()));
    }

    #[cfg(unix)]
    #[test]
    fn links_out_of_the_source_are_left_out() {
        let (source, secret) = (folder(&[("a.py", "")]), folder(&[("secret", "")]));
        std::os::unix::fs::symlink(secret.path().join("secret"), source.path().join("outside")).unwrap();
        std::os::unix::fs::symlink("a.py", source.path().join("inside")).unwrap();
        let folders = [source.path().to_owned()];
        let into = tempfile::tempdir().unwrap();
        lay_out(&folders, into.path()).unwrap();
        assert!(into.path().join("inside").is_file() && !into.path().join("outside").exists());
        assert_eq!(listing(&folders).unwrap().len(), 2);
    }
}
