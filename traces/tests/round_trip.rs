//! What is written is read again, and the two ways to write agree.

mod common;

use common::*;
use iocp_traces::{
    Change, Event, Happening, KernelEvent, Number, PortState, Reader, SeenPacket, SeenResult,
    Trace, Writer,
};
use std::{
    borrow::Cow,
    io::{self, Write},
};

/// A small generator: the same numbers on every machine.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }

    fn yes(&mut self) -> bool {
        self.below(2) == 0
    }

    fn small(&mut self) -> u32 {
        [0, 1, 258, u32::MAX][self.below(4) as usize]
    }

    fn number(&mut self) -> Number {
        Number([0, 7, 1 << 53, (1 << 53) + 1, u64::MAX][self.below(5) as usize])
    }

    fn text(&mut self) -> Cow<'static, str> {
        const TEXTS: [&str; 9] = [
            "",
            "p, infinite",
            "\"quoted\" \\ /",
            "line\nbreak\r\ttab",
            "\u{0}\u{1f}\u{7f}\u{8}\u{c}",
            "größer 漢字 🦀",
            "\u{2028}\u{feff}",
            "event",
            "}{",
        ];
        TEXTS[self.below(9) as usize].into()
    }

    fn result(&mut self) -> SeenResult {
        let packets = (0..self.below(3)).map(|_| SeenPacket {
            key: self.number(),
            overlapped: self.number(),
            bytes: self.number(),
            status: None,
        });
        let mut packets: Vec<_> = packets.collect();
        for packet in &mut packets {
            packet.status = self.yes().then(|| self.small());
        }
        SeenResult {
            success: self.yes(),
            last_error: self.yes().then(|| self.small()),
            status: self.yes().then(|| self.small()),
            packets,
            count: self.yes().then(|| self.small()),
            apcs: (0..self.below(3)).map(|apc| apc as u32).collect(),
        }
    }
}

const THREADS: [&str; 3] = ["a", "thread \"two\"", "größer"];
const CALLS: [&str; 3] = [GET, POST, "SomethingOfTheFuture\\"];

/// A legal trace of any kinds of event.
fn generated(seed: u64) -> Trace {
    let mut numbers = Numbers(seed * 2 + 1);
    let mut sheet = Sheet::new(simulator(), &THREADS, &["p", "q \u{1}"]);
    let mut calls = [None; 3];
    let mut at_ns = 0;
    for _ in 0..60 {
        at_ns += [0, 1, 1_000_000, 1 << 40][numbers.below(4) as usize];
        sheet.at(at_ns);
        let index = numbers.below(3) as usize;
        let thread: Cow<'static, str> = THREADS[index].into();
        let port: Cow<'static, str> = if numbers.yes() { "p" } else { "q \u{1}" }.into();
        sheet.push(match numbers.below(7) {
            0 | 1 => match calls[index].take() {
                Some(call) => {
                    let result = Cow::Owned(numbers.result());
                    Happening::End {
                        thread,
                        call: Cow::Borrowed(call),
                        result,
                    }
                }
                None => {
                    let call = CALLS[numbers.below(3) as usize];
                    calls[index] = Some(call);
                    Happening::Begin {
                        thread,
                        call: call.into(),
                        with: numbers.text(),
                    }
                }
            },
            2 => Happening::Until {
                thread,
                condition: numbers.text(),
            },
            3 => Happening::Reached {
                thread,
                condition: numbers.text(),
                seen: numbers.yes(),
            },
            4 => Happening::Does {
                thread,
                what: numbers.text(),
            },
            5 => Happening::Kernel(KernelEvent {
                what: Change::ALL[numbers.below(13) as usize],
                thread: numbers.yes().then_some(thread),
                port: numbers.yes().then_some(port),
                key: numbers.yes().then(|| numbers.number()),
            }),
            _ => Happening::Port(PortState {
                port,
                depth: numbers.small(),
                active: numbers.small(),
                limit: numbers.small(),
                waiters: THREADS[..numbers.below(4) as usize]
                    .iter()
                    .map(|t| (*t).into())
                    .collect(),
            }),
        });
    }
    sheet.ends(THREADS[0]).settled();
    sheet.trace
}

fn written(trace: &Trace) -> io::Result<Vec<u8>> {
    let mut writer = Writer::new(Vec::new(), &trace.header)?;
    for event in &trace.events {
        writer.event(event)?;
    }
    writer.finish()
}

#[test]
fn what_is_written_is_read_again() {
    for seed in 0..500 {
        let trace = generated(seed);
        let file = written(&trace).unwrap();
        let again = Trace::read(&file[..]).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(trace, again, "seed {seed}");
        assert_eq!(
            again.settled_at_ns(),
            trace.events.last().map(|event| event.at_ns)
        );
        assert_eq!(written(&again).unwrap(), file, "seed {seed}");
    }
}

/// The lines are written by hand; the derive says what they must be.
#[test]
fn lines_are_what_serde_derives() {
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..500 {
        let trace = generated(seed);
        let mut derived = serde_json::to_vec(&trace.header).unwrap();
        derived.push(b'\n');
        for event in &trace.events {
            serde_json::to_writer(&mut derived, event).unwrap();
            derived.write_all(b"\n").unwrap();
            let value = serde_json::to_value(event).unwrap();
            kinds.insert(format!("{} {}", value["event"], value["what"]));
            let line = value.to_string();
            assert_eq!(&serde_json::from_str::<Event<'_>>(&line).unwrap(), event);
        }
        let (file, derived) = (
            written(&trace).unwrap(),
            String::from_utf8(derived).unwrap(),
        );
        assert_eq!(String::from_utf8(file).unwrap(), derived, "seed {seed}");
    }
    for change in Change::ALL {
        assert!(
            kinds.contains(&format!("\"kernel\" \"{}\"", change.name())),
            "{change:?}"
        );
    }
    for kind in [
        "begin", "end", "until", "reached", "ends", "port", "settled",
    ] {
        assert!(kinds.contains(&format!("\"{kind}\" null")), "{kind}");
    }
}

/// Wherever a file is cut off or damaged, reading ends well, and nothing before is lost.
#[test]
fn any_bytes_can_be_read() {
    let trace = generated(1);
    let file = written(&trace).unwrap();
    let header = file.iter().position(|byte| *byte == b'\n').unwrap();
    for end in 0..file.len() {
        let lines = file[..end].iter().filter(|byte| **byte == b'\n').count();
        match Reader::new(&file[..end]) {
            Ok(reader) => {
                assert!(end >= header);
                let good = reader.take_while(Result::is_ok).count();
                assert!(good + 1 >= lines, "{good} events of {lines} lines");
            }
            Err(_) => assert!(end < header),
        }
    }
    let mut numbers = Numbers(7);
    for _ in 0..5_000 {
        let mut file = file.clone();
        for _ in 0..=numbers.below(3) {
            let at = numbers.below(file.len() as u64) as usize;
            file[at] = numbers.next() as u8;
        }
        if let Ok(reader) = Reader::new(&file[..]) {
            for error in reader.filter_map(Result::err) {
                assert!(error.line() > 1 && !error.to_string().is_empty());
            }
        }
    }
}
