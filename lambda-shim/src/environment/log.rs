//! What an environment writes, on its way to CloudWatch Logs and to the caller who asked for the tail.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime::{Clock, LogStream, Timestamp};

use super::telemetry::Telemetry;
use crate::{function::record::Logging, runtime_api::subscription::Category};

/// CloudWatch's limit of one event.
const EVENT_LIMIT: usize = 256 * 1024;
/// What `LogType: Tail` answers.
const TAIL: usize = 4096;

/// Who wrote something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Function,
    /// The extension of this number.
    Extension(u32),
}

/// The output of one environment.
pub(crate) struct EnvironmentLog {
    stream: Arc<dyn LogStream>,
    clock: Clock,
    /// The function logs JSON; the least level that CloudWatch gets then.
    level: Option<usize>,
    /// Where it goes besides.
    pub(crate) telemetry: Arc<Telemetry>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// A line of the function's that has not ended yet.
    partial: Vec<u8>,
    /// The same of extensions.
    partials: Vec<(u32, Vec<u8>)>,
    /// Messages with their length ahead, as runtimes of AWS's send them.
    frames: Frames,
    /// The ends of what was written since invocations began whose callers want them.
    tails: Vec<Tail>,
}

struct Tail {
    /// The request whose lines alone belong to it, where several are under way at once; else nothing.
    of: String,
    text: String,
}

/// Levels in their order.
const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

impl EnvironmentLog {
    pub(crate) fn new(stream: Arc<dyn LogStream>, clock: Clock, logging: &Logging) -> Self {
        let level = LEVELS.iter().position(|level| *level == logging.application_level).unwrap_or(0);
        Self {
            stream,
            clock,
            level: logging.json.then_some(level),
            telemetry: Arc::default(),
            inner: Mutex::default(),
        }
    }

    /// Takes over output: every line is an event.
    pub(crate) fn output(&self, source: Source, mut bytes: &[u8]) {
        let mut inner = self.lock();
        let mut partial = inner.take_partial(source);
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            if partial.is_empty() {
                self.event(&mut inner, source, &bytes[..end]);
            } else {
                partial.extend_from_slice(&bytes[..end]);
                self.event(&mut inner, source, &partial);
                partial.clear();
            }
            bytes = &bytes[end + 1..];
        }
        partial.extend_from_slice(bytes);
        if partial.len() >= EVENT_LIMIT {
            self.event(&mut inner, source, &partial);
            partial.clear();
        }
        inner.put_partial(source, partial);
    }

    /// Takes over messages of the runtime's that come with their length ahead: each is one event, whatever its lines.
    pub(crate) fn framed(&self, bytes: &[u8]) {
        let mut inner = self.lock();
        let mut frames = std::mem::take(&mut inner.frames);
        frames.take(bytes, |message| {
            self.event(&mut inner, Source::Function, message.strip_suffix(b"\n").unwrap_or(message));
        });
        inner.frames = frames;
    }

    /// Writes a line of the platform's, behind what the function wrote before it.
    pub(crate) fn platform(&self, line: String) {
        let mut inner = self.lock();
        if !inner.partial.is_empty() {
            let line = std::mem::take(&mut inner.partial);
            self.event(&mut inner, Source::Function, &line);
        }
        keep(&mut inner, &line);
        self.stream.write(self.clock.now(), line);
    }

    /// Begins to keep a tail: of all lines, or of those of a request where several are under way at once.
    pub(crate) fn begin_tail(&self, of: &str) {
        let mut inner = self.lock();
        inner.tails.retain(|tail| tail.of != of);
        inner.tails.push(Tail { of: of.to_owned(), text: String::new() });
    }

    /// The tail since [`EnvironmentLog::begin_tail`]: at most 4 KiB.
    pub(crate) fn take_tail(&self, of: &str) -> Option<String> {
        let mut tail = {
            let mut inner = self.lock();
            let at = inner.tails.iter().position(|tail| tail.of == of)?;
            inner.tails.swap_remove(at).text
        };
        let cut = tail.len().saturating_sub(TAIL);
        let cut = (cut..tail.len()).find(|at| tail.is_char_boundary(*at)).unwrap_or(tail.len());
        Some(tail.split_off(cut))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn event(&self, inner: &mut Inner, source: Source, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // Runtimes join the lines of one message by carriage returns.
        let mut text = String::from_utf8_lossy(line).replace('\r', "\n");
        let category = match source {
            Source::Function => Category::Function,
            Source::Extension(_) => Category::Extension,
        };
        if self.telemetry.wants(category) {
            self.telemetry.line(self.clock.now(), category, &text, self.level.is_some());
        }
        if source == Source::Function && self.level.is_some_and(|least| level_of(&text) < least) {
            return;
        }
        text.push('\n');
        keep(inner, &text);
        self.stream.write(self.clock.now(), text);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn take_partial(&mut self, source: Source) -> Vec<u8> {
        match source {
            Source::Function => std::mem::take(&mut self.partial),
            Source::Extension(number) => {
                let found = self.partials.iter_mut().find(|(of, _)| *of == number);
                found.map(|(_, partial)| std::mem::take(partial)).unwrap_or_default()
            }
        }
    }

    fn put_partial(&mut self, source: Source, partial: Vec<u8>) {
        match source {
            Source::Function => self.partial = partial,
            Source::Extension(number) => match self.partials.iter_mut().find(|(of, _)| *of == number) {
                Some((_, place)) => *place = partial,
                None => self.partials.push((number, partial)),
            },
        }
    }
}

/// The level of an object of JSON that says one; everything else is above all filters.
fn level_of(line: &str) -> usize {
    #[derive(serde::Deserialize)]
    struct Leveled<'a> {
        #[serde(borrow)]
        level: Option<std::borrow::Cow<'a, str>>,
    }
    let found =
        line.starts_with('{').then(|| serde_json::from_str::<Leveled<'_>>(line).ok()?.level).flatten();
    found
        .and_then(|found| LEVELS.iter().position(|level| found.eq_ignore_ascii_case(level)))
        .unwrap_or(LEVELS.len())
}

/// Messages out of a stream of them: type (4 bytes, `0xa55a….`), length (4), microseconds since the epoch (8), message.
#[derive(Default)]
struct Frames {
    buffer: Vec<u8>,
    /// What is left of a message too long to be kept whole.
    skip: usize,
}

const FRAME_HEADER: usize = 16;

impl Frames {
    fn take(&mut self, bytes: &[u8], mut message: impl FnMut(&[u8])) {
        self.buffer.extend_from_slice(bytes);
        loop {
            let skipped = self.skip.min(self.buffer.len());
            self.buffer.drain(..skipped);
            self.skip -= skipped;
            let Some(header) = self.buffer.get(..FRAME_HEADER) else { return };
            if header[..2] != [0xa5, 0x5a] {
                // Somebody else writes to the descriptor: what it writes is one message.
                message(&std::mem::take(&mut self.buffer));
                return;
            }
            let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
            let kept = length.min(EVENT_LIMIT);
            let Some(found) = self.buffer.get(FRAME_HEADER..FRAME_HEADER + kept) else { return };
            message(found);
            self.buffer.drain(..FRAME_HEADER + kept);
            self.skip = length - kept;
        }
    }
}

fn keep(inner: &mut Inner, text: &str) {
    // A line that belongs to a request names it.
    for Tail { text: tail, .. } in inner.tails.iter_mut().filter(|tail| text.contains(&*tail.of)) {
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
    use super::*;

    #[derive(Default)]
    struct Collected(Mutex<Vec<String>>);

    impl LogStream for Collected {
        fn write(&self, _: Timestamp, message: String) {
            self.0.lock().unwrap().push(message);
        }
    }

    fn of(stream: Arc<Collected>, json: bool) -> EnvironmentLog {
        let logging = Logging {
            json,
            application_level: "WARN".to_owned(),
            system_level: "INFO".to_owned(),
            group: String::new(),
        };
        EnvironmentLog::new(stream, Clock::Real, &logging)
    }

    #[test]
    fn messages_with_their_length_ahead_are_one_event_each() {
        let collected = Arc::new(Collected::default());
        let log = of(collected.clone(), false);
        let frame = |message: &str| {
            let length = u32::try_from(message.len()).unwrap().to_be_bytes();
            [&[0xa5, 0x5a, 0, 3], &length[..], &[0; 8], message.as_bytes()].concat()
        };
        for byte in [frame("one\nmessage\n"), frame("two")].concat() {
            log.framed(&[byte]);
        }
        log.framed(&frame(&"x".repeat(EVENT_LIMIT + 5)));
        log.framed(&frame("after"));
        let events = collected.0.lock().unwrap();
        assert_eq!(
            (&*events[0], &*events[1], events[2].len(), &*events[3]),
            ("one\nmessage\n", "two\n", EVENT_LIMIT + 1, "after\n")
        );
    }

    #[test]
    fn json_lines_below_the_level_are_left_out_and_extensions_have_lines_of_their_own() {
        let collected = Arc::new(Collected::default());
        let log = of(collected.clone(), true);
        log.output(Source::Function, b"{\"level\":\"INFO\"}\n{\"level\":\"ERROR\"}\npl");
        log.output(Source::Extension(1), b"{\"level\":\"INFO\"}\n");
        log.output(Source::Function, b"ain\n");
        assert_eq!(
            *collected.0.lock().unwrap(),
            ["{\"level\":\"ERROR\"}\n", "{\"level\":\"INFO\"}\n", "plain\n"]
        );
    }

    #[test]
    fn lines_are_events_wherever_the_output_is_cut() {
        let collected = Arc::new(Collected::default());
        let log = of(collected.clone(), false);
        log.begin_tail("");
        log.output(Source::Function, b"one\ntw");
        log.output(Source::Function, b"o\nlast\rline");
        log.platform("END\n".to_owned());
        assert_eq!(*collected.0.lock().unwrap(), ["one\n", "two\n", "last\nline\n", "END\n"]);
        assert_eq!(log.take_tail("").unwrap(), "one\ntwo\nlast\nline\nEND\n");
        assert!(log.take_tail("").is_none());
    }

    #[test]
    fn the_tail_is_the_last_four_kibibytes() {
        let log = of(Arc::new(Collected::default()), false);
        log.begin_tail("");
        for number in 0..5000 {
            log.output(Source::Function, format!("line {number} ä\n").as_bytes());
        }
        let tail = log.take_tail("").unwrap();
        assert!(tail.len() <= 4096 && tail.ends_with("line 4999 ä\n"), "{}", tail.len());
    }
}
