//! Section ASSOC: which port a file's completions go to, and under which key.
#![allow(clippy::unwrap_used)]

mod lab;

use iocp_model::{Call, DeviceAnswer, Handle, NtStatus, PortLife, Profile, Timeout};
use lab::{Door, Lab};

const SUCCESS: NtStatus = NtStatus::SUCCESS;
const DONE: DeviceAnswer = DeviceAnswer::Done(SUCCESS, 3);
const ZERO: Timeout = Timeout::Zero;

#[track_caller]
fn duplicate(lab: &mut Lab, handle: Handle) -> Handle {
    let call = Call::DuplicateHandle {
        handle,
        target: lab.process,
        access: None,
        close_source: false,
    };
    lab.call(lab.outsider, call).returned().handle().unwrap()
}

fn set(file: Handle, port: Handle, key: u64, replace: bool) -> Call {
    Call::NtSetInformationFile {
        file,
        port,
        key,
        replace,
    }
}

/// ASSOC-01, ASSOC-12: the association is the file object's: a duplicate's requests go to the same
/// port under the same key, and outlive the handle that was associated.
#[test]
fn assoc_01_duplicates_share_the_association() {
    let mut lab = Lab::new(1);
    let file = lab.add_file();
    let before = duplicate(&mut lab, file);
    lab.associate(file, 7).is_true();
    let after = duplicate(&mut lab, file);
    lab.close(file);
    for (handle, context) in [(before, 0x10), (after, 0x20)] {
        lab.read(handle, context, DONE).is_queued();
        lab.poll(lab.outsider).carries([(7, context, 3, SUCCESS)]);
    }
    lab.associate(after, 8).is_false(87);
}

/// ASSOC-12: a handle in another process leads to the same port too.
#[test]
fn assoc_12_another_process_reaches_the_same_port() {
    let mut lab = Lab::new(1);
    let file = lab.add_associated(7);
    let target = lab.system.add_process();
    let stranger = lab.system.add_thread(target);
    let inherit = Call::DuplicateHandle {
        handle: file,
        target,
        access: None,
        close_source: true,
    };
    let inherited = lab.call(lab.outsider, inherit).returned().handle().unwrap();
    lab.read_by(stranger, inherited, 0x10, DONE).is_queued();
    lab.poll(lab.outsider).carries([(7, 0x10, 3, SUCCESS)]);
}

/// ASSOC-02: a second association fails, with the same port or another; the first one stands.
#[test]
fn assoc_02_a_file_is_associated_once() {
    let mut lab = Lab::new(1);
    let (first, second) = (lab.here(), lab.add_port(1));
    let file = lab.add_associated(7);
    lab.associate(file, 8)
        .is_false(87)
        .says(NtStatus::INVALID_PARAMETER);
    lab.at(second).associate(file, 9).is_false(87);
    let outsider = lab.outsider;
    lab.call(outsider, set(file, second.handle, 9, false))
        .says(NtStatus::INVALID_PARAMETER);
    lab.read(file, 0x10, DONE);
    lab.is(0, [], []);
    lab.at(first).is(0, [7], []);
    assert_eq!(lab.system.port(second.port).files, 0);
}

/// ASSOC-03: a file opened for synchronous I/O is refused, and so nothing it does is queued.
#[test]
fn assoc_03_a_synchronous_file_is_refused() {
    let mut lab = Lab::new(1);
    let (outsider, port) = (lab.outsider, lab.here().handle);
    let file = lab.system.add_file(lab.process, false).1;
    lab.associate(file, 7).is_false(87);
    let refused = lab.call(outsider, set(file, port, 7, false));
    refused.says(NtStatus::INVALID_PARAMETER);
    lab.read(file, 0x10, DONE).is_true();
    lab.is(0, [], []);
    assert_eq!(lab.system.port(lab.here().port).files, 0);
}

/// ASSOC-04: closing the port handle does not undo the association: another still fails.
#[test]
fn assoc_04_closing_the_port_handle_undoes_nothing() {
    let mut lab = Lab::new(1);
    let other = lab.add_port(1);
    let file = lab.add_associated(7);
    lab.close(lab.here().handle);
    lab.at(other).associate(file, 8).is_false(87);
}

/// ASSOC-05: class 61 sends later completions elsewhere, those of pending requests too, and moves
/// the reference.
#[test]
fn assoc_05_an_association_can_be_replaced() {
    let mut lab = Lab::new(1);
    let (first, second, outsider) = (lab.here(), lab.add_port(1), lab.outsider);
    let file = lab.add_associated(7);
    let request = lab.pending(file, 0x10);
    lab.call(outsider, set(file, second.handle, 8, true))
        .succeeds();
    lab.completes(request, SUCCESS, 3).is_queued();
    lab.at(first).is(0, [], []);
    lab.at(second)
        .poll(outsider)
        .carries([(8, 0x10, 3, SUCCESS)]);
    let files = |lab: &Lab, door: Door| lab.system.port(door.port).files;
    assert_eq!((files(&lab, first), files(&lab, second)), (0, 1));
    lab.close(first.handle);
    assert_eq!(lab.system.port(first.port).life, PortLife::Deleted);
}

/// ASSOC-05: class 61 with no port takes the association away; then a new one is possible.
#[test]
fn assoc_05_an_association_can_be_removed() {
    let mut lab = Lab::new(1);
    let outsider = lab.outsider;
    let file = lab.add_associated(7);
    lab.call(outsider, set(file, Handle::NULL, 0, true))
        .succeeds();
    lab.read(file, 0x10, DONE).is_true();
    lab.is(0, [], []);
    assert_eq!(lab.system.port(lab.here().port).files, 0);
    lab.associate(file, 8).is_true();
}

/// ASSOC-05: a replacement that fails leaves the old association; and class 61 is not known to
/// Windows before 8.1.
#[test]
fn assoc_05_a_failed_replacement_changes_nothing() {
    let mut lab = Lab::new(1);
    let outsider = lab.outsider;
    let file = lab.add_associated(7);
    let failed = lab.call(outsider, set(file, file, 8, true));
    failed.says(NtStatus::OBJECT_TYPE_MISMATCH);
    lab.read(file, 0x10, DONE);
    lab.is(0, [7], []);

    for profile in [
        Profile::WINDOWS_VISTA,
        Profile::WINDOWS_XP,
        Profile::REACTOS,
    ] {
        let mut lab = Lab::of(profile, 1);
        let file = lab.add_associated(7);
        let remove = set(file, Handle::NULL, 0, true);
        lab.call(lab.outsider, remove)
            .says(NtStatus::INVALID_INFO_CLASS);
        lab.read(file, 0x10, DONE);
        lab.is(0, [7], []);
    }
}

/// ASSOC-06, ASSOC-09: a request pending when the file is associated delivers under the new key.
#[test]
fn assoc_06_pending_requests_deliver_after_the_association() {
    let mut lab = Lab::new(1);
    let file = lab.add_file();
    let [with, without] = [0x10, 0].map(|context| lab.pending(file, context));
    lab.associate(file, 7).is_true();
    lab.is(0, [], []);
    lab.completes(without, SUCCESS, 3);
    lab.is(0, [], []);
    lab.completes(with, SUCCESS, 3).is_queued();
    lab.poll(lab.outsider).carries([(7, 0x10, 3, SUCCESS)]);
}

/// ASSOC-07: a request with an APC pending then ends in its APC, in its issuer, and no packet.
#[test]
fn assoc_07_a_pending_request_with_an_apc_makes_no_packet() {
    let mut lab = Lab::new(1);
    let [issuer] = lab.threads();
    let file = lab.add_file();
    // `ReadFileEx` says TRUE to a request that is under way.
    lab.read_with_apc(issuer, file, 0x10, DeviceAnswer::Pending)
        .is_true();
    let request = lab.system.requests()[0].id;
    lab.associate(file, 7).is_true();
    lab.completes(request, SUCCESS, 3).hands_nothing();
    lab.is(0, [], []);
    lab.sleep(lab.outsider, ZERO, true).succeeds();
    lab.sleep(issuer, ZERO, true).runs_apcs([request.0]);
    lab.is(0, [], []);
}

/// ASSOC-08: on an associated file a request with an APC is refused, and nothing is started.
#[test]
fn assoc_08_no_apcs_on_an_associated_file() {
    let mut lab = Lab::new(1);
    let [issuer] = lab.threads();
    let file = lab.add_file();
    lab.read_with_apc(issuer, file, 0x10, DONE).is_true();
    lab.sleep(issuer, ZERO, true).runs_apcs([0]);
    lab.associate(file, 7).is_true();
    for answer in [DeviceAnswer::Pending, DONE] {
        lab.read_with_apc(issuer, file, 0x10, answer).is_false(87);
        assert_eq!(lab.system.requests(), []);
        assert_eq!(lab.system.user_apcs(issuer).count(), 0);
        lab.is(0, [], []);
    }
}

/// ASSOC-09, ASSOC-10: many files on one port, under their own keys, which may be equal.
#[test]
fn assoc_09_keys_belong_to_files_and_need_not_differ() {
    let mut lab = Lab::new(1);
    let files = [7, 8, 7, u64::MAX].map(|key| lab.add_associated(key));
    for (file, context) in files.into_iter().zip(1..) {
        lab.read(file, context, DONE).is_queued();
    }
    for (key, context) in [(7, 1), (8, 2), (7, 3), (u64::MAX, 4)] {
        lab.poll(lab.outsider).carries([(key, context, 3, SUCCESS)]);
    }
}

/// ASSOC-10: three files, three keys, one port, whatever the order of completion.
#[test]
fn assoc_10_one_port_serves_many_files() {
    let mut lab = Lab::new(1);
    let files = [1, 2, 3].map(|key| lab.add_associated(key));
    let requests = files.map(|file| lab.pending(file, 0x10));
    assert_eq!(lab.system.port(lab.here().port).files, 3);
    for index in [2, 0, 1] {
        lab.completes(requests[index], SUCCESS, 3);
    }
    lab.is(0, [3, 1, 2], []);
}

/// ASSOC-13: associating sets the file's own event, though a read is pending; a failure does not.
#[test]
fn assoc_13_associating_signals_the_file() {
    let mut lab = Lab::new(1);
    let (outsider, port) = (lab.outsider, lab.here().handle);
    let file = lab.add_file();
    lab.pending(file, 0x10);
    lab.wait_for(outsider, file, ZERO).times_out();
    let no_handle = Handle(0x400);
    lab.call(outsider, set(file, no_handle, 7, false))
        .says(NtStatus::INVALID_HANDLE);
    lab.wait_for(outsider, file, ZERO).times_out();
    lab.call(outsider, set(file, port, 7, false)).succeeds();
    lab.wait_for(outsider, file, ZERO).succeeds();

    let silent = Profile {
        semantics: iocp_model::Semantics {
            association_signals_file: false,
            ..Profile::default().semantics
        },
        ..Profile::default()
    };
    let mut lab = Lab::of(silent, 1);
    let file = lab.add_associated(7);
    lab.wait_for(lab.outsider, file, ZERO).times_out();
}

/// ASSOC-14: what was complete before the association makes no packet after it.
#[test]
fn assoc_14_no_packets_for_what_was_complete() {
    let mut lab = Lab::new(1);
    let file = lab.add_file();
    lab.read(file, 0x10, DONE).is_true();
    let request = lab.pending(file, 0x20);
    lab.completes(request, SUCCESS, 3);
    lab.associate(file, 7).is_true();
    assert_eq!(lab.depth(), 0);
}

/// ASSOC-15, ASSOC-04: the reference to the port goes with the last handle *and* the last request.
#[test]
fn assoc_15_the_reference_lasts_as_long_as_handles_and_requests() {
    let mut lab = Lab::new(1);
    let port = lab.here();
    let file = lab.add_associated(7);
    let other = duplicate(&mut lab, file);
    let request = lab.pending(file, 0x10);
    let files = |lab: &Lab| lab.system.port(port.port).files;
    lab.close(file);
    assert_eq!(files(&lab), 1);
    lab.close(other);
    assert_eq!(files(&lab), 1);
    lab.completes(request, NtStatus::PIPE_BROKEN, 0).is_queued();
    assert_eq!(files(&lab), 0);
    lab.poll(lab.outsider)
        .carries([(7, 0x10, 0, NtStatus::PIPE_BROKEN)]);

    let file = lab.add_associated(8);
    let request = lab.pending(file, 0x20);
    lab.completes(request, SUCCESS, 3);
    assert_eq!(files(&lab), 1);
    lab.close(file);
    assert_eq!(files(&lab), 0);
}
