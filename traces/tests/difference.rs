//! Two traces held against each other.

mod common;

use common::*;
use insta::assert_snapshot;
use iocp_traces::{Change::*, Trace, compare::compare};

fn posts(more: impl FnOnce(&mut Sheet)) -> Trace {
    let mut sheet = Sheet::new(simulator(), &["main", "worker-1", "worker-2"], &["p"]);
    sheet
        .begin("worker-1", GET, "p, infinite")
        .kernel(Waits, "worker-1", "p", None)
        .port("p", [0, 0, 1], &["worker-1"])
        .begin("worker-2", GET, "p, infinite")
        .kernel(Waits, "worker-2", "p", None)
        .port("p", [0, 0, 1], &["worker-1", "worker-2"]);
    for at in 1..10 {
        sheet.at(at * 1_000).does("main", "compute 1us");
    }
    sheet.begin("main", POST, "p, key 7");
    more(&mut sheet);
    sheet.trace
}

fn handed_to(sheet: &mut Sheet, worker: &'static str, other: &'static str) {
    sheet
        .kernel(HandedOver, worker, "p", Some(7))
        .port("p", [0, 1, 1], &[other])
        .end("main", POST, ok())
        .end(worker, GET, got(&[7]))
        .settled();
}

#[test]
fn equal_traces() {
    let trace = posts(|sheet| handed_to(sheet, "worker-2", "worker-1"));
    assert_eq!(compare(&trace, &trace), Ok(None));
}

#[test]
fn another_thread_gets_the_packet() {
    let first = posts(|sheet| handed_to(sheet, "worker-2", "worker-1"));
    let second = posts(|sheet| handed_to(sheet, "worker-1", "worker-2"));
    let difference = compare(&first, &second).unwrap().unwrap();
    assert_eq!((difference.event(), difference.field()), (Some(16), None));
    assert_snapshot!(difference);
}

#[test]
fn a_difference_that_the_columns_do_not_show() {
    let trace = |bytes: u64| {
        posts(|sheet| {
            let mut result = got(&[7]);
            result.packets[0].bytes = iocp_traces::Number(bytes);
            sheet.end("main", POST, ok()).end("worker-1", GET, result);
        })
    };
    assert_snapshot!(compare(&trace(1), &trace(2)).unwrap().unwrap());
}

#[test]
fn one_trace_goes_on() {
    let first = posts(|_| ());
    let second = posts(|sheet| {
        sheet.at(20_000).end("main", POST, ok());
    });
    assert_snapshot!(compare(&first, &second).unwrap().unwrap());
}

#[test]
fn headers_and_scenarios() {
    let first = posts(|_| ());
    let mut second = first.clone();
    second.header.scenario["threads"][1]["name"] = "c".into();
    let difference = compare(&first, &second).unwrap().unwrap();
    assert_eq!(difference.field(), Some("scenario"));
    assert_eq!(
        difference.to_string(),
        "The headers differ in `scenario`.\n  \
         first:  scenario.threads[1].name is \"b\"\n  \
         second: scenario.threads[1].name is \"c\""
    );
    second.header.threads.pop();
    assert_eq!(
        compare(&first, &second).unwrap().unwrap().to_string(),
        "The headers differ in `threads`.\n  \
         first:  [\"main\",\"worker-1\",\"worker-2\"]\n  \
         second: [\"main\",\"worker-1\"]"
    );
    let mut second = first.clone();
    second.header.scenario["more"] = true.into();
    let difference = compare(&first, &second).unwrap().unwrap();
    assert!(
        difference
            .to_string()
            .contains("first:  scenario.more is nothing")
    );
}

#[test]
fn a_simulation_is_no_recording() {
    let first = Sheet::new(simulator(), &[], &[]).trace;
    let second = Sheet::new(windows(), &[], &[]).trace;
    assert_eq!(
        compare(&first, &second).unwrap_err().to_string(),
        "the first trace is of simulator (windows-10-1607+), the second of Windows 10.0.22631: a \
         real kernel and a simulator need not choose the same order, so a simulation and a \
         recording cannot be compared line by line. Use `iocp check` to see whether the model can \
         do what the recording shows"
    );
}
