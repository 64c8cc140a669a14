//! How far a sweep is, on standard error.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

/// How often a file is told, or whatever standard error may be if it is no terminal.
const ELSEWHERE: Duration = Duration::from_secs(30);

/// Tells how far it is.
pub(super) struct Watch {
    quiet: bool,
    name: String,
    bar: Option<ProgressBar>,
    begin: Instant,
    told: Instant,
    points: usize,
    done: usize,
}

impl Watch {
    /// Of so many points that are to be simulated.
    pub(super) fn new(quiet: bool, name: &str, points: usize) -> Self {
        let bar = (!quiet && points > 0 && std::io::stderr().is_terminal()).then(|| {
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
            bar,
            begin: Instant::now(),
            told: Instant::now(),
            points,
            done: 0,
        }
    }

    /// One more point is done.
    pub(super) fn done(&mut self) {
        self.done += 1;
    }

    /// Says how far it is, if it is time.
    pub(super) fn tell(&mut self) {
        match &self.bar {
            _ if self.quiet => {}
            Some(bar) => bar.set_message(self.line()),
            None if self.told.elapsed() >= ELSEWHERE => {
                eprintln!("{}", self.line());
                self.told = Instant::now();
            }
            None => {}
        }
    }

    fn line(&self) -> String {
        let line = format!("{}: {} of {} points", self.name, self.done, self.points);
        if self.done == 0 {
            return line;
        }
        // As if those that are left took as long as those that are done.
        let each = self.begin.elapsed().as_secs_f64() / self.done as f64;
        let left = Duration::from_secs_f64((each * (self.points - self.done) as f64).ceil());
        format!("{line}, about {} left", humantime::format_duration(left))
    }

    /// It is over.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
