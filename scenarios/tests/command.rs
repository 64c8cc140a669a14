//! The `iocp` command as a user runs it: what it prints, and how it exits.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

fn iocp(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_iocp"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("iocp runs")
}

fn exits(arguments: &[&str], code: i32) -> String {
    let output = iocp(arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?} said:\n{said}"
    );
    said
}

/// A file of this test run with this content.
fn file(name: &str, content: &[u8]) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).expect("the test's folder can be written");
    path.display().to_string()
}

#[test]
fn every_shipped_recording_is_as_its_header_expects() {
    let said = exits(&["check"], 0);
    let summary = said.lines().last().unwrap_or_default();
    let count = iocp_scenarios::recordings::all().len();
    assert!(count > 0, "recordings are shipped");
    assert!(
        summary.starts_with(&format!("{count} recordings, {count} as expected")),
        "{summary}"
    );
}

#[test]
fn no_recording_of_wine_is_called_windows() {
    for (name, bytes) in iocp_scenarios::recordings::all() {
        let trace = iocp_traces::Trace::read(*bytes).expect("shipped recordings can be read");
        let producer = trace.header.producer.name();
        assert!(producer.starts_with("Wine 8.0"), "{name}: {producer}");
        assert!(name.contains("--wine-8.0--"), "{name}");
    }
}

#[test]
fn a_divergence_that_nobody_expects_is_exit_1() {
    let (_, bytes) = iocp_scenarios::recordings::all()
        .iter()
        .find(|(name, _)| name.starts_with("lifo-release--"))
        .expect("the scenario is recorded");
    let recording = file("diverges.jsonl", bytes);
    let said = exits(&["check", &recording, "--profile", "windows-7"], 1);
    assert!(said.contains("Then the recording"), "{said}");
}

#[test]
fn a_recording_that_was_cut_is_exit_2() {
    let (_, bytes) = iocp_scenarios::recordings::all()[0];
    let end = bytes[..bytes.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .expect("a recording has several lines");
    let cut = file("cut.jsonl", &bytes[..=end]);
    assert!(exits(&["check", &cut], 2).contains("it was cut short"));
    let torn = file("torn.jsonl", &bytes[..end - 3]);
    exits(&["check", &torn], 2);
}

/// What was recorded is not lost to what is made of it.
#[test]
fn a_scenario_is_not_fitted_over_its_recording() {
    let path = file("fitted-over.jsonl", b"{}\n");
    let said = exits(&["fit", &path, "--out", &path], 2);
    assert!(said.contains("Choose another name with --out"), "{said}");
    assert_eq!(fs::read(&path).expect("it is there"), b"{}\n");
}

#[test]
fn a_budget_that_ran_out_is_exit_3() {
    let for_ever = file(
        "for-ever.toml",
        br#"name = "for-ever"
[[port]]
name = "p"
[[thread]]
name = "t"
program = [{ repeat = "forever", do = [{ call = "GetQueuedCompletionStatus", port = "p", timeout = 0 }] }]
"#,
    );
    let said = exits(
        &["run", &for_ever, "--most-steps", "1000", "--show", "0"],
        3,
    );
    assert!(said.contains("No verdict"), "{said}");
    // What was broken on the way stays broken.
    let broken = file(
        "broken-for-ever.toml",
        br#"name = "broken-for-ever"
expect = [{ port = "p", active = 0, when = "always" }]
[[port]]
name = "p"
[[thread]]
name = "t"
program = [{ repeat = "forever", do = [{ call = "GetQueuedCompletionStatus", port = "p", timeout = 0 }] }]
"#,
    );
    let said = exits(&["run", &broken, "--most-steps", "1000", "--show", "0"], 1);
    let when = "after step 1: active count of p should be 0 and is 1.";
    assert!(said.contains(when), "{said}");
    let (_, bytes) = iocp_scenarios::recordings::all()[0];
    let recording = file("budget.jsonl", bytes);
    exits(
        &[
            "check",
            &recording,
            "--profile",
            "wine-8",
            "--most-states",
            "1",
        ],
        3,
    );
}

#[test]
fn a_program_that_spins_is_exit_2() {
    let spins = file(
        "spins.toml",
        br#"name = "spins"
[[thread]]
name = "t"
program = [{ repeat = "forever", do = [{ if = { key = 1 }, do = [{ leave = "loop" }] }] }]
"#,
    );
    assert!(exits(&["run", &spins], 2).contains("goes round"));
}

#[test]
fn wrong_names_suggest_the_right_ones() {
    assert!(exits(&["run", "lifo-relase"], 2).contains("lifo-release"));
    assert!(exits(&["run", "lifo-release", "--profile", "wine-9"], 2).contains("wine-8"));
    assert!(exits(&["rules", "KQ-2"], 2).contains("Did you mean KQ-02?"));
    assert!(exits(&["rules", "fifo-waiter"], 2).contains("Did you mean fifo-waiters?"));
}

#[test]
fn a_run_replays_from_its_schedule() {
    let schedule = file("schedule.json", b"");
    let first = file("first.jsonl", b"");
    let again = file("again.jsonl", b"");
    let run = [
        "run",
        "timeout-against-packet",
        "--seed",
        "5",
        "--jitter",
        "40",
    ];
    exits(
        &[&run[..], &["--save-schedule", &schedule, "--trace", &first]].concat(),
        0,
    );
    exits(
        &["run", run[1], "--replay", &schedule, "--trace", &again],
        0,
    );
    // The header says who chose; everything else is the same.
    let said = exits(&["compare", &first, &again], 1);
    assert!(
        said.starts_with("The headers differ in `producer`"),
        "{said}"
    );
}

#[test]
fn traces_are_compressed_by_name_and_read_by_content() {
    let plain = file("plain.jsonl", b"");
    let small = file("small.jsonl.gz", b"");
    for trace in [&plain, &small] {
        exits(&["run", "lifo-release", "--trace", trace], 0);
    }
    let bytes = fs::read(&small).expect("the trace is there");
    assert_eq!(&bytes[..2], b"\x1F\x8B");
    assert_eq!(exits(&["show", &plain], 0), exits(&["show", &small], 0));
    exits(&["compare", &plain, &small], 0);
    let said = exits(&["check", &small], 0);
    assert!(said.contains("windows-10-1607+ conforms"), "{said}");

    let cut = file("cut.jsonl.gz", &bytes[..bytes.len() - 9]);
    assert!(exits(&["check", &cut], 2).contains("ends in the middle. Copy the file again"));

    // What is accepted of a compressed recording stays compressed.
    let (_, recording) = iocp_scenarios::recordings::all()
        .iter()
        .find(|(name, _)| name.ends_with(".gz"))
        .expect("large recordings are shipped compressed");
    let copy = file("accepted.jsonl.gz", recording);
    exits(&["check", &copy, "--profile", "wine-8", "--accept"], 0);
    let accepted = fs::read(&copy).expect("the copy is there");
    assert_eq!(&accepted[..2], b"\x1F\x8B");
    let read = |bytes: &[u8]| iocp_traces::Trace::read(bytes).expect("it can be read");
    assert_eq!(read(&accepted), read(recording));
}

#[test]
fn recordings_answer_open_questions() {
    let said = exits(&["check", "--open-questions"], 0);
    assert!(
        said.starts_with("Wine 8.0 answers:\nOPEN-1   B. "),
        "{said}"
    );
    let json = exits(&["check", "--open-questions", "--format", "json"], 0);
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(json["kernels"][0]["questions"][0]["answers"][0], "B");

    let about_something_else = file("something-else.jsonl", b"");
    exits(
        &["run", "lifo-release", "--trace", &about_something_else],
        0,
    );
    let said = exits(&["check", "--open-questions", &about_something_else], 2);
    assert!(
        said.contains("those are refused-at-limit, open-2-"),
        "{said}"
    );
    let said = exits(&["check", "--open-questions", "Cargo.toml"], 2);
    assert!(said.contains("Is this the right file?"), "{said}");

    let said = exits(&["rules", "OPEN-1"], 0);
    assert!(
        said.contains("answer B   A poll at the limit gets the packet."),
        "{said}"
    );
}

#[test]
fn the_matrix_has_a_format_for_each_reader() {
    let text = exits(&["rules", "KQ-02"], 0);
    assert!(
        text.contains("no-limit: ") && text.contains("killed by"),
        "{text}"
    );
    let text = exits(&["rules", "fifo-waiters"], 0);
    assert!(
        text.contains("WAIT-01: ") && text.contains("lifo-release"),
        "{text}"
    );
    assert!(exits(&["rules", "--mutants", "KQ-02"], 0).starts_with("no-limit  breaks KQ-02"));
    assert!(exits(&["rules", "--gaps"], 0).contains("lack something"));
    let json: serde_json::Value =
        serde_json::from_str(&exits(&["rules", "--format", "json"], 0)).expect("it is JSON");
    let rules = json.as_array().expect("a list of rules");
    let rule = rules.iter().find(|rule| rule["id"] == "WAIT-01");
    let mutants = &rule.expect("it is there")["mutants"];
    assert_eq!(mutants[0]["mutant"], "fifo-waiters", "{mutants}");
    let page = exits(&["rules", "--format", "html"], 0);
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("id=\"KQ-02\""));
    assert!(exits(&["rules", "KQ-02", "--format", "html"], 2).contains("takes no ids"));
}

#[test]
fn what_tells_two_kernels_apart_can_be_recorded() {
    let path = file("no-handoff.toml", b"");
    let (broken, default) = ("windows-10-1607+,no-handoff-on-block", "windows-10-1607+");
    let said = exits(&["distinguish", broken, default, "--output", &path], 0);
    assert!(
        said.contains("To see which a kernel is: iocp record"),
        "{said}"
    );
    let said = exits(&["run", &path, "--profile", broken], 0);
    assert!(said.starts_with("no-handoff: An outcome of"), "{said}");
    // Whatever the order of kernels, a scenario is searched with both.
    let said = exits(&["distinguish", broken, default, "--scenario", &path], 0);
    assert!(said.contains("by the shortest schedule"), "{said}");
    let json = exits(&["distinguish", broken, default, "--format", "json"], 0);
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(json["verdict"], "differs");
    assert_eq!(json["found"]["steps"], 4);
}

#[test]
fn kernels_that_nothing_tells_apart() {
    let default = "windows-10-1607+";
    let said = exits(&["distinguish", default, default], 2);
    assert!(said.contains("are the same kernel"), "{said}");
    let said = exits(&["distinguish", default, "windows-9"], 2);
    assert!(said.contains("there is no profile \"windows-9\""), "{said}");
    let said = exits(&["distinguish", default, "wine-8,fifo-waiter"], 2);
    assert!(said.contains("did you mean \"fifo-waiters\""), "{said}");
    exits(&["distinguish", default], 2);
    let broken = "windows-10-1607+,head-insert-joins-the-tail";
    let said = exits(&["distinguish", broken, default, "--steps", "2"], 1);
    assert!(said.starts_with("No difference"), "{said}");
    let broken = "windows-10-1607+,no-limit";
    let said = exits(&["distinguish", broken, default, "--most-states", "5"], 3);
    assert!(said.starts_with("No verdict"), "{said}");
    let spins = file(
        "spins.toml",
        b"name = \"spins\"\n[[thread]]\nname = \"a\"\nprogram = [{ repeat = \"forever\", do = [{ if = { result = \"packet\" }, do = [] }] }]\n",
    );
    let said = exits(&["distinguish", broken, default, "--scenario", &spins], 2);
    assert!(said.contains("cannot be explored"), "{said}");
    let said = exits(&["distinguish", broken, default, "--scenario", "lifo"], 2);
    assert!(said.contains("there is no scenario \"lifo\""), "{said}");
}

/// A run and a recording can be drawn; the page says how to get it again, and exits as any run does.
#[test]
fn runs_and_recordings_can_be_drawn() {
    let page = exits(
        &["run", "above-the-limit", "--seed", "2", "--format", "html"],
        0,
    );
    assert!(page.starts_with("<!DOCTYPE html>"), "{page:.100}");
    assert!(page.contains("Seed 2. <code>iocp run above-the-limit --seed 2 --format html</code>"));
    assert!(page.contains("All 4 expectations hold."), "{page}");
    // Five steps are no verdict, and the page says so.
    let cut = ["run", "no-switch", "--most-steps", "5", "--format"];
    let page = exits(&[&cut[..], &["html"]].concat(), 3);
    assert!(page.contains("No verdict: stopped after 5 steps"), "{page}");
    let file = exits(&[&cut[..], &["perfetto"]].concat(), 3);
    let file: serde_json::Value = serde_json::from_str(&file).expect("it is JSON");
    assert!(file["traceEvents"].is_array());
    let (name, bytes) = iocp_scenarios::recordings::all()[0];
    let path = self::file(name, bytes);
    assert!(exits(&["show", &path, "--format", "html"], 0).contains("Recorded on Wine 8.0."));
    let file = exits(&["show", &path, "--format", "perfetto"], 0);
    serde_json::from_str::<serde_json::Value>(&file).expect("it is JSON");
    let shrunk = ["run", "above-the-limit", "--shrink", "--format", "html"];
    assert!(exits(&shrunk, 2).contains("--shrink tells of a smaller scenario"));
    assert!(exits(&["show", "no-such-file", "--format", "html"], 2).contains("no-such-file"));
}
