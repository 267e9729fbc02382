//! What only the operating system's own calls can do: limits of a child, its death with ours, killing its group. The
//! one module here with `unsafe`.
#![allow(unsafe_code, reason = "std and tokio offer no safe way to set limits of a child or to kill a group")]

use tokio::process::Command;

/// Open files, as Lambda allows them.
const OPEN_FILES: libc::rlim_t = 1024;

/// Gives a command's process Lambda's limits, and on Linux makes it die with us.
pub(super) fn confine(command: &mut Command) {
    #[cfg(target_os = "linux")]
    let parent = std::process::id();
    // SAFETY: the closure runs between fork and exec and only makes system calls that are async-signal-safe
    // (setrlimit, prctl, getppid, _exit by returning an error); it allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(move || {
            limit(libc::RLIMIT_NOFILE, OPEN_FILES);
            limit(libc::RLIMIT_CORE, 0);
            #[cfg(target_os = "linux")]
            die_with(parent)?;
            Ok(())
        });
    }
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

/// Whether a process of this number exists.
pub(crate) fn is_alive(pid: i32) -> bool {
    // SAFETY: signal 0 only asks.
    let answer = unsafe { libc::kill(pid, 0) };
    answer == 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// The most memory a process has used, in MB.
#[cfg(target_os = "linux")]
pub(super) fn peak_memory(pid: i32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u32 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes.div_ceil(1024))
}

/// The most memory a process has used: not to be had here.
#[cfg(not(target_os = "linux"))]
pub(super) fn peak_memory(_: i32) -> Option<u32> {
    None
}
