//! Simulations of random programs on random machines: they keep the model's invariants, stop only
//! where nothing can happen any more, and lose no request.
//!
//! That what is queued and handled adds up to the requests under way is asserted by the engine
//! itself, in builds with debug assertions such as this one.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use iocp_model::{Event, Observer, Profile, ThreadState, invariants::Audit, rules::RuleId};
use iocp_scenarios::generate::{self, Shape};
use iocp_scheduler::{
    Program, State, Watch,
    run::RunWatch,
    simulate::{End, Settings, simulate, simulate_watched},
    workload::{Time, Workload},
};

const PROGRAMS: u64 = 6_000;

/// Checks all invariants after every step, and keeps the last state.
struct Auditor {
    audit: Audit,
    last: Option<State>,
    inserted: u64,
    seed: u64,
}

impl Observer for Auditor {
    fn event(&mut self, event: Event) {
        self.audit.event(event);
        self.inserted += u64::from(matches!(
            event,
            Event::Queued { .. }
                | Event::HandedOff {
                    from_queue: false,
                    ..
                }
        ));
    }

    fn rule(&mut self, rule: RuleId) {
        self.audit.rule(rule);
    }
}

impl Watch for Auditor {}

impl RunWatch for Auditor {
    fn step_ends(&mut self, _: &Program, state: &State) {
        if let Err(violation) = self.audit.check(&state.system) {
            panic!("seed {}: {violation}", self.seed);
        }
        match &mut self.last {
            Some(last) => last.clone_from(state),
            None => self.last = Some(state.clone()),
        }
    }
}

/// A random program on a random machine, some of its threads on another.
fn workload(seed: u64) -> Workload {
    let mut workload = generate::workload(seed, &Shape::default());
    let bit = |place: u64| (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (20 + place)) & 1 == 1;
    let machine = &mut workload.machine;
    machine.quantum = bit(0).then_some(Time::Nanoseconds(700_000));
    machine.switch = bit(1).then_some(Time::Nanoseconds(10_000));
    machine.wake = bit(2).then_some(Time::Nanoseconds(30_000));
    machine.background = bit(3).then_some(0.25);
    for (thread, place) in workload.threads.iter_mut().zip(4..) {
        thread.outside = bit(place) && bit(place + 10);
    }
    workload
}

#[test]
fn random_programs_are_simulated_to_their_end() {
    let (mut finished, mut settled, mut requests, mut outside) = (0, 0, 0, 0);
    for seed in 0..PROGRAMS {
        let workload = workload(seed);
        let program = Program::compile(&workload).unwrap();
        let profile = Profile::ALL[(seed % Profile::ALL.len() as u64) as usize];
        let settings = Settings {
            seed,
            requests: u64::MAX,
            most_steps: 20_000,
            ..Settings::default()
        };
        let auditor = Auditor {
            audit: Audit::new(),
            last: None,
            inserted: 0,
            seed,
        };
        let (replication, auditor) =
            simulate_watched(&program, profile.semantics, &settings, auditor)
                .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(replication.end, End::Settled, "seed {seed}");
        let last = auditor
            .last
            .unwrap_or_else(|| State::initial(&program, profile.semantics).unwrap());
        let mut left = Vec::new();
        last.choices(&program, &mut left);
        assert_eq!(left, [], "seed {seed} stops too soon");
        assert!(replication.requests + replication.outstanding.end <= auditor.inserted);
        let threads = last.system.threads();
        if threads.iter().all(|it| it.state == ThreadState::Terminated) {
            finished += 1;
            let queued: usize = last.system.ports().iter().map(|port| port.depth()).sum();
            assert!(
                queued > 0 || replication.outstanding.end == 0,
                "seed {seed}"
            );
        } else {
            settled += 1;
        }
        requests += replication.requests;
        outside += u64::from(program.threads.iter().any(|thread| thread.outside));
        if seed.is_multiple_of(50) {
            let again = simulate(&program, profile.semantics, &settings).unwrap();
            assert_eq!(again, replication, "seed {seed}: watching changes it");
        }
    }
    // All that can come of it came up, and often.
    let least = PROGRAMS / 20;
    assert!(
        finished > least && settled > least && outside > least && requests > PROGRAMS / 2,
        "{finished} {settled} {outside} {requests}"
    );
}
