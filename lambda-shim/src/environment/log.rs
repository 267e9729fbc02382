//! What an environment writes, on its way to CloudWatch Logs and to the caller who asked for the tail.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime::{Clock, LogStream};

/// CloudWatch's limit of one event.
const EVENT_LIMIT: usize = 256 * 1024;
/// What `LogType: Tail` answers.
const TAIL: usize = 4096;

/// The output of one environment.
pub(crate) struct EnvironmentLog {
    stream: Arc<dyn LogStream>,
    clock: Clock,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// A line that has not ended yet.
    partial: Vec<u8>,
    /// The end of what was written since the invocation began.
    tail: Option<String>,
}

impl EnvironmentLog {
    pub(crate) fn new(stream: Arc<dyn LogStream>, clock: Clock) -> Self {
        Self { stream, clock, inner: Mutex::default() }
    }

    /// Takes over output of the function: every line is an event.
    pub(crate) fn output(&self, mut bytes: &[u8]) {
        let mut inner = self.lock();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            if inner.partial.is_empty() {
                self.event(&mut inner, &bytes[..end]);
            } else {
                let mut line = std::mem::take(&mut inner.partial);
                line.extend_from_slice(&bytes[..end]);
                self.event(&mut inner, &line);
                line.clear();
                inner.partial = line;
            }
            bytes = &bytes[end + 1..];
        }
        inner.partial.extend_from_slice(bytes);
        if inner.partial.len() >= EVENT_LIMIT {
            let line = std::mem::take(&mut inner.partial);
            self.event(&mut inner, &line);
        }
    }

    /// Writes a line of the platform's, behind what the function wrote before it.
    pub(crate) fn platform(&self, line: String) {
        let mut inner = self.lock();
        if !inner.partial.is_empty() {
            let line = std::mem::take(&mut inner.partial);
            self.event(&mut inner, &line);
        }
        keep(&mut inner, &line);
        self.stream.write(self.clock.now(), line);
    }

    /// Begins to keep the tail.
    pub(crate) fn begin_tail(&self) {
        self.lock().tail = Some(String::new());
    }

    /// The tail since [`EnvironmentLog::begin_tail`]: at most 4 KiB.
    pub(crate) fn take_tail(&self) -> Option<String> {
        let mut tail = self.lock().tail.take()?;
        let cut = tail.len().saturating_sub(TAIL);
        let cut = (cut..tail.len()).find(|at| tail.is_char_boundary(*at)).unwrap_or(tail.len());
        Some(tail.split_off(cut))
    }

    fn event(&self, inner: &mut Inner, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // Runtimes join the lines of one message by carriage returns.
        let mut text = String::from_utf8_lossy(line).replace('\r', "\n");
        text.push('\n');
        keep(inner, &text);
        self.stream.write(self.clock.now(), text);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep(inner: &mut Inner, text: &str) {
    if let Some(tail) = &mut inner.tail {
        tail.push_str(text);
        if tail.len() > 4 * TAIL {
            let cut = tail.len() - TAIL;
            let cut = (cut..tail.len()).find(|at| tail.is_char_boundary(*at)).unwrap_or(tail.len());
            tail.drain(..cut);
        }
    }
}

#[cfg(test)]
mod tests {
    use runtime::Timestamp;

    use super::*;

    #[derive(Default)]
    struct Collected(Mutex<Vec<String>>);

    impl LogStream for Collected {
        fn write(&self, _: Timestamp, message: String) {
            self.0.lock().unwrap().push(message);
        }
    }

    #[test]
    fn lines_are_events_wherever_the_output_is_cut() {
        let collected = Arc::new(Collected::default());
        let log = EnvironmentLog::new(collected.clone(), Clock::Real);
        log.begin_tail();
        log.output(b"one\ntw");
        log.output(b"o\nlast\rline");
        log.platform("END\n".to_owned());
        assert_eq!(*collected.0.lock().unwrap(), ["one\n", "two\n", "last\nline\n", "END\n"]);
        assert_eq!(log.take_tail().unwrap(), "one\ntwo\nlast\nline\nEND\n");
        assert!(log.take_tail().is_none());
    }

    #[test]
    fn the_tail_is_the_last_four_kibibytes() {
        let log = EnvironmentLog::new(Arc::new(Collected::default()), Clock::Real);
        log.begin_tail();
        for number in 0..5000 {
            log.output(format!("line {number} ä\n").as_bytes());
        }
        let tail = log.take_tail().unwrap();
        assert!(tail.len() <= 4096 && tail.ends_with("line 4999 ä\n"), "{}", tail.len());
    }
}
