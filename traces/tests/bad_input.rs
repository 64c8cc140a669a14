//! Each way to be wrong, and the sentence that says so.

mod common;

use common::*;
use iocp_traces::{ReadError, Reader, Trace, read::Limits};
use std::io::{BufReader, Read};

/// The error that reading `file` ends with, and how many events came before.
fn read(file: impl Into<Vec<u8>>) -> (usize, ReadError) {
    let file = file.into();
    let mut events = 0;
    let reader = match Reader::new(&file[..]) {
        Ok(reader) => reader,
        Err(error) => return (0, error),
    };
    for event in reader {
        match event {
            Ok(_) => events += 1,
            Err(error) => return (events, error),
        }
    }
    panic!("nothing wrong with {:?}", String::from_utf8_lossy(&file));
}

fn header_line() -> String {
    serde_json::to_string(&header(simulator(), &["a", "b"], &["p"])).expect("a header is JSON")
}

fn after_header(lines: &str) -> Vec<u8> {
    format!("{}\n{lines}", header_line()).into_bytes()
}

/// A whole header with one thing changed.
fn header_with(field: &str, value: serde_json::Value) -> String {
    let mut header: serde_json::Value = serde_json::from_str(&header_line()).expect("it is JSON");
    header[field] = value;
    header.to_string()
}

#[test]
fn headers() {
    let names: Vec<_> = (0..70_000).map(|index| format!("t{index}")).collect();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (
            b"".to_vec(),
            "line 1: the file is empty; a trace begins with a header, which the program that makes it writes first. Make it again",
        ),
        (
            b"hello\n".to_vec(),
            "line 1, column 1: the first line is not the header of a trace, it is not even JSON: expected value. Is this the right file?",
        ),
        (
            b"[1, 2]\n".to_vec(),
            "line 1: the first line is not the header of a trace: that is a JSON object with `\"format\":\"iocp-trace\"`. Is this the right file?",
        ),
        (
            b"{}\n".to_vec(),
            "line 1: the first line is not the header of a trace: that is a JSON object with `\"format\":\"iocp-trace\"`. Is this the right file?",
        ),
        (
            b"{\"t\":0,\"event\":\"settled\"}\n".to_vec(),
            "line 1: the first line is an event, and should be the header: the beginning of the file is missing. Make or copy it again",
        ),
        (
            header_with("format", "perfetto".into()).into(),
            "line 1, column 2: the file says that its format is \"perfetto\"; a trace's is \"iocp-trace\". Is this the right file?",
        ),
        (
            header_with("version", 7.into()).into(),
            "line 1, column 24: the file is of version 7 of the format, this program reads version 1. Use a newer iocp-lab",
        ),
        (
            header_with("version", "one".into()).into(),
            "line 1, column 24: the header says that its version is \"one\"; a trace's is 1. The header was damaged or made up",
        ),
        (
            header_with("version", 0.into()).into(),
            "line 1, column 24: the header says that its version is 0; a trace's is 1. The header was damaged or made up",
        ),
        (
            header_with("processors", (-1).into()).into(),
            "line 1, column 158: the header says that it is of version 1, but it is not: invalid value: integer `-1`, expected u32. The header was damaged, or written by something else than iocp-lab",
        ),
        (
            header_with("colour", "red".into()).into(),
            "line 1, column 286: the header says that it is of version 1, but it is not: unknown field `colour`, expected one of `format`, `version`, `producer`, `processors`, `clock`, `threads`, `ports`, `scenario`, `expect`, `settled_ns`, `provenance`. The header was damaged, or written by something else than iocp-lab",
        ),
        (
            header_with("threads", serde_json::json!(["a", "a"])).into(),
            "line 1: the header names two threads `a`; events could not be told apart. Names must differ",
        ),
        (
            header_with("ports", serde_json::json!(["p", "p"])).into(),
            "line 1: the header names two ports `p`; events could not be told apart. Names must differ",
        ),
        (
            header_with("threads", names.into()).into(),
            "line 1: the header names 70000 threads; the most are 65536. If it is meant to be so, raise the limit `Limits::names`",
        ),
        (
            header_line()[..100].into(),
            "line 1, column 101: the file ends in the middle of this line. Make or copy the file again",
        ),
        (
            b"\xff\xfe{\0\"\0".to_vec(),
            "line 1, column 1: the file is UTF-16, as `>` in Windows PowerShell writes it; a trace is UTF-8. Let the program write the file itself",
        ),
    ];
    for (file, sentence) in cases {
        assert_eq!(read(file).1.to_string(), sentence);
    }
}

#[test]
fn events() {
    const BEGIN: &str = r#"{"t":5,"event":"begin","thread":"a","call":"ReadFile"}"#;
    const DAMAGED: &str = "The line was damaged, or written by something else than iocp-lab";
    const MISSING: &str = "Lines are missing, or were put in another order";
    let kernel = r#"{"t":5,"event":"kernel","what":"explodes"}"#;
    let port =
        r#"{"t":5,"event":"port","port":"p","depth":0,"active":0,"limit":1,"waiters":["x"]}"#;
    let cases: Vec<(String, usize, String)> = vec![
        (format!("{BEGIN}\n{{\"t\":6,\"eve"), 1, "line 3, column 12: the file ends in the middle of this line. The lines before are whole: delete this one to use them, or make or copy the file again".into()),
        ("{\"t\":6,\"eve\n".into(), 0, "line 2, column 11: the line is not JSON: EOF while parsing a string. Every line of a trace is one JSON object".into()),
        ("größer\n".into(), 0, "line 2, column 1: the line is not JSON: expected value. Every line of a trace is one JSON object".into()),
        (format!("{BEGIN}\n\n"), 1, "line 3: the line is empty; every line of a trace holds an event. Delete it".into()),
        ("7\n".into(), 0, format!("line 2, column 1: the line is not an event: invalid type: integer `7`, expected an event: an object with `t` and `event`. {DAMAGED}")),
        (r#"{"event":"settled"}"#.into(), 0, format!("line 2, column 19: the line is not an event: missing field `t`. {DAMAGED}")),
        (r#"{"t":-1,"event":"settled"}"#.into(), 0, format!("line 2, column 7: the line is not an event: invalid value: integer `-1`, expected u64. {DAMAGED}")),
        (r#"{"t":1,"event":"dances"}"#.into(), 0, "line 2, column 8: the line is not an event: there is no kind of event `dances`; there are `begin`, `end`, `until`, `reached`, `does`, `ends`, `kernel`, `port`, `settled`. Was the file written by a newer iocp-lab?".into()),
        (r#"{"t":1,"event":"settled","größe":1}"#.into(), 0, format!("line 2, column 32: the line is not an event: unknown field `größe`, expected one of `t`, `event`, `thread`, `call`, `with`, `return`, `last_error`, `status`, `packets`, `count`, `apcs`, `condition`, `seen`, `what`, `port`, `key`, `depth`, `active`, `limit`, `waiters`. {DAMAGED}")),
        (r#"{"t":1,"event":"ends","thread":"a","depth":1}"#.into(), 0, format!("line 2, column 36: the line is not an event: an event of kind `ends` has no field `depth`. {DAMAGED}")),
        (r#"{"t":1,"event":"end","thread":"a","call":"x"}"#.into(), 0, format!("line 2: the line is not an event: an event of kind `end` needs the field `return`. {DAMAGED}")),
        (r#"{"t":1,"t":1,"event":"settled"}"#.into(), 0, format!("line 2, column 10: the line is not an event: duplicate field `t`. {DAMAGED}")),
        (kernel.into(), 0, "line 2, column 25: the line is not an event: unknown variant `explodes`, expected one of `associated`, `dissociated`, `queued`, `queued-in-front`, `handed-over`, `handed-off`, `taken`, `discarded`, `waits`, `leaves-stack`, `blocks`, `unblocks`, `expires`. Was the file written by a newer iocp-lab?".into()),
        (r#"{"t":1,"event":"ends","thread":"c"}"#.into(), 0, "line 2, column 23: there is no thread `c` in the header. The header is of another trace, or the line was damaged".into()),
        (port.into(), 0, "line 2, column 65: there is no thread `x` in the header. The header is of another trace, or the line was damaged".into()),
        (port.replace("\"p\"", "\"q\""), 0, "line 2, column 23: there is no port `q` in the header. The header is of another trace, or the line was damaged".into()),
        (format!("{BEGIN}\n{}", BEGIN.replace("ReadFile", "Sleep")), 1, format!("line 3, column 37: the thread calls Sleep while it is in ReadFile, since line 2. {MISSING}")),
        (format!("{BEGIN}\n{}", r#"{"t":5,"event":"end","thread":"a","call":"Sleep","return":true}"#), 1, format!("line 3, column 35: the thread returns from Sleep, but it is in ReadFile, since line 2. {MISSING}")),
        (format!("{BEGIN}\n{}", r#"{"t":5,"event":"end","thread":"b","call":"ReadFile","return":true}"#), 1, format!("line 3, column 35: the thread returns from ReadFile, but it is in no call. {MISSING}")),
        (format!("{BEGIN}\n{}", r#"{"t":4,"event":"end","thread":"a","call":"ReadFile","return":true}"#), 1, format!("line 3, column 2: the time of `a` goes back, to 4 ns from 5 ns on line 2. {MISSING}")),
        (format!("{}\n{BEGIN}", r#"{"t":1,"event":"ends","thread":"a"}"#), 1, format!("line 3, column 24: `a` does something after its end on line 2. {MISSING}")),
        (format!("{}\n{BEGIN}", r#"{"t":1,"event":"settled"}"#), 1, format!("line 3, column 8: something happens after line 2 said that nothing happened any more. {MISSING}")),
        (format!("{BEGIN}\n{}", r#"{"t":4,"event":"settled"}"#), 1, format!("line 3, column 2: nothing happened after 4 ns, says this line, but something did at 5 ns. {MISSING}")),
    ];
    for (lines, before, sentence) in cases {
        let (events, error) = read(after_header(&lines));
        assert_eq!(error.to_string(), sentence);
        assert_eq!(events, before, "{lines}");
    }
}

#[test]
fn bytes_that_are_no_text() {
    let mut file = after_header("{\"t\":1,\"event\":\"gr\u{f6}\u{df}er ");
    file.extend_from_slice(b"\xff\"}\n");
    let sentence =
        "line 2, column 24: the byte 0xff is not UTF-8 here; a trace is UTF-8 throughout";
    assert_eq!(read(file.clone()).1.to_string(), sentence);
    assert_eq!(
        read(file).1.in_file("a.jsonl").to_string(),
        sentence.replace("line 2, column 24", "a.jsonl:2:24")
    );
    let mut file = after_header("{\"t\":1,\"event\":\"gr");
    file.push(0xc3);
    assert!(
        read(file)
            .1
            .message()
            .starts_with("the file ends in the middle of this line")
    );
}

/// Counts what is taken from it: an endless line.
#[derive(Debug)]
struct Endless(u64);

impl Read for &mut Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0 += buffer.len() as u64;
        buffer.fill(b' ');
        Ok(buffer.len())
    }
}

#[test]
fn a_line_without_end_is_not_kept() {
    let mut endless = Endless(0);
    let file = after_header("");
    let reader = Reader::new(BufReader::new(file.chain(&mut endless))).unwrap();
    let error = reader.map(Result::unwrap_err).next().unwrap();
    assert_eq!(
        error.to_string(),
        "line 2: the line is longer than 1048576 bytes. If it is meant to be so, raise the limit `Limits::line_bytes`"
    );
    assert!(endless.0 < 2 << 20);

    let mut endless = Endless(0);
    let error = Reader::new(BufReader::new(&mut endless)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("raise the limit `Limits::header_bytes`")
    );
    assert!(endless.0 < 17 << 20);
}

#[test]
fn limits_are_exact_and_can_be_raised() {
    let line = "{\"t\":1,\"event\":\"ends\",\"thread\":\"a\"}";
    let file = after_header(&format!("{line}\n{{\"t\":1,\"event\":\"settled\"}}\n"));
    let read = |limits: Limits| Trace::read_with_limits(&file[..], limits);
    let usual = Limits::default();
    assert!(
        read(Limits {
            line_bytes: line.len(),
            events: 2,
            ..usual
        })
        .is_ok()
    );
    assert!(
        read(Limits {
            bytes: file.len() as u64,
            names: 2,
            ..usual
        })
        .is_ok()
    );
    for (limits, sentence) in [
        (
            Limits {
                line_bytes: line.len() - 1,
                ..usual
            },
            "line 2: the line is longer than 34 bytes.",
        ),
        (
            Limits { events: 1, ..usual },
            "line 3: there are more than 1 events.",
        ),
        (
            Limits {
                bytes: file.len() as u64 - 1,
                ..usual
            },
            "line 3: the file is larger than",
        ),
        (
            Limits { names: 1, ..usual },
            "line 1: the header names 2 threads; the most are 1.",
        ),
    ] {
        let error = read(limits).unwrap_err().to_string();
        assert!(
            error.starts_with(sentence) && error.contains("raise the limit"),
            "{error}"
        );
    }
    let (trace, error) = Trace::read_start(&file[..], Limits { events: 1, ..usual }).unwrap();
    assert_eq!((trace.events.len(), error.unwrap().line()), (1, 3));
}

#[test]
fn harmless_differences_are_read() {
    // A byte order mark, Windows line ends, no line end at the end, any order between threads.
    let file = format!(
        "\u{feff}{}\r\n{}\r\n{}",
        header_line(),
        r#"{"t":9,"event":"does","thread":"a","what":"x"}"#,
        r#"{"what":"y","event":"does","thread":"b","t":3}"#,
    );
    assert_eq!(Trace::read(file.as_bytes()).unwrap().events.len(), 2);
}

/// A gzip file is read like the text in it, and says what is wrong with it.
#[test]
fn compressed_files() {
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;
    let line = r#"{"t":5,"event":"ends","thread":"a"}"#;
    let text = after_header(&format!("{line}\n"));
    let compress = |text: &[u8]| {
        let mut file = GzEncoder::new(Vec::new(), Compression::default());
        file.write_all(text).expect("memory takes it");
        file.finish().expect("memory takes it")
    };
    let whole = compress(&text);
    let trace = Trace::read(&text[..]).expect("it is whole");
    assert_eq!(Trace::read(&whole[..]).expect("it is whole"), trace);
    // Two files, one after the other, are one.
    let (first, second) = text.split_at(100);
    let joined = [compress(first), compress(second)].concat();
    assert_eq!(Trace::read(&joined[..]).expect("it is whole"), trace);

    let cut = &whole[..whole.len() - 9];
    let error = Trace::read(cut).unwrap_err().to_string();
    assert!(
        error.ends_with("it is compressed with gzip, and ends in the middle. Copy the file again"),
        "{error}"
    );
    let mut damaged = whole.clone();
    damaged[40] ^= 0x55;
    let error = Trace::read(&damaged[..]).unwrap_err().to_string();
    assert!(
        error.contains("compressed with gzip, and damaged"),
        "{error}"
    );
    let (_, error) = read(compress(b"hello\n"));
    assert!(error.to_string().contains("it is not even JSON"), "{error}");

    // What is small compressed and large in truth meets the limits of the text.
    let bomb = compress(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 100_000);
    let (_, error) = read(bomb);
    assert!(error.to_string().contains("header_bytes"), "{error}");
}
