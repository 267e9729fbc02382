//! A task that wakes itself goes on where it is.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures::task::AtomicWaker;

/// How often in a row a future is polled again before its scheduler has its say.
const ROUNDS: usize = 8;

/// A future that is polled again at once when it was woken while it was polled.
///
/// A connection of hyper wakes itself when its service begins to read a request's body. A scheduler would put it behind
/// all else there is to do, and have another thread woken to take it: that costs more than the work it is about.
pub struct PolledAgain<F> {
    inner: Pin<Box<F>>,
    wakes: Arc<Wakes>,
    /// Says so to `wakes`.
    waker: Waker,
}

#[derive(Default)]
struct Wakes {
    /// The task that the future is in.
    outer: AtomicWaker,
    /// Whether the future is being polled: whoever polls it sees `again` afterwards.
    polled: AtomicBool,
    again: AtomicBool,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.again.store(true, Ordering::SeqCst);
        if !self.polled.load(Ordering::SeqCst) {
            self.outer.wake();
        }
    }
}

impl<F: Future> PolledAgain<F> {
    /// Wraps what is to run as a task of its own.
    pub fn new(inner: F) -> Self {
        let wakes = Arc::<Wakes>::default();
        Self { inner: Box::pin(inner), waker: Waker::from(Arc::clone(&wakes)), wakes }
    }
}

impl<F: Future> Future for PolledAgain<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        this.wakes.outer.register(cx.waker());
        for _ in 0..ROUNDS {
            this.wakes.polled.store(true, Ordering::SeqCst);
            // What a wake before tells of is seen by this poll.
            this.wakes.again.swap(false, Ordering::SeqCst);
            let polled = this.inner.as_mut().poll(&mut Context::from_waker(&this.waker));
            this.wakes.polled.store(false, Ordering::SeqCst);
            // A wake from here on finds that nobody polls, and wakes the task; one before is seen here.
            if polled.is_ready() || !this.wakes.again.load(Ordering::SeqCst) {
                return polled;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, sync::atomic::AtomicUsize, task::Wake};

    use super::*;

    /// Counts how often its task is woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Polls a future once that wakes itself `times`; whether it has ended, and how often its task was woken.
    fn polled(times: usize) -> (bool, usize) {
        let mut left = times;
        let mut future = PolledAgain::new(poll_fn(|cx| {
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let ended = Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_ready();
        (ended, count.0.load(Ordering::Relaxed))
    }

    #[test]
    fn what_wakes_itself_goes_on_without_its_scheduler() {
        assert_eq!(polled(0), (true, 0));
        assert_eq!(polled(ROUNDS - 1), (true, 0));
        assert_eq!(polled(ROUNDS), (false, 1), "others have their turn at some time");
    }

    #[tokio::test]
    async fn what_others_wake_goes_on() {
        let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
        let sum = tokio::spawn(PolledAgain::new(async move {
            let mut sum = 0;
            while let Some(number) = receive.recv().await {
                sum += number;
            }
            sum
        }));
        let sender =
            std::thread::spawn(move || (0..10_000_u64).for_each(|number| send.send(number).unwrap()));
        assert_eq!(sum.await.unwrap(), 10_000 * 9_999 / 2);
        sender.join().unwrap();
    }
}
