//! The first process of a function's container: it starts the runtime, and carries the runtime's connections and output
//! over its own standard input and output to Tule, so that nothing has to be reachable from the container.
//!
//! Compiled by the build script into a static program of its own; the wire is described in `executor/docker/wire.rs`.
//! It never allocates by what the function says beyond the windows, and ends with everything when Tule goes silent.
//!
//! Arguments: the port to offer Tule's endpoint at (0: none), how many MB of memory the function has (0: as many as the
//! container), then the program to run.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    os::{
        fd::{AsRawFd, RawFd},
        unix::process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio, exit},
    time::{Duration, Instant},
};

const OPEN_RUNTIME: u8 = 1;
const OPEN_ENDPOINT: u8 = 2;
const DATA: u8 = 3;
const CLOSE: u8 = 4;
const LOG: u8 = 5;
const EXIT: u8 = 6;
const CREDIT: u8 = 7;
const MEMORY: u8 = 8;
const BEAT: u8 = 9;
const EXTENSIONS: u8 = 10;
const START: u8 = 11;
const EXTENSION_EXIT: u8 = 12;
const SIGNAL: u8 = 13;
const CONNECT: u8 = 14;
const FRAMED: u8 = 15;
const LAUNCH_ERROR: u8 = 16;

const HEADER: usize = 9;
/// How much may be under way unacknowledged in each direction of a connection.
const WINDOW: usize = 256 * 1024;
/// As much is taken of it before that is said: little of what is said is about room.
const CREDITED: usize = WINDOW / 4;
/// How much may wait for the standard output before the function's output is not read any more.
const BACKLOG: usize = 1024 * 1024;
const CHUNK: usize = 32 * 1024;
/// Tule sends a beat every five seconds.
const SILENCE: Duration = Duration::from_secs(60);
/// As many extensions are started.
const EXTENSION_LIMIT: usize = 10;
const EXTENSION_FOLDER: &str = "/opt/extensions";

/// Lambda's user and group.
const USER: u32 = 993;
const GROUP: u32 = 990;

const POLLIN: i16 = 1;
const POLLOUT: i16 = 4;

#[repr(C)]
struct PollFd {
    fd: i32,
    events: i16,
    revents: i16,
}

unsafe extern "C" {
    fn poll(fds: *mut PollFd, count: std::ffi::c_ulong, timeout: i32) -> i32;
    fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
    fn kill(pid: i32, signal: i32) -> i32;
    fn fcntl(fd: i32, command: i32, argument: i32) -> i32;
    fn prctl(option: i32, a: std::ffi::c_ulong, b: std::ffi::c_ulong, c: std::ffi::c_ulong, d: std::ffi::c_ulong) -> i32;
    fn read(fd: i32, buffer: *mut u8, count: usize) -> isize;
    fn write(fd: i32, buffer: *const u8, count: usize) -> isize;
    fn geteuid() -> u32;
    fn getpagesize() -> i32;
    fn chown(path: *const std::ffi::c_char, user: u32, group: u32) -> i32;
    fn setgroups(count: usize, groups: *const u32) -> i32;
    fn setgid(group: u32) -> i32;
    fn setuid(user: u32) -> i32;
}

struct Connection {
    stream: TcpStream,
    runtime: bool,
    /// What Tule sent and the socket has not taken yet.
    inward: VecDeque<u8>,
    /// How much may still be sent to Tule.
    window: usize,
    /// How much the socket has taken that Tule does not know of.
    taken: usize,
    /// Tule has closed it; it ends when all is written.
    closing: bool,
}

struct Init {
    connections: BTreeMap<u32, Connection>,
    next: u32,
    outward: VecDeque<u8>,
    input: Vec<u8>,
    outputs: Vec<Output>,
    /// What runs as the runtime.
    program: Vec<String>,
    /// Its process, when it runs.
    child: Option<i32>,
    /// The processes of extensions that run, and their numbers.
    extensions: Vec<(i32, u32)>,
    heard: Instant,
    measured: Option<Instant>,
    /// How many bytes of memory the function may use; files in `/tmp` are none.
    memory: Option<u64>,
    watched: Instant,
}

/// A pipe that the function or an extension writes to.
struct Output {
    reader: std::io::PipeReader,
    /// LOG or FRAMED.
    kind: u8,
    channel: u32,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, memory, program @ ..] = &arguments[..] else { exit(127) };
    become_lambdas_user();
    // What the function could read of this process would be the way to Tule.
    // SAFETY: PR_SET_DUMPABLE (4) takes plain numbers.
    unsafe { prctl(4, 0, 0, 0, 0) };
    // Some engines take the mode of the image's folder for the mounted one.
    let _ = std::fs::set_permissions("/tmp", std::os::unix::fs::PermissionsExt::from_mode(0o700));
    let runtime = listen(9001);
    let endpoint = port.parse().ok().filter(|port: &u16| *port != 0).map(listen);
    for fd in [0, 1] {
        non_blocking(fd);
    }
    let mut init = Init {
        connections: BTreeMap::new(),
        next: 1,
        outward: VecDeque::new(),
        input: Vec::new(),
        outputs: Vec::new(),
        program: program.to_vec(),
        child: None,
        extensions: Vec::new(),
        heard: Instant::now(),
        measured: None,
        memory: memory.parse().ok().filter(|memory| *memory > 0).map(|memory: u64| memory << 20),
        watched: Instant::now(),
    };
    // With extensions the runtime waits until Tule says START.
    if !init.start_extensions() {
        init.start_runtime();
    }
    loop {
        init.turn(&runtime, endpoint.as_ref());
    }
}

/// Where the engine cannot give `/tmp` to Lambda's user (Podman), the container starts as root, with no more rights than
/// to do this.
fn become_lambdas_user() {
    // SAFETY: plain numbers, a text that ends with a zero byte, and an empty list.
    let became = unsafe {
        geteuid() != 0
            || (chown(c"/tmp".as_ptr(), USER, GROUP) == 0
                && setgroups(0, std::ptr::null()) == 0
                && setgid(GROUP) == 0
                && setuid(USER) == 0)
    };
    if !became {
        eprintln!("tule-init: it could not become Lambda's user: {}", std::io::Error::last_os_error());
        exit(125);
    }
}

fn listen(port: u16) -> TcpListener {
    match TcpListener::bind(("127.0.0.1", port)) {
        Ok(listener) => {
            let _ = listener.set_nonblocking(true);
            listener
        }
        Err(error) => {
            eprintln!("tule-init: port {port} could not be opened: {error}");
            exit(125);
        }
    }
}

/// A program with Lambda's environment, and one pipe for both of its outputs.
fn command(name: &str) -> std::io::Result<(Command, std::io::PipeReader)> {
    let (reader, writer) = std::io::pipe()?;
    let mut command = Command::new(name);
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    // Docker sets these; Lambda does not.
    command.env_remove("HOME").env_remove("HOSTNAME").process_group(0);
    // Lambda's user has a home by the table of users. Where the image does not know the user, HOME has to say it:
    // libraries fail that find neither, the AWS SDK for JavaScript among them.
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    if !users.lines().any(|user| user.split(':').nth(2) == Some("993")) {
        command.env("HOME", "/home/sbx_user1051");
    }
    Ok((command, reader))
}

fn non_blocking(fd: RawFd) {
    // SAFETY: F_GETFL (3) and F_SETFL (4) with O_NONBLOCK (0o4000) on a descriptor of ours.
    unsafe {
        let flags = fcntl(fd, 3, 0);
        fcntl(fd, 4, flags | 0o4000);
    }
}

/// What one read brought.
enum Got {
    Bytes(usize),
    Nothing,
    End,
}

fn read_fd(fd: RawFd, buffer: &mut [u8]) -> Got {
    // SAFETY: the buffer is valid for its length for the duration of the call.
    let count = unsafe { read(fd, buffer.as_mut_ptr(), buffer.len()) };
    match usize::try_from(count) {
        Ok(0) => Got::End,
        Ok(count) => Got::Bytes(count),
        Err(_) => match std::io::Error::last_os_error().kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted => Got::Nothing,
            _ => Got::End,
        },
    }
}

impl Init {
    /// Starts every file in the folder of extensions; `false` if there are none.
    fn start_extensions(&mut self) -> bool {
        let folder = std::fs::read_dir(EXTENSION_FOLDER).into_iter().flatten().flatten();
        let files = folder.filter(|entry| std::fs::metadata(entry.path()).is_ok_and(|about| about.is_file()));
        let mut names: Vec<String> = files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        if names.is_empty() {
            return false;
        }
        self.say(EXTENSIONS, 0, names.join("\n").as_bytes());
        if names.len() > EXTENSION_LIMIT {
            return true;
        }
        for (number, name) in (1..).zip(&names) {
            let spawned = command(&[EXTENSION_FOLDER, name].join("/"))
                .and_then(|(mut command, reader)| Ok((command.spawn()?.id(), reader)));
            match spawned {
                Ok((pid, reader)) => {
                    self.extensions.push((i32::try_from(pid).unwrap_or_default(), number));
                    self.read_from(reader, LOG, number);
                }
                Err(error) => {
                    self.say(LAUNCH_ERROR, number, &error.raw_os_error().unwrap_or_default().to_be_bytes());
                }
            }
        }
        true
    }

    fn start_runtime(&mut self) {
        let program = std::mem::take(&mut self.program);
        let Some((name, arguments)) = program.split_first() else { exit(127) };
        // A function without a program of its own may have one in a layer.
        let of_layer = name == "/var/task/bootstrap" && !std::path::Path::new(name).exists();
        let name = if of_layer { "/opt/bootstrap" } else { name };
        let (Ok((mut command, reader)), Ok((frames, writer))) = (command(name), std::io::pipe()) else { exit(125) };
        // Runtimes of AWS's write log messages here with their length ahead, so that each stays whole.
        let fd = writer.as_raw_fd();
        // SAFETY: F_SETFD (2) without FD_CLOEXEC on a descriptor of ours.
        unsafe { fcntl(fd, 2, 0) };
        command.args(arguments).env("_LAMBDA_TELEMETRY_LOG_FD", fd.to_string());
        match command.spawn() {
            Ok(child) => {
                self.child = i32::try_from(child.id()).ok();
                self.read_from(reader, LOG, 0);
                self.read_from(frames, FRAMED, 0);
            }
            Err(error) => {
                // 126 and 127 as shells have it, 123 where its interpreter is missing; Tule knows the text by the number.
                exit(match error.raw_os_error() {
                    Some(2) if Path::new(name).is_file() => 123,
                    Some(8) => 124,
                    Some(13) => 126,
                    _ => 127,
                })
            }
        }
    }

    fn read_from(&mut self, reader: std::io::PipeReader, kind: u8, channel: u32) {
        non_blocking(reader.as_raw_fd());
        self.outputs.push(Output { reader, kind, channel });
    }

    fn turn(&mut self, runtime: &TcpListener, endpoint: Option<&TcpListener>) {
        self.wait(runtime, endpoint);
        self.hear();
        self.accept(runtime, true);
        if let Some(endpoint) = endpoint {
            self.accept(endpoint, false);
        }
        self.carry();
        self.read_log(false);
        self.watch_memory();
        self.reap();
        self.flush();
        if self.heard.elapsed() > SILENCE {
            self.end();
        }
    }

    fn wait(&self, runtime: &TcpListener, endpoint: Option<&TcpListener>) {
        let mut fds = vec![
            PollFd { fd: 0, events: POLLIN, revents: 0 },
            PollFd { fd: runtime.as_raw_fd(), events: POLLIN, revents: 0 },
        ];
        if !self.outward.is_empty() {
            fds.push(PollFd { fd: 1, events: POLLOUT, revents: 0 });
        }
        if let Some(endpoint) = endpoint {
            fds.push(PollFd { fd: endpoint.as_raw_fd(), events: POLLIN, revents: 0 });
        }
        if self.outward.len() < BACKLOG {
            let outputs = self.outputs.iter().map(|output| output.reader.as_raw_fd());
            fds.extend(outputs.map(|fd| PollFd { fd, events: POLLIN, revents: 0 }));
        }
        for connection in self.connections.values() {
            let mut events = 0;
            if connection.window > 0 && !connection.closing {
                events |= POLLIN;
            }
            if !connection.inward.is_empty() {
                events |= POLLOUT;
            }
            // A descriptor without events is left out: its end would wake us again and again.
            if events != 0 {
                fds.push(PollFd { fd: connection.stream.as_raw_fd(), events, revents: 0 });
            }
        }
        // SAFETY: `fds` is a valid array of its length for the duration of the call.
        unsafe { poll(fds.as_mut_ptr(), fds.len() as std::ffi::c_ulong, 100) };
    }

    /// Takes what Tule says.
    fn hear(&mut self) {
        let mut buffer = [0; CHUNK];
        loop {
            match read_fd(0, &mut buffer) {
                Got::Bytes(count) => {
                    self.heard = Instant::now();
                    self.input.extend_from_slice(&buffer[..count]);
                }
                Got::Nothing => break,
                Got::End => self.end(),
            }
        }
        let input = std::mem::take(&mut self.input);
        let mut rest = &input[..];
        while let Some((kind, channel, payload, behind)) = frame(rest) {
            self.obey(kind, channel, payload);
            rest = behind;
        }
        self.input = rest.to_vec();
    }

    fn obey(&mut self, kind: u8, channel: u32, payload: &[u8]) {
        match (kind, payload) {
            (START, _) if self.child.is_none() && !self.program.is_empty() => return self.start_runtime(),
            (SIGNAL, [signal, ..]) => {
                if let Some(child) = self.child {
                    // SAFETY: kill takes plain numbers; the group is the runtime's own.
                    unsafe { kill(-child, i32::from(*signal)) };
                }
                return;
            }
            (CONNECT, [high, low]) => return self.reach(channel, u16::from_be_bytes([*high, *low])),
            _ => {}
        }
        let Some(connection) = self.connections.get_mut(&channel) else { return };
        match kind {
            DATA => {
                connection.inward.extend(payload);
                self.push(channel);
            }
            CREDIT => {
                let more = payload.try_into().map_or(0, u32::from_be_bytes);
                connection.window += more as usize;
            }
            CLOSE => {
                connection.closing = true;
                self.push(channel);
            }
            _ => {}
        }
    }

    /// Connects to a port in here for Tule.
    fn reach(&mut self, channel: u32, port: u16) {
        match TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_millis(100)) {
            Ok(stream) => self.keep(channel, stream, false),
            Err(_) => self.say(CLOSE, channel, &[]),
        }
    }

    fn keep(&mut self, channel: u32, stream: TcpStream, runtime: bool) {
        let _ = stream.set_nonblocking(true);
        let _ = stream.set_nodelay(true);
        let connection =
            Connection { stream, runtime, inward: VecDeque::new(), window: WINDOW, taken: 0, closing: false };
        self.connections.insert(channel, connection);
    }

    /// Writes to a connection what it takes, and tells Tule that there is room again.
    fn push(&mut self, channel: u32) {
        let Some(connection) = self.connections.get_mut(&channel) else { return };
        while !connection.inward.is_empty() {
            let (front, _) = connection.inward.as_slices();
            match connection.stream.write(front) {
                Ok(0) => break,
                Ok(count) => {
                    connection.inward.drain(..count);
                    connection.taken += count;
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => break,
                Err(_) => {
                    connection.inward.clear();
                    connection.closing = true;
                }
            }
        }
        let done = connection.closing && connection.inward.is_empty();
        if connection.taken >= CREDITED {
            let taken = std::mem::take(&mut connection.taken);
            self.say(CREDIT, channel, &u32::try_from(taken).unwrap_or_default().to_be_bytes());
        }
        if done {
            self.connections.remove(&channel);
        }
    }

    fn accept(&mut self, listener: &TcpListener, runtime: bool) {
        while let Ok((stream, _)) = listener.accept() {
            let channel = self.next;
            // The highest bit is for those that Tule opens.
            self.next = (self.next + 1) & !(1 << 31);
            self.keep(channel, stream, runtime);
            self.say(if runtime { OPEN_RUNTIME } else { OPEN_ENDPOINT }, channel, &[]);
        }
    }

    /// Reads from all connections. Before anything is carried of the runtime's, its output is: what a function prints
    /// before it answers is logged before the answer.
    fn carry(&mut self) {
        let mut buffer = [0; CHUNK];
        let channels: Vec<u32> = self.connections.keys().copied().collect();
        for channel in channels {
            self.push(channel);
            loop {
                let Some(connection) = self.connections.get_mut(&channel) else { break };
                let room = connection.window.min(CHUNK);
                if room == 0 || connection.closing {
                    break;
                }
                let of_runtime = connection.runtime;
                match connection.stream.read(&mut buffer[..room]) {
                    Ok(count) if count > 0 => {
                        connection.window -= count;
                        if of_runtime {
                            self.read_log(true);
                            self.measure();
                        }
                        self.say(DATA, channel, &buffer[..count]);
                    }
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => break,
                    _ => {
                        self.connections.remove(&channel);
                        self.say(CLOSE, channel, &[]);
                    }
                }
            }
        }
    }

    fn read_log(&mut self, all: bool) {
        let mut buffer = [0; CHUNK];
        let mut outputs = std::mem::take(&mut self.outputs);
        outputs.retain(|output| {
            while all || self.outward.len() < BACKLOG {
                match read_fd(output.reader.as_raw_fd(), &mut buffer) {
                    Got::Bytes(count) => self.say(output.kind, output.channel, &buffer[..count]),
                    Got::Nothing => return true,
                    Got::End => return false,
                }
            }
            true
        });
        self.outputs = outputs;
    }

    /// The most memory used in this container, ten times a second at most.
    fn measure(&mut self) {
        if self.measured.is_some_and(|at| at.elapsed() < Duration::from_millis(100)) {
            return;
        }
        self.measured = Some(Instant::now());
        let peaks = ["/sys/fs/cgroup/memory.peak", "/sys/fs/cgroup/memory/memory.max_usage_in_bytes"];
        let peak = peaks.iter().find_map(|path| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok());
        if let Some(peak) = peak {
            self.say(MEMORY, 0, &peak.to_be_bytes());
        }
    }

    /// Kills the runtime when the processes in here use more memory than the function has. The container's own limit is
    /// for files in `/tmp` besides, and not every engine can set one.
    fn watch_memory(&mut self) {
        const EVERY: Duration = Duration::from_millis(100);
        let (Some(memory), Some(child)) = (self.memory, self.child) else { return };
        if self.watched.elapsed() < EVERY {
            return;
        }
        self.watched = Instant::now();
        if is_over(memory) {
            self.measured = None;
            self.measure();
            // SAFETY: kill takes plain numbers; the group is the runtime's own.
            unsafe { kill(-child, 9) };
        }
    }

    /// Buries the dead; the container ends with the last of the runtime and its extensions.
    fn reap(&mut self) {
        loop {
            let mut status = 0;
            // SAFETY: `status` is valid for the call; 1 is WNOHANG.
            let pid = unsafe { waitpid(-1, &raw mut status, 1) };
            if pid <= 0 {
                return;
            }
            let extension = self.extensions.iter().position(|(of, _)| *of == pid);
            if self.child != Some(pid) && extension.is_none() {
                continue;
            }
            self.read_log(true);
            let signal = status & 0x7f;
            let code = (status >> 8) & 0xff;
            let mut payload = [0; 8];
            payload[..4].copy_from_slice(&code.to_be_bytes());
            payload[4..].copy_from_slice(&signal.to_be_bytes());
            match extension {
                Some(at) => {
                    let (_, number) = self.extensions.remove(at);
                    self.say(EXTENSION_EXIT, number, &payload);
                }
                None => {
                    self.child = None;
                    self.program = Vec::new();
                    self.say(EXIT, 0, &payload);
                }
            }
            // What goes on without a runtime are extensions, which have a little time.
            if self.child.is_none() && self.program.is_empty() && self.extensions.is_empty() {
                self.leave();
            }
        }
    }

    fn leave(&mut self) -> ! {
        let patience = Instant::now();
        while !self.outward.is_empty() && patience.elapsed() < Duration::from_secs(5) {
            self.flush();
            std::thread::sleep(Duration::from_millis(1));
        }
        exit(0);
    }

    fn say(&mut self, kind: u8, channel: u32, payload: &[u8]) {
        self.outward.push_back(kind);
        self.outward.extend(channel.to_be_bytes());
        self.outward.extend(u32::try_from(payload.len()).unwrap_or_default().to_be_bytes());
        self.outward.extend(payload);
    }

    fn flush(&mut self) {
        while !self.outward.is_empty() {
            let (front, _) = self.outward.as_slices();
            // SAFETY: the slice is valid for its length for the duration of the call.
            let count = unsafe { write(1, front.as_ptr(), front.len()) };
            match usize::try_from(count) {
                Ok(count) if count > 0 => drop(self.outward.drain(..count)),
                _ => {
                    if !matches!(std::io::Error::last_os_error().kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) {
                        self.end();
                    }
                    return;
                }
            }
        }
    }

    /// Nobody listens any more.
    fn end(&self) -> ! {
        // SAFETY: kill takes plain numbers; -1 is everything in this container but us.
        unsafe { kill(-1, 9) };
        exit(0);
    }
}

/// Whether the processes in here have more than so many bytes in memory that are no file's.
fn is_over(memory: u64) -> bool {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit());
    let processes: Vec<PathBuf> = processes.map(|entry| entry.path()).collect();
    let sum = |used: fn(&Path) -> Option<u64>| -> u64 { processes.iter().filter_map(|process| used(process)).sum() };
    // What forks have in common counts for each of them here, and once only in what takes longer to ask for.
    sum(resident) > memory && sum(|process| proportional(process).or_else(|| resident(process))) > memory
}

/// How many bytes a process has in memory that are no file's.
fn resident(process: &Path) -> Option<u64> {
    let sizes = std::fs::read_to_string(process.join("statm")).ok()?;
    let mut sizes = sizes.split(' ').skip(1).map_while(|size| size.parse::<u64>().ok());
    let (resident, files) = (sizes.next()?, sizes.next()?);
    // SAFETY: the call takes and touches no memory.
    let page = u64::try_from(unsafe { getpagesize() }).ok()?;
    Some(resident.saturating_sub(files) * page)
}

/// The same, with no more than its part of what it has in common with others; not every kernel tells that.
fn proportional(process: &Path) -> Option<u64> {
    let sizes = std::fs::read_to_string(process.join("smaps_rollup")).ok()?;
    let own = sizes.lines().find_map(|line| line.strip_prefix("Pss_Anon:"))?;
    own.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

/// The first whole frame, and what stands behind it.
fn frame(bytes: &[u8]) -> Option<(u8, u32, &[u8], &[u8])> {
    let header = bytes.get(..HEADER)?;
    let channel = u32::from_be_bytes(header[1..5].try_into().ok()?);
    let length = u32::from_be_bytes(header[5..9].try_into().ok()?) as usize;
    let payload = bytes.get(HEADER..HEADER + length)?;
    // A beat is only there to be heard.
    let kind = if header[0] == BEAT { 0 } else { header[0] };
    Some((kind, channel, payload, &bytes[HEADER + length..]))
}
