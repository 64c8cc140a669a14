//! Section PKT: what a packet is, which requests make one, and in which order they come.
#![allow(clippy::unwrap_used)]

mod lab;

use iocp_model::{Call, DeviceAnswer, Handle, NtStatus, Packet, Timeout, rules};
use lab::{Lab, packet};

const SUCCESS: NtStatus = NtStatus::SUCCESS;
const CANCELLED: NtStatus = NtStatus::CANCELLED;
const DONE: DeviceAnswer = DeviceAnswer::Done(SUCCESS, 3);

/// PKT-01, GQ-06: key, overlapped and information are pointer-sized, the status is any; all four
/// come through unchanged, and `GetQueuedCompletionStatus` shows the low half of the information.
#[test]
fn pkt_01_four_fields() {
    let mut lab = Lab::new(1);
    let (outsider, port) = (lab.outsider, lab.here().handle);
    let packet = Packet {
        status: NtStatus(0x8765_4321),
        information: 0x1234_5678_0000_0003,
        ..Packet::posted(u64::MAX, u64::MAX - 1, 0)
    };
    let set = Call::NtSetIoCompletion { port, packet };
    let timeout = Timeout::Zero;
    lab.call(outsider, set);
    let fields = (
        u64::MAX,
        u64::MAX - 1,
        0x1234_5678_0000_0003,
        NtStatus(0x8765_4321),
    );
    let remove = Call::NtRemoveIoCompletion { port, timeout };
    lab.call(outsider, remove).carries([fields]);
    lab.call(outsider, set);
    let got = lab.poll(outsider).carries([fields]).returned();
    assert_eq!(got.packets[0].bytes(), 3);
}

/// PKT-02: posts 1, 2, 3 are dequeued as 1, 2, 3.
#[test]
fn pkt_02_first_in_first_out() {
    let mut lab = Lab::new(1);
    for key in [1, 2, 3] {
        lab.post(key).is_queued();
    }
    lab.is(0, [1, 2, 3], []);
    for key in [1, 2, 3] {
        lab.poll(lab.outsider).gets(key);
    }
}

/// PKT-03, WAIT-03: the order of the queue is not the order in which packets are seen: what was
/// handed to a waiter first can be seen after what another takes later.
#[test]
fn pkt_03_a_younger_packet_can_be_seen_first() {
    let mut lab = Lab::new(2);
    let [waiter, other] = lab.threads();
    lab.enter([waiter]);
    lab.post(1).goes_to(waiter);
    lab.post(2).is_queued();
    lab.poll(other).gets(2);
    lab.returns(waiter).gets(1);
}

/// PKT-04, PKT-05, PKT-09: a packet comes if and only if the file has a port, the request a context
/// and no APC, and the completion is no error of the issuing call itself.
#[test]
fn pkt_04_when_a_request_makes_a_packet() {
    let four = [false, true].map(|a| [false, true].map(|b| (a, b)));
    for (port, context) in four.as_flattened() {
        for (apc, error) in four.as_flattened() {
            for pends in [false, true] {
                let made = packets_made(*port, *context, *apc, *error, pends);
                let expected = *port && *context && !apc && (pends || !error);
                let about = (port, context, apc, error, pends);
                assert_eq!(made, usize::from(expected), "{about:?}");
            }
        }
    }
}

/// How many packets come of a request. (With an APC the port comes after the request: ASSOC-08.)
fn packets_made(port: bool, context: bool, apc: bool, error: bool, pends: bool) -> usize {
    let mut lab = Lab::new(1);
    let file = lab.add_file();
    let context = if context { 0x10 } else { 0 };
    let status = if error { CANCELLED } else { SUCCESS };
    let answer = if pends {
        DeviceAnswer::Pending
    } else {
        DeviceAnswer::Done(status, 3)
    };
    if port && !apc {
        lab.associate(file, 7).is_true();
    }
    let outsider = lab.outsider;
    let step = if apc {
        lab.read_with_apc(outsider, file, context, answer)
    } else {
        lab.read(file, context, answer)
    };
    // With a routine, a request under way is a success of the call (`ReadFileEx`).
    let success = if pends { apc } else { !error };
    assert_eq!(step.returned().success(), success);
    if port && apc {
        lab.associate(file, 7).is_true();
    }
    if pends {
        let request = lab.system.requests()[0].id;
        lab.completes(request, status, 3);
    }
    lab.system.port(lab.here().port).depth()
}

/// PKT-05: a request without a context makes no packet, but its end shows on the file.
#[test]
fn pkt_05_no_context_no_packet() {
    let mut lab = Lab::new(1);
    let (outsider, file) = (lab.outsider, lab.add_associated(7));
    let request = lab.pending(file, 0);
    lab.wait_for(outsider, file, Timeout::Zero).times_out();
    lab.completes(request, SUCCESS, 3).obeys(&[rules::PKT_05]);
    lab.is(0, [], []);
    lab.wait_for(outsider, file, Timeout::Zero).succeeds();
}

/// PKT-08: a request that succeeds at once makes its packet all the same, with a warning too.
#[test]
fn pkt_08_immediate_success_makes_a_packet() {
    let mut lab = Lab::new(1);
    let file = lab.add_associated(7);
    lab.read(file, 0x10, DONE).is_true();
    lab.poll(lab.outsider)
        .is_true()
        .carries([(7, 0x10, 3, SUCCESS)]);
    let warning = NtStatus::BUFFER_OVERFLOW;
    lab.read(file, 0x10, DeviceAnswer::Done(warning, 3))
        .is_false(234);
    lab.poll(lab.outsider)
        .is_false(234)
        .carries([(7, 0x10, 3, warning)]);
}

/// PKT-09: a request that fails at once makes no packet.
#[test]
fn pkt_09_immediate_failure_makes_no_packet() {
    let mut lab = Lab::new(1);
    let file = lab.add_associated(7);
    let failed = DeviceAnswer::Failed(NtStatus::PIPE_BROKEN);
    lab.read(file, 0x10, failed).is_false(109).hands_nothing();
    lab.read(file, 0x10, DeviceAnswer::Done(CANCELLED, 0))
        .is_false(995);
    assert_eq!((lab.depth(), lab.system.requests().len()), (0, 0));
}

/// PKT-10: a request that pended always makes its packet, with the status that it ended in.
#[test]
fn pkt_10_late_failure_makes_a_packet() {
    let mut lab = Lab::new(1);
    let file = lab.add_associated(7);
    for (status, error) in [(CANCELLED, 995), (NtStatus::END_OF_FILE, 38)] {
        let request = lab.pending(file, 0x10);
        lab.completes(request, status, 0).is_queued();
        lab.poll(lab.outsider)
            .is_false(error)
            .carries([(7, 0x10, 0, status)]);
    }
}

/// PKT-11: one packet a request, never two.
#[test]
fn pkt_11_one_packet_a_request() {
    let mut lab = Lab::new(1);
    let (outsider, file) = (lab.outsider, lab.add_associated(7));
    let request = lab.pending(file, 0x10);
    lab.completes(request, SUCCESS, 3).is_queued();
    lab.completes(request, SUCCESS, 3).is_not_enabled();
    lab.poll(outsider).gets(7);
    lab.poll(outsider).is_false(258).says(NtStatus::TIMEOUT);
    lab.read(file, 0x10, DONE);
    lab.poll(outsider).gets(7);
    lab.poll(outsider).is_false(258);
}

/// PKT-12: a posted packet may hold anything.
#[test]
fn pkt_12_posted_packets_are_not_interpreted() {
    let mut lab = Lab::new(1);
    let (outsider, port) = (lab.outsider, lab.here().handle);
    for (key, overlapped, information, status) in [
        (0, 0, 0, 0),
        (u64::MAX, 1, u64::MAX, 0xC000_0120),
        (7, 0xDEAD_BEEF, 1 << 63, 0x103),
        (7, 0, 5, 0x8000_0005),
    ] {
        let packet = Packet {
            status: NtStatus(status),
            information,
            ..Packet::posted(key, overlapped, 0)
        };
        lab.call(outsider, Call::NtSetIoCompletion { port, packet });
        let fields = (key, overlapped, information, NtStatus(status));
        lab.poll(outsider).carries([fields]);
    }
}

/// PKT-13: finished requests and posts stand in one line.
#[test]
fn pkt_13_requests_and_posts_share_one_order() {
    let mut lab = Lab::new(1);
    let file = lab.add_associated(7);
    lab.read(file, 0x10, DONE);
    lab.post(1);
    lab.read(file, 0x20, DONE);
    lab.post(2);
    lab.is(0, [7, 1, 7, 2], []);
    for key in [7, 1, 7, 2] {
        lab.poll(lab.outsider).gets(key);
    }
}

/// PKT-14: the kernel queue can insert at its head.
#[test]
fn pkt_14_an_insert_at_the_head() {
    let mut lab = Lab::new(1);
    lab.post(1);
    lab.insert_at_head(2);
    lab.post(3);
    lab.is(0, [2, 1, 3], []);
    lab.poll(lab.outsider).gets(2);
}

/// PKT-15: a post fails for want of memory only, and then nothing is queued; a dequeue makes room.
#[test]
fn pkt_15_a_post_can_fail_for_want_of_memory() {
    let mut lab = Lab::new(1);
    let [waiter] = lab.threads();
    lab.system.limit_post_memory(Some(2));
    lab.post(1).is_true();
    lab.post(2).is_true();
    lab.post(3)
        .is_false(1450)
        .says(NtStatus::INSUFFICIENT_RESOURCES);
    lab.is(0, [1, 2], []);
    lab.poll(lab.outsider).gets(1);
    lab.post(4).is_true();
    lab.system.limit_post_memory(Some(0));
    lab.poll(lab.outsider).gets(2);
    lab.poll(lab.outsider).gets(4);
    lab.enter([waiter]);
    lab.post(5).is_false(1450).hands_nothing();
}

/// PKT-16: a finished request needs no memory and is never lost.
#[test]
fn pkt_16_a_completion_cannot_fail() {
    let mut lab = Lab::new(1);
    let file = lab.add_associated(7);
    lab.system.limit_post_memory(Some(0));
    let request = lab.pending(file, 0x10);
    lab.post(1).is_false(1450);
    lab.completes(request, SUCCESS, 3).is_queued();
    lab.read(file, 0x20, DONE).is_true().is_queued();
    lab.is(0, [7, 7], []);
    lab.system.limit_post_memory(Some(1));
    lab.post(1).is_true();
}

/// PKT-17: each packet says what its own request came to, though another used the same context
/// since.
#[test]
fn pkt_17_the_packet_carries_its_own_result() {
    let mut lab = Lab::new(1);
    let file = lab.add_associated(7);
    let request = lab.pending(file, 0x10);
    lab.completes(request, NtStatus::BUFFER_OVERFLOW, 5);
    lab.read(file, 0x10, DONE);
    let first = (7, 0x10, 5, NtStatus::BUFFER_OVERFLOW);
    lab.poll(lab.outsider).carries([first]);
    lab.poll(lab.outsider).carries([(7, 0x10, 3, SUCCESS)]);
}

/// PKT-18: when the issuing call returns, its packet can be in another thread's hands already.
#[test]
fn pkt_18_the_packet_is_out_before_the_issuing_call_returns() {
    let mut lab = Lab::new(1);
    let [waiter] = lab.threads();
    let file = lab.add_associated(7);
    lab.enter([waiter]);
    lab.read(file, 0x10, DONE)
        .is_true()
        .goes_to(waiter)
        .obeys(&[rules::PKT_18]);
    lab.returns(waiter).gets(7);
}

/// PKT-12, POST-09: a packet's key is its own: null handles and keys of files mean nothing to it.
#[test]
fn pkt_12_a_key_is_just_a_number() {
    let mut lab = Lab::new(1);
    let file = lab.add_associated(7);
    for key in [7, 0, Handle::INVALID.0.into()] {
        lab.post(key).is_true();
        lab.poll(lab.outsider)
            .carries([(key, packet(key).overlapped, 0, SUCCESS)]);
    }
    lab.read(file, 0x10, DONE);
    lab.poll(lab.outsider).gets(7);
}
