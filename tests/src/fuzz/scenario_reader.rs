//! Any bytes as a scenario file: it is refused with a sentence, or it can be written and read again,
//! and run under every profile.

use iocp_model::{
    Call, Event, Observer, Profile, Returned, ThreadId, invariants::Audit, rules::RuleId,
};
use iocp_scenarios::{
    catalogue,
    file::{parse, parse_bytes_with, to_toml},
    generate::{self, Shape},
};
use iocp_scheduler::{
    Op, Program, Run, RunError, State, Watch, capabilities,
    expect::{self, Collector},
    program::CallOp,
    run::{Options, RunWatch},
    strategy::Random,
};

/// The most steps of a run.
const MOST_STEPS: u64 = 300;

/// Reads the bytes as a scenario, writes it, and runs it.
pub fn run(bytes: &[u8]) {
    // Whatever files it names have the same bytes.
    let mut read = |_: &str| Ok(String::from_utf8_lossy(bytes).into_owned());
    let scenario = match parse_bytes_with("a.toml", bytes, &mut read) {
        Ok(scenario) => scenario,
        Err(error) => {
            assert!(error.to_string().starts_with(error.file()), "{error}");
            assert!(error.text().get(error.span()).is_some(), "{error:?}");
            // The picture that a terminal shows.
            let _ = format!("{:?}", miette::Report::new(error));
            return;
        }
    };
    let text = to_toml(&scenario.workload);
    let again = parse("again.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(again.workload, scenario.workload, "{text}");
    let _ = capabilities::capabilities(&scenario.program);
    for profile in Profile::ALL {
        let options = Options {
            most_steps: MOST_STEPS,
            jitter_percent: 30,
            untimed: false,
        };
        let program = &scenario.program;
        let made = Run::new(program, profile.semantics, Random::new(0), options);
        let mut watch = Auditor {
            audit: Audit::new(),
            collector: Collector::new(program),
        };
        let end = made.and_then(|mut run| {
            run.finish(&mut watch)?;
            Ok(run.state().clone())
        });
        match end {
            Ok(state) => {
                let outcome = watch.collector.finish(state);
                for failure in expect::check(program, profile.name, &outcome) {
                    let _ = failure.to_string();
                }
            }
            Err(RunError::Bug(bug)) => panic!("{}: {bug}", profile.name),
            Err(error) => drop(error.to_string()),
        }
    }
}

/// Checks all invariants after every step, and gathers what expectations are about.
struct Auditor {
    audit: Audit,
    collector: Collector,
}

impl Observer for Auditor {
    fn event(&mut self, event: Event) {
        self.collector.event(event);
        self.audit.event(event);
    }

    fn rule(&mut self, rule: RuleId) {
        self.audit.rule(rule);
    }
}

impl Watch for Auditor {
    fn begins(&mut self, thread: ThreadId, op: &CallOp, call: &Call) {
        self.collector.begins(thread, op, call);
    }

    fn ends(&mut self, thread: ThreadId, op: &CallOp, returned: &Returned) {
        self.collector.ends(thread, op, returned);
    }

    fn does(&mut self, thread: ThreadId, op: &Op) {
        self.collector.does(thread, op);
    }

    fn marked_twice(&mut self, thread: ThreadId, key: u64) {
        self.collector.marked_twice(thread, key);
    }
}

impl RunWatch for Auditor {
    fn run_begins(&mut self, program: &Program, state: &State) {
        self.collector.run_begins(program, state);
    }

    fn step_ends(&mut self, program: &Program, state: &State) {
        if let Err(violation) = self.audit.check(&state.system) {
            panic!("{violation}");
        }
        self.collector.step_ends(program, state);
    }
}

/// The catalogue, and random scenarios.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let shipped = catalogue::all()
        .iter()
        .map(|entry| (entry.name.to_owned(), entry.text.into()));
    let random = (0..16).map(|seed| {
        let workload = generate::workload(seed, &Shape::default());
        (format!("random-{seed}"), to_toml(&workload).into())
    });
    shipped.chain(random).collect()
}
