//! The columnar view: each snapshot must be readable without the code.

mod common;

use common::*;
use insta::assert_snapshot;
use iocp_traces::{
    Change::*,
    SeenResult,
    columns::{Options, columns, columns_within},
};

const MS: u64 = 1_000_000;

/// Three workers and a producer: last in, first out; the limit; the hand-off when a thread blocks.
fn hand_off() -> Sheet {
    let mut sheet = Sheet::new(simulator(), &["main", "worker-1", "worker-2"], &["p"]);
    sheet
        .begin("worker-1", GET, "p, infinite")
        .kernel(Associated, "worker-1", "p", None)
        .kernel(Waits, "worker-1", "p", None)
        .port("p", [0, 0, 1], &["worker-1"])
        .begin("worker-2", GET, "p, infinite")
        .kernel(Associated, "worker-2", "p", None)
        .kernel(Waits, "worker-2", "p", None)
        .port("p", [0, 0, 1], &["worker-1", "worker-2"])
        .at(MS)
        .until("main", "worker-2 waits on p")
        .reached("main", "worker-2 waits on p", true)
        .begin("main", POST, "p, key 7")
        .kernel(HandedOver, "worker-2", "p", Some(7))
        .kernel(LeavesStack, "worker-2", "p", None)
        .port("p", [0, 1, 1], &["worker-1"])
        .end("main", POST, ok())
        .end("worker-2", GET, got(&[7]))
        .does("worker-2", "compute 200us")
        .begin("main", POST, "p, key 8")
        .kernel(Queued, "", "p", Some(8))
        .port("p", [1, 1, 1], &["worker-1"])
        .end("main", POST, ok())
        .ends("main")
        .at(MS + 200_000)
        .begin("worker-2", "WaitOutside", "infinite")
        .kernel(Blocks, "worker-2", "", None)
        .kernel(HandedOff, "worker-1", "p", Some(8))
        .kernel(LeavesStack, "worker-1", "p", None)
        .port("p", [0, 1, 1], &[])
        .end("worker-1", GET, got(&[8]))
        .at(3 * MS)
        .begin("worker-1", GET, "p, 10 ms")
        .kernel(Waits, "worker-1", "p", None)
        .port("p", [0, 0, 1], &["worker-1"])
        .at(13 * MS)
        .kernel(Expires, "worker-1", "", None)
        .kernel(LeavesStack, "worker-1", "p", None)
        .port("p", [0, 1, 1], &[])
        .end("worker-1", GET, failed(258))
        .ends("worker-1")
        .kernel(Dissociated, "worker-1", "p", None)
        .port("p", [0, 0, 1], &[])
        .settled();
    sheet
}

#[test]
fn two_threads_have_room_for_full_names() {
    let mut sheet = Sheet::new(simulator(), &["a", "b"], &["p"]);
    sheet
        .begin("a", GET, "p, infinite")
        .kernel(Waits, "a", "p", None)
        .port("p", [0, 0, 1], &["a"])
        .begin("b", POST, "p, key 7")
        .kernel(HandedOver, "a", "p", Some(7))
        .port("p", [0, 1, 1], &[])
        .end("b", POST, ok())
        .end("a", GET, got(&[7]))
        .settled();
    assert_snapshot!(columns(&sheet.trace, &Options::default()));
}

#[test]
fn hand_off_when_a_thread_blocks() {
    assert_snapshot!(columns(&hand_off().trace, &Options::default()));
}

#[test]
fn only_the_last_events_with_what_goes_on_from_before() {
    let options = Options {
        last: 6,
        legend: false,
        title: false,
        ..Options::default()
    };
    assert_snapshot!(columns(&hand_off().trace, &options));
}

#[test]
fn the_same_in_ascii_and_narrow() {
    let options = Options {
        width: 80,
        ascii: true,
        ..Options::default()
    };
    let text = columns(&hand_off().trace, &options);
    assert!(text.is_ascii());
    assert!(text.lines().all(|line| line.len() <= 80));
    assert_snapshot!(text);
}

#[test]
fn a_recording_has_no_port_and_real_times() {
    let mut sheet = Sheet::new(wine(), &["main", "worker-1", "worker-2"], &["p"]);
    sheet
        .at(104_200)
        .begin("worker-1", GET, "p, infinite")
        .at(121_900)
        .begin("worker-2", GET, "p, infinite")
        .at(125_000)
        .until("main", "worker-2 waits on p")
        .at(50_311_700)
        .reached("main", "worker-2 waits on p", false)
        .at(50_312_000)
        .begin("main", POST, "p, key 7")
        .at(50_313_100)
        .end("main", POST, ok())
        .begin("main", POST, "p, key 8")
        .at(50_313_900)
        .end("worker-1", GET, got(&[7]))
        .at(50_314_000)
        .end("main", POST, ok())
        .at(50_320_000)
        .ends("main")
        .ends("worker-1")
        .at(1_050_400_000)
        .settled();
    assert_snapshot!(columns(&sheet.trace, &Options::default()));
}

/// A producer and eight workers, in 120 columns.
#[test]
fn eight_workers() {
    const WORKERS: [&str; 8] = [
        "worker-1", "worker-2", "worker-3", "worker-4", "worker-5", "worker-6", "worker-7",
        "worker-8",
    ];
    let threads: Vec<_> = ["producer"].into_iter().chain(WORKERS).collect();
    let mut sheet = Sheet::new(simulator(), &threads, &["p"]);
    for (index, worker) in WORKERS.into_iter().enumerate() {
        sheet
            .begin(worker, GET, "p, infinite")
            .kernel(Associated, worker, "p", None)
            .kernel(Waits, worker, "p", None)
            .port("p", [0, 0, 2], &WORKERS[..=index]);
    }
    for (index, key) in (1..5).enumerate() {
        sheet.at(10_000 * (index as u64 + 1)).begin(
            "producer",
            POST,
            ["p, key 1", "p, key 2", "p, key 3", "p, key 4"][index],
        );
        if index < 2 {
            let worker = WORKERS[7 - index];
            sheet
                .kernel(HandedOver, worker, "p", Some(key))
                .port("p", [0, index as u32 + 1, 2], &WORKERS[..7 - index])
                .end("producer", POST, ok())
                .end(worker, GET, got(&[key]));
        } else {
            sheet
                .kernel(Queued, "", "p", Some(key))
                .port("p", [index as u32 - 1, 2, 2], &WORKERS[..6])
                .end("producer", POST, ok());
        }
    }
    sheet
        .ends("producer")
        .at(52_500)
        .begin("worker-8", GET, "p, infinite")
        .kernel(Taken, "worker-8", "p", Some(3))
        .port("p", [1, 2, 2], &WORKERS[..6])
        .end("worker-8", GET, got(&[3]))
        .at(53_750)
        .begin("worker-7", "Sleep", "5 ms")
        .kernel(Blocks, "worker-7", "", None)
        .kernel(HandedOff, "worker-6", "p", Some(4))
        .port("p", [0, 2, 2], &WORKERS[..5])
        .end("worker-6", GET, got(&[4]))
        .at(60_000)
        .settled();
    let text = columns(&sheet.trace, &Options::default());
    assert!(
        text.lines().all(|line| line.chars().count() <= 120),
        "{text}"
    );
    assert_snapshot!(text);
}

#[test]
fn what_else_can_happen() {
    let mut sheet = Sheet::new(
        simulator(),
        &["main", "io", "batch", "late"],
        &["first", "second"],
    );
    let status = |status: u32| SeenResult {
        success: status < 0x8000_0000,
        status: Some(status),
        ..SeenResult::default()
    };
    sheet
        .begin(
            "batch",
            "GetQueuedCompletionStatusEx",
            "first, 8, infinite, alertable",
        )
        .kernel(Associated, "batch", "first", None)
        .kernel(Waits, "batch", "first", None)
        .port("first", [0, 0, 4], &["batch"])
        .begin("main", "QueueUserAPC", "batch, 5")
        .kernel(LeavesStack, "batch", "first", None)
        .port("first", [0, 1, 4], &[])
        .end("main", "QueueUserAPC", ok())
        .end(
            "batch",
            "GetQueuedCompletionStatusEx",
            SeenResult {
                apcs: vec![5],
                ..failed(192)
            },
        )
        .begin("main", "ReadFile", "log")
        .end("main", "ReadFile", failed(997))
        .at(1_500)
        .kernel(Queued, "", "first", Some(u64::MAX))
        .port("first", [1, 1, 4], &[])
        .begin("io", "NtRemoveIoCompletion", "second, 0")
        .kernel(Associated, "io", "second", None)
        .port("second", [0, 1, 1], &[])
        .end("io", "NtRemoveIoCompletion", status(0x102))
        .begin("io", "NtQueryIoCompletion", "first")
        .end(
            "io",
            "NtQueryIoCompletion",
            SeenResult {
                count: Some(1),
                ..status(0)
            },
        )
        .begin("batch", "GetQueuedCompletionStatusEx", "first, 8, 0")
        .kernel(Taken, "batch", "first", Some(u64::MAX))
        .kernel(Taken, "batch", "first", Some(2))
        .port("first", [0, 1, 4], &[])
        .end("batch", "GetQueuedCompletionStatusEx", {
            let mut result = got(&[u64::MAX, 2]);
            result.packets[1].status = Some(0xc000_0120);
            result
        })
        .begin("batch", GET, "second, infinite")
        .kernel(Dissociated, "batch", "first", None)
        .kernel(Associated, "batch", "second", None)
        .kernel(Waits, "batch", "second", None)
        .port("first", [0, 0, 4], &[])
        .port("second", [0, 1, 1], &["batch"])
        .begin("main", "CloseHandle", "second")
        .kernel(LeavesStack, "batch", "second", None)
        .port("second", [0, 2, 1], &[])
        .end("main", "CloseHandle", ok())
        .end("batch", GET, failed(735))
        .at(2_000)
        .begin("io", GET, "first, infinite")
        .kernel(Waits, "io", "first", None)
        .port("first", [0, 0, 4], &["io"])
        .begin("main", "CreateIoCompletionPort", "log, first, key 3")
        .end("main", "CreateIoCompletionPort", failed(6))
        .settled();
    assert_snapshot!(columns(&sheet.trace, &Options::default()));
}

#[test]
fn long_names_and_evil_names() {
    let long = [
        "the-frontend-acceptor-thread-1",
        "the-frontend-acceptor-thread-2",
        "\u{1b}[2Jx",
    ];
    let mut sheet = Sheet::new(simulator(), &long, &["the-port-of-the-frontend"]);
    sheet
        .until(
            long[0],
            "the-frontend-acceptor-thread-2 waits on the-port-of-the-frontend",
        )
        .begin(long[1], GET, "the-port-of-the-frontend, infinite")
        .port("the-port-of-the-frontend", [0, 0, 1], &[long[1]])
        .reached(long[0], "", true)
        .does(long[2], "\u{1b}[31mred");
    let text = columns(
        &sheet.trace,
        &Options {
            width: 90,
            ..Options::default()
        },
    );
    assert!(!text.contains('\u{1b}'));
    assert_snapshot!(text);
}

#[test]
fn a_trace_of_nothing() {
    let text = columns(
        &Sheet::new(simulator(), &[], &[]).trace,
        &Options::default(),
    );
    assert_eq!(
        text,
        "Simulated: windows-10-1607+, strategy random, seed 7, 2 processors\n\ntime\n────\n"
    );
}

#[test]
fn a_long_trace_is_cut_off() {
    let mut sheet = Sheet::new(simulator(), &["a"], &[]);
    for _ in 0..10 {
        sheet.does("a", "compute 1us");
    }
    let text = columns_within(&sheet.trace, &Options::default(), 4);
    assert!(
        text.contains("... and 5 more events; `columns_within` shows more than 4 cells"),
        "{text}"
    );
}
