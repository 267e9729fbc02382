//! What only the operating system's own calls can do: limits of a child, its death with ours, killing its group, what it
//! sees of the file system.
#![allow(unsafe_code, reason = "std and tokio offer no safe way to set limits of a child or to kill a group")]

use std::{os::unix::process::CommandExt as _, process::Command};

#[cfg(target_os = "linux")]
use super::view::Step;
use super::view::View;

/// Open files, as Lambda allows them.
const OPEN_FILES: libc::rlim_t = 1024;

/// Gives a command's process Lambda's limits, and on Linux makes it die with us. One in a namespace of processes does
/// that by itself, and has no parent that it could know.
pub(super) fn confine(command: &mut Command, has_namespace: bool) {
    #[cfg(target_os = "linux")]
    let parent = (!has_namespace).then(std::process::id);
    #[cfg(not(target_os = "linux"))]
    let _ = has_namespace;
    // SAFETY: the closure runs between fork and exec and only makes system calls that are async-signal-safe
    // (setrlimit, prctl, getppid, _exit by returning an error); it allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(move || {
            limit(libc::RLIMIT_NOFILE, OPEN_FILES);
            limit(libc::RLIMIT_CORE, 0);
            #[cfg(target_os = "linux")]
            if let Some(parent) = parent {
                die_with(parent)?;
            }
            Ok(())
        });
    }
}

/// Has a command's process see the file system as `view` says.
#[cfg(target_os = "linux")]
pub(super) fn enter(command: &mut Command, view: View) {
    // SAFETY: the closure runs between fork and exec and only makes system calls that are async-signal-safe; all texts
    // were allocated before, and it allocates nothing (an error of a raw number does not) and takes no lock.
    unsafe {
        command.pre_exec(move || show(&view));
    }
}

/// Other systems have no views.
#[cfg(not(target_os = "linux"))]
pub(super) fn enter(_: &mut Command, _: View) {}

/// Other systems have no namespaces.
#[cfg(not(target_os = "linux"))]
pub(super) fn user_maps() -> Option<UserMaps> {
    None
}

/// Lines for `uid_map` and `gid_map` of a namespace of users.
pub(super) type UserMaps = (std::ffi::CString, std::ffi::CString);

/// Whose process this is.
pub(super) fn user() -> u32 {
    // SAFETY: the call neither takes nor touches memory.
    unsafe { libc::geteuid() }
}

/// The lines that map this user into a namespace of users, where one is needed to mount anything.
#[cfg(target_os = "linux")]
pub(super) fn user_maps() -> Option<UserMaps> {
    // SAFETY: neither call takes or touches memory.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    let line = |id: u32| std::ffi::CString::new(format!("{id} {id} 1")).ok();
    if user == 0 { None } else { Some((line(user)?, line(group)?)) }
}

#[cfg(target_os = "linux")]
fn show(view: &View) -> std::io::Result<()> {
    let users = if view.maps.is_some() { libc::CLONE_NEWUSER } else { 0 };
    // SAFETY: flags only.
    check(unsafe { libc::unshare(libc::CLONE_NEWNS | users) })?;
    if let Some(maps) = &view.maps {
        write_maps(maps)?;
    }
    // What is mounted from here on is nobody else's.
    mount(None, c"/", None, libc::MS_REC | libc::MS_PRIVATE)?;
    for step in &view.steps {
        take(step)?;
    }
    // SAFETY: both are texts that end with a zero byte and live for the duration of the calls.
    unsafe {
        check(libc::syscall(libc::SYS_pivot_root, view.root.as_ptr(), view.old.as_ptr()))?;
        check(libc::chdir(c"/".as_ptr()))?;
        check(libc::umount2(c"/.old".as_ptr(), libc::MNT_DETACH))?;
        libc::rmdir(c"/.old".as_ptr());
        check(libc::chdir(view.folder.as_ptr()))?;
    }
    // What holds the folders is no place for files. Where that cannot be said they are the function's own loss.
    let _ = mount(None, c"/", None, libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY);
    Ok(())
}

/// Maps this user into the namespace of users that this process has just made.
#[cfg(target_os = "linux")]
pub(super) fn write_maps((user, group): &UserMaps) -> std::io::Result<()> {
    write_file(c"/proc/self/setgroups", c"deny")?;
    write_file(c"/proc/self/uid_map", user)?;
    write_file(c"/proc/self/gid_map", group)
}

#[cfg(target_os = "linux")]
fn take(step: &Step) -> std::io::Result<()> {
    match step {
        Step::Empty { at, options } => {
            let (kind, options) = (c"tmpfs".as_ptr(), options.as_ptr());
            // SAFETY: each is a text that ends with a zero byte.
            check(unsafe { libc::mount(kind, at.as_ptr(), kind, 0, options.cast()) })
        }
        Step::Folder(at) => {
            // SAFETY: the text ends with a zero byte. A folder that is there already will do.
            unsafe { libc::mkdir(at.as_ptr(), 0o755) };
            Ok(())
        }
        Step::Link { target, at } => {
            // SAFETY: both texts end with a zero byte.
            check(unsafe { libc::symlink(target.as_ptr(), at.as_ptr()) })
        }
        Step::Bind { from, to, read_only } => {
            mount(Some(from), to, None, libc::MS_BIND | libc::MS_REC)?;
            if *read_only {
                // Some systems do not let their users; then it can be written to, which is the function's own loss.
                let flags = libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY;
                let _ = mount(None, to, None, flags);
            }
            Ok(())
        }
        Step::Processes(at) => {
            let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
            // In some containers nobody may; `/proc/self` is right in the outer one, too.
            mount(Some(c"proc"), at, Some(c"proc"), flags)
                .or_else(|_| mount(Some(c"/proc"), at, None, libc::MS_BIND | libc::MS_REC))
        }
        Step::TryBind { from, to } => {
            let _ = mount(Some(from), to, None, libc::MS_BIND | libc::MS_REC);
            Ok(())
        }
    }
}

#[cfg(target_os = "linux")]
fn mount(
    from: Option<&std::ffi::CStr>,
    to: &std::ffi::CStr,
    kind: Option<&std::ffi::CStr>,
    flags: libc::c_ulong,
) -> std::io::Result<()> {
    let pointer = |text: Option<&std::ffi::CStr>| text.map_or(std::ptr::null(), std::ffi::CStr::as_ptr);
    // SAFETY: each pointer is null or a text that ends with a zero byte.
    check(unsafe { libc::mount(pointer(from), to.as_ptr(), pointer(kind), flags, std::ptr::null()) })
}

#[cfg(target_os = "linux")]
fn write_file(path: &std::ffi::CStr, content: &std::ffi::CStr) -> std::io::Result<()> {
    let bytes = content.to_bytes();
    // SAFETY: the path ends with a zero byte, and the content is valid for its length.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        check(file)?;
        let written = libc::write(file, bytes.as_ptr().cast(), bytes.len());
        let result = if written < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) };
        libc::close(file);
        result
    }
}

#[cfg(target_os = "linux")]
pub(super) fn check(answer: impl Into<i64>) -> std::io::Result<()> {
    if answer.into() < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(target_os = "linux")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_os = "linux"))]
type Resource = libc::c_int;

fn limit(resource: Resource, most: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: `limit` is a valid rlimit for the duration of the call. A refusal leaves the looser limit in place.
    unsafe {
        libc::setrlimit(resource, &raw const limit);
    }
}

#[cfg(target_os = "linux")]
fn die_with(parent: u32) -> std::io::Result<()> {
    // SAFETY: both calls take plain numbers and touch no memory.
    let orphaned = unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        // The parent may have died before the call.
        u32::try_from(libc::getppid()) != Ok(parent)
    };
    if orphaned { Err(std::io::Error::from_raw_os_error(libc::ESRCH)) } else { Ok(()) }
}

/// Kills a process.
#[cfg(target_os = "linux")]
pub(super) fn kill(pid: i32) {
    if pid > 1 {
        // SAFETY: kill takes plain numbers; a process that is gone is no error we care about.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
}

/// Kills a process group.
pub(super) fn kill_group(leader: i32) {
    signal_group(leader, libc::SIGKILL);
}

/// Signals a process group.
pub(super) fn signal_group(leader: i32, signal: i32) {
    if leader > 1 {
        // SAFETY: kill takes plain numbers; a group that is gone is no error we care about.
        unsafe {
            libc::kill(-leader, signal);
        }
    }
}

/// The namespace in which a process has a view of its own. While it is held, no other has the same number.
#[derive(Debug)]
pub(super) struct Namespace {
    number: u64,
    _held: std::fs::File,
}

fn namespace_number(process: &str) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(format!("/proc/{process}/ns/mnt")).ok().map(|about| about.ino())
}

impl Namespace {
    /// That of a process; `None` where it sees what we see.
    pub(super) fn of(pid: i32) -> Option<Self> {
        let held = std::fs::File::open(format!("/proc/{pid}/ns/mnt")).ok()?;
        let number = std::os::unix::fs::MetadataExt::ino(&held.metadata().ok()?);
        (namespace_number("self") != Some(number)).then_some(Self { number, _held: held })
    }

    /// Kills all that is in it: what a function started and put into groups of its own.
    pub(super) fn kill_all(&self) {
        // What is being killed may be starting others; that ends soon.
        for _ in 0..16 {
            let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
            let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
            let inside = names.filter(|name| name.as_bytes()[0].is_ascii_digit());
            let inside = inside.filter(|name| namespace_number(name) == Some(self.number));
            let found: Vec<i32> = inside.filter_map(|name| name.parse().ok()).collect();
            if found.is_empty() {
                return;
            }
            for pid in found {
                // SAFETY: kill takes plain numbers; a process that is gone is no error we care about.
                unsafe { libc::kill(pid, libc::SIGKILL) };
            }
        }
    }
}

/// Kills all processes of this user's whose variables have this one exactly.
pub(super) fn kill_those_with(name: &str, value: &std::path::Path) {
    use std::os::unix::ffi::OsStrExt as _;

    let wanted = [name.as_bytes(), b"=", value.as_os_str().as_bytes()].concat();
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = process.file_name().to_str().and_then(|name| name.parse::<i32>().ok());
        let Some(pid) = pid.filter(|pid| *pid > 1) else { continue };
        let variables = std::fs::read(process.path().join("environ")).unwrap_or_default();
        if variables.split(|byte| *byte == 0).any(|variable| variable == wanted) {
            tracing::info!(pid, "a process is ended that a function of an earlier Tule has left");
            // SAFETY: kill takes plain numbers; a process that is gone is no error we care about.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
    }
}

/// Whether a process of this number exists.
pub(crate) fn is_alive(pid: i32) -> bool {
    // SAFETY: signal 0 only asks.
    let answer = unsafe { libc::kill(pid, 0) };
    answer == 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// The most memory a process has used, in MB.
#[cfg(target_os = "linux")]
pub(super) fn peak_memory(pid: i32) -> Option<u32> {
    use std::io::Read as _;

    // The kernel makes it anew for each read: this is one.
    let mut status = [0; 4096];
    let length = std::fs::File::open(format!("/proc/{pid}/status")).ok()?.read(&mut status).ok()?;
    let lines = status[..length].split(|byte| *byte == b'\n');
    let line = lines.filter_map(|line| line.strip_prefix(b"VmHWM:")).next()?;
    let text = std::str::from_utf8(line).ok()?;
    let kilobytes: u32 = text.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes.div_ceil(1024))
}

/// The most memory a process has used: not to be had here.
#[cfg(not(target_os = "linux"))]
pub(super) fn peak_memory(_: i32) -> Option<u32> {
    None
}
