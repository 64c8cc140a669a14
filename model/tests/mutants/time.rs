//! Time-outs, and user APCs.

use super::*;

/// The status with which a dequeue or a wait returned.
fn status(step: &Step<'_>) -> NtStatus {
    step.returned().status
}

/// A dequeuer with a time-out is suspended, and the time runs out meanwhile.
fn due_and_suspended(lab: &mut Lab) -> ThreadId {
    let [a] = lab.threads();
    lab.get_within(a, Timeout::Finite);
    lab.suspend(a);
    lab.expires(a);
    a
}

#[test]
fn a_time_out_and_a_packet() {
    let granted = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.get_within(a, Timeout::Finite);
        lab.post(1);
        if lab.system.can_expire(a) {
            lab.expires(a);
        }
        keys(&lab.returns(a))
    };
    shows(Mutant::GrantLeavesTimer, granted, vec![1], vec![]);
    let expired = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.get_within(a, Timeout::Finite);
        lab.expires(a);
        lab.post(1);
        keys(&lab.returns(a))
    };
    shows(Mutant::LastLookAfterTimeOut, expired, vec![], vec![1]);
    let both = |lab: &mut Lab| {
        let a = due_and_suspended(lab);
        lab.post(1);
        lab.resume(a);
        keys(&lab.returns(a))
    };
    shows(Mutant::TimeOutBeforePacket, both, vec![1], vec![]);
    let due = |lab: &mut Lab| {
        let a = due_and_suspended(lab);
        lab.resume(a);
        lab.returns(a).has_blocked()
    };
    shows(Mutant::InterruptionRestartsTimeOut, due, false, true);
}

#[test]
fn what_a_time_out_says() {
    let poll = |lab: &mut Lab| lab.poll(lab.outsider).has_blocked();
    shows(Mutant::ZeroWaitsForEver, poll, false, true);
    let poll = |lab: &mut Lab| win32(&lab.poll(lab.outsider));
    shows(Mutant::TimeOutIsError121, poll, (false, 258), (false, 121));
    let remove = |lab: &mut Lab| {
        let (port, timeout) = (lab.here().handle, ZERO);
        status(&lab.call(lab.outsider, Call::NtRemoveIoCompletion { port, timeout }))
    };
    let (ruled, broken) = (NtStatus::TIMEOUT, NtStatus::IO_TIMEOUT);
    shows(Mutant::NtTimeOutIsAnError, remove, ruled, broken);
    let batch = |lab: &mut Lab| lab.get_many(lab.outsider, 3, ZERO).returned().value;
    let (none, one) = (Value::Count(0), Value::Count(1));
    shows(Mutant::TimeOutClaimsAnEntry, batch, none, one);
    let closed = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.enter([a]);
        lab.close(lab.here().handle);
        status(&lab.returns(a))
    };
    let (ruled, broken) = (NtStatus::ABANDONED_WAIT_0, NtStatus::TIMEOUT);
    shows(Mutant::AbandonedTimesOut, closed, ruled, broken);
}

#[test]
fn an_apc_that_is_pending() {
    let newcomer = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.post(1);
        lab.user_apc(a, 1);
        keys(&lab.get_alertable(a, ZERO))
    };
    shows(Mutant::JoinsBeforeApc, newcomer, vec![], vec![1]);
    let member = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.joins(a);
        lab.post(1);
        lab.user_apc(a, 1);
        keys(&lab.get_alertable(a, ZERO))
    };
    shows(Mutant::ApcBeforePacket, member, vec![1], vec![]);
    let poll = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.joins(a);
        lab.user_apc(a, 1);
        win32(&lab.get_alertable(a, ZERO))
    };
    shows(Mutant::PollRunsNoApc, poll, (false, 192), (false, 258));
    shows(Mutant::ApcReturnsTrue, poll, (false, 192), TRUE);
    let plain = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.user_apc(a, 1);
        win32(&lab.poll(a))
    };
    shows(
        Mutant::AnyDequeueRunsApcs,
        plain,
        (false, 258),
        (false, 192),
    );
    let yields = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.user_apc(a, 1);
        status(&lab.sleep(a, ZERO, true))
    };
    let (ruled, broken) = (NtStatus::USER_APC, SUCCESS);
    shows(Mutant::YieldRunsNoApc, yields, ruled, broken);
    let two = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.user_apc(a, 1);
        lab.user_apc(a, 2);
        lab.sleep(a, ZERO, true).returned().apcs.to_vec()
    };
    shows(Mutant::OneApcAWait, two, vec![1, 2], vec![1]);
    shows(Mutant::ApcsNewestFirst, two, vec![1, 2], vec![2, 1]);
}

/// Does an APC end this, in which a thread blocks?
fn apc_ends(block: impl Fn(&mut Lab, ThreadId)) -> impl Fn(&mut Lab) -> bool {
    move |lab: &mut Lab| {
        let [a] = lab.threads();
        block(lab, a);
        lab.user_apc(a, 1);
        lab.system.thread(a).can_return()
    }
}

#[test]
fn an_apc_that_comes() {
    let dequeue = apc_ends(|lab, a| lab.enter([a]));
    shows(Mutant::ApcEndsAnyDequeue, dequeue, false, true);
    let alertable = apc_ends(|lab, a| {
        lab.get_alertable(a, FOREVER);
    });
    shows(Mutant::ApcEndsNoDequeue, alertable, true, false);
    let wait = apc_ends(|lab, a| {
        lab.block(a);
    });
    shows(Mutant::ApcEndsAnyWait, wait, false, true);
    let sleep = apc_ends(|lab, a| {
        lab.sleep(a, FOREVER, true);
    });
    shows(Mutant::ApcEndsNoWait, sleep, true, false);
    let routine = |lab: &mut Lab| {
        let [issuer, bystander] = lab.threads();
        let file = lab.add_file();
        let Value::Count(request) = lab
            .read_with_apc(issuer, file, 1, DeviceAnswer::Pending)
            .returned()
            .value
        else {
            panic!("the request does not pend")
        };
        lab.sleep(bystander, FOREVER, true);
        lab.completes(RequestId(request), SUCCESS, 3);
        lab.system.thread(bystander).can_return()
    };
    shows(Mutant::RoutineRunsInAnyThread, routine, false, true);
}
