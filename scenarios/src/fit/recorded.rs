//! One trace, read: its threads, who is who, its requests, and what it came to.

use super::{
    FitError,
    busy::Busy,
    requests::{self, Requests},
    roles::{self, Group, Role},
    timeline::{self, Kind, Thread},
};
use iocp_traces::Trace;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A trace, read.
pub(super) struct Recorded {
    pub(super) threads: Vec<Thread>,
    pub(super) groups: Vec<Group>,
    pub(super) roles: Vec<Role>,
    pub(super) requests: Requests,
    /// Ports by the name that they get.
    pub(super) ports: BTreeMap<String, String>,
    /// When threads of this machine compute.
    pub(super) busy: Busy,
    /// Objects that threads let go: others wait for them because these have them.
    pub(super) released: BTreeSet<String>,
    pub(super) processors: u32,
    pub(super) observed: Observed,
}

/// What a recording came to, of the requests that were over in it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Observed {
    /// How many.
    pub requests: usize,
    /// From the first begin to the last end, in seconds.
    pub seconds: f64,
    /// Requests over in a second.
    pub throughput: f64,
    /// The mean time from begin to end, in seconds.
    pub latency_mean: f64,
    /// The time that half of them took at most, in seconds.
    pub latency_p50: f64,
    /// The time that 99 of 100 took at most, in seconds.
    pub latency_p99: f64,
}

impl Recorded {
    pub(super) fn read(trace: &Trace) -> Result<Self, FitError> {
        let threads = timeline::threads(trace)?;
        let roles = roles::roles(trace, &threads);
        let groups = roles::groups(&threads, &roles);
        let ports = roles::merged_ports(&threads, &groups);
        let mut requests = requests::follow(&threads, &roles);
        if requests.all.is_empty() {
            return Err(FitError::new(match requests.foreign {
                0 => {
                    "the recording has no requests: no thread posts a packet while it has none in \
                      hand. Record a scenario in which clients send requests"
                }
                _ => {
                    "the recording has no requests whose begin can be seen: its packets come from \
                      files. Record a scenario in which clients post them"
                }
            }));
        }
        if requests.foreign > requests.posted {
            return Err(FitError::new(format!(
                "{} packets come from files, and only {} were posted: when most requests began \
                 cannot be seen. Record a scenario in which clients post them",
                requests.foreign, requests.posted
            )));
        }
        mark_stops(&threads, &roles, &mut requests);
        let observed = observed(&requests)?;
        let processors = trace.header.processors.max(1);
        let stretches: Vec<(u64, u64)> = roles
            .iter()
            .zip(&threads)
            .filter(|(role, _)| **role == Role::Worker)
            .flat_map(|(_, thread)| stretches(thread))
            .collect();
        let released = threads
            .iter()
            .flat_map(|thread| &thread.calls)
            .filter_map(|call| match &call.kind {
                Kind::Release { object, .. } => Some(object.clone()),
                _ => None,
            })
            .collect();
        Ok(Self {
            busy: Busy::new(&stretches, processors),
            threads,
            groups,
            roles,
            requests,
            ports,
            released,
            processors,
            observed,
        })
    }

    /// The name that a port gets.
    pub(super) fn port(&self, name: &str) -> String {
        self.ports
            .get(name)
            .cloned()
            .unwrap_or_else(|| name.to_owned())
    }
}

/// From each return to the next call.
fn stretches(thread: &Thread) -> impl Iterator<Item = (u64, u64)> {
    let ends = thread.calls.iter().map(|call| call.end);
    let begins = thread.calls.iter().map(|call| call.begin);
    let begins = begins.skip(1).chain(thread.ended);
    ends.zip(begins)
        .filter_map(|(end, begin)| Some((end?.0, begin.0)))
}

/// A packet that makes a worker end is no work: its last one, after which it does nothing.
fn mark_stops(threads: &[Thread], roles: &[Role], requests: &mut Requests) {
    for (number, thread) in threads.iter().enumerate() {
        let (Some(last), Some(_)) = (thread.calls.last(), thread.ended) else {
            continue;
        };
        let idle = last.end.is_some() && thread.computed < last.end;
        let at = (number, thread.calls.len() - 1);
        if roles[number] != Role::Worker || !idle {
            continue;
        }
        for request in requests
            .taken
            .remove(&at)
            .into_iter()
            .flat_map(|taken| taken.requests)
        {
            requests.all[request].stop = true;
        }
    }
}

fn observed(requests: &Requests) -> Result<Observed, FitError> {
    let mut latencies: Vec<u64> = Vec::new();
    let (mut first, mut last) = (u64::MAX, 0);
    for (request, end) in requests.finished() {
        latencies.push(end - request.begin_ns);
        first = first.min(request.begin_ns);
        last = last.max(end);
    }
    if latencies.is_empty() {
        return Err(FitError::new(
            "no request of the recording is over before its end; record for longer",
        ));
    }
    latencies.sort_unstable();
    let seconds = (last - first) as f64 / 1e9;
    let at = |share: f64| {
        let place = (share * latencies.len() as f64).ceil() as usize;
        latencies[place.clamp(1, latencies.len()) - 1] as f64 / 1e9
    };
    Ok(Observed {
        requests: latencies.len(),
        seconds,
        throughput: match seconds > 0.0 {
            true => latencies.len() as f64 / seconds,
            false => 0.0,
        },
        latency_mean: latencies.iter().map(|&ns| ns as f64).sum::<f64>()
            / latencies.len() as f64
            / 1e9,
        latency_p50: at(0.5),
        latency_p99: at(0.99),
    })
}
