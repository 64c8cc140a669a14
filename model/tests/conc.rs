//! Section CONC of the rule book: the active count and the concurrency limit.

mod lab;

use iocp_model::{
    Action, Call, DeviceAnswer, NtStatus, Profile, RequestArguments, Semantics, ThreadId,
    ThreadState, Timeout,
    profile::{Limit, Suspend},
    rules,
};
use lab::Lab;

/// A port of limit 1, a running member A, a waiter B, and packet 1 in the queue.
fn busy() -> (Lab, ThreadId, ThreadId) {
    busy_on(Profile::default())
}

fn busy_on(profile: Profile) -> (Lab, ThreadId, ThreadId) {
    let mut lab = Lab::of(profile, 1);
    let [a, b] = lab.threads();
    lab.joins(a);
    lab.get(b).blocks();
    lab.post(1).is_queued();
    (lab, a, b)
}

/// CONC-01: a member counts while it is not blocked, whether it runs or is only ready to.
#[test]
fn conc_01_active_counts_members_that_are_not_blocked() {
    let mut lab = Lab::new(9);
    let [a, b, c, d] = lab.threads();
    lab.joins(a);
    lab.is(1, [], []);
    lab.joins(b);
    lab.is(2, [], []);
    lab.get(c).blocks();
    lab.is(2, [], [c]);
    lab.block(a).blocks().obeys(&[rules::CONC_01]);
    lab.is(1, [], [c]);
    // Ready, and not yet returned: it counts.
    lab.wakes(a);
    lab.is(2, [], [c]);
    // No member, so not counted.
    lab.block(d).blocks();
    lab.wakes(d);
    lab.is(2, [], [c]);
}

/// CONC-02: the caller is not counted while it looks, so it goes before every waiter.
#[test]
fn conc_02_the_running_thread_goes_before_the_waiters() {
    let (mut lab, a, b) = busy();
    lab.get(a).gets(1).hands_nothing().obeys(&[rules::CONC_02]);
    lab.is(1, [], [b]);
}

/// CONC-02: it counts again however it leaves: with a packet, a time-out or an APC.
#[test]
fn conc_02_the_caller_counts_again_however_it_leaves() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.poll(a).times_out();
    lab.is(1, [], []);
    lab.poll(a).times_out();
    lab.is(1, [], []);
    lab.user_apc(a, 1);
    lab.get_alertable(a, Timeout::Zero).runs_apcs([1]);
    lab.is(1, [], []);
    lab.post(1);
    lab.poll(a).gets(1);
    lab.is(1, [], []);
}

/// CONC-03: a member that blocks elsewhere frees its slot, and the top waiter gets the oldest
/// packet at once.
#[test]
fn conc_03_blocking_hands_the_oldest_packet_to_the_top_waiter() {
    let mut lab = Lab::new(1);
    let [a, b, c] = lab.threads();
    lab.joins(a);
    lab.enter([b, c]);
    lab.post(1).is_queued();
    lab.post(2).is_queued();
    lab.block(a).blocks().hands(1, c).obeys(&[rules::CONC_03]);
    lab.is(1, [2], [b]);
}

/// CONC-03: each kind of block does.
#[test]
fn conc_03_every_kind_of_block_counts() {
    let (lab, a, b) = busy();
    let file = |lab: &mut Lab| lab.system.add_file(lab.process, false).1;
    let blocks: [&dyn Fn(&mut Lab) -> Call; 5] = [
        &|_| Call::Sleep {
            timeout: Timeout::Finite,
            alertable: false,
        },
        &|_| Call::WaitForThread {
            thread: b,
            timeout: Timeout::Infinite,
        },
        &|lab| {
            let (manual, signaled) = (false, false);
            let call = Call::CreateEvent { manual, signaled };
            let object = lab.call(a, call).returned().handle().unwrap();
            let (timeout, alertable) = (Timeout::Infinite, true);
            Call::WaitForSingleObject {
                object,
                timeout,
                alertable,
            }
        },
        &|_| Call::WaitOutside {
            timeout: Timeout::Finite,
            alertable: true,
        },
        // Synchronous I/O.
        &|lab| {
            Call::Request(RequestArguments {
                file: file(lab),
                context: 1,
                apc: false,
                answer: DeviceAnswer::Pending,
            })
        },
    ];
    for block in blocks {
        let mut lab = lab.clone();
        let call = block(&mut lab);
        lab.call(a, call).blocks().hands(1, b);
        lab.is(1, [], []);
    }
}

/// CONC-03: without hand-off, under Wine, a block gives nobody anything: the waiter was woken when
/// the packet came.
#[test]
fn conc_03_wine_has_no_hand_off() {
    let (mut lab, a, b) = busy_on(Profile::WINE_8);
    lab.is(2, [1], []);
    lab.block(a).blocks().hands_nothing();
    lab.returns(b).gets(1);
}

/// CONC-04: one block transfers at most one packet, and depth and count change with it.
#[test]
fn conc_04_one_block_transfers_one_packet() {
    let mut lab = Lab::new(1);
    let [a, b, c] = lab.threads();
    lab.joins(a);
    lab.enter([b, c]);
    lab.post(1);
    lab.post(2);
    lab.block(a).hands(1, c).obeys(&[rules::CONC_04]);
    lab.is(1, [2], [b]);
}

/// CONC-05: whoever wakes counts, limit or not; by whatever it was woken.
#[test]
fn conc_05_waking_may_exceed_the_limit() {
    let (mut lab, a, b) = busy();
    lab.sleep(a, Timeout::Finite, true).hands(1, b);
    let wakings: [fn(&mut Lab, ThreadId); 3] = [
        |lab, a| {
            lab.expires(a).obeys(&[rules::CONC_05]);
            lab.returns(a).succeeds();
        },
        |lab, a| {
            lab.user_apc(a, 1).obeys(&[rules::CONC_05]);
            lab.returns(a).runs_apcs([1]);
        },
        |lab, a| {
            lab.suspend(a);
            lab.is(1, [], []);
            lab.resume(a).obeys(&[rules::CONC_05]);
        },
    ];
    for wake in wakings {
        let mut lab = lab.clone();
        lab.is(1, [], []);
        wake(&mut lab, a);
        lab.is(2, [], []);
    }
}

/// CONC-05: a dequeuer whose wait ends counts as well, beyond the limit if need be.
#[test]
fn conc_05_a_dequeuer_that_times_out_may_exceed_the_limit() {
    let mut lab = Lab::new(1);
    let [a, b, c] = lab.threads();
    lab.joins(a);
    lab.get_within(b, Timeout::Finite).blocks();
    lab.get_alertable(c, Timeout::Infinite).blocks();
    lab.expires(b);
    lab.is(2, [], [c]);
    lab.user_apc(c, 1);
    lab.is(3, [], []);
}

/// CONC-05: a blocked thread that is killed counts no more than before.
#[test]
fn conc_05_a_blocked_thread_that_is_killed_leaves_no_count() {
    let mut lab = Lab::new(2);
    let [a, b] = lab.threads();
    lab.joins(a);
    lab.joins(b);
    lab.block(a);
    lab.kill(a);
    lab.is(1, [], []);
}

/// CONC-06: a woken thread counts before it has run: it holds the slot from the hand-off on.
#[test]
fn conc_06_a_thread_counts_from_when_it_is_ready() {
    let mut lab = Lab::new(1);
    let [a, b, c] = lab.threads();
    lab.enter([a, b]);
    lab.post(1).goes_to(b).obeys(&[rules::CONC_06]);
    lab.is(1, [], [a]);
    lab.post(2).is_queued();
    lab.poll(c).times_out();
}

/// CONC-07: a wait that is satisfied at once, a poll and `Sleep(0)` leave the count alone.
#[test]
fn conc_07_waits_that_do_not_block_change_nothing() {
    let (mut lab, a, b) = busy();
    let mut event = |signaled| {
        let manual = true;
        let call = Call::CreateEvent { manual, signaled };
        lab.call(a, call).returned().handle().unwrap()
    };
    let [unset, set] = [event(false), event(true)];
    let here = lab.here().handle;
    lab.wait_for(a, unset, Timeout::Zero)
        .times_out()
        .hands_nothing()
        .obeys(&[rules::CONC_07]);
    lab.wait_for(a, set, Timeout::Infinite)
        .succeeds()
        .hands_nothing();
    lab.wait_for(a, here, Timeout::Infinite)
        .succeeds()
        .hands_nothing();
    lab.sleep(a, Timeout::Zero, false)
        .succeeds()
        .hands_nothing();
    lab.sleep(a, Timeout::Zero, true).succeeds().hands_nothing();
    lab.user_apc(a, 1);
    lab.sleep(a, Timeout::Infinite, true)
        .runs_apcs([1])
        .hands_nothing();
    lab.is(1, [1], [b]);
}

/// CONC-08: above the limit nothing is granted, and a dequeue takes nothing while the others fill
/// the limit.
#[test]
fn conc_08_above_the_limit_nothing_is_granted() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.joins(a);
    lab.block(a);
    lab.joins(b);
    lab.wakes(a);
    lab.returns(a).succeeds();
    lab.post(1).is_queued();
    lab.is(2, [1], []);
    lab.get(a).blocks().obeys(&[rules::CONC_08]);
    lab.is(1, [1], [a]);
    lab.get(b).gets(1);
}

/// CONC-08: nobody who is active is stopped on account of the excess.
#[test]
fn conc_08_the_active_are_not_stopped() {
    let mut lab = Lab::new(1);
    let threads: [ThreadId; 3] = lab.threads();
    for thread in threads {
        lab.joins(thread);
    }
    lab.is(3, [], []);
    for thread in threads {
        assert_eq!(lab.system.thread(thread).state, ThreadState::Running);
        lab.post_by(thread, 1).is_queued();
    }
    assert_eq!(lab.system.enabled().count(), 0);
}

/// CONC-09: with limit 1, all members can be active at once: each blocks and lets the next in, and
/// then all wake.
#[test]
fn conc_09_all_members_can_be_active_at_once() {
    const MEMBERS: usize = 5;
    let mut lab = Lab::new(1);
    let threads: [ThreadId; MEMBERS] = lab.threads();
    for thread in threads {
        lab.post(1);
        lab.get(thread).gets(1);
        lab.is(1, [], []);
        lab.block(thread);
    }
    for (index, thread) in threads.into_iter().enumerate() {
        lab.wakes(thread).obeys(&[rules::CONC_09]);
        lab.is(index as u32 + 1, [], []);
    }
    assert_eq!(lab.members().len(), MEMBERS);
}

/// CONC-10: who only posts is not associated and never counted.
#[test]
fn conc_10_a_poster_is_not_counted() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.enter([a, b]);
    let poster = lab.outsider;
    lab.post_by(poster, 1).goes_to(b).obeys(&[rules::CONC_10]);
    lab.post_by(poster, 2).is_queued();
    lab.is(1, [2], [a]);
    assert!(!lab.has_member(poster));
    lab.block(poster).hands_nothing();
    lab.returns(b).gets(1);
    lab.get(b).gets(2);
}

/// CONC-11: a suspension frees the slot when its APC runs, not when it is asked for; the resume
/// counts the thread again.
#[test]
fn conc_11_a_suspension_frees_the_slot_when_it_takes_effect() {
    let (mut lab, a, b) = busy();
    lab.suspend(a).hands_nothing().obeys(&[rules::CONC_11]);
    lab.is(1, [1], [b]);
    assert!(
        lab.system
            .enabled()
            .any(|action| action == Action::SuspensionRuns(a))
    );
    lab.stops(a).hands(1, b);
    lab.is(1, [], []);
    lab.poll(a).is_not_enabled();
    lab.resume(a);
    lab.is(2, [], []);
    lab.poll(a).times_out();
}

/// CONC-11: or, by another reading (OPEN-8), in the call itself.
#[test]
fn conc_11_or_at_once() {
    let (mut lab, a, b) = busy_on(Profile {
        semantics: Semantics {
            suspend: Suspend::Immediate,
            ..Semantics::WINDOWS
        },
        ..Profile::default()
    });
    lab.suspend(a).hands(1, b);
    lab.stops(a).is_not_enabled();
}

/// CONC-11: a resume that comes before the APC undoes it.
#[test]
fn conc_11_a_resume_before_the_apc_undoes_it() {
    let (mut lab, a, b) = busy();
    lab.suspend(a);
    lab.resume(a).hands_nothing();
    lab.stops(a).is_not_enabled();
    lab.is(1, [1], [b]);
}

/// CONC-11: suspensions are counted; only the last resume lets the thread go on.
#[test]
fn conc_11_suspensions_nest() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.joins(a);
    let suspend = Call::SuspendThread(a);
    let resume = Call::ResumeThread(a);
    let outsider = lab.outsider;
    lab.call(outsider, suspend).counts(0);
    lab.stops(a);
    lab.call(outsider, suspend).counts(1);
    lab.call(outsider, resume).counts(2);
    lab.is(0, [], []);
    lab.call(outsider, resume).counts(1);
    lab.is(1, [], []);
    lab.call(outsider, resume).counts(0);
    lab.resume(a).is_not_enabled();
}

/// CONC-11: a blocked dequeuer that is suspended is off the stack, gets nothing, and looks again
/// when it is resumed.
#[test]
fn conc_11_a_suspended_waiter_gets_nothing() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.enter([a, b]);
    lab.suspend(b);
    lab.is(0, [], [a]);
    lab.post(1).goes_to(a);
    lab.resume(b);
    lab.is(2, [], []);
    lab.returns(b).blocks();
    lab.is(1, [], [b]);
}

/// CONC-11: a thread that blocks while its suspension is pending is suspended instead, and looks
/// again when it is resumed.
#[test]
fn conc_11_a_pending_suspension_comes_before_a_block() {
    let (mut lab, a, b) = busy();
    lab.suspend(a);
    lab.block(a).blocks().hands(1, b);
    assert_eq!(lab.system.thread(a).state, ThreadState::Suspended);
    lab.resume(a);
    lab.is(2, [], []);
    lab.returns(a).blocks();
    lab.is(1, [], []);
    lab.wakes(a);
    lab.returns(a).succeeds();
}

/// CONC-11: a suspended thread keeps the packet that it was handed.
#[test]
fn conc_11_a_suspended_thread_keeps_its_packet() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.enter([a, b]);
    lab.post(1).goes_to(b);
    lab.post(2).is_queued();
    lab.suspend(b);
    lab.stops(b).hands(2, a);
    lab.returns(b).is_not_enabled();
    lab.resume(b);
    lab.returns(b).gets(1);
    lab.is(2, [], []);
}

/// CONC-12: any wait in the kernel is a block: a lock, a page, synchronous I/O.
#[test]
fn conc_12_a_wait_outside_the_model_is_a_block() {
    let (mut lab, a, b) = busy();
    lab.block(a).blocks().hands(1, b).obeys(&[rules::CONC_12]);
    assert!(
        lab.system
            .enabled()
            .any(|action| action == Action::Unblock(a))
    );
    lab.wakes(a);
    lab.returns(a).succeeds();
    lab.is(2, [], []);
}

/// CONC-12: to read a synchronous file blocks, to read an overlapped one does not.
#[test]
fn conc_12_synchronous_io_blocks() {
    for (overlapped, blocks) in [(false, true), (true, false)] {
        let (mut lab, a, b) = busy();
        let (_, file) = lab.system.add_file(lab.process, overlapped);
        let (context, apc, answer) = (1, false, DeviceAnswer::Pending);
        let step = lab.call(
            a,
            Call::Request(RequestArguments {
                file,
                context,
                apc,
                answer,
            }),
        );
        if blocks {
            step.blocks().hands(1, b);
        } else {
            step.says(NtStatus::PENDING).hands_nothing();
        }
    }
}

/// CONC-13: a thread that blocks on another port is gone from the first, not blocked there.
#[test]
fn conc_13_blocking_on_another_port_leaves_the_first() {
    let (mut lab, a, b) = busy();
    let (p, q) = (lab.here(), lab.add_port(1));
    lab.at(q)
        .get(a)
        .blocks()
        .hands(1, b)
        .obeys(&[rules::CONC_13]);
    assert_eq!(lab.members(), [a]);
    assert_eq!(lab.at(p).members(), [b]);
    // Its wake-up counts there.
    lab.at(q).post(2).goes_to(a);
    lab.is(1, [], []);
    lab.at(p).is(1, [], []);
}

/// CONC-14: to wait on a port's handle is a block like another for the own port, and nothing for
/// the port waited on.
#[test]
fn conc_14_a_direct_wait_is_an_ordinary_block() {
    let (mut lab, a, b) = busy();
    let (p, q) = (lab.here(), lab.add_port(1));
    lab.wait_for(a, q.handle, Timeout::Infinite)
        .blocks()
        .hands(1, b)
        .obeys(&[rules::CONC_14]);
    lab.at(q).is(0, [], []);
    assert!(lab.members().is_empty());
    assert_eq!(lab.at(p).members(), [a, b]);
    // A packet there ends it, and it counts here.
    lab.at(q).post(2).is_queued();
    lab.is(0, [2], []);
    lab.at(p).is(2, [], []);
}

/// CONC-14: also if it is the own port's handle.
#[test]
fn conc_14_waiting_on_the_own_port_is_one_too() {
    let mut lab = Lab::new(2);
    let [a] = lab.threads();
    let own = lab.here().handle;
    lab.joins(a);
    lab.wait_for(a, own, Timeout::Infinite).blocks();
    lab.is(0, [], []);
    assert!(lab.has_member(a));
    lab.post(1).is_queued();
    lab.is(1, [1], []);
}

/// CONC-15: any number of threads may be members and wait; the limit holds back grants only.
#[test]
fn conc_15_the_limit_restrains_grants_only() {
    let mut lab = Lab::new(1);
    let threads: [ThreadId; 100] = lab.threads();
    lab.enter(threads);
    lab.is(0, [], threads);
    let [one_more] = lab.threads();
    lab.get(one_more).blocks().obeys(&[rules::CONC_15]);
    assert_eq!(lab.members().len(), 101);
    lab.post(1).goes_to(one_more);
    lab.post(2).is_queued();
}

/// CONC-16: with limit 1 and a queue that is never empty, one thread serves all.
#[test]
fn conc_16_one_thread_serves_all_packets() {
    let (mut lab, a, b) = busy();
    for key in 1..=10 {
        lab.post(key + 1).is_queued();
        lab.get(a)
            .gets(key)
            .hands_nothing()
            .obeys(&[rules::CONC_16]);
    }
    lab.is(1, [11], [b]);
}

/// CONC-17: the starvation ends when that thread waits, exits or gives up the port.
#[test]
fn conc_17_starvation_ends_with_a_block() {
    let (mut lab, a, b) = busy();
    for key in 2..=6 {
        lab.post(key);
    }
    for key in 1..=5 {
        lab.get(a).gets(key);
    }
    let q = lab.add_port(1);
    let mut sleeps = lab.clone();
    sleeps
        .sleep(a, Timeout::Finite, false)
        .hands(6, b)
        .obeys(&[rules::CONC_17]);
    let mut exits = lab.clone();
    exits.exit(a).hands(6, b);
    lab.at(q).poll(a).times_out().hands(6, b);
}

/// CONC-19: who took a packet and never blocks keeps the slot until its next dequeue, posting or
/// spinning meanwhile; who is no member needs none.
#[test]
fn conc_19_a_busy_thread_keeps_its_slot() {
    let mut lab = Lab::new(1);
    let [a, b, c] = lab.threads();
    lab.post(1);
    lab.get(a).gets(1);
    lab.get(b).blocks();
    lab.post_by(a, 2).is_queued().obeys(&[rules::CONC_19]);
    lab.post_by(c, 3).is_queued();
    lab.sleep(a, Timeout::Zero, false).hands_nothing();
    lab.is(1, [2, 3], [b]);
    lab.get(a).gets(2);
}

/// CONC-20: a thread back from a dequeue with a time-out or an APC counts while it runs on.
#[test]
fn conc_20_a_thread_back_without_a_packet_counts() {
    let ends: [fn(&mut Lab, ThreadId); 4] = [
        |lab, a| {
            lab.poll(a).times_out().obeys(&[rules::CONC_20]);
        },
        |lab, a| {
            lab.joins(a);
            lab.user_apc(a, 1);
            lab.get_alertable(a, Timeout::Infinite).runs_apcs([1]);
        },
        |lab, a| {
            lab.get_within(a, Timeout::Finite).blocks();
            lab.expires(a);
            lab.returns(a).times_out();
        },
        |lab, a| {
            lab.get_alertable(a, Timeout::Infinite).blocks();
            lab.user_apc(a, 1);
            lab.returns(a).runs_apcs([1]);
        },
    ];
    for end in ends {
        let mut lab = Lab::new(1);
        let [a, b] = lab.threads();
        end(&mut lab, a);
        lab.is(1, [], []);
        lab.get(b).blocks();
        lab.post(1).is_queued();
        let mut dequeues = lab.clone();
        dequeues.get(a).gets(1);
        lab.block(a).hands(1, b);
    }
}

/// CONC-21: a limit of at least the number of threads never matters: step for step the outcome is
/// that of a port without any.
#[test]
fn conc_21_a_limit_that_never_binds() {
    let unlimited = Profile {
        semantics: Semantics {
            limit: Limit::Ignored,
            ..Semantics::WINDOWS
        },
        ..Profile::default()
    };
    let run = |profile, limit| {
        let mut lab = Lab::of(profile, limit);
        let threads: [ThreadId; 3] = lab.threads();
        // Any workload will do; this one is drawn from a small generator.
        let mut state = 1u32;
        let mut seen = Vec::new();
        for _ in 0..300 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let thread = threads[(state >> 16) as usize % threads.len()];
            let thread_state = *lab.system.thread(thread);
            let events = if thread_state.can_return() {
                lab.returns(thread).events().to_vec()
            } else if !thread_state.can_call() || state >> 30 == 0 {
                lab.post(u64::from(state)).events().to_vec()
            } else if state >> 30 == 1 {
                lab.poll(thread).events().to_vec()
            } else {
                lab.get(thread).events().to_vec()
            };
            seen.push(events);
        }
        seen
    };
    assert_eq!(run(Profile::default(), 3), run(unlimited, 3));
    assert_ne!(run(Profile::default(), 1), run(unlimited, 1));
}

/// CONC-15, CONC-16, CONC-08: without a limit, as under Wine, a waiter is served while another
/// thread is busy.
#[test]
fn conc_16_wine_serves_the_waiter_too() {
    let (mut lab, a, b) = busy_on(Profile::WINE_8);
    lab.post(2);
    lab.returns(b).gets(1);
    lab.get(a).gets(2);
    lab.is(2, [], []);
}

/// The rules of the section that one block and its end obey.
#[test]
fn conc_cited_by_a_block_and_its_end() {
    let (mut lab, a, b) = busy();
    lab.block(a).hands(1, b);
    lab.wakes(a);
    lab.obeyed(&[
        rules::CONC_01,
        rules::CONC_03,
        rules::CONC_04,
        rules::CONC_05,
        rules::CONC_06,
        rules::CONC_09,
        rules::CONC_10,
        rules::CONC_12,
        rules::CONC_15,
        rules::CONC_17,
        rules::CONC_19,
        rules::CONC_20,
    ]);
}

/// CONC-19, GQX-09, KQ-18, CONC-16: a rule is cited where it decided something, and only there.
#[test]
fn conc_19_is_cited_where_it_decides() {
    let mut lab = Lab::new(1);
    let [a, b, c] = lab.threads();
    lab.post(1).is_not_about(&[rules::CONC_19]);
    let batch = [rules::KQ_18, rules::GQX_01, rules::GQX_05];
    lab.poll(a).gets(1).is_not_about(&batch);
    lab.post(2);
    lab.poll(b)
        .times_out()
        .is_not_about(&[rules::GQX_09])
        .obeys(&[rules::KQ_09]);
    lab.get_many(b, 2, Timeout::Zero)
        .times_out()
        .obeys(&[rules::GQX_09]);
    lab.block(b);
    lab.get_alertable(a, Timeout::Zero)
        .gets(2)
        .is_not_about(&batch)
        .is_not_about(&[rules::APC_02, rules::CONC_16]);
    lab.get(c).blocks();
    lab.post(3).is_queued().obeys(&[rules::CONC_19]);
}

/// CONC-11: nothing happens when a thread is suspended that is suspended already.
#[test]
fn conc_11_only_the_first_suspension_stops() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.joins(a);
    lab.get(b).blocks();
    for thread in [a, b] {
        lab.suspend(thread);
        if thread == a {
            lab.stops(a);
        }
        assert_eq!(lab.suspend(thread).events(), []);
        assert_eq!(lab.system.thread(thread).suspend_count, 2);
    }
}

/// KQ-13, CONC-11: a wait whose time ran out while its thread was suspended looks at its object
/// once more when it goes on.
#[test]
fn kq_13_an_interrupted_wait_looks_before_it_times_out() {
    for signaled in [false, true] {
        let mut lab = Lab::new(1);
        let [a] = lab.threads();
        let (manual, outsider) = (true, lab.outsider);
        let event = Call::CreateEvent {
            manual,
            signaled: false,
        };
        let event = lab.call(outsider, event).returned().handle().unwrap();
        lab.wait_for(a, event, Timeout::Finite).blocks();
        lab.suspend(a);
        lab.expires(a);
        if signaled {
            lab.call(outsider, Call::SetEvent(event)).succeeds();
        }
        lab.resume(a);
        match signaled {
            true => lab.returns(a).succeeds(),
            false => lab.returns(a).times_out(),
        };
    }
}
