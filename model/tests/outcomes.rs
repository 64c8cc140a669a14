//! The outcome table of the rule book (section 3), so far as it is about the port: every call in
//! every condition, and what its caller sees.
#![allow(clippy::unwrap_used)]

mod lab;

use Gives::{Bare, Count, NewHandle, Packets, ThePort};
use Shows::{False, Nt, True};
use iocp_model::{
    Access, Call, DeviceAnswer, Handle, Kind, NameId, NtStatus, Packet, Profile, Returned,
    ThreadId, Timeout, Value, rules,
};
use lab::Lab;

/// A process with one handle of every sort that the calls can be given.
struct Scene {
    lab: Lab,
    /// The caller.
    a: ThreadId,
    /// Another thread.
    b: ThreadId,
    port: Handle,
    /// The same port, without the right to modify.
    query_only: Handle,
    /// The same port, with no other right than to modify.
    modify_only: Handle,
    event: Handle,
    closed: Handle,
    /// Overlapped, not associated.
    file: Handle,
    /// Overlapped, associated.
    tied: Handle,
    synchronous: Handle,
    reserve: Handle,
    apc_reserve: Handle,
}

const NAME: NameId = match NameId::new(0) {
    Some(name) => name,
    None => panic!(),
};
const MISSING: NameId = match NameId::new(1) {
    Some(name) => name,
    None => panic!(),
};

impl Scene {
    fn new(profile: Profile) -> Self {
        let mut lab = Lab::of(profile, 1);
        let [a, b] = lab.threads();
        let port = lab.here().handle;
        let event = Kind::Event {
            manual: false,
            signaled: false,
        };
        let duplicate = |lab: &mut Lab, access| {
            let duplicate = Call::DuplicateHandle {
                handle: port,
                target: lab.process,
                access: Some(access),
                close_source: false,
            };
            lab.call(a, duplicate).returned().handle().unwrap()
        };
        let reserve = |lab: &mut Lab, for_packets| {
            let allocate = Call::NtAllocateReserveObject { for_packets };
            lab.call(a, allocate).returned().handle().unwrap()
        };
        let query_only = duplicate(&mut lab, Access::QUERY_STATE);
        let modify_only = duplicate(&mut lab, Access::MODIFY_STATE);
        let event = lab.system.add_object(lab.process, event).1;
        let file = lab.add_file();
        let tied = lab.add_associated(7);
        let synchronous = lab.system.add_file(lab.process, false).1;
        let [reserve, apc_reserve] = [true, false].map(|what| reserve(&mut lab, what));
        let closed = lab.add_file();
        lab.close(closed);
        Self {
            lab,
            a,
            b,
            port,
            query_only,
            modify_only,
            event,
            closed,
            file,
            tied,
            synchronous,
            reserve,
            apc_reserve,
        }
    }

    fn call(&mut self, call: Call) -> Returned {
        self.lab.call(self.a, call).returned()
    }

    fn create(&mut self, file: Handle, existing: Handle) -> Returned {
        self.call(Call::CreateIoCompletionPort {
            file,
            existing,
            key: 7,
            concurrency: 3,
        })
    }

    /// The caller is in `call`, which blocks; then its last handles are closed, and it returns.
    fn closed_in(&mut self, call: Call) -> Returned {
        self.lab.call(self.a, call).blocks();
        for handle in [self.query_only, self.modify_only, self.port] {
            self.lab.close(handle);
        }
        self.lab.returns(self.a).returned()
    }

    /// The caller has an APC pending, and makes `call`.
    fn with_apc(&mut self, call: Call) -> Returned {
        self.lab.user_apc(self.a, 5);
        self.call(call)
    }

    fn set(&mut self, packet: Packet) -> &mut Self {
        let port = self.port;
        let set = Call::NtSetIoCompletion { port, packet };
        assert!(self.lab.call(self.b, set).returned().success());
        self
    }

    /// Another thread fills the port's one slot, and a packet is queued.
    fn full(&mut self) -> &mut Self {
        self.lab.joins(self.b);
        self.set(GOOD)
    }
}

fn get(port: Handle, timeout: Timeout) -> Call {
    Call::GetQueuedCompletionStatus { port, timeout }
}

fn get_ex(port: Handle, count: u16, timeout: Timeout) -> Call {
    Call::GetQueuedCompletionStatusEx {
        port,
        count,
        timeout,
        alertable: true,
    }
}

fn remove(port: Handle, timeout: Timeout) -> Call {
    Call::NtRemoveIoCompletion { port, timeout }
}

fn remove_ex(port: Handle, count: u16, timeout: Timeout) -> Call {
    Call::NtRemoveIoCompletionEx {
        port,
        count,
        timeout,
        alertable: true,
    }
}

fn post(port: Handle) -> Call {
    Call::PostQueuedCompletionStatus { port, packet: BAD }
}

fn set(port: Handle) -> Call {
    Call::NtSetIoCompletion { port, packet: BAD }
}

fn set_ex(port: Handle, reserve: Handle) -> Call {
    Call::NtSetIoCompletionEx {
        port,
        reserve,
        packet: BAD,
    }
}

fn query(port: Handle, class: u32, length: u32) -> Call {
    Call::NtQueryIoCompletion {
        port,
        class,
        length,
    }
}

fn create_named(name: NameId) -> Call {
    Call::NtCreateIoCompletion {
        name: Some(name),
        access: Access::ALL,
        concurrency: 1,
    }
}

fn open_named(name: Option<NameId>, access: Access) -> Call {
    Call::NtOpenIoCompletion { name, access }
}

fn information(file: Handle, port: Handle, replace: bool) -> Call {
    Call::NtSetInformationFile {
        file,
        port,
        key: 8,
        replace,
    }
}

fn wait(object: Handle, timeout: Timeout) -> Call {
    Call::WaitForSingleObject {
        object,
        timeout,
        alertable: false,
    }
}

/// A packet of a failed operation.
const BAD: Packet = Packet {
    status: NtStatus::CANCELLED,
    ..Packet::posted(9, 0x90, 0)
};
/// A packet of an operation that succeeded, and said more than that.
const GOOD: Packet = Packet {
    status: NtStatus::NOTIFY_ENUM_DIR,
    ..Packet::posted(8, 0x80, 4)
};

/// What the call returns.
#[derive(PartialEq, Debug)]
enum Shows {
    /// `TRUE`, or a handle, or `WAIT_OBJECT_0`; the last error is left alone.
    True,
    /// `FALSE`, or no handle, with this last error.
    False(u32),
    /// This `NTSTATUS`, or `WAIT_` value.
    Nt(u32),
}

/// What else it gives.
#[derive(PartialEq, Debug)]
enum Gives {
    /// Nothing: what the caller passed in is untouched, and `*lpOverlapped` is NULL.
    Bare,
    /// A handle that was not there.
    NewHandle,
    /// The very port handle that was passed in.
    ThePort,
    /// A number: a depth, a count of entries.
    Count(u32),
    /// Packets with these keys and byte counts.
    Packets(&'static [(u64, u32)]),
}

/// One line of the table.
struct Row {
    call: &'static str,
    condition: &'static str,
    profile: Profile,
    act: fn(&mut Scene) -> Returned,
    shows: Shows,
    gives: Gives,
    rules: &'static [rules::RuleId],
}

macro_rules! table {
    ($($call:ident { $($condition:literal $(under $profile:ident)?: |$scene:ident| $act:expr
        => $shows:expr, $gives:expr; [$($rule:ident),+])+ })+) => {
        vec![$($(Row {
            call: stringify!($call),
            condition: $condition,
            profile: table!(@profile $($profile)?),
            act: |$scene: &mut Scene| $act,
            shows: $shows,
            gives: $gives,
            rules: &[$(rules::$rule),+],
        },)+)+]
    };
    (@profile) => { Profile::default() };
    (@profile $profile:ident) => { Profile::$profile };
}

/// Section 3, in its order.
fn table() -> Vec<Row> {
    const INFINITE: Timeout = Timeout::Infinite;
    const ZERO: Timeout = Timeout::Zero;
    table! {
        CreateIoCompletionPort {
            "(-1, NULL)": |s| s.create(Handle::INVALID, Handle::NULL) => True, NewHandle; [PORT_01]
            "(file, NULL)": |s| s.create(s.file, Handle::NULL) => True, NewHandle; [PORT_01]
            "(file, port)": |s| s.create(s.file, s.port) => True, ThePort; [PORT_04, PORT_07]
            "(-1, port)": |s| s.create(Handle::INVALID, s.port) => False(87), Bare; [PORT_02]
            "(synchronous file, port)": |s| s.create(s.synchronous, s.port)
                => False(87), Bare; [ASSOC_03]
            "(synchronous file, NULL)": |s| s.create(s.synchronous, Handle::NULL)
                => False(87), Bare; [ASSOC_03, PORT_05]
            "(associated file, port)": |s| s.create(s.tied, s.port) => False(87), Bare; [ASSOC_02]
            "(associated file, NULL)": |s| s.create(s.tied, Handle::NULL)
                => False(87), Bare; [ASSOC_02, PORT_05]
            "(closed handle, port)": |s| s.create(s.closed, s.port) => False(6), Bare; [PORT_20]
            "(NULL, port)": |s| s.create(Handle::NULL, s.port) => False(6), Bare; [PORT_20]
            "(event, port)": |s| s.create(s.event, s.port) => False(6), Bare; [PORT_20]
            "(file, closed handle)": |s| s.create(s.file, s.closed) => False(6), Bare; [PORT_20]
            "(file, event)": |s| s.create(s.file, s.event) => False(6), Bare; [PORT_20]
            "(file, file)": |s| s.create(s.file, s.tied) => False(6), Bare; [PORT_20]
            "(event, NULL)": |s| s.create(s.event, Handle::NULL)
                => False(6), Bare; [PORT_20, PORT_05]
            "no right to modify": |s| s.create(s.file, s.query_only)
                => False(5), Bare; [PORT_10]
        }
        GetQueuedCompletionStatus {
            "packet of success": |s| { let port = s.port; s.set(GOOD).call(get(port, ZERO)) }
                => True, Packets(&[(8, 4)]); [GQ_01, GQ_04, GQ_05]
            "packet of failure": |s| { let port = s.port; s.set(BAD).call(get(port, ZERO)) }
                => False(995), Packets(&[(9, 0)]); [GQ_01, GQ_05]
            "time-out": |s| s.call(get(s.port, ZERO)) => False(258), Bare; [TMO_02, GQ_03]
            "time-out at the limit": |s| { let port = s.port; s.full().call(get(port, ZERO)) }
                => False(258), Bare; [TMO_02, KQ_09]
            "closed while waiting": |s| s.closed_in(get(s.port, INFINITE))
                => False(735), Bare; [GQ_09]
            "invalid handle": |s| s.call(get(s.closed, ZERO)) => False(6), Bare; [GQ_11]
            "NULL handle": |s| s.call(get(Handle::NULL, ZERO)) => False(6), Bare; [GQ_11]
            "no port": |s| s.call(get(s.event, ZERO)) => False(6), Bare; [GQ_11]
            "no right to modify": |s| s.call(get(s.query_only, ZERO))
                => False(5), Bare; [GQ_11, PORT_10]
        }
        GetQueuedCompletionStatusEx {
            "one packet": |s| { let port = s.port; s.set(GOOD).call(get_ex(port, 8, ZERO)) }
                => True, Packets(&[(8, 4)]); [GQX_01]
            "a failure among them": |s| {
                let port = s.port; s.set(BAD).set(GOOD).call(get_ex(port, 8, ZERO))
            } => True, Packets(&[(9, 0), (8, 4)]); [GQX_02, GQX_05]
            "time-out": |s| s.call(get_ex(s.port, 8, ZERO)) => False(258), Count(0); [GQX_06]
            "time-out at the limit": |s| { let port = s.port; s.full().call(get_ex(port, 8, ZERO)) }
                => False(258), Count(0); [GQX_06, GQX_09]
            "APC": |s| s.with_apc(get_ex(s.port, 8, ZERO)) => False(192), Count(0); [GQX_06]
            "APC" under WINDOWS_VISTA: |s| s.with_apc(get_ex(s.port, 8, ZERO))
                => True, Count(0); [APC_05]
            "closed while waiting": |s| s.closed_in(get_ex(s.port, 8, INFINITE))
                => False(735), Count(0); [GQX_06]
            "count 0": |s| s.call(get_ex(s.port, 0, ZERO)) => False(87), Bare; [GQX_04]
            "no port": |s| s.call(get_ex(s.event, 8, ZERO)) => False(6), Bare; [GQ_11]
            "no right to modify": |s| s.call(get_ex(s.query_only, 8, ZERO))
                => False(5), Bare; [PORT_10]
        }
        PostQueuedCompletionStatus {
            "well": |s| s.call(post(s.port)) => True, Count(0); [POST_01]
            "invalid handle": |s| s.call(post(s.closed)) => False(6), Bare; [POST_05]
            "no port": |s| s.call(post(s.tied)) => False(6), Bare; [POST_05]
            "no right to modify": |s| s.call(post(s.query_only))
                => False(5), Bare; [POST_05, PORT_10]
            "no memory": |s| { s.lab.system.limit_post_memory(Some(0)); s.call(post(s.port)) }
                => False(1450), Bare; [PKT_15]
        }
        NtCreateIoCompletion {
            "new name": |s| s.call(create_named(NAME)) => Nt(0), NewHandle; [PORT_12]
            "name exists": |s| { s.call(create_named(NAME)); s.call(create_named(NAME)) }
                => Nt(0x4000_0000), NewHandle; [PORT_12]
        }
        NtOpenIoCompletion {
            "well": |s| { s.call(create_named(NAME)); s.call(open_named(Some(NAME), Access::ALL)) }
                => Nt(0), NewHandle; [PORT_12]
            "missing": |s| s.call(open_named(Some(MISSING), Access::ALL))
                => Nt(0xC000_0034), Bare; [PORT_12]
            "no attributes": |s| s.call(open_named(None, Access::ALL))
                => Nt(0xC000_000D), Bare; [PORT_12]
            "access 0": |s| { s.call(create_named(NAME)); s.call(open_named(Some(NAME), Access(0))) }
                => Nt(0xC000_0022), Bare; [PORT_12]
        }
        NtQueryIoCompletion {
            "well": |s| { let port = s.port; s.set(BAD).set(GOOD).call(query(port, 0, 4)) }
                => Nt(0), Count(2); [PORT_11]
            "length 8": |s| s.call(query(s.port, 0, 8)) => Nt(0xC000_0004), Bare; [PORT_11]
            "length 0": |s| s.call(query(s.port, 0, 0)) => Nt(0xC000_0004), Bare; [PORT_11]
            "class 1": |s| s.call(query(s.port, 1, 4)) => Nt(0xC000_0003), Bare; [PORT_11]
            "no right to query": |s| s.call(query(s.modify_only, 0, 4))
                => Nt(0xC000_0022), Bare; [PORT_10]
        }
        NtSetIoCompletion {
            "well": |s| s.call(set(s.port)) => Nt(0), Count(0); [POST_02]
            "no memory": |s| { s.lab.system.limit_post_memory(Some(0)); s.call(set(s.port)) }
                => Nt(0xC000_009A), Bare; [PKT_15]
            "no right to modify": |s| s.call(set(s.query_only))
                => Nt(0xC000_0022), Bare; [PORT_10]
        }
        NtSetIoCompletionEx {
            "well": |s| s.call(set_ex(s.port, s.reserve)) => Nt(0), Count(0); [POST_03]
            "no memory": |s| {
                s.lab.system.limit_post_memory(Some(0)); s.call(set_ex(s.port, s.reserve))
            } => Nt(0), Count(0); [POST_03]
            "port NULL": |s| s.call(set_ex(Handle::NULL, s.reserve))
                => Nt(0xC000_0008), Bare; [POST_03]
            "port -1": |s| s.call(set_ex(Handle::INVALID, s.reserve))
                => Nt(0xC000_0024), Bare; [POST_03]
            "reserve NULL": |s| s.call(set_ex(s.port, Handle::NULL))
                => Nt(0xC000_0008), Bare; [POST_03]
            "reserve -1": |s| s.call(set_ex(s.port, Handle::INVALID))
                => Nt(0xC000_0024), Bare; [POST_03]
            "reserve for APCs": |s| s.call(set_ex(s.port, s.apc_reserve))
                => Nt(0xC000_0024), Bare; [POST_03]
        }
        NtRemoveIoCompletion {
            "packet": |s| { let port = s.port; s.set(BAD).call(remove(port, ZERO)) }
                => Nt(0), Packets(&[(9, 0)]); [POST_02]
            "time-out": |s| s.call(remove(s.port, ZERO)) => Nt(0x102), Bare; [TMO_04]
            "closed": |s| s.closed_in(remove(s.port, INFINITE)) => Nt(0x80), Bare; [CLOSE_05]
            "no right to modify": |s| s.call(remove(s.query_only, ZERO))
                => Nt(0xC000_0022), Bare; [PORT_10]
        }
        NtRemoveIoCompletionEx {
            "packets": |s| { let port = s.port; s.set(BAD).set(GOOD).call(remove_ex(port, 8, ZERO)) }
                => Nt(0), Packets(&[(9, 0), (8, 4)]); [GQX_05]
            "time-out": |s| s.call(remove_ex(s.port, 8, ZERO)) => Nt(0x102), Count(0); [TMO_03]
            "APC": |s| s.with_apc(remove_ex(s.port, 8, ZERO)) => Nt(0xC0), Count(0); [APC_01]
            "closed": |s| s.closed_in(remove_ex(s.port, 8, INFINITE))
                => Nt(0x80), Count(0); [CLOSE_05]
            "count 0": |s| s.call(remove_ex(s.port, 0, ZERO)) => Nt(0xC000_000D), Bare; [GQX_04]
        }
        NtSetInformationFile {
            "30: well": |s| s.call(information(s.file, s.port, false)) => Nt(0), Bare; [ASSOC_01]
            "30: synchronous": |s| s.call(information(s.synchronous, s.port, false))
                => Nt(0xC000_000D), Bare; [ASSOC_03]
            "30: associated": |s| s.call(information(s.tied, s.port, false))
                => Nt(0xC000_000D), Bare; [ASSOC_02]
            "30: closed file": |s| s.call(information(s.closed, s.port, false))
                => Nt(0xC000_0008), Bare; [PORT_20]
            "30: no file": |s| s.call(information(s.event, s.port, false))
                => Nt(0xC000_0024), Bare; [PORT_20]
            "30: closed port": |s| s.call(information(s.file, s.closed, false))
                => Nt(0xC000_0008), Bare; [PORT_20]
            "30: no port": |s| s.call(information(s.file, s.event, false))
                => Nt(0xC000_0024), Bare; [PORT_20]
            "61: another": |s| s.call(information(s.tied, s.port, true)) => Nt(0), Bare; [ASSOC_05]
            "61: none": |s| s.call(information(s.tied, Handle::NULL, true))
                => Nt(0), Bare; [ASSOC_05]
            "61" under WINDOWS_VISTA: |s| s.call(information(s.tied, s.port, true))
                => Nt(0xC000_0003), Bare; [ASSOC_05]
        }
        ReadFile {
            "done now": |s| s.lab.read(s.tied, 1, DeviceAnswer::Done(NtStatus::SUCCESS, 3)).returned()
                => True, Bare; [PKT_08]
            "pending": |s| s.lab.read(s.tied, 1, DeviceAnswer::Pending).returned()
                => False(997), Count(1); [PKT_10]
            "failed now": |s| {
                s.lab.read(s.tied, 1, DeviceAnswer::Failed(NtStatus::PIPE_BROKEN)).returned()
            } => False(109), Bare; [PKT_09]
            "more data": |s| {
                s.lab.read(s.tied, 1, DeviceAnswer::Done(NtStatus::BUFFER_OVERFLOW, 3)).returned()
            } => False(234), Bare; [PKT_08]
        }
        ReadFileEx {
            "associated file": |s| s.lab.read_with_apc(s.a, s.tied, 1, DeviceAnswer::Pending).returned()
                => False(87), Bare; [ASSOC_08]
        }
        WaitForSingleObject {
            "depth 1": |s| { let port = s.port; s.set(BAD).call(wait(port, INFINITE)) }
                => Nt(0), Bare; [PORT_17]
            "depth 0": |s| s.call(wait(s.port, ZERO)) => Nt(0x102), Bare; [PORT_08]
            "last handle closed": |s| s.closed_in(wait(s.port, INFINITE)) => Nt(0), Bare; [CLOSE_05]
            "no right to synchronize": |s| s.call(wait(s.query_only, ZERO))
                => False(5), Bare; [PORT_10]
            "closed handle": |s| s.call(wait(s.closed, ZERO)) => False(6), Bare; [PORT_10]
        }
    }
}

/// PORT-01, PORT-02, PORT-04, PORT-05, PORT-08, PORT-10, PORT-11, PORT-12, PORT-17, PORT-20, ASSOC-02,
/// ASSOC-03, ASSOC-05, ASSOC-08, PKT-08, PKT-09, PKT-10, PKT-15, GQ-01, GQ-03, GQ-04, GQ-05, GQ-09,
/// GQ-11, GQX-01, GQX-02, GQX-04, GQX-05, GQX-06, GQX-09, POST-01, POST-02, POST-03, POST-05, CLOSE-05,
/// TMO-02, TMO-03, TMO-04, APC-01, APC-05, KQ-09: each call returns what the table says of it.
#[test]
fn every_call_returns_what_the_table_says() {
    let wrong: Vec<String> = table().iter().filter_map(mismatch).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn mismatch(row: &Row) -> Option<String> {
    let mut scene = Scene::new(row.profile);
    let before = handles(&scene);
    let returned = (row.act)(&mut scene);
    let shows = match (&row.shows, returned.success(), returned.last_error()) {
        (Nt(_), _, None) => Nt(returned.status.0),
        (_, true, None) => True,
        (_, false, Some(error)) => False(error.0),
        (_, success, error) => return Some(format!("{success} with {error:?}")),
    };
    let gives = match returned.value {
        Value::Handle(handle) if handle == scene.port => ThePort,
        Value::Handle(handle) if !before.contains(&handle) => NewHandle,
        Value::Count(count) => Count(count),
        _ => Bare,
    };
    let packets: Vec<_> = (returned.packets.iter())
        .map(|packet| (packet.key, packet.bytes()))
        .collect();
    let given = match row.gives {
        Packets(expected) => packets == expected,
        _ => packets.is_empty() && gives == row.gives,
    };
    let ids: Vec<&str> = row.rules.iter().map(|rule| rule.id()).collect();
    (shows != row.shows || !given).then(|| {
        format!(
            "{} {}: {shows:?} {gives:?} {packets:?} instead of {:?} {:?} ({})",
            row.call,
            row.condition,
            row.shows,
            row.gives,
            ids.join(", ")
        )
    })
}

fn handles(scene: &Scene) -> Vec<Handle> {
    let table = scene.lab.system.handles(scene.lab.process);
    table.iter().map(|(handle, _)| handle).collect()
}

/// PORT-05, PORT-20: a call that fails leaves nothing behind: no handle, no packet, no member, no
/// association.
#[test]
fn port_05_a_call_that_fails_leaves_nothing_behind() {
    let failure = |row: &&Row| match row.shows {
        False(error) => [5, 6, 87, 1450].contains(&error),
        Nt(status) => status >= 0xC000_0000,
        True => false,
    };
    // These open a port by a name that they give to one before.
    let alone = |row: &&Row| row.call != "NtOpenIoCompletion";
    let references = |scene: &Scene| -> (usize, u32) {
        let ports = scene.lab.system.ports();
        (
            handles(scene).len(),
            ports.iter().map(|port| port.files).sum(),
        )
    };
    for row in table().iter().filter(failure).filter(alone) {
        let mut scene = Scene::new(row.profile);
        let before = references(&scene);
        (row.act)(&mut scene);
        assert_eq!(references(&scene), before, "{} {}", row.call, row.condition);
        assert_eq!(scene.lab.members(), [], "{} {}", row.call, row.condition);
        scene.lab.is(0, [], []);
    }
}

/// GQ-10: under Windows XP a caller blocked in a port that is closed goes on waiting.
#[test]
fn gq_10_closing_the_port_ends_no_wait_in_windows_xp() {
    let mut scene = Scene::new(Profile::WINDOWS_XP);
    scene
        .lab
        .call(scene.a, get(scene.port, Timeout::Infinite))
        .blocks();
    for handle in [scene.query_only, scene.modify_only, scene.port] {
        scene.lab.close(handle);
    }
    scene.lab.is(0, [], [scene.a]);
    scene.lab.returns(scene.a).is_not_enabled();
}
