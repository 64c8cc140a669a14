//! Section THR of the rule book: which threads belong to a port.

mod lab;

use iocp_model::{Access, Call, Event, Handle, NtStatus, Profile, ThreadId, Timeout, rules};
use lab::Lab;

/// THR-01: the first dequeue associates, and a thread is associated with one port at most.
#[test]
fn thr_01_the_first_dequeue_associates() {
    let mut lab = Lab::new(1);
    let [a, b, c] = lab.threads();
    let (p, q) = (lab.here(), lab.add_port(1));
    assert!(lab.members().is_empty());
    lab.get(a)
        .blocks()
        .shows(Event::Associated(a, p.port))
        .obeys(&[rules::THR_01]);
    lab.poll(b).times_out();
    assert_eq!(lab.members(), [a, b]);
    lab.at(q).poll(b).times_out();
    lab.post(1);
    lab.poll(c).times_out();
    assert_eq!(lab.members(), [b, c]);
    assert_eq!(lab.at(p).members(), [a]);
}

/// THR-02: at first nothing is subtracted; the thread is added when the call ends without blocking
/// or when it wakes.
#[test]
fn thr_02_a_newcomer_is_added_when_the_call_ends() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.poll(a).times_out().obeys(&[rules::THR_02]);
    lab.is(1, [], []);
    lab.get_within(b, Timeout::Finite).blocks();
    lab.is(1, [], [b]);
    lab.expires(b);
    lab.is(2, [], []);
}

/// THR-03: a dequeue on another port moves the thread at once, and the old port may release a
/// waiter.
#[test]
fn thr_03_a_dequeue_elsewhere_moves_the_thread() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    let (p, q) = (lab.here(), lab.add_port(1));
    lab.joins(a);
    lab.get(b).blocks();
    lab.post(1).is_queued();
    lab.at(q)
        .poll(a)
        .times_out()
        .hands(1, b)
        .shows(Event::Dissociated(a, p.port))
        .shows(Event::Associated(a, q.port))
        .obeys(&[rules::THR_03]);
    lab.is(1, [], []);
    lab.at(p).is(1, [], []);
    assert_eq!(lab.members(), [b]);
}

/// THR-03: it moves also by a dequeue that finds a packet there, and can come back.
#[test]
fn thr_03_and_back_again() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    let (p, q) = (lab.here(), lab.add_port(1));
    lab.joins(a);
    lab.at(q).post(1);
    lab.get(a).gets(1);
    lab.is(1, [], []);
    lab.at(p).is(0, [], []);
    lab.get(a).blocks();
    lab.is(0, [], [a]);
    lab.at(q).is(0, [], []);
}

/// THR-03: a dequeue that the handle refuses moves nobody.
#[test]
fn thr_03_a_refused_dequeue_moves_nobody() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.joins(a);
    let (port, timeout) = (Handle(0x666), Timeout::Zero);
    lab.call(a, Call::GetQueuedCompletionStatus { port, timeout })
        .says(NtStatus::INVALID_HANDLE);
    assert!(lab.has_member(a));
    lab.is(1, [], []);
}

/// THR-04: posting, associating a file, waiting on the handle and asking for the depth associate
/// nobody, and take nobody from another port.
#[test]
fn thr_04_only_a_dequeue_associates() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    let (p, q) = (lab.here(), lab.add_port(1));
    let (_, file) = lab.system.add_file(lab.process, true);
    lab.joins(a);
    for thread in [a, b] {
        lab.at(q).post_by(thread, 1).obeys(&[rules::THR_04]);
        lab.wait_for(thread, q.handle, Timeout::Infinite).succeeds();
        let (port, class, length) = (q.handle, 0, 4);
        lab.call(
            thread,
            Call::NtQueryIoCompletion {
                port,
                class,
                length,
            },
        );
    }
    let (existing, key, concurrency) = (q.handle, 5, 0);
    let associate = Call::CreateIoCompletionPort {
        file,
        existing,
        key,
        concurrency,
    };
    assert!(lab.call(b, associate).returned().success());
    assert!(lab.members().is_empty());
    lab.is(0, [1, 1], []);
    assert_eq!(lab.at(p).members(), [a]);
}

/// THR-05: a thread that ends leaves its port and its slot.
#[test]
fn thr_05_the_end_of_a_thread_frees_its_slot() {
    let ends: [fn(&mut Lab, ThreadId, ThreadId); 3] = [
        |lab, a, b| {
            lab.exit(a).hands(1, b).obeys(&[rules::THR_05]);
        },
        |lab, a, b| {
            lab.kill(a).hands(1, b);
        },
        |lab, a, b| {
            let outsider = lab.outsider;
            lab.call(outsider, Call::TerminateThread(a)).hands(1, b);
        },
    ];
    for end in ends {
        let mut lab = Lab::new(1);
        let [a, b] = lab.threads();
        lab.joins(a);
        lab.get(b).blocks();
        lab.post(1).is_queued();
        end(&mut lab, a, b);
        assert_eq!(lab.members(), [b]);
        lab.is(1, [], []);
        lab.kill(a).is_not_enabled();
        lab.get(a).is_not_enabled();
    }
}

/// THR-05: one that is blocked when it ends was not counted, and takes no count away.
#[test]
fn thr_05_a_blocked_thread_takes_no_count_away() {
    let mut lab = Lab::new(2);
    let [a, b, c] = lab.threads();
    for thread in [a, b, c] {
        lab.joins(thread);
    }
    lab.block(b);
    lab.kill(b);
    lab.is(2, [], []);
    lab.suspend(c);
    lab.stops(c);
    lab.kill(c);
    lab.is(1, [], []);
    assert_eq!(lab.members(), [a]);
}

/// THR-06: a thread that is killed while it waits leaves the stack, and no packet is lost.
#[test]
fn thr_06_a_killed_waiter_leaves_the_stack() {
    let mut lab = Lab::new(1);
    let [a, b, c] = lab.threads();
    lab.enter([a, b, c]);
    let port = lab.here().port;
    lab.kill(c)
        .shows(Event::WaiterLeft(c, port))
        .obeys(&[rules::THR_06]);
    lab.kill(a);
    lab.is(0, [], [b]);
    lab.post(1).goes_to(b);
}

/// THR-07: a thread that is killed between hand-off and return takes its packet with it; its slot
/// is free.
#[test]
fn thr_07_a_killed_thread_takes_its_packet_with_it() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.enter([a, b]);
    lab.post(1).goes_to(b);
    lab.post(2).is_queued();
    let lost = |event: &Event| matches!(event, Event::Discarded { packet, .. } if packet.key == 1);
    let step = lab.kill(b);
    step.hands(2, a).obeys(&[rules::THR_07]);
    assert!(step.events().iter().any(lost));
    lab.is(1, [], []);
}

/// THR-07: under Wine the packet is still in the queue, for whoever looks next.
#[test]
fn thr_07_wine_loses_nothing() {
    let mut lab = Lab::of(Profile::WINE_8, 1);
    let [a, b] = lab.threads();
    lab.get(a).blocks();
    lab.post(1).is_queued();
    lab.kill(a);
    lab.poll(b).gets(1);
}

/// THR-08: an association ends by exit, by a dequeue elsewhere, and with the port.
#[test]
fn thr_08_the_three_ends_of_an_association() {
    let mut lab = Lab::new(1);
    let [a, b, c] = lab.threads();
    let (p, q) = (lab.here(), lab.add_port(1));
    for thread in [a, b, c] {
        lab.joins(thread);
    }
    lab.exit(a).shows(Event::Dissociated(a, p.port));
    lab.at(q).poll(b).shows(Event::Dissociated(b, p.port));
    lab.close(p.handle)
        .shows(Event::Dissociated(c, p.port))
        .obeys(&[rules::THR_08]);
    assert_eq!(lab.system.thread(c).port, None);
}

/// THR-08: a thread that waits when the port is closed belongs to it until it has returned, and
/// for ever where closing ends no wait (DIS-20).
#[test]
fn thr_08_closing_by_profile() {
    for &profile in Profile::ALL {
        let mut lab = Lab::of(profile, 1);
        let [a] = lab.threads();
        let p = lab.here();
        lab.get(a).blocks();
        lab.close(p.handle);
        assert!(lab.has_member(a), "{}", profile.name);
        let waits_on = [Profile::WINDOWS_XP, Profile::REACTOS, Profile::WINE_8].contains(&profile);
        if waits_on {
            lab.returns(a).is_not_enabled();
        } else {
            lab.returns(a).is_abandoned();
            assert!(!lab.has_member(a), "{}", profile.name);
        }
    }
}

/// THR-09: an alertable batch dequeue that an APC ends at once associates nobody, and leaves the
/// association that there was.
#[test]
fn thr_09_an_apc_that_comes_first_associates_nobody() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    let (p, q) = (lab.here(), lab.add_port(1));
    lab.user_apc(a, 1);
    lab.get_alertable(a, Timeout::Infinite)
        .runs_apcs([1])
        .obeys(&[rules::THR_09]);
    assert!(lab.members().is_empty());
    lab.is(0, [], []);

    lab.joins(a);
    lab.user_apc(a, 2);
    lab.at(q).get_alertable(a, Timeout::Zero).runs_apcs([2]);
    assert!(lab.members().is_empty());
    assert_eq!(lab.at(p).members(), [a]);
    lab.is(1, [], []);
}

/// THR-10: time-outs, other waits, and duplicating and closing handles end no association.
#[test]
fn thr_10_an_association_outlasts_everything_else() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    let (here, target) = (lab.here(), lab.process);
    lab.joins(a);
    lab.joins(a);
    lab.sleep(a, Timeout::Finite, false).blocks();
    lab.expires(a);
    lab.returns(a).succeeds();
    let duplicate = Call::DuplicateHandle {
        handle: here.handle,
        target,
        access: Some(Access::ALL),
        close_source: false,
    };
    let second = lab.call(a, duplicate).returned().handle().unwrap();
    lab.close(here.handle).obeys(&[rules::THR_10]);
    assert_eq!(lab.members(), [a]);
    lab.is(1, [], []);
    lab.close(second);
    assert!(lab.members().is_empty());
}

/// THR-11: a member that is blocked elsewhere remains one, and counts when it wakes.
#[test]
fn thr_11_a_member_blocked_elsewhere_counts_when_it_wakes() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.joins(a);
    lab.block(a);
    assert_eq!(lab.members(), [a]);
    lab.is(0, [], []);
    // Any number of other things happen.
    lab.get(b).blocks();
    for key in 1..=5 {
        lab.post(key).goes_to(b);
        lab.returns(b).gets(key);
        lab.get(b).blocks();
    }
    lab.wakes(a).obeys(&[rules::THR_11]);
    lab.is(1, [], [b]);
    lab.post(6).is_queued();
}

/// The rules of the section that a thread obeys which joins, moves and ends.
#[test]
fn thr_cited_by_a_life() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    let q = lab.add_port(1);
    lab.post(1);
    lab.get(a).gets(1);
    lab.at(q).get(a).blocks();
    lab.kill(a);
    lab.obeyed(&[
        rules::THR_01,
        rules::THR_02,
        rules::THR_03,
        rules::THR_04,
        rules::THR_05,
        rules::THR_06,
    ]);
}
