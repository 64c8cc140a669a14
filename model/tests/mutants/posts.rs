//! Posts, and the order of the queue.

use super::*;

/// The outsider posts this packet with `PostQueuedCompletionStatus`.
fn post(lab: &mut Lab, packet: Packet) -> Step<'_> {
    let port = lab.here().handle;
    lab.call(
        lab.outsider,
        Call::PostQueuedCompletionStatus { port, packet },
    )
}

#[test]
fn the_order_of_the_queue() {
    let wide = |lab: &mut Lab| {
        post(lab, Packet::posted(0x1_0000_0002, 0x10, 0));
        found(lab)
    };
    shows(Mutant::KeysAre32Bits, wide, vec![0x1_0000_0002], vec![2]);
    let two = |lab: &mut Lab| {
        lab.post(1);
        lab.post(2);
        found(lab)
    };
    shows(Mutant::NewestPacketFirst, two, vec![1, 2], vec![2, 1]);
    let request_first = |lab: &mut Lab| {
        let file = lab.add_associated(5);
        lab.read(file, 0x10, DONE);
        lab.post(1);
        found(lab)
    };
    shows(Mutant::PostsFirst, request_first, vec![5, 1], vec![1, 5]);
    let request_last = |lab: &mut Lab| {
        let file = lab.add_associated(5);
        lab.post(1);
        lab.read(file, 0x10, DONE);
        found(lab)
    };
    shows(
        Mutant::CompletionsFirst,
        request_last,
        vec![1, 5],
        vec![5, 1],
    );
    let at_head = |lab: &mut Lab| {
        lab.post(1);
        lab.act(Action::Insert(Insert {
            port: lab.here().port,
            packet: packet(2),
            at_head: true,
        }));
        found(lab)
    };
    shows(
        Mutant::HeadInsertJoinsTheTail,
        at_head,
        vec![2, 1],
        vec![1, 2],
    );
}

#[test]
fn posts() {
    let pass = |posted: Packet| {
        move |lab: &mut Lab| {
            let told = win32(&post(lab, posted));
            (told, found(lab))
        }
    };
    let passes = (TRUE, vec![7]);
    let null = Packet::posted(7, 0, 0);
    shows(
        Mutant::NullOverlappedRefused,
        pass(null),
        passes.clone(),
        ((false, 87), vec![]),
    );
    shows(
        Mutant::PostProbesItsOverlapped,
        pass(packet(7)),
        passes.clone(),
        ((false, 998), vec![]),
    );
    let beside_a_file = |lab: &mut Lab| {
        lab.add_associated(5);
        pass(packet(7))(lab)
    };
    shows(
        Mutant::PostNeedsTheKeyOfAFile,
        beside_a_file,
        passes,
        ((false, 87), vec![]),
    );
    let bytes = |lab: &mut Lab| {
        post(lab, Packet::posted(7, 0x10, 42));
        lab.poll(lab.outsider).returned().packets[0].bytes()
    };
    shows(Mutant::PostLosesItsBytes, bytes, 42, 0);
    let status = |lab: &mut Lab| {
        set(lab, failing(FAILED));
        lab.poll(lab.outsider).returned().packets[0].status
    };
    shows(Mutant::PostedStatusIsSuccess, status, FAILED, SUCCESS);
    let to_nobody = |lab: &mut Lab| {
        let port = lab.here().port;
        let handle = NOBODY;
        win32(&lab.at(Door { port, handle }).post(1))
    };
    shows(Mutant::PostToNoPortSucceeds, to_nobody, (false, 6), TRUE);
    let by_a_member = |lab: &mut Lab| {
        let [a, b] = lab.threads();
        lab.joins(a);
        lab.enter([b]);
        lab.post_by(a, 1);
        lab.system.thread(b).can_return()
    };
    shows(Mutant::PostFreesTheSlot, by_a_member, false, true);
}

#[test]
fn memory_for_posts() {
    let without = |lab: &mut Lab| {
        lab.system.limit_post_memory(Some(0));
        let told = win32(&lab.post(1));
        (told, found(lab))
    };
    let refused = ((false, 1450), vec![]);
    shows(
        Mutant::PostsNeedNoMemory,
        without,
        refused.clone(),
        (TRUE, vec![1]),
    );
    shows(
        Mutant::PostIsLostWithoutMemory,
        without,
        refused,
        (TRUE, vec![]),
    );
    let with_reserve = |lab: &mut Lab| {
        let reserve = reserve(lab, true);
        lab.system.limit_post_memory(Some(0));
        set_with(lab, reserve, 1)
    };
    shows(
        Mutant::ReserveNeedsMemory,
        with_reserve,
        SUCCESS,
        NtStatus::INSUFFICIENT_RESOURCES,
    );
    let for_apcs = |lab: &mut Lab| {
        let reserve = reserve(lab, false);
        set_with(lab, reserve, 1)
    };
    shows(
        Mutant::ReserveOfAnyKind,
        for_apcs,
        NtStatus::OBJECT_TYPE_MISMATCH,
        SUCCESS,
    );
    let busy = NtStatus::INVALID_PARAMETER;
    let twice_at_once = |lab: &mut Lab| {
        let reserve = reserve(lab, true);
        [1, 2].map(|key| set_with(lab, reserve, key))
    };
    shows(
        Mutant::ReserveIsNeverBusy,
        twice_at_once,
        [SUCCESS, busy],
        [SUCCESS, SUCCESS],
    );
    let twice = |lab: &mut Lab| {
        let reserve = reserve(lab, true);
        [1, 2].map(|key| {
            let status = set_with(lab, reserve, key);
            found(lab);
            status
        })
    };
    shows(
        Mutant::ReserveServesOnce,
        twice,
        [SUCCESS, SUCCESS],
        [SUCCESS, busy],
    );
}
