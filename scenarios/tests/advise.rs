//! `iocp advise` where the answer is known: from Erlang's formula, from Little's law, from a program
//! that blocks itself.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use iocp_scenarios::{
    advise::{Advice, AdviseError, Finding, Hazard, Pool, Question, Verdict, advise},
    catalogue,
    file::parse,
    study::formula::wait_mmc,
};
use iocp_scheduler::{Program, Workload, simulate::simulate};
use serde_json::Value;
use std::process::Command;

fn workload(text: &str) -> Workload {
    let scenario = parse("test", text);
    scenario
        .unwrap_or_else(|error| panic!("{error}\n{}", error.help()))
        .workload
}

fn question(objectives: &[&str]) -> Question {
    let objectives = objectives.iter().map(|text| text.parse().unwrap());
    Question {
        requests: 10_000,
        threads: 1..=16,
        limits: 1..=16,
        ..Question::new(objectives.collect())
    }
}

fn ask(workload: &Workload, question: &Question) -> Result<Advice, AdviseError> {
    let semantics = question.kernel.semantics();
    let mut run = |program: &Program, all: &[_]| {
        let all = all.iter();
        all.map(|it| simulate(program, semantics, it)).collect()
    };
    advise(workload, question, &mut run, &mut |_| {})
}

/// Requests of exponential gaps, so many a second, and workers that do this with each.
fn server(processors: u32, rate: f64, threads: u32, work: &str) -> Workload {
    workload(&format!(
        r#"
name = "server"
machine = {{ processors = {processors} }}
port = [{{ name = "p", concurrency = {processors} }}]
event = [{{ name = "part" }}]

[[thread]]
name = "clients"
outside = true
program = [{{ repeat = "forever", do = [
  {{ call = "Sleep", for = {{ law = "exponential", mean = "{}ns" }} }},
  {{ call = "PostQueuedCompletionStatus", port = "p", key = 1 }},
] }}]

[[thread]]
name = "worker"
copies = {threads}
program = [{{ repeat = "forever", do = [
  {{ call = "GetQueuedCompletionStatus", port = "p" }},
  {work}
] }}]
"#,
        (1e9 / rate).round()
    ))
}

/// M/M/c on eight processors: the least c whose mean wait is below the bound follows from Erlang C,
/// and as many threads and as high a limit are what is advised.
#[test]
fn the_least_servers_are_those_of_erlang() {
    let work = r#"{ compute = { law = "exponential", mean = "1s" } },"#;
    let server = server(8, 3.2, 16, work);
    // Waits of 0.75 s, 0.20 s and 0.06 s with four, five and six servers.
    for bound_s in [1.5, 0.4, 0.1] {
        let least = (4..=8).find(|&c| wait_mmc(c, 3.2, 1.0) < bound_s).unwrap();
        let advice = ask(&server, &question(&[&format!("wait.mean<{bound_s}s")])).unwrap();
        let smallest = advice.smallest.unwrap();
        let pool = Pool {
            threads: least,
            limit: least,
        };
        assert_eq!(smallest.pool, pool, "{bound_s}");
        // The bound of the interval decides, and theory is within it.
        let wait = smallest.metrics["wait.mean"];
        assert!(wait.high <= bound_s);
        assert!(wait.contains(wait_mmc(least, 3.2, 1.0)), "{wait:?}");
        assert_eq!(advice.one_less.unwrap().pool.threads, least - 1);
        // With c servers theory breaks at the rate at which Erlang's wait is the bound.
        let holds = advice.holds.unwrap();
        assert!(wait_mmc(least, holds.up_to, 1.0) < 1.1 * bound_s);
        assert!(
            holds.not_at >= f64::from(least) || wait_mmc(least, holds.not_at, 1.0) > 0.9 * bound_s
        );
    }
}

/// Requests that block for 90 ms of their 100: by Little's law more than five threads are needed,
/// though only a tenth of that computes: the limit can be low, and the pool cannot.
#[test]
fn blocking_needs_threads_rather_than_a_limit() {
    let work = r#"{ compute = { law = "exponential", mean = "10ms" } },
  { call = "Sleep", for = { law = "exponential", mean = "90ms" } },"#;
    let server = server(2, 50.0, 4, work);
    let advice = ask(&server, &question(&["p99<600ms", "throughput>45"])).unwrap();
    let smallest = advice.smallest.as_ref().unwrap();
    assert!(smallest.pool.threads > 5, "{:?}", smallest.pool);
    assert!(smallest.pool.threads <= 12, "{:?}", smallest.pool);
    assert!(smallest.pool.limit <= 2, "{:?}", smallest.pool);
    for (name, trial) in &advice.defaults {
        assert_eq!(trial.verdict, Verdict::Fails, "{name}: too few threads");
        assert!(!trial.stable, "{name}");
    }
    let libuv = advice
        .defaults
        .iter()
        .find(|(name, _)| name.contains("libuv"));
    assert_eq!(libuv.unwrap().1.pool.threads, 1);
    let reason = |kind: &str| advice.reasons.iter().find(|it| it.kind == kind).unwrap();
    assert!((reason("processors").share - 0.25).abs() < 0.02);
    let harmless = |kind: Hazard| {
        let mut risks = advice.risks.iter();
        let risk = risks.find(|risk| risk.kind == kind).unwrap();
        assert!(matches!(risk.found, Finding::Never { .. }), "{risk:?}");
    };
    harmless(Hazard::Deadlock);
    harmless(Hazard::Packet);
}

/// A request posts a part of itself to the same port and waits for it. If all threads do so at once,
/// nobody is left for the parts.
#[test]
fn a_deadlock_is_found_in_the_small_version() {
    let server = server(
        2,
        20.0,
        8,
        r#"{ if = { key = 1 }, do = [
    { compute = "1ms" },
    { call = "PostQueuedCompletionStatus", port = "p", key = 2 },
    { call = "WaitForSingleObject", object = "part" },
  ], else = [
    { compute = "1ms" },
    { call = "SetEvent", object = "part" },
  ] },"#,
    );
    let advice = ask(&server, &question(&["p99<50ms"])).unwrap();
    // One thread waits for itself; seldom do two.
    assert!(advice.smallest.as_ref().unwrap().pool.threads >= 2);
    let deadlock = advice
        .risks
        .iter()
        .find(|risk| risk.kind == Hazard::Deadlock);
    let deadlock = deadlock.unwrap();
    assert!(
        matches!(deadlock.found, Finding::Happens { .. }),
        "{deadlock:?}"
    );
    assert!(
        deadlock.says.contains("WaitForSingleObject"),
        "{}",
        deadlock.says
    );
    // The small version is a scenario of its own, and says how it came about.
    assert!(Program::compile(&deadlock.scenario).is_ok());
    assert!(deadlock.small.iter().any(|change| change.contains("limit")));
    // With one thread the simulation stands still, and says so.
    let one = advice
        .defaults
        .iter()
        .find(|(name, _)| name.contains("libuv"));
    assert!(one.unwrap().1.stopped.is_some());
}

/// Under little load the thread at the bottom of the stack is never served.
#[test]
fn the_bottom_waiter_starves() {
    let server = server(4, 1.0, 4, r#"{ compute = "10ms" },"#);
    let advice = ask(
        &server,
        &Question {
            threads: 2..=4,
            ..question(&["p99<30ms"])
        },
    )
    .unwrap();
    let starvation = advice
        .risks
        .iter()
        .find(|risk| risk.kind == Hazard::Starvation);
    let starvation = starvation.unwrap();
    assert!(
        matches!(starvation.found, Finding::Happens { .. }),
        "{starvation:?}"
    );
}

#[test]
fn the_gallery_has_answers() {
    for name in ["echo-server", "proxy"] {
        let workload = catalogue::find(name).unwrap().scenario().unwrap().workload;
        let few = Question {
            requests: 2_000,
            threads: 1..=8,
            limits: 1..=4,
            ..question(&["p90<50ms"])
        };
        let advice = ask(&workload, &few).unwrap();
        assert!(advice.smallest.is_some(), "{name}");
        assert!(advice.holds.unwrap().up_to > 1.0, "{name}");
        for risk in advice.risks {
            assert!(!risk.says.contains("cannot be"), "{name}: {}", risk.says);
        }
    }
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn iocp(arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_iocp"))
        .args(arguments)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

const QUICK: [&str; 6] = ["--requests", "2000", "--threads", "1..6", "--limit", "1..6"];

fn advised(rest: &[&str]) -> Ran {
    let all = [&["advise", "mm4"][..], rest, &QUICK].concat();
    iocp(&all)
}

#[test]
fn the_command_answers_in_sentences_and_in_json() {
    let human = advised(&["--slo", "wait.mean<2s"]);
    assert_eq!(human.code, 0, "{}", human.err);
    assert!(
        human.out.contains("Advice: 4 threads, limit 4."),
        "{}",
        human.out
    );
    for part in [
        "What limits it",
        "How far it holds",
        "What can go wrong",
        "Again: iocp advise mm4",
    ] {
        assert!(human.out.contains(part), "{part}: {}", human.out);
    }
    let json = |jobs: &str| {
        let ran = advised(&["--slo", "wait.mean<2s", "--format", "json", "--jobs", jobs]);
        let mut json: Value = serde_json::from_str(&ran.out).unwrap();
        json["seconds"] = Value::Null;
        json
    };
    let one = json("1");
    assert_eq!(one["advice"]["threads"], 4);
    assert_eq!(one["advice"]["limit"], 4);
    assert!(one["advice"]["metrics"]["wait.mean"]["interval"][1].as_f64() <= Some(2.0));
    // However many threads of ours simulate.
    assert_eq!(one, json("3"));
}

#[test]
fn nothing_that_will_do_is_exit_1() {
    let ran = advised(&["--slo", "wait.mean<1ms"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("No pool of 1 to 6 threads"), "{}", ran.out);
    assert!(ran.out.contains("The best that was found"), "{}", ran.out);
    let one = ["--threads", "2", "--limit", "2", "--requests", "1000"];
    let all = [&["advise", "mm4", "--slo", "wait.mean<1ms"][..], &one].concat();
    let ran = iocp(&all);
    let one = "No pool of 2 threads with a limit of 2 meets";
    assert!(ran.out.contains(one), "{}", ran.out);
}

/// 24 processors are kept busy: a limit of 16 does not keep up, and the range ends above it.
#[test]
fn a_large_machine_has_a_large_range() {
    let ran = iocp(&[
        "advise",
        "mm4",
        "--slo",
        "wait.mean<9s",
        "--requests",
        "1000",
        "--set",
        "processors=40",
        "--set",
        "rate=24",
    ]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("--limit 1..40 --threads 1..80"),
        "{}",
        ran.out
    );
}

#[test]
fn what_is_wrong_is_told_with_exit_2() {
    let wrong: [(&[&str], &str); 8] = [
        (&["--slo", "p98<20ms"], "Did you mean \"p90\"?"),
        (&["--slo", "p99<20"], "with its unit"),
        (&["--slo", "fast"], "is no objective"),
        (&[], "--slo"),
        (
            &["--slo", "p99<2s", "--confidence", "110%"],
            "less than 100%",
        ),
        (
            &["--slo", "p99<2s", "--set", "worker=3"],
            "there is no such parameter",
        ),
        (&["--slo", "p99<2s", "--set", "rate=0"], "is no rate"),
        (
            &["--slo", "p99<2s", "--profile", "windows-99"],
            "windows-99",
        ),
    ];
    for (arguments, says) in wrong {
        let ran = advised(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(says), "{arguments:?}: {}", ran.err);
        assert!(ran.out.is_empty());
    }
    for (range, says) in [
        ("0..4", "begins at 1"),
        ("9..3", "write 3..9"),
        ("many", "1..16"),
        ("1..9999", "1000 is the most"),
    ] {
        let ran = iocp(&["advise", "mm4", "--slo", "p99<2s", "--threads", range]);
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains(says), "{range}: {}", ran.err);
    }
    // Nobody sends.
    let ran = iocp(&["advise", "peers-a", "--slo", "p99<2s"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
}

#[test]
fn a_budget_that_is_used_up_is_exit_3() {
    let ran = advised(&["--slo", "wait.mean<2s", "--most-requests", "20000"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.err.contains("--most-requests"), "{}", ran.err);
}
