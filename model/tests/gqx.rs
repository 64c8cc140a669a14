//! Section GQX: `GetQueuedCompletionStatusEx`, which takes several packets at once.
#![allow(clippy::unwrap_used)]

mod lab;

use iocp_model::{Call, NtStatus, Packet, Profile, Semantics, Timeout, Value, profile::BatchWake};
use lab::Lab;

const ZERO: Timeout = Timeout::Zero;

/// GQX-01, KQ-18: up to the maximum are taken, and one slot with them; it waits for none.
#[test]
fn gqx_01_up_to_the_maximum() {
    let mut lab = Lab::new(2);
    let [a] = lab.threads();
    for key in 1..=5 {
        lab.post(key);
    }
    lab.get_many(a, 3, Timeout::Infinite)
        .is_true()
        .gets_all([1, 2, 3]);
    lab.is(1, [4, 5], []);
    lab.get_many(a, 3, Timeout::Infinite)
        .is_true()
        .gets_all([4, 5]);
    lab.is(1, [], []);
    lab.get_many(a, 3, ZERO).is_false(258);
    lab.get_many(a, 3, Timeout::Infinite).blocks();
}

/// GQX-02: failed operations do not make the call fail; each entry has its status.
#[test]
fn gqx_02_a_failed_operation_does_not_fail_the_call() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    let file = lab.add_associated(7);
    for (context, status) in [(0x10, NtStatus::CANCELLED), (0x20, NtStatus::SUCCESS)] {
        let request = lab.pending(file, context);
        lab.completes(request, status, 0);
    }
    let step = lab.get_many(a, 1, ZERO);
    step.is_true().carries([(7, 0x10, 0, NtStatus::CANCELLED)]);
    assert_eq!(step.returned().status, NtStatus::SUCCESS);
    lab.get_many(a, 8, ZERO)
        .is_true()
        .carries([(7, 0x20, 0, NtStatus::SUCCESS)]);
}

/// GQX-02: nor when the caller was blocked.
#[test]
fn gqx_02_nor_after_a_wait() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    let file = lab.add_associated(7);
    let request = lab.pending(file, 0x10);
    lab.get_many(a, 8, Timeout::Infinite).blocks();
    lab.completes(request, NtStatus::CANCELLED, 0).goes_to(a);
    lab.returns(a)
        .is_true()
        .carries([(7, 0x10, 0, NtStatus::CANCELLED)]);
}

/// GQX-03: an entry is key, overlapped, status and bytes, as they went in.
#[test]
fn gqx_03_what_an_entry_holds() {
    let mut lab = Lab::new(1);
    let (outsider, port) = (lab.outsider, lab.here().handle);
    let packet = Packet {
        status: NtStatus(0xDEAD_BEEF),
        information: 0x1234_5678_0000_0003,
        ..Packet::posted(7, 0x10, 0)
    };
    lab.call(outsider, Call::NtSetIoCompletion { port, packet });
    lab.post(8);
    let step = lab.get_many(outsider, 8, ZERO);
    step.carries([
        (7, 0x10, 0x1234_5678_0000_0003, NtStatus(0xDEAD_BEEF)),
        (8, lab::packet(8).overlapped, 0, NtStatus::SUCCESS),
    ]);
    assert_eq!(step.returned().packets[0].bytes(), 3);
}

/// GQX-04: a maximum of 0 is refused, nothing is written, nobody joins, the handle is not looked at.
#[test]
fn gqx_04_a_maximum_of_zero() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.post(1);
    let refused = lab
        .get_many(a, 0, Timeout::Infinite)
        .is_false(87)
        .returned();
    assert_eq!(refused.value, Value::Nothing);
    let port = lab.here().handle;
    let remove = Call::NtRemoveIoCompletionEx {
        port,
        count: 0,
        timeout: ZERO,
        alertable: false,
    };
    let refused = lab
        .call(a, remove)
        .says(NtStatus::INVALID_PARAMETER)
        .returned();
    assert_eq!(refused.value, Value::Nothing);
    lab.is(0, [1], []);
    assert_eq!(lab.members(), []);
}

/// GQX-05: the entries are in queue order.
#[test]
fn gqx_05_oldest_first() {
    let mut lab = Lab::new(1);
    for key in [3, 1, 2] {
        lab.post(key);
    }
    lab.get_many(lab.outsider, 8, ZERO).gets_all([3, 1, 2]);
}

/// GQX-06: 258 for time, 192 for an APC, 735 for the end of the port; at once or after a wait.
#[test]
fn gqx_06_what_ends_it_without_a_packet() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.get_alertable(a, ZERO).is_false(258);
    lab.get_alertable(a, Timeout::Finite).blocks();
    lab.expires(a);
    lab.returns(a).is_false(258);

    lab.user_apc(a, 5);
    lab.get_alertable(a, ZERO).is_false(192).runs_apcs([5]);
    lab.get_alertable(a, Timeout::Infinite).blocks();
    lab.user_apc(a, 6);
    lab.returns(a).is_false(192).runs_apcs([6]);

    lab.get_alertable(a, Timeout::Infinite).blocks();
    lab.close(lab.here().handle);
    lab.returns(a).is_false(735).is_abandoned();
}

/// GQX-06, APC-05: Vista calls the end by an APC TRUE, and no other end.
#[test]
fn gqx_06_vista_returns_true_after_an_apc() {
    let mut lab = Lab::of(Profile::WINDOWS_VISTA, 1);
    let [a] = lab.threads();
    lab.user_apc(a, 5);
    lab.get_alertable(a, ZERO).is_true().runs_apcs([5]);
    lab.get_alertable(a, ZERO).is_false(258);
}

/// GQX-07: a batch woken by a hand-off returns that packet, and of those queued when it resumes any
/// number up to its maximum, the oldest first.
#[test]
fn gqx_07_a_woken_batch_may_collect_more() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.get_many(a, 3, Timeout::Infinite).blocks();
    lab.post(1).goes_to(a);
    lab.clone().returns(a).gets_all([1]);
    lab.collects(a, 1).is_not_enabled();
    for key in [2, 3, 4] {
        lab.post(key).is_queued();
    }
    lab.clone().returns(a).gets_all([1]);
    lab.clone().collects(a, 1).gets_all([1, 2]);
    lab.clone().collects(a, 3).is_not_enabled();
    lab.collects(a, 2).gets_all([1, 2, 3]);
    lab.is(1, [4], []);
}

/// GQX-07: a call for one packet collects no more, nor does any under the policy "exactly one".
#[test]
fn gqx_07_who_collects_no_more() {
    let exactly_one = Profile {
        semantics: Semantics {
            batch_wake: BatchWake::ExactlyOne,
            ..Semantics::WINDOWS
        },
        ..Profile::default()
    };
    for (profile, maximum) in [(Profile::default(), 1), (exactly_one, 8)] {
        let mut lab = Lab::of(profile, 1);
        let [a] = lab.threads();
        lab.get_many(a, maximum, Timeout::Infinite).blocks();
        lab.post(1).goes_to(a);
        lab.post(2).is_queued();
        lab.collects(a, 1).is_not_enabled();
        lab.returns(a).gets_all([1]);
        lab.is(1, [2], []);
    }
}

/// GQX-07: under the policy "all queued" it returns with all that it may take, and not with fewer.
#[test]
fn gqx_07_who_collects_all() {
    let semantics = Semantics {
        batch_wake: BatchWake::AllQueued,
        ..Semantics::WINDOWS
    };
    let mut lab = Lab::of(
        Profile {
            semantics,
            ..Profile::default()
        },
        1,
    );
    let [a] = lab.threads();
    lab.get_many(a, 3, Timeout::Infinite).blocks();
    lab.post(1).goes_to(a);
    lab.clone().collects(a, 0).gets_all([1]);
    for key in [2, 3, 4] {
        lab.post(key).is_queued();
    }
    for more in [0, 1, 3] {
        lab.collects(a, more).is_not_enabled();
    }
    lab.collects(a, 2).gets_all([1, 2, 3]);
    lab.is(1, [4], []);
}

/// GQX-07: where a woken dequeuer looks again, "exactly one" is one.
#[test]
fn gqx_07_exactly_one_without_a_hand_off() {
    for (batch_wake, taken) in [(BatchWake::ExactlyOne, 1), (BatchWake::UpToMaximum, 3)] {
        let semantics = Semantics {
            batch_wake,
            ..Profile::WINE_8.semantics
        };
        let mut lab = Lab::of(
            Profile {
                semantics,
                ..Profile::WINE_8
            },
            1,
        );
        let [a] = lab.threads();
        lab.get_many(a, 8, Timeout::Infinite).blocks();
        for key in [1, 2, 3] {
            lab.post(key).is_queued();
        }
        for _ in 1..taken {
            lab.returns(a).blocks();
        }
        if taken > 1 {
            lab.returns(a).blocks();
        }
        let got = lab.returns(a).returned();
        assert_eq!(got.packets.len(), taken);
    }
}

/// GQX-01: in Wine a batch takes packet after packet, so that what others do comes between.
#[test]
fn gqx_01_in_wine_packet_after_packet() {
    let mut lab = Lab::of(Profile::WINE_8, 1);
    let [a, b, c] = lab.threads();
    for key in [1, 2, 3, 4] {
        lab.post(key).is_queued();
    }
    lab.get_many(a, 3, ZERO).blocks();
    lab.get_many(b, 8, ZERO).blocks();
    lab.is(2, [3, 4], []);
    lab.returns(b).blocks();
    lab.post(5).is_queued();
    lab.returns(a).blocks();
    lab.clone().kill(a);
    lab.returns(b).blocks();
    lab.post(6).is_queued();
    lab.returns(a).blocks();
    // It has its maximum, and does not look again.
    lab.post(7).is_queued();
    lab.returns(a).gets_all([1, 4, 6]);
    lab.returns(b).blocks();
    lab.returns(b).gets_all([2, 3, 5, 7]);
    // What a thread had taken ends with it.
    lab.post(8).is_queued();
    lab.get_many(a, 8, ZERO).blocks();
    lab.kill(a);
    lab.poll(c).times_out();
    lab.is(2, [], []);
}

/// GQX-09, KQ-09: with the slots filled by others a batch takes nothing; below the limit it takes
/// all it may, under one slot.
#[test]
fn gqx_09_a_batch_obeys_the_limit() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.joins(a);
    for key in [1, 2, 3] {
        lab.post(key).is_queued();
    }
    lab.get_many(b, 8, ZERO).is_false(258);
    lab.is(2, [1, 2, 3], []);
    lab.block(b).blocks();
    lab.get_many(a, 2, ZERO).gets_all([1, 2]);
    lab.is(1, [3], []);
}

/// GQX-07, THR-07: under Wine a batch dequeuer that is killed takes along what it has, and no more.
#[test]
fn gqx_07_wine_keeps_apart_what_batches_have() {
    let mut lab = Lab::of(Profile::WINE_8, 9);
    let [a, b] = lab.threads();
    lab.post(1);
    lab.get_many(a, 2, Timeout::Infinite).blocks();
    lab.post(2);
    lab.get_many(b, 2, Timeout::Infinite).blocks();
    lab.kill(a);
    lab.returns(b).gets(2);
}
