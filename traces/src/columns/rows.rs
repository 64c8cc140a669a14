//! The rows of the view: which events stand on one line.
//!
//! A simulator writes each atomic step as: what the thread does, what happened inside the kernel,
//! the ports after it, the calls that returned through it; all at one time. Such a run of lines is
//! one row. In a recording, where lines are merged by time, a row is one line, or a call's begin
//! and its end when nothing stands between.

use crate::{Change, Event, Happening, Header, Number, PortState, SeenResult};
use std::collections::BTreeMap;

/// Makes rows of events.
#[derive(Debug)]
pub(crate) struct Rows<'t> {
    threads: BTreeMap<&'t str, usize>,
    recorded: bool,
    lanes: Vec<Lane>,
    /// For each thread that is in `TerminateThread`: the one that it ends.
    victims: BTreeMap<usize, usize>,
    rows: Vec<Row<'t>>,
    events: usize,
}

/// What happened together.
#[derive(Debug)]
pub(crate) struct Row<'t> {
    pub(super) at_ns: u64,
    /// The columns in which something happened.
    pub(super) cells: BTreeMap<usize, Cell<'t>>,
    /// What the threads are doing, by column, after it.
    pub(super) lanes: Vec<Lane>,
    /// What happened to ports.
    pub(super) ports: Vec<PortCell<'t>>,
    /// The row says that nothing happened any more.
    pub(super) settled: bool,
    phase: Phase,
    /// How many events there had been after the row's last.
    pub(crate) events: usize,
}

/// What a thread is doing between the rows that say something of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lane {
    /// It has done nothing yet, or has ended.
    Out,
    /// It runs, for all that is known.
    Runs,
    /// It is in a call, or waits by the scenario's order.
    Waits,
}

/// What happened in one column.
#[derive(Default, Debug)]
pub(super) struct Cell<'t> {
    pub(super) acts: Option<Acts<'t>>,
    pub(super) notes: Vec<Note<'t>>,
    pub(super) ends: Option<Ends<'t>>,
    /// The thread itself ended after all that.
    pub(super) exits: bool,
    /// Another thread ended it.
    pub(super) is_ended: bool,
}

/// What a thread does.
#[derive(Debug)]
pub(super) enum Acts<'t> {
    Calls { call: &'t str, with: &'t str },
    Until(&'t str),
    Does(&'t str),
    NeverReturns,
}

/// What comes of what a thread did.
#[derive(Debug)]
pub(super) enum Ends<'t> {
    Returns {
        result: &'t SeenResult,
        after_ns: u64,
    },
    GoesOn {
        seen: bool,
    },
}

/// What happened inside the kernel.
#[derive(Debug)]
pub(super) struct Note<'t> {
    pub(super) what: Change,
    pub(super) port: Option<&'t str>,
    pub(super) key: Option<Number>,
}

/// What happened to one port.
#[derive(Debug)]
pub(super) struct PortCell<'t> {
    pub(super) port: &'t str,
    pub(super) state: Option<&'t PortState<'t>>,
    pub(super) notes: Vec<Note<'t>>,
}

/// The order of a step's events.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Phase {
    Acts,
    Kernel,
    Port,
    Ends,
}

pub(super) fn phase(event: &Event<'_>) -> Phase {
    match event.what {
        Happening::Begin { .. }
        | Happening::Until { .. }
        | Happening::Does { .. }
        | Happening::Ends { .. }
        | Happening::Settled {} => Phase::Acts,
        Happening::Kernel(_) => Phase::Kernel,
        Happening::Port(_) => Phase::Port,
        Happening::End { .. } | Happening::Reached { .. } => Phase::Ends,
    }
}

impl<'t> Rows<'t> {
    pub(crate) fn new(header: &'t Header) -> Self {
        let threads = header.threads.iter().enumerate();
        Self {
            threads: threads
                .map(|(column, name)| (name.as_str(), column))
                .collect(),
            recorded: header.producer.is_recorded(),
            lanes: vec![Lane::Out; header.threads.len()],
            victims: BTreeMap::new(),
            rows: Vec::new(),
            events: 0,
        }
    }

    /// Takes note of an event, but makes no row of it.
    pub(crate) fn skip(&mut self, event: &Event<'_>) {
        self.note(event);
    }

    /// Takes note of an event; says which thread it ends from outside, in the middle of a call.
    fn note(&mut self, event: &Event<'_>) -> Option<usize> {
        self.events += 1;
        let mut ended = None;
        if let Some(&column) = event.thread().and_then(|name| self.threads.get(name)) {
            self.lanes[column] = match event.what {
                Happening::Begin { .. } | Happening::Until { .. } => Lane::Waits,
                Happening::End { .. } | Happening::Reached { .. } | Happening::Does { .. } => {
                    Lane::Runs
                }
                Happening::Ends { .. } => Lane::Out,
                Happening::Kernel(_) | Happening::Port(_) | Happening::Settled {} => return None,
            };
            match &event.what {
                Happening::Begin { call, with, .. } if call == "TerminateThread" => {
                    let victim = self.threads.get(with.as_ref()).copied();
                    self.victims.extend(victim.map(|victim| (column, victim)));
                }
                Happening::End { result, .. } => {
                    let victim = self.victims.remove(&column);
                    ended = victim
                        .filter(|&victim| result.success && self.lanes[victim] == Lane::Waits);
                }
                _ => {}
            }
        }
        if let Some(victim) = ended {
            self.lanes[victim] = Lane::Out;
        }
        ended
    }

    pub(crate) fn push(&mut self, event: &'t Event<'t>) {
        let ended = self.note(event);
        let column = event
            .thread()
            .and_then(|name| self.threads.get(name))
            .copied();
        let phase = phase(event);
        if !self.joins(event, column, phase) {
            self.rows.push(Row {
                at_ns: event.at_ns,
                cells: BTreeMap::new(),
                lanes: self.lanes.clone(),
                ports: Vec::new(),
                settled: false,
                phase,
                events: self.events,
            });
        }
        let Some(row) = self.rows.last_mut() else {
            return;
        };
        row.events = self.events;
        row.phase = row.phase.max(phase);
        row.lanes.copy_from_slice(&self.lanes);
        if let Happening::Settled {} = event.what {
            row.settled = true;
            for (column, lane) in self.lanes.iter().enumerate() {
                if *lane == Lane::Waits {
                    row.cells.entry(column).or_default().acts = Some(Acts::NeverReturns);
                }
            }
        }
        match (&event.what, column) {
            (Happening::Port(state), _) => row.port(&state.port).state = Some(state),
            (Happening::Kernel(event), column) => {
                let note = Note {
                    what: event.what,
                    port: event.port.as_deref(),
                    key: event.key,
                };
                match (column, &event.port) {
                    (Some(column), _) => row.cells.entry(column).or_default().notes.push(note),
                    (None, port) => row.port(port.as_deref().unwrap_or("")).notes.push(note),
                }
            }
            (what, Some(column)) => {
                let after_ns = event.at_ns - row.at_ns;
                row.cells.entry(column).or_default().add(what, after_ns);
            }
            _ => {}
        }
        if let Some(victim) = ended {
            row.cells.entry(victim).or_default().is_ended = true;
        }
    }

    /// How many rows there are so far.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn finish(self) -> Vec<Row<'t>> {
        self.rows
    }

    /// Does the event stand on the line of those before it?
    fn joins(&self, event: &Event<'_>, column: Option<usize>, phase: Phase) -> bool {
        let Some(row) = self.rows.last() else {
            return false;
        };
        let cell = column.and_then(|column| row.cells.get(&column));
        let open = cell.is_some_and(|cell| cell.ends.is_none());
        if self.recorded {
            let alone = row.cells.len() == 1 && row.at_ns <= event.at_ns;
            return phase == Phase::Ends && open && alone;
        }
        row.at_ns == event.at_ns
            && match &event.what {
                Happening::Kernel(_) => row.phase <= Phase::Kernel,
                Happening::Port(state) => {
                    row.phase <= Phase::Port
                        && row
                            .ports
                            .iter()
                            .all(|cell| cell.port != state.port || cell.state.is_none())
                }
                Happening::End { .. } | Happening::Reached { .. } => open,
                Happening::Ends { .. } => {
                    cell.is_some_and(|cell| cell.ends.is_some() && !cell.exits)
                }
                _ => false,
            }
    }
}

impl<'t> Row<'t> {
    fn port(&mut self, port: &'t str) -> &mut PortCell<'t> {
        let index = match self.ports.iter().position(|cell| cell.port == port) {
            Some(index) => index,
            None => {
                self.ports.push(PortCell {
                    port,
                    state: None,
                    notes: Vec::new(),
                });
                self.ports.len() - 1
            }
        };
        &mut self.ports[index]
    }
}

impl<'t> Cell<'t> {
    fn add(&mut self, what: &'t Happening<'t>, after_ns: u64) {
        match what {
            Happening::Begin { call, with, .. } => self.acts = Some(Acts::Calls { call, with }),
            Happening::Until { condition, .. } => self.acts = Some(Acts::Until(condition)),
            Happening::Does { what, .. } => self.acts = Some(Acts::Does(what)),
            Happening::End { result, .. } => {
                self.ends = Some(Ends::Returns { result, after_ns });
            }
            Happening::Reached { seen, .. } => self.ends = Some(Ends::GoesOn { seen: *seen }),
            Happening::Ends { .. } => self.exits = true,
            Happening::Kernel(_) | Happening::Port(_) | Happening::Settled {} => {}
        }
    }
}
