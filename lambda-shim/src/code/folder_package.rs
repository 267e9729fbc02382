//! The package that a function's folder stands for, as it is when somebody asks: clients download the code of functions,
//! whatever it is kept as.

use std::{
    fs,
    io::{self, Cursor, Read as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use runtime::Scope;
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use super::{archive::UNZIPPED_LIMIT, folder};
use crate::function::{name, table::FunctionTable};

/// What links of folders' packages begin with, where others have the name of a blob.
const PREFIX: &str = "folder-";

/// What a link names for a version of a function whose code is a folder.
pub(crate) fn key(scope: &Scope, function: &str, version: &str) -> String {
    format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(name::arn(scope, function, Some(version))))
}

/// The folders of the version that `key` was made for, while it has some.
pub(crate) fn folders(table: &FunctionTable, key: &str) -> Option<Vec<PathBuf>> {
    let arn = BASE64_URL_SAFE_NO_PAD.decode(key.strip_prefix(PREFIX)?).ok()?;
    let arn = String::from_utf8(arn).ok()?;
    let parts: Vec<&str> = arn.splitn(8, ':').collect();
    let [_, _, _, region, account, _, function, version] = parts[..] else { return None };
    let function = table.get(&Scope::new(account, region), function)?.function();
    let folders = &function.version(version)?.code.folders;
    Some(folders.clone()).filter(|folders| !folders.is_empty())
}

/// Whether a link names a folder's package.
pub(crate) fn is_key(key: &str) -> bool {
    key.starts_with(PREFIX)
}

/// All that the folders stand for, as an archive: no more than AWS takes in one.
pub(crate) fn zipped(folders: &[PathBuf]) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut left = UNZIPPED_LIMIT;
    let mut files = folder::listing(folders)?;
    files.sort();
    for (name, path) in files {
        let file = fs::File::open(&path)?;
        let metadata = file.metadata()?;
        left = left
            .checked_sub(metadata.len())
            .ok_or_else(|| io::Error::other(format!("it is larger than {UNZIPPED_LIMIT} bytes")))?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(mode(&metadata));
        zip.start_file(inside(&name), options)?;
        // What is being written to is taken as long as it was.
        io::copy(&mut file.take(metadata.len()), &mut zip)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// A name in an archive: with slashes, whatever this machine has.
fn inside(name: &Path) -> String {
    let parts: Vec<_> = name.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o777
}

#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> u32 {
    0o755
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_larger_than_packages_may_be_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "1").unwrap();
        let folders = [folder.path().to_owned()];
        assert!(zipped(&folders).is_ok());
        fs::File::create(folder.path().join("b")).unwrap().set_len(UNZIPPED_LIMIT).unwrap();
        assert_eq!(zipped(&folders).unwrap_err().to_string(), "it is larger than 262144000 bytes");
    }
}
