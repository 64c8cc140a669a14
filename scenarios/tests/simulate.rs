//! `iocp simulate` as a user runs it: what it prints, how it exits, what it says of bad input.

use serde_json::Value;
use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

fn iocp(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_iocp"))
        .arg("simulate")
        .args(arguments)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "400")
        .stdin(Stdio::null())
        .output()
        .expect("iocp runs")
}

fn exits(arguments: &[&str], code: i32) -> String {
    let output = iocp(arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let is = output.status.code();
    assert_eq!(is, Some(code), "{arguments:?} said:\n{said}");
    said
}

fn json(arguments: &[&str], code: i32) -> Value {
    let output = iocp(&[arguments, &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

/// A file in a folder of this test run.
fn file(folder: &str, name: &str, content: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(folder);
    fs::create_dir_all(&folder).expect("the folder can be made");
    let path = folder.join(name);
    fs::write(&path, content).expect("the folder can be written");
    path.display().to_string()
}

/// One server, and requests that arrive by this law.
fn server(gap: &str) -> String {
    format!(
        r#"name = "server"
machine = {{ processors = 1 }}
port = [{{ name = "p", concurrency = 1 }}]

[[thread]]
name = "clients"
outside = true
program = [{{ repeat = "forever", do = [
  {{ call = "Sleep", for = {gap} }},
  {{ call = "PostQueuedCompletionStatus", port = "p" }},
] }}]

[[thread]]
name = "worker"
program = [{{ repeat = "forever", do = [
  {{ call = "GetQueuedCompletionStatus", port = "p" }},
  {{ compute = "1ms" }},
] }}]
"#
    )
}

const POISSON: &str = r#"{ law = "exponential", mean = "2ms" }"#;
const SHORT: [&str; 2] = ["--requests", "2000"];

#[test]
fn the_json_has_what_programs_read() {
    let path = file("simulate-json", "server.toml", &server(POISSON));
    let json = json(&[&path, SHORT[0], SHORT[1], "--seed", "7"], 0);
    for metric in ["mean", "p50", "p90", "p95", "p99", "p999", "p9999"] {
        let value = json["latency"][metric].as_f64().expect("a number");
        let ends = json["latency"][format!("{metric}_interval")].clone();
        let low = ends[0].as_f64().expect("a number");
        // Of so few requests nobody knows what the upper end of the last percentiles is.
        let high = ends[1].as_f64().unwrap_or(f64::INFINITY);
        assert!(low <= value && value <= high, "{metric}: {value} {ends}");
    }
    let near = |is: &Value, wanted: f64| {
        let is = is.as_f64().expect("a number");
        assert!((is / wanted - 1.0).abs() < 0.1, "{is}, not {wanted}");
    };
    near(&json["wait"]["mean"], 0.0005);
    near(&json["throughput"], 500.0);
    near(&json["utilisation"], 0.5);
    near(&json["theory"][0]["values"]["wait.mean"], 0.0005);
    assert_eq!(json["theory"][0]["name"], "M/D/1");
    assert_eq!(json["seed"], 7);
    assert!(
        json["jobs_per_second"]
            .as_f64()
            .is_some_and(|jobs| jobs > 0.0)
    );
    let command = json["command"].as_str().expect("a text");
    assert!(command.contains("--seed 7"), "{command}");
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let path = file("simulate-threads", "server.toml", &server(POISSON));
    let with = |threads: &str| {
        let mut json = json(&[&path, SHORT[0], SHORT[1], "--threads", threads], 0);
        for key in ["seconds", "jobs_per_second"] {
            json.as_object_mut().expect("an object").remove(key);
        }
        json
    };
    assert_eq!(with("1"), with("5"));
}

#[test]
fn parameters_can_be_set() {
    let path = file("simulate-set", "server.toml", &server(POISSON));
    let arguments = [&path, SHORT[0], SHORT[1], "--set", "rate=250"];
    let json = json(&arguments, 0);
    let throughput = json["throughput"].as_f64().expect("a number");
    assert!((throughput / 250.0 - 1.0).abs() < 0.05, "{throughput}");
    let command = json["command"].as_str().expect("a text");
    assert!(command.contains("--set rate=250"), "{command}");
    // A name may have dots.
    let dotted = server(POISSON).replace("\"p\"", "\"p.1\"");
    let dotted = file("simulate-set", "dotted.toml", &dotted);
    let arguments = [
        &dotted,
        SHORT[0],
        SHORT[1],
        "--set",
        "port.p.1.concurrency=3",
    ];
    exits(&arguments, 0);
    let wrong = [
        ("rate=0", "--set rate: \"0\" is no rate"),
        ("rate=fast", "--set rate: \"fast\" is no rate"),
        ("limt=2", "Did you mean `limit`?"),
        (
            "threads=0",
            "--set threads: \"0\" is no whole number from 1",
        ),
        ("batch=2", "take one at a time"),
        ("port.q.concurrency=2", "`port` has no `q`."),
        (
            "thread.worker.copis=2",
            "there is no `copis` there. Did you mean `copies`?",
        ),
        (
            "thread.worker.program.0.do.1.compute=soon",
            "a time with its unit",
        ),
        (
            "thread.worker.program.0.do.0.port=q",
            "cannot be: thread[1].program[0].do[0].port",
        ),
        ("threads", "KEY=VALUE"),
        ("processors=65536", "no whole number from 1 to 65535."),
        (
            "thread.worker.copies=-1",
            "cannot be -1; it is a number from 0 to 4294967295.",
        ),
        ("thread.worker=1", "cannot be 1; it is a table."),
        ("machine.processors=0", "a machine without processors"),
        // JSON has no such number, and would leave the key out.
        (
            "machine.background=nan",
            "cannot be nan: that is no number.",
        ),
    ];
    for (setting, says) in wrong {
        let said = exits(&[&path, "--set", setting], 2);
        assert!(said.contains(says), "{setting}: {said}");
    }
}

#[test]
fn clients_that_wait_have_no_rate() {
    let text = server(POISSON).replace(
        r#"{ call = "PostQueuedCompletionStatus", port = "p" },"#,
        r#"{ call = "PostQueuedCompletionStatus", port = "p" },
  { call = "GetQueuedCompletionStatus", port = "r" },"#,
    );
    let text = text
        .replace("port = [", "port = [{ name = \"r\" }, ")
        .replace(
            "{ compute = \"1ms\" },",
            "{ compute = \"1ms\" }, { call = \"PostQueuedCompletionStatus\", port = \"r\" },",
        );
    let path = file("simulate-closed", "closed.toml", &text);
    let said = exits(&[&path, "--set", "rate=5"], 2);
    assert!(said.contains("clients wait for their replies"), "{said}");
    let json = json(&[&path, SHORT[0], SHORT[1]], 0);
    assert_eq!(json["theory"][0]["name"], "asymptotic bounds");
}

#[test]
fn what_cannot_be_simulated_is_a_sentence() {
    let quiet = "name = \"quiet\"\n[[thread]]\nname = \"a\"\nprogram = [{ compute = \"1ms\" }]\n";
    let path = file("simulate-wrong", "quiet.toml", quiet);
    assert!(exits(&[&path], 2).contains("quiet: nobody sends requests"));
    let at_once = file("simulate-wrong", "at-once.toml", &server("0"));
    let said = exits(&[&at_once, SHORT[0], SHORT[1]], 3);
    assert!(
        said.contains("far more arrives than can be served"),
        "{said}"
    );
    let path = file("simulate-wrong", "server.toml", &server(POISSON));
    for (option, value, says) in [
        ("--precision", "0%", "write percent"),
        ("--precision", "0.02", "write percent"),
        ("--confidence", "100%", "write percent"),
        ("--replications", "1..5", "2 is the fewest"),
        ("--replications", "9..5", "2 is the fewest"),
        ("--requests", "0", "--requests"),
        ("--of", "latency.p98", "latency.p98"),
    ] {
        let said = exits(&[&path, option, value], 2);
        assert!(said.contains(says), "{option} {value}: {said}");
    }
    // A semaphore that nobody gives back.
    let stuck = server(POISSON)
        .replace(
            "[[thread]]\nname = \"w",
            "[[semaphore]]\nname = \"s\"\ncount = 1\nmaximum = 1\n\n[[thread]]\nname = \"w",
        )
        .replace(
            "  { compute",
            "  { call = \"WaitForSingleObject\", object = \"s\" },\n  { compute",
        );
    let stuck = file("simulate-wrong", "stuck.toml", &stuck);
    let said = exits(&[&stuck, SHORT[0], SHORT[1]], 3);
    assert!(said.contains("only 1 request is finished"), "{said}");
    assert!(said.contains("wait for what never comes"), "{said}");
    // A limit that was reached.
    let said = exits(&[&path, "--most-steps", "1000"], 3);
    assert!(said.contains("--most-steps allows more"), "{said}");
    let quantum = [&path, SHORT[0], SHORT[1], "--set", "machine.quantum=1ns"];
    let said = exits(&quantum, 3);
    assert!(said.contains("a quantum is far too short"), "{said}");
}

#[test]
fn values_come_from_a_file_beside_the_scenario() {
    let folder = "simulate-values";
    file(folder, "gaps.csv", "when,gap\n1,1ms\n2,2ms\n3,3ms\n");
    let law = r#"{ law = "sequence", file = "gaps.csv", column = "gap" }"#;
    let path = file(folder, "server.toml", &server(law));
    let json = json(&[&path, SHORT[0], SHORT[1]], 0);
    let throughput = json["throughput"].as_f64().expect("a number");
    assert!((throughput / 500.0 - 1.0).abs() < 0.01, "{throughput}");
    file(folder, "gaps.csv", "when,gap\n1,1ms\n2,soon\n");
    let said = exits(&[&path], 2);
    assert!(
        said.contains("gaps.csv:3:1") && said.contains("\"soon\" is no duration"),
        "{said}"
    );
    let path = file(
        folder,
        "missing.toml",
        &server(&law.replace("gaps", "none")),
    );
    let said = exits(&[&path], 2);
    assert!(said.contains("none.csv: "), "{said}");
    assert!(said.contains("beside the scenario's"), "{said}");
    // As an editor on Windows saves it, and as measurements are printed.
    let law = law.replace(", column = \"gap\"", "");
    let path = file(folder, "marked.toml", &server(&law));
    file(folder, "gaps.csv", "\u{feff}1500µs\r\n2.5ms\r\n");
    exits(&[&path, SHORT[0], SHORT[1]], 0);
    file(folder, "gaps.csv", "1.2345678ms\n");
    let said = exits(&[&path], 2);
    assert!(said.contains("at most 49 days"), "{said}");
}

#[test]
fn what_was_not_reached_is_exit_3() {
    let path = file("simulate-3", "server.toml", &server(POISSON));
    let arguments = [
        &path,
        "--requests",
        "200",
        "--precision",
        "0.01%",
        "--replications",
        "3..4",
    ];
    let said = exits(&arguments, 3);
    assert!(
        said.contains("Warning: after 4 replications the interval is"),
        "{said}"
    );
    assert!(
        said.contains("Warning: too short for latency.p99:"),
        "{said}"
    );
    let said = exits(&[&path, SHORT[0], SHORT[1], "--set", "rate=1100"], 3);
    assert!(
        said.contains(
            "Warning: unstable: what arrives would keep 1.10 threads within the limit busy"
        ),
        "{said}"
    );
}
