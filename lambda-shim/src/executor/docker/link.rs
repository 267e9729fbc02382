//! Tule's end of a container: connections out of its standard output, answers into its standard input.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

use super::{
    engine::Attached,
    wire::{self, Frame},
};
use crate::{
    environment::log::EnvironmentLog,
    executor::Exit,
    options::Door,
    runtime_api::{self, session::Session},
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
}

/// One connection inside the container.
struct Channel {
    /// What the container sent. Bounded by the window, which the init keeps.
    inward: mpsc::UnboundedSender<Bytes>,
    /// How much we may still send.
    window: Arc<Semaphore>,
}

impl Link {
    /// Serves a container until its output ends. Answers how its runtime ended, if the init said so.
    pub(super) async fn serve(self, attached: Attached) -> Option<Exit> {
        let (say, said) = mpsc::channel(64);
        let mut tasks = JoinSet::new();
        tasks.spawn(write(attached.input, said));
        let mut channels = HashMap::new();
        let mut output = attached.output;
        let mut buffer = BytesMut::new();
        let mut exit = None;
        while let Some(bytes) = output.next().await {
            buffer.extend_from_slice(&bytes);
            loop {
                match wire::take(&mut buffer) {
                    Ok(Some(frame)) => exit = self.obey(frame, &mut channels, &say, &mut tasks).or(exit),
                    Ok(None) => break,
                    Err(wire::Garbled) => {
                        return Some(Exit::Lost("its connection to Tule is garbled".to_owned()));
                    }
                }
            }
            while tasks.try_join_next().is_some() {}
            if exit.is_some() {
                break;
            }
        }
        exit
    }

    fn obey(
        &self,
        frame: Frame,
        channels: &mut HashMap<u32, Channel>,
        say: &mpsc::Sender<Bytes>,
        tasks: &mut JoinSet<()>,
    ) -> Option<Exit> {
        let Frame { kind, channel, payload } = frame;
        match kind {
            wire::OPEN_RUNTIME | wire::OPEN_ENDPOINT => {
                let (inward, received) = mpsc::unbounded_channel();
                let window = Arc::new(Semaphore::new(wire::WINDOW));
                channels.insert(channel, Channel { inward, window: Arc::clone(&window) });
                let carrier = Carrier { channel, received, window, say: say.clone() };
                let (ours, theirs) = tokio::io::duplex(CHUNK * 2);
                if kind == wire::OPEN_RUNTIME {
                    tasks.spawn(runtime_api::serve::serve(Arc::clone(&self.session), theirs));
                } else if let Some(door) = &self.door {
                    door(theirs);
                }
                tasks.spawn(carrier.carry(ours));
            }
            wire::DATA => {
                if let Some(channel) = channels.get(&channel) {
                    // Its carrier has ended: the init will learn by CLOSE.
                    let _ = channel.inward.send(payload);
                }
            }
            wire::CREDIT => {
                let more = <[u8; 4]>::try_from(&*payload).map_or(0, u32::from_be_bytes) as usize;
                if let Some(channel) = channels.get(&channel) {
                    channel.window.add_permits(more.min(wire::WINDOW));
                }
            }
            wire::CLOSE => drop(channels.remove(&channel)),
            wire::LOG => self.log.output(&payload),
            wire::MEMORY => {
                let bytes = <[u8; 8]>::try_from(&*payload).map_or(0, u64::from_be_bytes);
                self.memory
                    .fetch_max(u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u32::MAX), Ordering::Relaxed);
            }
            wire::EXIT => {
                let number = |at: usize| {
                    payload
                        .get(at..at + 4)
                        .and_then(|bytes| bytes.try_into().ok())
                        .map_or(0, i32::from_be_bytes)
                };
                return Some(if number(4) != 0 { Exit::Signal(number(4)) } else { Exit::Code(number(0)) });
            }
            _ => {}
        }
        None
    }
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
            while let Some(bytes) = received.recv().await {
                if writer.write_all(&bytes).await.is_err() {
                    break;
                }
                let taken = u32::try_from(bytes.len()).unwrap_or_default().to_be_bytes();
                if say.send(wire::frame(wire::CREDIT, channel, &taken)).await.is_err() {
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
