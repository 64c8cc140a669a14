//! Equal encodings, equal states: no two states that a system can get into are encoded alike.

use iocp_model::{
    Access, Action, Call, DeviceAnswer, Handle, Insert, Kind, NtStatus, Packet, Profile,
    RequestArguments, System, ThreadId, Timeout,
};
use std::collections::{HashMap, VecDeque, hash_map::Entry};

/// A machine with a bit of everything on it, and what can be done there: calls that differ in one
/// argument each, small and large numbers.
fn setting(profile: Profile) -> (System, Vec<Action>) {
    let mut system = System::new(profile.semantics, 2);
    let process = system.add_process();
    let other = system.add_process();
    let [a, b] = [(); 2].map(|()| system.add_thread(process));
    let (p, port) = system.add_port(process, 1);
    let (q, second) = system.add_port(process, 200);
    let (_, file) = system.add_file(process, true);
    let (_, semaphore) = system.add_object(
        process,
        Kind::Semaphore {
            count: 1,
            maximum: 300,
        },
    );
    let (_, mutex) = system.add_object(
        process,
        Kind::Mutex {
            owner: None,
            recursion: 0,
            abandoned: false,
        },
    );
    let (_, reserve) = system.add_object(
        process,
        Kind::Reserve {
            for_packets: true,
            in_use: false,
        },
    );
    let infinite = Timeout::Infinite;
    let get = |port, timeout| Call::GetQueuedCompletionStatus { port, timeout };
    let batch = |count, alertable| Call::GetQueuedCompletionStatusEx {
        port,
        count,
        timeout: infinite,
        alertable,
    };
    let set = |key, overlapped, information, status| Call::NtSetIoCompletion {
        port,
        packet: Packet {
            information,
            status: NtStatus(status),
            ..Packet::posted(key, overlapped, 0)
        },
    };
    let request = |context, apc| {
        Call::Request(RequestArguments {
            file,
            context,
            apc,
            answer: DeviceAnswer::Pending,
        })
    };
    let wait = |object, timeout, alertable| Call::WaitForSingleObject {
        object,
        timeout,
        alertable,
    };
    let duplicate = |handle: Handle, access| Call::DuplicateHandle {
        handle,
        target: other,
        access,
        close_source: false,
    };
    let calls = [
        get(port, infinite),
        get(port, Timeout::Finite),
        get(port, Timeout::Zero),
        get(second, infinite),
        Call::NtRemoveIoCompletion {
            port,
            timeout: infinite,
        },
        batch(2, false),
        batch(300, false),
        batch(2, true),
        set(1, 0, 0, 0),
        set(300, 0, 0, 0),
        set(1, 1, 0, 0),
        set(1, 0, 1, 0),
        set(1, 0, 0, 1),
        set(1 << 40, 1 << 40, 1 << 40, u32::MAX),
        Call::NtSetIoCompletionEx {
            port,
            reserve,
            packet: Packet::posted(1, 0, 0),
        },
        Call::NtSetInformationFile {
            file,
            port,
            key: 5,
            replace: true,
        },
        Call::NtSetInformationFile {
            file,
            port: second,
            key: 500,
            replace: true,
        },
        request(1, false),
        request(0, false),
        request(1, true),
        wait(port, infinite, false),
        wait(semaphore, infinite, false),
        wait(semaphore, Timeout::Finite, true),
        wait(mutex, infinite, false),
        wait(file, infinite, false),
        Call::ReleaseSemaphore(semaphore),
        Call::WaitForThread {
            thread: b,
            timeout: infinite,
        },
        Call::WaitOutside {
            timeout: infinite,
            alertable: true,
        },
        Call::Sleep {
            timeout: Timeout::Finite,
            alertable: false,
        },
        Call::CreateEvent {
            manual: true,
            signaled: false,
        },
        Call::CreateEvent {
            manual: false,
            signaled: true,
        },
        Call::CreateFile { overlapped: true },
        Call::CreateFile { overlapped: false },
        Call::NtAllocateReserveObject { for_packets: false },
        Call::CloseHandle(port),
        Call::CloseHandle(file),
        Call::CloseHandle(semaphore),
        duplicate(port, None),
        duplicate(port, Some(Access::QUERY_STATE)),
        duplicate(second, None),
        duplicate(file, None),
        duplicate(semaphore, None),
    ];
    let of_a = calls.into_iter().map(|call| Action::Call(a, call));
    let of_b = [
        get(port, infinite),
        get(second, infinite),
        wait(port, infinite, false),
    ]
    .map(|call| Action::Call(b, call));
    let of_both = [a, b].into_iter().flat_map(|thread: ThreadId| {
        [
            Action::Return { thread, more: 0 },
            Action::Return { thread, more: 1 },
            Action::Expire(thread),
            Action::Unblock(thread),
            Action::Suspend(thread),
            Action::Resume(thread),
            Action::SuspensionRuns(thread),
            Action::QueueUserApc { thread, apc: 1 },
            Action::QueueUserApc { thread, apc: 300 },
            Action::Terminate(thread),
            Action::KernelApc {
                thread,
                inserts: [None; 2],
            },
        ]
    });
    let inserts = [p, q].map(|port| {
        Action::Insert(Insert {
            port,
            packet: Packet::posted(9, 0, 0),
            at_head: true,
        })
    });
    let mut actions: Vec<_> = of_a.chain(of_b).chain(of_both).chain(inserts).collect();
    actions.push(Action::RunDown(p));
    (system, actions)
}

/// All states within so many steps; no two of them are encoded alike.
fn states_within(profile: Profile, most_steps: usize) -> usize {
    let (first, actions) = setting(profile);
    let mut known: HashMap<Vec<u8>, System> = HashMap::new();
    let mut next = VecDeque::from([(first, 0)]);
    let mut bytes = Vec::new();
    while let Some((system, steps)) = next.pop_front() {
        bytes.clear();
        system.encode(&mut bytes);
        assert!(bytes.len() <= system.most_encoded(), "{system:?}");
        match known.entry(bytes.clone()) {
            Entry::Occupied(other) => {
                assert_eq!(*other.get(), system, "two states, the same bytes");
                continue;
            }
            Entry::Vacant(place) => {
                place.insert(system.clone());
            }
        }
        if steps < most_steps {
            for action in &actions {
                let mut after = system.clone();
                if after.apply(*action, &mut ()).is_ok() {
                    next.push_back((after, steps + 1));
                }
            }
        }
    }
    known.len()
}

#[test]
fn no_two_states_are_encoded_alike() {
    for profile in [Profile::default(), Profile::REACTOS, Profile::WINE_8] {
        let states = states_within(profile, 3);
        assert!(states > 20_000, "{}: only {states} states", profile.name);
    }
}
