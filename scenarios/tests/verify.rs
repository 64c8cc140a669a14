//! `iocp verify` on recordings, its list of expected failures, and how it exits.

use iocp_model::Kernel;
use iocp_scenarios::{
    catalogue, recordings,
    verify::{Case, Expectations, Outcome, Recorded, Standing, Turn},
};
use iocp_scheduler::conform::Options;
use iocp_traces::Trace;
use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

fn verify(arguments: &[&str], code: i32) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_iocp"))
        .arg("verify")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("iocp runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(code),
        "verify {arguments:?} said:\n{said}"
    );
    said
}

/// A path for a file of this test run.
fn path(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("verify-{name}"));
    path.display().to_string()
}

fn file(name: &str, content: impl AsRef<[u8]>) -> String {
    let path = path(name);
    fs::write(&path, content).expect("the test's folder can be written");
    path
}

/// A folder with recordings, as (name, content).
fn folder(name: &str, files: &[(&str, &[u8])]) -> String {
    let path = path(name);
    _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("the test's folder can be written");
    for (name, bytes) in files {
        fs::write(PathBuf::from(&path).join(name), bytes).expect("it can be written");
    }
    path
}

fn shipped_list() -> String {
    format!(
        "{}/../traces/expected-failures/wine-8.toml",
        env!("CARGO_MANIFEST_DIR")
    )
}

// ---------------------------------------------------------------- whole runs

/// What Wine is known to do otherwise is named.
#[test]
fn recordings_of_wine_break_the_rules_that_wine_is_known_to_break() {
    let said = verify(&["--recordings", "shipped"], 1);
    let (_, summary) = said
        .split_once("Broken rules")
        .expect("there is a summary of broken rules");
    for word in [
        "fifo-waiters",
        "WAIT-01",
        "no-limit",
        "Wine 8.0 against windows-10-1607+",
    ] {
        assert!(summary.contains(word), "{word} is not in:\n{summary}");
    }
}

#[test]
fn recordings_of_wine_conform_to_wine() {
    let said = verify(&["--recordings", "shipped", "--profile", "wine-8"], 0);
    assert!(!said.contains("FAIL"), "{said}");
    assert!(!said.contains("Broken rules"), "{said}");
}

/// The list that is kept for Wine says what the shipped recordings show.
#[test]
fn the_list_for_wine_is_up_to_date() {
    verify(
        &["--recordings", "shipped", "--expected", &shipped_list()],
        0,
    );
}

#[test]
fn a_list_that_was_written_is_obeyed_and_a_line_too_many_is_found() {
    let list = path("written.toml");
    _ = fs::remove_file(&list);
    verify(&["--recordings", "shipped", "--write-expected", &list], 0);
    verify(&["--recordings", "shipped", "--expected", &list], 0);

    let text = fs::read_to_string(&list).expect("it was written");
    let line = 1 + text
        .lines()
        .position(|line| line == "[diverges]")
        .expect("something diverges");
    let more = text.replace("[diverges]\n", "[diverges]\nbatch-dequeue = \"no more\"\n");
    let list = file("too-many.toml", more);
    let said = verify(&["--recordings", "shipped", "--expected", &list], 1);
    assert!(said.contains("PASSES UNEXPECTEDLY"), "{said}");
    let advice = format!("conforms now: remove line {} of {list}", line + 1);
    assert!(said.contains(&advice), "{said}");

    let fewer = text.replace("\nlifo-release = ", "\n#");
    let list = file("too-few.toml", fewer);
    let said = verify(&["--recordings", "shipped", "--expected", &list], 1);
    assert!(
        said.contains("FAILS                lifo-release "),
        "{said}"
    );
    assert!(said.contains(" 1 FAIL"), "{said}");
}

/// Reasons that somebody wrote stay when the list is written again.
#[test]
fn reasons_are_kept() {
    let old = file(
        "reasons.toml",
        "[diverges]\nlifo-release = \"my reason\"\nbatch-dequeue = \"mended\"\n",
    );
    let new = path("reasons-new.toml");
    verify(
        &[
            "--recordings",
            "shipped",
            "--expected",
            &old,
            "--write-expected",
            &new,
        ],
        0,
    );
    let text = fs::read_to_string(&new).expect("it was written");
    assert!(text.contains("lifo-release = \"my reason\""), "{text}");
    assert!(!text.contains("batch-dequeue"), "{text}");
    assert!(text.contains("\n[unstable]\n"), "{text}");
    assert!(text.starts_with(
        "# Expected failures, for `iocp verify --expected`.\nprofile = \"windows-10-1607+\"\n"
    ));
}

#[test]
fn a_budget_that_ran_out_is_exit_3() {
    let arguments = [
        "--recordings",
        "shipped",
        "--profile",
        "wine-8",
        "--most-states",
        "1",
    ];
    let said = verify(&arguments, 3);
    assert!(said.contains("--most-states N looks at more"), "{said}");
}

/// A file that cannot be read is exit 2, and the others are judged all the same.
#[test]
fn an_unreadable_recording_is_exit_2_and_hides_nothing() {
    let (name, good) = recordings::all()[0];
    let torn = &good[..good.len() / 2];
    let folder = folder("torn", &[(name, good), ("torn.jsonl", torn)]);
    for format in ["human", "json", "tap", "junit"] {
        let arguments = [
            "--recordings",
            &folder,
            "--profile",
            "wine-8",
            "--format",
            format,
        ];
        let said = verify(&arguments, 2);
        assert!(said.contains("torn.jsonl"), "{format}: {said}");
        assert!(said.contains("above-the-limit"), "{format}: {said}");
    }
}

#[test]
fn a_report_goes_into_a_file() {
    let report = path("report.xml");
    let arguments = [
        "--recordings",
        "shipped",
        "--format",
        "junit",
        "--report",
        &report,
    ];
    let said = verify(&arguments, 1);
    assert!(said.contains("Broken rules"), "{said}");
    let xml = fs::read_to_string(&report).expect("it was written");
    assert!(xml.starts_with("<?xml"), "{xml}");
    let said = verify(&["--recordings", "shipped", "--report", &report], 2);
    assert!(said.contains("--format json, tap or junit"), "{said}");
}

#[test]
fn bad_usage_is_exit_2_with_a_sentence() {
    let said = verify(&["--recordings", "shipped", "lifo-relase"], 2);
    assert!(said.contains("Did you mean \"lifo-release\"?"), "{said}");
    let said = verify(&["--recordings", "no-such-folder"], 2);
    assert!(said.contains("no-such-folder"), "{said}");
    let said = verify(
        &["--recordings", "shipped", "--expected", "no-such.toml"],
        2,
    );
    assert!(said.contains("cannot read no-such.toml"), "{said}");
    verify(&["--recordings", "shipped", "--out", "somewhere"], 2);
    if !cfg!(windows) {
        let said = verify(&[], 2);
        assert!(said.contains("run it on Windows or Wine"), "{said}");
    }
}

// ------------------------------------------------------------------- the list

fn wrong(text: &str) -> String {
    let names: Vec<_> = catalogue::all().iter().map(|entry| entry.name).collect();
    let error = Expectations::parse("list.toml", text.as_bytes(), Kernel::default(), &names)
        .expect_err("it is wrong");
    format!("{error} {}", error.help())
}

#[test]
fn what_is_wrong_with_a_list_is_said_with_its_line() {
    let tests = [
        (
            "[diverges]\nlifo-relase = \"\"\n",
            "list.toml:2:1: there is no scenario \"lifo-relase\". Did you mean \"lifo-release\"?",
        ),
        (
            "[diverge]\nlifo-release = \"\"\n",
            "list.toml:1:2: a list of expected failures has no `diverge`. Did you mean `diverges`?",
        ),
        (
            "[diverges]\nlifo-release = 3\n",
            "list.toml:2:16: why lifo-release fails is a text in quotes; it may be empty. ",
        ),
        (
            "hung = true\n",
            "list.toml:1:8: `hung` is a table: [hung]. Below it, a line is a scenario's name, =, and why it fails in quotes.",
        ),
        (
            "profile = \"wine-8\"\n",
            "list.toml:1:11: this list is about wine-8, and the recordings are checked against windows-10-1607+. Give --profile wine-8, or another list.",
        ),
        (
            "profile = \"wine-9\"\n",
            "list.toml:1:11: there is no profile \"wine-9\". `iocp verify --help` lists the profiles.",
        ),
        (
            "[diverges]\nlifo-release = \"\"\n[hung]\nlifo-release = \"\"\n",
            "list.toml:4:1: \"lifo-release\" is listed twice; the other place is line 2 of list.toml. Keep one of the two lines.",
        ),
    ];
    for (text, sentence) in tests {
        assert_eq!(wrong(text), sentence);
    }
    let said = wrong("[diverges]\nlifo-release because\n");
    assert!(said.starts_with("list.toml:2:"), "{said}");
}

#[test]
fn a_list_that_is_no_text_or_too_long_is_wrong() {
    let parse = |bytes: &[u8]| {
        let error = Expectations::parse("list.toml", bytes, Kernel::default(), &[]);
        error.expect_err("it is wrong").to_string()
    };
    let said = parse(b"[diverges]\n\xff");
    assert!(
        said.starts_with("list.toml:2:1: this is not UTF-8"),
        "{said}"
    );
    let long = vec![b'#'; iocp_scenarios::file::MOST_BYTES + 1];
    assert!(parse(&long).contains("more than 1048576 bytes"));
}

// -------------------------------------------------------------- the judgement

/// The shipped recordings of a scenario.
fn turns(scenario: &str) -> Vec<Turn> {
    let prefix = format!("{scenario}--");
    recordings::all()
        .iter()
        .filter(|(name, _)| name.starts_with(&prefix))
        .map(|(name, bytes)| {
            let trace = Trace::read(*bytes).expect("shipped recordings can be read");
            let recorded = Recorded::new(Some((*name).to_owned()), trace);
            Turn::Recorded(Box::new(recorded.expect("they are whole")))
        })
        .collect()
}

fn judge(turns: &[Turn]) -> Case {
    Case::judge("s", turns, Kernel::default(), Options::default())
}

#[test]
fn one_turn_that_hung_is_not_outweighed() {
    let mut all = turns("batch-dequeue");
    assert_eq!(judge(&all).outcome, Outcome::Conforms);
    all.push(Turn::Hung("it hung".into()));
    let case = judge(&all);
    assert_eq!(case.outcome, Outcome::Hung);
    assert_eq!(case.standing(), Standing::Fails);
    assert_eq!(case.says(), "hung in 1 of 4, conforms in 3");
    assert_eq!(
        case.telling().map(|finding| finding.says.as_str()),
        Some("it hung")
    );
}

#[test]
fn a_limit_is_no_success_and_hides_no_failure() {
    let mut all = turns("batch-dequeue");
    all.push(Turn::Limit("too much".into()));
    assert_eq!(judge(&all).standing(), Standing::NoVerdict);
    let mut all = turns("lifo-release");
    all.push(Turn::Limit("too much".into()));
    assert_eq!(judge(&all).outcome, Outcome::Diverges);
    assert_eq!(judge(&[]).outcome, Outcome::NoVerdict);
}

#[test]
fn a_scenario_that_conforms_sometimes_is_unstable() {
    let all: Vec<_> = turns("batch-dequeue")
        .into_iter()
        .chain(turns("lifo-release"))
        .collect();
    let case = judge(&all);
    assert_eq!(case.outcome, Outcome::Unstable);
    assert_eq!(case.says(), "unstable: diverges in 3 of 6, conforms in 3");
}

/// What explains one recording of a kernel must explain its other recordings, too.
#[test]
fn causes_explain_every_recording() {
    let all = turns("back-on-top");
    let causes = judge(&all).causes.expect("they diverge");
    assert!(!causes.sets.is_empty());
    for set in causes.sets {
        let kernel = Kernel {
            mutants: set,
            ..Kernel::default()
        };
        let case = Case::judge("s", &all, kernel, Options::default());
        assert_eq!(case.outcome, Outcome::Conforms, "{kernel}");
    }
}
