//! The fitted scenario as a file: each number with what it is from.

use super::{
    gaps::Gaps,
    model::{Arrivals, Clients, Model, Path, Phase, Workers},
    sample::{FEWEST, Fitted},
};
use crate::{file::to_toml, unit::by_thousands};
use iocp_scheduler::{Law, Workload};

/// The columns of a comment.
const WIDTH: usize = 98;

/// What is said of a port whose limit nobody knows.
const NO_LIMIT: &str = "No limit is known for this port; 0 is as many as there are processors.";

/// The text of the scenario file.
pub(super) fn write(model: &Model, workload: &Workload) -> String {
    let mut out = comment(&head(model));
    let mut threads = threads(model).into_iter();
    let mut ports = model.ports.iter();
    for line in to_toml(workload).lines() {
        let sentences = match line {
            "[machine]" => machine(model),
            "[[port]]" => match ports.next() {
                Some(port) if !port.known => vec![NO_LIMIT.to_owned()],
                _ => Vec::new(),
            },
            "[[thread]]" => threads.next().unwrap_or_default(),
            _ => Vec::new(),
        };
        out += &comment(&sentences);
        out += line;
        out.push('\n');
    }
    out
}

fn comment(sentences: &[String]) -> String {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent("# ")
        .subsequent_indent("# ")
        .break_words(false);
    sentences
        .iter()
        .map(|sentence| textwrap::fill(sentence, &options) + "\n")
        .collect()
}

pub(super) fn head(model: &Model) -> Vec<String> {
    let count = model.recordings.len();
    let mut sentences = vec![format!(
        "Fitted by `iocp fit` from {} of {} by {}.",
        match count {
            1 => "a recording".to_owned(),
            _ => format!("{count} recordings"),
        },
        model.scenario,
        model.producer,
    )];
    sentences.extend(model.recordings.iter().map(|one| {
        format!(
            "There {} requests were over in {}, {:.1} a second; they took {} on average, half of \
             them at most {}, 99 of 100 at most {}.",
            thousands(one.requests),
            time(one.seconds * 1e9),
            one.throughput,
            time(one.latency_mean * 1e9),
            time(one.latency_p50 * 1e9),
            time(one.latency_p99 * 1e9),
        )
    }));
    sentences
}

fn machine(model: &Model) -> Vec<String> {
    if model.wake_ns == 0 {
        return Vec::new();
    }
    vec![format!(
        "wake: the median of {} dequeues that waited while a processor was free, from the post to \
         the return, less what a dequeue takes at once.",
        thousands(model.wake_values)
    )]
}

/// The sentences before each thread, in the order of the workload.
fn threads(model: &Model) -> Vec<Vec<String>> {
    let arrivals = model.arrivals.iter().map(of_arrivals);
    let clients = model.clients.iter().map(of_clients);
    let workers = model.workers.iter().map(of_workers);
    arrivals.chain(clients).chain(workers).collect()
}

pub(super) fn of_arrivals(arrivals: &Arrivals) -> Vec<String> {
    let Gaps {
        fitted,
        dispersion,
        lag_1,
        p_independent,
    } = &arrivals.gaps;
    let mut sentences = vec![format!(
        "Requests to {}: {}",
        arrivals.port,
        of_fitted(fitted, "gaps")
    )];
    if let (Some(lag_1), Some(p)) = (lag_1, p_independent) {
        let dispersion = dispersion.map_or(String::new(), |index| {
            format!("index of dispersion {index:.2} in windows of ten mean gaps; ")
        });
        sentences.push(format!(
            "Their order: {dispersion}correlation with the next gap {lag_1:.2}; Ljung-Box over ten \
             gaps, p {}.",
            probability(*p)
        ));
    }
    sentences
}

pub(super) fn of_clients(clients: &Clients) -> Vec<String> {
    vec![match &clients.think {
        Some(think) => format!(
            "Clients, from a reply to the next request: {}",
            of_fitted(think, "values")
        ),
        None => "Clients send the next request as soon as they have the reply.".into(),
    }]
}

fn of_workers(workers: &Workers) -> Vec<String> {
    let mut sentences = Vec::new();
    for path in &workers.paths {
        if workers.paths.len() > 1 {
            sentences.push(format!(
                "Packets of key {}: {} turns.",
                path.key,
                thousands(path.turns)
            ));
        }
        sentences.extend(of_path(path));
    }
    if workers.left_out > 0 {
        sentences.push(format!(
            "{} turns took another way and are left out.",
            thousands(workers.left_out)
        ));
    }
    sentences
}

fn of_path(path: &Path) -> Vec<String> {
    let phases = path.phases.iter();
    phases.filter_map(|phase| of_phase(path, phase)).collect()
}

pub(super) fn of_phase(path: &Path, phase: &Phase) -> Option<String> {
    match phase {
        Phase::Calls { ns } => Some(format!(
            "The calls themselves: {} a turn, the median of {} turns.",
            time(*ns as f64),
            thousands(path.turns)
        )),
        Phase::Computes { fitted } => Some(format!("Computing: {}", of_fitted(fitted, "values"))),
        Phase::Blocks { on, fitted } if on == "Sleep" => Some(format!(
            "Asleep, less wake: {}",
            of_fitted(fitted, "values")
        )),
        Phase::Blocks { on, fitted } => Some(format!(
            "Blocked on {on}, which no worker here gives: {}",
            of_fitted(fitted, "values")
        )),
        Phase::Waits { .. }
        | Phase::Releases { .. }
        | Phase::Posts { .. }
        | Phase::Takes { .. } => None,
    }
}

/// "3,500 values, mean 5.01 ms, squared coefficient of variation 0.25: log-normal …; why."
fn of_fitted(fitted: &Fitted, what: &str) -> String {
    let mut sentence = format!(
        "{} {what}, mean {}, squared coefficient of variation {:.3}: {}; {}.",
        thousands(fitted.values),
        time(fitted.mean * 1e9),
        fitted.scv,
        name(&fitted.law),
        fitted.why
    );
    if let (Some(distance), Some(p)) = (fitted.distance, fitted.p) {
        sentence += &format!(
            " Kolmogorov-Smirnov distance {distance:.4}, p {}.",
            probability(p)
        );
    }
    if let [_, second, ..] = fitted.tried.as_slice() {
        sentence += &format!(
            " The next best, {}, has a BIC that is {:.0} greater.",
            second.law, second.bic_above_best
        );
    }
    if fitted.values < FEWEST {
        sentence += " Record more.";
    }
    sentence
}

fn name(law: &Law) -> &'static str {
    match law {
        Law::Constant(_) => "constant",
        Law::Exponential { .. } => "exponential",
        Law::Uniform { .. } => "uniform",
        Law::LogNormal { .. } => "log-normal",
        Law::Pareto { .. } => "Pareto",
        Law::Erlang { .. } => "Erlang",
        Law::Empirical(_) => "the values themselves",
        Law::Sequence(_) => "in sequence",
    }
}

fn probability(p: f64) -> String {
    match p < 0.001 {
        true => "below 0.001".into(),
        false => format!("{p:.3}"),
    }
}

/// "5.012 ms".
pub(crate) fn time(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "us"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    let digits = match value {
        value if value < 10.0 => 2,
        value if value < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}

/// "3,500".
fn thousands(count: usize) -> String {
    by_thousands(&count.to_string())
}
