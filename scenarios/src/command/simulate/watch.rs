//! How far a simulation is, on standard error.

use crate::study::{Precision, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::IsTerminal,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// How often a file is told, or whatever standard error may be if it is no terminal.
const ELSEWHERE: Duration = Duration::from_secs(30);

/// Tells how far it is.
pub(in crate::command) struct Watch {
    quiet: bool,
    name: String,
    asked: f64,
    bar: Option<ProgressBar>,
    /// Replications that are done, pilots included.
    done: AtomicU64,
    now: Mutex<Now>,
}

struct Now {
    told: Instant,
    round: String,
}

impl Watch {
    pub(in crate::command) fn new(quiet: bool, precision: &Precision, name: &str) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // The template is ours, and it is one.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self {
            quiet,
            name: name.to_owned(),
            asked: precision.relative,
            bar,
            done: AtomicU64::new(0),
            now: Mutex::new(Now {
                told: Instant::now(),
                round: String::new(),
            }),
        }
    }

    /// A round of replications begins or is over.
    pub(in crate::command) fn round(&self, progress: &Progress) {
        let round = match progress.done {
            0 => "looks for the end of the beginning".to_owned(),
            done => format!(
                "{done} replications measured, ±{:.2} % of ±{:.2} %, about {} in all",
                100.0 * progress.relative,
                100.0 * self.asked,
                progress.needed
            ),
        };
        self.says(round);
    }

    /// It does this now.
    pub(in crate::command) fn says(&self, what: String) {
        self.now
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .round = what;
        self.tell();
    }

    /// A replication is done. Any thread may say so.
    pub(in crate::command) fn one_more(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.tell();
    }

    fn tell(&self) {
        if self.quiet {
            return;
        }
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.done.load(Ordering::Relaxed);
        let line = format!("{}: {}; {done} simulated", self.name, now.round);
        match &self.bar {
            Some(bar) => bar.set_message(line),
            None if now.told.elapsed() >= ELSEWHERE => {
                eprintln!("{line}");
                now.told = Instant::now();
            }
            None => {}
        }
    }

    /// It is over.
    pub(in crate::command) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
