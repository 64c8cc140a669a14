//! Published observations of real Windows, replayed on the model: what Wine's conformance tests
//! assert there. Ports have limit 0, the number of processors.
#![allow(clippy::unwrap_used)]

mod lab;

use iocp_model::{Call, Handle, NtStatus, Packet, Profile, Returned, ThreadId, Timeout, Value};
use lab::Lab;

const ZERO: Timeout = Timeout::Zero;
const INFINITE: Timeout = Timeout::Infinite;
/// The byte count S of the tests.
const S: u64 = 0x1234_5678_0000_0003;
/// The status of a packet set with "789".
const N789: NtStatus = NtStatus(789);

/// A test on Windows begins: a fresh port, and the main thread.
fn begin() -> (Lab, ThreadId) {
    let mut lab = Lab::new(0);
    let [main] = lab.threads();
    (lab, main)
}

/// `NtSetIoCompletion(key, value, status, S)` on the port here.
#[track_caller]
fn set(lab: &mut Lab, main: ThreadId, key: u64, value: u64, status: NtStatus) {
    let packet = Packet {
        status,
        information: S,
        ..Packet::posted(key, value, 0)
    };
    let port = lab.here().handle;
    let returned = lab
        .call(main, Call::NtSetIoCompletion { port, packet })
        .returned();
    assert_eq!(returned.status, NtStatus::SUCCESS);
}

/// `NtRemoveIoCompletionEx` on the port here.
fn remove_ex(
    lab: &mut Lab,
    thread: ThreadId,
    count: u16,
    timeout: Timeout,
    alertable: bool,
) -> lab::Step<'_> {
    let port = lab.here().handle;
    let remove = Call::NtRemoveIoCompletionEx {
        port,
        count,
        timeout,
        alertable,
    };
    lab.call(thread, remove)
}

fn remove(lab: &mut Lab, thread: ThreadId, timeout: Timeout) -> lab::Step<'_> {
    let port = lab.here().handle;
    lab.call(thread, Call::NtRemoveIoCompletion { port, timeout })
}

/// The thread becomes a member of the port.
fn associated() -> (Lab, ThreadId) {
    let (mut lab, main) = begin();
    lab.joins(main);
    (lab, main)
}

/// The number of entries that a batch claims: what it took, else what it wrote.
fn count(returned: &Returned) -> usize {
    match returned.value {
        Value::Count(count) => count as usize,
        _ => returned.packets.len(),
    }
}

/// OBS-NF-01: one packet is taken by an alertable batch, and the thread is associated then.
#[test]
fn obs_nf_01_a_batch_on_a_fresh_port() {
    let (mut lab, main) = begin();
    set(&mut lab, main, 123, 456, N789);
    let taken = remove_ex(&mut lab, main, 2, ZERO, true)
        .carries([(123, 456, S, N789)])
        .returned();
    assert_eq!((taken.status, count(&taken)), (NtStatus::SUCCESS, 1));
    assert!(lab.has_member(main));
}

/// OBS-NF-04: a member with an APC pending gets the packet; the APC runs in the sleep after it.
#[test]
fn obs_nf_04_the_packet_comes_before_the_apc() {
    let (mut lab, main) = associated();
    lab.user_apc(main, 5);
    set(&mut lab, main, 123, 456, N789);
    let taken = remove_ex(&mut lab, main, 2, ZERO, true).returned();
    assert_eq!((taken.status, count(&taken)), (NtStatus::SUCCESS, 1));
    assert_eq!(taken.apcs.len(), 0);
    lab.sleep(main, ZERO, true).runs_apcs([5]);
}

/// OBS-NF-05: a failing status is delivered as data, with the other three values.
#[test]
fn obs_nf_05_a_failing_status_is_data() {
    let (mut lab, main) = begin();
    let status = NtStatus(0xC000_0010);
    set(&mut lab, main, 0x0103_0341, 0xFFFA_BBCC, status);
    assert_eq!(lab.depth(), 1);
    let step = remove(&mut lab, main, ZERO);
    step.carries([(0x0103_0341, 0xFFFA_BBCC, S, status)]);
    assert_eq!(step.returned().status, NtStatus::SUCCESS);
    assert_eq!(lab.depth(), 0);
}

/// OBS-NF-06: an empty port gives 0x102.
#[test]
fn obs_nf_06_an_empty_port() {
    let (mut lab, main) = begin();
    remove(&mut lab, main, ZERO).says(NtStatus(0x102));
}

/// OBS-NF-07: a maximum of 0 gives 0xC000000D and writes no count.
#[test]
fn obs_nf_07_a_maximum_of_zero() {
    let (mut lab, main) = begin();
    let refused = remove_ex(&mut lab, main, 0, ZERO, false)
        .says(NtStatus(0xC000_000D))
        .returned();
    assert_eq!(refused.value, Value::Nothing);
}

/// OBS-NF-08: an empty port gives a batch 0x102 and a count of 0 or 1.
#[test]
fn obs_nf_08_an_empty_port_and_a_batch() {
    for profile in Profile::ALL {
        let mut lab = Lab::of(*profile, 0);
        let main = lab.outsider;
        let returned = remove_ex(&mut lab, main, 2, ZERO, false)
            .says(NtStatus(0x102))
            .returned();
        assert!(count(&returned) <= 1);
    }
}

/// OBS-NF-09: a batch of two takes the one packet there is.
#[test]
fn obs_nf_09_one_packet_for_a_batch_of_two() {
    let (mut lab, main) = begin();
    set(&mut lab, main, 123, 456, N789);
    let taken = remove_ex(&mut lab, main, 2, ZERO, false)
        .carries([(123, 456, S, N789)])
        .returned();
    assert_eq!(count(&taken), 1);
}

/// OBS-NF-11: two batches of one take two packets in order, without waiting.
#[test]
fn obs_nf_11_two_batches_of_one() {
    let (mut lab, main) = begin();
    let n56 = NtStatus(56);
    set(&mut lab, main, 123, 456, N789);
    set(&mut lab, main, 12, 34, n56);
    remove_ex(&mut lab, main, 1, INFINITE, false).carries([(123, 456, S, N789)]);
    remove_ex(&mut lab, main, 1, INFINITE, false).carries([(12, 34, S, n56)]);
}

/// OBS-NF-12, OBS-NF-13: a batch that is not alertable leaves the APC alone; then one that is runs
/// it.
#[test]
fn obs_nf_12_an_apc_and_an_empty_queue() {
    let (mut lab, main) = associated();
    lab.user_apc(main, 5);
    let timed_out = remove_ex(&mut lab, main, 2, ZERO, false)
        .says(NtStatus(0x102))
        .returned();
    assert!(count(&timed_out) <= 1);
    assert_eq!(timed_out.apcs.len(), 0);
    let alerted = remove_ex(&mut lab, main, 2, ZERO, true)
        .runs_apcs([5])
        .returned();
    assert_eq!(alerted.status, NtStatus(0xC0));
    assert!(count(&alerted) <= 1);
}

/// OBS-NF-14: with an APC and a packet, a member gets the packet.
#[test]
fn obs_nf_14_an_apc_and_a_packet() {
    let (mut lab, main) = associated();
    lab.user_apc(main, 5);
    set(&mut lab, main, 123, 456, N789);
    let taken = remove_ex(&mut lab, main, 2, ZERO, true)
        .carries([(123, 456, S, N789)])
        .returned();
    assert_eq!(count(&taken), 1);
    assert_eq!(lab.system.user_apcs(main).collect::<Vec<_>>(), [5]);
}

/// OBS-NF-40: what `NtSetIoCompletionEx` says to each wrong handle, and to right ones.
#[test]
fn obs_nf_40_reserve_objects() {
    let (mut lab, main) = begin();
    let here = lab.here().handle;
    let allocate = |lab: &mut Lab, for_packets| {
        let allocate = Call::NtAllocateReserveObject { for_packets };
        lab.call(main, allocate).returned().handle().unwrap()
    };
    let good = allocate(&mut lab, true);
    let for_apcs = allocate(&mut lab, false);
    let status = NtStatus(0xC000_0010);
    for (port, reserve, expected) in [
        (Handle::NULL, good, 0xC000_0008),
        (Handle::INVALID, good, 0xC000_0024),
        (here, Handle::NULL, 0xC000_0008),
        (here, Handle::INVALID, 0xC000_0024),
        (here, for_apcs, 0xC000_0024),
        (here, good, 0),
    ] {
        let packet = Packet {
            status,
            information: S,
            ..Packet::posted(0x0103_0341, 0xFFFA_BBCC, 0)
        };
        let set = Call::NtSetIoCompletionEx {
            port,
            reserve,
            packet,
        };
        assert_eq!(lab.call(main, set).returned().status, NtStatus(expected));
    }
    let step = remove(&mut lab, main, ZERO);
    step.carries([(0x0103_0341, 0xFFFA_BBCC, S, status)]);
}

/// OBS-KF-01, OBS-KF-02: an empty port; a post and its packet; an empty port again.
#[test]
fn obs_kf_01_a_post_and_its_packet() {
    let (mut lab, main) = begin();
    let (port, ovl) = (lab.here().handle, 0x7000);
    lab.poll(main).is_false(258);
    let packet = Packet::posted(456, ovl, 123);
    lab.call(main, Call::PostQueuedCompletionStatus { port, packet })
        .is_true();
    let taken = lab
        .poll(main)
        .is_true()
        .carries([(456, ovl, 123, NtStatus::SUCCESS)])
        .returned();
    assert_eq!(taken.packets[0].bytes(), 123);
    lab.poll(main).is_false(258);
}

/// OBS-KF-03, OBS-KF-04, OBS-KF-05: a batch of two on a port with none, one, and two packets.
#[test]
fn obs_kf_03_a_batch_of_two() {
    let (mut lab, main) = begin();
    let (port, success) = (lab.here().handle, NtStatus::SUCCESS);
    let post = |lab: &mut Lab, packet| {
        lab.call(main, Call::PostQueuedCompletionStatus { port, packet })
            .is_true();
    };
    let (first, second) = (
        Packet::posted(456, 0x7000, 123),
        Packet::posted(321, 0x8000, 654),
    );
    let empty = lab.get_many(main, 2, ZERO).is_false(258).returned();
    assert!(count(&empty) <= 1);
    post(&mut lab, first);
    lab.get_many(main, 2, ZERO)
        .is_true()
        .carries([(456, 0x7000, 123, success)]);
    post(&mut lab, first);
    post(&mut lab, second);
    let both = [(456, 0x7000, 123, success), (321, 0x8000, 654, success)];
    lab.get_many(main, 2, ZERO).is_true().carries(both);
}

/// OBS-KF-06: an APC leaves a batch alone that is not alertable and ends one that is; on Vista, with
/// TRUE.
#[test]
fn obs_kf_06_an_apc_and_a_batch() {
    for (profile, vista) in [(Profile::default(), false), (Profile::WINDOWS_VISTA, true)] {
        let mut lab = Lab::of(profile, 0);
        let [main] = lab.threads();
        lab.joins(main);
        lab.user_apc(main, 5);
        let timed_out = lab.get_ex(main, 2, ZERO, false).is_false(258).returned();
        assert!(count(&timed_out) <= 1 && timed_out.apcs.is_empty());
        let step = lab.get_ex(main, 2, ZERO, true);
        if vista {
            step.is_true();
        } else {
            step.is_false(192);
        }
        step.runs_apcs([5]);
        assert!(count(&step.returned()) <= 1);
    }
}

/// OBS-KF-07: with an APC and a packet, the batch returns the packet and the APC stays pending.
#[test]
fn obs_kf_07_an_apc_a_packet_and_a_batch() {
    let (mut lab, main) = associated();
    lab.user_apc(main, 5);
    lab.post(7);
    let taken = lab.get_ex(main, 2, ZERO, true).is_true().gets(7).returned();
    assert_eq!((count(&taken), taken.apcs.len()), (1, 0));
    assert_eq!(lab.system.user_apcs(main).count(), 1);
}

/// The cast of `test_completion_port_scheduling`: the main thread, T0, T1.
fn scheduling(profile: Profile, processors: u16) -> (Lab, [ThreadId; 3]) {
    let mut lab = Lab::on(profile, processors, 0);
    let threads = lab.threads();
    (lab, threads)
}

/// OBS-NS-1: both direct waiters wake, and the packet is still there. It is the same if a thread
/// comes after the post and finds the port signaled.
#[test]
fn obs_ns_1_direct_waiters_and_one_packet() {
    for late in 0..=2 {
        let (mut lab, [main, t0, t1]) = scheduling(Profile::default(), 4);
        let port = lab.here().handle;
        let waiters = [t0, t1];
        let (early, late) = waiters.split_at(2 - late);
        for &thread in early {
            lab.wait_for(thread, port, INFINITE).blocks();
        }
        lab.post_by(main, 1).is_queued();
        for &thread in late {
            lab.wait_for(thread, port, INFINITE).succeeds();
        }
        for &thread in early {
            lab.returns(thread).succeeds();
        }
        lab.get(main).is_true().gets(1);
    }
}

/// OBS-NS-2: the dequeuer gets the packet and the direct waiter times out; before Windows 10 1607
/// that one wakes too.
#[test]
fn obs_ns_2_a_dequeuer_and_a_direct_waiter() {
    for (profile, wakes) in [
        (Profile::WINDOWS_10_1607, false),
        (Profile::WINDOWS_7, true),
    ] {
        let (mut lab, [main, t0, t1]) = scheduling(profile, 4);
        let port = lab.here().handle;
        lab.joins(main);
        lab.enter([t1]);
        lab.wait_for(t0, port, Timeout::Finite).blocks();
        lab.post_by(main, 2).goes_to(t1);
        lab.returns(t1).is_true().gets(2);
        if wakes {
            lab.returns(t0).succeeds();
        } else {
            lab.returns(t0).is_not_enabled();
            lab.expires(t0);
            lab.returns(t0).says(NtStatus(258));
        }
    }
}

/// What main, T0 and T1 get in the third phase of the test, on so many processors. T1 has dequeued
/// before, and main, which runs, too; T1 blocks first, then T0, and main posts 3, 4, 5 and
/// dequeues. Afterwards main waits for the others, and each of them for the next phase.
fn third_phase(processors: u16) -> [u64; 3] {
    let (mut lab, threads) = scheduling(Profile::default(), processors);
    let [main, t0, t1] = threads;
    lab.joins(t1);
    lab.joins(main);
    lab.enter([t1, t0]);
    for key in [3, 4, 5] {
        lab.post_by(main, key);
    }
    let mut got = [0; 3];
    got[0] = lab.get(main).is_true().returned().packets[0].key;
    lab.block(main).blocks();
    for (thread, place) in [(t0, 1), (t1, 2)] {
        got[place] = lab.returns(thread).is_true().returned().packets[0].key;
        lab.block(thread).blocks();
    }
    lab.is(0, [], []);
    got
}

/// OBS-NS-3: with 3 processors or more T0 gets 3, T1 4, main 5. With 2 it is T0 3, main 4, T1 5: what
/// is reported of Windows before 10 (DIS-03). With 1, main gets its own first packet.
#[test]
fn obs_ns_3_three_posts_and_three_threads() {
    assert_eq!(third_phase(1), [3, 4, 5]);
    assert_eq!(third_phase(2), [4, 3, 5]);
    for processors in [3, 4, 8] {
        assert_eq!(
            third_phase(processors),
            [5, 3, 4],
            "{processors} processors"
        );
    }
}

/// OBS-NS-6: closing the port ends both NT dequeues with 0x80, a batch with a count of at most 1;
/// whoever comes too late hears 0xC0000008.
#[test]
fn obs_ns_6_closing_ends_the_nt_dequeues() {
    let (mut lab, [late, t0, t1]) = scheduling(Profile::default(), 4);
    for thread in [t0, t1] {
        remove(&mut lab, thread, INFINITE).blocks();
    }
    lab.close(lab.here().handle);
    for thread in [t0, t1] {
        lab.returns(thread).says(NtStatus(0x80));
    }
    remove(&mut lab, late, INFINITE).says(NtStatus(0xC000_0008));

    let (mut lab, [late, t0, t1]) = scheduling(Profile::default(), 4);
    for thread in [t0, t1] {
        remove_ex(&mut lab, thread, 1, INFINITE, false).blocks();
    }
    lab.close(lab.here().handle);
    for thread in [t0, t1] {
        let returned = lab.returns(thread).says(NtStatus(0x80)).returned();
        assert!(count(&returned) <= 1);
    }
    remove_ex(&mut lab, late, 1, INFINITE, false).says(NtStatus(0xC000_0008));
}

/// OBS-NS-8: closing the port ends both alertable batches: FALSE with 735, or 6 for the late.
#[test]
fn obs_ns_8_closing_ends_the_batches() {
    let (mut lab, [late, t0, t1]) = scheduling(Profile::default(), 4);
    for thread in [t0, t1] {
        lab.get_alertable(thread, INFINITE).blocks();
    }
    lab.close(lab.here().handle);
    for thread in [t0, t1] {
        lab.returns(thread).is_abandoned().is_false(735);
    }
    lab.get_alertable(late, INFINITE).is_false(6);
}
