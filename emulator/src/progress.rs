//! Progress of long work, on a terminal; elsewhere nothing is drawn.

use std::{
    collections::HashMap,
    io::IsTerminal as _,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use lambda_shim::PullWatcher;

/// A turning line, for work whose length nobody knows.
pub(crate) fn spinner(what: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_message(what);
    bar.set_style(style("{spinner} {msg} ({elapsed})"));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A bar for every image that is being pulled.
#[derive(Default)]
pub(crate) struct PullBars(Mutex<HashMap<String, ProgressBar>>);

impl PullWatcher for PullBars {
    fn pulled(&self, image: &str, done: u64, total: u64) {
        if !std::io::stderr().is_terminal() {
            return;
        }
        let mut bars = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bars.entry(image.to_owned()).or_insert_with(|| {
            let bar = ProgressBar::new(total).with_message(format!("pulling {image}"));
            bar.set_style(style("{msg} [{bar:30}] {bytes}/{total_bytes}"));
            bar
        });
        bar.set_length(total);
        bar.set_position(done);
    }

    fn ended(&self, image: &str) {
        if let Some(bar) = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(image) {
            bar.finish_and_clear();
        }
    }
}
