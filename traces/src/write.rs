//! Writes a trace: a header, then one event a line.
//!
//! The lines are written by hand rather than by serde's derive, which collects every event in a
//! tree first (`flatten` inside `tag`). The derive on [`Event`] stays the definition of the format:
//! a test holds the two against each other, for every kind of event.

use crate::{Event, Happening, Header, KernelEvent, Number, PortState, SeenPacket, SeenResult};
use std::io::{self, BufWriter};

/// Writes a trace.
///
/// It collects what it writes, so `out` need not be buffered. Call [`finish`](Self::finish) at the
/// end: only there do errors of the last write come to light.
///
/// ```
/// use iocp_traces::{Event, Happening, Header, Reader, Writer};
///
/// let header: Header = serde_json::from_value(serde_json::json!({
///     "format": "iocp-trace", "version": 1,
///     "producer": {"kind": "simulator", "version": "0.1.0", "profile": "windows-10-1607+",
///                  "strategy": "random", "seed": 7},
///     "processors": 1, "clock": "virtual", "threads": ["a"], "ports": ["p"], "scenario": {},
/// }))?;
/// let mut writer = Writer::new(Vec::new(), &header)?;
/// writer.event(&Event { at_ns: 5, what: Happening::Ends { thread: "a".into() } })?;
/// let file = writer.finish()?;
///
/// let mut reader = Reader::new(&file[..])?;
/// assert_eq!(reader.header(), &header);
/// assert_eq!(reader.next().transpose()?.map(|event| event.at_ns), Some(5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer<W: io::Write> {
    out: BufWriter<W>,
    line: Vec<u8>,
}

impl<W: io::Write> Writer<W> {
    /// Writes the header.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn new(out: W, header: &Header) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(64 * 1024, out);
        serde_json::to_writer(&mut out, header)?;
        io::Write::write_all(&mut out, b"\n")?;
        Ok(Self {
            out,
            line: Vec::with_capacity(256),
        })
    }

    /// Writes one event.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        self.line.clear();
        write_line(event, &mut self.line);
        self.line.push(b'\n');
        io::Write::write_all(&mut self.out, &self.line)
    }

    /// Hands everything to `out`, flushes it and gives it back.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn finish(self) -> io::Result<W> {
        let mut out = self
            .out
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        out.flush()?;
        Ok(out)
    }
}

/// Appends `event` as JSON, without a line end.
pub(crate) fn write_line(event: &Event<'_>, out: &mut Vec<u8>) {
    let mut line = Line(out);
    line.0.extend_from_slice(b"{\"t\":");
    line.digits(event.at_ns);
    match &event.what {
        Happening::Begin { thread, call, with } => {
            line.kind("begin");
            line.text("thread", thread);
            line.text("call", call);
            if !with.is_empty() {
                line.text("with", with);
            }
        }
        Happening::End {
            thread,
            call,
            result,
        } => {
            line.kind("end");
            line.text("thread", thread);
            line.text("call", call);
            line.result(result);
        }
        Happening::Until { thread, condition } => {
            line.kind("until");
            line.text("thread", thread);
            line.text("condition", condition);
        }
        Happening::Reached {
            thread,
            condition,
            seen,
        } => {
            line.kind("reached");
            line.text("thread", thread);
            line.text("condition", condition);
            line.truth("seen", *seen);
        }
        Happening::Does { thread, what } => {
            line.kind("does");
            line.text("thread", thread);
            line.text("what", what);
        }
        Happening::Ends { thread } => {
            line.kind("ends");
            line.text("thread", thread);
        }
        Happening::Kernel(KernelEvent {
            what,
            thread,
            port,
            key,
        }) => {
            line.kind("kernel");
            line.text("what", what.name());
            if let Some(thread) = thread {
                line.text("thread", thread);
            }
            if let Some(port) = port {
                line.text("port", port);
            }
            if let Some(key) = key {
                line.key("key");
                line.number(*key);
            }
        }
        Happening::Port(PortState {
            port,
            depth,
            active,
            limit,
            waiters,
        }) => {
            line.kind("port");
            line.text("port", port);
            line.count("depth", *depth);
            line.count("active", *active);
            line.count("limit", *limit);
            line.key("waiters");
            line.list(waiters, |line, waiter| line.string(waiter));
        }
        Happening::Settled {} => line.kind("settled"),
    }
    line.0.push(b'}');
}

/// A line in the making.
struct Line<'a>(&'a mut Vec<u8>);

impl Line<'_> {
    /// Names are plain: no escapes.
    fn key(&mut self, name: &str) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn kind(&mut self, kind: &str) {
        self.text("event", kind);
    }

    fn text(&mut self, name: &str, text: &str) {
        self.key(name);
        self.string(text);
    }

    fn count(&mut self, name: &str, count: u32) {
        self.key(name);
        self.digits(count.into());
    }

    fn truth(&mut self, name: &str, truth: bool) {
        self.key(name);
        self.0
            .extend_from_slice(if truth { b"true" } else { b"false" });
    }

    fn string(&mut self, text: &str) {
        self.0.push(b'"');
        if text.bytes().all(is_plain) {
            self.0.extend_from_slice(text.as_bytes());
        } else {
            for character in text.chars() {
                self.escaped(character);
            }
        }
        self.0.push(b'"');
    }

    /// As `serde_json` escapes: nothing but what must be.
    #[cold]
    fn escaped(&mut self, character: char) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let short = match character {
            '"' => b'"',
            '\\' => b'\\',
            '\n' => b'n',
            '\r' => b'r',
            '\t' => b't',
            '\u{8}' => b'b',
            '\u{c}' => b'f',
            '\0'..='\u{1f}' => {
                let code = character as usize;
                self.0.extend_from_slice(&[
                    b'\\',
                    b'u',
                    b'0',
                    b'0',
                    HEX[code >> 4],
                    HEX[code & 15],
                ]);
                return;
            }
            _ => {
                self.0
                    .extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return;
            }
        };
        self.0.extend_from_slice(&[b'\\', short]);
    }

    fn digits(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut first = digits.len();
        loop {
            first -= 1;
            // A single decimal digit.
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.0.extend_from_slice(&digits[first..]);
    }

    fn number(&mut self, number: Number) {
        if number.is_exact() {
            self.digits(number.0);
        } else {
            self.string(&number.to_string());
        }
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.0.push(b'[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.0.push(b',');
            }
            write(self, item);
        }
        self.0.push(b']');
    }

    fn result(&mut self, result: &SeenResult) {
        let SeenResult {
            success,
            last_error,
            status,
            packets,
            count,
            apcs,
        } = result;
        self.truth("return", *success);
        if let Some(error) = last_error {
            self.count("last_error", *error);
        }
        if let Some(status) = status {
            self.count("status", *status);
        }
        if !packets.is_empty() {
            self.key("packets");
            self.list(packets, |line, packet| line.packet(packet));
        }
        if let Some(count) = count {
            self.count("count", *count);
        }
        if !apcs.is_empty() {
            self.key("apcs");
            self.list(apcs, |line, apc| line.digits((*apc).into()));
        }
    }

    fn packet(&mut self, packet: &SeenPacket) {
        let SeenPacket {
            key,
            overlapped,
            bytes,
            status,
        } = packet;
        self.0.extend_from_slice(b"{\"key\":");
        self.number(*key);
        self.key("overlapped");
        self.number(*overlapped);
        self.key("bytes");
        self.number(*bytes);
        if let Some(status) = status {
            self.count("status", *status);
        }
        self.0.push(b'}');
    }
}

const fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\'
}
