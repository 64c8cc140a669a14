//! Traces made by hand, for the tests of this folder.
#![allow(dead_code, reason = "no test uses all of it")]

use iocp_traces::{
    Change, Event, Happening, Header, KernelEvent, Number, PortState, SeenPacket, SeenResult, Trace,
};
use serde_json::json;
use std::borrow::Cow;

pub(crate) const GET: &str = "GetQueuedCompletionStatus";
pub(crate) const POST: &str = "PostQueuedCompletionStatus";

pub(crate) fn simulator() -> serde_json::Value {
    json!({"kind": "simulator", "version": "0.1.0", "profile": "windows-10-1607+",
           "strategy": "random", "seed": 7})
}

pub(crate) fn windows() -> serde_json::Value {
    json!({"kind": "windows", "build": "10.0.22631", "recorder": "0.1.0"})
}

pub(crate) fn wine() -> serde_json::Value {
    json!({"kind": "wine", "version": "8.0", "claims": "10.0.19043", "recorder": "0.1.0"})
}

pub(crate) fn header(producer: serde_json::Value, threads: &[&str], ports: &[&str]) -> Header {
    let clock = if producer["kind"] == "simulator" {
        "virtual"
    } else {
        "performance-counter"
    };
    serde_json::from_value(json!({
        "format": "iocp-trace", "version": 1, "producer": producer, "processors": 2,
        "clock": clock, "threads": threads, "ports": ports,
        "scenario": {"name": "by hand", "threads": [{"name": "a"}, {"name": "b"}]},
    }))
    .expect("a header by the schema")
}

/// Writes a trace down, event after event.
pub(crate) struct Sheet {
    pub(crate) trace: Trace,
    at_ns: u64,
}

impl Sheet {
    pub(crate) fn new(producer: serde_json::Value, threads: &[&str], ports: &[&str]) -> Self {
        let header = header(producer, threads, ports);
        Self {
            trace: Trace {
                header,
                events: Vec::new(),
            },
            at_ns: 0,
        }
    }

    pub(crate) fn at(&mut self, at_ns: u64) -> &mut Self {
        self.at_ns = at_ns;
        self
    }

    pub(crate) fn push(&mut self, what: Happening<'static>) -> &mut Self {
        self.trace.events.push(Event {
            at_ns: self.at_ns,
            what,
        });
        self
    }

    pub(crate) fn begin(
        &mut self,
        thread: &'static str,
        call: &'static str,
        with: &'static str,
    ) -> &mut Self {
        self.push(Happening::Begin {
            thread: thread.into(),
            call: call.into(),
            with: with.into(),
        })
    }

    pub(crate) fn end(
        &mut self,
        thread: &'static str,
        call: &'static str,
        result: SeenResult,
    ) -> &mut Self {
        let result = Cow::Owned(result);
        self.push(Happening::End {
            thread: thread.into(),
            call: call.into(),
            result,
        })
    }

    pub(crate) fn does(&mut self, thread: &'static str, what: &'static str) -> &mut Self {
        self.push(Happening::Does {
            thread: thread.into(),
            what: what.into(),
        })
    }

    pub(crate) fn until(&mut self, thread: &'static str, condition: &'static str) -> &mut Self {
        self.push(Happening::Until {
            thread: thread.into(),
            condition: condition.into(),
        })
    }

    pub(crate) fn reached(
        &mut self,
        thread: &'static str,
        condition: &'static str,
        seen: bool,
    ) -> &mut Self {
        self.push(Happening::Reached {
            thread: thread.into(),
            condition: condition.into(),
            seen,
        })
    }

    pub(crate) fn ends(&mut self, thread: &'static str) -> &mut Self {
        self.push(Happening::Ends {
            thread: thread.into(),
        })
    }

    pub(crate) fn settled(&mut self) -> &mut Self {
        self.push(Happening::Settled {})
    }

    /// Something inside the kernel; a thread or a port of "" is none.
    pub(crate) fn kernel(
        &mut self,
        what: Change,
        thread: &'static str,
        port: &'static str,
        key: Option<u64>,
    ) -> &mut Self {
        let some = |name: &'static str| (!name.is_empty()).then(|| name.into());
        let (thread, port) = (some(thread), some(port));
        self.push(Happening::Kernel(KernelEvent {
            what,
            thread,
            port,
            key: key.map(Number),
        }))
    }

    pub(crate) fn port(
        &mut self,
        port: &'static str,
        [depth, active, limit]: [u32; 3],
        waiters: &[&'static str],
    ) -> &mut Self {
        let waiters = waiters.iter().map(|name| (*name).into()).collect();
        let port = port.into();
        self.push(Happening::Port(PortState {
            port,
            depth,
            active,
            limit,
            waiters,
        }))
    }
}

pub(crate) fn ok() -> SeenResult {
    SeenResult {
        success: true,
        ..SeenResult::default()
    }
}

pub(crate) fn failed(error: u32) -> SeenResult {
    SeenResult {
        last_error: Some(error),
        ..SeenResult::default()
    }
}

pub(crate) fn packet(key: u64) -> SeenPacket {
    SeenPacket {
        key: Number(key),
        overlapped: Number(0),
        bytes: Number(0),
        status: None,
    }
}

pub(crate) fn got(keys: &[u64]) -> SeenResult {
    SeenResult {
        packets: keys.iter().copied().map(packet).collect(),
        ..ok()
    }
}
