//! `cargo xtask tidy`: house rules that no compiler holds: sizes of files, module docs, no marks of unfinished work.

use std::{fs, path::Path, process::Command};

use crate::Failure;

/// No source file may be longer; test files have [`TEST_LINES`].
const LINES: usize = 800;
const TEST_LINES: usize = 1_200;
/// Nine files in ten stay under this.
const USUAL_LINES: usize = 500;
const DEEPEST_FOLDER: usize = 4;

pub(crate) fn run() -> Result<(), Failure> {
    let root = crate::root();
    let listed = Command::new("git").args(["ls-files", "-z", "*.rs"]).current_dir(&root).output()?;
    let listed = String::from_utf8(listed.stdout)?;
    let mut complaints = Vec::new();
    let (mut files, mut large) = (0, 0);
    for name in listed.split('\0').filter(|name| !name.is_empty() && root.join(name).exists()) {
        let text = fs::read_to_string(root.join(name))?;
        let lines = text.lines().count();
        files += 1;
        large += usize::from(lines > USUAL_LINES);
        inspect(name, &text, lines, &mut complaints);
    }
    if large * 10 > files {
        complaints.push(format!(
            "{large} of {files} files are over {USUAL_LINES} lines; at most one in ten may be"
        ));
    }
    if complaints.is_empty() {
        return Ok(());
    }
    Err(complaints.join("\n       ").into())
}

fn inspect(name: &str, text: &str, lines: usize, complaints: &mut Vec<String>) {
    let is_test = name.contains("/tests/") || name.starts_with("tests/") || name.ends_with("tests.rs");
    let limit = if is_test { TEST_LINES } else { LINES };
    if lines > limit {
        complaints.push(format!("{name}: {lines} lines, over {limit}"));
    }
    if !text.trim_start().starts_with("//!") && !text.starts_with("#![") {
        complaints.push(format!("{name}: opens without `//!`, so nobody knows what it owns"));
    }
    let below_src = Path::new(name).components().skip_while(|part| part.as_os_str() != "src").count();
    if below_src > DEEPEST_FOLDER + 2 {
        complaints.push(format!("{name}: more than {DEEPEST_FOLDER} folders below src"));
    }
    // Spelled in halves, so that this file may name them.
    for mark in
        [concat!("to", "do!("), concat!("unimpl", "emented!("), concat!("FIX", "ME"), concat!("#[ign", "ore")]
    {
        if text.contains(mark) {
            complaints.push(format!("{name}: contains {mark}"));
        }
    }
}
