//! Any bytes as a recording: if it is one, the model says something about it, under every profile.

use iocp_model::Profile;
use iocp_scenarios::recordings;
use iocp_scheduler::{Program, Workload, conform};
use iocp_traces::Trace;

/// The most states of one check.
const MOST_STATES: u64 = 300;

/// Checks the recording against every profile.
pub fn run(bytes: &[u8]) {
    let Ok(trace) = Trace::read(bytes) else {
        return;
    };
    let Ok(mut workload) = serde_json::from_value::<Workload>(trace.header.scenario.clone()) else {
        return;
    };
    workload.machine.processors = u16::try_from(trace.header.processors).ok();
    let Ok(program) = Program::compile(&workload) else {
        return;
    };
    for profile in Profile::ALL {
        let options = conform::Options {
            most_states: MOST_STATES,
            hidden_waits: 1,
            ..conform::Options::default()
        };
        match conform::check(&program, profile.semantics, &trace, options) {
            Ok(conform::Verdict::Diverges(divergence)) => {
                assert!(divergence.event < trace.events.len(), "{divergence:?}");
            }
            Ok(_) => {}
            Err(unfit) => drop(unfit.to_string()),
        }
    }
}

/// Recordings.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    recordings::all()
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
        .collect()
}
