//! A trace as a picture: a page with its timeline, or a file for Perfetto.

use super::{Problem, Result, output, print_page, titled};
use crate::report::{self, Made, Page, Section, Timeline};
use clap::ValueEnum;
use iocp_traces::{Producer, Trace, perfetto, read::MOST_EVENTS_HELD};

/// How a trace is written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(super) enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
    /// For people, as one page for a browser: a timeline.
    Html,
    /// For Perfetto, and Chrome's about:tracing.
    Perfetto,
}

impl Format {
    /// How many events are kept for it, if `show` are for the terminal.
    pub(super) fn most_events(self, show: usize) -> usize {
        match self {
            Self::Human | Self::Json => show,
            Self::Html => report::MOST_EVENTS,
            Self::Perfetto => MOST_EVENTS_HELD as usize,
        }
    }
}

/// Writes the page of a trace of which so many more events are left out.
pub(super) fn page(
    trace: &Trace,
    left_out: usize,
    command: String,
    outcome: Vec<String>,
) -> Result<()> {
    let scenario = |key| {
        trace
            .header
            .scenario
            .get(key)
            .and_then(|text| text.as_str())
    };
    let name = scenario("name").unwrap_or("a trace");
    let title = titled(name, scenario("title").unwrap_or_default());
    let seed = match trace.header.producer {
        Producer::Simulator { seed, .. } => Some(seed),
        _ => None,
    };
    let mut page = Page::new(title, Made::new(command, seed));
    page.lead = match &trace.header.producer {
        Producer::Simulator { profile, .. } => format!("Simulated, as {profile}."),
        producer => format!("Recorded on {}.", producer.name()),
    };
    let mut timeline = Timeline::of(trace);
    timeline.left_out += left_out;
    page.add(Section::figure("Timeline", timeline));
    if !outcome.is_empty() {
        page.add(Section::text("What came of it", outcome));
    }
    print_page(&page)
}

/// Writes the trace for Perfetto. There must not be more events than are in it.
pub(super) fn perfetto(trace: &Trace, left_out: usize) -> Result<()> {
    if left_out > 0 {
        return Err(Problem::new(format!(
            "the trace has {left_out} events more than the {MOST_EVENTS_HELD} that are written for \
             Perfetto. Make the run shorter, for example with --most-steps N."
        )));
    }
    Ok(perfetto::write(trace, output())?)
}
