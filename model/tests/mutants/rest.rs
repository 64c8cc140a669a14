//! A mutant breaks what it says, and leaves the rest as it was.

use super::*;

/// The program shows the same on the newest Windows and where this mutant is in force.
#[track_caller]
fn leaves<T: PartialEq + core::fmt::Debug>(
    mutant: Mutant,
    program: impl Fn(&mut Lab) -> T,
    shown: T,
) {
    for mutants in [Mutants::NONE, Mutants::from_iter([mutant])] {
        assert_eq!(program(&mut Lab::broken(mutants, 1)), shown, "{mutants:?}");
    }
}

/// The program is no occasion for this mutant: it is not heard of.
#[track_caller]
fn no_occasion<T>(mutant: Mutant, program: impl Fn(&mut Lab) -> T) {
    let mut lab = Lab::broken(Mutants::NONE, 1);
    program(&mut lab);
    assert!(!lab.heard.contains(mutant), "{mutant:?} was heard of");
}

/// Key and bytes of what is queued.
fn queued(lab: &Lab) -> Vec<(u64, u64)> {
    let port = lab.system.port(lab.here().port);
    port.queue
        .iter()
        .map(|packet| (packet.key, packet.information))
        .collect()
}

/// The handle is duplicated into this process.
fn duplicate(lab: &mut Lab, handle: Handle, target: iocp_model::ProcessId) -> NtStatus {
    let (access, close_source) = (None, false);
    let call = Call::DuplicateHandle {
        handle,
        target,
        access,
        close_source,
    };
    lab.call(lab.outsider, call).returned().status
}

#[test]
fn of_files() {
    let succeeds_later = |lab: &mut Lab| {
        let file = lab.add_associated(5);
        let request = lab.pending(file, 1);
        lab.completes(request, NtStatus::SUCCESS, 3);
        queued(lab)
    };
    let packet = vec![(5, 3)];
    leaves(
        Mutant::FailedCompletionMakesNoPacket,
        succeeds_later,
        packet,
    );
    let two_requests = |lab: &mut Lab| {
        let file = lab.add_associated(5);
        lab.post(1);
        for (context, bytes) in [(0x10, 1), (0x20, 2), (0x1001, 3)] {
            let request = lab.pending(file, context);
            lab.completes(request, NtStatus::SUCCESS, bytes);
        }
        queued(lab)
    };
    let packets = vec![(1, 0), (5, 1), (5, 2), (5, 3)];
    leaves(Mutant::PacketReadsItsOverlappedLate, two_requests, packets);
    let last_handle = |lab: &mut Lab| {
        let file = lab.add_file();
        lab.pending(file, 1);
        lab.close(file);
        lab.system.requests().len()
    };
    leaves(Mutant::ClosingADuplicateCancels, last_handle, 1);
    let posts = |lab: &mut Lab| {
        lab.post(4);
        lab.add_associated(5);
        lab.post(5);
        queued(lab)
    };
    let both = vec![(4, 0), (5, 0)];
    leaves(Mutant::PostNeedsTheKeyOfAFile, posts, both);
    let duplicates = |lab: &mut Lab| {
        let other = lab.system.add_process();
        let (port, file) = (lab.here().handle, lab.add_file());
        [
            duplicate(lab, port, lab.process),
            duplicate(lab, file, other),
        ]
    };
    leaves(
        Mutant::PortStaysInItsProcess,
        duplicates,
        [NtStatus::SUCCESS; 2],
    );
}

#[test]
fn of_the_queue() {
    let wakes_below_the_limit = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.joins(a);
        lab.block(a);
        lab.wakes(a);
        lab.system.port(lab.here().port).active
    };
    leaves(Mutant::CountStopsAtLimit, wakes_below_the_limit, 1);
    let poll = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.post(1);
        keys(&lab.poll(a))
    };
    leaves(Mutant::PollJoinsNobody, poll, vec![1]);
    let one_at_a_time = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.get(a);
        lab.post(1);
        keys(&lab.returns(a))
    };
    no_occasion(Mutant::WokenBatchTakesOne, one_at_a_time);
    let poll_at_the_limit = |lab: &mut Lab| {
        let [a, b] = lab.threads();
        lab.joins(a);
        lab.post(1);
        keys(&lab.poll(b))
    };
    no_occasion(Mutant::BatchIgnoresLimit, poll_at_the_limit);
    no_occasion(Mutant::BatchNewestFirst, poll);
    let packet_of_its_own = |lab: &mut Lab| {
        let [a, b] = lab.threads();
        lab.get(a);
        lab.post(1);
        lab.joins(b);
        lab.post(2);
        keys(&lab.returns(a))
    };
    leaves(Mutant::LastLookAfterTimeOut, packet_of_its_own, vec![1]);
    let batch_of_two = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.get_many(a, 2, Timeout::Infinite);
        keys(&lab.kernel_apc(a, [1, 2]))
    };
    leaves(Mutant::WokenBatchTakesOne, batch_of_two, vec![1, 2]);
    let active_after_the_return = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.get(a);
        lab.post(1);
        lab.returns(a);
        lab.system.port(lab.here().port).active
    };
    leaves(Mutant::CountsWhenItRuns, active_after_the_return, 1);
    shows(Mutant::GrantDoesNotCount, active_after_the_return, 1, 0);
    let one_thread = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.get(a);
        lab.kernel_apc(a, [0, 0]);
    };
    no_occasion(Mutant::InterruptedGoesUnder, one_thread);
}

/// KQ-02, CONC-03: where a waiter is only told to look again, it is told when it could have the
/// packet, and not before.
#[test]
fn of_waking() {
    let mut lab = Lab::broken(Mutants::from_iter([Mutant::WakeAndRetry]), 1);
    let [a, b] = lab.threads();
    lab.get(b);
    lab.joins(a);
    let told = |lab: &Lab| lab.system.thread(b).can_return();
    lab.post(1).is_queued();
    assert!(!told(&lab), "the limit is reached");
    lab.block(a);
    assert!(told(&lab), "the slot is free");
    lab.returns(b).gets(1);

    let mut lab = Lab::broken(Mutants::from_iter([Mutant::WakeAndRetry]), 1);
    let [a, b, c] = lab.threads();
    lab.get(b);
    lab.joins(a);
    lab.joins(c);
    lab.post(1).is_queued();
    lab.block(a);
    assert!(!lab.system.thread(b).can_return(), "one is still active");

    let mut lab = Lab::broken(Mutants::from_iter([Mutant::WakeAndRetry]), 1);
    let [b] = lab.threads();
    lab.get(b);
    lab.post(1).is_queued();
    assert!(lab.system.thread(b).can_return());
    lab.returns(b).gets(1);

    let mut lab = Lab::broken(Mutants::NONE, 1);
    let [a, b] = lab.threads();
    lab.joins(a);
    lab.get(b);
    lab.post(1).is_queued();
    lab.is(1, [1], [b]);
}

/// PORT-18: what wakes a direct waiter in the line is a packet that comes, not a slot that is free.
#[test]
fn of_the_line() {
    let broken = Mutants::from_iter([Mutant::DirectWaitersStandInLine]);
    let mut lab = Lab::broken(broken, 1);
    let [a, b, c] = lab.threads();
    let port = lab.here().handle;
    lab.wait_for(c, port, Timeout::Infinite).blocks();
    lab.get_within(b, Timeout::Finite).blocks();
    lab.joins(a);
    lab.post(1).is_queued();
    lab.expires(b);
    lab.block(a);
    lab.returns(b).times_out();
    lab.block(b);
    lab.is(0, [1], [c]);
    lab.returns(c).is_not_enabled();
}

/// WAIT-01, KQ-12: a waiter that is suspended in its place is passed over.
#[test]
fn of_suspended_waiters() {
    let broken = Mutants::from_iter([Mutant::SuspendedWaiterKeepsItsPlace]);
    let mut lab = Lab::broken(broken, 1);
    let [a, b] = lab.threads();
    lab.enter([a, b]);
    lab.suspend(b);
    lab.is(0, [], [a, b]);
    lab.post(1).goes_to(a);
}

#[test]
fn of_apcs() {
    let one_each = |lab: &mut Lab| {
        let [a, b] = lab.threads();
        lab.user_apc(a, 1);
        lab.user_apc(b, 2);
        lab.user_apc(b, 3);
        lab.get_alertable(b, Timeout::Zero);
        lab.get_alertable(a, Timeout::Zero).returned().apcs[0]
    };
    leaves(Mutant::OneApcAWait, one_each, 1);
    let one = |lab: &mut Lab| {
        lab.user_apc(lab.outsider, 1);
        lab.get_alertable(lab.outsider, Timeout::Zero);
    };
    no_occasion(Mutant::OneApcAWait, one);
    no_occasion(Mutant::ApcsNewestFirst, one);
    let routine = |others: fn(&mut Lab, ThreadId)| {
        move |lab: &mut Lab| {
            let [a, b] = lab.threads();
            others(lab, b);
            let file = lab.add_file();
            lab.read_with_apc(a, file, 1, DeviceAnswer::Pending);
            let request = lab.system.requests()[0].id;
            lab.completes(request, NtStatus::SUCCESS, 0);
            lab.system.user_apcs(a).count()
        }
    };
    for others in [
        |_: &mut Lab, _| {},
        |lab: &mut Lab, b| {
            lab.sleep(b, Timeout::Infinite, false);
        },
        |lab: &mut Lab, b| {
            lab.get(b);
        },
        |lab: &mut Lab, b| {
            lab.sleep(b, Timeout::Infinite, true);
            lab.suspend(b);
        },
    ] {
        leaves(Mutant::RoutineRunsInAnyThread, routine(others), 1);
    }
}

/// GQX-07: a dequeue of one packet is no batch, where a waiter looks again neither.
#[test]
fn of_single_dequeues() {
    let mut lab = Lab::of(iocp_model::Profile::WINE_8, 1);
    let [a] = lab.threads();
    lab.get(a);
    lab.post(1);
    lab.returns(a).gets(1);
    assert!(!lab.heard.contains(Mutant::WokenBatchTakesOne));
}
