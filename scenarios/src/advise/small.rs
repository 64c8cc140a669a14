//! A scenario so small that all its schedules can be explored, with what matters kept: whether there
//! are more threads than the limit, whether there are more threads than places at a lock.

use super::trial::Pool;
use crate::roles::{Roles, brings, copies, dequeues, steps};
use iocp_scheduler::{
    Workload,
    workload::{Duration, Expectation, OneOrMore, Step, ThreadDeclaration, Time, Times, When},
};

/// The most turns of a loop, the most threads that are no workers, the most packets at once.
const FEW: u32 = 2;

/// A small version, and how it was made.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Small {
    /// The scenario.
    pub(super) workload: Workload,
    /// What was changed, each in a clause.
    pub(super) changes: Vec<String>,
    /// The names of its workers.
    pub(super) workers: Vec<String>,
    /// The ports at which threads of the machine take packets.
    pub(super) ports: Vec<String>,
}

/// How requests come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Arrivals {
    /// One more than there are workers, at any moments.
    AFew,
    /// One whenever the port is empty, for ever.
    OneByOne,
}

/// The scenario with this pool, made small: at most so many workers.
pub(super) fn small(workload: &Workload, pool: Pool, most: u32, arrivals: Arrivals) -> Small {
    let mut small = workload.clone();
    let mut changes = Vec::new();
    let roles = Roles::of(workload);
    let is_one = |set: &[&ThreadDeclaration], name: &str| set.iter().any(|it| it.name == name);
    let workers = pool.threads.min(most);
    // As many less than the threads as there were, if there were less.
    let fewer = |places: u32| match places {
        places if places >= pool.threads => workers,
        places => places.min(workers.saturating_sub(1)).max(1),
    };
    let limit = fewer(pool.limit);
    if (workers, limit) != (pool.threads, pool.limit) {
        changes.push(format!(
            "{workers} {} for {} and a limit of {limit} for {}",
            if workers == 1 { "thread" } else { "threads" },
            pool.threads,
            pool.limit
        ));
    }
    for port in &mut small.ports {
        if Some(port.name.as_str()) == roles.port {
            port.concurrency = limit;
        } else if port.concurrency > FEW {
            port.concurrency = FEW;
        }
    }
    for semaphore in &mut small.semaphores {
        let count = if semaphore.count == 0 {
            0
        } else {
            fewer(semaphore.count)
        };
        if count != semaphore.count {
            changes.push(format!(
                "{} with {count} places for {}",
                semaphore.name, semaphore.count
            ));
            semaphore.count = count;
            semaphore.maximum = semaphore.maximum.min(count.max(1));
        }
    }
    let requests = workers + 1;
    for thread in &mut small.threads {
        let name = thread.name.clone();
        if is_one(&roles.workers, &name) {
            thread.copies = Some(workers);
        } else if copies(thread) > FEW {
            changes.push(format!("{FEW} threads {name} for {}", copies(thread)));
            thread.copies = Some(FEW);
        }
        let sends = is_one(&roles.arrivals, &name);
        let asks = is_one(&roles.clients, &name) && begins(thread);
        if sends && arrivals == Arrivals::OneByOne {
            one_by_one(thread);
            changes.push(format!("thread {name} sends whenever the port is empty"));
        } else if sends || asks {
            let each = if sends { requests } else { FEW };
            let times = each.div_ceil(copies(thread));
            let mut ended = false;
            for step in &mut thread.program {
                if step.repeat == Some(Times::Forever) {
                    step.repeat = Some(Times::Exactly(times));
                    ended = true;
                }
            }
            if ended {
                let times = match times {
                    1 => "once".to_owned(),
                    times => format!("{times} times"),
                };
                changes.push(format!("thread {name} sends {times}, at any moment"));
            }
        }
        if sends {
            thread.program = without_sleep(std::mem::take(&mut thread.program));
        }
        thread.program = fewer_turns(std::mem::take(&mut thread.program), &mut changes);
    }
    changes.push("nothing takes any time".into());
    changes.dedup();
    let mut names = Vec::new();
    for worker in small
        .threads
        .iter()
        .filter(|it| is_one(&roles.workers, &it.name))
    {
        match worker.copies {
            None => names.push(worker.name.clone()),
            Some(copies) => names.extend((1..=copies).map(|n| format!("{}-{n}", worker.name))),
        }
    }
    let ports = ports(&small);
    small.machine = Default::default();
    small.rules.clear();
    small.expect.clear();
    Small {
        workload: small,
        changes,
        workers: names,
        ports,
    }
}

impl Small {
    /// The same, in which each packet must have been taken in the end.
    pub(super) fn all_taken(&self) -> Workload {
        self.expecting(self.ports.iter().map(|port| Expectation {
            port: Some(port.clone()),
            depth: Some(0),
            ..Expectation::default()
        }))
    }

    /// The same, in which each worker must be served again and again.
    pub(super) fn all_served(&self) -> Workload {
        self.expecting(self.workers.iter().map(|worker| Expectation {
            thread: Some(worker.clone()),
            served: Some(true),
            when: Some(When::Eventually),
            ..Expectation::default()
        }))
    }

    fn expecting(&self, expect: impl Iterator<Item = Expectation>) -> Workload {
        Workload {
            expect: expect.collect(),
            ..self.workload.clone()
        }
    }
}

/// Does the thread bring a packet before it takes one, as a client does, and no server?
fn begins(thread: &ThreadDeclaration) -> bool {
    let steps = steps(&thread.program);
    let mut steps = steps.iter().filter(|step| brings(step) || dequeues(step));
    steps.next().is_some_and(|step| brings(step))
}

/// The ports at which threads of this machine take packets.
fn ports(workload: &Workload) -> Vec<String> {
    let takes = |port: &str| {
        let inside = workload.threads.iter().filter(|thread| !thread.outside);
        inside.into_iter().any(|thread| {
            let steps = steps(&thread.program);
            let mut steps = steps.iter().filter(|step| dequeues(step));
            steps.any(|step| step.port.as_deref() == Some(port))
        })
    };
    let ports = workload.ports.iter().map(|port| port.name.clone());
    ports.filter(|port| takes(port)).collect()
}

/// Before each packet that it brings the thread waits until the port is empty.
fn one_by_one(thread: &mut ThreadDeclaration) {
    fn changed(program: Vec<Step>) -> Vec<Step> {
        let mut all = Vec::new();
        for mut step in program {
            if let (true, Some(port)) = (brings(&step), &step.port) {
                all.push(Step {
                    until: Some(OneOrMore::One(format!("{port} has 0 packets"))),
                    ..Step::default()
                });
            }
            step.body = changed(step.body);
            step.otherwise = changed(step.otherwise);
            all.push(step);
        }
        all
    }
    thread.program = changed(std::mem::take(&mut thread.program));
}

/// A sender sends at any moment anyway.
fn without_sleep(program: Vec<Step>) -> Vec<Step> {
    let sleeps = |step: &Step| {
        step.call
            .as_deref()
            .is_some_and(|it| it.starts_with("Sleep"))
    };
    let program = program.into_iter().filter(|step| !sleeps(step));
    program
        .map(|step| Step {
            body: without_sleep(step.body.clone()),
            otherwise: without_sleep(step.otherwise.clone()),
            ..step
        })
        .collect()
}

/// No computing, no laws, and loops of few turns.
fn fewer_turns(program: Vec<Step>, changes: &mut Vec<String>) -> Vec<Step> {
    let mut all = Vec::new();
    for mut step in program {
        if step.compute.is_some() {
            continue;
        }
        if step.duration.is_some() {
            step.duration = Some(Duration::Fixed(Time::Nanoseconds(1_000_000)));
        }
        if let Some(count) = step.count.as_mut()
            && *count > FEW as u16
        {
            changes.push(format!("batches of {FEW} for {count}"));
            *count = FEW as u16;
        }
        // What senders do was cut to the number of requests already.
        if let Some(Times::Exactly(times)) = step.repeat
            && times > FEW + 2
        {
            changes.push(format!("{FEW} turns for {times}"));
            step.repeat = Some(Times::Exactly(FEW));
        }
        let had_steps = !step.body.is_empty() || !step.otherwise.is_empty();
        step.body = fewer_turns(step.body, changes);
        step.otherwise = fewer_turns(step.otherwise, changes);
        if had_steps && step.body.is_empty() && step.otherwise.is_empty() {
            continue;
        }
        all.push(step);
    }
    all
}
