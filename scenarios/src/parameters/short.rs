//! The parameters that have short names, and what each changes.

use super::ParameterError;
use crate::roles::{Roles, copies, posts, steps};
use iocp_scheduler::{
    Law, Workload,
    workload::{Duration, LawDeclaration, Step, ThreadDeclaration, Time, Times},
};
use std::{fmt, ops::RangeInclusive, str::FromStr};

/// A short name.
#[derive(Clone, Copy, Debug)]
pub struct Short {
    /// The name.
    pub key: &'static str,
    /// What it is, in a phrase.
    pub says: &'static str,
    change: fn(&mut Workload, &str) -> Result<(), String>,
}

/// All short names.
pub const NAMES: [Short; 5] = [
    Short {
        key: "limit",
        says: "the concurrency of the port at which most threads take packets",
        change: limit,
    },
    Short {
        key: "threads",
        says: "how many threads take packets there",
        change: threads,
    },
    Short {
        key: "processors",
        says: "the processors of the machine",
        change: processors,
    },
    Short {
        key: "batch",
        says: "how many packets they take at once, with GetQueuedCompletionStatusEx",
        change: batch,
    },
    Short {
        key: "rate",
        says: "requests a second, of all that arrive whatever becomes of those before",
        change: rate,
    },
];

/// The short name that is spelt so.
pub fn find(key: &str) -> Option<&'static Short> {
    NAMES.iter().find(|name| name.key == key)
}

impl Short {
    /// The workload with this value.
    pub(super) fn apply(
        &self,
        workload: &Workload,
        value: &str,
    ) -> Result<Workload, ParameterError> {
        let mut changed = workload.clone();
        match (self.change)(&mut changed, value) {
            Ok(()) => Ok(changed),
            Err(why) => Err(ParameterError::new(format!("{}: {why}", self.key))),
        }
    }
}

/// A whole number of these.
fn whole<N>(value: &str, range: RangeInclusive<N>) -> Result<N, String>
where
    N: FromStr + PartialOrd + fmt::Display,
{
    let number = value.parse().ok().filter(|number| range.contains(number));
    let (least, most) = (range.start(), range.end());
    number.ok_or_else(|| format!("\"{value}\" is no whole number from {least} to {most}."))
}

/// The port at which most threads take packets, or why there is none.
fn port(roles: &Roles<'_>) -> Result<String, String> {
    match (roles.port, &roles.rivals[..]) {
        (Some(port), _) => Ok(port.to_owned()),
        (None, []) => Err("no thread takes packets from a port.".into()),
        (None, rivals) => Err(format!(
            "equally many threads take packets from {}; say which is meant with a path, as in \
             port.{}.concurrency or thread.NAME.copies.",
            rivals.join(" and "),
            rivals[0]
        )),
    }
}

fn limit(workload: &mut Workload, value: &str) -> Result<(), String> {
    let limit = whole(value, 0..=u32::MAX)?;
    let name = port(&Roles::of(workload))?;
    let mut ports = workload.ports.iter_mut();
    if let Some(port) = ports.find(|port| port.name == name) {
        port.concurrency = limit;
    }
    Ok(())
}

fn threads(workload: &mut Workload, value: &str) -> Result<(), String> {
    let count = whole(value, 1..=u32::MAX)?;
    let roles = Roles::of(workload);
    let port = port(&roles)?;
    let names: Vec<_> = roles
        .workers
        .iter()
        .map(|thread| thread.name.clone())
        .collect();
    let [name] = &names[..] else {
        return Err(format!(
            "threads of several kinds take packets from {port}: {}; say which are meant, as in \
             thread.{}.copies.",
            names.join(", "),
            names[0]
        ));
    };
    let mut threads = workload.threads.iter_mut();
    if let Some(thread) = threads.find(|thread| thread.name == *name) {
        thread.copies = Some(count);
    }
    Ok(())
}

fn processors(workload: &mut Workload, value: &str) -> Result<(), String> {
    workload.machine.processors = Some(whole(value, 1..=u16::MAX)?);
    Ok(())
}

fn batch(workload: &mut Workload, value: &str) -> Result<(), String> {
    let count = whole(value, 1..=u16::MAX)?;
    let roles = Roles::of(workload);
    let port = port(&roles)?;
    let workers: Vec<_> = roles
        .workers
        .iter()
        .map(|thread| thread.name.clone())
        .collect();
    let mut changed = false;
    let threads = workload.threads.iter_mut();
    for thread in threads.filter(|thread| workers.contains(&thread.name)) {
        each_step(&mut thread.program, &mut |step| {
            let here = step.port.as_deref() == Some(&port);
            if here && step.count.is_some() {
                step.count = Some(count);
                changed = true;
            }
        });
    }
    match changed {
        true => Ok(()),
        false => Err(format!(
            "the threads that take packets from {port} take one at a time; let them call \
             GetQueuedCompletionStatusEx with a `count`."
        )),
    }
}

fn each_step(program: &mut [Step], change: &mut impl FnMut(&mut Step)) {
    for step in program {
        change(step);
        each_step(&mut step.body, change);
        each_step(&mut step.otherwise, change);
    }
}

fn rate(workload: &mut Workload, value: &str) -> Result<(), String> {
    let wanted: f64 = value
        .parse()
        .ok()
        .filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
        .ok_or_else(|| {
            format!(
                "\"{value}\" is no rate; write requests a second, more than 0, as in 250 or 0.5."
            )
        })?;
    let now = rate_of(workload)?;
    let arrivals = Roles::of(workload).arrivals;
    let names: Vec<_> = arrivals.iter().map(|thread| thread.name.clone()).collect();
    let threads = workload.threads.iter_mut();
    for thread in threads.filter(|thread| names.contains(&thread.name)) {
        each_step(&mut thread.program, &mut |step| {
            if let Some(time) = &mut step.duration {
                scale(time, now / wanted);
            }
        });
    }
    Ok(())
}

/// The requests a second of all that arrive whatever becomes of those before.
///
/// # Errors
/// A sentence, if it cannot be read off the scenario.
pub fn rate_of(workload: &Workload) -> Result<f64, String> {
    let roles = Roles::of(workload);
    if roles.arrivals.is_empty() {
        return Err(match &roles.clients[..] {
            [] => "nobody sends requests, so there is no rate to change.".into(),
            [clients, ..] => format!(
                "{} wait for their replies, so the rate follows from how fast they come; change how \
                 many clients there are (thread.{}.copies) or how long they think.",
                clients.name, clients.name
            ),
        });
    }
    roles.arrivals.iter().map(|thread| of_thread(thread)).sum()
}

fn of_thread(thread: &ThreadDeclaration) -> Result<f64, String> {
    let name = &thread.name;
    let [
        Step {
            repeat: Some(Times::Forever),
            body,
            ..
        },
    ] = &thread.program[..]
    else {
        return Err(format!(
            "{name} does not send requests for ever; let its program be one `repeat = \"forever\"`."
        ));
    };
    let turn = Turn::of(body).map_err(|why| format!("{name} {why}."))?;
    match turn.seconds {
        0.0 => Err(format!(
            "{name} posts without ever sleeping: its rate is infinite."
        )),
        seconds => Ok(f64::from(copies(thread)) * turn.requests / seconds),
    }
}

/// What steps come to, once through.
#[derive(Default)]
struct Turn {
    requests: f64,
    seconds: f64,
}

impl Turn {
    fn of(program: &[Step]) -> Result<Self, &'static str> {
        let mut turn = Self::default();
        for step in program {
            if let Some(times) = &step.repeat {
                let Times::Exactly(times) = times else {
                    return Err("repeats for ever within what it repeats for ever");
                };
                let inner = Self::of(&step.body)?;
                turn.requests += f64::from(*times) * inner.requests;
                turn.seconds += f64::from(*times) * inner.seconds;
            } else if step.condition.is_some() || step.until.is_some() {
                return Err("does not always do the same, so that it has no rate");
            } else if posts(step) {
                turn.requests += 1.0;
            }
            if step.compute.is_some() {
                return Err("computes, and with another rate it would have to compute faster");
            }
            if let Some(time) = &step.duration {
                let law = Law::of(time).map_err(|_| "has a duration that is no law")?;
                turn.seconds += law.ok_or("sleeps for ever")?.mean_ns() / 1e9;
            }
        }
        Ok(turn)
    }
}

/// Makes every time so many times as long, to the nanosecond.
fn scale(duration: &mut Duration, factor: f64) {
    let scale = |time: &mut Time| {
        if let Time::Nanoseconds(ns) = time {
            let scaled = (*ns as f64 * factor).round();
            *ns = scaled.clamp(0.0, Time::MOST_NS as f64) as u64;
        }
    };
    match duration {
        Duration::Fixed(time) => scale(time),
        Duration::Law(law) => {
            let LawDeclaration {
                mean,
                deviation,
                from,
                to,
                values,
                ..
            } = &mut **law;
            let single = [mean, deviation, from, to].into_iter().flatten();
            single.chain(values.iter_mut().flatten()).for_each(scale);
        }
    }
}

/// Does any thread bring a packet to a port?
pub fn anybody_sends(workload: &Workload) -> bool {
    let mut threads = workload.threads.iter();
    threads.any(|thread| steps(&thread.program).into_iter().any(crate::roles::brings))
}
