//! Section KQ of the rule book: how packets enter and leave the kernel queue.

mod lab;

use iocp_model::{
    Action, Call, Event, Frame, Handle, NtStatus, Profile, Semantics, System, Thread, ThreadId,
    ThreadState, Timeout, invariants, profile::PollAtLimit, rules,
};
use lab::{Lab, packet};
use std::collections::HashSet;

/// KQ-01: depth, active count and waiters are what they say, in every state that two threads
/// reach in five steps, on every kernel (the laboratory audits each step).
#[test]
fn kq_01_the_counts_are_right_in_every_state() {
    for &profile in Profile::ALL {
        let states = reachable(profile, 1, |_| {}) + reachable(profile, 2, |_| {});
        assert!(states > 2_000, "{}: only {states} states", profile.name);
    }
}

/// KQ-14: no waiter sleeps beside a packet below the limit, in any of these states; the kernels
/// that promise less are known by name (OPEN-11, and Wine has no hand-off).
#[test]
fn kq_14_work_is_conserved_in_every_state() {
    for &profile in Profile::ALL {
        let mut broken = false;
        for limit in [1, 2] {
            reachable(profile, limit, |system| {
                let port = &system.ports()[0];
                let slot = port.active < port.limit || profile == Profile::WINE_8;
                broken |= slot && port.depth() > 0 && !port.waiters.is_empty();
            });
        }
        let promises_less = [Profile::REACTOS, Profile::WINE_8].contains(&profile);
        assert_eq!(broken, promises_less, "{}", profile.name);
    }
}

/// Visits every state of two threads within five steps, none a kernel APC that inserts, and counts
/// them.
fn reachable(profile: Profile, limit: u32, mut visit: impl FnMut(&System)) -> usize {
    let mut lab = Lab::of(profile, limit);
    let threads: [ThreadId; 2] = lab.threads();
    let port = lab.here().handle;
    let post = Call::PostQueuedCompletionStatus {
        port,
        packet: packet(1),
    };
    let mut menu = vec![Action::Call(lab.outsider, post)];
    for thread in threads {
        let get = |timeout, alertable| Call::GetQueuedCompletionStatusEx {
            port,
            count: 2,
            timeout,
            alertable,
        };
        let (timeout, alertable) = (Timeout::Infinite, false);
        menu.extend([
            Action::Call(thread, post),
            Action::Call(thread, get(Timeout::Zero, false)),
            Action::Call(thread, get(Timeout::Finite, true)),
            Action::Call(thread, Call::WaitOutside { timeout, alertable }),
            Action::Return { thread, more: 0 },
            Action::Return { thread, more: 1 },
            Action::Expire(thread),
            Action::Unblock(thread),
            Action::Suspend(thread),
            Action::SuspensionRuns(thread),
            Action::Resume(thread),
            Action::QueueUserApc { thread, apc: 1 },
            Action::KernelApc {
                thread,
                inserts: [None; 2],
            },
            Action::Terminate(thread),
        ]);
    }
    let mut seen = HashSet::from([lab.system.clone()]);
    let mut frontier = vec![lab];
    for _ in 0..5 {
        let mut next = Vec::new();
        for lab in &frontier {
            for &action in &menu {
                if lab.system.check(&action).is_err() {
                    continue;
                }
                let mut lab = lab.clone();
                lab.act(action);
                let crowded = lab.system.ports()[0].depth() > 2
                    || threads.iter().any(|&t| lab.system.user_apcs(t).count() > 1);
                if !crowded && seen.insert(lab.system.clone()) {
                    visit(&lab.system);
                    next.push(lab);
                }
            }
        }
        frontier = next;
    }
    seen.len()
}

/// KQ-01: a fresh queue holds its limit and nothing else.
#[test]
fn kq_01_a_fresh_queue_is_empty() {
    let mut lab = Lab::new(3);
    let created = lab
        .call(
            lab.outsider,
            Call::CreateIoCompletionPort {
                file: Handle::INVALID,
                existing: Handle::NULL,
                key: 0,
                concurrency: 2,
            },
        )
        .obeys(&[rules::KQ_01])
        .returned();
    assert!(created.handle().is_some());
    let port = &lab.system.ports()[1];
    assert_eq!((port.limit, port.active, port.depth()), (2, 0, 0));
    assert!(port.waiters.is_empty() && port.direct.is_empty());
}

/// KQ-02: an insert goes straight to the waiter that blocked last, past the queue.
#[test]
fn kq_02_insert_hands_to_the_most_recent_waiter() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.enter([a, b]);
    lab.post(7).goes_to(b).obeys(&[rules::KQ_02]);
    lab.is(1, [], [a]);
    lab.returns(b).gets(7);
}

/// KQ-03: without a free slot, or without a waiter, it is queued at the tail.
#[test]
fn kq_03_insert_queues_without_slot_or_waiter() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.post(1).is_queued().obeys(&[rules::KQ_03]);
    lab.get(a).gets(1);
    lab.get(b).blocks();
    lab.post(2).is_queued();
    lab.post(3).is_queued();
    lab.is(1, [2, 3], [b]);
}

/// KQ-03: under Wine the limit does not hold a packet back; the waiter is woken to fetch it.
#[test]
fn kq_03_wine_knows_no_limit() {
    let mut lab = Lab::of(Profile::WINE_8, 1);
    let [a, b] = lab.threads();
    lab.joins(a);
    lab.get(b).blocks();
    lab.post(1).is_queued();
    lab.is(2, [1], []);
    lab.returns(b).gets(1);
}

/// KQ-04: what a kernel APC inserts while it interrupts a dequeue is left to that thread, not
/// given to another waiter.
#[test]
fn kq_04_own_kernel_apc_inserts_for_its_thread() {
    let mut lab = Lab::new(2);
    let [a, b] = lab.threads();
    lab.enter([a, b]);
    lab.kernel_apc(a, [7, 0])
        .gets(7)
        .hands_nothing()
        .obeys(&[rules::KQ_04]);
    lab.is(1, [], [b]);
}

/// KQ-04: it needs a wait in this very queue: a kernel APC in another wait hands off as any insert.
#[test]
fn kq_04_needs_a_dequeue_of_this_queue() {
    let mut lab = Lab::new(2);
    let [a, b, c] = lab.threads();
    let p = lab.here();
    lab.enter([b]);
    lab.joins(a);
    lab.block(a);
    lab.kernel_apc(a, [7, 0]).goes_to(b);
    lab.is(1, [], []);

    let q = lab.add_port(1);
    lab.at(q).get(c).blocks();
    lab.at(p).returns(b).gets(7);
    lab.get(b).blocks();
    lab.kernel_apc(c, [8, 0]).goes_to(b);
}

/// KQ-04: an ordinary post by a member is no such case, except in ReactOS, where a dequeue that did
/// not wait leaves a stale wait reason (OPEN-11).
#[test]
fn kq_04_reactos_takes_it_more_widely() {
    for &profile in Profile::ALL {
        let mut lab = Lab::of(profile, 2);
        let [a, b] = lab.threads();
        lab.get(b).blocks();
        lab.joins(a);
        let stale = profile == Profile::REACTOS;
        let step = lab.post_by(a, 7);
        match profile {
            Profile::REACTOS => step.is_queued().obeys(&[rules::KQ_04]),
            Profile::WINE_8 => step.is_queued(),
            _ => step.goes_to(b),
        };
        assert_eq!(lab.system.thread(a).stale_wait_reason, stale);
    }
}

/// KQ-04: in ReactOS another wait, or a dequeue that did wait, ends the stale reason (OPEN-11).
#[test]
fn kq_04_reactos_any_wait_ends_the_stale_reason() {
    let mut lab = Lab::of(Profile::REACTOS, 2);
    let [a, b] = lab.threads();
    lab.get(b).blocks();
    lab.joins(a);
    lab.sleep(a, Timeout::Zero, false).succeeds();
    lab.post_by(a, 7).goes_to(b);
    lab.returns(b).gets(7);
    lab.joins(a);
    lab.get_within(a, Timeout::Finite).blocks();
    lab.expires(a);
    lab.returns(a).times_out();
    lab.get(b).blocks();
    lab.post_by(a, 8).goes_to(b);
}

/// KQ-05: an insert returns the depth from before it.
#[test]
fn kq_05_insert_returns_the_previous_depth() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    for depth in 0..3 {
        lab.post(7).counts(depth).obeys(&[rules::KQ_05]);
    }
    lab.get_many(a, 3, Timeout::Zero).gets_all([7, 7, 7]);
    lab.get(a).blocks();
    lab.post(7).counts(0).goes_to(a);
    lab.post(7).counts(0).is_queued();
}

/// KQ-06: a hand-off changes the thread's state and frame, and nothing else; in particular there is
/// no priority to boost (the pattern names every field).
#[test]
fn kq_06_a_hand_off_boosts_nothing() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.enter([a]);
    let before = *lab.system.thread(a);
    lab.post(1).goes_to(a);
    let Thread {
        process,
        state,
        port,
        counted,
        frame,
        suspend_count,
        suspend_pending,
        stale_wait_reason,
    } = *lab.system.thread(a);
    assert!(counted, "a granted thread counts");
    assert_eq!(state, ThreadState::Running);
    let (state, frame) = (before.state, before_grant(frame, before.frame));
    let after = Thread {
        process,
        state,
        port,
        counted: before.counted,
        frame,
        suspend_count,
        suspend_pending,
        stale_wait_reason,
    };
    assert_eq!(after, before);
}

/// The frame with its phase as it was before a grant.
fn before_grant(frame: Frame, before: Frame) -> Frame {
    let (Frame::Dequeue(mut dequeue), Frame::Dequeue(before)) = (frame, before) else {
        panic!("{frame:?} is no dequeue");
    };
    assert_ne!(dequeue.phase, before.phase);
    dequeue.phase = before.phase;
    Frame::Dequeue(dequeue)
}

/// KQ-07: a dequeue associates its thread first, even if it finds nothing.
#[test]
fn kq_07_a_poll_that_times_out_associates() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.poll(a).times_out().obeys(&[rules::KQ_07]);
    assert_eq!(lab.members(), [a]);
    lab.is(1, [], []);
    lab.get(b).blocks();
    lab.post(1).is_queued();
}

/// KQ-08: below the limit, the caller not counted, a dequeue takes the head at once.
#[test]
fn kq_08_remove_takes_the_head() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.post(1);
    lab.post(2);
    lab.get(a).gets(1).obeys(&[rules::KQ_08]);
    lab.is(1, [2], []);
    lab.get(a).gets(2);
    lab.is(1, [], []);
}

/// KQ-09: at the limit a dequeue gets nothing although packets are queued.
#[test]
fn kq_09_remove_at_the_limit_gets_nothing() {
    let mut lab = Lab::new(1);
    let [a, b, c] = lab.threads();
    lab.post(1);
    lab.get(a).gets(1);
    lab.post(2).is_queued();
    lab.poll(b).times_out().obeys(&[rules::KQ_09]);
    lab.is(2, [2], []);
    lab.get(c).blocks().obeys(&[rules::KQ_09]);
    lab.is(2, [2], [c]);
}

/// KQ-09: Wine gives it the packet.
#[test]
fn kq_09_wine_gives_it_the_packet() {
    let mut lab = Lab::of(Profile::WINE_8, 1);
    let [a, b] = lab.threads();
    lab.joins(a);
    lab.post(1).is_queued();
    lab.poll(b).gets(1);
}

/// KQ-09: a kernel that serves polls at the limit serves nothing that would wait.
#[test]
fn kq_09_a_poll_served_at_the_limit() {
    let semantics = Semantics {
        poll_at_limit: PollAtLimit::Served,
        ..Semantics::WINDOWS
    };
    let mut lab = Lab::of(
        Profile {
            semantics,
            ..Profile::default()
        },
        1,
    );
    let [a, b, c] = lab.threads();
    lab.joins(a);
    lab.post(1).is_queued();
    lab.get(b).blocks();
    lab.poll(c).gets(1);
    lab.is(2, [], [b]);
    lab.poll(a).times_out();
}

/// KQ-10: a packet comes before a user APC, an APC before a time-out, a time-out before blocking.
#[test]
fn kq_10_packet_then_apc_then_time() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.joins(a);
    lab.post(1);
    lab.user_apc(a, 5);
    lab.get_alertable(a, Timeout::Zero)
        .gets(1)
        .obeys(&[rules::KQ_10]);
    lab.get_alertable(a, Timeout::Zero).runs_apcs([5]);
    lab.get_alertable(a, Timeout::Zero).times_out();
    lab.get_alertable(a, Timeout::Finite).blocks();
}

/// KQ-10: the pending suspension, a kernel APC, comes after a packet and before all else.
#[test]
fn kq_10_a_kernel_apc_comes_after_a_packet() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.joins(a);
    lab.post(1);
    lab.suspend(a);
    lab.poll(a).gets(1);
    lab.user_apc(a, 5);
    lab.get_alertable(a, Timeout::Zero).blocks();
    lab.is(0, [], []);
    // It looks again from the start, and now there is a packet.
    lab.post(2).is_queued();
    lab.resume(a);
    lab.returns(a).gets(2);
    lab.get_alertable(a, Timeout::Zero).runs_apcs([5]);
}

/// KQ-11: who blocks is on top of the stack, in state Waiting.
#[test]
fn kq_11_a_blocking_dequeuer_goes_on_top() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.get(b).blocks();
    let port = lab.here().port;
    lab.get(a)
        .blocks()
        .shows(Event::WaiterPushed(a, port))
        .obeys(&[rules::KQ_11]);
    lab.is(0, [], [b, a]);
    assert_eq!(lab.system.thread(a).state, ThreadState::Waiting);
    assert!(lab.system.thread(a).waits_in(port));
}

/// KQ-12: a kernel APC puts a waiter on top of the stack.
#[test]
fn kq_12_a_kernel_apc_reorders_the_stack() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.enter([a, b]);
    lab.kernel_apc(a, [0, 0]).blocks().obeys(&[rules::KQ_12]);
    lab.is(0, [], [b, a]);
    lab.post(1).goes_to(a);
}

/// KQ-12: the interrupted thread starts again at the packet check.
#[test]
fn kq_12_the_interrupted_thread_looks_at_the_queue_again() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.joins(b);
    lab.get(a).blocks();
    lab.post(1).is_queued();
    lab.kernel_apc(a, [0, 0]).blocks();
    lab.is(1, [1], [a]);
    lab.kernel_apc(a, [2, 0]).blocks().is_queued();
    lab.is(1, [1, 2], [a]);
    lab.exit(b).hands(1, a);
}

/// KQ-13: an interruption neither restarts nor cancels the time-out.
#[test]
fn kq_13_an_interruption_keeps_the_due_time() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.get_within(a, Timeout::Finite).blocks();
    lab.kernel_apc(a, [0, 0]).blocks();
    lab.expires(a);
    lab.returns(a).times_out();

    // What comes due while the wait is interrupted is seen when it goes on ...
    lab.get_within(a, Timeout::Finite).blocks();
    lab.suspend(a);
    lab.expires(a).obeys(&[rules::KQ_13]);
    lab.expires(a).is_not_enabled();
    lab.resume(a);
    let mut quiet = lab.clone();
    quiet.returns(a).times_out().obeys(&[rules::KQ_13]);
    // ... unless there is a packet, which comes first.
    lab.post(1).is_queued();
    lab.returns(a).gets(1);
}

/// KQ-14: each way to lower the active count tries a hand-off.
#[test]
fn kq_14_every_release_tries_a_hand_off() {
    let releases: [fn(&mut Lab, ThreadId, ThreadId); 6] = [
        |lab, a, b| {
            lab.block(a).hands(1, b).obeys(&[rules::KQ_14]);
        },
        |lab, a, b| {
            lab.sleep(a, Timeout::Infinite, true).hands(1, b);
        },
        |lab, a, b| {
            lab.suspend(a).hands_nothing();
            lab.stops(a).hands(1, b);
        },
        |lab, a, b| {
            let q = lab.add_port(1);
            lab.at(q).poll(a).times_out().hands(1, b);
        },
        |lab, a, b| {
            lab.exit(a).hands(1, b);
        },
        |lab, a, b| {
            lab.kill(a).hands(1, b);
        },
    ];
    for release in releases {
        let mut lab = Lab::new(1);
        let [a, b] = lab.threads();
        lab.joins(a);
        lab.get(b).blocks();
        lab.post(1).is_queued();
        release(&mut lab, a, b);
        invariants::check(&lab.system).unwrap();
    }
}

/// KQ-15: after an excess of two, two decrements grant nothing and the third does.
#[test]
fn kq_15_an_excess_is_worked_off_first() {
    let mut lab = Lab::new(1);
    let [a, b, c, d] = lab.threads();
    for thread in [a, b] {
        lab.joins(thread);
        lab.block(thread);
    }
    lab.joins(c);
    lab.get(d).blocks();
    lab.post(1).is_queued();
    for thread in [a, b] {
        lab.wakes(thread);
        lab.returns(thread);
    }
    lab.is(3, [1], [d]);
    lab.block(a).hands_nothing().obeys(&[rules::KQ_15]);
    lab.block(b).hands_nothing().obeys(&[rules::KQ_15]);
    lab.block(c).hands(1, d);
}

/// KQ-16: a remove ends with a packet, 0x102, 0xC0 or, after a rundown, 0x80.
#[test]
fn kq_16_the_results_of_a_remove() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.post(1);
    lab.get(a).gets(1);
    lab.get_alertable(a, Timeout::Zero).says(NtStatus(0x102));
    lab.user_apc(a, 1);
    lab.get_alertable(a, Timeout::Zero).says(NtStatus(0xC0));
    lab.get(b).blocks();
    lab.run_down();
    lab.returns(b).says(NtStatus(0x80));
    lab.get(a).says(NtStatus(0x80)).obeys(&[rules::KQ_16]);
}

/// KQ-16: a rundown abandons the waiters from Windows 7 on; before, they wait on (DIS-07).
#[test]
fn kq_16_abandonment_by_profile() {
    for &profile in Profile::ALL {
        let abandons = [
            Profile::WINDOWS_10_1607,
            Profile::WINDOWS_8_1,
            Profile::WINDOWS_7,
        ]
        .contains(&profile);
        let mut lab = Lab::of(profile, 1);
        let [a] = lab.threads();
        lab.get(a).blocks();
        lab.run_down();
        if abandons {
            lab.returns(a).is_abandoned();
        } else {
            lab.returns(a).is_not_enabled();
            lab.is(0, [], [a]);
        }
    }
}

/// KQ-17: user APCs do not end a remove that does not admit them, in any of the calls.
#[test]
fn kq_17_a_remove_that_admits_no_apcs_goes_on() {
    let (timeout, alertable, count) = (Timeout::Infinite, false, 1);
    let mut lab = Lab::new(1);
    let port = lab.here().handle;
    let calls = [
        Call::GetQueuedCompletionStatus { port, timeout },
        Call::NtRemoveIoCompletion { port, timeout },
        Call::GetQueuedCompletionStatusEx {
            port,
            count,
            timeout,
            alertable,
        },
        Call::NtRemoveIoCompletionEx {
            port,
            count,
            timeout,
            alertable,
        },
    ];
    for call in calls {
        let [a] = lab.threads();
        lab.call(a, call).blocks();
        lab.user_apc(a, 1).obeys(&[rules::KQ_17]);
        lab.returns(a).is_not_enabled();
        lab.is(0, [], [a]);
        lab.kill(a);
    }
}

/// KQ-18: a batch takes up to N packets, the oldest first, under one slot.
#[test]
fn kq_18_a_batch_is_one_active_thread() {
    let mut lab = Lab::new(2);
    let [a] = lab.threads();
    for key in 1..=5 {
        lab.post(key);
    }
    lab.get_many(a, 3, Timeout::Zero)
        .gets_all([1, 2, 3])
        .obeys(&[rules::KQ_18]);
    lab.is(1, [4, 5], []);
    lab.get_many(a, 3, Timeout::Infinite).gets_all([4, 5]);
    lab.is(1, [], []);
}

/// KQ-18: only for its first packet can it block.
#[test]
fn kq_18_a_batch_blocks_for_the_first_packet_only() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.get_many(a, 3, Timeout::Infinite).blocks();
    lab.post(1).goes_to(a);
    lab.returns(a).gets(1);
    lab.is(1, [], []);
}

/// KQ-19: an insert and a remove are one step each; whichever is first, the packet is in one place.
#[test]
fn kq_19_insert_and_remove_are_atomic() {
    let mut insert_first = Lab::new(1);
    let [a] = insert_first.threads();
    let mut remove_first = insert_first.clone();
    insert_first.post(1).is_queued().obeys(&[rules::KQ_19]);
    insert_first.get(a).gets(1);
    remove_first.get(a).blocks();
    remove_first.post(1).goes_to(a);
    remove_first.returns(a).gets(1);
    assert_eq!(insert_first.system, remove_first.system);
}

/// KQ-21: whoever blocked last is chosen, whichever thread that is.
#[test]
fn kq_21_only_recency_chooses_a_waiter() {
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let mut lab = Lab::new(3);
        let threads: [ThreadId; 3] = lab.threads();
        let [bottom, middle, top] = order.map(|index: usize| threads[index]);
        lab.enter([bottom, middle, top]);
        lab.post(1).goes_to(top).obeys(&[rules::KQ_21]);
        lab.post(2).goes_to(middle);
        lab.post(3).goes_to(bottom);
    }
}

/// KQ-22: threads that wait on the handle are a set of their own: a packet that is queued releases
/// them and stays, and one that is handed to a dequeuer does not concern them.
#[test]
fn kq_22_direct_waiters_are_apart_from_the_stack() {
    let mut lab = Lab::new(4);
    let [a, b] = lab.threads();
    let handle = lab.here().handle;
    lab.wait_for(a, handle, Timeout::Infinite).blocks();
    lab.is(0, [], []);
    assert_eq!(lab.system.port(lab.here().port).direct, [a]);
    lab.get(b).blocks();
    lab.post(1).goes_to(b);
    lab.returns(a).is_not_enabled();
    lab.returns(b).gets(1);
    lab.post(2).is_queued().obeys(&[rules::KQ_22]);
    lab.returns(a).succeeds();
    lab.is(1, [2], []);
}

/// KQ-22: before Windows 10 version 1607 a hand-off releases one of them too (PORT-19); under Wine
/// they stand in line with the dequeuers.
#[test]
fn kq_22_direct_waiters_by_profile() {
    for &profile in Profile::ALL {
        let mut lab = Lab::of(profile, 4);
        let [a, b] = lab.threads();
        let handle = lab.here().handle;
        lab.wait_for(a, handle, Timeout::Infinite).blocks();
        lab.get(b).blocks();
        lab.post(1);
        let woken = [a, b].map(|thread| lab.system.thread(thread).can_return());
        let expected = match profile {
            Profile::WINDOWS_10_1607 => [false, true],
            Profile::WINE_8 => [true, false],
            _ => [true, true],
        };
        assert_eq!(woken, expected, "{}", profile.name);
    }
}

/// KQ-05, KQ-08: the depth that a query reports is the number of packets queued.
#[test]
fn kq_05_the_queried_depth_follows() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    let query = Call::NtQueryIoCompletion {
        port: lab.here().handle,
        class: 0,
        length: 4,
    };
    for depth in [0, 1, 2] {
        lab.call(a, query).counts(depth);
        lab.post(7);
    }
    lab.poll(a).gets(7);
    lab.call(a, query).counts(2);
}

/// The rules of the section that a run of ordinary calls obeys.
#[test]
fn kq_cited_by_an_ordinary_run() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.enter([a, b]);
    lab.post(1);
    lab.post(2);
    lab.returns(b).gets(1);
    lab.get(b).gets(2);
    lab.post(3);
    lab.block(b).hands(3, a);
    lab.obeyed(&[
        rules::KQ_02,
        rules::KQ_03,
        rules::KQ_05,
        rules::KQ_06,
        rules::KQ_07,
        rules::KQ_08,
        rules::KQ_10,
        rules::KQ_11,
        rules::KQ_14,
        rules::KQ_19,
        rules::KQ_21,
    ]);
}
