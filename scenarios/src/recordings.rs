//! The recordings that are shipped: what real kernels, and implementations of the Windows API that
//! others wrote, did; and what any recording is of.

use iocp_scheduler::{Program, Workload};
use iocp_traces::Trace;

/// The files of `traces/recordings`: name and content.
pub fn all() -> &'static [(&'static str, &'static [u8])] {
    include!(concat!(env!("OUT_DIR"), "/recordings.rs"))
}

/// The scenario that a recording of this name is of: the names are "SCENARIO--KERNEL--NUMBER.jsonl".
pub fn scenario(name: &str) -> &str {
    name.split("--").next().unwrap_or_default()
}

/// The kernel that made it: "wine-8.0".
pub fn kernel(name: &str) -> &str {
    name.split("--").nth(1).unwrap_or_default()
}

/// Is a recording there to its end?
///
/// # Errors
/// A sentence without a full stop: it was cut short.
pub fn whole(trace: &Trace) -> Result<(), String> {
    if trace.header.producer.is_recorded() && trace.settled_at_ns().is_none() {
        return Err(
            "the recording stops before it says that nothing more happens: it was cut short; take \
             the whole file, or record it again"
                .into(),
        );
    }
    Ok(())
}

/// The program that a recording is of, for the machine on which it was made.
///
/// # Errors
/// A sentence without a full stop: the recording was cut short, or the scenario in its header
/// cannot be.
pub fn program(trace: &Trace) -> Result<Program, String> {
    whole(trace)?;
    let mut workload: Workload = serde_json::from_value(trace.header.scenario.clone())
        .map_err(|error| format!("line 1: the header's scenario cannot be read: {error}"))?;
    // A limit of 0 means the processors of the machine that was recorded (PORT-06).
    workload.machine.processors = u16::try_from(trace.header.processors).ok();
    Program::compile(&workload)
        .map_err(|error| format!("line 1: the header's scenario cannot be: {error}"))
}
