//! What must hold after every step.
//!
//! [`check`] looks at one state. [`Audit`] also remembers: it follows every packet from insert to
//! its end. Both are for tests, explorers and anyone who drives a system and wants to be told at
//! once when it is wrong.
//!
//! They hold of every [`Profile`](crate::Profile). Of a kernel with broken rules
//! ([`Mutant`](crate::Mutant)) they need not: one that forgets to count a thread breaks I2.

use crate::{
    DequeuePhase, Event, Frame, Observer, Packet, PortId, PortLife, System, Target, ThreadState,
    WaitPhase,
    profile::{DirectWait, HandOff, Limit, SelfInsert},
    rules::{self, RuleId},
};
use core::fmt;
use std::{collections::VecDeque, string::String, vec::Vec};

/// An invariant that does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which: `I1` to `I6` of the rule book.
    pub invariant: Invariant,
    /// Where.
    pub port: PortId,
    /// What was found.
    pub found: String,
}

/// The invariants, as numbered in the rule book.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Invariant {
    /// I1: the depth is the number of packets queued.
    Depth,
    /// I2: the active count is the number of members that are not blocked.
    Active,
    /// I3: the waiter stack holds just the members blocked in a dequeue, each once.
    Waiters,
    /// I4: no packet waits beside a waiter while a slot is free.
    WorkConservation,
    /// I5: every packet is in one place: queued, in one thread's hands, taken or discarded.
    PacketsConserved,
    /// I6: packets leave the queue at its head.
    HeadFirst,
}

impl Invariant {
    /// The invariant as a sentence.
    pub const fn statement(self) -> &'static str {
        match self {
            Self::Depth => "I1: the depth is the number of packets queued",
            Self::Active => "I2: the active count is the number of members that are not blocked",
            Self::Waiters => "I3: the waiter stack holds just the members blocked in a dequeue",
            Self::WorkConservation => "I4: no packet waits beside a waiter while a slot is free",
            Self::PacketsConserved => {
                "I5: every packet is queued, in one thread's hands, taken or discarded"
            }
            Self::HeadFirst => "I6: packets leave the queue at its head",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}: {} is broken: {}",
            self.port,
            self.invariant.statement(),
            self.found
        )
    }
}

impl std::error::Error for Violation {}

/// Checks I2, I3 and I4 for every port. (I1 holds by construction: the depth *is* the length of
/// the queue; [`Audit`] compares it with what was put in and taken out.)
///
/// I4 is not asked of kernels that do without it: one without hand-off, or one with the stale wait
/// reason of OPEN-11. A kernel APC that inserts two packets may break it legitimately (note 7 of
/// section 2.2); [`Audit`] knows of such, this function is told by nobody, so callers that use
/// kernel APCs use `Audit`.
pub fn check(system: &System) -> Result<(), Violation> {
    ports(system).try_for_each(|port| {
        active(system, port)?;
        waiters(system, port)?;
        work_conservation(system, port)
    })
}

fn ports(system: &System) -> impl Iterator<Item = PortId> + '_ {
    (0..system.ports().len())
        .filter_map(PortId::new)
        .filter(|&port| system.port(port).life != PortLife::Deleted)
}

/// I2: `active` is the number of associated threads that are not blocked (KQ-01, CONC-01).
pub fn active(system: &System, port: PortId) -> Result<(), Violation> {
    let running = system
        .threads()
        .iter()
        .filter(|thread| thread.port == Some(port) && thread.state == ThreadState::Running)
        .count();
    let counted = system.port(port).active as usize;
    if running == counted {
        return Ok(());
    }
    Err(Violation {
        invariant: Invariant::Active,
        port,
        found: std::format!("{counted} counted, {running} members run"),
    })
}

/// I3: on the stack are just the members blocked in a dequeue of this port, each once.
pub fn waiters(system: &System, port: PortId) -> Result<(), Violation> {
    let shared_line = system.semantics().direct_wait == DirectWait::SharedLine;
    let violation = |found| {
        Err(Violation {
            invariant: Invariant::Waiters,
            port,
            found,
        })
    };
    for (index, id) in system.thread_ids().enumerate() {
        let thread = &system.threads()[index];
        let times = system
            .port(port)
            .waiters
            .iter()
            .filter(|&&waiter| waiter == id)
            .count();
        let held_up = matches!(thread.state, ThreadState::Waiting | ThreadState::Suspended);
        let blocked = held_up
            && match thread.frame {
                Frame::Dequeue(dequeue) => {
                    if times > 0 && thread.port != Some(port) {
                        return violation(std::format!("{id:?} waits and is no member"));
                    }
                    dequeue.port == port && dequeue.phase == DequeuePhase::Blocked
                }
                Frame::Wait(wait) => {
                    shared_line
                        && wait.phase == WaitPhase::Blocked
                        && wait.target == Target::Port(port)
                }
                Frame::User => false,
            };
        if times != usize::from(blocked) {
            return violation(std::format!(
                "{id:?} is on the stack {times} times and is {}blocked in it",
                if blocked { "" } else { "not " }
            ));
        }
    }
    Ok(())
}

/// I4: packets and waiters together mean that the limit is reached (KQ-14).
pub fn work_conservation(system: &System, port: PortId) -> Result<(), Violation> {
    let semantics = system.semantics();
    let object = system.port(port);
    let promised = semantics.hand_off == HandOff::Owned
        && semantics.self_insert == SelfInsert::InsideWait
        && object.life == PortLife::Open;
    let slot = object.active < object.limit || semantics.limit == Limit::Ignored;
    if promised && slot && !object.queue.is_empty() && !object.waiters.is_empty() {
        return Err(Violation {
            invariant: Invariant::WorkConservation,
            port,
            found: std::format!(
                "{} packets and {} waiters with {} of {} active",
                object.queue.len(),
                object.waiters.len(),
                object.active,
                object.limit
            ),
        });
    }
    Ok(())
}

/// An observer that follows every packet. Feed it all events, and call [`Audit::check`] after each
/// step.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    ports: Vec<Ledger>,
    wrong: Option<Violation>,
    kernel_apc_insert: bool,
}

/// What has become of the packets of one port.
#[derive(Clone, Debug, Default)]
struct Ledger {
    queued: VecDeque<Packet>,
    inserted: u64,
    taken: u64,
    discarded: u64,
    /// Packets that a kernel APC left for the thread that it interrupted: until the queue is empty
    /// again, I4 is not promised.
    stranded: bool,
}

impl Audit {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn ledger(&mut self, port: PortId) -> &mut Ledger {
        if self.ports.len() <= port.index() {
            self.ports.resize_with(port.index() + 1, Ledger::default);
        }
        &mut self.ports[port.index()]
    }

    fn leaves(&mut self, port: PortId, packet: Packet) {
        let head = self.ledger(port).queued.pop_front();
        if head != Some(packet) {
            self.wrong.get_or_insert(Violation {
                invariant: Invariant::HeadFirst,
                port,
                found: std::format!("{packet:?} left, {head:?} was the head"),
            });
        }
    }

    /// All six invariants, with what has been seen so far.
    pub fn check(&mut self, system: &System) -> Result<(), Violation> {
        if let Some(violation) = self.wrong.take() {
            return Err(violation);
        }
        for port in ports(system) {
            active(system, port)?;
            waiters(system, port)?;
            let queue = &system.port(port).queue;
            let ledger = self.ledger(port);
            ledger.stranded &= !queue.is_empty();
            if !ledger.stranded {
                work_conservation(system, port)?;
            }
            if ledger.queued.len() != queue.len() {
                return Err(Violation {
                    invariant: Invariant::Depth,
                    port,
                    found: std::format!(
                        "depth {}, but {} packets went in and did not come out",
                        queue.len(),
                        ledger.queued.len()
                    ),
                });
            }
            if ledger.queued != *queue {
                return Err(Violation {
                    invariant: Invariant::HeadFirst,
                    port,
                    found: String::from("the queue is not in the order of the inserts"),
                });
            }
            let in_hand = system
                .threads()
                .iter()
                .filter(|thread| {
                    matches!(thread.frame, Frame::Dequeue(dequeue)
                        if dequeue.port == port
                            && matches!(dequeue.phase, DequeuePhase::Granted(_)))
                })
                .count() as u64;
            let accounted = queue.len() as u64 + ledger.taken + ledger.discarded;
            if ledger.inserted != accounted {
                return Err(Violation {
                    invariant: Invariant::PacketsConserved,
                    port,
                    found: std::format!(
                        "{} inserted; {} queued, {} taken or handed over ({in_hand} of them not \
                         seen yet), {} discarded",
                        ledger.inserted,
                        queue.len(),
                        ledger.taken,
                        ledger.discarded
                    ),
                });
            }
        }
        Ok(())
    }
}

impl Observer for Audit {
    fn event(&mut self, event: Event) {
        match event {
            Event::Queued {
                port,
                packet,
                at_head,
                ..
            } => {
                let stranded = core::mem::take(&mut self.kernel_apc_insert);
                let ledger = self.ledger(port);
                ledger.inserted += 1;
                ledger.stranded |= stranded;
                if at_head {
                    ledger.queued.push_front(packet);
                } else {
                    ledger.queued.push_back(packet);
                }
            }
            Event::HandedOff {
                port,
                packet,
                from_queue,
                ..
            } => {
                if from_queue {
                    self.leaves(port, packet);
                } else {
                    self.ledger(port).inserted += 1;
                }
                self.ledger(port).taken += 1;
            }
            Event::Taken { port, packet, .. } => {
                self.leaves(port, packet);
                self.ledger(port).taken += 1;
            }
            Event::Discarded {
                port,
                packet,
                from_queue,
            } => {
                if from_queue {
                    self.leaves(port, packet);
                } else {
                    // It had been handed over, and counted as taken.
                    self.ledger(port).taken -= 1;
                }
                self.ledger(port).discarded += 1;
            }
            _ => {}
        }
    }

    fn rule(&mut self, rule: RuleId) {
        if rule == rules::KQ_04 {
            self.kernel_apc_insert = true;
        }
    }
}
