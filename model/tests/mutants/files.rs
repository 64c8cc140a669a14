//! Files and their requests.

use super::*;

/// A file without a port, and a read pending on it.
fn reading(lab: &mut Lab) -> (Handle, RequestId) {
    let file = lab.add_file();
    let request = lab.pending(file, 0x10);
    (file, request)
}

#[test]
fn associating() {
    let nobody = |lab: &mut Lab| {
        let port = lab.here().handle;
        win32(&create(lab, NOBODY, port, 0, 0))
    };
    shows(
        Mutant::BadHandleIsAParameter,
        nobody,
        (false, 6),
        (false, 87),
    );
    let no_file = |lab: &mut Lab| {
        let port = lab.here().handle;
        let call = Call::NtSetInformationFile {
            file: port,
            port,
            key: 0,
            replace: false,
        };
        lab.call(lab.outsider, call).returned().status
    };
    shows(
        Mutant::WrongTypeIsNoHandle,
        no_file,
        NtStatus::OBJECT_TYPE_MISMATCH,
        NtStatus::INVALID_HANDLE,
    );
    let through_duplicate = |lab: &mut Lab| {
        let file = lab.add_associated(5);
        let other = duplicate(lab, file, None);
        lab.read(other, 0x10, DONE).is_true();
        found(lab)
    };
    shows(
        Mutant::DuplicateLosesAssociation,
        through_duplicate,
        vec![5],
        vec![],
    );
    let twice = |lab: &mut Lab| {
        let file = lab.add_associated(5);
        let told = win32(&lab.associate(file, 6));
        lab.read(file, 0x10, DONE).is_true();
        (told, found(lab))
    };
    let refused = ((false, 87), vec![5]);
    shows(
        Mutant::SecondAssociationWins,
        twice,
        refused.clone(),
        (TRUE, vec![6]),
    );
    shows(
        Mutant::SecondAssociationIgnored,
        twice,
        refused,
        (TRUE, vec![5]),
    );
    let synchronous = |lab: &mut Lab| {
        let (_, file) = lab.system.add_file(lab.process, false);
        win32(&lab.associate(file, 5))
    };
    shows(
        Mutant::SynchronousFileAssociates,
        synchronous,
        (false, 87),
        TRUE,
    );
    let second_file = |key| {
        move |lab: &mut Lab| {
            lab.add_associated(5);
            let file = lab.add_file();
            win32(&lab.associate(file, key))
        }
    };
    shows(Mutant::SameKeyRefused, second_file(5), TRUE, (false, 87));
    shows(Mutant::OneFileAPort, second_file(6), TRUE, (false, 87));
    let replaced = |lab: &mut Lab| {
        let call = Call::NtSetInformationFile {
            file: lab.add_associated(5),
            port: Handle::NULL,
            key: 0,
            replace: true,
        };
        lab.call(lab.outsider, call).returned().status
    };
    let (unknown, not_implemented) = (NtStatus::INVALID_INFO_CLASS, NtStatus::NOT_IMPLEMENTED);
    shows(Mutant::ReplacementUnknown, replaced, SUCCESS, unknown);
    shows(
        Mutant::ReplacementNotImplemented,
        replaced,
        SUCCESS,
        not_implemented,
    );
    let signaled = |lab: &mut Lab| {
        let (file, _) = reading(lab);
        lab.associate(file, 5).is_true();
        lab.wait_for(lab.outsider, file, ZERO).returned().status
    };
    shows(
        Mutant::AssociationSignalsNothing,
        signaled,
        SUCCESS,
        NtStatus::TIMEOUT,
    );
    let afterwards = |lab: &mut Lab| {
        let file = lab.add_file();
        lab.read(file, 0x10, DONE).is_true();
        lab.associate(file, 5).is_true();
        found(lab)
    };
    shows(
        Mutant::AssociationReportsThePast,
        afterwards,
        vec![],
        vec![5],
    );
}

#[test]
fn requests() {
    let pending_before = |lab: &mut Lab| {
        let (file, request) = reading(lab);
        lab.associate(file, 5).is_true();
        lab.completes(request, SUCCESS, 1);
        found(lab)
    };
    shows(Mutant::PortDecidedAtIssue, pending_before, vec![5], vec![]);
    let with_routine = |lab: &mut Lab| {
        let (file, thread) = (lab.add_file(), lab.outsider);
        lab.read_with_apc(thread, file, 0x10, DeviceAnswer::Pending);
        let request = lab.system.requests()[0].id;
        lab.associate(file, 5).is_true();
        lab.completes(request, SUCCESS, 1);
        (lab.system.user_apcs(thread).count(), found(lab))
    };
    shows(
        Mutant::CompletionRoutineBecomesPacket,
        with_routine,
        (1, vec![]),
        (0, vec![5]),
    );
    shows(
        Mutant::CompletionRoutineAndPacket,
        with_routine,
        (1, vec![]),
        (1, vec![5]),
    );
    let routine_on_port = |lab: &mut Lab| {
        let (file, thread) = (lab.add_associated(5), lab.outsider);
        win32(&lab.read_with_apc(thread, file, 0x10, DeviceAnswer::Pending))
    };
    shows(
        Mutant::CompletionRoutineAllowed,
        routine_on_port,
        (false, 87),
        TRUE,
    );
    let read = |context, answer| {
        move |lab: &mut Lab| {
            let file = lab.add_associated(5);
            lab.read(file, context, answer);
            found(lab)
        }
    };
    shows(
        Mutant::NullContextMakesPacket,
        read(0, DONE),
        vec![],
        vec![5],
    );
    shows(
        Mutant::ImmediateSuccessMakesNoPacket,
        read(0x10, DONE),
        vec![5],
        vec![],
    );
    shows(
        Mutant::RefusedRequestMakesPacket,
        read(0x10, DeviceAnswer::Failed(FAILED)),
        vec![],
        vec![5],
    );
    shows(
        Mutant::CompletionMakesTwoPackets,
        read(0x10, DONE),
        vec![5],
        vec![5, 5],
    );
    let fails_later = |lab: &mut Lab| {
        let file = lab.add_associated(5);
        let request = lab.pending(file, 0x10);
        lab.completes(request, FAILED, 0);
        win32(&lab.poll(lab.outsider))
    };
    shows(
        Mutant::FailedCompletionMakesNoPacket,
        fails_later,
        (false, 995),
        (false, 258),
    );
    shows(
        Mutant::CompletionAlwaysSucceeds,
        fails_later,
        (false, 995),
        TRUE,
    );
    let bytes_of_two = |lab: &mut Lab| {
        let file = lab.add_associated(5);
        for bytes in [1, 2] {
            lab.read(file, 0x10, DeviceAnswer::Done(SUCCESS, bytes));
        }
        let returned = lab.get_many(lab.outsider, 9, ZERO).returned();
        let bytes = returned.packets.iter().map(Packet::bytes);
        bytes.collect()
    };
    shows(
        Mutant::PacketReadsItsOverlappedLate,
        bytes_of_two,
        vec![1, 2],
        vec![2, 2],
    );
    let without_memory = |lab: &mut Lab| {
        lab.system.limit_post_memory(Some(0));
        read(0x10, DONE)(lab)
    };
    shows(
        Mutant::CompletionNeedsMemory,
        without_memory,
        vec![5],
        vec![],
    );
    let duplicate_closed = |lab: &mut Lab| {
        let file = lab.add_associated(5);
        let other = duplicate(lab, file, None);
        lab.pending(file, 0x10);
        lab.close(other);
        found(lab)
    };
    shows(
        Mutant::ClosingADuplicateCancels,
        duplicate_closed,
        vec![],
        vec![5],
    );
}
