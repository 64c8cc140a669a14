//! What theory says of a scenario, beside what is simulated.

use super::{
    formula,
    interval::Interval,
    shape::{Arrivals, Queue, Service},
};
use std::collections::BTreeMap;

/// A value of theory.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value {
    /// It is this.
    Is(f64),
    /// It is no less than this.
    AtLeast(f64),
    /// It is no more than this.
    AtMost(f64),
}

/// What a formula says.
#[derive(Clone, PartialEq, Debug)]
pub struct Theory {
    /// Its name.
    pub name: &'static str,
    /// What it takes for granted, as a phrase.
    pub says: String,
    /// Is it an approximation?
    pub approximation: bool,
    /// The values, by the names of the metrics.
    pub values: BTreeMap<&'static str, Value>,
}

impl Theory {
    fn new(name: &'static str, says: impl Into<String>) -> Self {
        Self {
            name,
            says: says.into(),
            approximation: false,
            values: BTreeMap::new(),
        }
    }

    fn is(mut self, metric: &'static str, value: f64) -> Self {
        self.values.insert(metric, Value::Is(value));
        self
    }
}

/// What theory says of a queue; or why nothing, in the words that go behind "no formula: ".
pub(super) fn of_queue(queue: &Queue) -> Result<Theory, String> {
    match queue.arrivals {
        Arrivals::Open { rate, .. } if rate * queue.work() >= f64::from(queue.servers()) => {
            Err("more arrives than can be served".into())
        }
        Arrivals::Open { rate, scv, poisson } => match queue.phases[..] {
            [phase] if queue.blocked == 0.0 => Ok(open(queue, rate, scv, poisson, phase)),
            _ => network(queue, rate, poisson),
        },
        Arrivals::Closed { clients, think } => closed(queue, clients, think),
    }
}

/// M/M/c, M/G/1, or about G/G/c.
fn open(queue: &Queue, rate: f64, gap_scv: f64, poisson: bool, phase: Service) -> Theory {
    let c = queue.servers();
    let Service {
        mean,
        scv,
        exponential,
    } = phase;
    let servers = match c {
        1 => "one server".to_owned(),
        c => format!("{c} servers"),
    };
    let (mut theory, wait) = if poisson && exponential {
        let says = format!("Poisson arrivals, exponential service, {servers}");
        let name = if c == 1 { "M/M/1" } else { "M/M/c (Erlang C)" };
        let percentile = |part| formula::latency_percentile_mmc(c, rate, mean, part);
        let theory = Theory::new(name, says)
            .is("delayed", formula::erlang_c(c, rate * mean))
            .is("latency.p50", percentile(0.5))
            .is("latency.p90", percentile(0.9))
            .is("latency.p95", percentile(0.95))
            .is("latency.p99", percentile(0.99))
            .is("latency.p999", percentile(0.999))
            .is("latency.p9999", percentile(0.9999));
        (theory, formula::wait_mmc(c, rate, mean))
    } else if poisson && c == 1 {
        let name = if scv == 0.0 {
            "M/D/1"
        } else {
            "M/G/1 (Pollaczek-Khinchine)"
        };
        let says =
            format!("Poisson arrivals, service with a squared variation of {scv:.4}, {servers}");
        let theory = Theory::new(name, says).is("delayed", rate * mean);
        (theory, formula::wait_mg1(rate, mean, scv))
    } else {
        let name = if poisson {
            "M/G/c (Allen-Cunneen)"
        } else {
            "G/G/c (Allen-Cunneen)"
        };
        let says = format!(
            "gaps with a squared variation of {gap_scv:.4}, service with {scv:.4}, {servers}; the \
             better the closer both are to 1 and the higher the load"
        );
        let mut theory = Theory::new(name, says);
        theory.approximation = true;
        (theory, formula::wait_ggc(c, rate, mean, gap_scv, scv))
    };
    // What waits, waits in the port's queue, unless more threads are let in than can compute.
    if queue.limit.min(queue.threads) <= queue.processors {
        theory = theory
            .is("depth.mean", rate * wait)
            .is("active.mean", rate * mean);
    }
    theory
        .is("wait.mean", wait)
        .is("latency.mean", wait + mean)
        .is("outstanding.mean", rate * (wait + mean))
        .is("throughput", rate)
        .is("utilisation", rate * mean / f64::from(queue.processors))
}

/// Workers that block between computations: a network of two nodes, the processors and the world
/// outside in which any number can be at once.
fn network(queue: &Queue, rate: f64, poisson: bool) -> Result<Theory, String> {
    let [first, ref others @ ..] = queue.phases[..] else {
        return Err("nothing is computed".into());
    };
    let alike = |phase: &Service| phase.exponential && phase.mean == first.mean;
    if !poisson || !alike(&first) || !others.iter().all(alike) {
        return Err(
            "workers block, and arrivals are not Poisson or computations not exponential and alike"
                .into(),
        );
    }
    let c = queue.processors;
    let visits = queue.phases.len() as f64;
    let wait = formula::wait_mmc(c, visits * rate, first.mean);
    let latency = visits * (wait + first.mean) + queue.blocked;
    let busy = rate * latency;
    // So many threads that fewer are enough but for one moment in many millions.
    let enough = busy + 6.0 * busy.sqrt() + 1.0;
    if f64::from(queue.threads) < enough {
        return Err(format!(
            "workers block, and {} threads are too few for one to be always free: {:.1} are busy on \
             average",
            queue.threads, busy
        ));
    }
    if f64::from(queue.limit) < enough {
        return Err(format!(
            "workers block, and with a limit of {} requests do not stand in one line: new ones wait at \
             the port, those that go on wait for a processor",
            queue.limit
        ));
    }
    let says = format!(
        "Poisson arrivals, {visits} exponential computations on {c} processors, blocked between \
         them, always a free thread"
    );
    Ok(Theory::new("Jackson network", says)
        .is("wait.mean", wait)
        .is("latency.mean", latency)
        .is("outstanding.mean", busy)
        .is("throughput", rate)
        .is("utilisation", visits * rate * first.mean / f64::from(c)))
}

/// Clients that wait for their reply.
fn closed(queue: &Queue, clients: u32, think: f64) -> Result<Theory, String> {
    let [phase] = queue.phases[..] else {
        return Err("clients wait for their replies, and workers block".into());
    };
    if queue.blocked > 0.0 {
        return Err("clients wait for their replies, and workers block".into());
    }
    let c = queue.servers();
    let at = |theory: Theory, closed: formula::Closed| {
        theory
            .is("throughput", closed.throughput)
            .is("latency.mean", closed.latency)
            .is("wait.mean", closed.latency - phase.mean)
            .is("outstanding.mean", closed.throughput * closed.latency)
            .is(
                "utilisation",
                closed.throughput * phase.mean / f64::from(queue.processors),
            )
    };
    if phase.exponential {
        let says = format!("{clients} clients, exponential service, {c} servers");
        let theory = Theory::new("M/M/c with a finite population", says);
        return Ok(at(
            theory,
            formula::finite_population(clients, think, c, phase.mean),
        ));
    }
    let bounds = formula::closed_bounds(clients, think, c, phase.mean);
    let says = format!("{clients} clients, {c} servers, whatever the laws are");
    let mut theory = Theory::new("asymptotic bounds", says);
    theory
        .values
        .insert("throughput", Value::AtMost(bounds.throughput));
    theory
        .values
        .insert("latency.mean", Value::AtLeast(bounds.latency));
    Ok(theory)
}

/// The laws that hold of any system that does not grow: what one of the simulated values must be, if
/// the others are right.
pub(super) fn laws(queue: Option<&Queue>, simulated: &BTreeMap<String, Interval>) -> Vec<Theory> {
    let mean = |metric: &str| {
        simulated
            .get(metric)
            .map_or(f64::NAN, |interval| interval.mean)
    };
    let throughput = mean("throughput");
    let mut laws = vec![
        Theory::new("Little's law", "outstanding requests over throughput")
            .is("latency.mean", mean("outstanding.mean") / throughput),
    ];
    if let Some(queue) = queue {
        let processors = f64::from(queue.processors);
        laws.push(
            Theory::new(
                "utilisation law",
                "throughput times what is computed for a request",
            )
            .is("utilisation", throughput * queue.work() / processors),
        );
        if let Arrivals::Closed { clients, think } = queue.arrivals {
            let latency = f64::from(clients) / throughput - think;
            laws.push(
                Theory::new(
                    "interactive law",
                    "clients over throughput, without thinking",
                )
                .is("latency.mean", latency),
            );
        }
    }
    laws
}
