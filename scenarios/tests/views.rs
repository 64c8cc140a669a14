//! The columnar trace of every scenario of the catalogue, as `iocp run NAME` shows it with seed 0.
//!
//! A change here is a change of what the model does or of how it is shown: review it as a trace
//! (`cargo insta review`).

use iocp_model::Profile;
use iocp_scenarios::{catalogue, file};
use iocp_scheduler::{
    Run,
    run::Options,
    strategy::Random,
    trace::{Tracer, header},
};
use iocp_traces::{Event, Trace, columns};

/// Scenarios called so have traces too long to be read: they are instances for measuring, and loads.
const LONG: [&str; 2] = ["peers-", "load-"];

#[test]
fn every_scenario_is_shown() {
    let profile = Profile::default();
    for entry in catalogue::all() {
        if LONG.iter().any(|long| entry.name.starts_with(long)) {
            continue;
        }
        let scenario = file::parse(entry.name, entry.text).expect("the catalogue is sound");
        let program = &scenario.program;
        let mut run = Run::new(
            program,
            profile.semantics,
            Random::new(0),
            Options::default(),
        )
        .expect("no program spins");
        let mut tracer = Tracer::new(program, Vec::<Event<'static>>::new(), true);
        run.finish(&mut tracer).expect("the run ends");
        let trace = Trace {
            header: header(program, profile.name, "random", 0),
            events: tracer.into_sink(),
        };
        let options = columns::Options {
            title: false,
            ..Default::default()
        };
        let text = format!(
            "{}\n\n{}",
            scenario.workload.title,
            columns::columns(&trace, &options)
        );
        insta::assert_snapshot!(entry.name, text);
    }
}
