//! What a function's processes see of this machine: its package as `/var/task`, its layers as `/opt`, a `/tmp` of their
//! own, and everything else as it is. A mount namespace on Linux, where this user may have one.
//!
//! Not a security boundary: it is there so that paths mean what they mean on Lambda.

use std::{
    ffi::CString,
    fs, io,
    net::Ipv4Addr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::system;

/// Where things are for the processes of an environment.
pub(crate) const TASK: &str = "/var/task";
pub(crate) const OPT: &str = "/opt";
pub(crate) const TMP: &str = "/tmp";
pub(crate) const RUNTIME: &str = "/var/runtime";
/// What only our bootstraps look for is below it.
pub(crate) const OURS: &str = "/var/tule";
/// Where Node.js finds packages that neither the function nor a folder of its has, by `require` and by `import`.
pub(crate) const NODE_PACKAGES: &str = "/var/node_modules";

/// Folders that stand for others in the view: what is below them on this machine is not to be seen.
const HIDDEN: [&str; 6] = [TASK, OPT, TMP, RUNTIME, OURS, NODE_PACKAGES];

/// One thing to do between fork and exec. Everything is allocated before.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// An empty file system in memory.
    Empty {
        at: CString,
        options: CString,
    },
    Folder(CString),
    Link {
        target: CString,
        at: CString,
    },
    /// A folder or a file of this machine, with all that is mounted below it.
    Bind {
        from: CString,
        to: CString,
        read_only: bool,
    },
    /// The same where it does not matter if it cannot be.
    TryBind {
        from: CString,
        to: CString,
    },
    /// The processes of the namespace that the process is in.
    Processes(CString),
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) steps: Vec<Step>,
    pub(super) root: CString,
    /// Where the old root is until it is left.
    pub(super) old: CString,
    pub(super) folder: CString,
    /// Where the user needs a namespace of users besides.
    pub(super) maps: Option<system::UserMaps>,
}

/// What an environment has in its view.
pub(super) struct Shown<'a> {
    pub(super) package: &'a Path,
    pub(super) layers: Option<&'a Path>,
    pub(super) scratch: &'a Path,
    /// How many MB its `/tmp` takes, which then is nobody else's; `None` where it is `scratch`.
    pub(super) storage: Option<u32>,
    /// The folder of our bootstraps.
    pub(super) runtime: &'a Path,
    /// Folders below [`OURS`], by their names there, or at paths of their own; they may be written to.
    pub(super) ours: &'a [(&'a str, &'a Path)],
    /// Folders of this machine that are to be seen where they are.
    pub(super) kept: &'a [PathBuf],
    /// An empty folder to build it in.
    pub(super) root: &'a Path,
    /// What `sandbox.localdomain` is.
    pub(super) address: Ipv4Addr,
    /// Its processes are in a namespace of processes, with one of users where that is needed.
    pub(super) has_processes: bool,
}

/// Whether something that must be seen is where the view has something else.
pub(super) fn hides(path: &Path) -> bool {
    HIDDEN.iter().any(|hidden| path.starts_with(hidden))
}

/// Whether this user may have views, tried once.
pub(super) fn is_possible(folder: &Path) -> bool {
    if cfg!(not(target_os = "linux")) {
        return false;
    }
    let Ok(root) = tempfile_folder(folder, "root") else { return false };
    let Ok(scratch) = tempfile_folder(folder, "try") else { return false };
    let shown = Shown {
        package: &scratch,
        layers: None,
        scratch: &scratch,
        storage: None,
        runtime: &scratch,
        ours: &[],
        kept: &[],
        root: &root,
        address: Ipv4Addr::LOCALHOST,
        has_processes: false,
    };
    let tried = View::of(&shown).is_ok_and(|view| {
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", "test -d /var/task && test -e /proc/self"]).env_clear();
        command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        command.stderr(std::process::Stdio::null());
        system::enter(&mut command, view);
        command.status().is_ok_and(|status| status.success())
    });
    let _ = fs::remove_dir_all(&scratch);
    let _ = fs::remove_dir_all(&root);
    tried
}

fn tempfile_folder(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let path = folder.join(format!("{name}-{}", uuid::Uuid::new_v4().simple()));
    fs::create_dir(&path)?;
    Ok(path)
}

impl View {
    pub(super) fn of(shown: &Shown<'_>) -> io::Result<Self> {
        let mut steps = vec![Step::Empty { at: text(shown.root)?, options: c"mode=0755".to_owned() }];
        let inside = |path: &str| shown.root.join(path.trim_start_matches('/'));
        let but: &[&str] =
            if shown.has_processes { &["var", "tmp", "opt", "proc"] } else { &["var", "tmp", "opt"] };
        machine(Path::new("/"), &inside("/"), but, &mut steps)?;
        if shown.has_processes {
            folder(&inside("/proc"), &mut steps)?;
            steps.push(Step::Processes(text(&inside("/proc"))?));
        }
        folder(&inside("/var"), &mut steps)?;
        machine(
            Path::new("/var"),
            &inside("/var"),
            &["task", "runtime", "tule", "node_modules"],
            &mut steps,
        )?;
        for (from, to, read_only) in [
            (Some(shown.package), TASK, true),
            (shown.layers, OPT, true),
            (Some(shown.scratch).filter(|_| shown.storage.is_none()), TMP, false),
            (Some(shown.runtime), RUNTIME, true),
        ] {
            folder(&inside(to), &mut steps)?;
            if let Some(from) = from {
                steps.push(Step::Bind { from: text(from)?, to: text(&inside(to))?, read_only });
            }
        }
        if let Some(storage) = shown.storage {
            let options = CString::new(format!("mode=0700,size={storage}m")).map_err(io::Error::other)?;
            steps.push(Step::Empty { at: text(&inside(TMP))?, options });
        }
        folder(&inside(OURS), &mut steps)?;
        for (name, from) in shown.ours {
            let to = inside(&Path::new(OURS).join(name).to_string_lossy());
            folder(&to, &mut steps)?;
            steps.push(Step::Bind { from: text(from)?, to: text(&to)?, read_only: false });
        }
        keep(shown, &mut steps)?;
        let hosts = hosts(shown)?;
        steps.push(Step::TryBind { from: text(&hosts)?, to: text(&inside("/etc/hosts"))? });
        let old = inside("/.old");
        folder(&old, &mut steps)?;
        Ok(Self {
            steps,
            root: text(shown.root)?,
            old: text(&old)?,
            folder: text(Path::new(TASK))?,
            maps: system::user_maps().filter(|_| !shown.has_processes),
        })
    }
}

/// Every folder of `from` as it is, but for some; links as links.
fn machine(from: &Path, to: &Path, but: &[&str], steps: &mut Vec<Step>) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if but.iter().any(|but| name == *but) {
            continue;
        }
        let (path, at, kind) = (entry.path(), to.join(&name), entry.file_type()?);
        if kind.is_symlink() {
            steps.push(Step::Link { target: text(&fs::read_link(&path)?)?, at: text(&at)? });
        } else if kind.is_dir() {
            folder(&at, steps)?;
            steps.push(Step::TryBind { from: text(&path)?, to: text(&at)? });
        }
    }
    Ok(())
}

/// Folders that are to be seen where they are, although `/tmp` is another one. What is below other folders that the view
/// has in the place of this machine's must not be needed.
fn keep(shown: &Shown<'_>, steps: &mut Vec<Step>) -> io::Result<()> {
    for path in shown.kept.iter().filter(|path| hides(path)) {
        let Ok(below) = path.strip_prefix(TMP) else { continue };
        let mut to = shown.root.join("tmp");
        for name in below {
            to.push(name);
            folder(&to, steps)?;
        }
        steps.push(Step::Bind { from: text(path)?, to: text(&to)?, read_only: false });
    }
    Ok(())
}

/// This machine's names, and the one under which extensions take telemetry.
fn hosts(shown: &Shown<'_>) -> io::Result<PathBuf> {
    let mut content = fs::read_to_string("/etc/hosts").unwrap_or_default();
    content.push_str(&format!("\n{} sandbox.localdomain sandbox\n", shown.address));
    let path = shown.scratch.with_extension("hosts");
    fs::write(&path, content)?;
    Ok(path)
}

fn folder(path: &Path, steps: &mut Vec<Step>) -> io::Result<()> {
    steps.push(Step::Folder(text(path)?));
    Ok(())
}

fn text(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}
