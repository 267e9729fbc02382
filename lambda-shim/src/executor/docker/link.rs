//! Tule's end of a container: connections out of its standard output, answers into its standard input.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::{Buf, BytesMut};
use futures::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use runtime::BoxFuture;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    sync::watch,
    time::MissedTickBehavior,
};

use super::{
    channels::Channels,
    engine::Attached,
    wire::{self, Frame},
};
use crate::{
    environment::log::{EnvironmentLog, Source},
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
    pub(super) channels: Arc<Channels>,
}

/// What a link is in the middle of.
#[derive(Default)]
struct Open {
    /// Connections to the Runtime API among others, in the link's own task: an invocation is answered without another.
    works: FuturesUnordered<BoxFuture<'static, ()>>,
    /// The names of extensions.
    extensions: Vec<String>,
    /// The runtime has ended.
    ended: bool,
}

impl Link {
    /// Serves a container until its output ends, or its runtime has ended and it has no extensions.
    pub(super) async fn serve(self, attached: Attached) {
        let mut open = Open::default();
        let mut output = attached.output;
        let mut writing = pin!(write(attached.input, &self.channels).fuse());
        let mut buffer = BytesMut::new();
        loop {
            // What is to be written comes of what was read, by way of works.
            let bytes = tokio::select! {
                biased;
                Some(()) = open.works.next() => continue,
                () = &mut writing => continue,
                bytes = output.next() => bytes,
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

    fn obey(&self, frame: Frame, open: &mut Open) {
        let Frame { kind, channel, payload } = frame;
        match kind {
            wire::OPEN_RUNTIME => {
                let connection = self.channels.open(channel);
                open.works.push(Box::pin(serve(Arc::clone(&self.session), connection, Reader::Any)));
            }
            wire::OPEN_ENDPOINT => {
                let connection = self.channels.open(channel);
                if let Some(door) = &self.door {
                    door(Box::new(connection));
                }
            }
            wire::DATA => self.channels.receive(channel, payload),
            wire::CREDIT => self.channels.credit(channel, number(&payload, 0) as usize),
            wire::CLOSE => self.channels.close(channel),
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
        let (session, channels) = (Arc::clone(&self.session), Arc::clone(&self.channels));
        open.works.push(Box::pin(async move {
            session.extensions_registered().await;
            channels.say(wire::START, 0, &[]);
        }));
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.channels.end();
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

/// Writes frames, as many at once as there are, and a beat every few seconds.
async fn write(mut input: Pin<Box<dyn AsyncWrite + Send>>, channels: &Channels) {
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let frames = tokio::select! {
            biased;
            frames = poll_fn(|cx| channels.poll_said(cx)) => frames,
            _ = beat.tick() => {
                channels.say(wire::BEAT, 0, &[]);
                continue;
            }
        };
        if input.write_all(&frames).await.is_err() || input.flush().await.is_err() {
            return channels.end();
        }
    }
}
