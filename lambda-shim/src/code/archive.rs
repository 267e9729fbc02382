//! Archives from outside, unpacked under rules: nothing leaves its folder, nothing is followed, nothing grows without
//! bound.

use std::{
    collections::HashSet,
    fs, io,
    io::{Cursor, Read, Write},
    path::{Component, Path, PathBuf},
};

use bytes::Bytes;
use zip::ZipArchive;

/// AWS's limit of an unpacked package.
pub(crate) const UNZIPPED_LIMIT: u64 = 262_144_000;
const ENTRY_LIMIT: usize = 100_000;
/// How much larger than the archive its content may be, once it is more than [`RATIO_FREE`].
const RATIO_LIMIT: u64 = 100;
const RATIO_FREE: u64 = 16 << 20;

/// Linux' longest path.
const LONGEST_LINK: u64 = 4096;

/// Why an archive was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("Could not unzip uploaded file. Please check your file, then try to upload again.")]
    Unreadable,
    #[error("Unzipped size must be smaller than {UNZIPPED_LIMIT} bytes")]
    TooLarge,
    #[error("The archive holds more than {ENTRY_LIMIT} files")]
    TooMany,
    #[error("The archive's entry '{0}' is refused: {1}")]
    Entry(String, &'static str),
    #[error("The archive could not be unpacked: {0}")]
    Io(#[from] io::Error),
}

/// One thing an archive holds.
pub(crate) struct Item {
    /// Relative, of plain components only.
    pub(crate) path: PathBuf,
    pub(crate) kind: ItemKind,
}

/// What it is.
pub(crate) enum ItemKind {
    Folder,
    File {
        executable: bool,
        content: Vec<u8>,
    },
    /// A link to a path that stays within the archive.
    Link(PathBuf),
}

/// Reads through an archive without writing: whether it may be taken.
/// Answers how many bytes it holds.
pub(crate) fn check(archive: &Bytes) -> Result<u64, ArchiveError> {
    let mut zip = ZipArchive::new(Cursor::new(archive)).map_err(|_| ArchiveError::Unreadable)?;
    if zip.is_empty() {
        return Err(ArchiveError::Unreadable);
    }
    let mut rules = Rules::new(archive.len(), zip.len())?;
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(|_| ArchiveError::Unreadable)?;
        let name = entry.name().map_err(|_| ArchiveError::Unreadable)?.into_owned();
        let path = rules.admit(&name, entry.size(), entry.unix_mode())?;
        if entry.unix_mode().is_some_and(|mode| mode & 0o170_000 == 0o120_000) {
            let mut target = Vec::new();
            entry
                .by_ref()
                .take(LONGEST_LINK)
                .read_to_end(&mut target)
                .map_err(|_| ArchiveError::Unreadable)?;
            link_target(&path, &name, &target)?;
        }
    }
    Ok(rules.total)
}

/// The beginning of one file of an archive; `None` where there is none of that name.
pub(crate) fn head(archive: &Bytes, name: &str, most: u64) -> Option<Vec<u8>> {
    let mut zip = ZipArchive::new(Cursor::new(archive)).ok()?;
    let mut head = Vec::new();
    zip.by_name(name).ok()?.take(most).read_to_end(&mut head).ok()?;
    Some(head)
}

/// Everything in an archive, one after the other, under the rules.
pub(crate) fn read(
    archive: &Bytes,
    mut take: impl FnMut(Item) -> io::Result<()>,
) -> Result<(), ArchiveError> {
    let mut zip = ZipArchive::new(Cursor::new(archive)).map_err(|_| ArchiveError::Unreadable)?;
    let mut rules = Rules::new(archive.len(), zip.len())?;
    let mut written: u64 = 0;
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(|_| ArchiveError::Unreadable)?;
        let name = entry.name().map_err(|_| ArchiveError::Unreadable)?.into_owned();
        let mode = entry.unix_mode();
        let path = rules.admit(&name, entry.size(), mode)?;
        let kind = if entry.is_dir() {
            ItemKind::Folder
        } else {
            // The header's size is a claim: what is read is bounded by what remains.
            let mut content = Vec::new();
            let room = UNZIPPED_LIMIT - written;
            entry.by_ref().take(room + 1).read_to_end(&mut content).map_err(|_| ArchiveError::Unreadable)?;
            written += content.len() as u64;
            if written > UNZIPPED_LIMIT {
                return Err(ArchiveError::TooLarge);
            }
            match mode.map(|mode| mode & 0o170_000) {
                Some(0o120_000) => ItemKind::Link(link_target(&path, &name, &content)?),
                _ => ItemKind::File { executable: mode.is_some_and(|mode| mode & 0o111 != 0), content },
            }
        };
        take(Item { path, kind })?;
    }
    Ok(())
}

/// Unpacks an archive into `folder`, which must be new and empty.
pub(crate) fn unpack(archive: &Bytes, folder: &Path) -> Result<(), ArchiveError> {
    // Links are made last, so that no file is ever written through one.
    let mut links = Vec::new();
    read(archive, |item| {
        let path = folder.join(&item.path);
        match item.kind {
            ItemKind::Folder => fs::create_dir_all(path),
            ItemKind::Link(target) => {
                links.push((path, target));
                Ok(())
            }
            ItemKind::File { executable, content } => {
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent)?;
                }
                write_new(&path, executable, &content)
            }
        }
    })?;
    for (path, target) in links {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        make_link(&target, &path)?;
    }
    Ok(())
}

struct Rules {
    seen: HashSet<PathBuf>,
    total: u64,
    ceiling: u64,
}

impl Rules {
    fn new(archive: usize, entries: usize) -> Result<Self, ArchiveError> {
        if entries > ENTRY_LIMIT {
            return Err(ArchiveError::TooMany);
        }
        let ceiling = (archive as u64).saturating_mul(RATIO_LIMIT).clamp(RATIO_FREE, UNZIPPED_LIMIT);
        Ok(Self { seen: HashSet::new(), total: 0, ceiling })
    }

    fn admit(&mut self, name: &str, size: u64, mode: Option<u32>) -> Result<PathBuf, ArchiveError> {
        let refuse = |why| ArchiveError::Entry(name.to_owned(), why);
        self.total = self.total.saturating_add(size);
        if self.total > UNZIPPED_LIMIT {
            return Err(ArchiveError::TooLarge);
        }
        if self.total > self.ceiling {
            return Err(refuse("the archive unpacks to far more than its own size"));
        }
        if name.contains('\0') {
            return Err(refuse("its name holds a zero byte"));
        }
        // Archives made on Windows separate by backslashes.
        let path = clean(Path::new(&name.replace('\\', "/")))
            .ok_or_else(|| refuse("its path leaves the archive"))?;
        match mode.map(|mode| mode & 0o170_000) {
            None | Some(0 | 0o100_000 | 0o040_000 | 0o120_000) => {}
            Some(_) => return Err(refuse("it is neither a file, a folder nor a link")),
        }
        if !name.ends_with('/') && !self.seen.insert(path.clone()) {
            return Err(refuse("there are two of its name"));
        }
        Ok(path)
    }
}

/// A relative path of plain components, or nothing.
fn clean(path: &Path) -> Option<PathBuf> {
    let mut cleaned = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => cleaned.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(cleaned)
}

/// A link's target, if following it from where the link stands stays within the archive.
fn link_target(link: &Path, name: &str, content: &[u8]) -> Result<PathBuf, ArchiveError> {
    let refuse = || ArchiveError::Entry(name.to_owned(), "it is a link that leaves the archive");
    let target = PathBuf::from(std::str::from_utf8(content).map_err(|_| refuse())?);
    let mut depth = link.components().count().saturating_sub(1);
    for component in target.components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir => depth = depth.checked_sub(1).ok_or_else(refuse)?,
            Component::RootDir | Component::Prefix(_) => return Err(refuse()),
        }
    }
    Ok(target)
}

/// `create_new` does not follow a link at the last component, and fails where anything stands.
fn write_new(path: &Path, executable: bool, content: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(if executable { 0o755 } else { 0o644 });
    }
    #[cfg(not(unix))]
    let _ = executable;
    options.open(path)?.write_all(content)
}

#[cfg(unix)]
fn make_link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn make_link(target: &Path, path: &Path) -> io::Result<()> {
    let source = path.parent().unwrap_or(path).join(target);
    fs::copy(source, path).map(drop)
}

#[cfg(test)]
pub(crate) mod tests {
    use zip::write::SimpleFileOptions;

    use super::*;

    /// An archive of files, for tests everywhere in the crate.
    pub(crate) fn zip_of(files: &[(&str, &str)]) -> Bytes {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            zip.start_file(*name, SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner().into()
    }

    fn refused(archive: &Bytes) -> String {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("in");
        fs::create_dir(&inside).unwrap();
        let error = unpack(archive, &inside).unwrap_err().to_string();
        let outside: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(outside.len(), 1, "nothing is written beside the folder");
        error
    }

    #[test]
    fn files_folders_and_links_are_unpacked() {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.add_directory("lib/", SimpleFileOptions::default()).unwrap();
        zip.start_file("lib/a.txt", SimpleFileOptions::default()).unwrap();
        zip.write_all(b"content").unwrap();
        zip.add_symlink("link.txt", "lib/a.txt", SimpleFileOptions::default()).unwrap();
        let archive: Bytes = zip.finish().unwrap().into_inner().into();
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(check(&archive).unwrap(), 7 + 9, "the content, and the link's target");
        unpack(&archive, folder.path()).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("link.txt")).unwrap(), "content");
    }

    #[test]
    fn what_leaves_the_folder_is_refused() {
        for name in ["../evil", "/evil", "a/../../evil", "..\\evil"] {
            assert!(refused(&zip_of(&[(name, "x")])).contains("leaves the archive"), "{name}");
        }
        for target in ["/etc/passwd", "../../etc/passwd", "a/../../b"] {
            let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
            zip.add_symlink("link", target, SimpleFileOptions::default()).unwrap();
            let archive: Bytes = zip.finish().unwrap().into_inner().into();
            assert!(refused(&archive).contains("link that leaves"), "{target}");
            assert!(check(&archive).is_err(), "{target}");
        }
    }

    #[test]
    fn bombs_and_rubbish_are_refused() {
        assert!(refused(&Bytes::from_static(b"not a zip")).starts_with("Could not unzip uploaded file."));
        let zeros = "\0".repeat(64 << 20);
        let bomb = zip_of(&[("bomb", &zeros)]);
        assert!(check(&bomb).is_err(), "{} bytes", bomb.len());
        let mut cut = zip_of(&[("a", "content")]).to_vec();
        cut.truncate(cut.len() / 2);
        assert!(check(&cut.into()).is_err());
    }
}
