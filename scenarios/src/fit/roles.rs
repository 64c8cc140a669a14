//! Who is who: threads that only send, clients that wait for a reply, and workers.

use super::timeline::{Kind, Thread};
use iocp_traces::Trace;
use std::collections::BTreeMap;

/// What a thread is to the requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// It posts and takes nothing: requests come from it whatever becomes of them.
    Source,
    /// It posts first, and takes the reply.
    Client,
    /// It takes first.
    Worker,
    /// It has nothing to do with packets.
    Other,
}

/// The role of each thread.
pub(super) fn roles(trace: &Trace, threads: &[Thread]) -> Vec<Role> {
    let outside = outside(trace);
    threads
        .iter()
        .map(|thread| {
            let takes = |kind: &Kind| matches!(kind, Kind::Take { .. });
            let posts = |kind: &Kind| matches!(kind, Kind::Post { .. });
            let mut kinds = thread.calls.iter().map(|call| &call.kind);
            let first = kinds.clone().find(|kind| takes(kind) || posts(kind));
            match first {
                None => Role::Other,
                Some(_) if !kinds.clone().any(takes) => Role::Source,
                Some(_) if !kinds.any(posts) => Role::Worker,
                Some(first) if posts(first) || outside.contains(&base(&thread.name)) => {
                    Role::Client
                }
                Some(_) => Role::Worker,
            }
        })
        .collect()
}

/// Names of threads that the scenario in the header says to be on another machine.
fn outside(trace: &Trace) -> Vec<&str> {
    trace.header.scenario["thread"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|thread| thread["outside"].as_bool() == Some(true))
        .filter_map(|thread| thread["name"].as_str())
        .map(base)
        .collect()
}

/// The name of which this is one copy: "worker" of "worker-3".
pub(super) fn base(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((base, number))
            if !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()) =>
        {
            base
        }
        _ => name,
    }
}

/// Threads that are alike: the same role and, but for a number, the same name and first port.
pub(super) struct Group {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) threads: Vec<usize>,
}

/// Gathers threads that are alike, in the order in which they come.
pub(super) fn groups(threads: &[Thread], roles: &[Role]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (number, thread) in threads.iter().enumerate() {
        let (name, role) = (base(&thread.name), roles[number]);
        if role == Role::Other {
            continue;
        }
        match groups
            .iter_mut()
            .find(|group| group.name == name && group.role == role)
        {
            Some(group) => group.threads.push(number),
            None => groups.push(Group {
                name: name.to_owned(),
                role,
                threads: vec![number],
            }),
        }
    }
    groups
}

/// Ports that stand for one another: where each thread of a group takes from a port of its own, as
/// clients do from theirs, the group has one port. By each port's name, the name of its like.
pub(super) fn merged_ports(threads: &[Thread], groups: &[Group]) -> BTreeMap<String, String> {
    let mut merged = BTreeMap::new();
    for group in groups {
        // The ports that each thread takes from, in the order in which it first does.
        let taken: Vec<Vec<&str>> = group
            .threads
            .iter()
            .map(|&thread| ports_taken(&threads[thread]))
            .collect();
        let most = taken.iter().map(Vec::len).max().unwrap_or(0);
        for place in 0..most {
            let mut alike: Vec<&str> = taken
                .iter()
                .filter_map(|ports| ports.get(place).copied())
                .collect();
            alike.sort_unstable();
            alike.dedup();
            let one_each = alike.len() == group.threads.len() && alike.len() > 1;
            let same_name = alike.windows(2).all(|two| base(two[0]) == base(two[1]));
            for port in &alike {
                let name = match one_each && same_name {
                    true => base(port),
                    false => port,
                };
                merged
                    .entry((*port).to_owned())
                    .or_insert_with(|| name.to_owned());
            }
        }
    }
    merged
}

fn ports_taken(thread: &Thread) -> Vec<&str> {
    let mut ports = Vec::new();
    for call in &thread.calls {
        if let Kind::Take { port, .. } = &call.kind
            && !ports.contains(&port.as_str())
        {
            ports.push(port);
        }
    }
    ports
}
