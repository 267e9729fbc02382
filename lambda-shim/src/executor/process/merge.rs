//! One folder of several: what comes later lies above what came before.

use std::{fs, io, path::Path};

use crate::code::folder::link;

/// Lays the content of `layer` over `folder`. Files are linked, not copied, where the file system can: both are
/// read-only for all that we know of them.
pub(super) fn overlay(layer: &Path, folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(layer)? {
        let entry = entry?;
        let (from, to) = (entry.path(), folder.join(entry.file_name()));
        let kind = entry.file_type()?;
        // Not followed: a link of an earlier layer must not lead what a later one brings anywhere else.
        let there = fs::symlink_metadata(&to).ok();
        if kind.is_dir() {
            if there.as_ref().is_some_and(|there| !there.is_dir()) {
                fs::remove_file(&to)?;
            }
            if !there.is_some_and(|there| there.is_dir()) {
                fs::create_dir(&to)?;
            }
            overlay(&from, &to)?;
            continue;
        }
        match there {
            Some(there) if there.is_dir() => fs::remove_dir_all(&to)?,
            Some(_) => fs::remove_file(&to)?,
            None => {}
        }
        if kind.is_symlink() {
            link(&fs::read_link(&from)?, &to)?;
        } else if fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    #[test]
    fn later_layers_lie_above_earlier_ones() {
        let one = layer(&[("python/a.py", "1"), ("python/b.py", "1"), ("bin", "1"), ("lib/x/y", "1")]);
        let two = layer(&[("python/b.py", "2"), ("bin/tool", "2"), ("lib/x", "2")]);
        let merged = tempfile::tempdir().unwrap();
        overlay(one.path(), merged.path()).unwrap();
        overlay(two.path(), merged.path()).unwrap();
        let read = |name: &str| fs::read_to_string(merged.path().join(name)).unwrap();
        assert_eq!(["python/a.py", "python/b.py", "bin/tool", "lib/x"].map(read), ["1", "2", "2", "2"]);
        assert_eq!(
            fs::read_to_string(one.path().join("python/b.py")).unwrap(),
            "1",
            "layers stay as they are"
        );
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_a_link() {
        let (one, two, outside) = (layer(&[]), layer(&[("lib/x", "2")]), layer(&[("x", "outside")]));
        std::os::unix::fs::symlink(outside.path(), one.path().join("lib")).unwrap();
        let merged = tempfile::tempdir().unwrap();
        overlay(one.path(), merged.path()).unwrap();
        overlay(two.path(), merged.path()).unwrap();
        assert_eq!(fs::read_to_string(merged.path().join("lib/x")).unwrap(), "2");
        assert_eq!(fs::read_to_string(outside.path().join("x")).unwrap(), "outside");
    }
}
