//! What all recordings together say: who sends how, who works how, and what that costs.

use super::{
    FitError,
    cycles::{self, Cycle, Dequeues, Step},
    gaps::{self, Gaps},
    recorded::{Observed, Recorded},
    roles::Role,
    sample::{self, FEWEST, Fitted, neat},
    timeline::Kind,
};
use iocp_traces::Trace;
use serde::Serialize;
use std::collections::BTreeMap;

/// The most ways through a worker that are told apart.
pub const MOST_PATHS: usize = 8;
/// Computing of less than this share of a turn is left out.
const NEGLIGIBLE: f64 = 0.001;

/// What was found.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Model {
    /// The scenario that was recorded.
    pub scenario: String,
    /// Who recorded it: "Wine 8.0".
    pub producer: String,
    /// What each recording came to.
    pub recordings: Vec<Observed>,
    /// Processors of the machine.
    pub processors: u32,
    /// From waking a thread to its being ready, in nanoseconds.
    pub wake_ns: u64,
    /// From how many dequeues that is; 0: none waited while a processor was free.
    pub wake_values: usize,
    /// Ports and their limits, 0 for the number of processors.
    pub ports: Vec<Port>,
    /// Objects that threads take and let go.
    pub objects: Vec<Object>,
    /// Requests that come whatever becomes of others.
    pub arrivals: Vec<Arrivals>,
    /// Clients that wait for a reply.
    pub clients: Vec<Clients>,
    /// Workers.
    pub workers: Vec<Workers>,
}

/// A port.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// `NumberOfConcurrentThreads`.
    pub limit: u32,
    /// The header says so; otherwise nobody does.
    pub known: bool,
}

/// A semaphore or a mutex.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Object {
    /// Its name.
    pub name: String,
    /// A mutex?
    pub mutex: bool,
    /// Its count at the start.
    pub count: u32,
    /// The most that it counts.
    pub maximum: u32,
}

/// Requests that come to a port, whatever becomes of others.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Arrivals {
    /// The port.
    pub port: String,
    /// The key that says which way a worker goes.
    pub key: u64,
    /// The gaps between them.
    pub gaps: Gaps,
}

/// Clients, each with one request under way or none.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Clients {
    /// Their name.
    pub name: String,
    /// How many.
    pub copies: usize,
    /// Where they post.
    pub port: String,
    /// Where they get the reply.
    pub reply: String,
    /// From a reply to the next request; `None`: at once.
    pub think: Option<Fitted>,
}

/// Workers of a port.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Workers {
    /// Their name.
    pub name: String,
    /// How many.
    pub copies: usize,
    /// The port.
    pub port: String,
    /// The most packets of a dequeue.
    pub most: u16,
    /// The ways through, the most frequent first.
    pub paths: Vec<Path>,
    /// Turns that went another way.
    pub left_out: usize,
}

/// A way through a worker's turn.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Path {
    /// The key of packets that go this way.
    pub key: u64,
    /// Turns that did.
    pub turns: usize,
    /// What it does, in order.
    pub phases: Vec<Phase>,
}

/// A part of a turn.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum Phase {
    /// What the calls themselves take.
    Calls {
        /// So long.
        ns: u64,
    },
    /// It computes.
    Computes {
        /// So long.
        fitted: Fitted,
    },
    /// It blocks for a time of its own.
    Blocks {
        /// "Sleep", or what it waits for and nobody here gives.
        on: String,
        /// So long.
        fitted: Fitted,
    },
    /// It waits for an object.
    Waits {
        /// Which.
        object: String,
    },
    /// It lets an object go.
    Releases {
        /// Which.
        object: String,
        /// A mutex?
        mutex: bool,
    },
    /// It posts.
    Posts {
        /// Where.
        port: String,
    },
    /// It takes from another port.
    Takes {
        /// Which.
        port: String,
        /// At most so many packets.
        most: u16,
    },
}

/// Puts recordings of one scenario together.
pub(super) fn gather(trace: &Trace, recorded: &[Recorded]) -> Result<Model, FitError> {
    same_threads(recorded)?;
    let Some(first) = recorded.first() else {
        return Err(FitError::new("name at least one recording"));
    };
    let mut costs = Dequeues::default();
    let mut workers = Vec::new();
    // For each recording, which way each request's first packet went.
    let mut ways: Vec<BTreeMap<usize, u64>> = vec![BTreeMap::new(); recorded.len()];
    let mut pools = Vec::new();
    for (place, group) in first.groups.iter().enumerate() {
        if group.role != Role::Worker {
            continue;
        }
        let mut turns: Vec<(usize, Cycle)> = Vec::new();
        for (index, recorded) in recorded.iter().enumerate() {
            for &thread in &recorded.groups[place].threads {
                let cycles = cycles::cycles(recorded, thread, &mut costs);
                turns.extend(cycles.into_iter().map(|cycle| (index, cycle)));
            }
        }
        if turns.is_empty() {
            continue;
        }
        let Some((port, most)) = cycles::served(first, group) else {
            continue;
        };
        pools.push((group, port, most, turns));
    }
    if pools.is_empty() {
        return Err(FitError::new(
            "no thread takes packets and finishes them; there is no worker to fit",
        ));
    }
    let at_once_ns = median(&mut costs.at_once_ns);
    let woken = costs.woken_ns.len();
    let wake_ns = neat(median(&mut costs.woken_ns).saturating_sub(at_once_ns) as f64);
    for (group, port, most, turns) in pools {
        let open = open_only(recorded, &turns, &port);
        let (paths, left_out) = paths(&turns, open, at_once_ns, wake_ns, &mut ways);
        workers.push(Workers {
            name: group.name.clone(),
            copies: group.threads.len(),
            port,
            most,
            paths,
            left_out,
        });
    }
    let model = Model {
        scenario: trace.header.scenario["name"]
            .as_str()
            .unwrap_or("recording")
            .to_owned(),
        producer: trace.header.producer.name().into_owned(),
        recordings: recorded.iter().map(|one| one.observed.clone()).collect(),
        processors: first.processors,
        wake_ns,
        wake_values: woken,
        ports: Vec::new(),
        objects: Vec::new(),
        arrivals: arrivals(recorded, &ways),
        clients: clients(recorded)?,
        workers,
    };
    if model.arrivals.is_empty() && model.clients.is_empty() {
        return Err(FitError::new(
            "nobody sends two requests, so that how they arrive is not known; record more of them",
        ));
    }
    let ports = ports(trace, &model, first);
    let objects = objects(trace, &model, first);
    Ok(Model {
        ports,
        objects,
        ..model
    })
}

fn same_threads(recorded: &[Recorded]) -> Result<(), FitError> {
    let shape = |recorded: &Recorded| -> Vec<(String, usize, bool)> {
        recorded
            .groups
            .iter()
            .map(|group| {
                let worker = group.role == Role::Worker;
                (group.name.clone(), group.threads.len(), worker)
            })
            .collect()
    };
    for (index, other) in recorded.iter().enumerate().skip(1) {
        if shape(&recorded[0]) != shape(other) || recorded[0].processors != other.processors {
            return Err(FitError {
                recording: Some(index),
                sentence:
                    "it has other threads than the first recording, or other processors; fit \
                           recordings of the same scenario on the same machine together, others \
                           apart"
                        .into(),
            });
        }
    }
    Ok(())
}

fn median(values: &mut [u64]) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

/// Do all requests of these turns come straight to this port from threads that only send?
fn open_only(recorded: &[Recorded], turns: &[(usize, Cycle)], port: &str) -> bool {
    turns.iter().all(|(index, cycle)| {
        let recorded = &recorded[*index];
        cycle.requests.iter().all(|&request| {
            let request = &recorded.requests.all[request];
            recorded.roles[request.source] == Role::Source && recorded.port(&request.port) == port
        })
    })
}

/// The ways through these turns, and how many turns went none of them.
fn paths(
    turns: &[(usize, Cycle)],
    open: bool,
    at_once_ns: u64,
    wake_ns: u64,
    ways: &mut [BTreeMap<usize, u64>],
) -> (Vec<Path>, usize) {
    let mut by_steps: BTreeMap<&[Step], Vec<&(usize, Cycle)>> = BTreeMap::new();
    for turn in turns {
        by_steps.entry(&turn.1.steps).or_default().push(turn);
    }
    let mut by_steps: Vec<_> = by_steps.into_iter().collect();
    // Stable, so that ways that are as frequent keep the order of their steps.
    by_steps.sort_by_key(|(_, turns)| std::cmp::Reverse(turns.len()));
    let most = if open { MOST_PATHS } else { 1 };
    let mut paths = Vec::new();
    let mut left_out = 0;
    for (steps, turns_here) in by_steps {
        let rare = turns_here.len() * 100 < turns.len();
        if paths.len() == most || (rare && !paths.is_empty()) {
            left_out += turns_here.len();
            continue;
        }
        let key = paths.len() as u64 + 1;
        for (index, cycle) in &turns_here {
            for &request in &cycle.requests {
                ways[*index].insert(request, key);
            }
        }
        paths.push(Path {
            key,
            turns: turns_here.len(),
            phases: phases(steps, &turns_here, at_once_ns, wake_ns),
        });
    }
    (paths, left_out)
}

fn phases(steps: &[Step], turns: &[&(usize, Cycle)], at_once_ns: u64, wake_ns: u64) -> Vec<Phase> {
    let cycles = || turns.iter().map(|(_, cycle)| cycle);
    let total = |ns: &mut dyn Iterator<Item = u64>| ns.map(|ns| ns as f64).sum::<f64>();
    let busy = total(&mut cycles().flat_map(|cycle| cycle.computing_ns.iter().copied()));
    let few = |sum: f64| sum <= NEGLIGIBLE * busy;
    let mut phases = Vec::new();
    let calls_ns = median(&mut cycles().map(|cycle| cycle.calls_ns).collect::<Vec<_>>());
    let calls_ns = neat((calls_ns + at_once_ns) as f64);
    if calls_ns > 0 && !few(calls_ns as f64 * turns.len() as f64) {
        phases.push(Phase::Calls { ns: calls_ns });
    }
    let computes = |place: usize, phases: &mut Vec<Phase>| {
        let values: Vec<u64> = cycles()
            .filter_map(|cycle| cycle.computing_ns.get(place).copied())
            .collect();
        if total(&mut values.iter().copied()) > 0.0 && !few(total(&mut values.iter().copied())) {
            phases.push(Phase::Computes {
                fitted: sample::choose(&values),
            });
        }
    };
    for (place, step) in steps.iter().enumerate() {
        computes(place, &mut phases);
        phases.push(match step.clone() {
            Step::Blocks(on) => Phase::Blocks {
                on,
                fitted: blocked(&cycles().collect::<Vec<_>>(), place, wake_ns),
            },
            Step::Waits(object) => Phase::Waits { object },
            Step::Releases(object, mutex) => Phase::Releases { object, mutex },
            Step::Posts(port) => Phase::Posts { port },
            Step::Takes(port, most) => Phase::Takes { port, most },
        });
    }
    computes(steps.len(), &mut phases);
    phases
}

/// How long a step blocks, less the time that waking takes, which the simulation adds. Where there
/// are enough, only values that a wait for a processor has not made longer.
fn blocked(cycles: &[&Cycle], place: usize, wake_ns: u64) -> Fitted {
    let all = cycles
        .iter()
        .filter_map(|cycle| cycle.blocked_ns.get(place));
    let clean: Vec<u64> = all
        .clone()
        .filter(|(_, free)| *free)
        .map(|(ns, _)| ns.saturating_sub(wake_ns))
        .collect();
    if clean.len() >= FEWEST {
        return sample::choose(&clean);
    }
    let values: Vec<u64> = all.map(|(ns, _)| ns.saturating_sub(wake_ns)).collect();
    sample::choose(&values)
}

/// Arrivals from threads that only send: by port and way.
fn arrivals(recorded: &[Recorded], ways: &[BTreeMap<usize, u64>]) -> Vec<Arrivals> {
    let mut all: BTreeMap<(String, u64), Vec<u64>> = BTreeMap::new();
    for (recorded, ways) in recorded.iter().zip(ways) {
        let mut times: BTreeMap<(String, u64), Vec<u64>> = BTreeMap::new();
        for (number, request) in recorded.requests.all.iter().enumerate() {
            if request.stop || recorded.roles[request.source] != Role::Source {
                continue;
            }
            let key = ways.get(&number).copied().unwrap_or(1);
            times
                .entry((recorded.port(&request.port), key))
                .or_default()
                .push(request.begin_ns);
        }
        for (to, mut times) in times {
            times.sort_unstable();
            all.entry(to)
                .or_default()
                .extend(times.windows(2).map(|two| two[1] - two[0]));
        }
    }
    all.into_iter()
        .filter(|(_, gaps)| !gaps.is_empty())
        .map(|((port, key), gaps)| Arrivals {
            port,
            key,
            gaps: gaps::look(&gaps),
        })
        .collect()
}

fn clients(recorded: &[Recorded]) -> Result<Vec<Clients>, FitError> {
    let mut found = Vec::new();
    for (place, group) in recorded[0].groups.iter().enumerate() {
        if group.role != Role::Client {
            continue;
        }
        let mut think = Vec::new();
        let (mut port, mut reply) = (None, None);
        for recorded in recorded {
            for &thread in &recorded.groups[place].threads {
                let mut replied: Option<u64> = None;
                let (mut posts, mut takes) = (0_usize, 0_usize);
                for call in &recorded.threads[thread].calls {
                    match &call.kind {
                        Kind::Post { port: to, .. } => {
                            port.get_or_insert_with(|| recorded.port(to));
                            posts += 1;
                            think.extend(replied.take().map(|at| call.begin.0.saturating_sub(at)));
                        }
                        Kind::Take { port: from, .. } => {
                            reply.get_or_insert_with(|| recorded.port(from));
                            takes += 1;
                            replied = call.end.map(|end| end.0);
                        }
                        _ => {}
                    }
                }
                if posts.abs_diff(takes) > 1 + posts / 100 {
                    return Err(FitError::new(format!(
                        "{} posts {posts} packets and takes {takes}: what can be fitted are clients \
                         that wait for one reply to each request, and threads that only send",
                        recorded.threads[thread].name
                    )));
                }
            }
        }
        let (Some(port), Some(reply)) = (port, reply) else {
            continue;
        };
        let thinks = think.iter().any(|&ns| ns > 0);
        found.push(Clients {
            name: group.name.clone(),
            copies: group.threads.len(),
            port,
            reply,
            think: thinks.then(|| sample::choose(&think)),
        });
    }
    Ok(found)
}

/// The ports that are used, with the limits that the header gives them.
fn ports(trace: &Trace, model: &Model, recorded: &Recorded) -> Vec<Port> {
    let mut names: Vec<&str> = Vec::new();
    let mut uses = |name| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    for workers in &model.workers {
        uses(workers.port.as_str());
    }
    for arrivals in &model.arrivals {
        uses(arrivals.port.as_str());
    }
    for clients in &model.clients {
        uses(clients.port.as_str());
        uses(clients.reply.as_str());
    }
    for phase in model.workers.iter().flat_map(Workers::phases) {
        if let Phase::Posts { port } | Phase::Takes { port, .. } = phase {
            uses(port.as_str());
        }
    }
    let declared = declarations(trace, "port");
    let sum = |name: &str| {
        let alike = declared.iter().filter(|declared| {
            declared["name"]
                .as_str()
                .is_some_and(|declared| recorded.port(declared) == name)
        });
        let limits: Vec<u64> = alike
            .map(|declared| declared["concurrency"].as_u64().unwrap_or(0))
            .collect();
        (!limits.is_empty()).then(|| limits.iter().sum::<u64>())
    };
    names
        .into_iter()
        .map(|name| {
            let limit = sum(name);
            let clients = model.clients.iter().filter(|one| one.reply == name);
            let copies: usize = clients.map(|one| one.copies).sum();
            Port {
                name: name.to_owned(),
                limit: match copies {
                    // What a client does on its own machine is no business of the limit.
                    1.. => u32::try_from(copies).unwrap_or(u32::MAX),
                    0 => u32::try_from(limit.unwrap_or(0)).unwrap_or(u32::MAX),
                },
                known: limit.is_some(),
            }
        })
        .collect()
}

impl Workers {
    fn phases(&self) -> impl Iterator<Item = &Phase> {
        self.paths.iter().flat_map(|path| &path.phases)
    }
}

/// The objects that workers take and let go.
fn objects(trace: &Trace, model: &Model, recorded: &Recorded) -> Vec<Object> {
    let mut found: Vec<Object> = Vec::new();
    for phase in model.workers.iter().flat_map(Workers::phases) {
        let (Phase::Waits { object } | Phase::Releases { object, .. }) = phase else {
            continue;
        };
        if found.iter().any(|known| known.name == *object) {
            continue;
        }
        let mutex = recorded.threads.iter().any(|thread| {
            thread.calls.iter().any(|call| {
                matches!(&call.kind, Kind::Release { object: name, mutex: true } if name == object)
            })
        });
        let declared = declarations(trace, "semaphore");
        let declared = declared.iter().find(|one| one["name"] == object.as_str());
        let number = |key: &str, without: u64| {
            let number = declared.and_then(|one| one[key].as_u64());
            u32::try_from(number.unwrap_or(without)).unwrap_or(u32::MAX)
        };
        found.push(Object {
            name: object.clone(),
            mutex,
            count: number("count", u64::from(declared.is_none())),
            maximum: number("maximum", 1).max(1),
        });
    }
    found
}

fn declarations<'t>(trace: &'t Trace, what: &str) -> Vec<&'t serde_json::Value> {
    let list = trace.header.scenario[what].as_array();
    list.into_iter().flatten().collect()
}
