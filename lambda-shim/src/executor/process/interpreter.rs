//! Interpreters on this machine: the version asked for, or the nearest.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use dashmap::DashMap;
use tokio::sync::OnceCell;

use crate::executor::ExecutorError;

/// An interpreter that answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Interpreter {
    /// `(3, 12)` or `(20, 0)`.
    pub(crate) version: (u32, u32),
    pub(crate) path: PathBuf,
}

/// What was found, looked for once each.
#[derive(Default)]
pub(crate) struct Interpreters {
    pythons: OnceCell<Vec<Interpreter>>,
    nodes: OnceCell<Vec<Interpreter>>,
    chosen: DashMap<(&'static str, String), Arc<OnceCell<Arc<Interpreter>>>>,
}

const ASK_PYTHON: [&str; 3] = ["-I", "-c", "import sys; print(*sys.version_info[:2], sys.executable)"];
const ASK_NODE: [&str; 2] =
    ["-p", "const [a] = process.versions.node.split('.'); `${a} 0 ${process.execPath}`"];

impl Interpreters {
    /// Python for `3.12`.
    pub(crate) async fn python(&self, version: &str) -> Result<Arc<Interpreter>, ExecutorError> {
        let wanted = (3, version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(0));
        let look = async {
            // The one by its own name, as a rule; looking through all that there are takes longer.
            let exact = find(on_path(&[format!("python{version}")]), &ASK_PYTHON).await;
            if exact.iter().any(|found| found.version == wanted) {
                return choose("Python", version, wanted, &exact);
            }
            let found = self.pythons.get_or_init(|| find(python_candidates(), &ASK_PYTHON)).await;
            choose("Python", version, wanted, found)
        };
        self.chosen("Python", version).get_or_try_init(|| look).await.cloned()
    }

    /// Node.js for `22`.
    pub(crate) async fn node(&self, version: &str) -> Result<Arc<Interpreter>, ExecutorError> {
        let wanted = (version.parse().unwrap_or(0), 0);
        let look = async {
            let found = self.nodes.get_or_init(|| find(node_candidates(), &ASK_NODE)).await;
            choose("Node.js", version, wanted, found)
        };
        self.chosen("Node.js", version).get_or_try_init(|| look).await.cloned()
    }

    /// Where the one for a version is, once somebody has looked: many functions may be made at once.
    fn chosen(&self, language: &'static str, version: &str) -> Arc<OnceCell<Arc<Interpreter>>> {
        Arc::clone(self.chosen.entry((language, version.to_owned())).or_default().value())
    }
}

fn choose(
    language: &'static str,
    version: &str,
    wanted: (u32, u32),
    found: &[Interpreter],
) -> Result<Arc<Interpreter>, ExecutorError> {
    let distance = |interpreter: &&Interpreter| {
        let (major, minor) = interpreter.version;
        major.abs_diff(wanted.0) * 1000 + minor.abs_diff(wanted.1)
    };
    let Some(nearest) = found.iter().min_by_key(distance) else {
        return Err(ExecutorError::Unsupported(format!(
            "No {language} was found on PATH, which the process executor needs for this function. Install \
             {language} {version}, or start a Docker engine."
        )));
    };
    if nearest.version != wanted {
        tracing::warn!(
            path = %nearest.path.display(),
            "{language} {version} is not installed; functions that ask for it run on {}.{} instead",
            nearest.version.0,
            nearest.version.1
        );
    }
    Ok(Arc::new(nearest.clone()))
}

fn python_candidates() -> BTreeSet<PathBuf> {
    let mut names: Vec<String> = (8..30).map(|minor| format!("python3.{minor}")).collect();
    names.extend(["python3".to_owned(), "python".to_owned()]);
    let mut found = on_path(&names);
    for folder in [".pyenv/versions", ".local/share/uv/python"] {
        found.extend(below_home(folder, "bin/python3"));
    }
    found
}

fn node_candidates() -> BTreeSet<PathBuf> {
    let mut found = on_path(&["node".to_owned(), "nodejs".to_owned()]);
    found.extend(below_home(".nvm/versions/node", "bin/node"));
    found
}

fn on_path(names: &[String]) -> BTreeSet<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = BTreeSet::new();
    for folder in std::env::split_paths(&path) {
        for name in names {
            let file = folder.join(name).with_extension(suffix(name));
            // A version manager's shims and links lead to the same program more than once.
            if let Ok(file) = file.canonicalize() {
                found.insert(file);
            }
        }
    }
    found
}

/// `python3.12` keeps its `.12`; on Windows programs end with `.exe`.
fn suffix(name: &str) -> String {
    let own = Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match (own, std::env::consts::EXE_EXTENSION) {
        (own, "") => own.to_owned(),
        ("", exe) => exe.to_owned(),
        (own, exe) => format!("{own}.{exe}"),
    }
}

fn below_home(folder: &str, program: &str) -> Vec<PathBuf> {
    let Some(home) = std::env::var_os("HOME") else { return Vec::new() };
    let Ok(versions) = std::fs::read_dir(Path::new(&home).join(folder)) else { return Vec::new() };
    versions.flatten().filter_map(|version| version.path().join(program).canonicalize().ok()).collect()
}

/// Asks every candidate for its version and its true path, all at once.
async fn find(candidates: BTreeSet<PathBuf>, question: &'static [&'static str]) -> Vec<Interpreter> {
    let asked = candidates.into_iter().map(|candidate| ask(candidate, question));
    let mut found: Vec<_> = futures::future::join_all(asked).await.into_iter().flatten().collect();
    found.sort();
    found.dedup_by(|one, other| one.path == other.path);
    found
}

async fn ask(candidate: PathBuf, question: &[&str]) -> Option<Interpreter> {
    let mut command = tokio::process::Command::new(&candidate);
    command.args(question).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(5), command.output()).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut parts = text.trim().splitn(3, ' ');
    let version = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(Interpreter { version, path: PathBuf::from(parts.next()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_version_is_chosen() {
        let found: Vec<_> = [9, 11, 13]
            .map(|minor| Interpreter { version: (3, minor), path: PathBuf::from(format!("/p{minor}")) })
            .into();
        assert_eq!(choose("Python", "3.11", (3, 11), &found).unwrap().version, (3, 11));
        assert_eq!(choose("Python", "3.14", (3, 14), &found).unwrap().version, (3, 13));
        assert!(choose("Python", "3.12", (3, 12), &[]).is_err());
    }
}
