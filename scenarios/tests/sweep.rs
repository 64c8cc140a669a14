//! Sweeps: what a plan may say, and that the same comes out however it is run.

use iocp_scenarios::{
    file,
    sweep::{KEYS, SIMULATE, Sheet, Written},
};
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// The scenario of the book's page about sweeps.
const SERVER: &str = include_str!("../../book/src/sweep/server.toml");
/// Ten points of it.
const LIMITS: &str = include_str!("../../book/src/sweep/limits.toml");

// ------------------------------------------------------------------- plans

/// What is wrong with a plan, as it is shown: where, what, and what to do.
fn wrong(plan: &str) -> String {
    let server = file::parse("server.toml", SERVER).expect("the scenario can be read");
    let plan = Written::parse("limits.toml", plan.as_bytes());
    match plan.and_then(|plan| plan.with(&server.workload)) {
        Ok(plan) => format!("nothing: {} points", plan.points.len()),
        Err(error) if error.help().is_empty() => error.to_string(),
        Err(error) => format!("{error}\n    {}", error.help()),
    }
}

#[test]
fn bad_plans_are_told_with_their_place() {
    let over = |lines: &str| format!("scenario = \"server.toml\"\n[over]\n{lines}\n");
    let with = |rest: &str| over(&format!("limit = [1, 2]\nthreads = [2, 4]\n{rest}"));
    let plans = [
        String::new(),
        "scenario = \"server.toml\"\n".into(),
        "scenario = 4\n[over]\nlimit = 1\n".into(),
        "scenario = \"server.toml\"\n[ovr]\nlimit = [1]\n".into(),
        "scenario = \"server.toml\"\n[over\nlimit = [1]\n".into(),
        "scenario = \"server.toml\"\nprofile = \"windows-95\"\n[over]\nlimit = 1\n".into(),
        over("limit = []"),
        over("limit = [1, 2, 1]"),
        over("limit = [1, \"1\"]"),
        over("limit = { from = 1, to = 4, step = 0.5 }"),
        over("limit = { from = 4, to = 1, step = 1 }"),
        over("limit = { from = 1, to = 4, step = 0 }"),
        over("limit = { from = 1, to = 4, times = 1 }"),
        over("limit = { from = 1, to = 4 }"),
        over("limit = { from = 1, too = 4, step = 1 }"),
        over("limit = { from = 1, step = 1 }"),
        over("limit = { from = 1, to = \"4ms\", step = 1 }"),
        over("rate = { from = 0, to = 100, step = 50 }"),
        over("rate = [100, 0]"),
        over("limit = [1, -1]"),
        over("threads = [4, 0]"),
        over("threads = { from = 1, to = 2, step = 0.5 }"),
        over("thread = [1, 2]"),
        over("thread.workers.copies = [1, 2]"),
        over("thread.worker.copies = [1, 2000000]"),
        over("batch = [1, 2]"),
        over("thread.worker.program.0.do.1.compute.mean = [\"1ms\", \"fast\"]"),
        over("thread.worker.program.0.do.1.compute.law = [\"pareto\"]"),
        over("rate = { from = 1, to = 1000000, step = 1 }"),
        over("limit = { from = 1, to = 1000, step = 1 }\nrate = { from = 1, to = 1000, step = 1 }"),
        with("[where]\nthreads = \"at least limit\""),
        with("[where]\nthreads = \">= limits\""),
        with("[where]\nthread = \">= limit\""),
        with("[where]\nthreads = \"> 9\""),
        with("[simulate]\nrequest = 10"),
        with("[simulate]\nrequests = 0"),
        with("[simulate]\nprecision = 2"),
        with("[simulate]\nreplications = \"1..5\""),
        with("[simulate]\nof = \"latency.p98\""),
        with("[simulate]\nseed = -1"),
    ];
    let mut text = String::new();
    for plan in plans {
        writeln!(text, "{plan}--> {}\n", wrong(&plan)).expect("a string grows");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_plan_has_all_combinations_that_are_kept() {
    let server = file::parse("server.toml", SERVER).expect("the scenario can be read");
    let plan = Written::parse("limits.toml", LIMITS.as_bytes()).expect("the plan can be read");
    let plan = plan.with(&server.workload).expect("it can be simulated");
    let points: Vec<_> = (0..plan.points.len()).map(|at| plan.in_words(at)).collect();
    let wanted = [
        "limit=1 threads=2 rate=300",
        "limit=1 threads=2 rate=700",
        "limit=1 threads=4 rate=300",
        "limit=1 threads=4 rate=700",
        "limit=1 threads=8 rate=300",
        "limit=1 threads=8 rate=700",
        "limit=2 threads=4 rate=300",
        "limit=2 threads=4 rate=700",
        "limit=2 threads=8 rate=300",
        "limit=2 threads=8 rate=700",
    ];
    assert_eq!(points, wanted);
    assert_eq!(plan.program(9).workload.ports[0].concurrency, 2);
    let sheet = |shard: &str| Sheet::of(&plan, shard.parse().ok());
    assert_eq!(sheet("3/3").here().collect::<Vec<_>>(), [2, 5, 8]);
    assert_eq!(sheet("").here().count(), 10);
    let read = Sheet::parse(&sheet("3/3").to_json()).expect("what is written can be read");
    assert_eq!(read, sheet("3/3"));
    for bad in ["0/3", "4/3", "3", "1/0", "-1/3", "1/2/3"] {
        assert!(
            bad.parse::<iocp_scenarios::sweep::Shard>().is_err(),
            "{bad}"
        );
    }
}

#[test]
fn every_key_of_a_plan_is_in_the_book() {
    let page = include_str!("../../book/src/sweep.md");
    for key in KEYS.iter().chain(&SIMULATE) {
        assert!(
            page.contains(&format!("`{key}`")),
            "sweep.md does not explain {key}"
        );
    }
}

// ----------------------------------------------------------------- the command

/// A folder for a test, with the plan in it.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("sweep")
        .join(name);
    _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the folder can be made");
    fs::write(folder.join("server.toml"), SERVER).expect("it can be written");
    fs::write(folder.join("limits.toml"), LIMITS).expect("it can be written");
    folder
}

fn iocp(folder: &Path, arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_iocp"))
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("iocp runs")
}

/// What it says, on both streams.
#[track_caller]
fn exits(folder: &Path, arguments: &str, code: i32) -> String {
    let output = iocp(folder, arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "iocp {arguments}: {said}");
    said
}

/// The files of a folder and what is in them.
fn results(folder: &Path, name: &str) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder.join(name)).expect("there are results");
    let mut files: Vec<_> = files
        .map(|file| file.expect("it can be read").path())
        .map(|path| {
            let name = path.file_name().expect("a file").to_string_lossy();
            (name.into_owned(), fs::read(&path).expect("it can be read"))
        })
        .collect();
    files.sort();
    files
}

#[test]
fn however_it_is_run_the_results_are_the_same() {
    let here = folder("however");
    let said = exits(&here, "sweep limits.toml --threads 3", 0);
    assert!(said.contains("10 points: 6 done, 4 unstable"), "{said}");
    let whole = results(&here, "limits");
    let names: Vec<_> = whole.iter().map(|(name, _)| name.as_str()).collect();
    assert!(
        ["points.csv", "points.parquet", "report.html"]
            .iter()
            .all(|name| names.contains(name)),
        "{names:?}"
    );
    assert!(whole.iter().any(|(_, bytes)| bytes.starts_with(b"PAR1")));

    // A curve that is alone has its name in the text.
    let page = fs::read_to_string(here.join("limits/report.html")).expect("there is a page");
    assert!(page.contains("Percentiles at rate 700"));
    assert!(page.contains("Only limit 2 keeps up there."));

    // Without threads.
    exits(&here, "sweep limits.toml --threads 1 --out one", 0);
    assert!(results(&here, "one") == whole, "threads change the results");

    // It was killed in the middle of a line: what is whole is kept.
    let lines = here.join("one/points.jsonl");
    let text = fs::read_to_string(&lines).expect("there are lines");
    let whole_of = |text: &str, lines: usize| {
        let end = text.match_indices('\n').nth(lines - 1);
        text.as_bytes()[..=end.expect("there are ten").0].to_vec()
    };
    let torn = [whole_of(&text, 4), text.as_bytes()[..100].to_vec()].concat();
    fs::write(&lines, torn).expect("it can be written");
    let said = exits(&here, "sweep limits.toml --out one", 0);
    assert!(
        said.contains("the last line is cut short, and dropped"),
        "{said}"
    );
    assert!(said.contains("4 of 10 points are done already"), "{said}");
    assert!(
        results(&here, "one") == whole,
        "going on changes the results"
    );

    // Even in the middle of a character; and a line of something else is told with its number.
    let torn = [whole_of(&text, 4), b"{\"\xc3".to_vec()].concat();
    fs::write(&lines, torn).expect("it can be written");
    let said = exits(&here, "sweep limits.toml --out one", 0);
    assert!(said.contains("4 of 10 points are done already"), "{said}");
    fs::write(&lines, [whole_of(&text, 4), b"\xff\n".to_vec()].concat())
        .expect("it can be written");
    for command in ["sweep limits.toml --out one", "merge one --out other"] {
        let said = exits(&here, command, 2);
        assert!(
            said.contains("points.jsonl:5: this line is no result"),
            "{said}"
        );
    }

    // In shards.
    for shard in 1..=3 {
        exits(
            &here,
            &format!("sweep limits.toml --shard {shard}/3 --out s{shard} --quiet"),
            0,
        );
    }
    let said = exits(&here, "merge s1 s3 --out merged", 3);
    let missing = "3 of 10 points are missing: 2, 5, 8. To simulate them: iocp sweep limits.toml --out merged";
    assert!(said.contains(missing), "{said}");
    let said = exits(&here, "merge s1 s2 s3 s2 --out merged", 0);
    assert!(
        said.contains("3 points had been simulated more than once"),
        "{said}"
    );
    assert!(
        results(&here, "merged") == whole,
        "shards change the results"
    );
}

#[test]
fn results_of_different_plans_are_not_mixed() {
    let here = folder("mixed");
    exits(&here, "sweep limits.toml --shard 5/5 --out out", 0);
    let before = results(&here, "out");
    let said = exits(&here, "sweep limits.toml --out out", 2);
    assert!(said.contains("out holds results of shard 5/5."), "{said}");
    fs::write(here.join("other.toml"), LIMITS.replace("10%", "20%")).expect("it can be written");
    let said = exits(&here, "sweep other.toml --shard 5/5 --out out", 2);
    assert!(
        said.contains("another plan (not the same: `[simulate]`)"),
        "{said}"
    );
    assert!(said.contains("--again"), "{said}");
    exits(&here, "sweep other.toml --shard 1/5 --out other", 0);
    let said = exits(&here, "merge out other --out merged", 2);
    assert!(
        said.contains("out and other are of different plans"),
        "{said}"
    );
    let said = exits(&here, "merge out nothing --out merged", 2);
    assert!(said.contains("nothing has no plan.json"), "{said}");
    assert!(!here.join("merged").exists());
    let said = exits(&here, "sweep limits.toml --out server.toml", 2);
    assert!(said.contains("server.toml is a file"), "{said}");
    // A mistake in the plan does not touch what is there.
    fs::write(
        here.join("limits.toml"),
        LIMITS.replace("limit = [1, 2]", "limit = []"),
    )
    .expect("it can be written");
    let said = exits(&here, "sweep limits.toml --shard 5/5 --out out", 2);
    assert!(
        said.contains("limits.toml:4:9: `limit` has no values"),
        "{said}"
    );
    assert!(results(&here, "out") == before, "results are lost");
    // Results that somebody has changed.
    let lines = here.join("out/points.jsonl");
    let text = fs::read_to_string(&lines).expect("there are lines");
    fs::write(here.join("limits.toml"), LIMITS).expect("it can be written");
    fs::create_dir(here.join("changed")).expect("it can be made");
    fs::copy(here.join("out/plan.json"), here.join("changed/plan.json")).expect("it can be copied");
    let changed = text.replacen("\"seed\":0", "\"seed\":1", 1);
    fs::write(here.join("changed/points.jsonl"), changed).expect("it can be written");
    let said = exits(&here, "merge out changed --out merged", 2);
    assert!(
        said.contains("point 5 is in out and in changed, and is not the same in both"),
        "{said}"
    );
    assert!(!here.join("merged").exists(), "half of it was written");
    exits(&here, "merge changed --out half", 3);
    let said = exits(&here, "merge out --out half", 2);
    assert!(said.contains("--again forgets what is in half."), "{said}");
    fs::write(&lines, text.replacen("\"limit\"", "\"limits\"", 1)).expect("it can be written");
    let said = exits(&here, "sweep limits.toml --shard 5/5 --out out", 2);
    assert!(
        said.contains("points.jsonl:1: this line is no result: `limit` is no value"),
        "{said}"
    );
    exits(&here, "sweep limits.toml --shard 5/5 --out out --again", 0);
    assert!(
        results(&here, "out") == before,
        "beginning again changes the results"
    );
}

#[test]
fn what_a_plan_names_is_told_with_its_place() {
    let here = folder("names");
    let plan = |scenario: &str| {
        let plan = LIMITS.replace("server.toml", scenario);
        fs::write(here.join("limits.toml"), plan).expect("it can be written");
    };
    plan("servr.toml");
    let said = exits(&here, "sweep limits.toml", 2);
    assert!(said.contains("there is no file servr.toml"), "{said}");
    assert!(said.contains("limits.toml:1:12"), "{said}");
    plan("lifo-releas");
    let said = exits(&here, "sweep limits.toml", 2);
    assert!(said.contains("lifo-release"), "{said}");
    // A law without a mean, and values with a broken line.
    let exponential = "{ law = \"exponential\", mean = \"1ms\" }";
    for (law, says) in [
        (
            "{ law = \"pareto\", mean = \"1ms\", shape = 1.0 }",
            "─[server.toml:22:",
        ),
        (
            "{ law = \"empirical\", file = \"gaps.csv\" }",
            "gaps.csv:2:",
        ),
    ] {
        let server = SERVER.replacen(exponential, law, 1);
        fs::write(here.join("server.toml"), server).expect("it can be written");
        fs::write(here.join("gaps.csv"), "1ms\nsoon\n").expect("it can be written");
        plan("server.toml");
        let said = exits(&here, "sweep limits.toml", 2);
        assert!(said.contains(says), "{said}");
        assert!(!here.join("limits").exists());
    }
}

#[test]
fn limits_and_threads_alone_have_a_heat_map() {
    let here = folder("map");
    let plan = LIMITS.replace("rate = { from = 300, to = 700, step = 400 }", "rate = 300");
    fs::write(here.join("limits.toml"), plan).expect("it can be written");
    exits(&here, "sweep limits.toml", 0);
    let page = fs::read_to_string(here.join("limits/report.html")).expect("there is a page");
    for title in ["Latency against limit", "Latency", "Percentiles at limit 2"] {
        assert!(page.contains(&format!("<h2>{title}</h2>")), "{title}");
    }
    assert!(page.contains("by limit and threads"));
    // 2,000 requests are too few for p99.99, and the table does not hide it.
    assert!(
        page.contains(" to ?</td>"),
        "a percentile that nobody knows"
    );
    assert!(page.contains("the replications were too short"), "{page}");
}

/// More replications than there may be are no answer; an unstable system is one.
#[test]
fn a_point_that_is_not_sure_is_exit_3() {
    let here = folder("sure");
    let plan = LIMITS.replace("\"10%\"", "\"0.1%\"\nreplications = \"2..3\"");
    fs::write(here.join("limits.toml"), plan).expect("it can be written");
    let said = exits(&here, "sweep limits.toml", 3);
    assert!(said.contains("7 imprecise"), "{said}");
    assert!(
        said.contains("after 3 replications the interval is"),
        "{said}"
    );
}
