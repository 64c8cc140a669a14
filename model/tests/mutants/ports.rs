//! Ports: creating them, their handles, how long they live.

use super::*;

/// The limit of the port behind the handle that a call gave.
fn limit_of(lab: &Lab, handle: Handle) -> u32 {
    match lab.system.handles(lab.process).get(handle).unwrap().object {
        Object::Port(port) => lab.system.port(port).limit,
        other => panic!("{other:?} is no port"),
    }
}

fn query(lab: &mut Lab, class: u32, length: u32) -> (NtStatus, Value) {
    let port = lab.here().handle;
    let call = Call::NtQueryIoCompletion {
        port,
        class,
        length,
    };
    let returned = lab.call(lab.outsider, call).returned();
    (returned.status, returned.value)
}

#[test]
fn creating_a_port() {
    let with_file = |lab: &mut Lab| {
        let file = lab.add_file();
        win32(&create(lab, file, Handle::NULL, 7, 1))
    };
    shows(Mutant::FileNeedsAPort, with_file, TRUE, (false, 6));
    let files = |lab: &mut Lab| {
        let file = lab.add_file();
        create(lab, file, Handle::NULL, 7, 1).is_true();
        lab.system.ports()[1].files
    };
    shows(Mutant::NewPortForgetsItsFile, files, 1, 0);
    let without_file = |lab: &mut Lab| {
        let port = lab.here();
        let told = win32(&create(lab, Handle::INVALID, port.handle, 0, 5));
        (told, lab.system.port(port.port).limit)
    };
    let refused = ((false, 87), 1);
    shows(
        Mutant::PortWithoutFileIsGivenBack,
        without_file,
        refused,
        (TRUE, 1),
    );
    shows(
        Mutant::PortWithoutFileSetsItsLimit,
        without_file,
        refused,
        (TRUE, 5),
    );
    let with_key = |lab: &mut Lab| win32(&create(lab, Handle::INVALID, Handle::NULL, 7, 1));
    shows(Mutant::KeyWithoutFileRefused, with_key, TRUE, (false, 87));
    let failed = |lab: &mut Lab| {
        let step = create(lab, NOBODY, Handle::NULL, 0, 0);
        (step.returned().success(), step.returned().handle())
    };
    shows(
        Mutant::FailureGivesMinusOne,
        failed,
        (false, None),
        (true, Some(Handle::INVALID)),
    );
    let same = |lab: &mut Lab| {
        let (file, port) = (lab.add_file(), lab.here().handle);
        let step = create(lab, file, port, 7, 0);
        step.returned().handle() == Some(port)
    };
    shows(Mutant::AssociatingGivesANewHandle, same, true, false);
    let not_associated = |lab: &mut Lab| {
        let told = win32(&create(lab, NOBODY, Handle::NULL, 7, 1));
        (told, lab.system.handles(lab.process).iter().count())
    };
    let closed = ((false, 6), 1);
    shows(
        Mutant::FailedAssociationGivesThePort,
        not_associated,
        closed,
        (TRUE, 2),
    );
    shows(
        Mutant::UnassociatedPortStays,
        not_associated,
        closed,
        ((false, 6), 2),
    );
}

#[test]
fn the_limit_of_a_new_port() {
    let of_zero = |lab: &mut Lab| {
        let made = create(lab, Handle::INVALID, Handle::NULL, 0, 0)
            .returned()
            .handle();
        limit_of(lab, made.unwrap())
    };
    shows(Mutant::ZeroMeansOne, of_zero, 4, 1);
    shows(Mutant::ZeroMeansNoLimit, of_zero, 4, u32::MAX);
    let associated = |lab: &mut Lab| {
        let (file, port) = (lab.add_file(), lab.here().handle);
        create(lab, file, port, 7, 5).is_true();
        limit_of(lab, port)
    };
    shows(Mutant::AssociationSetsTheLimit, associated, 1, 5);
    let counted = |lab: &mut Lab| {
        create(lab, Handle::INVALID, Handle::NULL, 0, 1).is_true();
        lab.system.ports()[1].active
    };
    shows(Mutant::CreatorIsAMember, counted, 0, 1);
}

#[test]
fn rights() {
    let generic = |lab: &mut Lab| {
        let may = duplicate(lab, lab.here().handle, Some(Access::GENERIC_READ));
        lab.system.handles(lab.process).get(may).unwrap().access
    };
    shows(
        Mutant::GenericRightsMeanNothing,
        generic,
        Access::READ_CONTROL.with(Access::QUERY_STATE),
        Access(0),
    );
    let with_no_right = |lab: &mut Lab| {
        let handle = duplicate(lab, lab.here().handle, Some(Access(0)));
        let port = lab.here().port;
        lab.at(Door { port, handle });
    };
    let modify = |lab: &mut Lab| {
        with_no_right(lab);
        win32(&lab.post(1))
    };
    shows(Mutant::ModifyRightUnchecked, modify, (false, 5), TRUE);
    let ask = |lab: &mut Lab| {
        with_no_right(lab);
        query(lab, 0, 4)
    };
    let denied = (NtStatus::ACCESS_DENIED, Value::Nothing);
    shows(
        Mutant::QueryRightUnchecked,
        ask,
        denied,
        (SUCCESS, Value::Count(0)),
    );
    let wait = |lab: &mut Lab| {
        with_no_right(lab);
        let (thread, object) = (lab.outsider, lab.here().handle);
        lab.wait_for(thread, object, ZERO).returned().status
    };
    shows(
        Mutant::SynchronizeRightUnchecked,
        wait,
        NtStatus::ACCESS_DENIED,
        NtStatus::TIMEOUT,
    );
}

#[test]
fn the_depth() {
    let beside_a_waiter = |lab: &mut Lab| {
        let [a] = lab.threads();
        lab.enter([a]);
        query(lab, 0, 4)
    };
    let count = |count| (SUCCESS, Value::Count(count));
    shows(
        Mutant::DepthCountsWaiters,
        beside_a_waiter,
        count(0),
        count(1),
    );
    let refused = |status| (status, Value::Nothing);
    shows(
        Mutant::QueryIgnoresLength,
        |lab| query(lab, 0, 8),
        refused(NtStatus::INFO_LENGTH_MISMATCH),
        count(0),
    );
    let of_class_one = |lab: &mut Lab| query(lab, 1, 4);
    shows(
        Mutant::QueryIgnoresClass,
        of_class_one,
        refused(NtStatus::INVALID_INFO_CLASS),
        count(0),
    );
    shows(
        Mutant::LooseObjectManager,
        of_class_one,
        refused(NtStatus::INVALID_INFO_CLASS),
        refused(NtStatus::INVALID_PARAMETER),
    );
}

#[test]
fn names() {
    let create_named = |lab: &mut Lab| {
        let call = Call::NtCreateIoCompletion {
            name: NameId::new(0),
            access: Access::ALL,
            concurrency: 1,
        };
        lab.call(lab.outsider, call).returned()
    };
    let twice = |lab: &mut Lab| {
        create_named(lab);
        let status = create_named(lab).status;
        (status, lab.system.ports().len())
    };
    let existed = (NtStatus::OBJECT_NAME_EXISTS, 2);
    shows(Mutant::NamesAreIgnored, twice, existed, (SUCCESS, 3));
    shows(Mutant::ExistingNameUnsaid, twice, existed, (SUCCESS, 2));
    shows(
        Mutant::ExistingNameRefused,
        twice,
        existed,
        (NtStatus::OBJECT_NAME_COLLISION, 2),
    );
    let handle = |lab: &mut Lab| {
        create_named(lab);
        create_named(lab).handle() == Some(Handle::NULL)
    };
    shows(Mutant::LooseObjectManager, handle, false, true);
}

#[test]
fn who_may_use_a_handle() {
    let to_another = |lab: &mut Lab| {
        let call = Call::DuplicateHandle {
            handle: lab.here().handle,
            target: lab.system.add_process(),
            access: None,
            close_source: false,
        };
        win32(&lab.call(lab.outsider, call))
    };
    shows(Mutant::PortStaysInItsProcess, to_another, TRUE, (false, 5));
    let second = |lab: &mut Lab| {
        let [a, b] = lab.threads();
        lab.enter([a]);
        lab.get(b).has_blocked()
    };
    shows(Mutant::SecondDequeuerRefused, second, true, false);
}

#[test]
fn how_long_a_port_lives() {
    let one_of_two = |lab: &mut Lab| {
        let [a] = lab.threads();
        let other = duplicate(lab, lab.here().handle, None);
        lab.enter([a]);
        lab.close(other);
        lab.system.thread(a).can_return()
    };
    shows(Mutant::FirstCloseEndsThePort, one_of_two, false, true);
    let used_again = |lab: &mut Lab| {
        let reserve = reserve(lab, true);
        let other = lab.add_port(1);
        set_with(lab, reserve, 1);
        lab.close(lab.here().handle);
        lab.at(other);
        set_with(lab, reserve, 2)
    };
    let busy = NtStatus::INVALID_PARAMETER;
    shows(Mutant::PortNeverGoes, used_again, SUCCESS, busy);
    let beside_a_file = |lab: &mut Lab| {
        lab.add_associated(5);
        used_again(lab)
    };
    shows(Mutant::FilesHoldNoPort, beside_a_file, busy, SUCCESS);
    let moved = |lab: &mut Lab| {
        let file = lab.add_associated(5);
        let other = lab.add_port(1);
        lab.close(lab.here().handle);
        win32(&lab.at(other).associate(file, 6))
    };
    shows(Mutant::PortCloseEndsAssociations, moved, (false, 87), TRUE);
}

#[test]
fn waiting_on_the_handle() {
    let wait = |lab: &mut Lab| {
        let (thread, port) = (lab.outsider, lab.here().handle);
        lab.wait_for(thread, port, ZERO).returned().status
    };
    shows(
        Mutant::EmptyPortIsSignaled,
        wait,
        NtStatus::TIMEOUT,
        SUCCESS,
    );
    let with_packet = |lab: &mut Lab| {
        lab.post(1);
        let status = wait(lab);
        (status, found(lab))
    };
    let seen = (SUCCESS, vec![1]);
    shows(
        Mutant::PortIsNeverSignaled,
        with_packet,
        seen.clone(),
        (NtStatus::TIMEOUT, vec![1]),
    );
    shows(
        Mutant::WaitTakesAPacket,
        with_packet,
        seen,
        (SUCCESS, vec![]),
    );
    let both_wake = |lab: &mut Lab| {
        let [a, b] = lab.threads();
        let port = lab.here().handle;
        lab.wait_for(a, port, FOREVER);
        lab.wait_for(b, port, FOREVER);
        lab.post(1);
        [a, b].map(|thread| lab.system.thread(thread).can_return())
    };
    shows(
        Mutant::PostWakesOneDirectWaiter,
        both_wake,
        [true, true],
        [true, false],
    );
    shows(
        Mutant::DirectWaitersStandInLine,
        both_wake,
        [true, true],
        [false, true],
    );
    let beside_a_dequeuer = |lab: &mut Lab| {
        let [direct, dequeuer] = lab.threads();
        lab.wait_for(direct, lab.here().handle, FOREVER);
        lab.enter([dequeuer]);
        lab.post(1).goes_to(dequeuer);
        lab.system.thread(direct).can_return()
    };
    shows(
        Mutant::HandOffWakesADirectWaiter,
        beside_a_dequeuer,
        false,
        true,
    );
    let closed = |lab: &mut Lab| {
        let [a] = lab.threads();
        let port = lab.here().handle;
        lab.wait_for(a, port, FOREVER);
        lab.close(port);
        lab.system.thread(a).can_return()
    };
    shows(Mutant::CloseLeavesDirectWaiters, closed, true, false);
}
