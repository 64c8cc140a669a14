//! Section POST: putting packets into a port.
#![allow(clippy::unwrap_used)]

mod lab;

use iocp_model::{Access, Call, Handle, NtStatus, Packet, Profile, Timeout, rules};
use lab::{Lab, packet};

/// A reserve object, for packets or for APCs.
fn reserve(lab: &mut Lab, for_packets: bool) -> Handle {
    let allocate = Call::NtAllocateReserveObject { for_packets };
    lab.call(lab.outsider, allocate)
        .returned()
        .handle()
        .unwrap()
}

/// `NtSetIoCompletionEx` by the outsider.
fn set_ex(lab: &mut Lab, port: Handle, reserve: Handle, key: u64) -> lab::Step<'_> {
    let set = Call::NtSetIoCompletionEx {
        port,
        reserve,
        packet: packet(key),
    };
    lab.call(lab.outsider, set)
}

/// POST-01: the packet is queued with `STATUS_SUCCESS`, whatever the caller had in mind.
#[test]
fn post_01_a_post_is_a_success() {
    let mut lab = Lab::new(1);
    let (outsider, port) = (lab.outsider, lab.here().handle);
    let packet = Packet {
        status: NtStatus::CANCELLED,
        ..Packet::posted(456, 0x10, 123)
    };
    let post = Call::PostQueuedCompletionStatus { port, packet };
    lab.call(outsider, post).is_true().is_queued();
    let fields = (456, 0x10, 123, NtStatus::SUCCESS);
    lab.poll(outsider).is_true().carries([fields]);
}

/// POST-01: a post never blocks, however full the port and however many wait.
#[test]
fn post_01_a_post_never_blocks() {
    let mut lab = Lab::new(1);
    let [active, waiter] = lab.threads();
    lab.joins(active);
    lab.enter([waiter]);
    for key in 0..1000 {
        lab.post(key).is_true();
    }
    assert_eq!(lab.depth(), 1000);
}

/// POST-02: `NtSetIoCompletion` takes any status, which comes out as it went in and decides the
/// Win32 result.
#[test]
fn post_02_any_status_is_carried() {
    let mut lab = Lab::new(1);
    let (outsider, port) = (lab.outsider, lab.here().handle);
    let timeout = Timeout::Zero;
    let packet = Packet {
        status: NtStatus::INVALID_DEVICE_REQUEST,
        ..packet(7)
    };
    let set = Call::NtSetIoCompletion { port, packet };
    lab.call(outsider, set).is_queued();
    lab.call(outsider, set).is_queued();
    let fields = (7, packet.overlapped, 0, NtStatus::INVALID_DEVICE_REQUEST);
    let removed = lab.call(outsider, Call::NtRemoveIoCompletion { port, timeout });
    assert_eq!(
        removed.carries([fields]).returned().status,
        NtStatus::SUCCESS
    );
    assert!(removed.returned().success());
    lab.poll(outsider).is_false(1).carries([fields]);
}

/// POST-03: with a reserve object a post needs no memory; the handles are checked, the port first.
#[test]
fn post_03_a_reserve_object_is_memory_enough() {
    let mut lab = Lab::new(1);
    let port = lab.here().handle;
    let [good, for_apcs] = [true, false].map(|for_packets| reserve(&mut lab, for_packets));
    lab.system.limit_post_memory(Some(0));
    for (port, reserve, status) in [
        (Handle::NULL, good, NtStatus::INVALID_HANDLE),
        (Handle::INVALID, good, NtStatus::OBJECT_TYPE_MISMATCH),
        (Handle::NULL, Handle::INVALID, NtStatus::INVALID_HANDLE),
        (port, Handle::NULL, NtStatus::INVALID_HANDLE),
        (port, Handle::INVALID, NtStatus::OBJECT_TYPE_MISMATCH),
        (port, port, NtStatus::OBJECT_TYPE_MISMATCH),
        (port, for_apcs, NtStatus::OBJECT_TYPE_MISMATCH),
    ] {
        set_ex(&mut lab, port, reserve, 1).says(status);
    }
    lab.post(1).is_false(1450);
    set_ex(&mut lab, port, good, 2).is_queued();
    lab.poll(lab.outsider).gets(2);
}

/// POST-04: a reserve object backs one packet at a time, until that is taken, by whatever way.
#[test]
fn post_04_a_reserve_object_backs_one_packet() {
    let mut lab = Lab::new(2);
    let [waiter] = lab.threads();
    let port = lab.here().handle;
    let reserve = reserve(&mut lab, true);
    let busy = NtStatus::INVALID_PARAMETER;
    set_ex(&mut lab, port, reserve, 1).is_queued();
    set_ex(&mut lab, port, reserve, 2)
        .says(busy)
        .hands_nothing();
    lab.is(0, [1], []);
    lab.poll(lab.outsider).gets(1);

    lab.enter([waiter]);
    set_ex(&mut lab, port, reserve, 3).goes_to(waiter);
    set_ex(&mut lab, port, reserve, 4).says(busy);
    lab.returns(waiter).gets(3);
    set_ex(&mut lab, port, reserve, 5).is_queued();
    lab.run_down();
    set_ex(&mut lab, port, reserve, 6).is_queued();
}

/// POST-04, THR-07: a packet that is lost with its thread frees its reserve object too.
#[test]
fn post_04_a_lost_packet_frees_its_reserve_object() {
    let mut lab = Lab::new(1);
    let [waiter] = lab.threads();
    let port = lab.here().handle;
    let reserve = reserve(&mut lab, true);
    lab.enter([waiter]);
    set_ex(&mut lab, port, reserve, 1).goes_to(waiter);
    lab.kill(waiter);
    set_ex(&mut lab, port, reserve, 2).is_queued();
}

/// POST-05: an invalid handle gives 6, a handle without modify access 5; nothing is queued.
#[test]
fn post_05_posting_to_what_is_no_port() {
    let mut lab = Lab::new(1);
    let (outsider, here) = (lab.outsider, lab.here().handle);
    let duplicate = Call::DuplicateHandle {
        handle: here,
        target: lab.process,
        access: Some(Access::QUERY_STATE.with(Access::SYNCHRONIZE)),
        close_source: false,
    };
    let weak = lab.call(outsider, duplicate).returned().handle().unwrap();
    let (file, closed) = (lab.add_file(), lab.add_file());
    lab.close(closed);
    for (port, error) in [(closed, 6), (file, 6), (Handle::NULL, 6), (weak, 5)] {
        let packet = packet(1);
        let post = Call::PostQueuedCompletionStatus { port, packet };
        lab.call(outsider, post)
            .is_false(error)
            .obeys(&[rules::POST_05]);
    }
    lab.is(0, [], []);
}

/// POST-06: a member that posts keeps its slot: with limit 1 it is served itself.
#[test]
fn post_06_a_post_frees_no_slot() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.joins(a);
    lab.enter([b]);
    lab.post_by(a, 1).is_queued();
    lab.is(1, [1], [b]);
    lab.get(a).gets(1);
    lab.is(1, [], [b]);
}

/// POST-06: in Wine, without a limit, the waiter is woken, and whoever is quicker gets it.
#[test]
fn post_06_in_wine_the_waiter_is_woken() {
    let mut lab = Lab::of(Profile::WINE_8, 1);
    let [a, b] = lab.threads();
    lab.joins(a);
    lab.enter([b]);
    lab.post_by(a, 1);
    lab.is(2, [1], []);
    lab.clone().get(a).gets(1);
    lab.returns(b).gets(1);
}

/// POST-08: the overlapped pointer is a number that nobody follows.
#[test]
fn post_08_the_pointer_is_not_followed() {
    let mut lab = Lab::new(1);
    let (outsider, port) = (lab.outsider, lab.here().handle);
    for pointer in [1, 456, u64::MAX] {
        let packet = Packet::posted(7, pointer, 3);
        let post = Call::PostQueuedCompletionStatus { port, packet };
        lab.call(outsider, post).is_true();
        lab.poll(outsider)
            .carries([(7, pointer, 3, NtStatus::SUCCESS)]);
    }
}

/// POST-09: the key of a post is its own, not that of a file of the port.
#[test]
fn post_09_a_post_has_its_own_key() {
    let mut lab = Lab::new(1);
    lab.add_associated(7);
    lab.post(8).is_queued();
    lab.poll(lab.outsider).gets(8);
}
