//! Is this scenario a queue that has a formula?
//!
//! It is one if requests arrive at one port, from threads outside that sleep and post, or from
//! clients that wait for their reply; if the workers there do the same for each of them; and if the
//! machine takes nothing for itself.

use crate::roles::{Roles, copies, dequeues, posts};
use iocp_scheduler::{
    Law, Program, Workload,
    workload::{Duration, Step, ThreadDeclaration, Time, Times},
};

/// How requests come.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Arrivals {
    /// Whatever becomes of those before.
    Open {
        /// Requests a second.
        rate: f64,
        /// The squared coefficient of variation of the gaps.
        scv: f64,
        /// Are the gaps exponential?
        poisson: bool,
    },
    /// Each of so many clients thinks, sends a request and waits for the reply.
    Closed {
        /// The clients.
        clients: u32,
        /// How long one thinks, in seconds.
        think: f64,
    },
}

/// A time that is computed or waited for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Service {
    /// In seconds.
    pub(super) mean: f64,
    /// Its squared coefficient of variation.
    pub(super) scv: f64,
    /// Is it exponential?
    pub(super) exponential: bool,
}

/// A queue at one port.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Queue {
    pub(super) arrivals: Arrivals,
    /// What is computed for a request, phase by phase; between two of them the worker blocks.
    pub(super) phases: Vec<Service>,
    /// How long a worker is blocked for a request, in seconds.
    pub(super) blocked: f64,
    pub(super) limit: u32,
    pub(super) threads: u32,
    pub(super) processors: u32,
}

impl Queue {
    /// How many requests can be computed at once.
    pub(super) fn servers(&self) -> u32 {
        match self.blocked {
            0.0 => self.limit.min(self.threads).min(self.processors),
            _ => self.threads.min(self.processors),
        }
    }

    /// What is computed for a request, in seconds.
    pub(super) fn work(&self) -> f64 {
        self.phases.iter().map(|phase| phase.mean).sum()
    }
}

/// The queue that the scenario is, or why it is none that has a formula.
pub(super) fn queue(program: &Program) -> Result<Queue, String> {
    let workload = &program.workload;
    let roles = Roles::of(workload);
    let port = match (roles.port, &roles.rivals[..]) {
        (Some(port), _) => port,
        (None, []) => return Err("no thread takes packets from a port".into()),
        (None, _) => return Err("several ports have equally many workers".into()),
    };
    if !workload.files.is_empty() {
        return Err("it has files".into());
    }
    let [worker] = roles.workers[..] else {
        return Err(format!("the workers of {port} have different programs"));
    };
    undisturbed(workload)?;
    let known = |thread: &ThreadDeclaration| {
        let mut sets = [&roles.workers, &roles.arrivals, &roles.clients].into_iter();
        sets.any(|set| set.iter().any(|one| one.name == thread.name))
    };
    if let Some(other) = workload.threads.iter().find(|thread| !known(thread)) {
        return Err(format!(
            "thread {} neither sends requests to {port} nor serves them",
            other.name
        ));
    }
    let arrivals = match (&roles.arrivals[..], &roles.clients[..]) {
        ([], []) => return Err("nobody outside sends requests".into()),
        (arrivals, []) => open(arrivals, port)?,
        ([], [clients]) => closed(clients, port)?,
        _ => return Err("there are clients of several kinds".into()),
    };
    let (phases, blocked) = served(worker, port)?;
    let declared = workload.ports.iter().find(|known| known.name == port);
    let limit = declared.map_or(0, |port| port.concurrency);
    let processors = u32::from(program.processors());
    Ok(Queue {
        arrivals,
        phases,
        blocked,
        limit: if limit == 0 { processors } else { limit },
        threads: copies(worker),
        processors,
    })
}

/// The machine takes no time for itself.
fn undisturbed(workload: &Workload) -> Result<(), String> {
    let machine = &workload.machine;
    let some = |time: Option<Time>| time.is_some_and(|time| time != Time::Nanoseconds(0));
    let takes = [
        (some(machine.switch), "a context switch takes time"),
        (some(machine.wake), "waking a thread takes time"),
        (
            machine.background.is_some_and(|share| share > 0.0),
            "other work takes a part of each processor",
        ),
        (machine.post_memory.is_some(), "posts can fail"),
    ];
    match takes.iter().find(|(it_does, _)| *it_does) {
        Some((_, why)) => Err((*why).to_owned()),
        None => Ok(()),
    }
}

/// The steps that the thread repeats for ever.
fn turn(thread: &ThreadDeclaration) -> Result<&[Step], String> {
    match &thread.program[..] {
        [
            Step {
                repeat: Some(Times::Forever),
                body,
                ..
            },
        ] => Ok(body),
        _ => Err(format!("{} does not do the same for ever", thread.name)),
    }
}

/// A duration as a service time.
fn service(duration: &Duration) -> Result<Service, String> {
    // A program that has been compiled has no wrong laws.
    let law = Law::of(duration).ok().flatten();
    let law = law.ok_or("a thread waits for ever")?;
    Ok(Service {
        mean: law.mean_ns() / 1e9,
        scv: law.scv(),
        exponential: matches!(law, Law::Exponential { .. }),
    })
}

/// The sleep of a step, if it is one.
fn sleep(step: &Step) -> Option<&Duration> {
    let sleeps = step
        .call
        .as_deref()
        .is_some_and(|call| call.starts_with("Sleep"));
    step.duration.as_ref().filter(|_| sleeps)
}

fn open(arrivals: &[&ThreadDeclaration], port: &str) -> Result<Arrivals, String> {
    let mut rate = 0.0;
    let mut each = Vec::new();
    for thread in arrivals {
        let name = &thread.name;
        if !thread.outside {
            return Err(format!("{name} sends requests from this machine"));
        }
        let gap = match turn(thread)? {
            [a, b] if posts_to(b, port) => sleep(a),
            [a, b] if posts_to(a, port) => sleep(b),
            _ => None,
        };
        let gap = gap.ok_or_else(|| format!("{name} does more than sleep and post to {port}"))?;
        let gap = service(gap)?;
        rate += f64::from(copies(thread)) / gap.mean;
        each.extend((0..copies(thread).min(2)).map(|_| gap));
    }
    let poisson = each.iter().all(|gap| gap.exponential);
    let scv = match each[..] {
        _ if poisson => 1.0,
        [gap] => gap.scv,
        _ => {
            return Err("requests of several senders mix, and not all gaps are exponential".into());
        }
    };
    Ok(Arrivals::Open { rate, scv, poisson })
}

fn closed(clients: &ThreadDeclaration, port: &str) -> Result<Arrivals, String> {
    let mut think = 0.0;
    let mut asked = false;
    for step in turn(clients)? {
        match sleep(step) {
            Some(time) => think += service(time)?.mean,
            None if posts_to(step, port) && !asked => asked = true,
            None if dequeues(step) && asked && waits(step) => {}
            _ => {
                return Err(format!(
                    "{} does more than think, ask once and wait for the reply",
                    clients.name
                ));
            }
        }
    }
    let clients = copies(clients);
    Ok(Arrivals::Closed { clients, think })
}

fn posts_to(step: &Step, port: &str) -> bool {
    posts(step) && step.port.as_deref() == Some(port)
}

/// A dequeue of one packet that waits for ever.
fn waits(step: &Step) -> bool {
    let for_ever = step.timeout.is_none_or(|time| time == Time::Infinite);
    for_ever && step.count.unwrap_or(1) == 1
}

/// What a worker computes for a request, and how long it is blocked.
fn served(worker: &ThreadDeclaration, port: &str) -> Result<(Vec<Service>, f64), String> {
    let name = &worker.name;
    let mut phases: Vec<Service> = Vec::new();
    let mut blocked = 0.0;
    // The phase that goes on, unless the worker has blocked since.
    let mut goes_on = false;
    let (first, rest) = turn(worker)?
        .split_first()
        .ok_or_else(|| format!("{name} does nothing"))?;
    if !dequeues(first) || first.port.as_deref() != Some(port) {
        return Err(format!(
            "{name} does not begin with taking a packet from {port}"
        ));
    }
    if !waits(first) {
        return Err(format!("{name} does not wait for one packet at a time"));
    }
    for step in rest {
        if let Some(time) = &step.compute {
            let time = service(time)?;
            match phases.last_mut().filter(|_| goes_on) {
                Some(phase) => *phase = together(*phase, time),
                None => phases.push(time),
            }
            goes_on = true;
        } else if let Some(time) = sleep(step) {
            blocked += service(time)?.mean;
            if !goes_on {
                return Err(format!("{name} blocks before it computes"));
            }
            goes_on = false;
        } else if !(posts(step) || step.add.is_some() || step.mark.is_some()) {
            return Err(format!("{name} does more than compute, sleep and reply"));
        }
    }
    if !goes_on {
        return Err(format!("{name} does not end with computing"));
    }
    Ok((phases, blocked))
}

/// Two computations without a break between them.
fn together(a: Service, b: Service) -> Service {
    let mean = a.mean + b.mean;
    let variance = a.scv * a.mean * a.mean + b.scv * b.mean * b.mean;
    Service {
        mean,
        scv: variance / (mean * mean),
        exponential: false,
    }
}
