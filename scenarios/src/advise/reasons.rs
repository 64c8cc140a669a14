//! What limits a server, in numbers: its processors, its threads, the limit, its queue, its locks.

use super::trial::Trial;
use crate::{
    roles::{Roles, steps},
    unit::Unit,
};
use iocp_scheduler::{
    Law, Program, Workload,
    workload::{Step, ThreadDeclaration},
};

/// One thing that a server may be short of.
#[derive(Clone, PartialEq, Debug)]
pub struct Reason {
    /// In a word: "processors", "threads", "limit", "queue", "locks".
    pub kind: &'static str,
    /// How much of it is used, or the share of the time in which it is short, from 0 to 1.
    pub share: f64,
    /// The same in a sentence.
    pub says: String,
}

/// A share from which on a thing is said to be what limits.
const MUCH: f64 = 0.9;
/// A share of the time that is worth a word.
const SOME: f64 = 0.02;
/// With a smaller part of its time in the queue a request is not slow for that.
const LITTLE: f64 = 0.2;

/// All of them, for a pool that was tried; the workload is the scenario as it is.
pub(super) fn of(trial: &Trial, program: &Program, workload: &Workload) -> Vec<Reason> {
    if trial.metrics.is_empty() {
        return Vec::new();
    }
    let mut reasons = vec![
        processors(trial, program),
        threads(trial),
        limit(trial),
        queue(trial),
    ];
    reasons.extend(locks(trial, workload));
    reasons
}

/// Why a pool does not meet the objectives, in a sentence.
pub(super) fn why(trial: &Trial, reasons: &[Reason]) -> Option<String> {
    if let Some(stopped) = &trial.stopped {
        return Some(format!("{stopped}."));
    }
    let full =
        |reason: &&Reason| reason.share > MUCH && ["processors", "locks"].contains(&reason.kind);
    let waits = reasons.iter().find(|reason| reason.kind == "queue")?;
    if waits.share < LITTLE && trial.stable && !reasons.iter().any(|it| full(&it)) {
        return Some(format!(
            "Of the {} that a request takes on the mean it spends {} in the queue; the rest is what it \
             computes and waits for elsewhere, and no pool makes that shorter.",
            Unit::Seconds.in_words(trial.mean("latency.mean")),
            Unit::Seconds.in_words(trial.mean("queue_wait.mean"))
        ));
    }
    first(reasons).map(|reason| reason.says.clone())
}

/// What gives first, of a pool that cannot do it.
pub(super) fn first(reasons: &[Reason]) -> Option<&Reason> {
    let of = |kind: &str| reasons.iter().find(move |reason| reason.kind == kind);
    let full = |kind: &str| of(kind).filter(|reason| reason.share > MUCH);
    let short = [of("threads"), of("limit")].into_iter().flatten();
    let short = short
        .filter(|reason| reason.share > SOME)
        .max_by(|a, b| a.share.total_cmp(&b.share));
    full("processors").or_else(|| full("locks")).or(short)
}

fn share(part: f64) -> String {
    Unit::Share.in_words(part)
}

fn count(number: f64) -> String {
    Unit::Number.in_words(number)
}

fn processors(trial: &Trial, program: &Program) -> Reason {
    let used = trial.mean("utilisation");
    let processors = f64::from(program.processors());
    let line = trial.mean("run_queue.mean");
    let line = match line < 0.0005 {
        true => "no thread stands in line for one".to_owned(),
        false => format!("{} threads stand in line for one, on the mean", count(line)),
    };
    Reason {
        kind: "processors",
        share: used,
        says: format!(
            "The processors are busy {} of the time ({} of {processors}); {line}.",
            share(used),
            count(used * processors),
        ),
    }
}

fn threads(trial: &Trial) -> Reason {
    let short = trial.mean("short_of_threads");
    let threads = trial.pool.threads;
    let blocked = trial.mean("blocked.mean");
    let waiting = trial.mean("waiters.mean");
    let rest = format!(
        "On the mean {} of them wait for a packet, and {} threads are blocked elsewhere.",
        count(waiting),
        count(blocked)
    );
    let says = match (threads, short < 0.0005) {
        (1, _) => format!(
            "In {} of the time packets wait because the one thread has one already. {rest}",
            share(short)
        ),
        (_, true) => format!("Of {threads} threads one is hardly ever missing. {rest}"),
        _ => format!(
            "In {} of the time packets wait because all {threads} threads have one already. {rest}",
            share(short)
        ),
    };
    Reason {
        kind: "threads",
        share: short,
        says,
    }
}

fn limit(trial: &Trial) -> Reason {
    let held = trial.mean("held_by_limit");
    let idle = 1.0 - trial.mean("utilisation");
    let above = trial.mean("above_limit");
    let above = match above < 0.0005 {
        true => String::new(),
        false => format!(
            " In {} of the time more threads are active than it allows: they had blocked, and came \
             back.",
            share(above)
        ),
    };
    let says = match held < 0.0005 {
        true => format!(
            "The limit of {} hardly ever keeps a thread from a packet.{above}",
            trial.pool.limit
        ),
        false => format!(
            "In {} of the time packets and threads wait side by side, because as many threads are \
             active as the limit of {} allows, while {} of the processors' time is idle.{above}",
            share(held),
            trial.pool.limit,
            share(idle)
        ),
    };
    Reason {
        kind: "limit",
        share: held,
        says,
    }
}

fn queue(trial: &Trial) -> Reason {
    let waits = trial.mean("queue_wait.mean");
    let takes = trial.mean("latency.mean");
    let part = if takes > 0.0 {
        (waits / takes).min(1.0)
    } else {
        0.0
    };
    Reason {
        kind: "queue",
        share: part,
        says: format!(
            "A packet waits {} in the queue on the mean, where a request takes {} in all; {} are queued \
             on the mean, and up to {}.",
            Unit::Seconds.in_words(waits),
            Unit::Seconds.in_words(takes),
            count(trial.mean("depth.mean")),
            count(trial.mean("depth.max"))
        ),
    }
}

/// What holds a lock: how many may at once, and for how long a request does, in seconds.
struct Lock<'w> {
    name: &'w str,
    places: u32,
    held: f64,
}

fn locks(trial: &Trial, workload: &Workload) -> Option<Reason> {
    let roles = Roles::of(workload);
    let semaphores = workload
        .semaphores
        .iter()
        .map(|it| (it.name.as_str(), it.count));
    let mutexes = workload.mutexes.iter().map(|it| (it.name.as_str(), 1));
    let each = semaphores.chain(mutexes).filter_map(|(name, places)| {
        let held = roles.workers.iter().find_map(|worker| held(worker, name))?;
        Some(Lock { name, places, held })
    });
    let rate = trial.mean("throughput");
    let used = |lock: &Lock<'_>| rate * lock.held / f64::from(lock.places.max(1));
    let lock = each.max_by(|a, b| used(a).total_cmp(&used(b)))?;
    let sleeps: f64 = roles.workers.first().map_or(0.0, |worker| asleep(worker));
    // Little's law: what is not asleep stands in line.
    let in_line = (trial.mean("blocked.mean") - rate * sleeps).max(0.0);
    Some(Reason {
        kind: "locks",
        share: used(&lock).min(1.0),
        says: format!(
            "A request holds {} for {}, so of its {} {} are taken on the mean, and more than {} requests a \
             second it cannot let pass; {} threads stand in line for it.",
            lock.name,
            Unit::Seconds.in_words(lock.held),
            match lock.places {
                1 => "one place".to_owned(),
                places => format!("{places} places"),
            },
            count(rate * lock.held),
            count(f64::from(lock.places) / lock.held),
            count(in_line),
        ),
    })
}

/// How long a thread that takes a packet sleeps, in seconds.
fn asleep(worker: &ThreadDeclaration) -> f64 {
    let all = steps(&worker.program);
    all.iter()
        .filter_map(|step| seconds(step.duration.as_ref()))
        .sum()
}

fn seconds(duration: Option<&iocp_scheduler::workload::Duration>) -> Option<f64> {
    // A program that has been compiled has no wrong laws.
    let law = Law::of(duration?).ok().flatten()?;
    Some(law.mean_ns() / 1e9)
}

/// How long a thread holds the object each time: what it computes and sleeps between waiting for it
/// and giving it back.
fn held(worker: &ThreadDeclaration, object: &str) -> Option<f64> {
    let all = steps(&worker.program);
    let names = |step: &&Step, call: &str| {
        step.object.as_deref() == Some(object)
            && step.call.as_deref().is_some_and(|it| it.starts_with(call))
    };
    let taken = all
        .iter()
        .position(|step| names(step, "WaitForSingleObject"))?;
    let rest = &all[taken..];
    let given = rest.iter().position(|step| names(step, "Release"))?;
    let between = &rest[..given];
    let computed = between
        .iter()
        .filter_map(|step| seconds(step.compute.as_ref()));
    let slept = between
        .iter()
        .filter_map(|step| seconds(step.duration.as_ref()));
    let held: f64 = computed.chain(slept).sum();
    (held > 0.0).then_some(held)
}
