//! Tasks that wait for a worker, by activity.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use asl::{ScheduledTask, TaskId};
use dashmap::DashMap;
use tokio::sync::Notify;

/// The queues of all activities.
#[derive(Default)]
pub(crate) struct Activities(DashMap<Arc<str>, Arc<Queue>>);

/// The tasks of one activity.
#[derive(Default)]
pub(crate) struct Queue {
    tasks: Mutex<VecDeque<Waiting>>,
    /// Told for every task that comes.
    pub(crate) came: Notify,
}

/// A task that no worker has taken.
pub(crate) struct Waiting {
    pub(crate) execution: Arc<str>,
    pub(crate) task: ScheduledTask,
}

impl Queue {
    fn tasks(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn take(&self) -> Option<Waiting> {
        self.tasks().pop_front()
    }
}

impl Activities {
    pub(crate) fn queue(&self, activity: &str) -> Arc<Queue> {
        if let Some(queue) = self.0.get(activity) {
            return Arc::clone(&queue);
        }
        Arc::clone(&self.0.entry(Arc::from(activity)).or_default())
    }

    pub(crate) fn add(&self, activity: &str, execution: &Arc<str>, task: ScheduledTask) {
        let queue = self.queue(activity);
        queue.tasks().push_back(Waiting { execution: Arc::clone(execution), task });
        queue.came.notify_one();
    }

    /// Takes out a task nobody waits for any more, if it still waits for a worker.
    pub(crate) fn cancel(&self, execution: &str, task: TaskId) {
        for queue in &self.0 {
            queue.tasks().retain(|waiting| waiting.task.task != task || &*waiting.execution != execution);
        }
    }
}
