//! The simulation agrees with queueing theory where theory has an answer, and with the laws of
//! conservation everywhere.
//!
//! How often is the true value in the 99 % interval? Of 100 seeds, 99 times on average; fewer than 95
//! times by chance in one of two thousand tests. That is asked of seeds 0 to 99 where the compiler
//! optimises (`cargo test --release -p iocp-tests --test queueing`), and of a few seeds elsewhere.
//! The true values are computed here by hand, apart from the formulas that `iocp simulate` shows; and
//! those must say the same.

use iocp_model::Semantics;
use iocp_scenarios::{
    file,
    study::{self, Estimate, Precision, Value},
};
use std::{
    env, fs,
    ops::Range,
    path::Path,
    sync::{Mutex, PoisonError},
    thread,
};

/// The scenario: Poisson arrivals of this rate, workers that do this for each, and the machine.
fn open(rate: f64, limit: u32, threads: u32, processors: u32, work: &str) -> String {
    let gap = (1e9 / rate).round();
    format!(
        r#"
name = "open"
machine = {{ processors = {processors} }}
port = [{{ name = "p", concurrency = {limit} }}]

[[thread]]
name = "arrivals"
outside = true
program = [{{ repeat = "forever", do = [
  {{ call = "Sleep", for = {{ law = "exponential", mean = "{gap}ns" }} }},
  {{ call = "PostQueuedCompletionStatus", port = "p" }},
] }}]

[[thread]]
name = "worker"
copies = {threads}
program = [{{ repeat = "forever", do = [
  {{ call = "GetQueuedCompletionStatus", port = "p" }},
  {work},
] }}]
"#
    )
}

/// The scenario: clients that think for 5 s on average and wait for the reply, two workers that need
/// 1 s on average.
fn closed(clients: u32) -> String {
    format!(
        r#"
name = "closed"
machine = {{ processors = 2 }}
port = [{{ name = "p", concurrency = 2 }}, {{ name = "replies", concurrency = {clients} }}]

[[thread]]
name = "client"
copies = {clients}
outside = true
program = [{{ repeat = "forever", do = [
  {{ call = "Sleep", for = {{ law = "erlang", mean = "5s", stages = 2 }} }},
  {{ call = "PostQueuedCompletionStatus", port = "p" }},
  {{ call = "GetQueuedCompletionStatus", port = "replies" }},
] }}]

[[thread]]
name = "worker"
copies = 2
program = [{{ repeat = "forever", do = [
  {{ call = "GetQueuedCompletionStatus", port = "p" }},
  {EXPONENTIAL},
  {{ call = "PostQueuedCompletionStatus", port = "replies" }},
] }}]
"#
    )
}

const EXPONENTIAL: &str = r#"{ compute = { law = "exponential", mean = "1s" } }"#;

fn estimate(scenario: &str, seed: u64, requests: u64) -> Estimate {
    let program = file::parse("queue", scenario)
        .unwrap_or_else(|error| panic!("{error}"))
        .program;
    let precision = Precision {
        confidence: 0.99,
        requests,
        least: 10,
        most: 10,
        seed,
        ..Precision::default()
    };
    let mut run = study::one_by_one(&program, Semantics::WINDOWS);
    study::estimate(&program, &precision, &mut run, &mut |_| {})
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The estimates of these seeds, on two threads.
fn estimates(scenario: &str, seeds: Range<u64>, requests: u64) -> Vec<Estimate> {
    let middle = seeds.start.midpoint(seeds.end);
    let half = |seeds: Range<u64>| -> Vec<_> {
        seeds
            .map(|seed| estimate(scenario, seed, requests))
            .collect()
    };
    thread::scope(|scope| {
        let second = scope.spawn(|| half(middle..seeds.end));
        let mut all = half(seeds.start..middle);
        all.extend(second.join().expect("no test fails there"));
        all
    })
}

/// A queue whose truth is known.
struct Case {
    name: &'static str,
    scenario: String,
    /// How many requests a replication needs for its mean to be nearly normal.
    requests: u64,
    truth: Vec<(&'static str, f64)>,
}

impl Case {
    /// Of each metric: in how many of the estimates is the truth in the interval?
    fn inside(&self, seeds: Range<u64>, requests: u64) -> Vec<(&'static str, usize)> {
        let estimates = estimates(&self.scenario, seeds, requests);
        for estimate in &estimates {
            self.formulas_agree(estimate);
        }
        let inside = |metric: &str, truth: f64| {
            let intervals = estimates.iter().map(|estimate| estimate.metrics[metric]);
            intervals
                .filter(|interval| interval.contains(truth))
                .count()
        };
        let truth = self.truth.iter();
        truth
            .map(|&(metric, truth)| (metric, inside(metric, truth)))
            .collect()
    }

    /// What `iocp simulate` shows beside the simulated value is the truth, too.
    fn formulas_agree(&self, estimate: &Estimate) {
        assert_eq!(estimate.no_formula, None, "{}", self.name);
        for &(metric, truth) in &self.truth {
            if let Some(Value::Is(said)) = estimate.theory[0].values.get(metric) {
                let error = (said / truth - 1.0).abs();
                assert!(error < 1e-6, "{}: {metric}: {said}, not {truth}", self.name);
            }
        }
    }

    fn holds_for_a_few_seeds(&self) {
        for (metric, inside) in self.inside(0..4, 2_000) {
            assert!(inside >= 3, "{}: {metric}: {inside} of 4", self.name);
        }
    }

    fn holds_for_a_hundred_seeds(&self) {
        for (metric, inside) in self.inside(0..100, self.requests) {
            assert!(inside >= 95, "{}: {metric}: {inside} of 100", self.name);
            let truth = self.truth.iter().find(|(known, _)| *known == metric);
            let truth = truth.map_or(f64::NAN, |(_, truth)| *truth);
            let row = format!("| {} | `{metric}` |", self.name);
            assert_in_the_book(&row, &format!("{row} {truth:.4} | {inside} |"));
        }
    }
}

/// The book's table has this line; with UPDATE_BOOK it gets it, in place of the one that begins so.
fn assert_in_the_book(begin: &str, line: &str) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../book/src/how-far-to-trust-a-simulation.md");
    let text = fs::read_to_string(&path).expect("the page is there");
    if text.lines().any(|known| known == line) {
        return;
    }
    let updates = env::var_os("UPDATE_BOOK").is_some();
    assert!(
        updates,
        "the page lacks the line\n{line}\nUPDATE_BOOK=1 writes it"
    );
    let kept = text.lines().filter(|known| !known.starts_with(begin));
    let mut lines: Vec<_> = kept.collect();
    let head = lines.iter().position(|known| known.starts_with("|---"));
    let head = head.expect("the page has a table") + 1;
    let place = lines[head..]
        .iter()
        .position(|known| known.is_empty() || *known > line);
    lines.insert(head + place.expect("the table has an end"), line);
    fs::write(&path, lines.join("\n") + "\n").expect("the page can be written");
}

/// The states of M/M/c by their balance equations, summed by hand: mean wait and the probability to
/// wait, for a mean service of one second.
fn m_m_c(servers: u32, rate: f64) -> (f64, f64) {
    let c = f64::from(servers);
    let (mut weight, mut all, mut full, mut queued) = (1.0, 0.0, 0.0, 0.0);
    for at in 0..4000 {
        all += weight;
        if at >= servers {
            full += weight;
            queued += weight * f64::from(at - servers);
        }
        weight *= rate / f64::from(at + 1).min(c);
    }
    (queued / all / rate, full / all)
}

fn m_m_c_case(name: &'static str, shape: [u32; 3], rate: f64, servers: u32) -> Case {
    let [limit, threads, processors] = shape;
    let (wait, delayed) = m_m_c(servers, rate);
    Case {
        name,
        scenario: open(rate, limit, threads, processors, EXPONENTIAL),
        requests: 10_000,
        truth: vec![
            ("wait.mean", wait),
            ("delayed", delayed),
            ("latency.mean", wait + 1.0),
            ("throughput", rate),
            ("outstanding.mean", rate * (wait + 1.0)),
            ("utilisation", rate / f64::from(processors)),
        ],
    }
}

/// M/G/1 by Pollaczek and Khinchine, for a mean service of one second.
fn m_g_1_case(name: &'static str, rate: f64, work: &str, scv: f64, requests: u64) -> Case {
    let wait = rate * (1.0 + scv) / 2.0 / (1.0 - rate);
    Case {
        name,
        scenario: open(rate, 1, 1, 1, work),
        requests,
        truth: vec![
            ("wait.mean", wait),
            ("latency.mean", wait + 1.0),
            ("depth.mean", rate * wait),
            ("utilisation", rate),
        ],
    }
}

macro_rules! cases {
    ($($name:ident: $case:expr;)+) => {
        mod a_few_seeds {
            use super::*;
            $(#[test]
            fn $name() {
                $case.holds_for_a_few_seeds();
            })+
        }

        mod a_hundred_seeds {
            use super::*;
            $(#[test]
            #[cfg_attr(debug_assertions, ignore = "slow without optimisation")]
            fn $name() {
                $case.holds_for_a_hundred_seeds();
            })+
        }
    };
}

cases! {
    m_m_1: {
        let mut case = m_m_c_case("M/M/1", [1, 1, 1], 0.7, 1);
        // The latency is exponential, and its percentiles are as easy.
        let rate: f64 = 0.3;
        case.truth.push(("latency.p50", 2.0_f64.ln() / rate));
        case.truth.push(("latency.p99", 100.0_f64.ln() / rate));
        case
    };
    m_m_4: m_m_c_case("M/M/4", [4, 4, 4], 3.2, 4);
    limit_2_of_8_threads: m_m_c_case("limit 2, 8 threads", [2, 8, 4], 1.5, 2);
    threads_2_of_limit_8: m_m_c_case("limit 8, 2 threads", [8, 2, 4], 1.5, 2);
    processors_2_of_limit_8: m_m_c_case("limit 8, 2 processors", [8, 8, 2], 1.5, 2);
    m_d_1: m_g_1_case("M/D/1", 0.7, r#"{ compute = "1s" }"#, 0.0, 10_000);
    m_g_1: m_g_1_case(
        "M/G/1, log-normal",
        0.5,
        r#"{ compute = { law = "log-normal", mean = "1s", deviation = "1500ms" } }"#,
        2.25,
        20_000,
    );
    clients: {
        // The states of two servers and ten clients, by their balance equations.
        let (mut weight, mut all, mut served) = (1.0, 0.0, 0.0);
        for at in 0..=10 {
            all += weight;
            served += weight * f64::from(at).min(2.0);
            weight *= f64::from(10 - at) / 5.0 / f64::from(at + 1).min(2.0);
        }
        let throughput = served / all;
        Case {
            name: "10 clients, 2 servers",
            scenario: closed(10),
            requests: 10_000,
            truth: vec![
                ("throughput", throughput),
                ("latency.mean", 10.0 / throughput - 5.0),
                ("utilisation", throughput / 2.0),
            ],
        }
    };
    blocking: {
        // A Jackson network, if all stand in one line, that for the processors: so the port has no
        // limit to speak of. They are M/M/4 with twice the arrivals, each half as long.
        let (wait, _) = m_m_c(4, 3.2);
        let wait = wait / 2.0;
        let work = r#"{ compute = { law = "exponential", mean = "500ms" } },
  { call = "Sleep", for = { law = "exponential", mean = "5s" } },
  { compute = { law = "exponential", mean = "500ms" } }"#;
        Case {
            name: "M/M/4 and blocking",
            scenario: open(3.2, 128, 128, 4, work),
            requests: 10_000,
            truth: vec![
                ("wait.mean", wait),
                ("latency.mean", 2.0 * wait + 6.0),
                ("utilisation", 0.8),
            ],
        }
    };
}

/// Where no formula applies, what comes in goes out, and the sums are right: Little's law, the
/// utilisation law and flow balance. In a run that ends they hold but for the requests at its two
/// ends: one per cent of 20,000 is far more than those.
#[test]
fn conservation_laws_hold_where_workers_block() {
    let work = r#"{ compute = { law = "uniform", from = "100ms", to = "300ms" } },
  { call = "Sleep", for = { law = "log-normal", mean = "1s", deviation = "1s" } },
  { compute = { law = "erlang", mean = "200ms", stages = 2 } }"#;
    for limit in 1..=4 {
        let estimate = estimate(&open(2.5, limit, 6, 2, work), 0, 20_000);
        assert!(estimate.stable, "{:?}", estimate.warnings);
        assert!(estimate.no_formula.is_some());
        let mean = |metric: &str| estimate.metrics[metric].mean;
        let mut laws = vec![("flow balance", mean("throughput"), 2.5)];
        for law in &estimate.theory {
            for (metric, value) in &law.values {
                let Value::Is(value) = *value else { continue };
                laws.push((law.name, mean(metric), value));
            }
        }
        assert_eq!(laws.len(), 3);
        for (name, simulated, law) in laws {
            let error = (simulated / law - 1.0).abs();
            assert!(
                error < 0.01,
                "limit {limit}: {name}: {simulated}, not {law}"
            );
        }
    }
}

/// The interactive law: clients are thinking or waiting, and nowhere else.
#[test]
fn the_interactive_law_holds() {
    for clients in [1, 5, 50] {
        let estimate = estimate(&closed(clients), 0, 10_000);
        let mean = |metric: &str| estimate.metrics[metric].mean;
        let there = mean("throughput") * (mean("latency.mean") + 5.0);
        let error = (there / f64::from(clients) - 1.0).abs();
        assert!(error < 0.01, "{clients} clients: {there}");
    }
}

/// An overloaded server is called unstable, and one at nine tenths is not.
#[test]
fn only_an_unstable_server_is_called_so() {
    for (rate, stable) in [(0.9, true), (1.0, false), (1.2, false)] {
        let estimate = estimate(&open(rate, 1, 1, 1, EXPONENTIAL), 0, 20_000);
        assert_eq!(estimate.stable, stable, "{rate}: {:?}", estimate.warnings);
    }
    // Without a formula that says so: a worker that does more than a formula knows.
    let work = r#"{ if = { key = 0 }, do = [{ compute = "1s" }] }"#;
    for (rate, stable) in [(0.9, true), (1.2, false)] {
        let estimate = estimate(&open(rate, 1, 1, 1, work), 0, 20_000);
        assert!(estimate.no_formula.is_some());
        assert_eq!(estimate.stable, stable, "{rate}: {:?}", estimate.warnings);
    }
}

/// The same seed gives the same estimate, whoever runs the replications in whatever order.
#[test]
fn the_order_of_replications_changes_nothing() {
    let program = file::parse("queue", &open(3.2, 4, 4, 4, EXPONENTIAL))
        .expect("a scenario")
        .program;
    let precision = Precision {
        requests: 2_000,
        relative: 0.01,
        most: 40,
        ..Precision::default()
    };
    let mut run = study::one_by_one(&program, Semantics::WINDOWS);
    let forwards = study::estimate(&program, &precision, &mut run, &mut |_| {});
    let mut backwards = |settings: &[_]| {
        let reversed: Vec<_> = settings.iter().cloned().rev().collect();
        let mut all = study::one_by_one(&program, Semantics::WINDOWS)(&reversed);
        all.reverse();
        all
    };
    let backwards = study::estimate(&program, &precision, &mut backwards, &mut |_| {});
    let (forwards, backwards) = (
        forwards.expect("an estimate"),
        backwards.expect("an estimate"),
    );
    assert!(forwards.replications > 10, "{}", forwards.replications);
    assert_eq!(forwards.metrics, backwards.metrics);
    assert_eq!(forwards.latency, backwards.latency);
}
