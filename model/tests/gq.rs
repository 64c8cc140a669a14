//! Section GQ: `GetQueuedCompletionStatus`. No packet in the result means that `*lpOverlapped` is
//! NULL and that key and byte count are as the caller left them.
#![allow(clippy::unwrap_used)]

mod lab;

use iocp_model::{
    Access, Call, DeviceAnswer, Handle, NtStatus, Packet, PortLife, Profile, Timeout,
};
use lab::Lab;

/// A packet of this status is set and taken.
fn taken(status: NtStatus, overlapped: u64) -> (bool, Option<u32>, Vec<u64>) {
    let mut lab = Lab::new(1);
    let (outsider, port) = (lab.outsider, lab.here().handle);
    let packet = Packet {
        status,
        ..Packet::posted(7, overlapped, 3)
    };
    lab.call(outsider, Call::NtSetIoCompletion { port, packet });
    let returned = lab.poll(outsider).returned();
    let error = returned.last_error().map(|error| error.0);
    let pointers = returned.packets.iter().map(|packet| packet.overlapped);
    (returned.success(), error, pointers.collect())
}

/// GQ-01: the four cases: TRUE or FALSE, with an overlapped or without.
#[test]
fn gq_01_four_cases() {
    assert_eq!(taken(NtStatus::SUCCESS, 0x10), (true, None, vec![0x10]));
    assert_eq!(
        taken(NtStatus::CANCELLED, 0x10),
        (false, Some(995), vec![0x10])
    );
    assert_eq!(taken(NtStatus::SUCCESS, 0), (true, None, vec![0]));
    let mut lab = Lab::new(1);
    let nothing = lab.poll(lab.outsider).is_false(258).returned();
    assert_eq!(nothing.packets.len(), 0);
}

/// GQ-01, PKT-10: a failed operation is a packet: FALSE, the mapped error, key and bytes valid.
#[test]
fn gq_01_a_failed_operation_is_a_packet() {
    let mut lab = Lab::new(1);
    let file = lab.add_associated(7);
    let request = lab.pending(file, 0x10);
    lab.completes(request, NtStatus::CANCELLED, 2);
    lab.poll(lab.outsider)
        .is_false(995)
        .carries([(7, 0x10, 2, NtStatus::CANCELLED)]);
}

/// GQ-02: a failing packet without a context looks like no packet but for its key and bytes.
#[test]
fn gq_02_the_ambiguous_case() {
    let mut lab = Lab::new(1);
    let (outsider, port) = (lab.outsider, lab.here().handle);
    let packet = Packet {
        status: NtStatus::INVALID_DEVICE_REQUEST,
        ..Packet::posted(7, 0, 3)
    };
    lab.call(outsider, Call::NtSetIoCompletion { port, packet });
    let fields = (7, 0, 3, NtStatus::INVALID_DEVICE_REQUEST);
    lab.poll(outsider).is_false(1).carries([fields]);
    let file = lab.add_associated(8);
    let request = lab.pending(file, 0);
    lab.completes(request, NtStatus::INVALID_DEVICE_REQUEST, 0);
    lab.poll(outsider).is_false(258);
}

/// GQ-03: whatever ends a call without a packet, it writes no key and no byte count.
#[test]
fn gq_03_no_packet_no_key_no_bytes() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.joins(b);
    lab.post(1).is_queued();
    lab.poll(a).is_false(258).says(NtStatus::TIMEOUT);
    lab.get_within(a, Timeout::Finite).blocks();
    lab.expires(a);
    lab.returns(a).is_false(258).says(NtStatus::TIMEOUT);
    lab.get(a).blocks();
    lab.close(lab.here().handle);
    lab.returns(a)
        .is_false(735)
        .says(NtStatus::ABANDONED_WAIT_0);
    lab.get(a).is_false(6).says(NtStatus::INVALID_HANDLE);
}

/// GQ-04: a call that returns TRUE leaves the last error alone, blocked before or not.
#[test]
fn gq_04_success_sets_no_error() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.post(1);
    assert_eq!(lab.get(a).returned().last_error(), None);
    lab.get(a).blocks();
    lab.post(2).goes_to(a);
    assert_eq!(lab.returns(a).is_true().returned().last_error(), None);
}

/// GQ-05: success is the sign of the status: warnings are failures, informational codes are not.
#[test]
fn gq_05_the_sign_of_the_status_decides() {
    for (status, error) in [
        (0, None),
        (0x102, None),
        (0x103, None),
        (0x4000_0000, None),
        (0x7FFF_FFFF, None),
        (0x8000_0005, Some(234)),
        (0xC000_0011, Some(38)),
        (0xC000_0120, Some(995)),
        (0xC000_014B, Some(109)),
        (0xFFFF_FFFF, Some(317)),
    ] {
        let success = error.is_none();
        assert_eq!(
            taken(NtStatus(status), 0x10),
            (success, error, vec![0x10]),
            "{status:#x}"
        );
    }
}

/// GQ-05: a message that did not fit is FALSE with 234, and as many bytes as did.
#[test]
fn gq_05_a_short_read_of_a_message() {
    let mut lab = Lab::new(1);
    let file = lab.add_associated(7);
    let answer = DeviceAnswer::Done(NtStatus::BUFFER_OVERFLOW, 4);
    lab.read(file, 0x10, answer);
    lab.poll(lab.outsider)
        .is_false(234)
        .carries([(7, 0x10, 4, NtStatus::BUFFER_OVERFLOW)]);
}

/// GQ-06: the byte count is the low half of the information.
#[test]
fn gq_06_the_byte_count_is_the_low_half() {
    for (information, bytes) in [
        (0x1234_5678_0000_0003, 3),
        (u64::MAX, u32::MAX),
        (1 << 32, 0),
    ] {
        let packet = Packet {
            information,
            ..Packet::posted(7, 0, 0)
        };
        assert_eq!(packet.bytes(), bytes);
    }
}

/// GQ-09: closed while blocked gives 735, closed before gives 6.
#[test]
fn gq_09_closed_while_blocked_or_before() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.enter([a]);
    lab.close(lab.here().handle);
    lab.get(b).is_false(6);
    lab.returns(a)
        .is_false(735)
        .says(NtStatus::ABANDONED_WAIT_0);
}

/// GQ-10: Windows XP, ReactOS and Wine go on waiting, until time ends it; then the port goes.
#[test]
fn gq_10_older_kernels_go_on_waiting() {
    for profile in [Profile::WINDOWS_XP, Profile::REACTOS, Profile::WINE_8] {
        let mut lab = Lab::of(profile, 1);
        let [a] = lab.threads();
        let port = lab.here();
        lab.get_within(a, Timeout::Finite).blocks();
        lab.close(port.handle);
        lab.is(0, [], [a]);
        lab.returns(a).is_not_enabled();
        lab.expires(a);
        lab.returns(a).is_false(258);
        assert_eq!(
            lab.system.port(port.port).life,
            PortLife::Deleted,
            "{}",
            profile.name
        );
    }
}

/// GQ-10: in Windows XP a file of the closed port still feeds its waiter.
#[test]
fn gq_10_a_file_feeds_the_waiter_of_a_closed_port() {
    let mut lab = Lab::of(Profile::WINDOWS_XP, 1);
    let [a] = lab.threads();
    let file = lab.add_associated(7);
    lab.enter([a]);
    lab.close(lab.here().handle);
    lab.read(file, 0x10, DeviceAnswer::Done(NtStatus::SUCCESS, 3))
        .goes_to(a);
    lab.returns(a).gets(7);
}

/// GQ-11: what is no port gives 6, a handle without modify access 5; the thread joins nothing.
#[test]
fn gq_11_handles_that_do_not_do() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    let duplicate = Call::DuplicateHandle {
        handle: lab.here().handle,
        target: lab.process,
        access: Some(Access::QUERY_STATE.with(Access::SYNCHRONIZE)),
        close_source: false,
    };
    let weak = lab.call(a, duplicate).returned().handle().unwrap();
    let file = lab.add_file();
    lab.post(1);
    for (port, error) in [
        (file, 6),
        (Handle::NULL, 6),
        (Handle::INVALID, 6),
        (weak, 5),
    ] {
        let timeout = Timeout::Infinite;
        let get = Call::GetQueuedCompletionStatus { port, timeout };
        lab.call(a, get).is_false(error);
        assert_eq!(lab.members(), []);
    }
    lab.is(0, [1], []);
}
