//! What can happen, and what is said of an action that cannot: it changes nothing.

mod lab;

use iocp_model::{
    Action, Call, Handle, Insert, Mutant, Mutants, NtStatus, PortLife, Profile, System, ThreadId,
    Timeout,
};
use lab::{Lab, packet};

/// What is said of an action that is not enabled.
#[track_caller]
fn refusal(system: &System, action: Action) -> String {
    let mut copy = system.clone();
    let refused = copy.apply(action, &mut ()).expect_err("it is enabled");
    assert_eq!(copy, *system);
    refused.to_string()
}

/// A thread that there is not can do nothing, and nothing can be done to it.
#[test]
fn a_thread_that_does_not_exist() {
    let mut three = System::new(Profile::default().semantics, 1);
    let process = three.add_process();
    let [.., third] = [(); 3].map(|()| three.add_thread(process));
    let mut lab = Lab::new(1);
    // There are two here: the outsider, and this one.
    let [a] = lab.threads();
    let (timeout, apc) = (Timeout::Zero, 1);
    let calls = [
        Call::QueueUserApc { thread: third, apc },
        Call::WaitForThread {
            thread: third,
            timeout,
        },
        Call::SuspendThread(third),
        Call::ResumeThread(third),
        Call::TerminateThread(third),
    ];
    let calls = calls.map(|call| Action::Call(a, call));
    for action in calls.into_iter().chain([
        Action::Call(third, Call::ExitThread),
        Action::Terminate(third),
        Action::Suspend(third),
    ]) {
        assert_eq!(refusal(&lab.system, action), "there is no such thread");
    }
}

/// `MAXIMUM_SUSPEND_COUNT`: a thread can be suspended 127 times, and each counts.
#[test]
fn a_thread_is_suspended_127_times_at_most() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    for count in 0..127 {
        lab.call(b, Call::SuspendThread(a)).counts(count);
    }
    lab.call(b, Call::SuspendThread(a))
        .says(NtStatus::SUSPEND_COUNT_EXCEEDED);
    let often = "the thread is suspended 127 times already";
    assert_eq!(refusal(&lab.system, Action::Suspend(a)), often);
    lab.resume(a);
    lab.suspend(a);
    assert_eq!(refusal(&lab.system, Action::Suspend(a)), often);
}

/// PORT-15: nobody can insert into a port that is gone, or never was.
#[test]
fn port_15_nothing_is_inserted_into_a_port_that_is_gone() {
    let mut lab = Lab::new(1);
    let door = lab.here();
    let insert = |port| {
        let (packet, at_head) = (packet(1), false);
        Insert {
            port,
            packet,
            at_head,
        }
    };
    let mut fewer = Lab::new(1);
    let more = lab.add_port(1).port;
    let missing = "there is no such port";
    assert_eq!(
        refusal(&fewer.system, Action::Insert(insert(more))),
        missing
    );
    assert_eq!(refusal(&fewer.system, Action::RunDown(more)), missing);
    let [a] = fewer.threads();
    assert_eq!(
        refusal(&fewer.system, Action::InsertAs(a, insert(more))),
        missing
    );
    lab.close(door.handle);
    assert_eq!(lab.system.port(door.port).life, PortLife::Deleted);
    let gone = "the port is gone";
    assert_eq!(
        refusal(&lab.system, Action::Insert(insert(door.port))),
        gone
    );
    assert_eq!(refusal(&lab.system, Action::RunDown(door.port)), gone);
}

/// ASSOC-02, ASSOC-03: what is set up beforehand obeys the rules of the call.
#[test]
fn assoc_02_a_file_is_set_up_with_one_port() {
    let mut lab = Lab::new(1);
    let (process, port) = (lab.process, lab.here());
    let file = lab.add_file();
    let set_up = |lab: &mut Lab, file| lab.system.associate_file(process, file, port.handle, 7);
    assert_eq!(set_up(&mut lab, file), Ok(()));
    assert_eq!(lab.system.port(port.port).files, 1);
    assert_eq!(set_up(&mut lab, file), Err(NtStatus::INVALID_PARAMETER));
    let synchronous = lab.system.add_file(process, false).1;
    let refused = Err(NtStatus::INVALID_PARAMETER);
    assert_eq!(set_up(&mut lab, synchronous), refused);
}

/// PORT-06: a port's limit is by default the number of processors.
#[test]
fn port_06_a_machine_has_its_processors() {
    for processors in [1, 2, 64] {
        let mut lab = Lab::on(Profile::default(), processors, 1);
        assert_eq!(lab.system.processors(), processors);
        let port = lab.add_port(0).port;
        assert_eq!(lab.system.port(port).limit, processors.into());
    }
}

/// The handles of a process, each with the value under which it is open.
#[test]
fn handles_are_listed_under_their_values() {
    let mut lab = Lab::new(1);
    let handles = [lab.here().handle, lab.add_file(), lab.add_file()];
    lab.close(handles[1]);
    let table = lab.system.handles(lab.process);
    let listed: Vec<Handle> = table.iter().map(|(handle, _)| handle).collect();
    assert_eq!(listed, [handles[0], handles[2]]);
    for (handle, entry) in table.iter() {
        assert_eq!(table.get(handle), Ok(entry));
    }
}

/// KQ-13: the due time of an interrupted dequeue stands, unless the kernel's dequeue is a loop or
/// the rule is broken.
#[test]
fn kq_13_where_time_begins_anew() {
    for &profile in Profile::ALL {
        let anew = profile == Profile::WINE_8;
        assert_eq!(profile.semantics.restarts_timeouts(), anew);
        let broken = profile.semantics.with(Mutant::InterruptionRestartsTimeOut);
        assert!(broken.restarts_timeouts());
    }
}

/// Puts a thread where it can go on.
type Scene<'a> = &'a dyn Fn(&mut Lab, ThreadId);

/// WAIT-03, WAIT-04, CONC-06: when a thread that was handed a packet goes on is its own affair,
/// where no rule is broken.
#[test]
fn wait_03_a_return_matters_where_rules_are_broken() {
    let granted = |lab: &mut Lab, a: ThreadId, timeout| {
        lab.get_within(a, timeout);
        lab.post(1);
    };
    let expired = |lab: &mut Lab, a: ThreadId| {
        lab.get_within(a, Timeout::Finite);
        lab.expires(a);
    };
    let matters = |mutants: &[Mutant], scene: Scene<'_>| {
        let mut lab = Lab::broken(mutants.iter().copied().collect::<Mutants>(), 1);
        let [a] = lab.threads();
        scene(&mut lab, a);
        assert!(lab.system.thread(a).can_return());
        lab.system.return_matters(a)
    };
    let timed = |lab: &mut Lab, a| granted(lab, a, Timeout::Finite);
    let untimed = |lab: &mut Lab, a| granted(lab, a, Timeout::Infinite);
    let slept = |lab: &mut Lab, a| {
        lab.sleep(a, Timeout::Finite, false);
        lab.expires(a);
    };
    let scenes: [Scene<'_>; 4] = [&timed, &untimed, &expired, &slept];
    for (mutant, expected) in [
        (None, [false; 4]),
        (Some(Mutant::CountsWhenItRuns), [true; 4]),
        (Some(Mutant::GrantLeavesTimer), [true, false, false, false]),
        (
            Some(Mutant::LastLookAfterTimeOut),
            [false, false, true, false],
        ),
    ] {
        let found = scenes.map(|scene| matters(mutant.as_slice(), scene));
        assert_eq!(found, expected, "{mutant:?}");
    }
}
