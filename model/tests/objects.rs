//! What a port has company of: events, semaphores, mutexes, files and threads to wait for, as
//! Microsoft's pages describe them. A thread that blocks on one of them frees its slot (CONC-03).

mod lab;

use iocp_model::{Call, DeviceAnswer, Handle, Kind, NtStatus, ThreadId, Timeout, Value};
use lab::Lab;

/// A laboratory with an object of this kind and as many threads as the pattern asks for.
fn with<const N: usize>(kind: Kind) -> (Lab, Handle, [ThreadId; N]) {
    let mut lab = Lab::new(1);
    let object = lab.system.add_object(lab.process, kind).1;
    let threads = lab.threads();
    (lab, object, threads)
}

const fn event(manual: bool) -> Kind {
    Kind::Event {
        manual,
        signaled: false,
    }
}

const fn semaphore(count: u32, maximum: u32) -> Kind {
    Kind::Semaphore { count, maximum }
}

const MUTEX: Kind = Kind::Mutex {
    owner: None,
    recursion: 0,
    abandoned: false,
};

impl Lab {
    /// The threads block on the object, in this order.
    #[track_caller]
    fn all_wait<const N: usize>(&mut self, threads: [ThreadId; N], object: Handle) {
        for thread in threads {
            self.wait_for(thread, object, Timeout::Infinite).blocks();
        }
    }

    /// Of these threads, those whose wait is over.
    fn released<const N: usize>(&self, threads: [ThreadId; N]) -> Vec<ThreadId> {
        let released = |thread: &ThreadId| self.system.thread(*thread).can_return();
        threads.into_iter().filter(released).collect()
    }

    /// Would a wait of this thread end at once? The same is true afterwards, whatever the wait takes.
    #[track_caller]
    fn could_have(&mut self, thread: ThreadId, object: Handle) -> bool {
        let mut copy = self.clone();
        let status = copy
            .wait_for(thread, object, Timeout::Zero)
            .returned()
            .status;
        status == NtStatus::SUCCESS
    }
}

/// `SetEvent`: one wait consumes an event with automatic reset, the oldest first.
#[test]
fn an_event_releases_one() {
    let (mut lab, event, [a, b, c]) = with(event(false));
    lab.all_wait([a, b], event);
    lab.call(c, Call::SetEvent(event)).succeeds();
    assert_eq!(lab.released([a, b]), [a]);
    lab.returns(a).succeeds();
    assert!(!lab.could_have(a, event));
    lab.call(c, Call::SetEvent(event)).succeeds();
    assert_eq!(lab.released([a, b]), [b]);
    lab.call(c, Call::SetEvent(event)).succeeds();
    assert!(lab.could_have(a, event));
    lab.wait_for(a, event, Timeout::Infinite).succeeds();
    assert!(!lab.could_have(a, event));
}

/// `SetEvent`, `ResetEvent`: with manual reset it releases all, until it is reset.
#[test]
fn an_event_with_manual_reset_releases_all() {
    let (mut lab, event, [a, b, c]) = with(event(true));
    lab.all_wait([a, b], event);
    lab.call(c, Call::SetEvent(event)).succeeds();
    assert_eq!(lab.released([a, b]), [a, b]);
    lab.wait_for(c, event, Timeout::Zero).succeeds();
    lab.wait_for(c, event, Timeout::Zero).succeeds();
    lab.call(c, Call::ResetEvent(event)).succeeds();
    lab.wait_for(c, event, Timeout::Zero).times_out();
}

/// `ReleaseSemaphore`: as many waits as it counts, no more than its maximum.
#[test]
fn a_semaphore_counts() {
    let (mut lab, semaphore, [a, b, c]) = with(semaphore(1, 2));
    let release = Call::ReleaseSemaphore(semaphore);
    lab.call(c, release).succeeds();
    lab.call(c, release)
        .says(NtStatus::SEMAPHORE_LIMIT_EXCEEDED);
    lab.wait_for(a, semaphore, Timeout::Infinite).succeeds();
    lab.wait_for(a, semaphore, Timeout::Infinite).succeeds();
    lab.all_wait([a, b], semaphore);
    lab.call(c, release).succeeds();
    assert_eq!(lab.released([a, b]), [a]);
    lab.call(c, release).succeeds();
    assert_eq!(lab.released([a, b]), [a, b]);
    assert!(!lab.could_have(c, semaphore));
}

/// `CreateSemaphore`: the maximum is at least 1 and at least the count.
#[test]
fn a_semaphore_has_room() {
    let (mut lab, _, [a]) = with(MUTEX);
    for (count, maximum, made) in [
        (0, 0, false),
        (1, 0, false),
        (0, 1, true),
        (1, 1, true),
        (2, 1, false),
        (2, 3, true),
    ] {
        let returned = lab
            .call(a, Call::CreateSemaphore { count, maximum })
            .returned();
        assert_eq!(returned.handle().is_some(), made, "{count} of {maximum}");
        let status = if made {
            NtStatus::SUCCESS
        } else {
            NtStatus::INVALID_PARAMETER
        };
        assert_eq!(returned.status, status, "{count} of {maximum}");
    }
}

/// `ReleaseMutex`: a mutex has one owner, who gives it back as often as it took it.
#[test]
fn a_mutex_has_one_owner() {
    let (mut lab, mutex, [a, b]) = with(MUTEX);
    lab.wait_for(a, mutex, Timeout::Infinite).succeeds();
    lab.wait_for(a, mutex, Timeout::Infinite).succeeds();
    lab.wait_for(a, mutex, Timeout::Infinite).succeeds();
    lab.all_wait([b], mutex);
    for _ in 0..2 {
        lab.call(a, Call::ReleaseMutex(mutex)).succeeds();
        assert_eq!(lab.released([b]), []);
    }
    lab.call(a, Call::ReleaseMutex(mutex)).succeeds();
    assert_eq!(lab.released([b]), [b]);
    lab.returns(b).succeeds();
    assert!(!lab.could_have(a, mutex));
    lab.call(a, Call::ReleaseMutex(mutex))
        .says(NtStatus::MUTANT_NOT_OWNED);
    lab.call(b, Call::ReleaseMutex(mutex)).succeeds();
    assert!(lab.could_have(a, mutex));
    lab.call(b, Call::ReleaseMutex(mutex))
        .says(NtStatus::MUTANT_NOT_OWNED);
}

/// `WAIT_ABANDONED`: who waits for the mutex of a thread that ended gets it, and is told; only that
/// thread's mutexes, and each once.
#[test]
fn an_abandoned_mutex_says_so() {
    let (mut lab, mutex, [a, b, c]) = with(MUTEX);
    let other = lab.system.add_object(lab.process, MUTEX).1;
    lab.wait_for(a, mutex, Timeout::Infinite).succeeds();
    lab.wait_for(c, other, Timeout::Infinite).succeeds();
    lab.all_wait([b], mutex);
    lab.exit(a);
    lab.returns(b).is_abandoned();
    assert!(!lab.could_have(b, other));
    lab.wait_for(b, mutex, Timeout::Zero).succeeds();
    lab.call(b, Call::ReleaseMutex(mutex)).succeeds();
    lab.call(b, Call::ReleaseMutex(mutex)).succeeds();
    lab.wait_for(c, mutex, Timeout::Zero).succeeds();
    lab.exit(c);
    lab.wait_for(b, mutex, Timeout::Zero).is_abandoned();
    lab.wait_for(b, other, Timeout::Zero).is_abandoned();
    lab.wait_for(b, other, Timeout::Zero).succeeds();
}

/// Each signal is for its own kind of object, and a reserve object is nothing to wait for.
#[test]
fn a_signal_is_for_its_own_kind() {
    let calls = [
        Call::SetEvent as fn(Handle) -> Call,
        Call::ResetEvent,
        Call::ReleaseSemaphore,
        Call::ReleaseMutex,
    ];
    let reserve = Kind::Reserve {
        for_packets: true,
        in_use: false,
    };
    for (kind, fitting) in [
        (event(false), [true, true, false, false]),
        (semaphore(0, 9), [false, false, true, false]),
        (MUTEX, [false, false, false, true]),
        (reserve, [false; 4]),
    ] {
        let (mut lab, object, [a]) = with(kind);
        let waited = lab.wait_for(a, object, Timeout::Zero).returned().status;
        assert_eq!(waited == NtStatus::OBJECT_TYPE_MISMATCH, kind == reserve);
        for (call, fits) in calls.into_iter().zip(fitting) {
            let status = lab.call(a, call(object)).returned().status;
            assert_eq!(status != NtStatus::OBJECT_TYPE_MISMATCH, fits, "{kind:?}");
        }
    }
}

/// A wait for a thread ends with that thread, and no other.
#[test]
fn the_end_of_a_thread_releases_who_waits_for_it() {
    let (mut lab, _, [a, b, c, d]) = with(MUTEX);
    let (timeout, wait) = (Timeout::Infinite, |thread, timeout| Call::WaitForThread {
        thread,
        timeout,
    });
    lab.call(a, wait(c, timeout)).blocks();
    lab.call(b, wait(d, timeout)).blocks();
    lab.exit(c);
    assert_eq!(lab.released([a, b]), [a]);
    lab.returns(a).succeeds();
    lab.call(a, wait(c, Timeout::Zero)).succeeds();
    lab.call(a, wait(d, Timeout::Zero)).times_out();
}

/// A file is signaled by the end of a request, and not by its beginning; all who wait for it go on,
/// and nobody else.
#[test]
fn a_finished_request_signals_its_file() {
    let (mut lab, _, [a, b, c]) = with(MUTEX);
    let [file, other] = [(); 2].map(|()| lab.add_file());
    let request = lab.pending(file, 1);
    lab.pending(other, 2);
    lab.all_wait([a, b], file);
    lab.all_wait([c], other);
    lab.completes(request, NtStatus::SUCCESS, 0);
    assert_eq!(lab.released([a, b, c]), [a, b]);
    lab.returns(a).succeeds();
    assert!(lab.could_have(a, file));
    lab.pending(file, 3);
    assert!(!lab.could_have(a, file));
    lab.read(file, 4, DeviceAnswer::Done(NtStatus::SUCCESS, 0));
    assert!(lab.could_have(a, file));
}

/// A wait whose time came, or whose thread was killed, takes nothing later: the next in line does.
#[test]
fn who_stopped_waiting_is_passed_over() {
    let (mut lab, event, [a, b, c, d]) = with(event(false));
    lab.wait_for(a, event, Timeout::Finite).blocks();
    lab.all_wait([b, c], event);
    lab.expires(a);
    lab.returns(a).times_out();
    lab.kill(b);
    lab.call(d, Call::SetEvent(event)).succeeds();
    assert_eq!(lab.released([a, b, c]), [c]);
}

/// CONC-11: a thread that suspends itself stops before its call is over; one that suspends another
/// stops no sooner than its own suspension takes effect.
#[test]
fn conc_11_a_thread_that_suspends_itself_stops_in_the_call() {
    let (mut lab, _, [a, b]) = with(MUTEX);
    lab.suspend(a);
    lab.call(a, Call::SuspendThread(b)).counts(0);
    lab.post_by(a, 1).is_queued();
    lab.post_by(b, 2).is_queued();
    lab.stops(a);
    lab.post_by(a, 3).is_not_enabled();
    lab.resume(b);
    lab.call(b, Call::SuspendThread(b)).counts(0);
    lab.post_by(b, 4).is_not_enabled();
    lab.resume(b);
    lab.call(b, Call::ResumeThread(a)).counts(1);
    lab.post_by(a, 5).is_queued();
}

/// Opening gives each object its own handle, with which to name it.
#[test]
fn what_is_created_can_be_waited_for() {
    let (mut lab, _, [a]) = with(MUTEX);
    for (call, signaled) in [
        (
            Call::CreateEvent {
                manual: false,
                signaled: true,
            },
            true,
        ),
        (
            Call::CreateEvent {
                manual: true,
                signaled: false,
            },
            false,
        ),
        (
            Call::CreateSemaphore {
                count: 0,
                maximum: 1,
            },
            false,
        ),
        (Call::CreateMutex { owned: true }, true),
    ] {
        let Value::Object(handle, _) = lab.call(a, call).returned().value else {
            panic!("{call:?} gives no object");
        };
        assert_eq!(lab.could_have(a, handle), signaled, "{call:?}");
    }
    let owned = lab.call(a, Call::CreateMutex { owned: true }).returned();
    let stranger = lab.outsider;
    assert!(!lab.could_have(stranger, owned.handle().unwrap()));
}
