//! Who plays which part in a scenario: the server's port, its workers, who sends requests.
//!
//! A scenario says none of this in words. It is read off what the threads call.

use iocp_scheduler::{
    Workload,
    workload::{Step, ThreadDeclaration},
};

/// The calls that take packets from a port.
const DEQUEUES: [&str; 4] = [
    "GetQueuedCompletionStatus",
    "GetQueuedCompletionStatusEx",
    "NtRemoveIoCompletion",
    "NtRemoveIoCompletionEx",
];
/// The calls that post a packet.
const POSTS: [&str; 3] = [
    "PostQueuedCompletionStatus",
    "NtSetIoCompletion",
    "NtSetIoCompletionEx",
];

/// Does the step take packets?
pub fn dequeues(step: &Step) -> bool {
    step.call
        .as_deref()
        .is_some_and(|call| DEQUEUES.contains(&call))
}

/// Does the step post a packet?
pub fn posts(step: &Step) -> bool {
    step.call
        .as_deref()
        .is_some_and(|call| POSTS.contains(&call))
}

/// Can the step bring a packet into a queue: by a post, or as a file's request that is finished?
pub fn brings(step: &Step) -> bool {
    let reads = step
        .call
        .as_deref()
        .is_some_and(|call| call.starts_with("ReadFile"));
    posts(step) || reads || step.complete.is_some()
}

/// Every step of a program, also those in `do` and `else`.
pub fn steps(program: &[Step]) -> Vec<&Step> {
    let mut all = Vec::new();
    for step in program {
        all.push(step);
        all.extend(steps(&step.body));
        all.extend(steps(&step.otherwise));
    }
    all
}

/// Who plays which part.
#[derive(Clone, Debug)]
pub struct Roles<'w> {
    /// The port at which most threads of this machine take packets; `None` if nobody does, or if
    /// several ports have as many.
    pub port: Option<&'w str>,
    /// The ports that have as many, if there are several.
    pub rivals: Vec<&'w str>,
    /// The threads that take packets there.
    pub workers: Vec<&'w ThreadDeclaration>,
    /// The threads that bring packets and never take any: requests arrive whatever becomes of those
    /// before.
    pub arrivals: Vec<&'w ThreadDeclaration>,
    /// The threads outside that bring packets and take the replies: the next request waits for the
    /// reply to the one before.
    pub clients: Vec<&'w ThreadDeclaration>,
}

/// How many threads a declaration makes.
pub fn copies(thread: &ThreadDeclaration) -> u32 {
    thread.copies.unwrap_or(1)
}

impl<'w> Roles<'w> {
    /// Of this workload.
    pub fn of(workload: &'w Workload) -> Self {
        let takes_at = |thread: &ThreadDeclaration, port: &str| {
            let steps = steps(&thread.program);
            let mut steps = steps.iter().filter(|step| dequeues(step));
            steps.any(|step| step.port.as_deref() == Some(port))
        };
        let takes =
            |thread: &ThreadDeclaration| steps(&thread.program).iter().any(|step| dequeues(step));
        let gives =
            |thread: &ThreadDeclaration| steps(&thread.program).iter().any(|step| brings(step));
        let threads = || workload.threads.iter();
        let inside = || threads().filter(|thread| !thread.outside);
        let at = |port: &str| -> u32 { inside().filter(|t| takes_at(t, port)).map(copies).sum() };
        let ports = || workload.ports.iter().map(|port| port.name.as_str());
        let most = ports().map(at).max().filter(|most| *most > 0);
        let mut rivals: Vec<_> = ports().filter(|port| Some(at(port)) == most).collect();
        let port = match rivals[..] {
            [port] => {
                rivals.clear();
                Some(port)
            }
            _ => None,
        };
        Self {
            port,
            rivals,
            workers: port
                .map(|port| inside().filter(|t| takes_at(t, port)).collect())
                .unwrap_or_default(),
            arrivals: threads().filter(|t| gives(t) && !takes(t)).collect(),
            clients: threads()
                .filter(|t| t.outside && gives(t) && takes(t))
                .collect(),
        }
    }
}
