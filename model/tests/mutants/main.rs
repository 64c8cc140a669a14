//! Each mutant by itself: a short program that shows one thing where all rules hold and another
//! where the mutant is in force.
#![allow(clippy::unwrap_used)]

#[path = "../lab/mod.rs"]
mod lab;

mod files;
mod heard;
mod ports;
mod posts;
mod queue;
mod rest;
mod results;
mod time;

use iocp_model::{
    Access, Action, Call, DeviceAnswer, Handle, Insert, Kind, Mutant, Mutants, NameId, NtStatus,
    Object, Packet, RequestId, ThreadId, Timeout, Value,
};
use lab::{Door, Lab, Step, packet};
use std::collections::BTreeSet;

/// The program shows `ruled` on the newest Windows and `broken` if this mutant is in force. Where
/// all rules hold, the observer hears of the mutant, so that whoever looks for it tries it.
#[track_caller]
fn shows<T: PartialEq + core::fmt::Debug>(
    mutant: Mutant,
    program: impl Fn(&mut Lab) -> T,
    ruled: T,
    broken: T,
) {
    assert_ne!(ruled, broken, "{mutant:?}");
    let mut lab = Lab::broken(Mutants::NONE, 1);
    assert_eq!(program(&mut lab), ruled, "{mutant:?}: all rules hold");
    assert!(lab.heard.contains(mutant), "{mutant:?} was not heard of");
    let mut lab = Lab::broken(Mutants::from_iter([mutant]), 1);
    assert_eq!(program(&mut lab), broken, "{mutant:?} is in force");
}

#[test]
fn none_is_left_out() {
    let tests = [
        include_str!("files.rs"),
        include_str!("ports.rs"),
        include_str!("posts.rs"),
        include_str!("queue.rs"),
        include_str!("results.rs"),
        include_str!("time.rs"),
    ]
    .concat();
    let words: BTreeSet<&str> = tests.split(|c: char| !c.is_alphanumeric()).collect();
    let tried = |mutant: &Mutant| words.contains(&*format!("{mutant:?}"));
    let left_out: Vec<_> = Mutant::all().filter(|mutant| !tried(mutant)).collect();
    assert_eq!(left_out, []);
}

/// What the Win32 layer says: success, and the last error.
fn win32(step: &Step<'_>) -> (bool, u32) {
    let returned = step.returned();
    let error = returned.last_error().map_or(NO_ERROR, |error| error.0);
    (returned.success(), error)
}

/// The last error was left alone.
const NO_ERROR: u32 = u32::MAX;

/// `TRUE`, the last error being left alone.
const TRUE: (bool, u32) = (true, NO_ERROR);

/// The keys of the packets that a dequeue shows.
fn keys(step: &Step<'_>) -> Vec<u64> {
    let returned = step.returned();
    returned.packets.iter().map(|packet| packet.key).collect()
}

/// The packets of a waiter: it goes on, if it was handed one.
fn got(lab: &mut Lab, waiter: ThreadId) -> Vec<u64> {
    if lab.system.thread(waiter).can_return() {
        keys(&lab.returns(waiter))
    } else {
        Vec::new()
    }
}

const ZERO: Timeout = Timeout::Zero;
const FOREVER: Timeout = Timeout::Infinite;
const SUCCESS: NtStatus = NtStatus::SUCCESS;
const FAILED: NtStatus = NtStatus::CANCELLED;
const WARNING: NtStatus = NtStatus::BUFFER_OVERFLOW;
const INFORMATION: NtStatus = NtStatus::NOTIFY_ENUM_DIR;
const DONE: DeviceAnswer = DeviceAnswer::Done(SUCCESS, 3);
/// A handle that nothing has.
const NOBODY: Handle = Handle(4000);

/// `CreateIoCompletionPort` by the outsider.
fn create(lab: &mut Lab, file: Handle, existing: Handle, key: u64, concurrency: u32) -> Step<'_> {
    let call = Call::CreateIoCompletionPort {
        file,
        existing,
        key,
        concurrency,
    };
    lab.call(lab.outsider, call)
}

/// Another handle to the same object, with these rights.
fn duplicate(lab: &mut Lab, handle: Handle, access: Option<Access>) -> Handle {
    let call = Call::DuplicateHandle {
        handle,
        target: lab.process,
        access,
        close_source: false,
    };
    lab.call(lab.outsider, call).returned().handle().unwrap()
}

/// The outsider posts this packet with `NtSetIoCompletion`.
fn set(lab: &mut Lab, packet: Packet) -> Step<'_> {
    let port = lab.here().handle;
    lab.call(lab.outsider, Call::NtSetIoCompletion { port, packet })
}

fn reserve(lab: &mut Lab, for_packets: bool) -> Handle {
    let call = Call::NtAllocateReserveObject { for_packets };
    lab.call(lab.outsider, call).returned().handle().unwrap()
}

/// The outsider posts with a reserve object.
fn set_with(lab: &mut Lab, reserve: Handle, key: u64) -> NtStatus {
    let (port, packet) = (lab.here().handle, packet(key));
    let call = Call::NtSetIoCompletionEx {
        port,
        reserve,
        packet,
    };
    lab.call(lab.outsider, call).returned().status
}

/// What a poll of the port here finds.
fn found(lab: &mut Lab) -> Vec<u64> {
    let thread = lab.outsider;
    keys(&lab.get_many(thread, 9, ZERO))
}

/// A packet of this status.
fn failing(status: NtStatus) -> Packet {
    Packet {
        status,
        ..packet(7)
    }
}
