//! What a Windows I/O completion port *is*: a pure state machine, and the rules it obeys.
//!
//! A [`System`] is plain data: processes with handle tables, ports, files, objects to wait for,
//! threads, packets. It changes only by [`System::apply`], one [`Action`] at a time, and decides
//! nothing itself: all freedom is in which action comes next. Whoever drives it (a simulator, an
//! explorer, a checker of recordings, a reader at a prompt) makes that choice.
//!
//! ```
//! use iocp_model::{Action, Call, Handle, Outcome, Packet, Profile, System, Timeout};
//!
//! let mut system = System::new(Profile::default().semantics, 4);
//! let process = system.add_process();
//! let (port, handle) = system.add_port(process, 1);
//! let [server, client] = [(); 2].map(|()| system.add_thread(process));
//!
//! // A dequeue finds nothing and blocks; the thread is associated with the port now.
//! let get = Call::GetQueuedCompletionStatus { port: handle, timeout: Timeout::Infinite };
//! assert_eq!(system.apply(Action::Call(server, get), &mut ()), Ok(Outcome::Blocked));
//! assert_eq!(system.port(port).waiters, [server]);
//!
//! // A post is handed to it directly; the packet never joins the queue (KQ-02).
//! let post = Call::PostQueuedCompletionStatus { port: handle, packet: Packet::posted(7, 0, 42) };
//! system.apply(Action::Call(client, post), &mut ())?;
//! assert_eq!(system.port(port).depth(), 0);
//! assert_eq!(system.port(port).active, 1);
//!
//! // It returns with it.
//! let Outcome::Returned(result) = system.apply(Action::Return { thread: server, more: 0 }, &mut ())?
//! else { unreachable!() };
//! assert!(result.success());
//! assert_eq!(result.packets[0].key, 7);
//! # Ok::<(), iocp_model::NotEnabled>(())
//! ```
//!
//! # Where to look
//!
//! | module | holds |
//! |---|---|
//! | [`rules`] | the rule book as data: every rule with its sources; cited everywhere else by id |
//! | [`profile`] | what differs between kernels, as switches |
//! | [`mutant`] | rules broken on purpose |
//! | `queue` | the kernel queue: insert, remove, hand-off, the active count |
//! | `wait` | every other wait, suspension, the end of a thread |
//! | `io` | handles, ports as objects, files and their requests |
//! | [`invariants`] | what must hold after every step |
//! | [`encode`](System::encode) | the state as few bytes, for whoever stores millions of them |
//!
//! The crate knows no clock, no randomness, no input or output, no thread of its own.

#![forbid(unsafe_code)]

mod action;
mod call;
mod clone;
mod encode;
mod file;
mod handle;
#[cfg(feature = "serde")]
mod hex;
mod id;
pub mod invariants;
mod io;
pub mod mutant;
mod object;
mod observer;
mod packet;
mod port;
pub mod profile;
mod queue;
mod rename;
pub mod rules;
mod status;
mod system;
mod thread;
mod undo;
mod wait;

pub use action::{Action, Insert, NotEnabled};
pub use call::{Api, Call, Outcome, Packets, Returned, Value};
pub use encode::Encoder;
pub use file::{Association, DeviceAnswer, File, Request, RequestArguments};
pub use handle::{Access, Handle, HandleEntry, HandleTable, Object};
pub use id::{FileId, NameId, ObjectId, PortId, ProcessId, RequestId, ThreadId};
pub use mutant::{Kernel, Mutant, Mutants};
pub use object::{DispatcherObject, Kind};
pub use observer::{Event, Observer};
pub use packet::{Origin, Packet};
pub use port::{Port, PortLife};
pub use profile::{Profile, Semantics};
pub use status::{NtStatus, Win32Error};
pub use system::System;
pub use thread::{
    Dequeue, DequeuePhase, Frame, Target, Thread, ThreadState, Timeout, Wait, WaitPhase,
};
pub use undo::QueueChange;

use clone::clone_field_wise;
