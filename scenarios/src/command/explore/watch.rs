//! Watching a search: how far it is, on standard error, and what stops it from outside.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use iocp_scheduler::explore::{Phase, Progress};
use std::{
    io::IsTerminal,
    process,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How often a terminal is told.
const TERMINAL: Duration = Duration::from_millis(200);
/// How often a file is told, or whatever else standard error may be.
const ELSEWHERE: Duration = Duration::from_secs(30);

/// Ctrl-C was pressed.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// What stopped a search from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stopped {
    /// The time was over.
    Time,
    /// Ctrl-C.
    Interrupted,
}

/// Watches searches, one after the other.
pub(super) struct Watch {
    quiet: bool,
    most_time: Option<Duration>,
    now: Mutex<Now>,
}

/// The search that goes on.
struct Now {
    name: String,
    begin: Instant,
    told: Instant,
    /// The states when it was last told.
    states: u64,
    phase: Phase,
    stopped: Option<Stopped>,
    bar: Option<ProgressBar>,
}

impl Watch {
    /// Of searches that take at most so much time each. From now on Ctrl-C stops them, and a second
    /// one ends the process.
    pub(super) fn new(quiet: bool, most_time: Option<Duration>) -> Self {
        static HANDLER: OnceLock<()> = OnceLock::new();
        HANDLER.get_or_init(|| {
            // Where there is no such thing, Ctrl-C ends the process at once, as it does elsewhere.
            let _ = ctrlc::set_handler(|| {
                if INTERRUPTED.swap(true, Ordering::Relaxed) {
                    process::exit(130);
                }
            });
        });
        Self {
            quiet,
            most_time,
            now: Mutex::new(Now {
                name: String::new(),
                begin: Instant::now(),
                told: Instant::now(),
                states: 0,
                phase: Phase::Search,
                stopped: None,
                bar: None,
            }),
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The search of this scenario begins.
    pub(super) fn begin(&self, name: &str) {
        let bar = (!self.quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // The template is ours, and it is one.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        *self.now() = Now {
            name: name.to_owned(),
            begin: Instant::now(),
            told: Instant::now(),
            states: 0,
            phase: Phase::Search,
            stopped: None,
            bar,
        };
    }

    /// Is it to go on? Any thread of the search may ask.
    pub(super) fn goes_on(&self, progress: &Progress) -> bool {
        let mut now = self.now();
        let elapsed = now.begin.elapsed();
        if INTERRUPTED.load(Ordering::Relaxed) {
            now.stopped = Some(Stopped::Interrupted);
        } else if self.most_time.is_some_and(|most| elapsed > most) {
            now.stopped = Some(Stopped::Time);
        }
        if now.phase != progress.phase {
            (now.phase, now.states) = (progress.phase, 0);
        }
        let every = if now.bar.is_some() {
            TERMINAL
        } else {
            ELSEWHERE
        };
        let since = now.told.elapsed();
        if !self.quiet && since >= every {
            let rate = progress.states.saturating_sub(now.states) as f64 / since.as_secs_f64();
            let line = line(&now.name, progress, rate);
            match &now.bar {
                Some(bar) => {
                    bar.set_message(line);
                    bar.tick();
                }
                None => eprintln!("{line}"),
            }
            (now.told, now.states) = (Instant::now(), progress.states);
        }
        now.stopped.is_none()
    }

    /// The search is over.
    pub(super) fn end(&self) {
        if let Some(bar) = self.now().bar.take() {
            bar.finish_and_clear();
        }
    }

    /// What stopped the search, if anything did.
    pub(super) fn stopped(&self) -> Option<Stopped> {
        self.now().stopped
    }

    /// Had a violation been found, so that only the shortest schedule was missing?
    pub(super) fn looked_for_shortest(&self) -> bool {
        self.now().phase == Phase::Shortest
    }

    /// Was Ctrl-C pressed? Then nothing else is to begin.
    pub(super) fn is_interrupted(&self) -> bool {
        INTERRUPTED.load(Ordering::Relaxed)
    }
}

/// How far it is, in a line.
fn line(name: &str, progress: &Progress, rate: f64) -> String {
    use super::report::{bytes, number};
    let phase = match progress.phase {
        Phase::Search => "searches all states",
        Phase::Shortest => "looks for the shortest schedule that breaks a property",
        Phase::NoReturn => "looks for the point of no return",
        Phase::Liveness => "looks for a schedule on which something never comes",
    };
    let mut line = format!(
        "{name}: {phase}: {} states, {} a second",
        number(progress.states),
        number(rate as u64)
    );
    if progress.frontier > 0 {
        line += &format!(", {} to visit", number(progress.frontier));
    }
    if progress.depth > 0 {
        line += &format!(", depth {}", progress.depth);
    }
    line + &format!(", {}", bytes(progress.memory))
}
