//! How far an advice holds: with how much more load the objectives are missed, by bisection.

use super::{
    AdviseError, reasons,
    trial::{Bench, Pool, Trial, changed},
};
use crate::{
    parameters::{Setting, short::rate_of},
    roles::{Roles, copies},
};
use iocp_scheduler::Workload;

/// The load at which the objectives are no longer met.
#[derive(Clone, PartialEq, Debug)]
pub struct Holds {
    /// What the load is counted in: "requests a second" or "clients".
    pub unit: &'static str,
    /// The load that the scenario has.
    pub now: f64,
    /// Up to this load they are met; 0 if under no load that was tried.
    pub up_to: f64,
    /// Under this load they are not, or it is not sure; infinite if under all that were tried.
    pub not_at: f64,
    /// What gives first, in a sentence.
    pub because: Option<String>,
    /// What the pool came to under each load that was tried, the lowest first.
    pub tried: Vec<(f64, Trial)>,
}

/// The most that the load is multiplied or divided by.
const MOST: f64 = 64.0;
/// How near the two loads are in the end, as a part of the load.
const NEAR: f64 = 0.02;

/// What the load is changed by.
enum Load {
    Rate(f64),
    Clients(String, u32),
}

impl Load {
    fn of(workload: &Workload) -> Result<Self, String> {
        let why = match rate_of(workload) {
            Ok(rate) => return Ok(Self::Rate(rate)),
            Err(why) => why,
        };
        let roles = Roles::of(workload);
        match (&roles.clients[..], &roles.arrivals[..]) {
            ([clients], []) => Ok(Self::Clients(clients.name.clone(), copies(clients))),
            _ => Err(why),
        }
    }

    fn now(&self) -> f64 {
        match self {
            Self::Rate(rate) => *rate,
            Self::Clients(_, clients) => f64::from(*clients),
        }
    }

    /// A load near this one that there can be.
    fn round(&self, load: f64) -> f64 {
        match self {
            Self::Rate(_) => load,
            Self::Clients(..) => load.round().max(1.0),
        }
    }

    fn setting(&self, load: f64) -> Setting {
        let (key, value) = match self {
            Self::Rate(_) => ("rate".into(), load.to_string()),
            Self::Clients(name, _) => (format!("thread.{name}.copies"), format!("{load:.0}")),
        };
        Setting { key, value }
    }
}

/// Looks for the load at which the pool stops to meet the objectives.
///
/// # Errors
/// The inner one: why the load of this scenario cannot be changed.
pub(super) fn holds(
    bench: &mut Bench<'_, '_>,
    workload: &Workload,
    pool: Pool,
    meets_now: bool,
) -> Result<Result<Holds, String>, AdviseError> {
    let load = match Load::of(workload) {
        Ok(load) => load,
        Err(why) => return Ok(Err(why)),
    };
    let now = load.now();
    let (mut met, mut missed) = match meets_now {
        true => (now, f64::INFINITY),
        false => (0.0, now),
    };
    let mut tried = vec![(now, bench.pool(workload, pool)?)];
    let mut broken: Option<(Trial, iocp_scheduler::Program)> = None;
    loop {
        let next = match (met, missed) {
            (met, missed) if missed.is_infinite() => met * 2.0,
            (0.0, missed) => missed / 2.0,
            (met, missed) => (met + missed) / 2.0,
        };
        let next = load.round(next);
        let is_known = next == met || next == missed;
        if is_known || next > now * MOST || next < now / MOST || missed - met <= NEAR * met {
            break;
        }
        let mut settings = vec![load.setting(next)];
        settings.extend(bench.knobs.settings(pool));
        // There may be no more threads, and a gap between requests no shorter than a nanosecond.
        let Ok(program) = changed(workload, &settings) else {
            break;
        };
        let trial = bench.program(&program, pool)?;
        tried.push((next, trial.clone()));
        if trial.meets() {
            met = next;
        } else {
            missed = next;
            broken = Some((trial, program));
        }
    }
    tried.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let because = broken.and_then(|(trial, program)| {
        let reasons = reasons::of(&trial, &program, workload);
        reasons::first(&reasons).map(|reason| reason.says.clone())
    });
    Ok(Ok(Holds {
        unit: match load {
            Load::Rate(_) => "requests a second",
            Load::Clients(..) => "clients",
        },
        now,
        up_to: met,
        not_at: missed,
        because,
        tried,
    }))
}
