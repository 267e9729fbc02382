//! Tule's end of a container: connections out of its standard output, answers into its standard input.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use futures::{StreamExt, stream::FuturesUnordered};
use runtime::BoxFuture;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream},
    sync::{Semaphore, mpsc, oneshot, watch},
};

use super::{
    engine::Attached,
    wire::{self, Frame},
};
use crate::{
    environment::{
        log::{EnvironmentLog, Source},
        telemetry::{Connect, Stream},
    },
    executor::Exit,
    options::Door,
    runtime_api::{
        extensions,
        serve::{Reader, serve},
        session::Session,
    },
};

/// How often the init hears that we are there.
const BEAT: Duration = Duration::from_secs(5);
const CHUNK: usize = 32 * 1024;

/// What a container's link serves.
pub(super) struct Link {
    pub(super) session: Arc<Session>,
    pub(super) log: Arc<EnvironmentLog>,
    /// The way to Tule's own endpoint, for functions that call it.
    pub(super) door: Option<Door>,
    /// MB.
    pub(super) memory: Arc<AtomicU32>,
    /// Where its runtime's end is told.
    pub(super) exit: watch::Sender<Option<Exit>>,
    /// Frames for the init.
    pub(super) say: mpsc::Sender<Bytes>,
}

/// A way into the container that is asked for: the port, and where the connection goes.
pub(super) type Ask = (u16, oneshot::Sender<DuplexStream>);

/// Ports inside the container, reached through its link.
pub(super) struct Ports(pub(super) mpsc::Sender<Ask>);

impl Connect for Ports {
    fn connect(&self, port: u16) -> BoxFuture<'_, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let (sender, receiver) = oneshot::channel();
            let gone = |()| io::Error::from(io::ErrorKind::BrokenPipe);
            self.0.send((port, sender)).await.map_err(|_| gone(()))?;
            let stream = receiver.await.map_err(|_| gone(()))?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}

/// What a link is in the middle of.
#[derive(Default)]
struct Open {
    channels: HashMap<u32, Channel>,
    /// All in the link's own task: an invocation goes through four of them each way.
    works: FuturesUnordered<BoxFuture<'static, ()>>,
    /// The names of extensions.
    extensions: Vec<String>,
    /// How many channels were opened from here.
    outward: u32,
    /// The runtime has ended.
    ended: bool,
}

/// One connection inside the container.
struct Channel {
    /// What the container sent. Bounded by the window, which the init keeps.
    inward: mpsc::UnboundedSender<Bytes>,
    /// How much we may still send.
    window: Arc<Semaphore>,
}

impl Link {
    /// Serves a container until its output ends, or its runtime has ended and it has no extensions.
    pub(super) async fn serve(
        self,
        attached: Attached,
        said: mpsc::Receiver<Bytes>,
        mut asked: mpsc::Receiver<Ask>,
    ) {
        let mut open = Open::default();
        open.works.push(Box::pin(write(attached.input, said)));
        let mut output = attached.output;
        let mut buffer = BytesMut::new();
        loop {
            let bytes = tokio::select! {
                bytes = output.next() => bytes,
                Some(()) = open.works.next() => continue,
                Some((port, reply)) = asked.recv() => {
                    self.reach(port, reply, &mut open);
                    continue;
                }
            };
            let Some(bytes) = bytes else { return };
            buffer.extend_from_slice(&bytes);
            loop {
                match wire::take(&mut buffer) {
                    Ok(Some(frame)) => self.obey(frame, &mut open),
                    Ok(None) => break,
                    Err(wire::Garbled) => {
                        self.tell_end(Exit::Lost("its connection to Tule is garbled".to_owned()));
                        return;
                    }
                }
            }
            if open.ended && open.extensions.is_empty() {
                return;
            }
        }
    }

    /// The runtime has ended; what is said first counts.
    fn tell_end(&self, exit: Exit) {
        self.exit.send_if_modified(|place| {
            let first = place.is_none();
            if first {
                *place = Some(exit);
            }
            first
        });
    }

    /// Opens a channel to a port inside the container.
    fn reach(&self, port: u16, reply: oneshot::Sender<DuplexStream>, open: &mut Open) {
        let channel = wire::OUTWARD | open.outward;
        open.outward = (open.outward + 1) & !wire::OUTWARD;
        let ours = self.channel(channel, open);
        let say = self.say.clone();
        open.works.push(Box::pin(async move {
            // Whoever asked may have given up.
            if say.send(wire::frame(wire::CONNECT, channel, &port.to_be_bytes())).await.is_ok() {
                let _ = reply.send(ours);
            }
        }));
    }

    /// A channel's end here.
    fn channel(&self, channel: u32, open: &mut Open) -> DuplexStream {
        let (inward, received) = mpsc::unbounded_channel();
        let window = Arc::new(Semaphore::new(wire::WINDOW));
        open.channels.insert(channel, Channel { inward, window: Arc::clone(&window) });
        let carrier = Carrier { channel, received, window, say: self.say.clone() };
        let (ours, theirs) = tokio::io::duplex(CHUNK * 2);
        open.works.push(Box::pin(carrier.carry(ours)));
        theirs
    }

    fn obey(&self, frame: Frame, open: &mut Open) {
        let Frame { kind, channel, payload } = frame;
        match kind {
            wire::OPEN_RUNTIME => {
                let theirs = self.channel(channel, open);
                open.works.push(Box::pin(serve(Arc::clone(&self.session), theirs, Reader::Any)));
            }
            wire::OPEN_ENDPOINT => {
                let theirs = self.channel(channel, open);
                if let Some(door) = &self.door {
                    door(theirs);
                }
            }
            wire::DATA => {
                if let Some(channel) = open.channels.get(&channel) {
                    // Its carrier has ended: the init will learn by CLOSE.
                    let _ = channel.inward.send(payload);
                }
            }
            wire::CREDIT => {
                let more = number(&payload, 0) as usize;
                if let Some(channel) = open.channels.get(&channel) {
                    channel.window.add_permits(more.min(wire::WINDOW));
                }
            }
            wire::CLOSE => drop(open.channels.remove(&channel)),
            wire::LOG if channel == 0 => self.log.output(Source::Function, &payload),
            wire::LOG => self.log.output(Source::Extension(channel), &payload),
            wire::FRAMED => self.log.framed(&payload),
            wire::MEMORY => {
                let bytes = <[u8; 8]>::try_from(&*payload).map_or(0, u64::from_be_bytes);
                self.memory
                    .fetch_max(u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u32::MAX), Ordering::Relaxed);
            }
            wire::EXIT => {
                open.ended = true;
                self.tell_end(exit(&payload));
            }
            wire::EXTENSIONS => self.extensions(&payload, open),
            wire::EXTENSION_EXIT => {
                if let Some(name) = named(channel, open) {
                    self.session.extension_exited(name, &exit(&payload));
                }
            }
            wire::LAUNCH_ERROR => {
                if let Some(name) = named(channel, open) {
                    let (word, why) = match number(&payload, 0) {
                        13 => ("PermissionDenied", "permission denied".to_owned()),
                        8 => ("UnknownError", "exec format error".to_owned()),
                        2 => ("UnknownError", "no such file or directory".to_owned()),
                        other => ("UnknownError", format!("error {other}")),
                    };
                    let message = format!("fork/exec /opt/extensions/{name}: {why}");
                    self.session.extension_not_launched(name, word, message);
                }
            }
            _ => {}
        }
    }

    /// The container's extensions are being started; the runtime follows when they have registered.
    fn extensions(&self, payload: &[u8], open: &mut Open) {
        let names = String::from_utf8_lossy(payload);
        open.extensions = names.lines().map(str::to_owned).collect();
        self.session.expect_extensions(&open.extensions);
        if let Some(name) = open.extensions.get(extensions::MOST) {
            let message = format!("Extension limit ({}) reached", extensions::MOST);
            return self.session.extension_not_launched(name, "TooManyExtensions", message);
        }
        let (session, say) = (Arc::clone(&self.session), self.say.clone());
        open.works.push(Box::pin(async move {
            session.extensions_registered().await;
            // Without a link there is nothing to start any more.
            let _ = say.send(wire::frame(wire::START, 0, &[])).await;
        }));
    }
}

/// The extension of a number.
fn named(channel: u32, open: &Open) -> Option<&str> {
    let at = usize::try_from(channel).ok()?.checked_sub(1)?;
    open.extensions.get(at).map(|name| &**name)
}

fn number(payload: &[u8], at: usize) -> u32 {
    payload.get(at..at + 4).map_or(0, |mut bytes| bytes.get_u32())
}

/// How a process ended: code and signal.
fn exit(payload: &[u8]) -> Exit {
    let (code, signal) = (number(payload, 0).cast_signed(), number(payload, 4).cast_signed());
    if signal != 0 { Exit::Signal(signal) } else { Exit::Code(code) }
}

/// Carries one channel to and from a stream.
struct Carrier {
    channel: u32,
    received: mpsc::UnboundedReceiver<Bytes>,
    window: Arc<Semaphore>,
    say: mpsc::Sender<Bytes>,
}

impl Carrier {
    async fn carry(self, stream: impl AsyncRead + AsyncWrite + Send) {
        let Self { channel, mut received, window, say } = self;
        let (mut reader, mut writer) = tokio::io::split(stream);
        let inward = async {
            let mut taken = 0;
            while let Some(bytes) = received.recv().await {
                if writer.write_all(&bytes).await.is_err() {
                    break;
                }
                taken += bytes.len();
                if taken < wire::CREDITED {
                    continue;
                }
                let credit = u32::try_from(std::mem::take(&mut taken)).unwrap_or_default().to_be_bytes();
                if say.send(wire::frame(wire::CREDIT, channel, &credit)).await.is_err() {
                    break;
                }
            }
            let _ = writer.shutdown().await;
        };
        let outward = async {
            let mut buffer = vec![0; CHUNK];
            while let Ok(count) = reader.read(&mut buffer).await {
                if count == 0 {
                    break;
                }
                let Ok(permits) = window.acquire_many(u32::try_from(count).unwrap_or_default()).await else {
                    break;
                };
                permits.forget();
                if say.send(wire::frame(wire::DATA, channel, &buffer[..count])).await.is_err() {
                    break;
                }
            }
            let _ = say.send(wire::frame(wire::CLOSE, channel, &[])).await;
        };
        tokio::join!(inward, outward);
    }
}

/// Writes frames, as many at once as there are, and a beat when there are none.
async fn write(mut input: std::pin::Pin<Box<dyn AsyncWrite + Send>>, mut said: mpsc::Receiver<Bytes>) {
    loop {
        let first = match tokio::time::timeout(BEAT, said.recv()).await {
            Ok(Some(frame)) => frame,
            Ok(None) => return,
            Err(_) => wire::frame(wire::BEAT, 0, &[]),
        };
        let mut written = input.write_all(&first).await;
        while let (Ok(()), Ok(next)) = (&written, said.try_recv()) {
            written = input.write_all(&next).await;
        }
        if written.is_err() || input.flush().await.is_err() {
            return;
        }
    }
}
