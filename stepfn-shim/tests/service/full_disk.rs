//! A disk that takes no more writes: nothing is acknowledged or acted upon that was not stored, and what was stored goes
//! on after a restart.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use redb::{StorageBackend, backends::InMemoryBackend};
use runtime::{Timestamp, VirtualClock};
use serde_json::json;
use store::Store;

use crate::world::World;

/// A disk that can be filled up.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<(InMemoryBackend, AtomicBool)>);

impl Disk {
    fn fill(&self, full: bool) {
        self.0.1.store(full, Ordering::SeqCst);
    }

    /// Another disk with the same content, and room.
    fn copied(&self) -> Self {
        let copy = Self::default();
        let length = self.0.0.len().unwrap();
        let mut content = vec![0; usize::try_from(length).unwrap()];
        self.0.0.read(0, &mut content).unwrap();
        copy.0.0.set_len(length).unwrap();
        copy.0.0.write(0, &content).unwrap();
        copy
    }

    fn room(&self) -> io::Result<&InMemoryBackend> {
        if self.0.1.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(&self.0.0) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.0.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.room()?.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.room()?.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.room()?.write(offset, data)
    }
}

/// Lets other tasks run until `done`, or for so many seconds of host time: the store's writer is a thread of its own.
async fn within(seconds: u64, done: impl AsyncFn() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        if done().await {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_that_could_not_be_stored() {
    let disk = Disk::default();
    let clock = VirtualClock::starting_at(Timestamp(1_700_000_000_000));
    let definition = json!({ "StartAt": "Wait", "States": {
        "Wait": { "Type": "Wait", "Seconds": 60, "Next": "Send" },
        "Send": {
            "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": { "QueueUrl": "http://q", "MessageBody": "hello" }, "End": true
        }
    } });
    let execution;
    {
        let world = World::over(Store::open_backend(disk.clone()).unwrap(), clock.clone());
        let machine = world.create("waits", &definition).await;
        execution = world.start(&machine, &json!({})).await;
        disk.fill(true);
        let refused =
            world.call("StartExecution", json!({ "stateMachineArn": machine, "name": "lost" })).await;
        assert!(refused.unwrap_err().status >= 500, "a start that was not stored must not be acknowledged");
        let unknown = execution.rsplit_once(':').unwrap().0.to_owned() + ":lost";
        let unknown = world.call("DescribeExecution", json!({ "executionArn": unknown })).await;
        assert_eq!(unknown.unwrap_err().code, "ExecutionDoesNotExist");
        // The timer fires, the transition cannot be stored, and so the message is not sent.
        world.advance(60);
        let sent = within(1, async || !world.router.messages.lock().unwrap().is_empty());
        assert!(!sent.await, "a task was done whose schedule was not stored");
    }
    let world = World::over(Store::open_backend(disk.copied()).unwrap(), clock);
    world.service.resume().await.unwrap();
    let ended = within(10, async || world.describe(&execution).await["status"] == "SUCCEEDED");
    assert!(ended.await, "{:?}", world.types(&execution).await);
    assert_eq!(world.router.messages.lock().unwrap().len(), 1);
}
