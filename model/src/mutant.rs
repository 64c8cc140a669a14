//! Rules broken on purpose.
//!
//! A [`Mutant`] is a port that breaks a rule, or a few that stand and fall together: it serves
//! waiters first in first out, or forgets to count a thread. Mutants answer two questions. Would
//! anybody notice, if this rule were not so? And, of a recording that no schedule explains: which
//! rules does that kernel break?
//!
//! ```
//! use iocp_model::{Kernel, Mutant};
//!
//! let kernel: Kernel = "windows-10-1607+,fifo-waiters".parse()?;
//! assert!(kernel.mutants.contains(Mutant::FifoWaiters));
//! assert_eq!(Mutant::FifoWaiters.rules()[0].id(), "WAIT-01");
//! # Ok::<(), iocp_model::mutant::UnknownKernel>(())
//! ```
//!
//! Where the code obeys a rule that can be broken, it asks [`System::is_broken`](crate::System),
//! as deep inside as it can: only where the mutant would go another way. An observer hears of each
//! such question ([`Observer::mutant`](crate::Observer::mutant)); a mutant of which it never heard
//! could not have changed anything. Some mutants are no more than another value of a switch that
//! profiles turn as well ([`Semantics::with`](crate::Semantics::with)).

use crate::{
    Profile, Semantics,
    profile::{
        BatchWake, DirectWait, EmptyBatch, HandOff, Limit, ObjectManager, OnClose,
        ReplaceCompletion, SelfInsert, Suspend, SuspendedWaiter, WaiterOrder,
    },
    rules::{self, RuleId},
};
use core::{fmt, str::FromStr};
use std::string::{String, ToString};

/// Makes the enumeration and its table.
macro_rules! mutants {
    ($( $mutant:ident $name:literal breaks [$($rule:ident),+ $(,)?] $says:literal
        $( ; unobservable $why:literal )? )*) => {
        /// A way to break rules. See the [module](self).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Mutant {
            $( #[doc = $says] $mutant, )*
        }

        /// What there is to say about each.
        const TABLE: &[Entry] = &[$( Entry {
            mutant: Mutant::$mutant,
            name: $name,
            rules: &[$( rules::$rule ),+],
            says: $says,
            unobservable: first(&[$( $why )?]),
        } ),*];
    };
}

const fn first(whys: &[&'static str]) -> Option<&'static str> {
    match whys {
        [] => None,
        [why, ..] => Some(why),
    }
}

struct Entry {
    mutant: Mutant,
    name: &'static str,
    rules: &'static [RuleId],
    says: &'static str,
    unobservable: Option<&'static str>,
}

mutants! {
    // -------------------------------------------- the queue, its waiters and the active count
    // The limit.
    NoLimit "no-limit" breaks [KQ_02, KQ_03, KQ_08, KQ_09, CONC_08, CONC_16, CONC_19]
        "The concurrency limit is taken and forgotten: every packet is granted at once."
    InsertIgnoresLimit "insert-ignores-limit" breaks [KQ_03]
        "A packet that comes goes to a waiter, even if the limit is reached."
    DequeueIgnoresLimit "dequeue-ignores-limit" breaks [KQ_09, CONC_08]
        "A dequeue takes a packet that is queued, even if the limit is reached."
    HandOffIgnoresLimit "handoff-ignores-limit" breaks [KQ_15]
        "Each member that blocks lets another in, even if the limit is still reached."
    OneAboveTheLimit "one-above-the-limit" breaks [KQ_03, KQ_09]
        "There is a slot while the active count is at the limit, not only below it."
    NoMoreThanProcessors "no-more-than-processors" breaks [CONC_21]
        "A limit above the number of processors is cut to it."
    LimitBoundsWaiters "limit-bounds-waiters" breaks [CONC_15]
        "No more threads can wait than may be active; a dequeue beyond them fails."

    // Who is counted.
    GrantDoesNotCount "grant-does-not-count" breaks [CONC_05, CONC_06, KQ_01]
        "A waiter that was handed a packet does not count before it dequeues again."
    TakeDoesNotCount "take-does-not-count" breaks [KQ_08, CONC_02]
        "A dequeuer that took a packet without waiting does not count before it dequeues again."
    TimeoutUncounted "timeout-uncounted" breaks [CONC_20]
        "A dequeuer that timed out or was ended by an APC does not count before it dequeues again."
    PollUncounted "poll-uncounted" breaks [CONC_20]
        "A dequeuer that found nothing and did not wait does not count before it dequeues again."
    NewcomerDoesNotCount "newcomer-does-not-count" breaks [THR_02]
        "A dequeuer that was no member and does not wait counts only from its next dequeue on."
    CountsWhenItRuns "counts-when-it-runs" breaks [CONC_06]
        "A member whose block has ended counts only when it goes on."
    CountStopsAtLimit "count-stops-at-limit" breaks [CONC_05, CONC_09]
        "A member whose block ends at the limit does not count before it dequeues again."
    WokenDoesNotCount "woken-does-not-count" breaks [THR_11, CONC_05]
        "A member that blocked on something else does not count before it dequeues again."
    ResumedDoesNotCount "resumed-does-not-count" breaks [CONC_11, CONC_05]
        "A member that was suspended does not count before it dequeues again."
    CallerCountsItself "caller-counts-itself" breaks [CONC_02]
        "A member that dequeues gives its slot up only when it blocks."
    DequeueReleasesAWaiter "dequeue-releases-a-waiter" breaks [CONC_16, CONC_02]
        "A member that dequeues gives its slot up first, and a waiter is released for it."
    PostEndsTheWork "post-ends-the-work" breaks [CONC_19]
        "A member that posts is taken to be done with its packet, and counts no longer."

    // Who blocks, and who is let in for it.
    BlockedStillCounts "blocked-still-counts" breaks [CONC_01, CONC_03, CONC_17]
        "A member that blocks on something else keeps its slot."
    NoHandOffOnBlock "no-handoff-on-block" breaks [CONC_03, CONC_17, KQ_14]
        "When a member blocks, its slot is free, but no waiter is released for it."
    BlockReleasesAll "block-releases-all" breaks [CONC_04]
        "When a member blocks, each waiter is handed a packet, as far as they go."
    SleepKeepsTheSlot "sleep-keeps-the-slot" breaks [CONC_03]
        "A member that sleeps keeps its slot."
    IoKeepsTheSlot "io-keeps-the-slot" breaks [CONC_12]
        "A member that blocks inside the kernel, as in synchronous I/O, keeps its slot."
    DirectWaitKeepsTheSlot "direct-wait-keeps-the-slot" breaks [CONC_14]
        "A member that waits on the handle of a port keeps its slot."
    SuspendedStillCounts "suspended-still-counts" breaks [CONC_11]
        "A member that is suspended keeps its slot."
    SuspensionAtTheCall "suspension-at-the-call" breaks [CONC_11]
        "A running thread is suspended in the call of SuspendThread itself.";
        unobservable "A suspension may take effect at once by the rule, too; this one always does."
    YieldFreesTheSlot "yield-frees-the-slot" breaks [CONC_07]
        "A sleep of no length, or another wait with time-out 0, releases a waiter."
    SatisfiedWaitFreesTheSlot "satisfied-wait-frees-the-slot" breaks [CONC_07]
        "A wait that is satisfied at once releases a waiter."

    // Who belongs to a port.
    PollJoinsNobody "poll-joins-nobody" breaks [KQ_07, THR_01]
        "A poll of an empty port leaves the caller where it belonged."
    FirstPortForEver "first-port-for-ever" breaks [THR_03, THR_01, CONC_13]
        "A thread belongs to the port on which it dequeued first, wherever it dequeues later."
    NoHandOffOnMove "no-handoff-on-move" breaks [THR_03, CONC_13, CONC_17, KQ_14]
        "A thread that dequeues on another port frees its slot, but no waiter is released for it."
    NoHandOffOnExit "no-handoff-on-exit" breaks [THR_05, CONC_17, KQ_14]
        "A thread that ends frees its slot, but no waiter is released for it."
    EndedThreadKeepsItsSlot "ended-thread-keeps-its-slot" breaks [THR_05, THR_08]
        "A thread that ended still counts for its port."
    KilledWaiterStays "killed-waiter-stays" breaks [THR_06]
        "A thread killed in a dequeue stays on the stack, and what it is handed is lost."
    KilledThreadGivesBack "killed-thread-gives-back" breaks [THR_07]
        "A packet whose thread is killed before it has seen it is queued again, in front."
    TimeOutEndsMembership "time-out-ends-membership" breaks [THR_10]
        "A dequeue that times out takes the caller off its port."
    BlockEndsMembership "block-ends-membership" breaks [THR_10, THR_11]
        "A member that blocks on something else is a member no longer."
    AnyCloseEndsMembership "any-close-ends-membership" breaks [THR_10]
        "Closing one of several handles takes all threads that do not wait off the port."
    PosterJoins "poster-joins" breaks [CONC_10, THR_04]
        "A thread that posts becomes a member of the port, and counts."
    DirectWaitJoins "direct-wait-joins" breaks [CONC_14, THR_04]
        "A thread that waits on the handle of a port becomes a member of the port."
    ApcJoins "apc-joins" breaks [THR_09]
        "A thread whose first dequeue ends at once with a user APC becomes a member nevertheless."

    // The stack of waiters.
    FifoWaiters "fifo-waiters" breaks [WAIT_01, WAIT_06, KQ_11]
        "The waiter that blocked first is released first."
    WaitersByThread "waiters-by-thread" breaks [KQ_21, WAIT_02, WAIT_01]
        "Of the waiters, the thread that was created first is released first."
    InterruptedGoesUnder "interrupted-goes-under" breaks [KQ_12, WAIT_02]
        "A waiter whose wait was interrupted blocks again below all others."
    SuspendedWaiterKeepsItsPlace "suspended-waiter-keeps-its-place" breaks [KQ_12, CONC_11]
        "A waiter that is suspended keeps its place on the stack, and is passed over."
    KernelApcInsertHandsOver "kernel-apc-insert-hands-over" breaks [KQ_04]
        "A packet that a thread inserts inside its own dequeue goes to another waiter.";
        unobservable "No call of a program inserts from a kernel APC in its own dequeue; a driver does."
    StaleWaitReason "stale-wait-reason" breaks [KQ_04]
        "A member that posts after a dequeue that did not wait is taken to be inside its dequeue."
    InsertReturnsNewDepth "insert-returns-new-depth" breaks [KQ_05]
        "An insert returns the depth from after it.";
        unobservable "The depth that an insert returns goes to the kernel; no call passes it on."

    // Time.
    GrantLeavesTimer "grant-leaves-timer" breaks [WAIT_04]
        "A waiter that was handed a packet can still time out before it goes on; the packet is lost."
    LastLookAfterTimeOut "last-look-after-time-out" breaks [WAIT_05]
        "A dequeuer whose time ran out looks at the queue once more when it goes on."
    TimeOutBeforePacket "time-out-before-packet" breaks [KQ_10]
        "An interrupted dequeue whose time is up times out, even if a packet is queued.";
        unobservable "Only a suspension that catches the call at its very beginning shows it, before any time has passed: no clock runs out then, though `iocp distinguish` finds the five steps."
    InterruptionRestartsTimeOut "interruption-restarts-time-out" breaks [KQ_13]
        "A dequeue that was interrupted and blocks again has its whole time again.";
        unobservable "How late a time-out comes, no rule says; a program sees only that it comes."
    ZeroWaitsForEver "zero-waits-for-ever" breaks [TMO_01]
        "A dequeue with time-out 0 waits without limit."
    TimeOutIsError121 "time-out-is-error-121" breaks [TMO_02]
        "A dequeue that times out fails with ERROR_SEM_TIMEOUT rather than WAIT_TIMEOUT."
    NtTimeOutIsAnError "nt-time-out-is-an-error" breaks [TMO_04]
        "A dequeue of the NT layer that times out returns STATUS_IO_TIMEOUT."
    TimeOutClaimsAnEntry "time-out-claims-an-entry" breaks [TMO_03]
        "A batch dequeue that takes nothing says that it removed one.";
        unobservable "No caller may rely on that number, so a recording leaves it out."
    AbandonedTimesOut "abandoned-times-out" breaks [KQ_16]
        "A dequeue of a port that was closed or run down says that it timed out."

    // User APCs.
    JoinsBeforeApc "joins-before-apc" breaks [APC_01, THR_09]
        "A thread that dequeues for the first time joins the port, and takes a packet, before an APC."
    ApcBeforePacket "apc-before-packet" breaks [APC_02, KQ_10, APC_07]
        "An alertable dequeue of a member runs a pending APC rather than take a packet."
    PollRunsNoApc "poll-runs-no-apc" breaks [APC_03]
        "An alertable dequeue with time-out 0 times out although an APC is pending."
    AnyDequeueRunsApcs "any-dequeue-runs-apcs" breaks [APC_04]
        "A dequeue that is not alertable, too, runs pending APCs if there is no packet."
    ApcEndsAnyDequeue "apc-ends-any-dequeue" breaks [WAIT_08, KQ_17]
        "An APC ends a blocked dequeue that is not alertable."
    ApcEndsNoDequeue "apc-ends-no-dequeue" breaks [WAIT_09]
        "An APC does not end a blocked dequeue, alertable or not."
    ApcEndsAnyWait "apc-ends-any-wait" breaks [APC_08]
        "An APC, or the completion routine of a request, ends a wait that is not alertable."
    ApcEndsNoWait "apc-ends-no-wait" breaks [APC_09]
        "An APC does not end an alertable sleep or wait."
    YieldRunsNoApc "yield-runs-no-apc" breaks [APC_10]
        "An alertable sleep of no length leaves pending APCs alone."
    RoutineRunsInAnyThread "routine-runs-in-any-thread" breaks [APC_08]
        "The completion routine of a request runs in any thread that waits alertably."
    OneApcAWait "one-apc-a-wait" breaks [APC_11]
        "An alertable wait runs one APC; the others stay pending."
    ApcsNewestFirst "apcs-newest-first" breaks [APC_11]
        "The APCs of a thread run in the reverse order."
    ApcReturnsTrue "apc-returns-true" breaks [APC_05, GQX_06]
        "GetQueuedCompletionStatusEx returns TRUE when an APC ends it, as on Vista."
    WakeAndRetry "wake-and-retry" breaks [KQ_02, WAIT_03, KQ_19]
        "A waiter is only told to look again; another thread may be quicker to take the packet."

    // ------------------------------------------------- calls, handles, files and their results
    //
    // Creating ports; handles.
    FileNeedsAPort "file-needs-a-port" breaks [PORT_01]
        "A file without a port is refused: to create a port and to associate takes two calls."
    NewPortForgetsItsFile "new-port-forgets-its-file" breaks [PORT_01, PORT_05]
        "Creating a port together with a file does not look at the file."
    PortWithoutFileIsGivenBack "port-without-file-is-given-back" breaks [PORT_02]
        "INVALID_HANDLE_VALUE together with a port succeeds and gives that port."
    PortWithoutFileSetsItsLimit "port-without-file-sets-its-limit" breaks [PORT_02, PORT_07]
        "INVALID_HANDLE_VALUE together with a port gives that port a new limit."
    KeyWithoutFileRefused "key-without-file-refused" breaks [PORT_03]
        "Creating a port with a completion key, and no file for it, is an invalid parameter."
    FailureGivesMinusOne "failure-gives-minus-one" breaks [PORT_04]
        "CreateIoCompletionPort returns INVALID_HANDLE_VALUE, and no null, when it fails."
    AssociatingGivesANewHandle "associating-gives-a-new-handle" breaks [PORT_04]
        "Associating a file returns another handle to the port than the one that it was given."
    FailedAssociationGivesThePort "failed-association-gives-the-port" breaks [PORT_05]
        "A port that was created for a file is returned although the file could not be associated."
    UnassociatedPortStays "unassociated-port-stays" breaks [PORT_05]
        "A port that was created for a file stays open when the file cannot be associated."
    ZeroMeansOne "zero-means-one" breaks [PORT_06]
        "A limit of 0 is a limit of 1."
    ZeroMeansNoLimit "zero-means-no-limit" breaks [PORT_06]
        "A limit of 0 is none."
    AssociationSetsTheLimit "association-sets-the-limit" breaks [PORT_07]
        "The concurrency value of a call that associates becomes the limit of the port."
    CreatorIsAMember "creator-is-a-member" breaks [PORT_08]
        "The thread that creates a port is a member of it and counts."
    EmptyPortIsSignaled "empty-port-is-signaled" breaks [PORT_17, PORT_08]
        "The handle of a port is signaled although nothing is queued."
    GenericRightsMeanNothing "generic-rights-mean-nothing" breaks [PORT_09]
        "Generic rights are not mapped to those of a port."
    ModifyRightUnchecked "modify-right-unchecked" breaks [PORT_10, POST_05, GQ_11]
        "Posting, dequeuing and associating need no right."
    QueryRightUnchecked "query-right-unchecked" breaks [PORT_10]
        "Asking for the depth needs no right."
    SynchronizeRightUnchecked "synchronize-right-unchecked" breaks [PORT_10]
        "Waiting on a handle needs no right."
    DepthCountsWaiters "depth-counts-waiters" breaks [PORT_11]
        "The depth that a query gives includes the blocked dequeuers."
    QueryIgnoresLength "query-ignores-length" breaks [PORT_11]
        "A query of the depth does not look at the length of the buffer."
    QueryIgnoresClass "query-ignores-class" breaks [PORT_11]
        "A query of the depth does not look at the information class."
    LooseObjectManager "loose-object-manager" breaks [PORT_12, PORT_11]
        "A name that exists gives no handle, a port opens without rights, a class is a parameter."
    NamesAreIgnored "names-are-ignored" breaks [PORT_12]
        "Creating a port under a name that exists makes another port."
    ExistingNameRefused "existing-name-refused" breaks [PORT_12]
        "Creating a port under a name that exists fails."
    ExistingNameUnsaid "existing-name-unsaid" breaks [PORT_12]
        "Creating a port under a name that exists does not say that it existed."
    PortStaysInItsProcess "port-stays-in-its-process" breaks [PORT_13]
        "The handle of a port cannot be duplicated into another process."
    SecondDequeuerRefused "second-dequeuer-refused" breaks [PORT_14]
        "While a thread is blocked in a dequeue, no other thread can dequeue from that port."
    FirstCloseEndsThePort "first-close-ends-the-port" breaks [PORT_15]
        "Closing any handle of a port ends the waits on it, whatever other handles there are."
    PortNeverGoes "port-never-goes" breaks [PORT_16, PORT_15]
        "A port to which nothing refers keeps its packets."
    PortIsNeverSignaled "port-is-never-signaled" breaks [PORT_17]
        "A wait on the handle of a port does not see that packets are queued already."
    WaitTakesAPacket "wait-takes-a-packet" breaks [PORT_17, WAIT_07]
        "A wait on the handle of a port that is satisfied at once takes a packet away."
    PostWakesOneDirectWaiter "post-wakes-one-direct-waiter" breaks [PORT_18]
        "Of the threads that wait on the handle of a port, a packet wakes the one that came first."
    DirectWaitersStandInLine "direct-waiters-stand-in-line" breaks [PORT_18, KQ_22, WAIT_07]
        "Threads that wait on the handle of a port stand in one line with the dequeuers."
    HandOffWakesADirectWaiter "hand-off-wakes-a-direct-waiter" breaks [PORT_19]
        "A packet that goes to a dequeuer also wakes a thread that waits on the handle of the port."
    BadHandleIsAParameter "bad-handle-is-a-parameter" breaks [PORT_20]
        "An association with a handle that will not do is an invalid parameter."
    WrongTypeIsNoHandle "wrong-type-is-no-handle" breaks [PORT_20, POST_03]
        "A handle of an object of another type is an invalid handle to the NT layer."

    // Files.
    DuplicateLosesAssociation "duplicate-loses-association" breaks [ASSOC_01, ASSOC_12]
        "The duplicate of a file's handle has no port: the association is the handle's."
    SecondAssociationWins "second-association-wins" breaks [ASSOC_02, ASSOC_04]
        "Associating a file again moves it to the other port and key."
    SecondAssociationIgnored "second-association-ignored" breaks [ASSOC_02]
        "Associating a file again succeeds and changes nothing."
    SynchronousFileAssociates "synchronous-file-associates" breaks [ASSOC_03]
        "A file opened for synchronous I/O can be associated."
    PortCloseEndsAssociations "port-close-ends-associations" breaks [ASSOC_04, ASSOC_15, CLOSE_08]
        "Closing the last handle of a port ends the associations with it."
    ReplacementUnknown "replacement-unknown" breaks [ASSOC_05]
        "FileReplaceCompletionInformation is an unknown class: an association cannot be replaced."
    ReplacementNotImplemented "replacement-not-implemented" breaks [ASSOC_05]
        "FileReplaceCompletionInformation is known and not implemented."
    PortDecidedAtIssue "port-decided-at-issue" breaks [ASSOC_06, PKT_04]
        "A request makes a packet only if its file had a port when it was issued."
    CompletionRoutineBecomesPacket "completion-routine-becomes-packet" breaks [ASSOC_07, PKT_04]
        "A request with a completion routine makes a packet instead, if its file has a port by then."
    CompletionRoutineAndPacket "completion-routine-and-packet" breaks [ASSOC_07, PKT_04]
        "A request with a completion routine also makes a packet, if its file has a port by then."
    CompletionRoutineAllowed "completion-routine-allowed" breaks [ASSOC_08]
        "A request with a completion routine is taken on a file that has a port."
    SameKeyRefused "same-key-refused" breaks [ASSOC_09]
        "Two files of one port cannot have the same key."
    OneFileAPort "one-file-a-port" breaks [ASSOC_10]
        "A port takes one file."
    AssociationSignalsNothing "association-signals-nothing" breaks [ASSOC_13]
        "Associating a file does not set its event."
    AssociationReportsThePast "association-reports-the-past" breaks [ASSOC_14]
        "Associating a file whose last request is done makes a packet, as if it were done now."
    FilesHoldNoPort "files-hold-no-port" breaks [ASSOC_15, PORT_15, CLOSE_08]
        "A port is freed with its last handle, even if files are associated."

    // Packets.
    KeysAre32Bits "keys-are-32-bits" breaks [PKT_01, ASSOC_09]
        "A packet carries the low 32 bits of its key."
    NewestPacketFirst "newest-packet-first" breaks [PKT_02, PKT_03]
        "The packet that was queued last is taken first."
    PostsFirst "posts-first" breaks [PKT_13, PKT_02]
        "Posted packets stand in the queue before those of requests."
    CompletionsFirst "completions-first" breaks [PKT_13, PKT_02]
        "Packets of requests stand in the queue before those that were posted."
    NullContextMakesPacket "null-context-makes-packet" breaks [PKT_05, PKT_04]
        "A request without an OVERLAPPED makes a packet."
    ImmediateSuccessMakesNoPacket "immediate-success-makes-no-packet" breaks [PKT_08]
        "A request that succeeds at once makes no packet."
    RefusedRequestMakesPacket "refused-request-makes-packet" breaks [PKT_09]
        "A request that is refused at once makes a packet."
    FailedCompletionMakesNoPacket "failed-completion-makes-no-packet" breaks [PKT_10]
        "A request that pended and then fails makes no packet."
    CompletionMakesTwoPackets "completion-makes-two-packets" breaks [PKT_11]
        "A request makes two packets."
    NullOverlappedRefused "null-overlapped-refused" breaks [PKT_12]
        "A post of a null overlapped pointer is an invalid parameter."
    HeadInsertJoinsTheTail "head-insert-joins-the-tail" breaks [PKT_14]
        "A packet that is to stand before all others stands behind them.";
        unobservable "No call puts a packet there."
    PostsNeedNoMemory "posts-need-no-memory" breaks [PKT_15]
        "A post succeeds although the memory is used up."
    PostIsLostWithoutMemory "post-is-lost-without-memory" breaks [PKT_15]
        "A post for which there is no memory succeeds, and the packet is lost."
    CompletionNeedsMemory "completion-needs-memory" breaks [PKT_16]
        "The packet of a request is lost if the memory is used up."
    CompletionAlwaysSucceeds "completion-always-succeeds" breaks [PKT_17, PKT_10]
        "The packet of a request does not say that it failed."
    PacketReadsItsOverlappedLate "packet-reads-its-overlapped-late" breaks [PKT_17]
        "A packet shows what its OVERLAPPED says when it is taken, not when the request was done."

    // What a dequeue returns.
    NullOverlappedSaysFalse "null-overlapped-says-false" breaks [GQ_01]
        "A dequeue of a packet whose overlapped pointer is null says FALSE and timed out."
    FailedNullPacketVanishes "failed-null-packet-vanishes" breaks [GQ_02]
        "A packet of a failing status whose overlapped pointer is null is taken and not shown."
    EmptyDequeueWritesZeros "empty-dequeue-writes-zeros" breaks [GQ_03]
        "A dequeue that finds nothing writes zeros as key and byte count."
    SuccessClearsLastError "success-clears-last-error" breaks [GQ_04]
        "A dequeue that says TRUE sets the last error to 0."
    FailedOperationSaysTrue "failed-operation-says-true" breaks [GQ_05, GQ_01]
        "A dequeue of the packet of a failed operation says TRUE."
    WarningSaysTrue "warning-says-true" breaks [GQ_05]
        "A dequeue of a packet whose status is a warning says TRUE."
    InformationSaysFalse "information-says-false" breaks [GQ_05]
        "A dequeue of a packet whose status is informational says FALSE."
    LastErrorIsTheStatus "last-error-is-the-status" breaks [GQ_05, GQ_01]
        "The last error of a failed operation is its status as it stands."
    BytesSaturate "bytes-saturate" breaks [GQ_06, PKT_01]
        "A byte count of more than 32 bits is shown as the greatest of 32 bits."
    AbandonedIsABadHandle "abandoned-is-a-bad-handle" breaks [GQ_09, CLOSE_05, GQX_06]
        "A dequeue whose port is closed while it is blocked says that the handle is invalid."
    ClosedPortIsAbandoned "closed-port-is-abandoned" breaks [GQ_11, GQ_09]
        "A dequeue with a handle that is closed already says that the port is abandoned."
    BatchTakesOne "batch-takes-one" breaks [GQX_01]
        "A batch dequeue takes one packet, however many there are."
    BatchFailsWithItsEntries "batch-fails-with-its-entries" breaks [GQX_02]
        "A batch dequeue says FALSE if one of its entries is of a failed operation."
    BatchHidesStatuses "batch-hides-statuses" breaks [GQX_03, GQX_02]
        "The entries of a batch dequeue say that all operations succeeded."
    EmptyBatchSucceeds "empty-batch-succeeds" breaks [GQX_04]
        "A batch dequeue of at most no packets succeeds."
    BatchNewestFirst "batch-newest-first" breaks [GQX_05]
        "The entries of a batch dequeue are in the reverse of their order."
    BatchTimeoutSaysTrue "batch-timeout-says-true" breaks [GQX_06, GQX_01]
        "A batch dequeue that times out says TRUE, with no entry."
    WokenBatchTakesOne "woken-batch-takes-one" breaks [GQX_07]
        "A batch dequeue that was blocked returns with the packet that it was handed and no other.";
        unobservable "A kernel that never takes another cannot be told from one that may."
    WokenBatchPutsItsPacketLast "woken-batch-puts-its-packet-last" breaks [GQX_07, GQX_05]
        "A batch dequeue that was blocked returns the packet that it was handed after the others."
    BatchIgnoresLimit "batch-ignores-limit" breaks [GQX_09]
        "A batch dequeue that need not block takes packets although no slot is free."
    BatchTakesASlotEach "batch-takes-a-slot-each" breaks [GQX_09, KQ_18]
        "A batch dequeue takes no more packets than there are free slots."

    // Posts.
    PostLosesItsBytes "post-loses-its-bytes" breaks [POST_01, PKT_12]
        "PostQueuedCompletionStatus passes no byte count on."
    PostedStatusIsSuccess "posted-status-is-success" breaks [POST_02, PKT_12]
        "NtSetIoCompletion passes no status on."
    ReserveOfAnyKind "reserve-of-any-kind" breaks [POST_03]
        "A reserve object for APCs will do for a packet."
    ReserveNeedsMemory "reserve-needs-memory" breaks [POST_03]
        "A post with a reserve object fails if the memory is used up."
    ReserveIsNeverBusy "reserve-is-never-busy" breaks [POST_04]
        "A reserve object serves any number of packets at a time."
    ReserveServesOnce "reserve-serves-once" breaks [POST_04]
        "A reserve object cannot be used again when its packet has been taken."
    PostToNoPortSucceeds "post-to-no-port-succeeds" breaks [POST_05]
        "A post through a handle that will not do succeeds, and the packet is lost."
    PostFreesTheSlot "post-frees-the-slot" breaks [POST_06]
        "A member that posts does not count meanwhile: a waiter gets the packet."
    PostProbesItsOverlapped "post-probes-its-overlapped" breaks [POST_08]
        "A post looks whether memory is at the overlapped address."
    PostNeedsTheKeyOfAFile "post-needs-the-key-of-a-file" breaks [POST_09]
        "A post to a port that has files must bear the key of one of them."

    // Closing.
    ClosingADuplicateCancels "closing-a-duplicate-cancels" breaks [CLOSE_02]
        "Closing one of several handles of a file cancels its requests."
    KeepWaitingOnClose "keep-waiting-on-close" breaks [CLOSE_05, GQ_09]
        "Closing the last handle of a port wakes nobody."
    CloseLeavesDirectWaiters "close-leaves-direct-waiters" breaks [CLOSE_05]
        "Closing the last handle of a port does not wake the threads that wait on it directly."
    InterruptedDequeueStays "interrupted-dequeue-stays" breaks [CLOSE_06]
        "A dequeue that was interrupted when its port was closed blocks again."
    KeepWaitingOnRundown "keep-waiting-on-rundown" breaks [CLOSE_06]
        "Running down a queue wakes nobody.";
        unobservable "No call runs a queue down and leaves the port; a driver does."
}

/// Rules that no mutant breaks, and why.
pub const UNBROKEN: &[(RuleId, &str)] = &[
    // The queue, its waiters and the active count.
    (
        rules::KQ_06,
        "A boost brings a thread to a processor sooner; here any that is ready may be the next.",
    ),
    (
        rules::TMO_05,
        "No call tells that the machine slept, and how late a time-out comes no rule says.",
    ),
    // Calls, handles, files and their results.
    (
        rules::PKT_18,
        "It allows an order; a kernel that never shows it cannot be told from one that might.",
    ),
    (
        rules::GQ_10,
        "It is the way of Windows XP; in later kernels it is the mutant keep-waiting-on-close.",
    ),
    (
        rules::CLOSE_07,
        "No call runs a queue down; what a rundown gives its caller, no program sees.",
    ),
];

impl Mutant {
    /// All of them.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + Clone {
        TABLE.iter().map(|entry| entry.mutant)
    }

    /// How many there are.
    pub const COUNT: usize = TABLE.len();

    const fn entry(self) -> &'static Entry {
        &TABLE[self as usize]
    }

    /// The name under which commands and files know it: `fifo-waiters`.
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// The rules that it breaks.
    pub const fn rules(self) -> &'static [RuleId] {
        self.entry().rules
    }

    /// What a port does that breaks them, as a sentence.
    pub const fn says(self) -> &'static str {
        self.entry().says
    }

    /// Why nobody can tell by calls and their results, if nobody can.
    pub const fn unobservable(self) -> Option<&'static str> {
        self.entry().unobservable
    }

    /// The mutant of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::all().find(|mutant| mutant.name() == name)
    }
}

impl Semantics {
    /// These semantics, with the rules of a mutant broken.
    ///
    /// The same semantics as before, if they break those rules already.
    #[must_use]
    pub fn with(mut self, mutant: Mutant) -> Self {
        match mutant {
            Mutant::NoLimit => self.limit = Limit::Ignored,
            Mutant::FifoWaiters => self.waiter_order = WaiterOrder::Fifo,
            Mutant::WakeAndRetry => self.hand_off = HandOff::WakeAndRetry,
            Mutant::DirectWaitersStandInLine => self.direct_wait = DirectWait::SharedLine,
            Mutant::HandOffWakesADirectWaiter => {
                if self.direct_wait == DirectWait::All {
                    self.direct_wait = DirectWait::AllAndOneOnHandOff;
                }
            }
            Mutant::KeepWaitingOnClose => self.on_close = OnClose::KeepWaiting,
            Mutant::KeepWaitingOnRundown => self.on_rundown = OnClose::KeepWaiting,
            Mutant::WokenBatchTakesOne => self.batch_wake = BatchWake::ExactlyOne,
            Mutant::EmptyBatchSucceeds => self.empty_batch = EmptyBatch::Succeeds,
            Mutant::LooseObjectManager => self.object_manager = ObjectManager::Wine8,
            Mutant::ReplacementUnknown => self.replace_completion = ReplaceCompletion::Unknown,
            Mutant::ReplacementNotImplemented => {
                self.replace_completion = ReplaceCompletion::NotImplemented;
            }
            Mutant::AssociationSignalsNothing => self.association_signals_file = false,
            Mutant::SuspensionAtTheCall => self.suspend = Suspend::Immediate,
            Mutant::SuspendedWaiterKeepsItsPlace => {
                self.suspended_waiter = SuspendedWaiter::KeepsPlace;
            }
            Mutant::StaleWaitReason => self.self_insert = SelfInsert::StaleWaitReason,
            Mutant::JoinsBeforeApc => self.apc_before_association = false,
            Mutant::ApcReturnsTrue => self.apc_returns_true = true,
            Mutant::TimeOutClaimsAnEntry => self.removed_on_timeout = 1,
            mutant => self.mutants.insert(mutant),
        }
        self
    }
}

/// A set of mutants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mutants([u64; WORDS]);

const WORDS: usize = Mutant::COUNT.div_ceil(64);

impl Mutants {
    /// None: all rules hold.
    pub const NONE: Self = Self([0; WORDS]);

    /// Is this one among them?
    #[inline]
    pub const fn contains(&self, mutant: Mutant) -> bool {
        self.0[mutant as usize / 64] >> (mutant as usize % 64) & 1 == 1
    }

    /// Adds one.
    #[inline]
    pub const fn insert(&mut self, mutant: Mutant) {
        self.0[mutant as usize / 64] |= 1 << (mutant as usize % 64);
    }

    /// Those of the set, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = Mutant> + Clone {
        Mutant::all().filter(move |&mutant| self.contains(mutant))
    }

    /// How many.
    pub const fn len(&self) -> usize {
        let (mut count, mut word) = (0, 0);
        while word < WORDS {
            count += self.0[word].count_ones() as usize;
            word += 1;
        }
        count
    }

    /// Those that are in one of the two sets, or in both.
    #[must_use]
    pub fn union(mut self, other: Self) -> Self {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(these, those)| *these |= those);
        self
    }

    /// Those that are in one of the two sets and not in the other.
    #[must_use]
    pub fn difference(mut self, other: Self) -> Self {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(these, those)| *these ^= those);
        self
    }

    /// Is one in both sets?
    pub fn intersects(&self, other: Self) -> bool {
        self.0
            .iter()
            .zip(other.0)
            .any(|(these, those)| these & those != 0)
    }

    /// Are all of these in `other`?
    pub fn is_subset(&self, other: Self) -> bool {
        self.0
            .iter()
            .zip(other.0)
            .all(|(these, those)| these & !those == 0)
    }

    /// Is it none?
    #[inline]
    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }
}

impl FromIterator<Mutant> for Mutants {
    fn from_iter<I: IntoIterator<Item = Mutant>>(mutants: I) -> Self {
        let mut set = Self::NONE;
        mutants.into_iter().for_each(|mutant| set.insert(mutant));
        set
    }
}

impl fmt::Debug for Mutants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Mutants {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Mutant::name))
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Mutants {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = std::vec::Vec::<String>::deserialize(deserializer)?;
        let find = |name: &String| {
            Mutant::find(name)
                .ok_or_else(|| serde::de::Error::custom(std::format!("no mutant \"{name}\"")))
        };
        names.iter().map(find).collect()
    }
}

/// A kernel that the model can be: a profile, with some of its rules broken or none.
///
/// Written `windows-10-1607+` or, with rules broken, `windows-10-1607+,no-limit,fifo-waiters`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Kernel {
    /// The profile.
    pub profile: Profile,
    /// What of it is broken.
    pub mutants: Mutants,
}

impl Kernel {
    /// How it behaves.
    pub fn semantics(&self) -> Semantics {
        self.mutants
            .iter()
            .fold(self.profile.semantics, Semantics::with)
    }

    /// The same with one more mutant.
    #[must_use]
    pub fn with(mut self, mutant: Mutant) -> Self {
        self.mutants.insert(mutant);
        self
    }
}

impl From<Profile> for Kernel {
    fn from(profile: Profile) -> Self {
        let mutants = Mutants::NONE;
        Self { profile, mutants }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.profile.name)?;
        self.mutants
            .iter()
            .try_for_each(|mutant| write!(f, ",{}", mutant.name()))
    }
}

impl FromStr for Kernel {
    type Err = UnknownKernel;

    fn from_str(text: &str) -> Result<Self, UnknownKernel> {
        let mut names = text.split(',');
        let name = names.next().unwrap_or_default();
        let profile =
            Profile::find(name).ok_or_else(|| UnknownKernel::Profile(name.to_string()))?;
        let find =
            |name: &str| Mutant::find(name).ok_or_else(|| UnknownKernel::Mutant(name.to_string()));
        let mutants = names.map(find).collect::<Result<_, _>>()?;
        Ok(Self { profile, mutants })
    }
}

/// A text that names no [`Kernel`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UnknownKernel {
    /// There is no profile of this name.
    Profile(String),
    /// There is no mutant of this name.
    Mutant(String),
}

impl fmt::Display for UnknownKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Profile(name) => write!(f, "there is no profile \"{name}\""),
            Self::Mutant(name) => write!(f, "there is no mutant \"{name}\""),
        }
    }
}

impl core::error::Error for UnknownKernel {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, vec::Vec};

    #[test]
    fn the_table_is_in_the_order_of_the_enumeration() {
        for (index, mutant) in Mutant::all().enumerate() {
            assert_eq!(mutant as usize, index);
            assert_eq!(Mutant::find(mutant.name()), Some(mutant));
        }
    }

    #[test]
    fn names_are_kebab_case_and_unique() {
        let names: BTreeSet<_> = Mutant::all().map(Mutant::name).collect();
        assert_eq!(names.len(), Mutant::COUNT);
        let proper = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(names.iter().all(|name| name.chars().all(proper)));
    }

    #[test]
    fn each_breaks_rules_in_scope_and_says_so_in_a_sentence() {
        for mutant in Mutant::all() {
            assert!(mutant.says().ends_with('.'), "{mutant:?}");
            for rule in mutant.rules() {
                assert!(rule.rule().in_scope(), "{mutant:?}: {rule}");
            }
        }
    }

    #[test]
    fn each_rule_in_scope_is_broken_or_it_is_said_why_not() {
        let broken: BTreeSet<_> = Mutant::all().flat_map(Mutant::rules).collect();
        let excused: BTreeSet<_> = UNBROKEN.iter().map(|(rule, _)| rule).collect();
        for rule in rules::all().filter(|rule| rule.in_scope()) {
            let (broken, excused) = (broken.contains(&rule.key), excused.contains(&rule.key));
            assert!(broken != excused, "{}: {broken}, {excused}", rule.id);
        }
        assert_eq!(excused.len(), UNBROKEN.len());
        for (rule, why) in UNBROKEN {
            assert!(rule.rule().in_scope() && why.ends_with('.'), "{rule}");
        }
    }

    #[test]
    fn each_changes_the_newest_windows() {
        for mutant in Mutant::all() {
            assert_ne!(
                Semantics::WINDOWS.with(mutant),
                Semantics::WINDOWS,
                "{mutant:?}"
            );
        }
    }

    #[test]
    fn a_kernel_is_written_as_it_is_read() {
        let text = "wine-8,no-limit,fifo-waiters";
        let kernel: Kernel = text.parse().expect("a profile and two mutants");
        assert_eq!(kernel.to_string(), text);
        assert_eq!(
            kernel.mutants.iter().collect::<Vec<_>>().len(),
            kernel.mutants.len()
        );
        let unknown = |text: &str| text.parse::<Kernel>().expect_err("unknown").to_string();
        assert_eq!(unknown("os/2"), "there is no profile \"os/2\"");
        assert_eq!(unknown("wine-8,"), "there is no mutant \"\"");
    }

    #[test]
    fn mutants_are_a_set() {
        let set = |mutants: &[Mutant]| mutants.iter().copied().collect::<Mutants>();
        let last = Mutant::all().last().expect("there are mutants");
        let (a, b) = (Mutant::NoLimit, Mutant::FifoWaiters);
        let [one, two] = [set(&[a, last]), set(&[b, last])];
        assert_eq!(one.union(two), set(&[a, b, last]));
        assert_eq!(one.difference(two), set(&[a, b]));
        assert_eq!(one.difference(one), Mutants::NONE);
        for (these, those, intersect, within) in [
            (one, two, true, false),
            (set(&[a]), two, false, false),
            (set(&[a]), one, true, true),
            (one, set(&[a]), true, false),
            (one, one, true, true),
            (Mutants::NONE, one, false, true),
            (one, Mutants::NONE, false, false),
        ] {
            assert_eq!(these.intersects(those), intersect, "{these:?} {those:?}");
            assert_eq!(these.is_subset(those), within, "{these:?} {those:?}");
        }
        assert!(Mutants::NONE.is_empty());
        assert!(!one.is_empty());
        assert_eq!(format!("{one:?}"), format!("{{{a:?}, {last:?}}}"));
        let all: Mutants = Mutant::all().collect();
        assert_eq!(all.len(), Mutant::COUNT);
    }

    #[test]
    fn a_kernel_is_its_profile_and_what_is_broken_of_it() {
        let kernel = Kernel::from(Profile::WINE_8);
        assert_eq!(kernel.semantics(), Profile::WINE_8.semantics);
        let broken = kernel.with(Mutant::PosterJoins);
        assert_eq!(broken.profile, Profile::WINE_8);
        assert!(broken.semantics().mutants.contains(Mutant::PosterJoins));
    }

    #[test]
    fn what_nobody_can_tell_says_why() {
        assert_eq!(Mutant::NoLimit.unobservable(), None);
        let reasons = Mutant::all().filter_map(Mutant::unobservable);
        assert!(reasons.clone().count() > 0);
        for why in reasons {
            assert!(
                why.len() > 1 && why.ends_with('.') && why.contains(' '),
                "{why}"
            );
        }
    }
}
