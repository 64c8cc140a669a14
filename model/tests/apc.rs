//! Section APC of the rule book: user APCs and alertable waits.

mod lab;

use iocp_model::{
    Action, Call, DeviceAnswer, NtStatus, Profile, RequestArguments, RequestId, Semantics,
    ThreadId, Timeout, Win32Error, rules,
};
use lab::Lab;

/// APC-01: a thread that is not associated runs its pending APC first, and takes no packet.
#[test]
fn apc_01_a_newcomer_runs_its_apc_first() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.post(1);
    lab.user_apc(a, 5);
    lab.get_alertable(a, Timeout::Zero)
        .runs_apcs([5])
        .obeys(&[rules::APC_01]);
    assert!(!lab.has_member(a));
    lab.is(0, [1], []);
    lab.get_alertable(a, Timeout::Zero).gets(1);
}

/// APC-01: by the documentation the packet would come first (DIS-11): a switch of its own.
#[test]
fn apc_01_as_documented_the_packet_is_first() {
    let semantics = Semantics {
        apc_before_association: false,
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
    lab.post(1);
    lab.user_apc(a, 5);
    lab.get_alertable(a, Timeout::Zero).gets(1);
    lab.get_alertable(a, Timeout::Zero).runs_apcs([5]);
}

/// APC-01: it needs a wait that admits APCs.
#[test]
fn apc_01_not_without_alertable() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.post(1);
    lab.user_apc(a, 5);
    lab.get_many(a, 2, Timeout::Zero).gets(1);
    assert!(lab.has_member(a));
}

/// APC-02: a member takes the packets, and its APC stays pending (OBS-NF-04).
#[test]
fn apc_02_a_member_takes_the_packets_first() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.joins(a);
    lab.post(1);
    lab.post(2);
    lab.user_apc(a, 5);
    let result = lab
        .get_ex(a, 2, Timeout::Zero, true)
        .gets_all([1, 2])
        .obeys(&[rules::APC_02])
        .returned();
    assert!(result.apcs.is_empty());
    assert!(lab.system.user_apcs(a).eq([5]));
    lab.sleep(a, Timeout::Zero, true).runs_apcs([5]);
}

/// APC-03: with nothing queued a member's APC ends the dequeue, even a poll: `FALSE` with 192.
#[test]
fn apc_03_an_apc_ends_a_dequeue_that_finds_nothing() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.joins(a);
    for timeout in [Timeout::Zero, Timeout::Finite, Timeout::Infinite] {
        lab.user_apc(a, 5);
        let result = lab
            .get_alertable(a, timeout)
            .runs_apcs([5])
            .obeys(&[rules::APC_03])
            .returned();
        assert_eq!(result.status, NtStatus(0xC0));
        assert!(!result.success());
        assert_eq!(result.last_error(), Some(Win32Error(192)));
        lab.is(1, [], []);
    }
}

/// APC-03: also where packets are queued and the limit keeps the thread from them.
#[test]
fn apc_03_at_the_limit_too() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.joins(b);
    lab.joins(a);
    lab.post(1).is_queued();
    lab.user_apc(a, 5);
    lab.get_alertable(a, Timeout::Infinite).runs_apcs([5]);
    lab.is(2, [1], []);
}

/// APC-04: a dequeue that is not alertable delivers no APC (OBS-NF-12).
#[test]
fn apc_04_not_alertable_delivers_nothing() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.user_apc(a, 5);
    lab.poll(a).times_out();
    lab.get_many(a, 2, Timeout::Zero).times_out();
    lab.get(a).blocks();
    lab.user_apc(a, 6).obeys(&[rules::APC_04]);
    assert!(lab.system.user_apcs(a).eq([5, 6]));
    lab.is(0, [], [a]);
}

/// APC-05: on Vista `GetQueuedCompletionStatusEx` returns `TRUE` when an APC ended it.
#[test]
fn apc_05_vista_returns_true() {
    for &profile in Profile::ALL {
        let older = [
            Profile::WINDOWS_VISTA,
            Profile::WINDOWS_XP,
            Profile::REACTOS,
        ];
        let mut lab = Lab::of(profile, 1);
        let [a] = lab.threads();
        lab.joins(a);
        lab.user_apc(a, 5);
        let step = lab.get_alertable(a, Timeout::Zero);
        let result = step.runs_apcs([5]).returned();
        assert_eq!(
            result.success(),
            older.contains(&profile),
            "{}",
            profile.name
        );
        if result.success() {
            step.obeys(&[rules::APC_05]);
        }
    }
}

/// APC-07: within a dequeue the look for an APC comes after the look for a packet, also when the
/// wait was interrupted.
#[test]
fn apc_07_the_packet_check_comes_first_in_every_pass() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.get_alertable(a, Timeout::Infinite).blocks();
    lab.suspend(a);
    lab.user_apc(a, 5);
    lab.post(1).is_queued();
    lab.resume(a);
    lab.returns(a).gets(1);
    lab.get_alertable(a, Timeout::Infinite)
        .runs_apcs([5])
        .obeys(&[rules::APC_07]);
}

/// APC-08: a completion routine runs only in the thread that issued the request, and only in an
/// alertable wait, which then ends with 192.
#[test]
fn apc_08_a_completion_routine_runs_in_an_alertable_wait_of_its_thread() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    let (_, file) = lab.system.add_file(lab.process, true);
    let read = Call::Request(RequestArguments {
        file,
        context: 1,
        apc: true,
        answer: DeviceAnswer::Pending,
    });
    lab.call(a, read).says(NtStatus::PENDING);
    let RequestId(number) = lab.system.requests()[0].id;
    lab.act(Action::Complete {
        request: RequestId(number),
        status: NtStatus::SUCCESS,
        information: 0,
    })
    .obeys(&[rules::APC_08]);
    lab.sleep(b, Timeout::Zero, true).succeeds();
    lab.sleep(a, Timeout::Zero, false).succeeds();
    lab.poll(a).times_out();
    lab.sleep(a, Timeout::Infinite, true).runs_apcs([number]);
}

/// APC-09: the calls that wait alertably if asked to, and go on if not.
#[test]
fn apc_09_alertable_waits() {
    let mut lab = Lab::new(1);
    let port = lab.here().handle;
    let timeout = Timeout::Infinite;
    let waits: [fn(_, _, _) -> Call; 5] = [
        |_, timeout, alertable| Call::Sleep { timeout, alertable },
        |_, timeout, alertable| Call::WaitOutside { timeout, alertable },
        |object, timeout, alertable| Call::WaitForSingleObject {
            object,
            timeout,
            alertable,
        },
        |port, timeout, alertable| Call::GetQueuedCompletionStatusEx {
            port,
            count: 1,
            timeout,
            alertable,
        },
        |port, timeout, alertable| Call::NtRemoveIoCompletionEx {
            port,
            count: 1,
            timeout,
            alertable,
        },
    ];
    for (index, wait) in waits.into_iter().enumerate() {
        let [a, b]: [ThreadId; 2] = lab.threads();
        lab.call(a, wait(port, timeout, true)).blocks();
        lab.call(b, wait(port, timeout, false)).blocks();
        let step = lab.user_apc(a, 1);
        if index < 3 {
            step.obeys(&[rules::APC_09]);
        }
        lab.returns(a).runs_apcs([1]);
        lab.user_apc(b, 2);
        lab.returns(b).is_not_enabled();
        lab.kill(b);
    }
}

/// APC-10: `SleepEx(0, TRUE)` returns 192 if an APC was pending and 0 if not; the last error stays.
#[test]
fn apc_10_sleep_of_zero_runs_pending_apcs() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    let quiet = lab.sleep(a, Timeout::Zero, true).succeeds().returned();
    lab.user_apc(a, 1);
    let alerted = lab
        .sleep(a, Timeout::Zero, true)
        .runs_apcs([1])
        .obeys(&[rules::APC_10])
        .returned();
    assert_eq!(alerted.status, NtStatus(192));
    assert_eq!((quiet.last_error(), alerted.last_error()), (None, None));
}

/// APC-11: all APCs run before the wait returns, in the order in which they were queued, and each
/// thread's are its own.
#[test]
fn apc_11_all_apcs_run_in_order() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    for apc in [3, 1, 2] {
        lab.user_apc(a, apc);
        lab.user_apc(b, 10 + apc);
    }
    lab.sleep(a, Timeout::Infinite, true)
        .runs_apcs([3, 1, 2])
        .obeys(&[rules::APC_11]);
    lab.sleep(a, Timeout::Zero, true).succeeds();
    lab.get_alertable(b, Timeout::Zero).runs_apcs([13, 11, 12]);
}

/// APC-11: those too that come between the first and the return.
#[test]
fn apc_11_late_ones_run_as_well() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.get_alertable(a, Timeout::Infinite).blocks();
    lab.user_apc(a, 1);
    lab.user_apc(a, 2);
    lab.returns(a).runs_apcs([1, 2]);
}

/// The rules of the section that a member and a newcomer obey.
#[test]
fn apc_cited_by_alertable_dequeues() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    for apc in 1..=2 {
        lab.user_apc(a, apc);
        lab.get_alertable(a, Timeout::Zero).runs_apcs([apc]);
        lab.joins(a);
    }
    lab.post(1);
    lab.user_apc(a, 3);
    lab.get_alertable(a, Timeout::Zero).gets(1);
    lab.sleep(a, Timeout::Zero, true).runs_apcs([3]);
    lab.get(a).blocks();
    lab.user_apc(a, 4);
    lab.obeyed(&[
        rules::APC_01,
        rules::APC_02,
        rules::APC_03,
        rules::APC_04,
        rules::APC_07,
        rules::APC_10,
        rules::APC_11,
    ]);
}

/// APC-12: the end of a thread takes its own APCs along, and nobody else's.
#[test]
fn apc_12_each_thread_has_its_own() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.user_apc(a, 1);
    lab.user_apc(b, 2);
    lab.kill(a);
    lab.get_alertable(b, Timeout::Zero).runs_apcs([2]);
    assert_eq!(lab.system.user_apcs(a).count(), 0);
}
