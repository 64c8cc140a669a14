//! `iocp explore` as a user runs it: what it prints, how it exits, and what can be replayed.

use serde_json::Value;
use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

fn iocp(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_iocp"))
        .args(arguments)
        .env("COLUMNS", "100")
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null())
        .output()
        .expect("iocp runs")
}

/// What it prints on standard output, and on standard error.
fn exits(arguments: &[&str], code: i32) -> (String, String) {
    let output = iocp(arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?} said:\n{said}{told}"
    );
    (said, told)
}

fn json(arguments: &[&str], code: i32) -> Value {
    let (said, _) = exits(&[arguments, &["--format", "json"]].concat(), code);
    serde_json::from_str(&said).expect("it is JSON")
}

/// A file of this test run. The command runs where it is, so that its name is short everywhere.
fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The name of a scenario file of this test run.
fn scenario(name: &str, text: &str) -> String {
    let path = format!("{name}.toml");
    let text = format!("name = \"{name}\"\n{text}");
    fs::write(file(&path), text).expect("it can be written");
    path
}

/// Two threads want a packet each, and there is one; whoever comes second goes without.
const TWO_TAKERS: &str = r#"
expect = [{ thread = "taker-1", took = [7] }, { thread = "taker-2", state = "waiting" }]
[[port]]
name = "p"
concurrency = 1
[[thread]]
name = "poster"
program = [{ call = "PostQueuedCompletionStatus", port = "p", key = 7 }]
[[thread]]
name = "taker"
copies = 2
program = [{ call = "GetQueuedCompletionStatus", port = "p" }]
"#;

/// Each of two threads holds what the other one wants.
const DEADLOCK: &str = r#"
[[mutex]]
name = "a"
[[mutex]]
name = "b"
[[thread]]
name = "one"
program = [
  { call = "WaitForSingleObject", object = "a" }, { call = "WaitForSingleObject", object = "b" },
  { call = "ReleaseMutex", object = "b" }, { call = "ReleaseMutex", object = "a" },
]
[[thread]]
name = "two"
program = [
  { call = "WaitForSingleObject", object = "b" }, { call = "WaitForSingleObject", object = "a" },
  { call = "ReleaseMutex", object = "a" }, { call = "ReleaseMutex", object = "b" },
]
"#;

/// Two threads are active although the limit is one: the first has come back from a sleep.
const ABOVE_THE_LIMIT: &str = r#"
expect = [{ port = "p", most_active = 1 }]
[[port]]
name = "p"
concurrency = 1
[[thread]]
name = "poster"
program = [{ repeat = 3, do = [
  { call = "PostQueuedCompletionStatus", port = "p", key = 1, key_step = 1 },
] }]
[[thread]]
name = "taker"
copies = 3
program = [
  { call = "GetQueuedCompletionStatus", port = "p" },
  { call = "Sleep", for = "1ms" },
  { compute = "1ms" },
]
"#;

/// A time-out that no clock would let run out so early.
const EARLY: &str = r#"
expect = [{ result = "take", is = "packet" }]
[[port]]
name = "p"
[[thread]]
name = "poster"
program = [
  { until = "taker waits on p" }, { call = "PostQueuedCompletionStatus", port = "p", key = 1 },
]
[[thread]]
name = "taker"
program = [{ call = "GetQueuedCompletionStatus", port = "p", timeout = "600s", label = "take" }]
"#;

/// What changes from run to run is taken out.
fn steady(text: &str) -> String {
    let lines = text.lines().map(|line| {
        if line.starts_with("needed  ") {
            "needed      [time and memory]".to_owned()
        } else {
            line.to_owned()
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_people_see() {
    let (holds, _) = exits(&["explore", "peers-a", "--no-reduction"], 0);
    insta::assert_snapshot!("explore_holds", steady(&holds));
    let takers = scenario("two-takers", TWO_TAKERS);
    let (violated, _) = exits(&["explore", &takers, "--ascii"], 1);
    insta::assert_snapshot!("explore_violated", steady(&violated));
    let deadlock = scenario("two-mutexes", DEADLOCK);
    let (violated, _) = exits(&["explore", &deadlock], 1);
    insta::assert_snapshot!("explore_deadlock", steady(&violated));
}

#[test]
fn json_has_what_is_promised() {
    let holds = json(&["explore", "peers-a", "--no-reduction"], 0);
    assert_eq!(holds["verdict"], "holds");
    assert_eq!(holds["states"], 13_005);
    assert_eq!(holds["transitions"], 44_165);
    assert_eq!(holds["ends"], 1);
    assert_eq!(holds["reductions"], Value::Array(Vec::new()));
    assert_eq!(holds["counterexample"], Value::Null);
    assert_eq!(holds["limit"], Value::Null);
    assert!(holds["depth"].as_u64().is_some_and(|depth| depth > 10));
    assert!(
        holds["seconds"]
            .as_f64()
            .is_some_and(|seconds| seconds > 0.0)
    );
    assert!(holds["peak_memory_bytes"].as_u64() > holds["visited_bytes"].as_u64());
    let digest = holds["digest"].as_str().expect("nothing was left out");
    assert_eq!(digest.len(), 16);
    let one_thread = ["explore", "peers-a", "--no-reduction", "--threads", "1"];
    assert_eq!(json(&one_thread, 0)["digest"], holds["digest"]);

    let reduced = json(&["explore", "peers-a"], 0);
    assert!(reduced["states"].as_u64() < holds["states"].as_u64());
    assert_ne!(reduced["reductions"], Value::Array(Vec::new()));
    for (switch, name) in [
        ("--no-packets", "packets"),
        ("--no-symmetry", "symmetry"),
        ("--no-partial-order", "partial order"),
    ] {
        let names = |report: &Value| {
            let mut names = report["reductions"].as_array().expect("a list").iter();
            names.any(|known| known == name)
        };
        assert!(names(&reduced), "{name} is in force");
        assert!(
            !names(&json(&["explore", "peers-a", switch], 0)),
            "{switch}"
        );
    }

    let takers = scenario("json", TWO_TAKERS);
    let violated = json(&["explore", &takers], 1);
    assert_eq!(violated["verdict"], "violated");
    let found = &violated["counterexample"];
    assert_eq!(found["violation"]["kind"], "expectation");
    let message = found["violation"]["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("expect[0]: "), "{message}");
    let steps = found["schedule"].as_array().expect("a list").len() as u64;
    assert!(
        found["point_of_no_return"]
            .as_u64()
            .is_some_and(|at| at < steps)
    );
    let last = found["trace"].as_array().and_then(|events| events.last());
    assert_eq!(last.expect("there are events")["event"], "settled");
}

#[test]
fn what_ran_out_is_exit_3() {
    for (option, value, limit) in [
        ("--most-states", "1000", "states"),
        ("--most-depth", "5", "depth"),
        ("--memory", "1MB", "memory"),
        ("--time", "0s", "time"),
    ] {
        let arguments = ["explore", "peers-a", "--no-reduction", option, value];
        let report = json(&arguments, 3);
        assert_eq!(report["verdict"], "no-verdict", "{option}");
        assert_eq!(report["limit"], limit);
        let (said, _) = exits(&arguments, 3);
        assert!(
            said.contains("No verdict: ") && said.contains(option),
            "{said}"
        );
        assert!(!said.contains("Holds"), "{said}");
    }
}

#[test]
fn bad_input_is_exit_2() {
    for (arguments, says) in [
        (&["explore"][..], "<SCENARIOS>"),
        (
            &["explore", "lifo-relase"],
            "Did you mean \"lifo-release\"?",
        ),
        (&["explore", "no/such.toml"], "cannot read no/such.toml"),
        (
            &["explore", "peers-a", "--memory", "4 apples"],
            "as in 4GiB",
        ),
        (&["explore", "peers-a", "--time", "soon"], "as in 10m"),
        (&["explore", "peers-a", "--threads", "0"], "1..=1024"),
        (
            &[
                "explore",
                "peers-a",
                "--search",
                "depth-first",
                "--threads",
                "2",
            ],
            "for one thread",
        ),
        (
            &[
                "explore",
                "peers-a",
                "--search",
                "depth-first",
                "--most-depth",
                "9",
            ],
            "search breadth first",
        ),
        (
            &[
                "explore",
                "peers-a",
                "--storage",
                "bitstate",
                "--checkpoint",
                "x",
            ],
            "use --storage compact",
        ),
        (
            &[
                "explore",
                "peers-a",
                "--storage",
                "bitstate",
                "--resume",
                "x",
            ],
            "use --storage compact",
        ),
        (&["explore", "peers-a", "--profile", "wine-9"], "wine-8"),
        (&["explore", "peers-a", "--output", "x.toml"], "--shrink"),
        (
            &["explore", "peers-a", "peers-c", "--schedule", "x"],
            "for one scenario",
        ),
        (
            &["explore", "peers-a", "no-such"],
            "there is no scenario \"no-such\"",
        ),
    ] {
        let (said, told) = exits(arguments, 2);
        assert!(told.contains(says), "{arguments:?} told:\n{told}");
        assert_eq!(
            said, "",
            "nothing is searched before the last name is known"
        );
    }
    let broken = scenario("broken", "[[port]]\nname = \"p\"\nconcurency = 1\n");
    let (_, told) = exits(&["explore", &broken], 2);
    assert!(told.contains("`concurrency`?"), "{told}");
    let spins = scenario(
        "spins",
        "[[thread]]\nname = \"t\"\nprogram = [{ repeat = \"forever\", do = [{ if = { key = 1 }, do = [{ leave = \"loop\" }] }] }]\n",
    );
    let (_, told) = exits(&["explore", &spins], 2);
    assert!(told.contains("goes round"), "{told}");
}

#[test]
fn a_counterexample_replays() {
    let scenarios = [
        ("replay-takers", TWO_TAKERS, "windows-10-1607+"),
        ("replay-takers-vista", TWO_TAKERS, "windows-vista,no-limit"),
        ("replay-deadlock", DEADLOCK, "windows-10-1607+"),
        ("replay-limit", ABOVE_THE_LIMIT, "windows-7"),
        ("replay-early", EARLY, "windows-10-1607+"),
    ];
    for (name, text, profile) in scenarios {
        let scenario = scenario(name, text);
        let schedule = format!("{name}.json");
        let explore = [
            "explore",
            &scenario,
            "--profile",
            profile,
            "--schedule",
            &schedule,
        ];
        let found = json(&explore, 1);
        let replay = ["run", &scenario, "--replay", &schedule];
        let again = json(&replay, 1);
        assert_eq!(again["verdict"], "violated", "{name}");
        assert_eq!(
            again["violation"], found["counterexample"]["violation"]["message"],
            "{name}"
        );
        assert_eq!(again["trace"], found["counterexample"]["trace"], "{name}");
        assert_eq!(again["profile"], profile);
        let trace = format!("{name}.jsonl");
        let copy = format!("{name}-copy.json");
        let keep = ["--trace", &trace, "--save-schedule", &copy];
        let (said, _) = exits(&[&replay[..], &keep].concat(), 1);
        assert!(said.contains("\nViolated: "), "{said}");
        let read = |name: &str| fs::read_to_string(file(name)).expect("it was written");
        assert_eq!(read(&copy), read(&schedule));
        let (shown, _) = exits(&["show", &trace], 0);
        assert!(shown.contains("\nstep  "), "{shown}");
    }
}

/// What was found without a mind for deadlocks is replayed without one.
#[test]
fn a_replay_minds_what_the_search_minded() {
    let says = "expect = [{ counter = \"c\", value = 1, when = \"eventually\" }]\n[[counter]]\nname = \"c\"";
    let scenario = scenario("allowed", &format!("{says}\n{DEADLOCK}"));
    let schedule = "allowed.json";
    let explore = [
        "explore",
        &scenario,
        "--allow-deadlock",
        "--schedule",
        schedule,
    ];
    let found = json(&explore, 1);
    assert_eq!(found["counterexample"]["violation"]["kind"], "expectation");
    let text = fs::read_to_string(file(schedule)).expect("it was written");
    assert!(text.contains("\"allow_deadlock\": true"), "{text}");
    let again = json(&["run", &scenario, "--replay", schedule], 1);
    assert!(!again.to_string().contains("waits for ever"), "{again}");
}

#[test]
fn a_schedule_that_stops_midway_is_no_verdict() {
    let scenario = scenario("midway", TWO_TAKERS);
    let schedule = "midway.json";
    exits(&["explore", &scenario, "--schedule", schedule], 1);
    let text = fs::read_to_string(file(schedule)).expect("it was written");
    let mut value: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(value["clock"], "none");
    let steps = value["steps"].as_array_mut().expect("a list");
    steps.truncate(1);
    fs::write(file(schedule), value.to_string()).expect("it can be written");
    let (said, _) = exits(&["run", &scenario, "--replay", schedule], 3);
    assert!(said.contains("The schedule ends here"), "{said}");
    value["steps"][0] = "nobody".into();
    fs::write(file(schedule), value.to_string()).expect("it can be written");
    let (_, told) = exits(&["run", &scenario, "--replay", schedule], 2);
    assert!(told.contains("there is no thread \"nobody\""), "{told}");
}

#[test]
fn a_violated_scenario_becomes_smaller() {
    let large = scenario("shrinks", ABOVE_THE_LIMIT);
    let small = "smaller.toml";
    let found = json(&["explore", &large, "--shrink", "--output", small], 1);
    let smaller = &found["smaller"]["scenario"];
    let threads = smaller["thread"].as_array().expect("a list");
    // Two packets are enough, and two threads; and none of them needs to compute.
    assert_eq!(threads[1]["copies"], 2, "{smaller}");
    assert_eq!(
        threads[1]["program"].as_array().map(Vec::len),
        Some(2),
        "{smaller}"
    );
    assert_eq!(threads[0]["program"][0]["repeat"], 2, "{smaller}");
    let again = json(&["explore", small], 1);
    assert_eq!(
        again["counterexample"]["violation"],
        found["counterexample"]["violation"]
    );
}

#[test]
fn a_scenario_that_failed_in_a_run_becomes_smaller() {
    let large = scenario("shrinks-runs", TWO_TAKERS);
    let seeds = 0..100_u32;
    let broken = seeds
        .map(|seed| seed.to_string())
        .find(|seed| iocp(&["run", &large, "--seed", seed]).status.code() == Some(1));
    let seed = broken.expect("the second taker is first in some run");
    let small = "smaller-run.toml";
    let run = [
        "run", &large, "--seed", &seed, "--shrink", "--output", small,
    ];
    let found = json(&run, 1);
    let again = found["smaller"]["again"].as_str().expect("a command");
    let words: Vec<_> = again.split(' ').skip(1).collect();
    let words = words
        .iter()
        .map(|word| if *word == "FILE" { small } else { *word });
    let (said, _) = exits(&words.collect::<Vec<_>>(), 1);
    assert!(said.contains("what taker-1 took should be [7]"), "{said}");
    // Nothing failed: nothing is made smaller.
    let whole = json(&["run", "lifo-release", "--shrink"], 0);
    assert_eq!(whole["smaller"], Value::Null);
}

/// Cuts a search, keeps it in this file, and goes on with it: it finds what the whole search finds.
fn is_cut_and_goes_on(begin: &[&str], kept: &str) {
    let cut = [begin, &["--most-states", "2000", "--checkpoint", kept]].concat();
    let (said, _) = exits(&cut, 3);
    assert!(said.contains(&format!("--resume {kept}")), "{said}");
    let whole = json(begin, 0);
    let resumed = json(&[begin, &["--resume", kept]].concat(), 0);
    for key in ["states", "transitions", "depth", "ends", "digest"] {
        assert_eq!(resumed[key], whole[key], "{key}");
    }
}

#[test]
fn a_search_goes_on_where_it_was_cut() {
    let kept = "kept";
    let begin = ["explore", "peers-a", "--no-reduction"];
    is_cut_and_goes_on(&begin, kept);
    let deep = [&begin[..], &["--search", "depth-first"]].concat();
    is_cut_and_goes_on(&deep, "kept-deep");
    // One order is not the other.
    exits(&[&deep[..], &["--resume", kept]].concat(), 2);
    // Of another search, of none, and damaged.
    scenario("decay", "");
    let (_, told) = exits(&["explore", "decay", "--resume", kept], 2);
    assert!(told.contains("is of a search with another"), "{told}");
    exits(&[&begin[..], &["--resume", "decay.toml"]].concat(), 2);
    let bytes = fs::read(file(kept)).expect("it was kept");
    let torn = "torn";
    fs::write(file(torn), &bytes[..bytes.len() - 9]).expect("it can be written");
    let (_, told) = exits(&[&begin[..], &["--resume", torn]].concat(), 2);
    assert!(told.contains("damaged"), "{told}");
    // A whole search leaves nothing to keep.
    let none = "none";
    let _ = fs::remove_file(file(none));
    exits(&[&begin[..], &["--checkpoint", none]].concat(), 0);
    assert!(!file(none).exists());
}

#[test]
fn states_that_are_not_kept_exactly_are_said_to_be() {
    for storage in ["compact", "bitstate"] {
        let arguments = ["explore", "peers-a", "--no-reduction", "--storage", storage];
        let report = json(&[&arguments[..], &["--memory", "64MiB"]].concat(), 0);
        let omission = report["omission_probability"].as_f64();
        assert!(
            omission.is_some_and(|omission| omission < 0.01),
            "{storage}: {omission:?}"
        );
        assert_eq!(report["states"], 13_005, "{storage}");
        let (said, _) = exits(&arguments, 0);
        assert!(said.contains("Holds, as far as it saw"), "{said}");
    }
}

#[test]
fn several_scenarios_are_a_line_each() {
    let takers = scenario("several", TWO_TAKERS);
    let (said, _) = exits(&["explore", "lifo-release", &takers, "decay"], 1);
    let lines: Vec<_> = said.lines().collect();
    assert!(
        lines[1].starts_with("lifo-release ") && lines[1].contains(" holds "),
        "{said}"
    );
    assert!(
        lines[2].contains(" violated ") && lines[2].contains("expect[0]: "),
        "{said}"
    );
    assert!(said.contains("3 scenarios: 2 hold, 1 violated."), "{said}");
    let report = json(&["explore", "lifo-release", "decay"], 0);
    assert_eq!(report[1]["scenario"], "decay");
    // Broken is worse than unknown.
    let limited = [
        "explore",
        "peers-a",
        &takers,
        "--no-reduction",
        "--most-states",
        "100",
    ];
    exits(&limited, 1);
    exits(&[&limited[..2], &limited[3..]].concat(), 3);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_without_a_verdict() {
    use std::{thread::sleep, time::Duration};
    let child = Command::new(env!("CARGO_BIN_EXE_iocp"))
        .args(["explore", "load-request-reply", "--no-reduction"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("iocp runs");
    sleep(Duration::from_secs(2));
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.is_ok_and(|status| status.success()));
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("it was stopped with Ctrl-C") && said.contains("searched "),
        "{said}"
    );
}
