//! Section TMO of the rule book: time-outs.

mod lab;

use iocp_model::{Action, Call, NtStatus, Profile, Semantics, Timeout, Value, Win32Error, rules};
use lab::Lab;

/// TMO-01: 0 polls, 0xFFFFFFFF waits without limit, and anything else for some time.
#[test]
fn tmo_01_zero_polls_and_infinite_waits() {
    assert_eq!(Timeout::from(0), Timeout::Zero);
    assert_eq!(Timeout::from(u32::MAX), Timeout::Infinite);
    for milliseconds in [1, 100, u32::MAX - 1] {
        assert_eq!(Timeout::from(milliseconds), Timeout::Finite);
    }
    let mut lab = Lab::new(1);
    let [a, b, c] = lab.threads();
    lab.get_within(a, Timeout::Zero)
        .times_out()
        .obeys(&[rules::TMO_01]);
    lab.get_within(b, Timeout::Infinite).blocks();
    lab.expires(b).is_not_enabled();
    lab.get_within(c, Timeout::Finite).blocks();
    let expiries: Vec<Action> = lab.system.enabled().collect();
    assert_eq!(expiries, [Action::Expire(c)]);
    lab.expires(c);
    lab.returns(c).times_out();
}

/// TMO-01: the same of every other wait.
#[test]
fn tmo_01_in_every_other_wait() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    let handle = lab.here().handle;
    lab.wait_for(a, handle, Timeout::Zero).times_out();
    lab.wait_for(a, handle, Timeout::Finite).blocks();
    lab.expires(a);
    lab.returns(a).times_out();
    lab.wait_for(a, handle, Timeout::Infinite).blocks();
    lab.expires(a).is_not_enabled();
}

/// TMO-02: a dequeue that timed out is `FALSE` with 258 and has no packet, whether it polled or
/// waited.
#[test]
fn tmo_02_a_time_out_is_false_with_258() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.get_within(b, Timeout::Finite).blocks();
    lab.expires(b).hands_nothing();
    let waited = lab
        .returns(b)
        .times_out()
        .obeys(&[rules::TMO_02])
        .returned();
    let polled = lab.poll(a).times_out().obeys(&[rules::TMO_02]).returned();
    assert_eq!(waited, polled);
    assert!(!polled.success());
    assert_eq!(polled.last_error(), Some(Win32Error(258)));
    assert_eq!(polled.value, Value::Nothing);
}

/// TMO-03: the batch call claims 0 or 1 entries when it timed out; the model has both.
#[test]
fn tmo_03_a_batch_time_out_claims_zero_or_one() {
    for count in [0, 1] {
        let semantics = Semantics {
            removed_on_timeout: count,
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
        let result = lab
            .get_many(a, 2, Timeout::Zero)
            .times_out()
            .counts(count.into())
            .obeys(&[rules::TMO_03])
            .returned();
        assert!(!result.success());
        assert_eq!(result.last_error(), Some(Win32Error(258)));
    }
}

/// TMO-03: every profile keeps to 0 or 1.
#[test]
fn tmo_03_by_profile() {
    for &profile in Profile::ALL {
        assert!(
            profile.semantics.removed_on_timeout <= 1,
            "{}",
            profile.name
        );
    }
}

/// TMO-04: the NT calls return `STATUS_TIMEOUT`, which is no error there.
#[test]
fn tmo_04_the_nt_layer_returns_0x102() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    let port = lab.here().handle;
    let remove = |timeout| Call::NtRemoveIoCompletion { port, timeout };
    let batch = |timeout| Call::NtRemoveIoCompletionEx {
        port,
        count: 2,
        timeout,
        alertable: false,
    };
    for result in [
        lab.call(a, remove(Timeout::Zero)).returned(),
        lab.call(a, batch(Timeout::Zero)).returned(),
    ] {
        assert_eq!(result.status, NtStatus(0x102));
        assert!(result.success());
        assert_eq!(result.last_error(), None);
    }
    lab.call(b, remove(Timeout::Infinite)).blocks();
    lab.expires(b).is_not_enabled();
    lab.kill(b);
    lab.call(a, batch(Timeout::Finite)).blocks();
    lab.expires(a);
    lab.returns(a).times_out().obeys(&[rules::TMO_04]);
}

/// The rules of the section that a poll of each kind obeys.
#[test]
fn tmo_cited_by_polls() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    let (port, timeout) = (lab.here().handle, Timeout::Zero);
    lab.poll(a);
    lab.get_many(a, 2, Timeout::Zero);
    lab.call(a, Call::NtRemoveIoCompletion { port, timeout });
    lab.obeyed(&[rules::TMO_01, rules::TMO_02, rules::TMO_03, rules::TMO_04]);
}
