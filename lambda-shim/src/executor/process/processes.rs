//! The namespace of processes that functions run in, on Linux where this user may have one: its first process ends with
//! Tule, whatever becomes of Tule, and the kernel ends all others with it, those too that have left their parents,
//! groups and sessions.
//!
//! Processes are started in it as children of Tule's: the one that is forked enters the namespace, makes the function's
//! process as its own sibling, tells its number and ends.
#![allow(unsafe_code, reason = "std and tokio offer no way into a namespace")]

use std::{
    fs::File,
    io::{self, Read as _},
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
        unix::process::{CommandExt as _, ExitStatusExt as _},
    },
    process::{Command, ExitStatus, Stdio},
};

use tokio::io::{Interest, unix::AsyncFd};

use super::system::{self, check};

/// See the module.
#[derive(Debug)]
pub(super) struct ProcessNamespace {
    /// The namespace of users that it belongs to, where this user needs one.
    users: Option<File>,
    processes: File,
    first: Joined,
    /// The first process reads from it, and ends when there is nobody left who could write to it.
    _life: io::PipeWriter,
}

impl ProcessNamespace {
    /// Makes one, and tries it; `None` where this machine or this user has none.
    pub(super) fn open() -> Option<Self> {
        let opened = Self::make().and_then(|namespace| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", "test -e /proc/self && exit 7"]).env_clear().stdin(Stdio::null());
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let status = namespace.start(command, |_| {})?.wait()?;
            if status.code() == Some(7) { Ok(namespace) } else { Err(io::Error::other(status.to_string())) }
        });
        opened.inspect_err(|error| tracing::debug!(%error, "functions share this machine's processes")).ok()
    }

    fn make() -> io::Result<Self> {
        let (reader, life) = io::pipe()?;
        // Nobody writes: it waits, and ends at the end.
        let mut command = Command::new("cat");
        command.stdin(reader).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
        let maps = system::user_maps();
        let has_users = maps.is_some();
        let prepare = move || {
            if let Some(maps) = &maps {
                // SAFETY: flags only.
                check(unsafe { libc::unshare(libc::CLONE_NEWUSER) })?;
                system::write_maps(maps)?;
            }
            // SAFETY: flags and plain numbers. A signal that is ignored stays so in the program: the kernel buries the
            // orphans that the first process gets.
            unsafe {
                check(libc::unshare(libc::CLONE_NEWPID))?;
                libc::signal(libc::SIGCHLD, libc::SIG_IGN);
            }
            Ok(())
        };
        // SAFETY: the closure runs between fork and exec and only makes system calls that are async-signal-safe; all
        // texts were allocated before, and it allocates nothing and takes no lock.
        unsafe { command.pre_exec(prepare) };
        let first = start_sibling(command, |_| {})?;
        let open = |kind: &str| File::open(format!("/proc/{}/ns/{kind}", first.pid));
        let opened =
            open("pid").and_then(|pid| Ok((if has_users { Some(open("user")?) } else { None }, pid)));
        match opened {
            Ok((users, processes)) => Ok(Self { users, processes, first, _life: life }),
            Err(error) => {
                system::kill(first.pid);
                let _ = first.wait();
                Err(error)
            }
        }
    }

    /// Whether processes can still be started in it.
    pub(super) fn is_alive(&self) -> bool {
        let mut poll =
            libc::pollfd { fd: self.first.descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: `poll` is valid for the duration of the call. The descriptor is readable once the process has ended.
        unsafe { libc::poll(&raw mut poll, 1, 0) != 1 }
    }

    /// Starts a command in it, with what `prepare` has its process do besides.
    pub(super) fn start(
        &self,
        mut command: Command,
        prepare: impl FnOnce(&mut Command),
    ) -> io::Result<Joined> {
        let users = self.users.as_ref().map(File::try_clone).transpose()?;
        let processes = self.processes.try_clone()?;
        let enter = move || {
            // SAFETY: descriptors that live as long as the closure does.
            unsafe {
                if let Some(users) = &users {
                    check(libc::setns(users.as_raw_fd(), libc::CLONE_NEWUSER))?;
                }
                check(libc::setns(processes.as_raw_fd(), libc::CLONE_NEWPID))
            }
        };
        // SAFETY: the closure runs between fork and exec and only makes system calls that are async-signal-safe.
        unsafe { command.pre_exec(enter) };
        start_sibling(command, prepare)
    }
}

impl Drop for ProcessNamespace {
    fn drop(&mut self) {
        let first = self.first.pid;
        system::kill(first);
        // It ends when all others have been waited for, which may be this thread's to do.
        std::thread::spawn(move || wait_for(first));
    }
}

/// Starts a command as a sibling of the process that it is forked into, in the namespaces that that one has made or
/// entered for its children; `prepare` is for what the sibling does itself.
fn start_sibling(mut command: Command, prepare: impl FnOnce(&mut Command)) -> io::Result<Joined> {
    let (mut reader, writer) = io::pipe()?;
    let go_on = move || {
        let flags = libc::c_long::from(libc::CLONE_PARENT | libc::SIGCHLD);
        let none: libc::c_long = 0;
        // SAFETY: without a stack of its own and without shared memory this is a fork; the child makes nothing but system
        // calls until it executes its program, as its parent would have.
        let pid = unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, none) };
        check(pid)?;
        if pid == 0 {
            // SAFETY: plain numbers.
            return check(unsafe { libc::setpgid(0, 0) });
        }
        let told = i32::try_from(pid).unwrap_or_default().to_ne_bytes();
        // SAFETY: the bytes are valid for their length, and a pipe takes so few at once. _exit runs nothing of ours.
        unsafe {
            libc::write(writer.as_raw_fd(), told.as_ptr().cast(), told.len());
            libc::_exit(0)
        }
    };
    // SAFETY: the closure runs between fork and exec and makes the system calls that it says.
    unsafe { command.pre_exec(go_on) };
    prepare(&mut command);
    let forked = command.spawn();
    // The command holds the pipe's other end.
    drop(command);
    let mut told = [0; 4];
    let pid = reader.read_exact(&mut told).map(|()| i32::from_ne_bytes(told));
    match (forked, pid) {
        (Ok(mut forked), Ok(pid)) => {
            forked.wait()?;
            Joined::of(pid)
        }
        // It was made, and could not execute its program.
        (Err(error), Ok(pid)) => {
            let _ = wait_for(pid);
            Err(error)
        }
        (Ok(mut forked), Err(error)) => {
            forked.kill()?;
            forked.wait()?;
            Err(error)
        }
        (Err(error), Err(_)) => Err(error),
    }
}

/// A process that is our child, known by a descriptor as well.
#[derive(Debug)]
pub(super) struct Joined {
    pid: i32,
    descriptor: OwnedFd,
}

impl Joined {
    fn of(pid: i32) -> io::Result<Self> {
        // SAFETY: plain numbers; what is answered is a descriptor of ours, or below zero.
        let descriptor = unsafe {
            let answer = libc::syscall(libc::SYS_pidfd_open, pid, 0);
            check(answer).map(|()| OwnedFd::from_raw_fd(i32::try_from(answer).unwrap_or(-1)))
        };
        match descriptor {
            Ok(descriptor) => Ok(Self { pid, descriptor }),
            Err(error) => {
                system::kill(pid);
                let _ = wait_for(pid);
                Err(error)
            }
        }
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    fn wait(&self) -> io::Result<ExitStatus> {
        wait_for(self.pid)
    }

    /// Waits for its end.
    pub(super) async fn ended(self) -> io::Result<ExitStatus> {
        let pid = self.pid;
        // SAFETY: the descriptor is owned by what is registered, and stays open for as long.
        let descriptor = unsafe { AsyncFd::register_with_interest(self.descriptor, Interest::READABLE)? };
        descriptor.readable().await?.retain_ready();
        // What it started must not outlive it, and is found by its number for as long as nobody has waited for it.
        system::kill_group(pid);
        wait_for(pid)
    }
}

fn wait_for(pid: i32) -> io::Result<ExitStatus> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is valid for the duration of the call.
        match check(unsafe { libc::waitpid(pid, &raw mut status, 0) }) {
            Ok(()) => return Ok(ExitStatus::from_raw(status)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
