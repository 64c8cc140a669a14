//! The limit, the active count, members, and the stack of waiters.

use super::*;

/// Two threads: one that runs and has the only slot, and one that waits.
fn crew(lab: &mut Lab) -> [ThreadId; 2] {
    let [worker, waiter] = lab.threads();
    lab.joins(worker);
    lab.enter([waiter]);
    [worker, waiter]
}

/// What the waiter of a crew has got when packet 1 is queued and its worker has done this.
fn after(does: impl Fn(&mut Lab, ThreadId)) -> impl Fn(&mut Lab) -> Vec<u64> {
    move |lab: &mut Lab| {
        let here = lab.here();
        let [worker, waiter] = crew(lab);
        lab.post(1);
        does(lab, worker);
        lab.at(here);
        got(lab, waiter)
    }
}

/// What a waiter has got when packet 1 is posted after this was done with another thread.
fn posted_after(does: impl Fn(&mut Lab, ThreadId)) -> impl Fn(&mut Lab) -> Vec<u64> {
    move |lab: &mut Lab| {
        let [other, waiter] = lab.threads();
        lab.enter([waiter]);
        does(lab, other);
        lab.post(1);
        got(lab, waiter)
    }
}

const NONE: Vec<u64> = Vec::new();

#[test]
fn the_limit() {
    let post = posted_after(|lab, other| lab.joins(other));
    shows(Mutant::NoLimit, &post, NONE, vec![1]);
    shows(Mutant::InsertIgnoresLimit, &post, NONE, vec![1]);
    shows(Mutant::OneAboveTheLimit, &post, NONE, vec![1]);
    let dequeue = |lab: &mut Lab| {
        let [a, b] = lab.threads();
        lab.joins(a);
        lab.post(1);
        keys(&lab.poll(b))
    };
    shows(Mutant::DequeueIgnoresLimit, dequeue, NONE, vec![1]);
    let of_two = after(|lab, worker| {
        let [other] = lab.threads();
        lab.poll(other);
        lab.block(worker);
    });
    shows(Mutant::HandOffIgnoresLimit, of_two, NONE, vec![1]);
    let five_on_four_processors = |lab: &mut Lab| {
        let wide = lab.add_port(5);
        let [waiter] = lab.threads();
        lab.at(wide).enter([waiter]);
        for member in lab.threads::<4>() {
            lab.joins(member);
        }
        lab.post(1);
        got(lab, waiter)
    };
    shows(
        Mutant::NoMoreThanProcessors,
        five_on_four_processors,
        vec![1],
        NONE,
    );
    let second_waiter = |lab: &mut Lab| {
        let [a, b] = lab.threads();
        lab.enter([a]);
        lab.get(b).has_blocked()
    };
    shows(Mutant::LimitBoundsWaiters, second_waiter, true, false);
}

#[test]
fn who_counts_after_a_dequeue() {
    let two_posts = |lab: &mut Lab| {
        let [a, b] = lab.threads();
        lab.enter([a, b]);
        lab.post(1);
        lab.post(2);
        got(lab, a)
    };
    shows(Mutant::GrantDoesNotCount, two_posts, NONE, vec![2]);
    shows(Mutant::CountsWhenItRuns, two_posts, NONE, vec![2]);
    let after_a_packet = |lab: &mut Lab| {
        let [a, b] = lab.threads();
        lab.post(1);
        lab.poll(a);
        lab.enter([b]);
        lab.post(2);
        got(lab, b)
    };
    shows(Mutant::TakeDoesNotCount, after_a_packet, NONE, vec![2]);
    let after_a_wait = posted_after(|lab, other| {
        lab.get_within(other, Timeout::Finite);
        lab.expires(other);
    });
    shows(Mutant::TimeoutUncounted, after_a_wait, NONE, vec![1]);
    let after_a_poll = posted_after(|lab, other| lab.joins(other));
    shows(Mutant::PollUncounted, &after_a_poll, NONE, vec![1]);
    shows(Mutant::NewcomerDoesNotCount, &after_a_poll, NONE, vec![1]);
    let member = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.joins(a);
        lab.post(1);
        keys(&lab.poll(a))
    };
    shows(Mutant::CallerCountsItself, member, vec![1], NONE);
    let beside_a_waiter = after(|lab, worker| {
        lab.poll(worker);
    });
    shows(
        Mutant::DequeueReleasesAWaiter,
        beside_a_waiter,
        NONE,
        vec![1],
    );
}

#[test]
fn who_counts_after_something_else() {
    let woken = posted_after(|lab, other| {
        lab.joins(other);
        lab.block(other);
        lab.wakes(other);
    });
    shows(Mutant::WokenDoesNotCount, woken, NONE, vec![1]);
    let resumed = posted_after(|lab, other| {
        lab.joins(other);
        suspend(lab, other);
        lab.resume(other);
    });
    shows(Mutant::ResumedDoesNotCount, resumed, NONE, vec![1]);
    let excess = after(|lab, worker| {
        let [other] = lab.threads();
        lab.poll(other);
        lab.block(other);
        lab.wakes(other);
        lab.block(worker);
    });
    shows(Mutant::CountStopsAtLimit, excess, NONE, vec![1]);
    let poster = |lab: &mut Lab| {
        let [worker, waiter] = crew(lab);
        lab.post_by(worker, 1);
        got(lab, waiter)
    };
    shows(Mutant::PostEndsTheWork, poster, NONE, vec![1]);
}

/// Suspends a running thread, and lets that take effect.
fn suspend(lab: &mut Lab, thread: ThreadId) {
    lab.suspend(thread);
    if lab.system.thread(thread).suspend_pending {
        lab.stops(thread);
    }
}

#[test]
fn what_frees_a_slot() {
    let block = after(|lab, worker| {
        lab.block(worker);
    });
    shows(Mutant::BlockedStillCounts, &block, vec![1], NONE);
    shows(Mutant::NoHandOffOnBlock, &block, vec![1], NONE);
    shows(Mutant::IoKeepsTheSlot, &block, vec![1], NONE);
    let sleep = after(|lab, worker| {
        lab.sleep(worker, Timeout::Finite, false);
    });
    shows(Mutant::SleepKeepsTheSlot, sleep, vec![1], NONE);
    let direct_wait = after(|lab, worker| {
        let other = lab.add_port(1);
        lab.wait_for(worker, other.handle, FOREVER);
    });
    shows(Mutant::DirectWaitKeepsTheSlot, direct_wait, vec![1], NONE);
    shows(Mutant::SuspendedStillCounts, after(suspend), vec![1], NONE);
    let suspended_at_once = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.suspend(a);
        lab.system.thread(a).suspend_pending
    };
    shows(Mutant::SuspensionAtTheCall, suspended_at_once, true, false);
    let two_waiters = |lab: &mut Lab| {
        let [worker, bottom] = crew(lab);
        let [top] = lab.threads();
        lab.enter([top]);
        lab.post(1);
        lab.post(2);
        lab.block(worker);
        (got(lab, top), got(lab, bottom))
    };
    shows(
        Mutant::BlockReleasesAll,
        two_waiters,
        (vec![1], NONE),
        (vec![1], vec![2]),
    );
    let yields = after(|lab, worker| {
        lab.sleep(worker, ZERO, false);
    });
    shows(Mutant::YieldFreesTheSlot, yields, NONE, vec![1]);
    let satisfied = after(|lab, worker| {
        let (manual, signaled) = (true, true);
        let kind = Kind::Event { manual, signaled };
        let (_, event) = lab.system.add_object(lab.process, kind);
        lab.wait_for(worker, event, FOREVER);
    });
    shows(Mutant::SatisfiedWaitFreesTheSlot, satisfied, NONE, vec![1]);
    let moves = after(|lab, worker| {
        let other = lab.add_port(1);
        lab.at(other).poll(worker);
    });
    shows(Mutant::NoHandOffOnMove, moves, vec![1], NONE);
    let exits = after(|lab, worker| {
        lab.exit(worker);
    });
    shows(Mutant::NoHandOffOnExit, &exits, vec![1], NONE);
    shows(Mutant::EndedThreadKeepsItsSlot, &exits, vec![1], NONE);
}

/// Is a thread a member of the port after this was done with it?
fn member_after(does: impl Fn(&mut Lab, ThreadId)) -> impl Fn(&mut Lab) -> bool {
    move |lab: &mut Lab| {
        let [thread] = lab.threads();
        does(lab, thread);
        lab.has_member(thread)
    }
}

#[test]
fn who_is_a_member() {
    let poll = member_after(|lab, thread| lab.joins(thread));
    shows(Mutant::PollJoinsNobody, &poll, true, false);
    shows(Mutant::TimeOutEndsMembership, &poll, true, false);
    let moved = member_after(|lab, thread| {
        lab.joins(thread);
        let other = lab.add_port(1);
        lab.at(other).poll(thread);
    });
    shows(Mutant::FirstPortForEver, moved, true, false);
    let blocked = member_after(|lab, thread| {
        lab.joins(thread);
        lab.block(thread);
    });
    shows(Mutant::BlockEndsMembership, blocked, true, false);
    let closed = member_after(|lab, thread| {
        lab.joins(thread);
        let second = duplicate(lab, lab.here().handle, None);
        lab.close(second);
    });
    shows(Mutant::AnyCloseEndsMembership, closed, true, false);
    let posts = member_after(|lab, thread| {
        lab.post_by(thread, 1);
    });
    shows(Mutant::PosterJoins, posts, false, true);
    let waits = member_after(|lab, thread| {
        lab.wait_for(thread, lab.here().handle, ZERO);
    });
    shows(Mutant::DirectWaitJoins, waits, false, true);
    let alerted = member_after(|lab, thread| {
        lab.user_apc(thread, 1);
        lab.get_alertable(thread, ZERO);
    });
    shows(Mutant::ApcJoins, alerted, false, true);
}

#[test]
fn who_is_killed() {
    let waiter = |lab: &mut Lab| {
        let [a, b] = lab.threads();
        lab.enter([a, b]);
        lab.kill(b);
        lab.post(1);
        got(lab, a)
    };
    shows(Mutant::KilledWaiterStays, waiter, vec![1], NONE);
    let with_a_packet = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.enter([a]);
        lab.post(1);
        lab.kill(a);
        lab.depth()
    };
    shows(Mutant::KilledThreadGivesBack, with_a_packet, 0, 1);
}

#[test]
fn the_order_of_waiters() {
    let two = |lab: &mut Lab| {
        let [bottom, top] = lab.threads();
        lab.enter([bottom, top]);
        lab.post(1);
        got(lab, top)
    };
    shows(Mutant::FifoWaiters, two, vec![1], NONE);
    shows(Mutant::WaitersByThread, two, vec![1], NONE);
    let interrupted = |lab: &mut Lab| {
        let [bottom, top] = lab.threads();
        lab.enter([bottom, top]);
        lab.kernel_apc(top, [0, 0]);
        lab.post(1);
        got(lab, top)
    };
    shows(Mutant::InterruptedGoesUnder, interrupted, vec![1], NONE);
    let suspended = |lab: &mut Lab| {
        let [bottom, top] = lab.threads();
        lab.enter([bottom, top]);
        suspend(lab, bottom);
        lab.resume(bottom);
        if lab.system.thread(bottom).can_return() {
            lab.returns(bottom);
        }
        lab.post(1);
        got(lab, bottom)
    };
    shows(
        Mutant::SuspendedWaiterKeepsItsPlace,
        suspended,
        vec![1],
        NONE,
    );
    let retry = |lab: &mut Lab| {
        let wide = lab.add_port(2);
        let [waiter, quicker] = lab.threads();
        lab.at(wide).enter([waiter]);
        lab.post(1);
        keys(&lab.poll(quicker))
    };
    shows(Mutant::WakeAndRetry, retry, NONE, vec![1]);
}

#[test]
fn inserts() {
    let by_a_kernel_apc = |lab: &mut Lab| {
        let wide = lab.add_port(2);
        let [bottom, top] = lab.threads();
        lab.at(wide).enter([bottom, top]);
        lab.kernel_apc(top, [1, 0]);
        got(lab, bottom)
    };
    shows(
        Mutant::KernelApcInsertHandsOver,
        by_a_kernel_apc,
        NONE,
        vec![1],
    );
    let after_a_poll = |lab: &mut Lab| {
        let wide = lab.add_port(2);
        let [poster, waiter] = lab.threads();
        lab.at(wide).enter([waiter]);
        lab.joins(poster);
        lab.post_by(poster, 1);
        got(lab, waiter)
    };
    shows(Mutant::StaleWaitReason, after_a_poll, vec![1], NONE);
    let depth = |lab: &mut Lab| lab.post(1).returned().value;
    let (before, after) = (Value::Count(0), Value::Count(1));
    shows(Mutant::InsertReturnsNewDepth, depth, before, after);
}
