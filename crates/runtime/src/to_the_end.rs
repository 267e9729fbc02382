//! Work that goes on when nobody waits for it any more.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{FutureExt as _, future::CatchUnwind};
use tokio::runtime::Handle;

/// Runs where it is waited for, which takes no other thread, and in a task of its own from when it is dropped.
pub struct ToTheEnd<F: Future<Output: Send> + Send + 'static>(
    Option<Pin<Box<CatchUnwind<AssertUnwindSafe<F>>>>>,
);

/// The work has panicked.
#[derive(Debug, thiserror::Error)]
#[error("it was broken off")]
pub struct BrokenOff;

impl<F: Future<Output: Send> + Send + 'static> ToTheEnd<F> {
    /// Nothing is done before it is waited for.
    pub fn new(work: F) -> Self {
        // What has panicked is not looked at again.
        Self(Some(Box::pin(AssertUnwindSafe(work).catch_unwind())))
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for ToTheEnd<F> {
    type Output = Result<F::Output, BrokenOff>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.0 else { return Poll::Ready(Err(BrokenOff)) };
        let done = ready!(work.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(done.map_err(|_| BrokenOff))
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for ToTheEnd<F> {
    fn drop(&mut self) {
        // Without a runtime Tule is ending, and all that it works on with it.
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_goes_on_when_nobody_waits_any_more() {
        let (go, gone) = oneshot::channel::<()>();
        let (done, ended) = oneshot::channel();
        let mut work = ToTheEnd::new(async move {
            gone.await.unwrap();
            done.send("done").unwrap();
        });
        assert!((&mut work).now_or_never().is_none());
        drop(work);
        go.send(()).unwrap();
        assert_eq!(ended.await, Ok("done"));
    }

    #[tokio::test]
    async fn what_panics_is_broken_off_and_not_run_again() {
        assert_eq!(ToTheEnd::new(async { 1 }).await.unwrap(), 1);
        let mut work = ToTheEnd::new(async { std::panic::panic_any("on purpose") });
        assert!((&mut work).await.is_err());
        assert!((&mut work).await.is_err());
    }
}
