//! What is wrong with a scenario file is said in a sentence, with its place; nothing in a file makes
//! the reader panic.

use iocp_scenarios::{
    catalogue,
    file::{MOST_BYTES, ScenarioError, parse, parse_bytes},
};

fn error(text: &str) -> ScenarioError {
    match parse("x.toml", text) {
        Err(error) => error,
        Ok(_) => panic!("this was accepted:\n{text}"),
    }
}

/// A scenario with a port p and a thread t of these steps.
fn steps(steps: &str) -> String {
    format!(
        "name = \"x\"\n[[port]]\nname = \"pond\"\n[[counter]]\nname = \"left\"\n[[thread]]\nname = \"worker\"\nprogram = [\n{steps}\n]\n"
    )
}

#[track_caller]
fn says(text: &str, message: &str, help: &str) {
    let error = error(text);
    assert_eq!(error.to_string(), message);
    assert!(
        error.help().contains(help) && (help.is_empty() == error.help().is_empty()),
        "help: {}",
        error.help()
    );
}

#[test]
fn keys_are_checked_and_near_ones_suggested() {
    says(
        "name = \"x\"\n[[port]]\nname = \"p\"\nconcurency = 1\n",
        "x.toml:4:1: a port has no `concurency`; did you mean `concurrency`?",
        "It has: name, concurrency.",
    );
    says(
        &steps("  { cal = \"Sleep\" },"),
        "x.toml:9:5: a step has no `cal`; did you mean `call`?",
        "It has: call, compute",
    );
    says(
        "color = 1",
        "x.toml:1:1: a scenario has no `color`.",
        "It has: name, title",
    );
    says("", "x.toml:1:1: a scenario needs a `name`.", "");
    says(
        "name = \"x\"\n[[port]]\nconcurrency = 1\n",
        "x.toml:2:1: a port needs a `name`.",
        "",
    );
    says(
        &steps("  { call = \"Sleep\", for = \"1ms\", timeout = \"1ms\" },"),
        "x.toml:9:44: `Sleep` does not take `timeout`.",
        "`Sleep` takes: for, alertable.",
    );
    says(
        &steps("  { call = \"Sleep\" },"),
        "x.toml:9:3: `Sleep` needs `for`.",
        "`Sleep` takes: for, alertable.",
    );
}

#[test]
fn names_are_checked_and_near_ones_suggested() {
    says(
        &steps("  { call = \"GetQueuedCompletionstatus\", port = \"pond\" },"),
        "x.toml:9:12: there is no call \"GetQueuedCompletionstatus\".",
        "Did you mean \"GetQueuedCompletionStatus\"?",
    );
    says(
        &steps("  { call = \"GetQueuedCompletionStatus\", port = \"pnd\" },"),
        "x.toml:9:48: there is no port \"pnd\".",
        "Did you mean \"pond\"? The handles are: pond.",
    );
    says(
        &steps("  { repeat = 2, do = [ { call = \"SuspendThread\", thread = \"wroker\" } ] },"),
        "x.toml:9:59: there is no thread \"wroker\".",
        "Did you mean \"worker\"?",
    );
    says(
        &steps("  { add = 1, counter = \"lft\" },"),
        "x.toml:9:24: there is no counter \"lft\".",
        "Did you mean \"left\"?",
    );
    says(
        &steps("  { call = \"Sleep\", for = \"1ms\", counts = \"lft\" },"),
        "x.toml:9:43: there is no counter \"lft\".",
        "Did you mean \"left\"?",
    );
    says(
        &steps("  { call = \"ExitThread\", counts = \"left\" },"),
        "x.toml:9:35: a call is counted when it returns, and `ExitThread` never does.",
        "Put { add = 1, counter = \"…\" } before it.",
    );
    says(
        &steps("  { add = 1, counter = \"left\", counts = \"left\" },"),
        "x.toml:9:41: `add` does not take `counts`.",
        "`add` takes: counter.",
    );
    says(
        &steps("  { until = \"worker wait on pond\" },"),
        "x.toml:9:13: \"worker wait on pond\" is not understood.",
        "\"T waits on P\"",
    );
    says(
        "name = \"x\"\nrules = [\n  \"KQ-02\",\n  \"KQ-999\",\n]\n",
        "x.toml:4:3: the rule book has no \"KQ-999\".",
        "Did you mean \"KQ-09\"?",
    );
}

#[test]
fn values_are_checked() {
    says(
        "name = \"x\"\n[[port]]\nname = \"p\"\nconcurrency = -1\n",
        "x.toml:4:15: `concurrency` is a number from 0 to 4294967295, not -1.",
        "",
    );
    says(
        "name = 3",
        "x.toml:1:8: `name` is a text in quotes, not 3.",
        "",
    );
    says(
        "name = \"x\"\nthread = 3\n",
        "x.toml:2:10: `thread` is a list, not 3.",
        "",
    );
    says(
        &steps("  { call = \"Sleep\", for = \"1 fortnight\" },"),
        "x.toml:9:27: `for` is a time with its unit (\"10ms\", \"250us\", \"2s\"), 0 or \"infinite\", \
         of at most 49 days, or a law such as { law = \"exponential\", mean = \"1ms\" }, not the \
         text \"1 fortnight\".",
        "",
    );
    says(
        &steps("  { until = 3 },"),
        "x.toml:9:13: `until` is a text or a list of texts, not 3.",
        "",
    );
    says(
        "name = \"x\"\n[[thread]]\nname = \"t\"\ncopies = 1000000000\n",
        "x.toml:4:10: the scenario has 1000000000 threads; at most 1024 are possible.",
        "Use fewer threads",
    );
    says(
        "name = \"x\"\n[[thread]]\nname = \"t\"\ncopies = 10000000000\n",
        "x.toml:4:10: `copies` is a number from 0 to 4294967295, not 10000000000.",
        "",
    );
    says(
        "name = \"x\"\n",
        "x.toml:1:1: the scenario has no thread, so nothing would happen.",
        "[[thread]]",
    );
    says(
        &steps("  { call = \"CreateEvent\", as = \"NULL\" },"),
        "x.toml:9:32: \"NULL\" always means what Windows means by it.",
        "another name",
    );
}

#[test]
fn expectations_are_checked() {
    let expect = |entry: &str| {
        format!(
            "name = \"x\"\nexpect = [\n  {entry},\n]\n[[port]]\nname = \"pond\"\n[[thread]]\nname = \"t\"\ncopies = 2\nprogram = [\n  \
             {{ call = \"GetQueuedCompletionStatus\", port = \"pond\", label = \"got\" }},\n]\n"
        )
    };
    says(
        &expect("{ result = \"t-1.gto\", is = \"packet\" }"),
        "x.toml:3:14: no call is labelled \"t-1.gto\".",
        "The labels are: got.",
    );
    says(
        &expect("{ result = \"got\", is = \"packet\" }"),
        "x.toml:3:14: several threads make a call labelled \"got\".",
        "Say which: t-1.got, t-2.got.",
    );
    says(
        &expect("{ result = \"t-1.got\" }"),
        "x.toml:3:3: this says nothing about the result.",
        "With `result` go: is, keys",
    );
    says(
        &expect("{ result = \"t-1.got\", depth = 3 }"),
        "x.toml:3:33: `depth` says nothing about a result.",
        "With `result` go: is, keys",
    );
    says(
        &expect("{ result = \"t-2.got\", is = \"packt\" }"),
        "x.toml:3:30: \"packt\" is no result.",
        "Did you mean \"packet\"?",
    );
    says(
        &expect("{ depth = 1 }"),
        "x.toml:3:3: this expectation is about nothing.",
        "one of: result",
    );
    says(
        &expect("{ port = \"pond\", depth = 1, under = \"windows-9\" }"),
        "x.toml:3:39: there is no profile \"windows-9\".",
        "Did you mean \"windows-7\"?",
    );
    says(
        &expect("{ thread = \"t-3\", state = \"ended\" }"),
        "x.toml:3:14: there is no thread \"t-3\".",
        "Did you mean \"t-1\"?",
    );
    assert!(parse("x", &expect("{ result = \"t-2.got.1\", is = \"never\" }")).is_ok());
    assert!(
        parse(
            "x",
            &expect("{ port = \"pond\", depth = 0, under = \"windows-xp+\" }")
        )
        .is_ok()
    );
}

#[test]
fn what_is_no_toml_is_told() {
    for text in [
        "name = \"x",
        "name = ",
        "[[port",
        "=",
        "a b",
        "name = \"x\"\nname = \"y\"\n",
        "\u{feff}\u{feff}",
    ] {
        let error = error(text);
        assert!(error.message().len() > 5, "{text:?}: {error}");
        assert!(error.span().end <= text.len(), "{text:?}: {error}");
    }
    let error = error("name = \"x\"\nname = \"y\"\n");
    assert_eq!((error.line(), error.column()), (2, 1));
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for depth in [50, 100, 10_000, 300_000] {
        let texts = [
            format!(
                "name = \"x\"\nrules = {}{}",
                "[".repeat(depth),
                "]".repeat(depth)
            ),
            format!(
                "name = \"x\"\nmachine = {}1{}",
                "{a=".repeat(depth),
                "}".repeat(depth)
            ),
            format!("name = \"x\"\n{}b = 1", "a.".repeat(depth)),
            format!("name = \"x\"\n[{}b]", "a.".repeat(depth)),
            format!(
                "name = \"x\"\n[[thread]]\nname = \"t\"\nprogram = {}{}",
                "[{repeat=1,do=".repeat(depth / 8),
                "}]".repeat(depth / 8)
            ),
            format!(
                "name = \"x\"\n[[thread]]\nname = \"t\"\nprogram = {}[]{}",
                "[{if={key=1},do=".repeat(depth / 8),
                "}]".repeat(depth / 8)
            ),
            format!("name = \"x\"\nrules = {}", "[".repeat(depth)),
        ];
        for text in texts {
            if let Err(error) = parse("x.toml", &text) {
                assert!(error.message().len() < 500, "{error}");
            }
        }
    }
}

#[test]
fn bytes_are_checked_before_anything_else() {
    let error = parse_bytes("x.toml", b"name = \"x\"\ntitle = \"\xff\"\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "x.toml:2:10: this is not UTF-8: byte 20 of the file begins no character."
    );
    let error = parse_bytes("x.toml", &vec![b' '; MOST_BYTES + 1]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "x.toml:1:1: the file has 1048577 bytes; at most 1048576 are read."
    );
    let long = format!("name = \"{}\"\n", "x".repeat(MOST_BYTES - 20));
    assert!(parse("x.toml", &long).unwrap_err().to_string().len() < 1000);
    let long = format!("{} = 1\n", "x".repeat(MOST_BYTES - 20));
    assert!(parse("x.toml", &long).unwrap_err().to_string().len() < 1000);
}

#[test]
fn columns_count_characters_and_lines_may_end_as_on_windows() {
    let error = error("name = \"x\"\r\ntitle = \"ä→\" colour = 1\r\n");
    assert_eq!((error.line(), error.column()), (2, 14));
}

/// Every file of the catalogue, cut off anywhere, and with a byte changed anywhere.
#[test]
fn a_damaged_file_is_an_error_or_another_scenario() {
    for entry in catalogue::all().iter().step_by(7) {
        let bytes = entry.text.as_bytes();
        for at in (0..bytes.len()).step_by(3) {
            let _ = parse_bytes("cut", &bytes[..at]);
            let mut changed = bytes.to_vec();
            changed[at] = b"]}\"=[{\x000-.\xc3\n,"[at / 3 % 13];
            if let Err(error) = parse_bytes("changed", &changed) {
                assert!(error.line() >= 1 && !error.message().is_empty());
            }
        }
    }
}

#[cfg(feature = "command")]
#[test]
fn the_command_points_into_the_file() {
    let error = error("name = \"x\"\n[[port]]\nname = \"p\"\nconcurency = 1\n");
    let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::none());
    let mut shown = String::new();
    handler.render_report(&mut shown, &error).unwrap();
    assert!(shown.contains("[x.toml:4:1]"), "{shown}");
    assert!(shown.contains("concurency = 1"), "{shown}");
    assert!(
        shown.contains("help: It has: name, concurrency."),
        "{shown}"
    );
}
