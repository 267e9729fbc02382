//! The extensions of one environment: who has registered, for what, and who is done with the event under way.
//!
//! A value without locks or time: the session owns it. States and texts are those of AWS's own sandbox (the Runtime
//! Interface Emulator's agent states), names included, since log lines and errors show them.

use bytes::Bytes;
use serde_json::json;
use tokio::sync::oneshot;
use uuid::Uuid;

/// How many extensions an environment may have.
pub(crate) const MOST: usize = 10;

/// The extensions of one environment.
#[derive(Default)]
pub(super) struct Extensions {
    list: Vec<Extension>,
    /// The runtime has asked for work: nobody registers any more.
    closed: bool,
    /// The environment is ending: what those are told who registered for it.
    ending: Option<Bytes>,
    /// Several invocations are under way at once, and nobody is told of one.
    concurrent: bool,
}

struct Extension {
    name: String,
    /// Carried by every call after the registration.
    id: Uuid,
    /// A process of its own, started by the platform; others live in the runtime's process.
    external: bool,
    state: State,
    events: Vec<Kind>,
    error: Option<String>,
    waiting: Option<oneshot::Sender<Bytes>>,
    /// It has been given the invocation under way and has not asked for more.
    at_work: bool,
    /// Its process has not ended.
    alive: bool,
}

/// What an extension registers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Invoke,
    Shutdown,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Invoke => "INVOKE",
            Self::Shutdown => "SHUTDOWN",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Started,
    Registered,
    Ready,
    Running,
    InitError,
    ExitError,
    LaunchError,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::Registered => "Registered",
            Self::Ready => "Ready",
            Self::Running => "Running",
            Self::InitError => "InitError",
            Self::ExitError => "ExitError",
            Self::LaunchError => "LaunchError",
        }
    }
}

/// An extension as log lines show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) name: String,
    pub(crate) state: &'static str,
    pub(crate) events: Vec<&'static str>,
    pub(crate) error: Option<String>,
}

/// Why a call to the Extensions API is refused: always with status 403.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
}

fn refused(kind: &'static str, message: impl Into<String>) -> Refused {
    Refused { kind, message: message.into() }
}

fn not_allowed(from: State, to: &str, whom: &str) -> Refused {
    let message = format!(
        "State transition from {} to {to} failed for extension {whom}. Error: State transition is not allowed",
        from.name()
    );
    refused("Extension.InvalidExtensionState", message)
}

/// Which of the two error calls it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reported {
    Init,
    Exit,
}

impl Extensions {
    /// Those of an environment that works on one invocation, or on several at once.
    pub(super) fn of(concurrent: bool) -> Self {
        Self { concurrent, ..Self::default() }
    }

    /// External extensions that are being started now.
    pub(super) fn expect(&mut self, names: &[String]) {
        self.list.extend(names.iter().map(|name| Extension::new(name, true)));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn has_external(&self) -> bool {
        self.list.iter().any(|extension| extension.external)
    }

    /// Whether every external extension has registered: the runtime is started only then.
    pub(super) fn all_registered(&self) -> bool {
        self.list.iter().all(|extension| extension.state != State::Started)
    }

    /// Whether every extension has asked for its first event.
    pub(super) fn all_ready(&self) -> bool {
        self.list.iter().all(|extension| extension.state == State::Ready)
    }

    /// Whether no extension works on the invocation under way.
    pub(super) fn all_done(&self) -> bool {
        !self.list.iter().any(|extension| extension.at_work)
    }

    /// Ends the time for registrations.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    pub(super) fn register(&mut self, name: &str, events: &[String]) -> Result<Uuid, Refused> {
        let external = self.list.iter_mut().find(|extension| extension.external && extension.name == name);
        let kinds = kinds(events, external.is_some(), self.concurrent)?;
        if let Some(extension) = external {
            if extension.state != State::Started {
                return Err(not_allowed(extension.state, "Registered", name));
            }
            (extension.state, extension.events) = (State::Registered, kinds);
            return Ok(extension.id);
        }
        if self.closed {
            return Err(refused("Extension.RegistrationClosed", "Extension registration closed already"));
        }
        if self.list.iter().any(|extension| extension.name == name) {
            return Err(refused(
                "Extension.InvalidExtensionState",
                "Extension with this name already registered",
            ));
        }
        if self.list.len() >= MOST {
            return Err(refused("Extension.TooManyExtensions", format!("Extension limit ({MOST}) reached")));
        }
        let mut extension = Extension::new(name, false);
        (extension.state, extension.events) = (State::Registered, kinds);
        let id = extension.id;
        self.list.push(extension);
        Ok(id)
    }

    /// The name of the extension with this identifier.
    pub(super) fn name_of(&self, id: Uuid) -> Option<&str> {
        self.list.iter().find(|extension| extension.id == id).map(|extension| &*extension.name)
    }

    /// `GET extension/event/next`.
    pub(super) fn next(&mut self, id: Uuid) -> Result<oneshot::Receiver<Bytes>, Refused> {
        let ending = self.ending.clone();
        let extension = self.find(id)?;
        // One whose connection broke may ask again.
        let again = extension.state == State::Ready
            && extension.waiting.as_ref().is_none_or(oneshot::Sender::is_closed);
        if !again && !matches!(extension.state, State::Registered | State::Running) {
            return Err(not_allowed(extension.state, "Ready", &id.to_string()));
        }
        let (sender, receiver) = oneshot::channel();
        extension.state = State::Ready;
        extension.at_work = false;
        extension.waiting = Some(sender);
        if let Some(ending) = ending
            && extension.events.contains(&Kind::Shutdown)
        {
            extension.tell(ending);
        }
        Ok(receiver)
    }

    /// `POST extension/init/error` and `…/exit/error`.
    pub(super) fn report(&mut self, id: Uuid, what: Reported, error: &str) -> Result<(), Refused> {
        let extension = self.find(id)?;
        let (after, admitted) = match what {
            Reported::Init => {
                (State::InitError, matches!(extension.state, State::Registered | State::InitError))
            }
            Reported::Exit => (
                State::ExitError,
                matches!(
                    extension.state,
                    State::Registered | State::Ready | State::Running | State::ExitError
                ),
            ),
        };
        if !admitted {
            let to = if what == Reported::Init { "InitError" } else { "Exited" };
            return Err(not_allowed(extension.state, to, &id.to_string()));
        }
        // The first error is the one that counts.
        if extension.state != after {
            extension.state = after;
            extension.error = Some(error.to_owned());
        }
        Ok(())
    }

    /// Tells those of an invocation who registered for it.
    pub(super) fn invoke(&mut self, event: impl FnOnce() -> Bytes) {
        let mut told =
            self.list.iter_mut().filter(|extension| extension.events.contains(&Kind::Invoke)).peekable();
        if told.peek().is_none() {
            return;
        }
        let event = event();
        for extension in told {
            extension.at_work = true;
            extension.tell(event.clone());
        }
    }

    /// Tells those of the end who registered for it; those at work learn it when they ask for more.
    pub(super) fn end(&mut self, event: Bytes) {
        for extension in self.list.iter_mut().filter(|extension| extension.events.contains(&Kind::Shutdown)) {
            extension.tell(event.clone());
        }
        self.ending = Some(event);
    }

    /// Whether somebody who was told of the end has not ended yet.
    pub(super) fn is_anyone_left(&self) -> bool {
        self.list.iter().any(|extension| {
            extension.external && extension.alive && extension.events.contains(&Kind::Shutdown)
        })
    }

    /// An external extension's process has ended. Answers the kind of failure that is, outside of an orderly end.
    pub(super) fn exited(&mut self, name: &str) -> &'static str {
        let Some(extension) =
            self.list.iter_mut().find(|extension| extension.external && extension.name == name)
        else {
            return "Extension.Crash";
        };
        extension.alive = false;
        extension.waiting = None;
        self.failure().unwrap_or("Extension.Crash")
    }

    /// An external extension could not be started; `error` is AWS's word for why.
    pub(super) fn not_launched(&mut self, name: &str, error: &str) {
        if let Some(extension) = self.list.iter_mut().find(|extension| extension.name == name) {
            extension.alive = false;
            extension.state = State::LaunchError;
            extension.error = Some(error.to_owned());
        }
    }

    /// The kind of failure that an extension has reported.
    pub(super) fn failure(&self) -> Option<&'static str> {
        self.list.iter().find_map(|extension| match extension.state {
            State::InitError => Some("Extension.InitError"),
            State::ExitError => Some("Extension.ExitError"),
            State::LaunchError => Some("Extension.LaunchError"),
            State::Started | State::Registered | State::Ready | State::Running => None,
        })
    }

    pub(super) fn shown(&self) -> Vec<Shown> {
        self.list.iter().map(Extension::shown).collect()
    }

    fn find(&mut self, id: Uuid) -> Result<&mut Extension, Refused> {
        self.list
            .iter_mut()
            .find(|extension| extension.id == id)
            .ok_or_else(|| refused("Extension.UnknownExtensionIdentifier", format!("Unknown extension {id}")))
    }
}

impl Extension {
    fn new(name: &str, external: bool) -> Self {
        Self {
            name: name.to_owned(),
            id: Uuid::new_v4(),
            external,
            state: State::Started,
            events: Vec::new(),
            error: None,
            waiting: None,
            at_work: false,
            alive: true,
        }
    }

    fn tell(&mut self, event: Bytes) {
        if let Some(waiting) = self.waiting.take() {
            self.state = State::Running;
            // A connection that broke is asked for again.
            let _ = waiting.send(event);
        }
    }

    fn shown(&self) -> Shown {
        Shown {
            name: self.name.clone(),
            state: self.state.name(),
            events: self.events.iter().map(|event| event.name()).collect(),
            error: self.error.clone(),
        }
    }
}

/// The events of a registration; those in the runtime's process end with it and are not told.
fn kinds(events: &[String], external: bool, concurrent: bool) -> Result<Vec<Kind>, Refused> {
    let mut kinds = Vec::new();
    for event in events {
        let kind = match event.as_str() {
            "INVOKE" if concurrent => {
                let message = "INVOKE: Invoke event is not supported on Lambda Managed Instances";
                return Err(refused("Extension.InvalidEventType", message));
            }
            "INVOKE" => Kind::Invoke,
            "SHUTDOWN" if external => Kind::Shutdown,
            "SHUTDOWN" => {
                let message = "SHUTDOWN: Shutdown event is not supported for internal extensions";
                return Err(refused("Extension.InvalidEventType", message));
            }
            other => {
                return Err(refused("Extension.InvalidEventType", format!("{other}: Invalid event type")));
            }
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    Ok(kinds)
}

/// Why an environment ends, as extensions are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Spindown,
    Timeout,
    Failure,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Self::Spindown => "spindown",
            Self::Timeout => "timeout",
            Self::Failure => "failure",
        }
    }
}

/// The SHUTDOWN event; `deadline_ms` is host time since the epoch.
pub(super) fn shutdown_event(reason: Reason, deadline_ms: u64) -> Bytes {
    json!({"eventType": "SHUTDOWN", "shutdownReason": reason.name(), "deadlineMs": deadline_ms})
        .to_string()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_external_extension_goes_from_start_to_end() {
        let mut extensions = Extensions::default();
        extensions.expect(&events(&["agent"]));
        assert!(!extensions.all_registered() && extensions.has_external());
        let id = extensions.register("agent", &events(&["INVOKE", "SHUTDOWN"])).unwrap();
        assert!(extensions.all_registered() && !extensions.all_ready());
        let again = extensions.register("agent", &[]).unwrap_err();
        assert_eq!(
            again.message,
            "State transition from Registered to Registered failed for extension agent. Error: State transition is not \
             allowed"
        );
        let mut next = extensions.next(id).unwrap();
        assert!(extensions.all_ready());
        assert_eq!(extensions.next(id).unwrap_err().kind, "Extension.InvalidExtensionState");
        extensions.invoke(|| Bytes::from_static(b"invoke"));
        assert_eq!(next.try_recv().unwrap(), "invoke");
        assert!(!extensions.all_done());
        extensions.end(shutdown_event(Reason::Spindown, 7));
        assert!(extensions.is_anyone_left());
        let mut next = extensions.next(id).unwrap();
        assert_eq!(next.try_recv().unwrap(), shutdown_event(Reason::Spindown, 7));
        assert_eq!(extensions.exited("agent"), "Extension.Crash");
        assert!(!extensions.is_anyone_left() && extensions.all_done());
    }

    #[test]
    fn internal_extensions_register_before_the_runtime_is_ready() {
        let mut extensions = Extensions::default();
        let error = extensions.register("mine", &events(&["SHUTDOWN"])).unwrap_err();
        assert_eq!(error.kind, "Extension.InvalidEventType");
        extensions.register("mine", &[]).unwrap();
        assert_eq!(extensions.register("mine", &[]).unwrap_err().kind, "Extension.InvalidExtensionState");
        for number in 1..MOST {
            extensions.register(&format!("e{number}"), &[]).unwrap();
        }
        assert_eq!(extensions.register("more", &[]).unwrap_err().message, "Extension limit (10) reached");
        extensions.close();
        assert_eq!(extensions.register("late", &[]).unwrap_err().kind, "Extension.RegistrationClosed");
    }

    #[test]
    fn the_first_error_an_extension_reports_stands() {
        let mut extensions = Extensions::default();
        extensions.expect(&events(&["agent"]));
        let id = extensions.register("agent", &[]).unwrap();
        extensions.report(id, Reported::Init, "Extension.Config").unwrap();
        extensions.report(id, Reported::Init, "Extension.Other").unwrap();
        assert_eq!(extensions.shown()[0].error.as_deref(), Some("Extension.Config"));
        assert_eq!(extensions.exited("agent"), "Extension.InitError");
        assert!(extensions.next(id).is_err());
        assert!(extensions.report(Uuid::nil(), Reported::Exit, "x").is_err());
    }
}
