//! The pages of `iocp simulate`, `iocp advise` and `iocp fit`, as a user gets them: one file each, with
//! every figure that the JSON has.
//!
//! They are left in cargo's folder for tests, `simulate.html` and so on: to look at.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod page;

use iocp_scenarios::unit::Unit;
use page::check;
use serde_json::Value;
use std::process::{Command, Stdio};

/// What it says on standard output, if it exits like this.
#[track_caller]
fn iocp(arguments: &[&str], code: i32) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_iocp"))
        .args(arguments)
        .env("NO_COLOR", "1")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout);
    let also = text(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {said}{also}"
    );
    if code == 2 { also } else { said }
}

/// The page and the JSON of the same command. It is well-formed, needs nothing else, and names under
/// each figure the command that makes it, with this seed.
#[track_caller]
fn both(arguments: &[&str], code: i32, seed: Option<u64>) -> (String, Value) {
    let html = iocp(&[arguments, &["--format", "html"]].concat(), code);
    let json = iocp(&[arguments, &["--format", "json"]].concat(), code);
    let json: Value = serde_json::from_str(&json).unwrap();
    let path = format!("{}/{}.html", env!("CARGO_TARGET_TMPDIR"), arguments[0]);
    std::fs::write(path, &html).unwrap();
    check(&html);
    let figures = html.matches("<figcaption").count();
    assert!(figures > 2, "{figures} figures");
    let seed = seed.map_or(String::new(), |seed| format!("Seed {seed}. "));
    let by = format!(
        "<figcaption class=\"made\">{seed}<code>iocp {}",
        arguments[0]
    );
    assert_eq!(html.matches(&by).count(), figures, "{by}");
    (html, json)
}

/// The page has this text, whatever had to be escaped in it.
#[track_caller]
fn has(html: &str, text: &str) {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
    let escaped = escaped.replace('>', "&gt;").replace('"', "&quot;");
    assert!(html.contains(&escaped), "the page lacks: {text}");
}

/// Every metric of the JSON of `iocp simulate`: its name with dots, its value, its interval.
fn metrics(json: &Value) -> Vec<(String, f64, [f64; 2])> {
    fn walk(path: &str, json: &Value, found: &mut Vec<(String, f64, [f64; 2])>) {
        for (key, value) in json.as_object().into_iter().flatten() {
            let ends = json.get(format!("{key}_interval"));
            let number = |value: &Value| value.as_f64().unwrap_or(f64::INFINITY);
            match (value.as_f64(), ends) {
                (Some(mean), Some(ends)) => {
                    let ends = [number(&ends[0]).max(0.0), number(&ends[1])];
                    found.push((format!("{path}{key}"), mean, ends));
                }
                _ => walk(&format!("{path}{key}."), value, found),
            }
        }
    }
    let mut found = Vec::new();
    walk("", json, &mut found);
    found
}

#[test]
fn a_simulation_has_all_its_figures_on_a_page() {
    let arguments = [
        "simulate",
        "mm4",
        "--requests",
        "5000",
        "--seed",
        "7",
        "--set",
        "limit=3",
    ];
    let arguments = [&arguments[..], &["--set", "rate=2", "--quiet"]].concat();
    let (html, json) = both(&arguments, 0, Some(7));
    has(
        &html,
        &format!("{} --format html", json["command"].as_str().unwrap()),
    );
    let metrics = metrics(&json);
    assert!(metrics.len() > 28, "{metrics:?}");
    for (metric, mean, [low, high]) in metrics {
        let unit = Unit::of(&metric);
        let processor = metric.starts_with("processor.");
        let shown = |value| match processor {
            true => unit.text(value),
            false => unit.in_table(value),
        };
        let ends = format!("{} to {}", shown(low), shown(high));
        match processor {
            true => has(&html, &ends),
            // Beside each other, so that none stands for another.
            false => assert!(
                html.contains(&format!(
                    ">{}</td><td class=\"number\">{ends}</td>",
                    shown(mean)
                )),
                "the page lacks {metric}"
            ),
        }
    }
    for theory in json["theory"].as_array().unwrap() {
        has(&html, theory["name"].as_str().unwrap());
        has(&html, theory["says"].as_str().unwrap());
    }
    let warning = json["warnings"][0]["message"].as_str().unwrap();
    has(&html, warning);
    // The stretch is that which it says, with the stack of waiters.
    let first = json["warm_up"]["requests"].as_u64().unwrap() + 1;
    has(
        &html,
        &format!(
            "From the begin of request {first} to that of request {}",
            first + 30
        ),
    );
    assert!(html.contains(" waits on p, at the top of the stack, "));
    assert_eq!(
        html,
        iocp(&[&arguments[..], &["--format", "html"]].concat(), 0),
        "the same again"
    );
}

#[test]
fn what_does_not_keep_up_says_so_on_its_page() {
    let arguments = [
        "simulate",
        "mm4",
        "--requests",
        "2000",
        "--set",
        "rate=9",
        "--quiet",
    ];
    let (html, json) = both(&arguments, 3, Some(0));
    assert_eq!(json["stable"], false);
    has(&html, "It does not keep up with what arrives.");
}

/// Sixty-four threads of which a few do something, and more events than anyone looks at.
#[test]
fn a_stretch_shows_who_does_something() {
    let page = |name: &str, code: i32| {
        let arguments = [
            "simulate",
            name,
            "--requests",
            "2000",
            "--quiet",
            "--format",
            "html",
        ];
        iocp(&arguments, code)
    };
    let proxy = page("proxy", 0);
    check(&proxy);
    assert!(proxy.contains("<title>reader-1</title>"));
    assert!(!proxy.contains("<title>server-1</title>"));
    let fan_out = page("chat-fan-out", 0);
    has(&fan_out, "the first 1500 events are shown.");
}

#[test]
fn an_advice_has_all_that_it_says_on_a_page() {
    let arguments = [
        "advise",
        "mm4",
        "--slo",
        "wait.mean<400ms",
        "--slo",
        "utilisation<95%",
    ];
    let arguments = [
        &arguments[..],
        &[
            "--threads",
            "1..8",
            "--set",
            "processors=8",
            "--seed",
            "3",
            "--quiet",
        ],
    ]
    .concat();
    let (html, json) = both(&arguments, 0, Some(3));
    has(
        &html,
        &format!("{} --format html", json["command"].as_str().unwrap()),
    );
    has(&html, json["says"].as_str().unwrap());
    let all = |key: &str| json[key].as_array().unwrap().clone();
    for reason in all("limits").iter().chain(&all("risks")) {
        has(&html, reason["says"].as_str().unwrap());
    }
    has(&html, json["holds"]["because"].as_str().unwrap());
    // Each pool of the JSON has its figures, in the table and among the pools that were tried.
    let mut pools = all("defaults");
    pools.extend([json["advice"].clone(), json["one_less"].clone()]);
    for pool in &pools {
        let [threads, limit] = ["threads", "limit"].map(|key| pool[key].as_u64().unwrap());
        for metric in ["wait.mean", "utilisation"] {
            if pool["stable"] == false {
                assert!(html.contains(">does not keep up</td>"));
                continue;
            }
            let unit = Unit::of(metric);
            let figure = &pool["metrics"][metric];
            let mean = figure["mean"].as_f64().unwrap();
            let ends = &figure["interval"];
            let [low, high] = [0, 1].map(|end| ends[end].as_f64().unwrap());
            let ends = format!("{} to {}", unit.in_words(low.max(0.0)), unit.in_words(high));
            let cells = format!(
                ">{}</td><td class=\"number\">{ends}</td>",
                unit.in_words(mean)
            );
            assert!(html.contains(&cells), "the page lacks {metric} of {pool}");
            let limit = limit.min(threads);
            has(
                &html,
                &format!("limit {limit}, threads {threads}: {}", unit.text(mean)),
            );
        }
    }
    // One pool is the advice, once for each objective.
    assert_eq!(html.matches(" ★</td>").count(), 2);
    has(&html, "wait.mean<400ms, or may miss it. ");
    has(&html, "objective: utilisation<95%");
    assert_eq!(
        html,
        iocp(&[&arguments[..], &["--format", "html"]].concat(), 0),
        "the same again"
    );
}

#[test]
fn where_no_pool_will_do_the_page_has_the_best() {
    let arguments = [
        "advise",
        "mm4",
        "--slo",
        "wait.mean<1ms",
        "--threads",
        "1..4",
        "--quiet",
    ];
    let (html, json) = both(&arguments, 1, Some(0));
    has(&html, json["says"].as_str().unwrap());
    assert!(html.contains("★</span> the best that was found."));
}

#[test]
fn a_fit_has_its_laws_on_a_page() {
    let recording = "traces/recordings/load-open-60--wine-8.0--1.jsonl.gz";
    let arguments = ["fit", recording, "--compare"];
    let (html, json) = both(&arguments, 0, None);
    has(
        &html,
        &format!("iocp fit {recording} --compare --format html"),
    );
    has(&html, json["scenario"].as_str().unwrap());
    let model = &json["fitted"];
    let path = &model["workers"][0]["paths"][0];
    let phases = path["phases"].as_array().unwrap().iter();
    let mut laws: Vec<_> = phases.filter_map(|phase| phase.get("fitted")).collect();
    laws.push(&model["arrivals"][0]["gaps"]["fitted"]);
    assert_eq!(laws.len(), 3);
    for law in laws {
        let name = law["law"].as_str().unwrap();
        assert!(
            html.contains(&format!("</svg>{name}</li>")),
            "no curve of {name}"
        );
        has(&html, law["why"].as_str().unwrap());
        let number = |key: &str| law[key].as_f64().unwrap();
        let cells = [
            format!(">{name}</td>"),
            format!(">{}</td>", number("values")),
            format!(">{:.3}</td>", number("scv")),
            format!(">{:.4}</td>", number("distance")),
        ];
        for cell in cells {
            assert!(html.contains(&cell), "the page lacks {cell} of {name}");
        }
        for tried in law["tried"].as_array().unwrap() {
            let above = format!(">{:.0}</td>", tried["bic_above_best"].as_f64().unwrap());
            assert!(html.contains(&above), "the page lacks {tried} of {name}");
        }
    }
    assert_eq!(html.matches("</svg>rejected: log-normal, ").count(), 2);
    for (metric, pair) in json["compared"].as_object().unwrap() {
        let recorded = pair["recorded"].as_f64().unwrap();
        let off = 100.0 * (pair["simulated"].as_f64().unwrap() / recorded - 1.0);
        assert!(
            html.contains(&format!(">{off:+.1} %</td>")),
            "the page lacks {metric}"
        );
    }
}

#[test]
fn what_cannot_be_fitted_is_no_page() {
    let said = iocp(&["fit", "no-such.jsonl", "--format", "html"], 2);
    assert!(said.contains("cannot read no-such.jsonl"), "{said}");
    let recording = "traces/recordings/load-open-60--wine-8.0--1.jsonl.gz";
    let said = iocp(
        &["fit", recording, "--profile", "wine-8", "--format", "html"],
        2,
    );
    assert!(said.contains("--compare"), "{said}");
}

#[test]
fn there_are_no_other_formats() {
    for command in ["simulate", "advise", "fit"] {
        let said = iocp(&[command, "mm4", "--format", "pdf"], 2);
        assert!(
            said.contains("[possible values: human, json, html]"),
            "{said}"
        );
    }
}
