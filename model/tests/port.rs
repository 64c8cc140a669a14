//! Section PORT: creating a port, its handle, the object behind it.
#![allow(clippy::unwrap_used)]

mod lab;

use iocp_model::{
    Access, Call, DeviceAnswer, Event, Handle, Kind, NameId, NtStatus, Object, PortLife, Profile,
    Timeout,
};
use lab::{Door, Lab, packet};

const SUCCESS: NtStatus = NtStatus::SUCCESS;
const ZERO: Timeout = Timeout::Zero;

fn create(file: Handle, existing: Handle, key: u64, concurrency: u32) -> Call {
    Call::CreateIoCompletionPort {
        file,
        existing,
        key,
        concurrency,
    }
}

/// `CreateIoCompletionPort` by the outsider that must work: the handle that it returns.
#[track_caller]
fn created(lab: &mut Lab, file: Handle, existing: Handle, key: u64, concurrency: u32) -> Handle {
    let step = lab.call(lab.outsider, create(file, existing, key, concurrency));
    step.is_true();
    step.returned().handle().unwrap()
}

/// The port behind a handle of the lab's process.
#[track_caller]
fn door(lab: &Lab, handle: Handle) -> Door {
    match lab.system.handles(lab.process).get(handle).unwrap().object {
        Object::Port(port) => Door { port, handle },
        other => panic!("{other:?} is no port"),
    }
}

fn handle_count(lab: &Lab) -> usize {
    lab.system.handles(lab.process).iter().count()
}

/// Another handle to the port here with these rights.
#[track_caller]
fn duplicate(lab: &mut Lab, access: Option<Access>) -> Handle {
    let call = Call::DuplicateHandle {
        handle: lab.here().handle,
        target: lab.process,
        access,
        close_source: false,
    };
    lab.call(lab.outsider, call).returned().handle().unwrap()
}

fn create_named(name: NameId, concurrency: u32) -> Call {
    Call::NtCreateIoCompletion {
        name: Some(name),
        access: Access::ALL,
        concurrency,
    }
}

/// PORT-01: (-1, NULL) creates, (file, port) associates, (file, NULL) does both; the depth is 0
/// after each.
#[test]
fn port_01_three_modes() {
    let mut lab = Lab::new(1);
    let [first, second] = [(); 2].map(|()| lab.add_file());
    let port = created(&mut lab, Handle::INVALID, Handle::NULL, 7, 1);
    assert_eq!(lab.system.ports().len(), 2);
    let made = door(&lab, port);
    lab.at(made);
    assert_eq!((lab.depth(), lab.system.port(made.port).files), (0, 0));

    assert_eq!(created(&mut lab, first, port, 7, 1), port);
    assert_eq!(lab.system.ports().len(), 2);
    assert_eq!((lab.depth(), lab.system.port(made.port).files), (0, 1));

    let both = created(&mut lab, second, Handle::NULL, 8, 1);
    assert_eq!(lab.system.ports().len(), 3);
    let made = door(&lab, both);
    lab.at(made);
    assert_eq!((lab.depth(), lab.system.port(made.port).files), (0, 1));
    lab.read(second, 0x20, DeviceAnswer::Done(SUCCESS, 2))
        .is_true();
    lab.is(0, [8], []);
}

/// PORT-02: (-1, port) is refused with 87, and the port is not touched.
#[test]
fn port_02_a_port_without_a_file_is_refused() {
    let mut lab = Lab::new(1);
    let (outsider, port) = (lab.outsider, lab.here());
    let before = lab.system.port(port.port).limit;
    lab.call(outsider, create(Handle::INVALID, port.handle, 7, 5))
        .is_false(87);
    assert_eq!(lab.system.port(port.port).limit, before);
    assert_eq!(lab.system.ports().len(), 1);
    lab.poll(outsider).is_false(258);
}

/// PORT-03: whoever only creates a port creates the same whatever the key.
#[test]
fn port_03_a_key_without_a_file_means_nothing() {
    let with_key = |key| {
        let mut lab = Lab::new(1);
        created(&mut lab, Handle::INVALID, Handle::NULL, key, 2);
        lab.system
    };
    assert_eq!(with_key(0), with_key(7));
}

/// PORT-04: a new handle, or the very handle that was passed in; on failure none.
#[test]
fn port_04_what_the_call_returns() {
    let mut lab = Lab::new(1);
    let file = lab.add_file();
    let before = handle_count(&lab);
    let new = created(&mut lab, Handle::INVALID, Handle::NULL, 0, 0);
    assert!(new != Handle::NULL && new != Handle::INVALID);
    assert_eq!(handle_count(&lab), before + 1);
    let copy = duplicate(&mut lab, None);
    assert_eq!(created(&mut lab, file, copy, 0, 0), copy);
    let again = lab.associate(file, 0).is_false(87).returned();
    assert_eq!(again.handle(), None);
}

/// PORT-05: when create-and-associate cannot associate, the new port and its handle are gone.
#[test]
fn port_05_a_failing_combined_call_leaks_nothing() {
    let mut lab = Lab::new(1);
    let tied = lab.add_associated(7);
    let before = handle_count(&lab);
    lab.call(lab.outsider, create(tied, Handle::NULL, 8, 1))
        .is_false(87);
    assert_eq!(handle_count(&lab), before);
    assert_eq!(lab.system.ports()[1].life, PortLife::Deleted);
    lab.read(tied, 0x10, DeviceAnswer::Done(SUCCESS, 1))
        .is_queued();
    lab.is(0, [7], []);
}

/// PORT-06: a limit of 0 means the number of processors: so many of one more are granted.
#[test]
fn port_06_zero_means_the_number_of_processors() {
    for processors in [1, 2, 3, 8] {
        let mut lab = Lab::on(Profile::default(), processors, 0);
        for _ in 0..=processors {
            let [thread] = lab.threads();
            lab.enter([thread]);
        }
        for key in 0..processors {
            lab.post(key.into()).obeys(&[iocp_model::rules::KQ_02]);
        }
        lab.post(99).is_queued();
        let port = lab.system.port(lab.here().port);
        assert_eq!((port.active, port.waiters.len()), (processors.into(), 1));
    }
}

/// PORT-06: any other limit is taken as it is.
#[test]
fn port_06_any_other_limit_is_taken_as_it_is() {
    for concurrency in [1, 2, 7, u32::MAX] {
        let mut lab = Lab::new(1);
        let port = created(&mut lab, Handle::INVALID, Handle::NULL, 0, concurrency);
        let made = door(&lab, port).port;
        assert_eq!(lab.system.port(made).limit, concurrency);
    }
}

/// PORT-07: the limit argument means nothing beside an existing port, nor when a name exists.
#[test]
fn port_07_the_limit_is_for_good() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    let (outsider, port) = (lab.outsider, lab.here().handle);
    let file = lab.add_file();
    lab.call(outsider, create(file, port, 0, 8)).is_true();
    lab.enter([a, b]);
    lab.post(1).goes_to(b);
    lab.post(2).is_queued();
    lab.is(1, [2], [a]);

    let name = NameId::new(0).unwrap();
    lab.call(outsider, create_named(name, 2));
    let again = lab.call(outsider, create_named(name, 8)).returned();
    let made = door(&lab, again.handle().unwrap()).port;
    assert_eq!(lab.system.port(made).limit, 2);
}

/// PORT-07, PORT-06: Wine takes the limit and forgets it.
#[test]
fn port_07_wine_ignores_the_limit() {
    let mut lab = Lab::of(Profile::WINE_8, 1);
    let [a, b] = lab.threads();
    lab.joins(a);
    lab.post(1).is_queued();
    lab.poll(b).gets(1);
    lab.is(2, [], []);
}

/// PORT-08: a fresh port has nothing queued, nobody waiting, nobody counted, and is not signaled.
#[test]
fn port_08_a_fresh_port_is_empty() {
    let mut lab = Lab::new(3);
    let (outsider, port) = (lab.outsider, lab.here());
    lab.is(0, [], []);
    assert_eq!((lab.depth(), lab.members()), (0, vec![]));
    assert!(!lab.system.port(port.port).is_signaled());
    lab.wait_for(outsider, port.handle, ZERO).times_out();
}

/// PORT-09: the rights of a port, and what the generic rights stand for.
#[test]
fn port_09_rights_and_generic_rights() {
    assert_eq!(Access::QUERY_STATE.0, 0x1);
    assert_eq!(Access::MODIFY_STATE.0, 0x2);
    assert_eq!(Access::ALL.0, 0x1F_0003);
    let is = |generic: Access, right| {
        let rights = [
            Access::QUERY_STATE,
            Access::MODIFY_STATE,
            Access::SYNCHRONIZE,
        ];
        let found: Vec<_> = (rights.into_iter())
            .filter(|&right| generic.mapped().contains(right))
            .collect();
        assert_eq!(found, [right], "{generic:?}");
        assert!(generic.mapped().contains(Access::READ_CONTROL));
    };
    is(Access::GENERIC_READ, Access::QUERY_STATE);
    is(Access::GENERIC_WRITE, Access::MODIFY_STATE);
    is(Access::GENERIC_EXECUTE, Access::SYNCHRONIZE);
    assert_eq!(Access::GENERIC_ALL.mapped(), Access::ALL);
    assert_eq!(Access::QUERY_STATE.mapped(), Access::QUERY_STATE);
}

/// PORT-09, PORT-10: a handle opened with a generic right does what that right stands for, and
/// nothing else.
#[test]
fn port_09_a_handle_opened_with_a_generic_right() {
    let mut lab = Lab::new(1);
    let (outsider, name) = (lab.outsider, NameId::new(0));
    lab.call(outsider, create_named(name.unwrap(), 1));
    let open = |lab: &mut Lab, access| {
        let open = Call::NtOpenIoCompletion { name, access };
        lab.call(outsider, open).returned().handle().unwrap()
    };
    for (access, allowed) in [
        (Access::GENERIC_READ, [false, false, true, false]),
        (Access::GENERIC_WRITE, [true, true, false, false]),
        (Access::GENERIC_EXECUTE, [false, false, false, true]),
        (Access::GENERIC_ALL, [true, true, true, true]),
    ] {
        let handle = open(&mut lab, access);
        assert_eq!(what_works(&mut lab, handle), allowed, "{access:?}");
    }
}

/// Which of posting, removing, querying and waiting works through this handle.
fn what_works(lab: &mut Lab, port: Handle) -> [bool; 4] {
    let timeout = ZERO;
    [
        Call::PostQueuedCompletionStatus {
            port,
            packet: packet(1),
        },
        Call::NtRemoveIoCompletion { port, timeout },
        Call::NtQueryIoCompletion {
            port,
            class: 0,
            length: 4,
        },
        Call::WaitForSingleObject {
            object: port,
            timeout,
            alertable: false,
        },
    ]
    .map(|call| {
        let status = lab.call(lab.outsider, call).returned().status;
        assert!(status == NtStatus::ACCESS_DENIED || status.is_success());
        status.is_success()
    })
}

/// PORT-10: each call needs its own right on the handle, and associating needs modify-state.
#[test]
fn port_10_each_call_needs_its_right() {
    let mut lab = Lab::new(1);
    for (access, allowed) in [
        (Access::QUERY_STATE, [false, false, true, false]),
        (Access::MODIFY_STATE, [true, true, false, false]),
        (Access::SYNCHRONIZE, [false, false, false, true]),
        (Access(0), [false, false, false, false]),
    ] {
        let handle = duplicate(&mut lab, Some(access));
        assert_eq!(what_works(&mut lab, handle), allowed, "{access:?}");
        let file = lab.add_file();
        let associate = lab.call(lab.outsider, create(file, handle, 0, 0));
        if allowed[0] {
            associate.is_true();
        } else {
            associate.is_false(5);
        }
    }
    lab.poll(lab.outsider).is_false(258);
}

/// PORT-11: a query tells the packets waiting, not the waiters; other classes and lengths are
/// refused.
#[test]
fn port_11_a_query_tells_the_depth() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.joins(a);
    lab.enter([b]);
    assert_eq!(lab.depth(), 0);
    for key in [1, 2, 3] {
        lab.post(key).is_queued();
    }
    assert_eq!(lab.depth(), 3);
    lab.poll(a).gets(1);
    assert_eq!(lab.depth(), 2);

    let port = lab.here().handle;
    let mut query = |class, length, status| {
        let query = Call::NtQueryIoCompletion {
            port,
            class,
            length,
        };
        lab.call(lab.outsider, query).says(NtStatus(status));
    };
    query(1, 4, 0xC000_0003);
    query(0, 3, 0xC000_0004);
    query(0, 8, 0xC000_0004);
}

/// PORT-12: a second creation under one name gives a handle to the same port.
#[test]
fn port_12_one_name_one_port() {
    let mut lab = Lab::new(1);
    let (outsider, name) = (lab.outsider, NameId::new(0).unwrap());
    let first = lab.call(outsider, create_named(name, 1)).returned();
    let second = lab.call(outsider, create_named(name, 1)).returned();
    assert_eq!(first.status, SUCCESS);
    assert_eq!(second.status, NtStatus(0x4000_0000));
    assert!(second.status.is_success());
    let [first, second] = [first, second].map(|returned| returned.handle().unwrap());
    assert_ne!(first, second);
    let [first, second] = [first, second].map(|handle| door(&lab, handle));
    lab.at(first).post(7);
    lab.at(second).poll(outsider).gets(7);
}

/// PORT-12: opening by name, and its refusals; a name goes with the last handle.
#[test]
fn port_12_opening_by_name() {
    let mut lab = Lab::new(1);
    let (outsider, name) = (lab.outsider, NameId::new(0));
    let open = |name, access| Call::NtOpenIoCompletion { name, access };
    lab.call(outsider, open(name, Access::ALL))
        .says(NtStatus::OBJECT_NAME_NOT_FOUND);
    let made = lab
        .call(outsider, create_named(name.unwrap(), 1))
        .returned()
        .handle()
        .unwrap();
    lab.call(outsider, open(None, Access::ALL))
        .says(NtStatus::INVALID_PARAMETER);
    lab.call(outsider, open(name, Access(0)))
        .says(NtStatus::ACCESS_DENIED);
    let opened = lab
        .call(outsider, open(name, Access::ALL))
        .returned()
        .handle()
        .unwrap();
    assert_eq!(door(&lab, made).port, door(&lab, opened).port);
    lab.close(made);
    lab.close(opened);
    lab.call(outsider, open(name, Access::ALL))
        .says(NtStatus::OBJECT_NAME_NOT_FOUND);
}

/// PORT-13: another process can have a handle to the port, and take packets with it.
#[test]
fn port_13_another_process_can_use_the_port() {
    let mut lab = Lab::new(1);
    let target = lab.system.add_process();
    let stranger = lab.system.add_thread(target);
    let share = Call::DuplicateHandle {
        handle: lab.here().handle,
        target,
        access: None,
        close_source: false,
    };
    let port = lab.call(lab.outsider, share).returned().handle().unwrap();
    lab.post(7).is_queued();
    let timeout = ZERO;
    lab.call(stranger, Call::GetQueuedCompletionStatus { port, timeout })
        .gets(7);
    assert_eq!(lab.members(), [stranger]);
    lab.close(lab.here().handle);
    assert_eq!(lab.system.port(lab.here().port).life, PortLife::Open);
}

/// PORT-14: any thread may use one and the same handle, at the same time.
#[test]
fn port_14_all_threads_share_a_handle() {
    let mut lab = Lab::new(3);
    let threads: [_; 4] = lab.threads();
    lab.enter(threads);
    lab.is(0, [], threads);
    for (thread, key) in threads.into_iter().rev().zip(1..=3) {
        lab.post(key).goes_to(thread);
    }
    for (thread, key) in threads.into_iter().rev().zip(1..=3) {
        lab.returns(thread).gets(key);
        lab.post_by(thread, 10 * key).is_queued();
    }
    lab.is(3, [10, 20, 30], [threads[0]]);
}

/// PORT-15, ASSOC-15, PORT-16: a file keeps the port alive after its handles; a request completed
/// then queues a packet that nobody can see; the file's end is the port's.
#[test]
fn port_15_a_file_keeps_the_port_alive() {
    let mut lab = Lab::new(1);
    let port = lab.here();
    let file = lab.add_associated(7);
    let request = lab.pending(file, 0x10);
    lab.close(port.handle);
    assert_ne!(lab.system.port(port.port).life, PortLife::Deleted);
    lab.completes(request, SUCCESS, 3).is_queued();
    assert_eq!(lab.system.port(port.port).depth(), 1);
    lab.close(file);
    assert_eq!(lab.system.port(port.port).life, PortLife::Deleted);
}

/// PORT-15: a port with two handles loses one and lives.
#[test]
fn port_15_each_handle_is_a_reference() {
    let mut lab = Lab::new(1);
    let first = lab.here();
    let second = Door {
        handle: duplicate(&mut lab, None),
        ..first
    };
    lab.close(first.handle);
    lab.post(1).is_false(6);
    lab.at(second).post(1).is_true();
    lab.poll(lab.outsider).gets(1);
    lab.close(second.handle);
    assert_eq!(lab.system.port(first.port).life, PortLife::Deleted);
}

/// PORT-16: what is queued when the port goes is discarded, in order, and its memory given back.
#[test]
fn port_16_packets_go_with_the_port() {
    let mut lab = Lab::new(1);
    let (outsider, port) = (lab.outsider, lab.here());
    let allocate = Call::NtAllocateReserveObject { for_packets: true };
    let reserve = lab.call(outsider, allocate).returned().handle().unwrap();
    let post = |port: Handle| Call::NtSetIoCompletionEx {
        port,
        reserve,
        packet: packet(1),
    };
    lab.call(outsider, post(port.handle)).is_queued();
    lab.post(2).is_queued();
    let discarded: Vec<u64> = (lab.close(port.handle).events().iter())
        .filter_map(|event| match event {
            Event::Discarded { packet, .. } => Some(packet.key),
            _ => None,
        })
        .collect();
    assert_eq!(discarded, [1, 2]);
    assert_eq!(lab.system.port(port.port).life, PortLife::Deleted);
    let other = lab.add_port(1);
    lab.call(outsider, post(other.handle)).is_queued();
}

/// PORT-17: the handle is signaled while packets wait; waiting takes none.
#[test]
fn port_17_waiting_on_the_handle_takes_nothing() {
    let mut lab = Lab::new(1);
    let (outsider, port) = (lab.outsider, lab.here().handle);
    lab.post(1).is_queued();
    lab.wait_for(outsider, port, Timeout::Infinite).succeeds();
    lab.wait_for(outsider, port, ZERO).succeeds();
    assert_eq!(lab.depth(), 1);
    lab.poll(outsider).gets(1);
    lab.wait_for(outsider, port, ZERO).times_out();
}

/// PORT-18, PORT-17, KQ-22: a post that stays in the queue wakes all direct waiters.
#[test]
fn port_18_a_queued_packet_wakes_all_direct_waiters() {
    let mut lab = Lab::new(1);
    let threads: [_; 3] = lab.threads();
    let port = lab.here().handle;
    for thread in threads {
        lab.wait_for(thread, port, Timeout::Infinite).blocks();
    }
    lab.post(1).is_queued();
    for thread in threads {
        lab.returns(thread).succeeds();
    }
    lab.is(0, [1], []);
}

/// PORT-18: in Wine dequeuers and direct waiters stand in one line, and a packet wakes the first.
#[test]
fn port_18_in_wine_a_packet_wakes_the_first_in_line() {
    let mut lab = Lab::of(Profile::WINE_8, 1);
    let [a, b] = lab.threads();
    let port = lab.here().handle;
    for thread in [a, b] {
        lab.wait_for(thread, port, Timeout::Infinite).blocks();
    }
    lab.post(1).is_queued();
    lab.returns(a).succeeds();
    lab.returns(b).is_not_enabled();
}

/// PORT-19: a packet handed to a dequeuer wakes no direct waiter, but one of them before Windows 10
/// version 1607.
#[test]
fn port_19_a_packet_handed_over_wakes_no_direct_waiter() {
    let served = |profile| {
        let mut lab = Lab::of(profile, 1);
        let [dequeuer, first, second] = lab.threads();
        let port = lab.here().handle;
        lab.enter([dequeuer]);
        for thread in [first, second] {
            lab.wait_for(thread, port, Timeout::Infinite).blocks();
        }
        lab.post(1).goes_to(dequeuer);
        [first, second].map(|thread| lab.system.thread(thread).can_return())
    };
    assert_eq!(served(Profile::WINDOWS_10_1607), [false, false]);
    for before in [
        Profile::WINDOWS_7,
        Profile::WINDOWS_VISTA,
        Profile::WINDOWS_XP,
    ] {
        assert_eq!(served(before), [true, false], "{}", before.name);
    }
}

/// PORT-20: the ways in which an association fails, in the words of both layers.
#[test]
fn port_20_how_an_association_fails() {
    let mut lab = Lab::new(1);
    let port = lab.here().handle;
    let (file, closed, tied) = (lab.add_file(), lab.add_file(), lab.add_associated(1));
    let synchronous = lab.system.add_file(lab.process, false).1;
    let event = Kind::Event {
        manual: false,
        signaled: false,
    };
    let event = lab.system.add_object(lab.process, event).1;
    lab.close(closed);
    for (file, port, status, error) in [
        (event, port, NtStatus::OBJECT_TYPE_MISMATCH, 6),
        (closed, port, NtStatus::INVALID_HANDLE, 6),
        (file, event, NtStatus::OBJECT_TYPE_MISMATCH, 6),
        (file, closed, NtStatus::INVALID_HANDLE, 6),
        (synchronous, port, NtStatus::INVALID_PARAMETER, 87),
        (tied, port, NtStatus::INVALID_PARAMETER, 87),
    ] {
        let (key, replace) = (2, false);
        let set = Call::NtSetInformationFile {
            file,
            port,
            key,
            replace,
        };
        lab.call(lab.outsider, create(file, port, 2, 0))
            .is_false(error)
            .says(status);
        lab.call(lab.outsider, set).says(status);
    }
    lab.associate(file, 2).is_true();
}

/// PORT-09: rights are a set.
#[test]
fn port_09_rights_that_are_there_can_be_added() {
    let both = Access::QUERY_STATE.with(Access::MODIFY_STATE);
    assert_eq!(both.with(Access::QUERY_STATE), both);
    assert!(both.contains(Access::QUERY_STATE) && both.contains(Access::MODIFY_STATE));
}

/// PORT-12: the name goes with the last handle, although a file keeps the port.
#[test]
fn port_12_the_name_goes_with_the_last_handle() {
    let mut lab = Lab::new(1);
    let (outsider, process) = (lab.outsider, lab.process);
    let name = NameId::new(0);
    let create = Call::NtCreateIoCompletion {
        name,
        access: Access::ALL,
        concurrency: 1,
    };
    let handle = lab.call(outsider, create).returned().handle().unwrap();
    let file = lab.add_file();
    (lab.system.associate_file(process, file, handle, 1)).unwrap();
    let access = Access::ALL;
    let open = Call::NtOpenIoCompletion { name, access };
    let again = lab.call(outsider, open).returned().handle().unwrap();
    lab.close(handle);
    lab.close(again);
    lab.call(outsider, open)
        .says(NtStatus::OBJECT_NAME_NOT_FOUND);
}
