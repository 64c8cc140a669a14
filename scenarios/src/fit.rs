//! From a recording to a scenario for [`simulate`](iocp_scheduler::simulate): how requests arrive,
//! what a worker does with one and how long that takes, in laws.
//!
//! Only what threads show is read: when their calls began and returned, and which packets they got.
//! So a recording of a real kernel serves as well as a trace of the simulator. What a scenario has
//! that no call shows, the limits of ports and the counts of semaphores, is read from the header.
//!
//! | module | does |
//! |---|---|
//! | `timeline` | the calls of each thread |
//! | `roles` | who sends, who waits for replies, who works |
//! | `requests` | which packet belongs to which request, and when a request is over |
//! | `busy` | how much of a processor each thread had |
//! | `recorded` | all that for one trace |
//! | `cycles` | what a worker does from one dequeue to the next |
//! | [`sample`] | which law some durations follow |
//! | [`gaps`] | which law arrivals follow, and whether they depend on each other |
//! | [`model`] | all recordings together |
//! | `laws` | every law of it, with what it is the law of |
//! | `scenario` | the workload |
//! | `text` | the scenario file, with what each number is from |
//! | [`compare`] | what the fitted scenario comes to, beside the recording |

mod busy;
pub mod compare;
mod cycles;
pub mod gaps;
mod laws;
pub mod model;
mod recorded;
mod requests;
mod roles;
pub mod sample;
mod scenario;
mod text;
mod timeline;

pub use laws::Placed;
pub use model::Model;
pub use recorded::Observed;
#[cfg(feature = "command")]
pub(crate) use text::time;

use iocp_scheduler::Workload;
use iocp_traces::Trace;
use recorded::Recorded;
use std::fmt;

/// A scenario that was fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct Fit {
    /// What was found, in numbers.
    pub model: Model,
    /// The scenario.
    pub workload: Workload,
    /// The scenario as a file, with comments.
    pub text: String,
}

/// Why recordings give no scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FitError {
    /// Which recording it is about, the first being 0; `None`: all together.
    pub recording: Option<usize>,
    /// A sentence without its full stop.
    pub sentence: String,
}

impl FitError {
    fn new(sentence: impl Into<String>) -> Self {
        Self {
            recording: None,
            sentence: sentence.into(),
        }
    }
}

impl fmt::Display for FitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for FitError {}

/// Fits a scenario to recordings, several of the same scenario together.
///
/// # Errors
/// If a recording was cut short, has no requests whose begin can be seen, is of another scenario
/// than the first, or is there twice.
pub fn fit(traces: &[Trace]) -> Result<Fit, FitError> {
    let mut recorded = Vec::with_capacity(traces.len());
    for (index, trace) in traces.iter().enumerate() {
        let read = crate::recordings::whole(trace)
            .map_err(FitError::new)
            .and_then(|()| fits_those_before(&traces[..index], trace))
            .and_then(|()| Recorded::read(trace));
        recorded.push(read.map_err(|error| FitError {
            recording: Some(index),
            ..error
        })?);
    }
    let Some(first) = traces.first() else {
        return Err(FitError::new("name at least one recording"));
    };
    let model = model::gather(first, &recorded)?;
    let workload = scenario::workload(&model);
    let text = text::write(&model, &workload);
    Ok(Fit {
        model,
        workload,
        text,
    })
}

/// Is it of the same scenario, and none of them once more?
fn fits_those_before(before: &[Trace], trace: &Trace) -> Result<(), FitError> {
    let Some(first) = before.first() else {
        return Ok(());
    };
    let (one, other) = (&first.header.scenario, &trace.header.scenario);
    // What is said about a scenario may have changed, and what is expected of it.
    let parts = [
        "name",
        "machine",
        "port",
        "semaphore",
        "mutex",
        "event",
        "thread",
    ];
    if parts.iter().any(|part| one[part] != other[part]) {
        return Err(FitError::new(format!(
            "it is of {}, and the first recording of {}, or of another version of it; fit recordings \
             of the same scenario together, others apart",
            other["name"], one["name"]
        )));
    }
    match before.contains(trace) {
        true => Err(FitError::new(
            "the same recording is named twice, and would count twice; name it once",
        )),
        false => Ok(()),
    }
}
