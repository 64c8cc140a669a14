//! The calls that a thread can make and what they return, in Microsoft's names.

use crate::{
    Access, FileId, Handle, Mutant, NameId, NtStatus, ObjectId, Observer, Packet, ProcessId,
    System, ThreadId, Timeout, Win32Error, file::RequestArguments, rules,
};
use smallvec::SmallVec;

/// The packets that one dequeue returned, oldest first.
pub type Packets = SmallVec<[Packet; 1]>;

/// A system call with its arguments.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Call {
    /// Creates a port, associates a file with a port, or both (PORT-01).
    CreateIoCompletionPort {
        /// A file, or `INVALID_HANDLE_VALUE` to create only.
        file: Handle,
        /// A port, or null to create one.
        existing: Handle,
        /// The file's completion key; ignored when only creating (PORT-03).
        key: u64,
        /// The concurrency limit; 0 means the number of processors (PORT-06); ignored with an
        /// existing port (PORT-07).
        concurrency: u32,
    },
    /// Creates a port, perhaps by name (PORT-12).
    NtCreateIoCompletion {
        /// The name.
        name: Option<NameId>,
        /// The rights asked for.
        access: Access,
        /// The concurrency limit, as above.
        concurrency: u32,
    },
    /// Opens a port by name (PORT-12). `None` stands for missing object attributes.
    NtOpenIoCompletion {
        /// The name.
        name: Option<NameId>,
        /// The rights asked for.
        access: Access,
    },
    /// Reads the number of packets waiting (PORT-11).
    NtQueryIoCompletion {
        /// The port.
        port: Handle,
        /// The information class; only 0 exists.
        class: u32,
        /// The buffer's length in bytes; must be 4.
        length: u32,
    },
    /// Takes one packet (GQ-01).
    GetQueuedCompletionStatus {
        /// The port.
        port: Handle,
        /// How long to wait.
        timeout: Timeout,
    },
    /// Takes up to `count` packets (GQX-01).
    GetQueuedCompletionStatusEx {
        /// The port.
        port: Handle,
        /// The most packets.
        count: u16,
        /// How long to wait for the first.
        timeout: Timeout,
        /// May a user APC end the wait?
        alertable: bool,
    },
    /// Takes one packet, NT layer.
    NtRemoveIoCompletion {
        /// The port.
        port: Handle,
        /// How long to wait (TMO-04).
        timeout: Timeout,
    },
    /// Takes up to `count` packets, NT layer.
    NtRemoveIoCompletionEx {
        /// The port.
        port: Handle,
        /// The most packets.
        count: u16,
        /// How long to wait for the first.
        timeout: Timeout,
        /// May a user APC end the wait?
        alertable: bool,
    },
    /// Queues a packet of status success (POST-01).
    PostQueuedCompletionStatus {
        /// The port.
        port: Handle,
        /// What to queue; `status` is not looked at.
        packet: Packet,
    },
    /// Queues a packet of any status (POST-02).
    NtSetIoCompletion {
        /// The port.
        port: Handle,
        /// What to queue.
        packet: Packet,
    },
    /// Queues a packet in memory that was reserved for it (POST-03).
    NtSetIoCompletionEx {
        /// The port.
        port: Handle,
        /// The reserve object.
        reserve: Handle,
        /// What to queue.
        packet: Packet,
    },
    /// Reserves memory for a packet or, to be refused by `NtSetIoCompletionEx`, an APC.
    NtAllocateReserveObject {
        /// For packets?
        for_packets: bool,
    },
    /// Opens a new file object.
    CreateFile {
        /// With `FILE_FLAG_OVERLAPPED`?
        overlapped: bool,
    },
    /// Issues a request on a file.
    Request(RequestArguments),
    /// Associates a file with a port, or replaces (`replace`) its association (ASSOC-02, ASSOC-05).
    NtSetInformationFile {
        /// The file.
        file: Handle,
        /// The port; null removes the association (only with `replace`).
        port: Handle,
        /// The completion key.
        key: u64,
        /// `FileReplaceCompletionInformation` rather than `FileCompletionInformation`?
        replace: bool,
    },
    /// Creates an event.
    CreateEvent {
        /// Manual reset?
        manual: bool,
        /// Signaled at once?
        signaled: bool,
    },
    /// Creates a semaphore.
    CreateSemaphore {
        /// The count at first.
        count: u32,
        /// The most that it counts.
        maximum: u32,
    },
    /// Creates a mutex.
    CreateMutex {
        /// Owned by the caller at once?
        owned: bool,
    },
    /// Signals an event.
    SetEvent(Handle),
    /// Unsignals an event.
    ResetEvent(Handle),
    /// Adds one to a semaphore.
    ReleaseSemaphore(Handle),
    /// Gives a mutex back.
    ReleaseMutex(Handle),
    /// Waits for one object: event, semaphore, mutex, file or port.
    WaitForSingleObject {
        /// The object.
        object: Handle,
        /// How long to wait.
        timeout: Timeout,
        /// May a user APC end the wait?
        alertable: bool,
    },
    /// Waits for the end of a thread.
    WaitForThread {
        /// The thread.
        thread: ThreadId,
        /// How long to wait.
        timeout: Timeout,
    },
    /// Waits for something outside the model (CONC-12).
    WaitOutside {
        /// How long to wait.
        timeout: Timeout,
        /// May a user APC end the wait?
        alertable: bool,
    },
    /// Sleeps.
    Sleep {
        /// How long.
        timeout: Timeout,
        /// May a user APC end it?
        alertable: bool,
    },
    /// Queues a user APC to a thread; `apc` tells it from others.
    QueueUserApc {
        /// The target.
        thread: ThreadId,
        /// The APC.
        apc: u32,
    },
    /// Suspends a thread (CONC-11).
    SuspendThread(ThreadId),
    /// Takes one suspension back.
    ResumeThread(ThreadId),
    /// Ends another thread.
    TerminateThread(ThreadId),
    /// Ends the calling thread (THR-05).
    ExitThread,
    /// Closes a handle.
    CloseHandle(Handle),
    /// Makes another handle to the same object.
    DuplicateHandle {
        /// The handle.
        handle: Handle,
        /// The process that gets the new one.
        target: ProcessId,
        /// Its rights; `None` for the same.
        access: Option<Access>,
        /// Close the old one?
        close_source: bool,
    },
}

macro_rules! apis {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Which call a result belongs to: it decides how the Win32 layer shows it.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[repr(u8)]
        pub enum Api { $($(#[$doc])* $name,)* }

        impl Api {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Microsoft's spelling.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

apis! {
    /// See [`Call::CreateIoCompletionPort`].
    CreateIoCompletionPort,
    /// See [`Call::NtCreateIoCompletion`].
    NtCreateIoCompletion,
    /// See [`Call::NtOpenIoCompletion`].
    NtOpenIoCompletion,
    /// See [`Call::NtQueryIoCompletion`].
    NtQueryIoCompletion,
    /// See [`Call::GetQueuedCompletionStatus`].
    GetQueuedCompletionStatus,
    /// See [`Call::GetQueuedCompletionStatusEx`].
    GetQueuedCompletionStatusEx,
    /// See [`Call::NtRemoveIoCompletion`].
    NtRemoveIoCompletion,
    /// See [`Call::NtRemoveIoCompletionEx`].
    NtRemoveIoCompletionEx,
    /// See [`Call::PostQueuedCompletionStatus`].
    PostQueuedCompletionStatus,
    /// See [`Call::NtSetIoCompletion`].
    NtSetIoCompletion,
    /// See [`Call::NtSetIoCompletionEx`].
    NtSetIoCompletionEx,
    /// See [`Call::NtAllocateReserveObject`].
    NtAllocateReserveObject,
    /// See [`Call::CreateFile`].
    CreateFile,
    /// See [`Call::Request`].
    ReadFile,
    /// See [`Call::Request`], with a completion routine.
    ReadFileEx,
    /// See [`Call::NtSetInformationFile`].
    NtSetInformationFile,
    /// See [`Call::CreateEvent`].
    CreateEvent,
    /// See [`Call::CreateSemaphore`].
    CreateSemaphore,
    /// See [`Call::CreateMutex`].
    CreateMutex,
    /// See [`Call::SetEvent`].
    SetEvent,
    /// See [`Call::ResetEvent`].
    ResetEvent,
    /// See [`Call::ReleaseSemaphore`].
    ReleaseSemaphore,
    /// See [`Call::ReleaseMutex`].
    ReleaseMutex,
    /// See [`Call::WaitForSingleObject`].
    WaitForSingleObject,
    /// See [`Call::WaitOutside`].
    WaitOutside,
    /// See [`Call::Sleep`].
    Sleep,
    /// See [`Call::QueueUserApc`].
    QueueUserAPC,
    /// See [`Call::SuspendThread`].
    SuspendThread,
    /// See [`Call::ResumeThread`].
    ResumeThread,
    /// See [`Call::TerminateThread`].
    TerminateThread,
    /// See [`Call::ExitThread`].
    ExitThread,
    /// See [`Call::CloseHandle`].
    CloseHandle,
    /// See [`Call::DuplicateHandle`].
    DuplicateHandle,
}

impl Api {
    /// Does the call return a status, as those of the NT layer and waits do, rather than success or
    /// failure with a last error?
    pub const fn returns_status(self) -> bool {
        matches!(
            self,
            Self::NtCreateIoCompletion
                | Self::NtOpenIoCompletion
                | Self::NtQueryIoCompletion
                | Self::NtRemoveIoCompletion
                | Self::NtRemoveIoCompletionEx
                | Self::NtSetIoCompletion
                | Self::NtSetIoCompletionEx
                | Self::NtAllocateReserveObject
                | Self::NtSetInformationFile
                | Self::WaitForSingleObject
                | Self::WaitOutside
                | Self::Sleep
        )
    }
}

impl Call {
    /// Which call it is.
    #[inline]
    pub const fn api(&self) -> Api {
        match self {
            Self::CreateIoCompletionPort { .. } => Api::CreateIoCompletionPort,
            Self::NtCreateIoCompletion { .. } => Api::NtCreateIoCompletion,
            Self::NtOpenIoCompletion { .. } => Api::NtOpenIoCompletion,
            Self::NtQueryIoCompletion { .. } => Api::NtQueryIoCompletion,
            Self::GetQueuedCompletionStatus { .. } => Api::GetQueuedCompletionStatus,
            Self::GetQueuedCompletionStatusEx { .. } => Api::GetQueuedCompletionStatusEx,
            Self::NtRemoveIoCompletion { .. } => Api::NtRemoveIoCompletion,
            Self::NtRemoveIoCompletionEx { .. } => Api::NtRemoveIoCompletionEx,
            Self::PostQueuedCompletionStatus { .. } => Api::PostQueuedCompletionStatus,
            Self::NtSetIoCompletion { .. } => Api::NtSetIoCompletion,
            Self::NtSetIoCompletionEx { .. } => Api::NtSetIoCompletionEx,
            Self::NtAllocateReserveObject { .. } => Api::NtAllocateReserveObject,
            Self::CreateFile { .. } => Api::CreateFile,
            Self::Request(arguments) => {
                if arguments.apc {
                    Api::ReadFileEx
                } else {
                    Api::ReadFile
                }
            }
            Self::NtSetInformationFile { .. } => Api::NtSetInformationFile,
            Self::CreateEvent { .. } => Api::CreateEvent,
            Self::CreateSemaphore { .. } => Api::CreateSemaphore,
            Self::CreateMutex { .. } => Api::CreateMutex,
            Self::SetEvent(_) => Api::SetEvent,
            Self::ResetEvent(_) => Api::ResetEvent,
            Self::ReleaseSemaphore(_) => Api::ReleaseSemaphore,
            Self::ReleaseMutex(_) => Api::ReleaseMutex,
            Self::WaitForSingleObject { .. } | Self::WaitForThread { .. } => {
                Api::WaitForSingleObject
            }
            Self::WaitOutside { .. } => Api::WaitOutside,
            Self::Sleep { .. } => Api::Sleep,
            Self::QueueUserApc { .. } => Api::QueueUserAPC,
            Self::SuspendThread(_) => Api::SuspendThread,
            Self::ResumeThread(_) => Api::ResumeThread,
            Self::TerminateThread(_) => Api::TerminateThread,
            Self::ExitThread => Api::ExitThread,
            Self::CloseHandle(_) => Api::CloseHandle,
            Self::DuplicateHandle { .. } => Api::DuplicateHandle,
        }
    }
}

/// What a call came to when it was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It returned.
    Returned(Returned),
    /// It blocks. [`Action::Return`](crate::Action::Return) gives its result later.
    Blocked,
    /// The packets that a run-down queue gave up (CLOSE-07).
    Packets(Packets),
    /// Nothing to report: the action was the environment's.
    Done,
}

/// The result of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Returned {
    /// Which call returned.
    pub api: Api,
    /// What the NT layer says.
    pub status: NtStatus,
    /// What else it gave.
    pub value: Value,
    /// The packets that a dequeue took.
    pub packets: Packets,
    /// The user APCs that ran in it, in order (APC-11).
    pub apcs: SmallVec<[u32; 2]>,
    /// What the Win32 layer makes of it, in kernels where that does not follow from the status.
    pub(crate) told: Option<Told>,
}

/// What a Win32 call tells its caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub(crate) success: bool,
    pub(crate) last_error: Option<Win32Error>,
}

/// What a call gives besides its status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value {
    /// Nothing.
    Nothing,
    /// A handle.
    Handle(Handle),
    /// A count: the packets waiting, a previous suspend count, the depth before an insert (KQ-05),
    /// the number of entries that a batch dequeue claims when it took none (TMO-03).
    Count(u32),
    /// A new file object.
    File(Handle, FileId),
    /// A new object.
    Object(Handle, ObjectId),
}

impl Returned {
    #[inline]
    pub(crate) fn new(api: Api, status: NtStatus) -> Self {
        Self {
            api,
            status,
            value: Value::Nothing,
            packets: Packets::new(),
            apcs: SmallVec::new(),
            told: None,
        }
    }

    #[inline]
    pub(crate) fn with(mut self, value: Value) -> Self {
        self.value = value;
        self
    }

    /// The handle that it gave, if it gave one.
    pub fn handle(&self) -> Option<Handle> {
        match self.value {
            Value::Handle(handle) | Value::File(handle, _) | Value::Object(handle, _) => {
                Some(handle)
            }
            Value::Nothing | Value::Count(_) => None,
        }
    }

    /// The Win32 layer says `TRUE`.
    pub(crate) fn tell_true(&mut self) {
        self.told = Some(Told {
            success: true,
            last_error: None,
        });
    }

    /// The Win32 layer says `FALSE` with this last error.
    pub(crate) fn tell_false(&mut self, last_error: Win32Error) {
        self.told = Some(Told {
            success: false,
            last_error: Some(last_error),
        });
    }

    /// The status that decides a Win32 result: a dequeue that took one packet speaks of that
    /// packet (GQ-05), a batch dequeue never does (GQX-02).
    fn deciding_status(&self) -> NtStatus {
        match (self.api, self.packets.first()) {
            (Api::GetQueuedCompletionStatus, Some(packet)) => packet.status,
            _ => self.status,
        }
    }

    /// Does the call report success? For the Win32 layer, whether it returns `TRUE` (or a handle,
    /// or `WAIT_OBJECT_0`); for the NT layer, `NT_SUCCESS` (where a time-out is a success code).
    ///
    /// A dequeue that found nothing is `FALSE` although `STATUS_TIMEOUT` is a success code of the
    /// NT layer (TMO-02, GQ-01).
    pub fn success(&self) -> bool {
        if let Some(told) = self.told {
            return told.success;
        }
        let status = self.deciding_status();
        match self.api {
            Api::GetQueuedCompletionStatus => !self.packets.is_empty() && status.is_success(),
            // Success without a packet: a batch of at most none, where that is allowed.
            Api::GetQueuedCompletionStatusEx => status == NtStatus::SUCCESS,
            Api::WaitForSingleObject | Api::WaitOutside => {
                matches!(status, NtStatus::SUCCESS | NtStatus::ABANDONED_WAIT_0)
            }
            // `ReadFileEx` says TRUE when the request is under way, `ReadFile` FALSE and 997.
            Api::ReadFile => status != NtStatus::PENDING && status.is_success(),
            _ => status.is_success(),
        }
    }

    /// What `GetLastError` says afterwards, where the call sets it: a call that succeeds leaves it
    /// alone (GQ-04), and the NT layer and waits do not use it.
    pub fn last_error(&self) -> Option<Win32Error> {
        if let Some(told) = self.told {
            return told.last_error;
        }
        let waits = matches!(self.api, Api::WaitForSingleObject | Api::WaitOutside);
        let sets = waits || !self.api.returns_status();
        if !sets || self.success() || (waits && self.status.is_success()) {
            return None;
        }
        Some(self.deciding_status().to_win32())
    }
}

// What a dequeue with packets shows of them.
impl System {
    /// A dequeue returns with packets. What its Win32 form makes of them is said by
    /// [`Returned::success`], [`Returned::last_error`] and [`Packet::bytes`].
    pub(crate) fn taken<O: Observer>(&self, api: Api, packets: Packets, o: &mut O) -> Returned {
        o.rule(rules::PKT_01);
        let mut result = Returned::new(api, NtStatus::SUCCESS);
        result.packets = packets;
        match (api, result.packets.first()) {
            (Api::GetQueuedCompletionStatus, Some(&packet)) => {
                self.show_one(&mut result, packet, o);
            }
            (Api::GetQueuedCompletionStatusEx, Some(_)) => self.show_batch(&mut result, o),
            _ => {}
        }
        result
    }

    /// `TRUE` or `FALSE`, as the packet's status has it, and all of the packet but the status.
    fn show_one<O: Observer>(&self, result: &mut Returned, packet: Packet, o: &mut O) {
        let status = packet.status;
        o.rule(rules::GQ_01);
        o.rule(rules::GQ_05);
        o.rule(rules::GQ_06);
        if packet.information > u32::MAX.into() && self.is_broken(Mutant::BytesSaturate, o) {
            result.packets[0].information = u32::MAX.into();
        }
        if status.is_success() {
            o.rule(rules::GQ_04);
            if self.is_broken(Mutant::SuccessClearsLastError, o) {
                result.told = Some(Told {
                    success: true,
                    last_error: Some(Win32Error(0)),
                });
            }
            if status != NtStatus::SUCCESS && self.is_broken(Mutant::InformationSaysFalse, o) {
                result.tell_false(status.to_win32());
            }
            if packet.overlapped == 0 && self.is_broken(Mutant::NullOverlappedSaysFalse, o) {
                result.tell_false(NtStatus::TIMEOUT.to_win32());
            }
            return;
        }
        if packet.overlapped == 0 {
            o.rule(rules::GQ_02);
            if self.is_broken(Mutant::FailedNullPacketVanishes, o) {
                result.tell_false(status.to_win32());
                result.packets.clear();
                return;
            }
        }
        if self.is_broken(Mutant::LastErrorIsTheStatus, o) {
            result.tell_false(Win32Error(status.0));
        }
        if self.is_broken(Mutant::FailedOperationSaysTrue, o)
            || !status.is_error() && self.is_broken(Mutant::WarningSaysTrue, o)
        {
            result.tell_true();
        }
    }

    /// `TRUE`, whatever the entries say.
    fn show_batch<O: Observer>(&self, result: &mut Returned, o: &mut O) {
        o.rule(rules::GQX_02);
        o.rule(rules::GQX_03);
        let mut statuses = result.packets.iter().map(|packet| packet.status);
        let shows_a_status = statuses.clone().any(|status| status != NtStatus::SUCCESS);
        if let Some(failed) = statuses.find(|status| !status.is_success())
            && self.is_broken(Mutant::BatchFailsWithItsEntries, o)
        {
            result.tell_false(failed.to_win32());
            result.packets.clear();
        }
        if shows_a_status && self.is_broken(Mutant::BatchHidesStatuses, o) {
            let packets = result.packets.iter_mut();
            packets.for_each(|packet| packet.status = NtStatus::SUCCESS);
        }
    }
}
