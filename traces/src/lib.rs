//! What was *observed* of a completion port, by the simulator or by a recorder on a real kernel.
//!
//! A trace is a file of JSON lines: a [`Header`], then one [`Event`] a line. The header carries the
//! whole scenario, so a recording needs no other file; this crate passes the scenario on without
//! looking into it.
//!
//! | module | holds |
//! |---|---|
//! | [`event`] | the header and the events |
//! | [`seen`] | what of a call's result a program can see |
//! | [`mod@read`] | a streaming reader that says file, line and column of what it cannot read |
//! | [`write`](mod@write) | the writer |
//! | [`compare`](mod@compare) | two traces of the same kind: the first difference, in context |
//! | [`columns`](mod@columns) | the columnar text view: one column a thread |
//! | [`spans`] | what each thread was doing from when to when; ports over time; where packets went |
//! | [`perfetto`] | a trace as Perfetto and Chrome read it |
//!
//! The crate knows the model's values (statuses, packets). It does not know programs, schedules or
//! files: it reads from and writes to whatever it is given.

#![forbid(unsafe_code)]

pub mod columns;
pub mod compare;
pub mod event;
pub mod perfetto;
pub mod read;
pub mod seen;
pub mod spans;
pub mod write;

pub use event::{
    Change, Clock, Event, Happening, Header, KernelEvent, PortState, Producer, Verdict,
};
pub use read::{ReadError, Reader, Trace};
pub use seen::{Number, SeenPacket, SeenResult};
pub use write::Writer;
