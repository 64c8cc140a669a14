//! Section WAIT of the rule book: the stack of waiters.
#![allow(clippy::unwrap_used)]

mod lab;

use iocp_model::{
    Access, Action, Call, DeviceAnswer, Handle, Mutant, Mutants, NtStatus, Profile, ThreadId,
    ThreadState, Timeout, Win32Error, rules,
};
use lab::Lab;

/// WAIT-01: the dequeuer that blocked last is released first.
#[test]
fn wait_01_last_in_first_out() {
    let mut lab = Lab::new(3);
    let [a, b, c] = lab.threads();
    lab.enter([a, b, c]);
    lab.post(1).goes_to(c).obeys(&[rules::WAIT_01]);
    lab.post(2).goes_to(b);
    lab.post(3).goes_to(a);
}

/// WAIT-01: so on every kernel but Wine, which releases the one that blocked first.
#[test]
fn wait_01_wine_is_first_in_first_out() {
    for &profile in Profile::ALL {
        let mut lab = Lab::of(profile, 3);
        let [a, b] = lab.threads();
        lab.enter([a, b]);
        lab.post(1);
        let released = [a, b].map(|thread| lab.system.thread(thread).can_return());
        assert_eq!(
            released,
            [profile == Profile::WINE_8, profile != Profile::WINE_8],
            "{}",
            profile.name
        );
    }
}

/// WAIT-01: a transfer from the queue goes to the newest too (OBS-NS-3).
#[test]
fn wait_01_a_queued_packet_goes_to_the_newest_too() {
    let mut lab = Lab::new(1);
    let [main, t1, t0] = lab.threads();
    lab.joins(main);
    lab.enter([t1, t0]);
    for key in 3..=5 {
        lab.post_by(main, key).is_queued();
    }
    lab.get(main).gets(3);
    lab.block(main).hands(4, t0);
}

/// WAIT-02: the place on the stack is by the last block, not by the association.
#[test]
fn wait_02_the_place_is_by_the_last_block() {
    let mut lab = Lab::new(2);
    let [a, b] = lab.threads();
    lab.enter([b, a]);
    lab.post(1).goes_to(a);
    lab.returns(a).gets(1);
    lab.get(a).blocks().obeys(&[rules::WAIT_02]);
    lab.is(0, [], [b, a]);
    lab.post(2).goes_to(a);
    lab.post(3).goes_to(b);
    lab.returns(b).gets(3);
    lab.returns(a).gets(2);
    lab.enter([a, b]);
    lab.is(0, [], [a, b]);
}

/// WAIT-03: a packet that was handed over belongs to its waiter, though that has not run yet.
#[test]
fn wait_03_nobody_takes_a_packet_that_was_handed_over() {
    let mut lab = Lab::new(9);
    let [a, b] = lab.threads();
    lab.get(a).blocks();
    lab.post(1).goes_to(a).obeys(&[rules::WAIT_03]);
    lab.poll(b).times_out();
    lab.returns(a).gets(1);
}

/// WAIT-03: under Wine a quicker thread takes it, and the waiter waits again.
#[test]
fn wait_03_wine_lets_a_quicker_thread_take_it() {
    let mut lab = Lab::of(Profile::WINE_8, 9);
    let [a, b] = lab.threads();
    lab.get(a).blocks();
    lab.post(1).is_queued();
    lab.poll(b).gets(1);
    lab.returns(a).blocks();
    lab.is(1, [], [a]);
}

/// WAIT-04: the hand-off cancels the timer; the packet is neither lost nor given twice.
#[test]
fn wait_04_a_packet_cancels_the_timer() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.get_within(a, Timeout::Finite).blocks();
    assert!(
        lab.system
            .enabled()
            .any(|action| action == Action::Expire(a))
    );
    lab.post(1).goes_to(a).obeys(&[rules::WAIT_04]);
    assert!(
        !lab.system
            .enabled()
            .any(|action| action == Action::Expire(a))
    );
    lab.expires(a).is_not_enabled();
    lab.returns(a).gets(1);
    lab.poll(a).times_out();
}

/// WAIT-04: it makes an APC too late as well, which stays pending.
#[test]
fn wait_04_a_packet_comes_before_a_later_apc() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.get_alertable(a, Timeout::Infinite).blocks();
    lab.post(1).goes_to(a);
    lab.user_apc(a, 1);
    lab.returns(a).gets(1);
    lab.get_alertable(a, Timeout::Zero).runs_apcs([1]);
}

/// WAIT-05: if the time-out is first, the packet goes to the next waiter ...
#[test]
fn wait_05_after_a_time_out_the_next_waiter_gets_it() {
    let mut lab = Lab::new(2);
    let [a, b] = lab.threads();
    lab.get(a).blocks();
    lab.get_within(b, Timeout::Finite).blocks();
    lab.expires(b).obeys(&[rules::WAIT_05]);
    lab.post(1).goes_to(a);
    lab.returns(b).times_out();
    lab.returns(a).gets(1);
}

/// WAIT-05: ... or into the queue.
#[test]
fn wait_05_or_the_packet_is_queued() {
    let mut lab = Lab::new(2);
    let [a] = lab.threads();
    lab.get_within(a, Timeout::Finite).blocks();
    lab.expires(a);
    lab.post(1).is_queued();
    lab.returns(a).times_out();
    lab.get(a).gets(1);
}

/// WAIT-06: the waiters at the bottom may starve.
#[test]
fn wait_06_only_the_top_waiter_is_used() {
    let mut lab = Lab::new(8);
    let waiters: [ThreadId; 8] = lab.threads();
    lab.enter(waiters);
    let top = waiters[7];
    for key in 1..=20 {
        lab.post(key).goes_to(top).obeys(&[rules::WAIT_06]);
        lab.returns(top).gets(key);
        lab.get(top).blocks();
    }
    lab.is(0, [], waiters);
}

/// WAIT-07: a thread that waits on the handle is not on the stack and gets no packet (OBS-NS-2).
#[test]
fn wait_07_a_direct_waiter_gets_no_packet() {
    let mut lab = Lab::new(4);
    let [t0, t1] = lab.threads();
    let handle = lab.here().handle;
    lab.get(t1).blocks();
    lab.wait_for(t0, handle, Timeout::Finite)
        .blocks()
        .obeys(&[rules::WAIT_07]);
    lab.is(0, [], [t1]);
    lab.post(2).goes_to(t1);
    lab.returns(t1).gets(2);
    lab.expires(t0);
    lab.returns(t0).times_out();
}

/// WAIT-07: and what it is woken by stays for a dequeuer (OBS-NS-1).
#[test]
fn wait_07_what_wakes_a_direct_waiter_stays_queued() {
    let mut lab = Lab::new(4);
    let [t0, t1, main] = lab.threads();
    let handle = lab.here().handle;
    for thread in [t0, t1] {
        lab.wait_for(thread, handle, Timeout::Infinite).blocks();
    }
    lab.post(1).is_queued();
    for thread in [t0, t1] {
        lab.returns(thread).succeeds();
    }
    lab.get(main).gets(1);
}

/// WAIT-08: a user APC does not end `GetQueuedCompletionStatus`; it runs in the next alertable
/// wait.
#[test]
fn wait_08_a_dequeue_is_not_alertable() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.get(a).blocks();
    lab.user_apc(a, 1).obeys(&[rules::WAIT_08]);
    lab.is(0, [], [a]);
    lab.returns(a).is_not_enabled();
    lab.post(2).goes_to(a);
    assert!(lab.returns(a).gets(2).returned().apcs.is_empty());
    lab.sleep(a, Timeout::Zero, true).runs_apcs([1]);
}

/// WAIT-09: a user APC ends an alertable `GetQueuedCompletionStatusEx` with 192, and has run.
#[test]
fn wait_09_an_apc_ends_an_alertable_dequeue() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.get_alertable(a, Timeout::Infinite).blocks();
    lab.get(b).blocks();
    let (thread, apc) = (a, 1);
    lab.call(lab.outsider, Call::QueueUserApc { thread, apc })
        .succeeds()
        .obeys(&[rules::WAIT_09]);
    lab.is(1, [], [b]);
    let result = lab.returns(a).runs_apcs([1]).returned();
    assert!(!result.success());
    assert_eq!(result.last_error(), Some(Win32Error(192)));
}

/// The rules of the section that a hand-off obeys.
#[test]
fn wait_cited_by_a_hand_off() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.enter([a, b]);
    lab.post(1).goes_to(b);
    lab.obeyed(&[
        rules::WAIT_01,
        rules::WAIT_02,
        rules::WAIT_03,
        rules::WAIT_04,
        rules::WAIT_06,
    ]);
}

/// A port of Wine.
fn wine() -> Lab {
    Lab::of(Profile::WINE_8, 9)
}

/// The handle to the port here with these rights.
fn handle_with(lab: &mut Lab, access: Access) -> Handle {
    let (target, outsider) = (lab.process, lab.outsider);
    let duplicate = Call::DuplicateHandle {
        handle: lab.here().handle,
        target,
        access: Some(access),
        close_source: false,
    };
    lab.call(outsider, duplicate).returned().handle().unwrap()
}

/// WAIT-03: under Wine a dequeue is a loop around an ordinary wait, which needs the right to
/// synchronize; on Windows it needs the right to modify only (PORT-10).
#[test]
fn wait_03_wine_waits_through_the_handle() {
    for (profile, access, status) in [
        (Profile::default(), Access::MODIFY_STATE, None),
        (
            Profile::WINE_8,
            Access::MODIFY_STATE,
            Some(NtStatus::ACCESS_DENIED),
        ),
        (
            Profile::WINE_8,
            Access::MODIFY_STATE.with(Access::SYNCHRONIZE),
            None,
        ),
    ] {
        let mut lab = Lab::of(profile, 1);
        let [a] = lab.threads();
        let door = lab.here();
        let handle = handle_with(&mut lab, access);
        lab.post(1);
        lab.at(lab::Door { handle, ..door });
        lab.poll(a).gets(1);
        match status {
            Some(status) => {
                lab.get(a).says(status);
                lab.is(1, [], []);
            }
            None => {
                lab.get(a).blocks();
            }
        }
    }
}

/// WAIT-03: under Wine a dequeuer that was woken looks through its handle again, and fails if that
/// was closed, or is another port's by now.
#[test]
fn wait_03_wine_looks_through_the_handle_again() {
    for reopened in [None, Some(false), Some(true)] {
        let mut lab = wine();
        let [a] = lab.threads();
        let door = lab.here();
        let handle = handle_with(&mut lab, Access::ALL);
        lab.at(lab::Door { handle, ..door });
        lab.get(a).blocks();
        if reopened.is_some() {
            lab.close(handle);
        }
        if reopened == Some(true) {
            assert_eq!(lab.add_port(1).handle, handle);
        }
        lab.at(door).post(1).is_queued();
        match reopened {
            None => lab.returns(a).gets(1),
            Some(_) => lab.returns(a).says(NtStatus::INVALID_HANDLE),
        };
    }
}

/// WAIT-03: under Wine the end of a request runs in its issuer and makes it look again, if it is
/// blocked in a dequeue; on Windows it does not disturb it.
#[test]
fn wait_03_wine_completes_a_request_in_its_issuer() {
    for (profile, looks_again) in [(Profile::WINE_8, true), (Profile::default(), false)] {
        let mut lab = Lab::of(profile, 9);
        let [a, b, c] = lab.threads();
        // Not the port's own file: no packet comes of it.
        let file = lab.add_file();
        let issue = |lab: &mut Lab, thread| {
            lab.read_by(thread, file, 1, DeviceAnswer::Pending);
            lab.system.requests().last().unwrap().id
        };
        let requests = [a, b].map(|thread| issue(&mut lab, thread));
        lab.get(c).blocks();
        lab.get(a).blocks();
        lab.sleep(b, Timeout::Finite, false).blocks();
        for request in requests {
            lab.completes(request, NtStatus::SUCCESS, 0);
        }
        let can_return = [a, b, c].map(|thread| lab.system.thread(thread).can_return());
        assert_eq!(can_return, [looks_again, false, false], "{}", profile.name);
        if looks_again {
            lab.returns(a).blocks();
            lab.is(0, [], [c, a]);
        }
    }
}

/// KQ-12, CONC-11: under Wine a waiter that is suspended keeps its place and is passed over.
#[test]
fn kq_12_wine_passes_a_suspended_waiter_over() {
    let mut lab = wine();
    let [a, b] = lab.threads();
    lab.enter([a, b]);
    lab.suspend(a);
    lab.is(0, [], [a, b]);
    lab.post(1).is_queued();
    lab.returns(a).is_not_enabled();
    lab.returns(b).gets(1);
    lab.resume(a);
    assert_eq!(lab.system.thread(a).state, ThreadState::Waiting);
    lab.is(1, [], [a]);
    lab.post(2).is_queued();
    lab.returns(a).gets(2);
}

/// KQ-12, CONC-11: what comes while it is suspended, and nobody else takes, it gets when it is
/// resumed: a packet, an APC if it is alertable, the end of its time; the packet first.
#[test]
fn kq_12_wine_shows_a_resumed_waiter_what_came() {
    let scene = |alertable, packet: bool, apc: bool, due: bool| {
        let mut lab = wine();
        let [a] = lab.threads();
        lab.get_ex(a, 1, Timeout::Finite, alertable).blocks();
        lab.suspend(a);
        if due {
            lab.expires(a);
        }
        if apc {
            lab.user_apc(a, 5);
        }
        if packet {
            lab.post(1).is_queued();
        }
        lab.resume(a);
        (lab, a)
    };
    for (alertable, apc) in [(false, false), (false, true), (true, false)] {
        let (mut lab, a) = scene(alertable, false, apc, false);
        lab.is(0, [], [a]);
        lab.returns(a).is_not_enabled();
        let (mut lab, a) = scene(alertable, false, apc, true);
        lab.returns(a).times_out();
        for due in [false, true] {
            let (mut lab, a) = scene(alertable, true, apc, due);
            lab.returns(a).gets(1);
        }
    }
    let (mut lab, a) = scene(true, false, true, false);
    lab.returns(a).runs_apcs([5]);
}

/// PORT-17, CONC-11: the same for who waits on the handle of the port, and for no other wait: who
/// sleeps has been woken and sleeps again.
#[test]
fn port_17_wine_shows_a_resumed_direct_waiter_what_came() {
    for (packet, due) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut lab = wine();
        let [a] = lab.threads();
        let port = lab.here().handle;
        lab.wait_for(a, port, Timeout::Finite).blocks();
        lab.suspend(a);
        lab.is(0, [], [a]);
        if due {
            lab.expires(a);
        }
        if packet {
            lab.post(1).is_queued();
        }
        lab.returns(a).is_not_enabled();
        lab.resume(a);
        match (packet, due) {
            (true, _) => lab.returns(a).succeeds(),
            (false, true) => lab.returns(a).times_out(),
            (false, false) => lab.returns(a).is_not_enabled(),
        };
    }
    let mut lab = wine();
    let [a] = lab.threads();
    lab.sleep(a, Timeout::Finite, false).blocks();
    lab.suspend(a);
    lab.resume(a);
    lab.returns(a).blocks();
    lab.expires(a);
    lab.returns(a).succeeds();
}

/// PORT-18: where dequeuers and direct waiters stand in one line, whoever's turn it is is served: a
/// dequeuer gets the packet, a direct waiter is woken and leaves it for others.
#[test]
fn port_18_one_line_for_dequeuers_and_direct_waiters() {
    let in_line = || Lab::broken(Mutants::from_iter([Mutant::DirectWaitersStandInLine]), 1);
    let mut lab = in_line();
    let [a, b] = lab.threads();
    let port = lab.here().handle;
    lab.wait_for(a, port, Timeout::Infinite).blocks();
    lab.get(b).blocks();
    lab.post(1).goes_to(b);
    lab.is(1, [], [a]);
    lab.post(2).is_queued();
    lab.returns(a).succeeds();
    lab.is(1, [2], []);

    let mut lab = in_line();
    let [a, b] = lab.threads();
    lab.get(b).blocks();
    lab.wait_for(a, port, Timeout::Infinite).blocks();
    lab.post(1).is_queued();
    lab.is(0, [1], [b]);
    lab.returns(a).succeeds();
    lab.post(2).goes_to(b);
}

/// WAIT-07, PORT-17: a wait on the handle that time or death ended is in no line any more.
#[test]
fn wait_07_who_left_the_line_is_not_in_it() {
    for profile in [Profile::default(), Profile::WINE_8] {
        let mut lab = Lab::of(profile, 1);
        let [a, b, c] = lab.threads();
        let port = lab.here();
        lab.wait_for(a, port.handle, Timeout::Finite).blocks();
        lab.wait_for(b, port.handle, Timeout::Infinite).blocks();
        lab.wait_for(c, port.handle, Timeout::Infinite).blocks();
        lab.expires(a);
        lab.kill(b);
        let object = lab.system.port(port.port);
        let in_line: Vec<_> = object.direct.iter().chain(&object.waiters).collect();
        assert_eq!(in_line, [&c], "{}", profile.name);
        lab.returns(a).times_out();
    }
}

/// TMO-02: a wait that time or an APC ended is no success to Win32, although its status is a success
/// code of the NT layer; one that gives an abandoned mutex is.
#[test]
fn tmo_02_what_a_wait_reports_as_success() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    let port = lab.here().handle;
    let mutex = Call::CreateMutex { owned: true };
    let mutex = lab.call(b, mutex).returned().handle().unwrap();
    let wait = |object, alertable| Call::WaitForSingleObject {
        object,
        timeout: Timeout::Zero,
        alertable,
    };
    let success = |lab: &mut Lab, object, alertable| {
        let returned = lab.call(a, wait(object, alertable)).returned();
        assert_eq!(returned.last_error(), None);
        returned.success()
    };
    assert!(!success(&mut lab, port, false));
    lab.user_apc(a, 5);
    assert!(!success(&mut lab, port, true));
    lab.post(1);
    assert!(success(&mut lab, port, false));
    lab.exit(b);
    assert!(success(&mut lab, mutex, false));
}
