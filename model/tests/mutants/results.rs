//! What a dequeue tells its caller.

use super::*;

#[test]
fn what_a_dequeue_says() {
    let of = |packet: Packet| {
        move |lab: &mut Lab| {
            set(lab, packet);
            let step = lab.poll(lab.outsider);
            (win32(&step), keys(&step))
        }
    };
    let null = Packet {
        overlapped: 0,
        ..packet(7)
    };
    shows(
        Mutant::NullOverlappedSaysFalse,
        of(null),
        (TRUE, vec![7]),
        ((false, 258), vec![7]),
    );
    let failing_null = Packet {
        status: FAILED,
        ..null
    };
    shows(
        Mutant::FailedNullPacketVanishes,
        of(failing_null),
        ((false, 995), vec![7]),
        ((false, 995), vec![]),
    );
    shows(
        Mutant::SuccessClearsLastError,
        of(packet(7)),
        (TRUE, vec![7]),
        ((true, 0), vec![7]),
    );
    shows(
        Mutant::FailedOperationSaysTrue,
        of(failing(FAILED)),
        ((false, 995), vec![7]),
        (TRUE, vec![7]),
    );
    shows(
        Mutant::LastErrorIsTheStatus,
        of(failing(FAILED)),
        ((false, 995), vec![7]),
        ((false, FAILED.0), vec![7]),
    );
    shows(
        Mutant::WarningSaysTrue,
        of(failing(WARNING)),
        ((false, 234), vec![7]),
        (TRUE, vec![7]),
    );
    shows(
        Mutant::InformationSaysFalse,
        of(failing(INFORMATION)),
        (TRUE, vec![7]),
        ((false, 1022), vec![7]),
    );
    let nothing = |lab: &mut Lab| {
        let step = lab.poll(lab.outsider);
        (win32(&step), keys(&step))
    };
    shows(
        Mutant::EmptyDequeueWritesZeros,
        nothing,
        ((false, 258), vec![]),
        ((false, 258), vec![0]),
    );
    let many_bytes = |lab: &mut Lab| {
        let information = 0x1_0000_0003;
        set(
            lab,
            Packet {
                information,
                ..packet(7)
            },
        );
        lab.poll(lab.outsider).returned().packets[0].bytes()
    };
    shows(Mutant::BytesSaturate, many_bytes, 3, u32::MAX);
}

#[test]
fn what_a_dequeue_of_a_closed_port_says() {
    let blocked = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.enter([a]);
        lab.close(lab.here().handle);
        let goes_on = lab.system.thread(a).can_return();
        goes_on.then(|| win32(&lab.returns(a)))
    };
    let abandoned = Some((false, 735));
    shows(
        Mutant::AbandonedIsABadHandle,
        blocked,
        abandoned,
        Some((false, 6)),
    );
    shows(Mutant::KeepWaitingOnClose, blocked, abandoned, None);
    let afterwards = |lab: &mut Lab| {
        lab.close(lab.here().handle);
        win32(&lab.poll(lab.outsider))
    };
    shows(
        Mutant::ClosedPortIsAbandoned,
        afterwards,
        (false, 6),
        (false, 735),
    );
    let suspended = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.enter([a]);
        lab.suspend(a);
        lab.close(lab.here().handle);
        lab.resume(a);
        lab.returns(a).has_blocked()
    };
    shows(Mutant::InterruptedDequeueStays, suspended, false, true);
    let run_down = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.enter([a]);
        lab.run_down();
        lab.system.thread(a).can_return()
    };
    shows(Mutant::KeepWaitingOnRundown, run_down, true, false);
}

#[test]
fn batches() {
    let three = |lab: &mut Lab| {
        for key in [1, 2, 3] {
            lab.post(key);
        }
        found(lab)
    };
    shows(Mutant::BatchTakesOne, three, vec![1, 2, 3], vec![1]);
    shows(Mutant::BatchTakesASlotEach, three, vec![1, 2, 3], vec![1]);
    shows(
        Mutant::BatchNewestFirst,
        three,
        vec![1, 2, 3],
        vec![3, 2, 1],
    );
    let at_limit = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.joins(a);
        lab.post(1);
        found(lab)
    };
    shows(Mutant::BatchIgnoresLimit, at_limit, vec![], vec![1]);
    let of_a_failure = |lab: &mut Lab| {
        set(lab, failing(FAILED));
        let step = lab.get_many(lab.outsider, 9, ZERO);
        let packets = step.returned().packets;
        (win32(&step), packets.first().map(|packet| packet.status))
    };
    shows(
        Mutant::BatchFailsWithItsEntries,
        of_a_failure,
        (TRUE, Some(FAILED)),
        ((false, 995), None),
    );
    shows(
        Mutant::BatchHidesStatuses,
        of_a_failure,
        (TRUE, Some(FAILED)),
        (TRUE, Some(SUCCESS)),
    );
    let of_none = |lab: &mut Lab| win32(&lab.get_many(lab.outsider, 0, ZERO));
    shows(Mutant::EmptyBatchSucceeds, of_none, (false, 87), TRUE);
    let in_vain = |lab: &mut Lab| win32(&lab.get_many(lab.outsider, 9, ZERO));
    shows(Mutant::BatchTimeoutSaysTrue, in_vain, (false, 258), TRUE);
    let woken = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.get_many(a, 9, FOREVER).blocks();
        lab.post(1).goes_to(a);
        lab.post(2);
        let more = lab.system.most_more(a);
        keys(&lab.collects(a, more))
    };
    shows(Mutant::WokenBatchTakesOne, woken, vec![1, 2], vec![1]);
    shows(
        Mutant::WokenBatchPutsItsPacketLast,
        woken,
        vec![1, 2],
        vec![2, 1],
    );
}
