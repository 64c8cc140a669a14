//! What differs between kernels, as values: a [`Profile`] is a named set of [`Semantics`].
//!
//! Nothing else in the crate asks which Windows it is. Code asks a single switch, and the switch
//! says which rules it turns.

use crate::{Mutant, Mutants};

/// The switches. Each field names the rules that it turns; the default is the newest Windows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Semantics {
    /// Does the concurrency limit govern grants? (KQ-02, KQ-08, KQ-09, DIS-18)
    pub limit: Limit,
    /// Does a dequeue that would not wait get a packet at the limit? (KQ-09, OPEN-1)
    pub poll_at_limit: PollAtLimit,
    /// Which blocked dequeuer is released first? (WAIT-01)
    pub waiter_order: WaiterOrder,
    /// How does a packet get from an insert to a blocked dequeuer? (KQ-02, WAIT-03)
    pub hand_off: HandOff,
    /// Who wakes when a thread waits on the port's handle itself? (PORT-17 to PORT-19)
    pub direct_wait: DirectWait,
    /// What does closing the last handle do to blocked dequeuers? (CLOSE-05, GQ-10)
    pub on_close: OnClose,
    /// What does running down the queue do to them? (CLOSE-06, DIS-07)
    pub on_rundown: OnClose,
    /// How many packets does a batch dequeuer return with after it was woken? (GQX-07, OPEN-3)
    pub batch_wake: BatchWake,
    /// Does a batch dequeuer take its packets in one step? (GQX-01)
    pub batch_take: BatchTake,
    /// Does a pending user APC come before a packet if the caller is not yet associated with the
    /// port? (APC-01, THR-09, DIS-11)
    pub apc_before_association: bool,
    /// `GetQueuedCompletionStatusEx` ended by an APC returns `TRUE` (APC-05).
    pub apc_returns_true: bool,
    /// The count of removed entries that a timed-out batch dequeue writes: 0 or 1 (TMO-03).
    pub removed_on_timeout: u8,
    /// When does `SuspendThread` stop a running thread? (CONC-11, OPEN-8)
    pub suspend: Suspend,
    /// What does suspension do to a blocked dequeuer? (KQ-12, CONC-11)
    pub suspended_waiter: SuspendedWaiter,
    /// What does a batch dequeue of at most no packets say? (GQX-04)
    pub empty_batch: EmptyBatch,
    /// How do names and queries of ports answer in the corners? (PORT-11, PORT-12)
    pub object_manager: ObjectManager,
    /// Which inserts does the kernel leave for the inserting thread itself? (KQ-04, OPEN-11)
    pub self_insert: SelfInsert,
    /// Is there a `FileReplaceCompletionInformation`? (ASSOC-05)
    pub replace_completion: ReplaceCompletion,
    /// A failed association leaves the caller's status block alone, and a successful one sets the
    /// file's own event (ASSOC-13).
    pub association_signals_file: bool,
    /// What is broken on purpose, beyond what the switches above can say.
    #[cfg_attr(feature = "serde", serde(default))]
    pub mutants: Mutants,
}

/// See [`Semantics::limit`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum Limit {
    /// A grant needs a free slot: active < limit.
    Enforced,
    /// The value is taken and forgotten.
    Ignored,
}

/// See [`Semantics::poll_at_limit`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum PollAtLimit {
    /// No: it needs a free slot like any other, and times out.
    Refused,
    /// Yes: it takes the packet, and the caller counts above the limit.
    Served,
}

/// See [`Semantics::waiter_order`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum WaiterOrder {
    /// The one that blocked last.
    Lifo,
    /// The one that blocked first.
    Fifo,
}

/// See [`Semantics::hand_off`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum HandOff {
    /// The packet is the waiter's from the moment it is woken.
    Owned,
    /// A dequeue is a loop in user mode: look at the queue, wait on the handle, look again. So a
    /// packet is queued and one waiter is told to look again; another may be quicker, and then the
    /// waiter goes to the end of the line and its time-out begins anew. A user APC, too, only makes
    /// it look again. The handle is looked up each time, and must carry `SYNCHRONIZE` if there is
    /// nothing to take.
    WakeAndRetry,
}

/// See [`Semantics::direct_wait`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum DirectWait {
    /// A packet that stays in the queue wakes all of them; one that is handed to a dequeuer, none.
    All,
    /// As `All`, and a packet handed to a dequeuer also wakes the one that has waited longest.
    AllAndOneOnHandOff,
    /// Direct waiters and dequeuers stand in one line, and a packet wakes the first in it.
    SharedLine,
}

/// See [`Semantics::on_close`] and [`Semantics::on_rundown`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum OnClose {
    /// All waits end: dequeuers with `STATUS_ABANDONED_WAIT_0`, direct waiters satisfied.
    Abandon,
    /// They go on waiting.
    KeepWaiting,
}

/// See [`Semantics::batch_wake`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum BatchWake {
    /// Exactly the packet that it was handed.
    ExactlyOne,
    /// That packet and all that are queued when it returns, up to its maximum.
    AllQueued,
    /// That packet and any number of those that are queued when it returns, up to its maximum.
    UpToMaximum,
}

/// See [`Semantics::batch_take`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum BatchTake {
    /// Yes: nobody comes between.
    AtOnce,
    /// No: packet after packet, until the queue is empty or it has its maximum. What others do
    /// meanwhile comes between: it may get what was posted after its first, and miss what another
    /// took.
    OneByOne,
}

/// See [`Semantics::suspend`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum Suspend {
    /// In the call of `SuspendThread` itself.
    Immediate,
    /// When the suspension APC runs in the target: a step of its own if the target is running.
    AtApcPoint,
}

/// See [`Semantics::replace_completion`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum ReplaceCompletion {
    /// It replaces an association, or removes it.
    Exists,
    /// The information class is unknown: `STATUS_INVALID_INFO_CLASS`.
    Unknown,
    /// It is known and does nothing: `STATUS_NOT_IMPLEMENTED`.
    NotImplemented,
}

/// See [`Semantics::suspended_waiter`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum SuspendedWaiter {
    /// It leaves the stack, and blocks again on top of it when it is resumed.
    LeavesStack,
    /// It keeps its place, is passed over, and cannot time out; when it is resumed it looks for a
    /// packet first and at its time-out then.
    KeepsPlace,
}

/// See [`Semantics::empty_batch`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum EmptyBatch {
    /// `STATUS_INVALID_PARAMETER`.
    Refused,
    /// Success, with nothing taken.
    Succeeds,
}

/// See [`Semantics::object_manager`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum ObjectManager {
    /// As tested on Windows.
    Windows,
    /// An unknown information class is an invalid parameter; a port can be opened without any
    /// right; creating a port under a name that exists says so and gives no handle.
    Wine8,
}

/// See [`Semantics::self_insert`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum SelfInsert {
    /// Those made by a kernel APC that interrupted the thread's own dequeue.
    InsideWait,
    /// Those too which a member makes after a dequeue that returned without waiting.
    StaleWaitReason,
}

impl Semantics {
    /// Do packets leave a queue in the order in which they came? They do by PKT-02, as long as none
    /// goes straight to a waiter while others are queued. For that, no packet may wait beside a
    /// waiter and a free slot (KQ-14), and none may be left to the thread that inserts it (KQ-04).
    /// One that a driver puts in front of all others (PKT-14) is not asked about.
    ///
    /// `false` where nobody has shown it: mutants, and kernels that hand packets over although
    /// others may stand before the next waiter, suspended or waiting on the handle itself.
    pub fn takes_in_order(&self) -> bool {
        let shown = match self.hand_off {
            HandOff::Owned => {
                self.suspended_waiter == SuspendedWaiter::LeavesStack
                    && self.direct_wait != DirectWait::SharedLine
            }
            HandOff::WakeAndRetry => true,
        };
        shown && self.self_insert == SelfInsert::InsideWait && self.mutants.is_empty()
    }

    /// The newest Windows: the default of everything.
    pub const WINDOWS: Self = Self {
        limit: Limit::Enforced,
        poll_at_limit: PollAtLimit::Refused,
        waiter_order: WaiterOrder::Lifo,
        hand_off: HandOff::Owned,
        direct_wait: DirectWait::All,
        on_close: OnClose::Abandon,
        on_rundown: OnClose::Abandon,
        batch_wake: BatchWake::UpToMaximum,
        batch_take: BatchTake::AtOnce,
        apc_before_association: true,
        apc_returns_true: false,
        removed_on_timeout: 0,
        suspend: Suspend::AtApcPoint,
        suspended_waiter: SuspendedWaiter::LeavesStack,
        empty_batch: EmptyBatch::Refused,
        object_manager: ObjectManager::Windows,
        self_insert: SelfInsert::InsideWait,
        replace_completion: ReplaceCompletion::Exists,
        association_signals_file: true,
        mutants: Mutants::NONE,
    };
}

impl Semantics {
    /// Does the time of a dequeue begin anew when its wait was interrupted and it blocks again?
    pub fn restarts_timeouts(&self) -> bool {
        self.hand_off == HandOff::WakeAndRetry
            || self.mutants.contains(Mutant::InterruptionRestartsTimeOut)
    }
}

impl Default for Semantics {
    fn default() -> Self {
        Self::WINDOWS
    }
}

/// A kind of kernel that is, or was, in the field: a name and its [`Semantics`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Profile {
    /// The name under which commands and files know it.
    pub name: &'static str,
    /// What it is and how far to trust it, in a sentence.
    pub about: &'static str,
    /// Its rules.
    pub semantics: Semantics,
}

impl Profile {
    /// Windows 10 version 1607 and later, up to 11.
    pub const WINDOWS_10_1607: Self = Self {
        name: "windows-10-1607+",
        about: "Windows 10 version 1607 to Windows 11; the counters as known from NT 5",
        semantics: Semantics::WINDOWS,
    };

    /// Windows 8.1 to Windows 10 before version 1607.
    pub const WINDOWS_8_1: Self = Self {
        name: "windows-8.1",
        about: "Windows 8.1 to Windows 10 version 1511: a direct waiter also wakes when a dequeuer is served",
        semantics: Semantics {
            direct_wait: DirectWait::AllAndOneOnHandOff,
            ..Semantics::WINDOWS
        },
    };

    /// Windows 7 and 8.
    pub const WINDOWS_7: Self = Self {
        name: "windows-7",
        about: "Windows 7 and 8: as Windows 8.1, but an association cannot be replaced",
        semantics: Semantics {
            replace_completion: ReplaceCompletion::Unknown,
            ..Self::WINDOWS_8_1.semantics
        },
    };

    /// Windows Vista and Server 2008.
    pub const WINDOWS_VISTA: Self = Self {
        name: "windows-vista",
        about: "Windows Vista and Server 2008: as Windows 7, but a batch dequeue ended by an APC returns TRUE",
        semantics: Semantics {
            on_rundown: OnClose::KeepWaiting,
            apc_returns_true: true,
            ..Self::WINDOWS_7.semantics
        },
    };

    /// Windows XP and Server 2003.
    pub const WINDOWS_XP: Self = Self {
        name: "windows-xp",
        about: "Windows XP and Server 2003: closing a port leaves its waiters waiting",
        semantics: Semantics {
            on_close: OnClose::KeepWaiting,
            association_signals_file: false,
            ..Self::WINDOWS_VISTA.semantics
        },
    };

    /// ReactOS, from its public source.
    pub const REACTOS: Self = Self {
        name: "reactos",
        about: "ReactOS: as Windows XP, and a dequeue that did not wait leaves a stale wait reason",
        semantics: Semantics {
            self_insert: SelfInsert::StaleWaitReason,
            ..Self::WINDOWS_XP.semantics
        },
    };

    /// Wine 8.0, from our own recordings.
    pub const WINE_8: Self = Self {
        name: "wine-8",
        about: "Wine 8.0, as recorded: no concurrency limit, waiters first in first out, no hand-off",
        semantics: Semantics {
            limit: Limit::Ignored,
            waiter_order: WaiterOrder::Fifo,
            hand_off: HandOff::WakeAndRetry,
            batch_take: BatchTake::OneByOne,
            direct_wait: DirectWait::SharedLine,
            on_close: OnClose::KeepWaiting,
            on_rundown: OnClose::KeepWaiting,
            apc_before_association: false,
            removed_on_timeout: 1,
            association_signals_file: false,
            suspended_waiter: SuspendedWaiter::KeepsPlace,
            empty_batch: EmptyBatch::Succeeds,
            object_manager: ObjectManager::Wine8,
            replace_completion: ReplaceCompletion::NotImplemented,
            ..Semantics::WINDOWS
        },
    };

    /// All shipped profiles, the default first.
    pub const ALL: &'static [Self] = &[
        Self::WINDOWS_10_1607,
        Self::WINDOWS_8_1,
        Self::WINDOWS_7,
        Self::WINDOWS_VISTA,
        Self::WINDOWS_XP,
        Self::REACTOS,
        Self::WINE_8,
    ];

    /// The profile of this name.
    ///
    /// ```
    /// use iocp_model::Profile;
    /// assert!(Profile::find("wine-8").is_some());
    /// assert!(Profile::find("os/2").is_none());
    /// ```
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|profile| profile.name == name)
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::WINDOWS_10_1607
    }
}
