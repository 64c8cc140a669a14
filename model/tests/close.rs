//! Section CLOSE: the end of handles, files and ports.
#![allow(clippy::unwrap_used)]

mod lab;

use iocp_model::{
    Action, Call, DeviceAnswer, Handle, NtStatus, Outcome, PortLife, Profile, Timeout, Value,
};
use lab::{Lab, packet};

const SUCCESS: NtStatus = NtStatus::SUCCESS;
const INFINITE: Timeout = Timeout::Infinite;

#[track_caller]
fn duplicate(lab: &mut Lab, handle: Handle) -> Handle {
    let call = Call::DuplicateHandle {
        handle,
        target: lab.process,
        access: None,
        close_source: false,
    };
    lab.call(lab.outsider, call).returned().handle().unwrap()
}

/// CLOSE-02: closing one of two handles to a file cancels nothing; the packet comes as before.
#[test]
fn close_02_one_of_several_handles_cancels_nothing() {
    let mut lab = Lab::new(1);
    let file = lab.add_associated(7);
    let other = duplicate(&mut lab, file);
    let request = lab.pending(file, 0x10);
    let before = lab.system.requests().to_vec();
    lab.close(file).hands_nothing();
    assert_eq!(lab.system.requests(), before);
    lab.is(0, [], []);
    lab.completes(request, SUCCESS, 3).is_queued();
    lab.read(other, 0x20, DeviceAnswer::Done(SUCCESS, 3))
        .is_queued();
}

/// CLOSE-05: closing the last handle ends every dequeue with 0x80 or 735 and satisfies direct waits.
#[test]
fn close_05_closing_the_last_handle_ends_every_wait() {
    let mut lab = Lab::new(1);
    let [a, b, c, d, e] = lab.threads();
    let (port, object) = (lab.here().handle, lab.here().handle);
    let (count, timeout, alertable) = (4, INFINITE, false);
    for (thread, call) in [
        (a, Call::GetQueuedCompletionStatus { port, timeout }),
        (b, Call::NtRemoveIoCompletion { port, timeout }),
        (
            c,
            Call::GetQueuedCompletionStatusEx {
                port,
                count,
                timeout,
                alertable,
            },
        ),
        (
            d,
            Call::NtRemoveIoCompletionEx {
                port,
                count,
                timeout,
                alertable,
            },
        ),
        (
            e,
            Call::WaitForSingleObject {
                object,
                timeout,
                alertable,
            },
        ),
    ] {
        lab.call(thread, call).blocks();
    }
    lab.close(port);
    lab.is(4, [], []);
    lab.returns(a).is_abandoned().is_false(735);
    assert_eq!(
        lab.returns(b).is_abandoned().returned().status,
        NtStatus(0x80)
    );
    lab.returns(c).is_abandoned().is_false(735);
    lab.returns(d).is_abandoned();
    assert_ne!(lab.system.port(lab.here().port).life, PortLife::Deleted);
    lab.returns(e).succeeds();
    assert_eq!(lab.system.port(lab.here().port).life, PortLife::Deleted);
    assert_eq!(lab.members(), []);
}

/// CLOSE-05: closing one of two handles ends nothing.
#[test]
fn close_05_one_of_several_handles_ends_nothing() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    let first = lab.here().handle;
    let second = duplicate(&mut lab, first);
    lab.enter([a]);
    lab.close(first);
    lab.is(0, [], [a]);
    lab.close(second);
    lab.returns(a).is_abandoned();
}

/// CLOSE-05, WAIT-03: who was handed a packet before the port closed returns with it.
#[test]
fn close_05_a_packet_handed_over_before_is_kept() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.enter([b, a]);
    lab.post(1).goes_to(a);
    lab.post(2).is_queued();
    lab.close(lab.here().handle);
    lab.returns(a).gets(1);
    lab.returns(b).is_abandoned();
    assert_eq!(lab.system.port(lab.here().port).life, PortLife::Deleted);
}

/// CLOSE-05: in Windows XP closing ends no direct wait either.
#[test]
fn close_05_in_windows_xp_it_ends_no_wait() {
    let mut lab = Lab::of(Profile::WINDOWS_XP, 1);
    let [a, b] = lab.threads();
    let port = lab.here().handle;
    lab.enter([a]);
    lab.wait_for(b, port, INFINITE).blocks();
    lab.close(port);
    lab.returns(a).is_not_enabled();
    lab.returns(b).is_not_enabled();
}

/// CLOSE-06: after a rundown every remove, under way or later, ends at once with 0x80.
#[test]
fn close_06_after_a_rundown_every_remove_fails() {
    let mut lab = Lab::new(1);
    let [blocked, suspended, late] = lab.threads();
    lab.enter([blocked, suspended]);
    lab.suspend(suspended);
    lab.run_down();
    lab.returns(blocked).is_abandoned().is_false(735);
    lab.resume(suspended);
    lab.returns(suspended).is_abandoned();
    lab.post(1).is_queued();
    lab.get(late).is_abandoned();
    lab.get_many(late, 4, INFINITE).is_abandoned().is_false(735);
    lab.is(0, [1], []);
    lab.run_down().is_not_enabled();
}

/// CLOSE-06: before Windows 7 a rundown leaves the waiters waiting, and they are served later.
#[test]
fn close_06_vista_leaves_the_waiters() {
    for profile in [Profile::WINDOWS_VISTA, Profile::WINDOWS_XP] {
        let mut lab = Lab::of(profile, 1);
        let [member, waiter] = lab.threads();
        lab.joins(member);
        lab.enter([waiter]);
        lab.post(1).is_queued();
        lab.run_down();
        assert_eq!(lab.members(), [waiter]);
        lab.is(0, [], [waiter]);
        lab.post(2).goes_to(waiter);
        lab.returns(waiter).gets(2);
    }
}

/// CLOSE-07: a rundown gives up the packets, oldest first, and dissociates every thread.
#[test]
fn close_07_a_rundown_gives_up_packets_and_members() {
    let mut lab = Lab::new(1);
    let [running, waiter, blocked] = lab.threads();
    lab.joins(blocked);
    lab.block(blocked).blocks();
    lab.joins(running);
    lab.enter([waiter]);
    lab.post(1);
    lab.post(2);
    let here = lab.here().port;
    let outcome = lab.system.clone().apply(Action::RunDown(here), &mut ());
    assert_eq!(
        outcome,
        Ok(Outcome::Packets(
            [packet(1), packet(2)].into_iter().collect()
        ))
    );
    lab.run_down();
    assert_eq!(lab.members(), []);
    lab.is(0, [], []);
    lab.wakes(blocked);
    lab.returns(blocked);
    lab.returns(waiter).is_abandoned();
    lab.exit(running);
    lab.is(0, [], []);
}

/// CLOSE-08: with a file associated the port outlives its handle: waiters are abandoned at once,
/// later completions queue where nobody can fetch them.
#[test]
fn close_08_a_file_keeps_an_unreachable_port() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    let port = lab.here();
    let file = lab.add_associated(7);
    lab.enter([a]);
    lab.close(port.handle);
    lab.returns(a).is_abandoned();
    assert_eq!(lab.system.port(port.port).life, PortLife::Abandoned);
    lab.read(file, 0x10, DeviceAnswer::Done(SUCCESS, 3))
        .is_true()
        .is_queued();
    lab.is(1, [7], []);
    lab.get(a).is_false(6);
    lab.close(file);
    assert_eq!(lab.system.port(port.port).life, PortLife::Deleted);
}

/// PORT-15, GQ-10: a port without handles goes when the last call on it returns, even one that was
/// interrupted when they were closed.
#[test]
fn port_15_a_port_goes_with_the_last_call_on_it() {
    for packet in [false, true] {
        let mut lab = Lab::of(Profile::WINDOWS_XP, 1);
        let [a] = lab.threads();
        let port = lab.here();
        lab.get_within(a, Timeout::Finite).blocks();
        lab.suspend(a);
        if packet {
            lab.post(1).is_queued();
        }
        lab.close(port.handle);
        lab.expires(a);
        lab.resume(a);
        if packet {
            lab.returns(a).gets(1);
        } else {
            lab.returns(a).times_out();
        }
        assert_eq!(lab.system.port(port.port).life, PortLife::Deleted);
    }
}

/// CLOSE-05, TMO-03: a batch dequeue that was abandoned counts at most one entry.
#[test]
fn close_05_an_abandoned_batch_counts_at_most_one() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.get_many(a, 4, INFINITE).blocks();
    lab.close(lab.here().handle);
    let value = lab.returns(a).is_abandoned().returned().value;
    assert!(matches!(value, Value::Count(0 | 1)));
}

/// PORT-15, GQ-10: where closing a port leaves its waiters waiting, the last of them that ends takes
/// the port with it, whether it dequeues or waits on the handle.
#[test]
fn port_15_the_last_waiter_takes_the_port_with_it() {
    for direct in [false, true] {
        let mut lab = Lab::of(Profile::WINDOWS_XP, 1);
        let [a] = lab.threads();
        let door = lab.here();
        match direct {
            true => lab.wait_for(a, door.handle, Timeout::Infinite).blocks(),
            false => lab.get(a).blocks(),
        };
        lab.close(door.handle);
        assert_eq!(lab.system.port(door.port).life, PortLife::Open);
        lab.kill(a);
        assert_eq!(lab.system.port(door.port).life, PortLife::Deleted);
    }
}
