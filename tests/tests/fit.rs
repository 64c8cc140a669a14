//! What is fitted to a recording is what was recorded: laws are recovered from simulated recordings,
//! and a fitted scenario predicts the latencies of real ones.

use iocp_model::Profile;
use iocp_scenarios::fit::{
    self, Fit,
    model::{Path, Phase},
};
use iocp_scheduler::{
    Law, Program, Run, Workload,
    run::Options,
    strategy::Random,
    trace::{Tracer, header},
};
use iocp_traces::{Event, Happening, Trace};
use serde_json::{Value, json};

const MS: f64 = 1e-3;
/// Requests of a simulated recording.
const REQUESTS: u32 = 10_000;

/// A run of the model in virtual time, as a recording.
fn record(workload: Value) -> Trace {
    let workload: Workload = serde_json::from_value(workload).expect("a workload");
    let program = Program::compile(&workload).unwrap_or_else(|error| panic!("{error}"));
    let profile = Profile::default();
    let options = Options {
        most_steps: 10_000_000,
        ..Options::default()
    };
    let mut run = Run::new(&program, profile.semantics, Random::new(11), options).expect("a run");
    let mut tracer = Tracer::new(&program, Vec::new(), false);
    run.finish(&mut tracer).expect("it runs");
    Trace {
        header: header(&program, profile.name, "random", 11),
        events: tracer.into_sink(),
    }
}

/// A server to which requests come after these gaps, and whose workers do this with each.
fn server(gap: Value, work: &[Value]) -> Value {
    let mut body = vec![
        json!({"call": "GetQueuedCompletionStatus", "port": "p"}),
        json!({"if": {"key": 0}, "do": [{"leave": "loop"}]}),
    ];
    body.extend_from_slice(work);
    json!({
        "name": "server",
        "machine": {"processors": 4},
        "port": [{"name": "p", "concurrency": 3}],
        "semaphore": [{"name": "connections", "count": 2, "maximum": 2}],
        "thread": [
            {"name": "source", "outside": true, "program": [{"repeat": REQUESTS, "do": [
                {"call": "Sleep", "for": gap},
                {"call": "PostQueuedCompletionStatus", "port": "p", "key": 1, "key_step": 1}]}]},
            {"name": "worker", "copies": 3, "program": [{"repeat": "forever", "do": body}]},
            {"name": "main", "program": [{"until": "source has ended"}, {"repeat": 3, "do": [
                {"call": "PostQueuedCompletionStatus", "port": "p", "key": 0}]}]},
        ]
    })
}

fn fitted(workload: Value) -> Fit {
    fit::fit(&[record(workload)]).unwrap_or_else(|error| panic!("{error}"))
}

/// The only way through the only workers.
fn path(fit: &Fit) -> &Path {
    let [workers] = fit.model.workers.as_slice() else {
        panic!("one pool of workers");
    };
    let [path] = workers.paths.as_slice() else {
        panic!("one way through them");
    };
    assert_eq!((workers.copies, workers.left_out), (3, 0));
    path
}

/// The law of the only phase.
fn service(law: Value) -> Law {
    let gap = json!({"law": "exponential", "mean": "2ms"});
    let fit = fitted(server(gap, &[json!({"compute": law})]));
    let path = path(&fit);
    assert_eq!(path.turns, REQUESTS as usize);
    match path.phases.as_slice() {
        [Phase::Computes { fitted }] => fitted.law.clone(),
        phases => panic!("{phases:?}"),
    }
}

/// Is it within so many standard errors, here as a share of the true value?
fn near(found: f64, truth: f64, standard_error: f64) {
    let off = (found / truth - 1.0).abs();
    // Three and a half of them: by chance in one of 2,000.
    assert!(
        off <= 3.5 * standard_error,
        "{found} for {truth}: {off} off, and a standard error is {standard_error}"
    );
}

fn root() -> f64 {
    f64::from(REQUESTS).sqrt()
}

#[test]
fn exponential_service_is_recovered() {
    let Law::Exponential { mean_ns } = service(json!({"law": "exponential", "mean": "3ms"})) else {
        panic!("another law");
    };
    near(mean_ns as f64, 3e6, 1.0 / root());
}

#[test]
fn log_normal_service_is_recovered() {
    let law = json!({"law": "log-normal", "mean": "2ms", "deviation": "2ms"});
    let Law::LogNormal {
        mean_ns,
        deviation_ns,
    } = service(law)
    else {
        panic!("another law");
    };
    // Of the logarithm, the variance is ln 2; mean and variance have the errors sigma / root n and
    // sigma^2 sqrt(2 / n). The mean's error follows by its derivatives, the deviation's too.
    let s2 = 2.0_f64.ln();
    near(mean_ns as f64, 2e6, (s2 + s2 * s2 / 2.0).sqrt() / root());
    near(
        deviation_ns as f64,
        2e6,
        (s2 + (1.5_f64).powi(2) * 2.0 * s2 * s2).sqrt() / root(),
    );
}

#[test]
fn pareto_service_is_recovered() {
    let law = json!({"law": "pareto", "mean": "2ms", "shape": 2.5});
    let Law::Pareto { mean_ns, shape } = service(law) else {
        panic!("another law");
    };
    near(shape, 2.5, 1.0 / root());
    // The mean is least * shape / (shape - 1): the shape's error over shape - 1.
    near(mean_ns as f64, 2e6, 1.0 / (1.5 * root()));
}

#[test]
fn constant_service_is_recovered() {
    assert_eq!(service(json!("1500us")), Law::Constant(1_500_000));
}

#[test]
fn erlang_service_is_recovered() {
    let law = json!({"law": "erlang", "mean": "4ms", "stages": 4});
    let Law::Erlang { mean_ns, stages } = service(law) else {
        panic!("another law");
    };
    // The error of the stages, by Fisher's information, is 1.9 %: less than one stage.
    assert_eq!(stages, 4);
    near(mean_ns as f64, 4e6, 0.5 / root());
}

#[test]
fn uniform_service_is_recovered() {
    let law = json!({"law": "uniform", "from": "1ms", "to": "3ms"});
    let Law::Uniform { from_ns, to_ns } = service(law) else {
        panic!("another law");
    };
    // The least of n values is 2 ms / n from the true bound, and as far from that at times.
    near(from_ns as f64, 1e6, 2.0 / f64::from(REQUESTS));
    near(to_ns as f64, 3e6, 2.0 / 3.0 / f64::from(REQUESTS));
}

#[test]
fn two_kinds_of_work_follow_no_law() {
    let values = json!({"law": "empirical", "values": ["1ms", "1ms", "1ms", "20ms"]});
    let Law::Empirical(values) = service(values) else {
        panic!("a law");
    };
    let long = values.iter().filter(|&&ns| ns == 20_000_000).count() as f64;
    near(long / values.len() as f64, 0.25, 1.8 / root());
}

#[test]
fn arrivals_at_random_are_recovered() {
    let gap = json!({"law": "exponential", "mean": "2ms"});
    let fit = fitted(server(gap, &[json!({"compute": "1ms"})]));
    let [arrivals] = fit.model.arrivals.as_slice() else {
        panic!("{:?}", fit.model.arrivals);
    };
    let Law::Exponential { mean_ns } = arrivals.gaps.fitted.law else {
        panic!("{:?}", arrivals.gaps);
    };
    near(mean_ns as f64, 2e6, 1.0 / root());
    // As many windows of ten arrivals as a tenth of the requests: the index has an error of
    // sqrt(2 / 1,000), and a little more as the windows are few arrivals long.
    near(arrivals.gaps.dispersion.expect("an index"), 1.0, 0.05);
    assert!(!arrivals.gaps.in_order());
}

#[test]
fn bursts_are_taken_in_order() {
    // 20 requests at once, then a rest.
    let mut gaps = vec![json!("100us"); 19];
    gaps.push(json!("60ms"));
    let gap = json!({"law": "sequence", "values": gaps});
    let fit = fitted(server(gap, &[json!({"compute": "1ms"})]));
    let gaps = &fit.model.arrivals[0].gaps;
    assert!(gaps.in_order(), "{gaps:?}");
    assert!(gaps.dispersion.expect("an index") > 3.0);
    let Law::Sequence(values) = &gaps.fitted.law else {
        panic!("no order");
    };
    assert_eq!(values.len(), REQUESTS as usize - 1);
    assert_eq!(values[18..20], [60_000_000, 100_000]);
}

#[test]
fn waits_split_the_work() {
    let gap = json!({"law": "exponential", "mean": "4ms"});
    let work = [
        json!({"compute": {"law": "erlang", "mean": "1ms", "stages": 3}}),
        json!({"call": "Sleep", "for": {"law": "exponential", "mean": "2ms"}}),
        json!({"compute": "500us"}),
        json!({"call": "WaitForSingleObject", "object": "connections"}),
        json!({"compute": {"law": "exponential", "mean": "1ms"}}),
        json!({"call": "ReleaseSemaphore", "object": "connections"}),
    ];
    let fit = fitted(server(gap, &work));
    let laws: Vec<String> = path(&fit)
        .phases
        .iter()
        .map(|phase| match phase {
            Phase::Computes { fitted } => format!("compute {}", kind(&fitted.law)),
            Phase::Blocks { on, fitted } => format!("{on} {}", kind(&fitted.law)),
            Phase::Waits { object } => format!("wait {object}"),
            Phase::Releases { object, .. } => format!("release {object}"),
            phase => panic!("{phase:?}"),
        })
        .collect();
    assert_eq!(
        laws,
        [
            "compute erlang",
            "Sleep exponential",
            "compute constant",
            "wait connections",
            "compute exponential",
            "release connections"
        ]
    );
    let [connections] = fit.model.objects.as_slice() else {
        panic!("{:?}", fit.model.objects);
    };
    assert_eq!((connections.count, connections.maximum), (2, 2));
    // Written, it is the same scenario.
    let read = iocp_scenarios::file::parse("fitted", &fit.text).expect("it reads");
    assert_eq!(read.workload, fit.workload);
}

fn kind(law: &Law) -> &'static str {
    match law {
        Law::Constant(_) => "constant",
        Law::Exponential { .. } => "exponential",
        Law::Erlang { .. } => "erlang",
        _ => "another",
    }
}

#[test]
fn clients_that_think_are_recovered() {
    let each = REQUESTS / 4;
    let client = |number: u32| {
        json!({"name": format!("client-{number}"), "outside": true, "program": [
            {"repeat": each, "do": [
                {"call": "PostQueuedCompletionStatus", "port": "p", "key": number},
                {"call": "GetQueuedCompletionStatus", "port": format!("replies-{number}")},
                {"call": "Sleep", "for": {"law": "exponential", "mean": "10ms"}}]}]})
    };
    let reply = |number: u32| {
        json!({"if": {"key": number}, "do": [
            {"call": "PostQueuedCompletionStatus", "port": format!("replies-{number}"), "key": 9}]})
    };
    let mut threads: Vec<Value> = (1..=4).map(client).collect();
    let mut body = vec![
        json!({"call": "GetQueuedCompletionStatus", "port": "p"}),
        json!({"compute": {"law": "exponential", "mean": "3ms"}}),
    ];
    body.extend((1..=4).map(reply));
    threads.push(json!({"name": "worker", "copies": 2, "program": [
        {"repeat": "forever", "do": body}]}));
    let mut ports = vec![json!({"name": "p", "concurrency": 2})];
    ports.extend(
        (1..=4).map(|number| json!({"name": format!("replies-{number}"), "concurrency": 1})),
    );
    let fit = fitted(json!({
        "name": "closed", "machine": {"processors": 8}, "port": ports, "thread": threads,
    }));
    let [clients] = fit.model.clients.as_slice() else {
        panic!("{:?}", fit.model.clients);
    };
    assert_eq!((clients.copies, clients.reply.as_str()), (4, "replies"));
    let Some(Law::Exponential { mean_ns }) = clients.think.as_ref().map(|think| &think.law) else {
        panic!("{clients:?}");
    };
    near(*mean_ns as f64, 1e7, 1.0 / root());
    assert!(fit.model.arrivals.is_empty());
    assert_eq!(fit.model.ports.len(), 2);
    // And simulated it is as it was recorded.
    let compared = fit::compare::compare(&fit, Profile::default().semantics).expect("it simulates");
    assert!(compared.throughput.error().abs() < 0.03, "{compared:?}");
    assert!(compared.latency_p50.error().abs() < 0.05, "{compared:?}");
    assert!(compared.latency_p99.error().abs() < 0.08, "{compared:?}");
}

#[test]
fn two_ways_through_a_worker_are_told_apart() {
    let gap = json!({"law": "exponential", "mean": "4ms"});
    let work = [
        json!({"compute": "1ms"}),
        json!({"if": {"counter": "odd", "equals": 1}, "do": [
            {"add": -1, "counter": "odd"},
            {"call": "Sleep", "for": "3ms"}
        ], "else": [{"add": 1, "counter": "odd"}]}),
    ];
    let mut workload = server(gap, &work);
    workload["counter"] = json!([{"name": "odd"}]);
    let fit = fitted(workload);
    let paths = &fit.model.workers[0].paths;
    assert_eq!(paths.len(), 2);
    assert_eq!(
        paths.iter().map(|path| path.turns).sum::<usize>(),
        REQUESTS as usize
    );
    assert_eq!(fit.model.arrivals.len(), 2);
    let seconds = fit.model.recordings[0].seconds;
    let rate: f64 = fit
        .model
        .arrivals
        .iter()
        .map(|one| 1.0 / one.gaps.fitted.mean)
        .sum();
    near(rate, f64::from(REQUESTS) / seconds, 0.1 * MS);
}

#[test]
fn what_cannot_be_fitted_is_told() {
    let told = |trace: &Trace| {
        fit::fit(std::slice::from_ref(trace))
            .expect_err("no fit")
            .sentence
    };
    let gap = json!("1ms");
    let mut trace = record(server(gap, &[json!({"compute": "1ms"})]));
    // What does not belong together.
    let other = record(server(json!("2ms"), &[json!({"compute": "1ms"})]));
    for (second, says) in [
        (&other, "or of another version of it"),
        (&trace, "is named twice"),
    ] {
        let error = fit::fit(&[trace.clone(), second.clone()]).expect_err("no fit");
        assert!(error.sentence.contains(says), "{error}");
        assert_eq!(error.recording, Some(1));
    }
    let whole = trace.events.clone();
    trace.events.truncate(1);
    assert!(told(&trace).contains("no requests"), "{}", told(&trace));
    trace.events.clear();
    assert!(told(&trace).contains("no calls at all"), "{}", told(&trace));
    // One request has no gap.
    let mut one = record(server(json!("9ms"), &[json!({"compute": "1ms"})]));
    let post = |event: &Event| matches!(&event.what, Happening::Begin { call, .. } if call == "PostQueuedCompletionStatus");
    let posts: Vec<_> = (0..one.events.len())
        .filter(|&at| post(&one.events[at]))
        .collect();
    one.events.truncate(posts[1]);
    assert!(told(&one).contains("nobody sends two"), "{}", told(&one));
    // Few requests tell no law, and that is said.
    trace.events = whole;
    trace.events.truncate(60);
    let fit = fit::fit(&[trace]).expect("a fit");
    assert!(fit.model.arrivals[0].gaps.fitted.values < fit::sample::FEWEST);
    assert!(fit.text.contains("Record more."), "{}", fit.text);
}

/// How far what is simulated is off what was recorded under Wine, in percent: throughput, p50 and
/// p99 of the latency. The book's page has the same table.
const ERRORS: &[(&str, [f64; 3])] = &[
    ("load-open-20", [0.0, 0.4, -2.0]),
    ("load-open-40", [0.0, 0.0, -1.8]),
    ("load-open-60", [-0.1, -7.8, 1.6]),
    ("load-open-75", [0.0, -1.6, 10.8]),
    ("load-open-85", [0.0, 2.8, 16.8]),
];

#[test]
fn recordings_of_wine_are_predicted() {
    let wine = Profile::find("wine-8").expect("a profile");
    let mut found = Vec::new();
    for (scenario, _) in ERRORS {
        let name = format!("{scenario}--wine-8.0--1.jsonl.gz");
        let (_, bytes) = iocp_scenarios::recordings::all()
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("no recording {name}"));
        let trace = Trace::read(*bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let fit = fit::fit(&[trace]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let compared = fit::compare::compare(&fit, wine.semantics).expect("it simulates");
        let pairs = [
            compared.throughput,
            compared.latency_p50,
            compared.latency_p99,
        ];
        // To a tenth of a percent, as the command shows them.
        let errors = pairs.map(|pair| (pair.error() * 1_000.0).round() / 10.0);
        assert!(
            errors.iter().all(|error| error.abs() <= 20.0),
            "{name}: {errors:?}"
        );
        found.push((*scenario, errors));
    }
    assert_eq!(found, ERRORS);
}
