//! The checks that run after every step: each finds what it is for, in a kernel that breaks the
//! rule behind it.
#![allow(clippy::unwrap_used)]

use iocp_model::{
    Action, Call, Event, Handle, Insert, Kernel, Mutant, Observer, Outcome, Packet, PortId,
    Profile, System, ThreadId, Timeout,
    invariants::{self, Audit, Invariant, Violation},
};

/// A kernel that breaks a rule, two ports with the limit 1, some threads, and an audit of them.
struct Watched {
    system: System,
    audit: Audit,
    ports: [(PortId, Handle); 2],
    threads: [ThreadId; 3],
}

impl Watched {
    fn new(mutant: Option<Mutant>) -> Self {
        let kernel = Kernel::from(Profile::default());
        let kernel = mutant.map_or(kernel, |mutant| kernel.with(mutant));
        let mut system = System::new(kernel.semantics(), 4);
        let process = system.add_process();
        let ports = [(); 2].map(|()| system.add_port(process, 1));
        let threads = [(); 3].map(|()| system.add_thread(process));
        Self {
            system,
            audit: Audit::new(),
            ports,
            threads,
        }
    }

    fn act(&mut self, action: Action) -> Outcome {
        self.system.apply(action, &mut self.audit).unwrap()
    }

    /// The thread dequeues; the time-out is infinite if it may block.
    fn get(&mut self, thread: usize, port: usize, timeout: Timeout) {
        let port = self.ports[port].1;
        let get = Call::GetQueuedCompletionStatus { port, timeout };
        self.act(Action::Call(self.threads[thread], get));
    }

    fn blocks(&mut self, thread: usize, port: usize) {
        self.get(thread, port, Timeout::Infinite);
    }

    fn post(&mut self, key: u64) {
        let (port, packet) = (self.ports[0].1, Packet::posted(key, 0, 0));
        let post = Call::PostQueuedCompletionStatus { port, packet };
        self.act(Action::Call(self.threads[2], post));
    }

    fn sleeps(&mut self, thread: usize) {
        let (timeout, alertable) = (Timeout::Infinite, false);
        self.act(Action::Call(
            self.threads[thread],
            Call::Sleep { timeout, alertable },
        ));
    }

    /// What the audit and the check of the state alone say; the port is the first, if any is wrong.
    fn found(&mut self) -> [Option<Invariant>; 2] {
        let of = |result: Result<(), Violation>| {
            let violation = result.err()?;
            assert_eq!(violation.port, self.ports[0].0);
            let text = violation.to_string();
            assert!(text.contains(violation.invariant.statement()), "{text}");
            assert!(text.contains(&violation.found), "{text}");
            Some(violation.invariant)
        };
        [
            of(self.audit.clone().check(&self.system)),
            of(invariants::check(&self.system)),
        ]
    }
}

/// KQ-01, CONC-06: a waiter that was handed a packet counts.
#[test]
fn i2_finds_a_thread_that_does_not_count() {
    for (mutant, found) in [
        (None, None),
        (Some(Mutant::GrantDoesNotCount), Some(Invariant::Active)),
    ] {
        let mut watched = Watched::new(mutant);
        watched.blocks(0, 0);
        watched.post(1);
        assert_eq!(watched.found(), [found; 2]);
    }
}

/// THR-06: a killed waiter leaves the stack.
#[test]
fn i3_finds_a_dead_waiter() {
    for (mutant, found) in [
        (None, None),
        (Some(Mutant::KilledWaiterStays), Some(Invariant::Waiters)),
    ] {
        let mut watched = Watched::new(mutant);
        watched.blocks(0, 0);
        watched.act(Action::Terminate(watched.threads[0]));
        assert_eq!(watched.found(), [found; 2]);
    }
}

/// THR-03: who waits is a member.
#[test]
fn i3_finds_a_waiter_that_is_no_member() {
    let mut watched = Watched::new(Some(Mutant::FirstPortForEver));
    watched.get(0, 1, Timeout::Zero);
    assert_eq!(watched.found(), [None; 2]);
    watched.blocks(0, 0);
    assert_eq!(watched.found(), [Some(Invariant::Waiters); 2]);
    let violation = invariants::check(&watched.system).unwrap_err();
    assert!(violation.found.contains("no member"), "{violation}");
}

/// KQ-14: a member that blocks lets another have the packet.
#[test]
fn i4_finds_a_packet_beside_a_waiter() {
    for (mutant, found) in [
        (None, None),
        (
            Some(Mutant::NoHandOffOnBlock),
            Some(Invariant::WorkConservation),
        ),
    ] {
        let mut watched = Watched::new(mutant);
        watched.get(0, 0, Timeout::Zero);
        watched.blocks(1, 0);
        watched.post(1);
        assert_eq!(watched.found(), [None; 2]);
        watched.sleeps(0);
        assert_eq!(watched.found(), [found; 2]);
    }
}

/// KQ-04: what a kernel APC leaves for the thread that it interrupted may lie there beside other
/// waiters, until the queue has been empty. Only the audit knows.
#[test]
fn i4_is_not_asked_of_what_a_kernel_apc_left() {
    let mut watched = Watched::new(None);
    watched.blocks(0, 0);
    watched.blocks(1, 0);
    let port = watched.ports[0].0;
    let inserts = [1, 2].map(|key| {
        Some(Insert {
            port,
            packet: Packet::posted(key, 0, 0),
            at_head: false,
        })
    });
    // The thread that it interrupted takes one of them.
    watched.act(Action::KernelApc {
        thread: watched.threads[1],
        inserts,
    });
    watched.sleeps(1);
    assert_eq!(watched.found(), [None; 2], "its block hands the other over");

    let mut watched = Watched::new(Some(Mutant::NoHandOffOnBlock));
    watched.blocks(0, 0);
    watched.blocks(1, 0);
    watched.act(Action::KernelApc {
        thread: watched.threads[1],
        inserts,
    });
    watched.sleeps(1);
    let i4 = Some(Invariant::WorkConservation);
    assert_eq!(watched.found(), [None, i4], "the second packet was left");
    watched.get(2, 0, Timeout::Zero);
    watched.audit.check(&watched.system).unwrap();
    watched.post_while_busy();
    assert_eq!(watched.found(), [i4, i4], "the queue had been empty since");
}

impl Watched {
    /// A packet is queued, the limit being reached; then its slot is free.
    fn post_while_busy(&mut self) {
        let port = self.ports[0].0;
        self.act(Action::Insert(Insert {
            port,
            packet: Packet::posted(9, 0, 0),
            at_head: false,
        }));
        self.sleeps(2);
    }
}

/// PKT-13, PKT-14: the queue is in the order of the inserts.
#[test]
fn i6_finds_a_queue_out_of_order() {
    for (mutant, found) in [
        (None, None),
        (Some(Mutant::NewestPacketFirst), Some(Invariant::HeadFirst)),
    ] {
        let mut watched = Watched::new(mutant);
        watched.post(1);
        watched.post(2);
        assert_eq!(watched.found(), [found, None]);
    }
}

/// KQ-08: what leaves is the head; and the audit says so once.
#[test]
fn i6_finds_a_packet_taken_from_the_middle() {
    let mut watched = Watched::new(None);
    watched.post(1);
    watched.post(2);
    watched.audit.event(Event::Taken {
        port: watched.ports[0].0,
        thread: watched.threads[0],
        packet: Packet::posted(2, 0, 0),
    });
    let violation = watched.audit.check(&watched.system).unwrap_err();
    assert_eq!(violation.invariant, Invariant::HeadFirst);
    let violation = watched.audit.check(&watched.system).unwrap_err();
    assert_eq!(violation.invariant, Invariant::Depth);
}

/// KQ-05: what is queued was inserted.
#[test]
fn i1_finds_a_packet_that_nobody_inserted() {
    let mut watched = Watched::new(None);
    watched.post(1);
    watched.audit = Audit::new();
    assert_eq!(watched.found(), [Some(Invariant::Depth), None]);
}

/// WAIT-03: no packet is taken that nobody inserted.
#[test]
fn i5_finds_a_packet_out_of_nowhere() {
    let mut watched = Watched::new(None);
    watched.audit.event(Event::Taken {
        port: watched.ports[0].0,
        thread: watched.threads[0],
        packet: Packet::posted(1, 0, 0),
    });
    let violation = watched.audit.check(&watched.system).unwrap_err();
    assert_eq!(violation.invariant, Invariant::HeadFirst);
    let violation = watched.audit.check(&watched.system).unwrap_err();
    assert_eq!(violation.invariant, Invariant::PacketsConserved);
}

/// Each has a number in the rule book and a sentence of its own.
#[test]
fn each_is_a_sentence() {
    let all = [
        Invariant::Depth,
        Invariant::Active,
        Invariant::Waiters,
        Invariant::WorkConservation,
        Invariant::PacketsConserved,
        Invariant::HeadFirst,
    ];
    for (number, invariant) in (1..).zip(all) {
        let start = format!("I{number}: ");
        assert!(invariant.statement().starts_with(&start), "{invariant:?}");
    }
}

/// Through a reference to an observer, everything arrives.
#[test]
fn an_observer_by_reference_sees_the_same() {
    fn run(o: impl Observer) {
        let mut o = o;
        let mut watched = Watched::new(None);
        let (thread, port) = (watched.threads[0], watched.ports[0].1);
        for timeout in [Timeout::Zero, Timeout::Infinite] {
            let get = Call::GetQueuedCompletionStatus { port, timeout };
            watched
                .system
                .apply(Action::Call(thread, get), &mut o)
                .unwrap();
        }
    }
    #[derive(Default, PartialEq, Debug)]
    struct Count([u32; 3]);
    impl Observer for Count {
        fn event(&mut self, _: Event) {
            self.0[0] += 1;
        }
        fn rule(&mut self, _: iocp_model::rules::RuleId) {
            self.0[1] += 1;
        }
        fn mutant(&mut self, _: Mutant) {
            self.0[2] += 1;
        }
    }
    let mut seen = Count::default();
    run(&mut seen);
    assert!(seen.0.iter().all(|&count| count > 0), "{seen:?}");
}
