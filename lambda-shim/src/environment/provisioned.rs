//! Provisioned concurrency of one deployment: environments started ahead of requests, and started again when they end.

use std::sync::Arc;

use super::{pool::Pool, running::Environment, start::StartProblem};

/// How far a pool's provisioned environments are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    /// How many are there.
    pub(crate) ready: usize,
    /// Why there are not more, where that is known.
    pub(crate) failure: Option<String>,
}

impl Pool {
    /// Sees to it that `wanted` environments are kept ready from now on.
    pub(crate) fn provision(self: &Arc<Self>, wanted: usize) {
        self.with_provisioned(|provisioned, retired| {
            if retired || (provisioned.wanted == wanted && provisioned.failure.is_none()) {
                return;
            }
            self.host.give_back_provisioned(std::mem::take(&mut provisioned.wanted));
            match self.host.take_provisioned(wanted) {
                Ok(()) => (provisioned.wanted, provisioned.failure) = (wanted, None),
                Err(room) => {
                    provisioned.failure = Some(format!(
                        "This machine has room for {room} more provisioned environments at this time; Tule's setting \
                         for the number of environments decides."
                    ));
                }
            }
        });
        self.end_surplus();
        self.provision_what_is_missing();
    }

    /// The same where nobody has said how many: fewer where this machine has no room for them, and one under a debugger,
    /// which looks at one.
    pub(crate) fn provision_about(self: &Arc<Self>, wanted: usize) {
        let own = self.look_at_provisioned(|provisioned, _| provisioned.wanted);
        let room = if self.deployment.debug.is_some() { 1 } else { self.host.room_to_provision() + own };
        self.provision(wanted.min(room.max(1)));
    }

    /// How far it is.
    pub(crate) fn provisioned(&self) -> Progress {
        self.look_at_provisioned(|provisioned, _| Progress {
            ready: provisioned.ready.min(provisioned.wanted),
            failure: provisioned.failure.clone(),
        })
    }

    /// Waits until all that are wanted are there, or it is known why not.
    pub(crate) async fn all_provisioned(&self) -> Result<(), String> {
        loop {
            let changed = self.provisioning.notified();
            let state = self.look_at_provisioned(|provisioned, retired| match &provisioned.failure {
                Some(why) => Some(Err(why.clone())),
                None if retired || provisioned.ready >= provisioned.wanted => Some(Ok(())),
                None => None,
            });
            match state {
                Some(settled) => return settled,
                None => changed.await,
            }
        }
    }

    /// Starts as many as are missing.
    pub(super) fn provision_what_is_missing(self: &Arc<Self>) {
        let missing = self.with_provisioned(|provisioned, retired| {
            if retired || provisioned.failure.is_some() {
                return 0;
            }
            let missing = provisioned.wanted.saturating_sub(provisioned.staying());
            provisioned.started += missing;
            missing
        });
        for _ in 0..missing {
            tokio::spawn(Arc::clone(self).provision_one());
        }
    }

    async fn provision_one(self: Arc<Self>) {
        let turn = self.host.turn_to_provision().await;
        let needed = self.with_provisioned(|provisioned, retired| {
            let needed =
                !retired && provisioned.failure.is_none() && provisioned.staying() <= provisioned.wanted;
            provisioned.started -= usize::from(!needed);
            needed
        });
        if !needed {
            return;
        }
        let place = self.host.place().await;
        let started = Environment::start(&self, (place, None), self.deployment.initialization(true)).await;
        drop(turn);
        match started {
            Ok(environment) => self.admit(environment),
            Err(failure) => self.with_provisioned(|provisioned, _| {
                provisioned.started = provisioned.started.saturating_sub(1);
                provisioned.failure = Some(reason(&failure.why));
            }),
        }
    }
}

/// Why a start failed, as AWS's `StatusReason` says it, or what is wrong here.
fn reason(why: &StartProblem) -> String {
    match why {
        StartProblem::Init(_)
        | StartProblem::Exited(_)
        | StartProblem::Extension(_)
        | StartProblem::TimedOut => "FUNCTION_ERROR_INIT_FAILURE".to_owned(),
        StartProblem::Executor(problem) => problem.to_string(),
        StartProblem::Saturated | StartProblem::Abandoned => "Tule is shutting down.".to_owned(),
    }
}
