//! Every wait that is not a dequeue, the APCs and suspensions that interrupt waits, and the end of
//! a thread.
//!
//! To the kernel queue all of it is one of two things: a member blocks (T8) or becomes ready (T9).

use crate::{
    Api, Call, DequeuePhase, Event, Frame, Insert, Kind, Mutant, NtStatus, ObjectId, Observer,
    Outcome, PortId, Returned, System, Target, ThreadId, ThreadState, Timeout, Value, Wait,
    WaitPhase,
    object::Satisfied,
    profile::{DirectWait, Suspend, SuspendedWaiter},
    rules,
    system::UserApc,
};
use smallvec::SmallVec;

impl System {
    /// A wait, from its call to its outcome or its block.
    pub(crate) fn wait<O: Observer>(&mut self, thread: ThreadId, wait: Wait, o: &mut O) -> Outcome {
        self.threads[thread.index()].stale_wait_reason = false;
        if let Target::Port(port) = wait.target
            && self.threads[thread.index()].port != Some(port)
            && self.is_broken(Mutant::DirectWaitJoins, o)
        {
            self.join(thread, port, o);
        }
        match self.look(thread, &wait, o) {
            Some(phase) => {
                // The thread never blocked: nothing is counted (CONC-07).
                o.rule(rules::CONC_07);
                let mutant = match phase {
                    WaitPhase::TimedOut => Mutant::YieldFreesTheSlot,
                    _ => Mutant::SatisfiedWaitFreesTheSlot,
                };
                if self.could_hand_off(thread) && self.is_broken(mutant, o) {
                    self.stop_counting(thread, o);
                    self.count(thread);
                }
                self.wait_result(thread, wait.api, phase, o)
            }
            None => {
                self.block(thread, wait, o);
                Outcome::Blocked
            }
        }
    }

    /// Can the wait end now? The object first, then a user APC, then the time.
    fn look<O: Observer>(&mut self, thread: ThreadId, wait: &Wait, o: &mut O) -> Option<WaitPhase> {
        if let Some(satisfied) = self.try_satisfy(thread, wait.target, o) {
            return Some(match satisfied {
                Satisfied::Plainly => WaitPhase::Signaled,
                Satisfied::AbandonedMutex => WaitPhase::AbandonedMutex,
            });
        }
        if wait.alertable && self.has_user_apc(thread) {
            o.rule(rules::APC_10);
            if wait.timeout != Timeout::Zero || !self.is_broken(Mutant::YieldRunsNoApc, o) {
                return Some(WaitPhase::Alerted);
            }
        }
        (wait.timeout == Timeout::Zero || wait.due).then_some(WaitPhase::TimedOut)
    }

    fn try_satisfy<O: Observer>(
        &mut self,
        thread: ThreadId,
        target: Target,
        o: &mut O,
    ) -> Option<Satisfied> {
        let signaled = match target {
            Target::Time | Target::Outside => false,
            Target::Port(port) => self.shows_signaled(port, o),
            Target::File(file) => self.files[file.index()].signaled,
            Target::Thread(other) => self.threads[other.index()].state == ThreadState::Terminated,
            Target::Object(object) => return self.objects[object.index()].try_satisfy(thread),
        };
        signaled.then_some(Satisfied::Plainly)
    }

    /// Is a port's handle signaled to a waiter? The wait takes no packet (PORT-17).
    fn shows_signaled<O: Observer>(&mut self, port: PortId, o: &mut O) -> bool {
        if !self.ports[port.index()].is_signaled() {
            return self.is_broken(Mutant::EmptyPortIsSignaled, o);
        }
        o.rule(rules::PORT_17);
        if self.is_broken(Mutant::PortIsNeverSignaled, o) {
            return false;
        }
        if !self.ports[port.index()].queue.is_empty() && self.is_broken(Mutant::WaitTakesAPacket, o)
        {
            self.discard_first(port, o);
        }
        true
    }

    /// Blocks a running thread in a wait.
    fn block<O: Observer>(&mut self, thread: ThreadId, mut wait: Wait, o: &mut O) {
        if self.threads[thread.index()].suspend_pending {
            wait.phase = WaitPhase::Interrupted;
            self.threads[thread.index()].frame = Frame::Wait(wait);
            self.run_suspension(thread, o);
            return;
        }
        wait.phase = WaitPhase::Blocked;
        let caller = &mut self.threads[thread.index()];
        caller.frame = Frame::Wait(wait);
        caller.state = ThreadState::Waiting;
        if let Some(list) = self.wait_list(wait.target) {
            list.push(thread);
        }
        if let Target::Port(_) = wait.target {
            o.mutant(Mutant::DirectWaitersStandInLine);
            o.rule(rules::CONC_14);
            o.rule(rules::WAIT_07);
        }
        if wait.target == Target::Outside {
            o.rule(rules::CONC_12);
        }
        o.event(Event::Blocked(thread));
        if self.threads[thread.index()].port.is_none() {
            return;
        }
        let keeps_its_slot = match wait.target {
            Target::Time => self.is_broken(Mutant::SleepKeepsTheSlot, o),
            Target::Outside => self.is_broken(Mutant::IoKeepsTheSlot, o),
            Target::Port(_) => self.is_broken(Mutant::DirectWaitKeepsTheSlot, o),
            _ => false,
        };
        if !keeps_its_slot {
            self.stop_counting(thread, o);
        }
        if self.is_broken(Mutant::BlockEndsMembership, o) {
            self.dissociate(thread, o);
        }
    }

    /// Where waiters for `target` stand in line, if its line is kept.
    fn wait_list(&mut self, target: Target) -> Option<&mut std::vec::Vec<ThreadId>> {
        match target {
            Target::Port(port) if self.semantics.direct_wait == DirectWait::SharedLine => {
                Some(&mut self.ports[port.index()].waiters)
            }
            Target::Port(port) => Some(&mut self.ports[port.index()].direct),
            Target::Object(object) => Some(&mut self.objects[object.index()].waiters),
            Target::Time | Target::Outside | Target::File(_) | Target::Thread(_) => None,
        }
    }

    /// Ends the blocking of a thread that no list holds any more. One that is suspended finds out
    /// when it is resumed.
    pub(crate) fn end_wait<O: Observer>(&mut self, thread: ThreadId, phase: WaitPhase, o: &mut O) {
        let waiter = &mut self.threads[thread.index()];
        if let Frame::Wait(wait) = &mut waiter.frame {
            wait.phase = phase;
        }
        if waiter.state == ThreadState::Suspended {
            return;
        }
        o.rule(rules::THR_11);
        o.event(Event::Unblocked(thread));
        self.make_ready(thread, o);
        let is_member = self.threads[thread.index()].port.is_some();
        if is_member
            && (self.is_broken(Mutant::WokenDoesNotCount, o) || self.counts_later(thread, o))
        {
            self.discount(thread);
        }
    }

    /// Takes a blocked thread out of the list of its wait and ends its blocking.
    fn leave_wait<O: Observer>(&mut self, thread: ThreadId, phase: WaitPhase, o: &mut O) {
        if let Frame::Wait(wait) = self.threads[thread.index()].frame
            && let Some(list) = self.wait_list(wait.target)
        {
            list.retain(|&waiter| waiter != thread);
        }
        self.end_wait(thread, phase, o);
    }

    /// A wait that was blocked goes on.
    pub(crate) fn return_from_wait<O: Observer>(
        &mut self,
        thread: ThreadId,
        wait: Wait,
        o: &mut O,
    ) -> Outcome {
        self.count_late(thread, o);
        let phase = match wait.phase {
            WaitPhase::Interrupted => match self.look(thread, &wait, o) {
                Some(phase) => phase,
                None => {
                    self.block(thread, wait, o);
                    return Outcome::Blocked;
                }
            },
            phase => phase,
        };
        self.threads[thread.index()].frame = Frame::User;
        let outcome = self.wait_result(thread, wait.api, phase, o);
        if let Target::Port(port) = wait.target {
            self.delete_if_unreferenced(port, o);
        }
        outcome
    }

    fn wait_result<O: Observer>(
        &mut self,
        thread: ThreadId,
        api: Api,
        phase: WaitPhase,
        o: &mut O,
    ) -> Outcome {
        let status = match phase {
            WaitPhase::Signaled => NtStatus::SUCCESS,
            WaitPhase::AbandonedMutex => NtStatus::ABANDONED_WAIT_0,
            WaitPhase::Alerted => NtStatus::USER_APC,
            // A sleep is meant to time out.
            WaitPhase::TimedOut if api == Api::Sleep => NtStatus::SUCCESS,
            WaitPhase::TimedOut | WaitPhase::Blocked | WaitPhase::Interrupted => NtStatus::TIMEOUT,
        };
        let mut result = Returned::new(api, status);
        if phase == WaitPhase::Alerted {
            result.apcs = self.run_user_apcs(thread, o);
        }
        Outcome::Returned(result)
    }

    /// Releases up to `most` of the threads that wait on the port's handle, the oldest first.
    pub(crate) fn wake_direct_waiters<O: Observer>(
        &mut self,
        port: PortId,
        most: usize,
        o: &mut O,
    ) {
        let direct = &mut self.ports[port.index()].direct;
        if direct.is_empty() {
            return;
        }
        let released: SmallVec<[ThreadId; 4]> = direct.drain(..direct.len().min(most)).collect();
        for thread in released {
            o.rule(rules::KQ_22);
            self.end_wait(thread, WaitPhase::Signaled, o);
        }
    }

    /// After an object was signaled: satisfies its waiters in their order, as far as it goes.
    pub(crate) fn release_waiters<O: Observer>(&mut self, object: ObjectId, o: &mut O) {
        while let Some(&thread) = self.objects[object.index()].waiters.first() {
            let phase = match self.objects[object.index()].try_satisfy(thread) {
                Some(Satisfied::Plainly) => WaitPhase::Signaled,
                Some(Satisfied::AbandonedMutex) => WaitPhase::AbandonedMutex,
                None => break,
            };
            self.objects[object.index()].waiters.remove(0);
            self.end_wait(thread, phase, o);
        }
    }

    /// Releases the threads that wait for a target without a list of its own.
    pub(crate) fn release_all_waiting_for<O: Observer>(&mut self, target: Target, o: &mut O) {
        for thread in self.thread_ids() {
            let waits = self.threads[thread.index()].state == ThreadState::Waiting
                && matches!(self.threads[thread.index()].frame, Frame::Wait(wait) if wait.target == target);
            if waits {
                self.end_wait(thread, WaitPhase::Signaled, o);
            }
        }
    }

    /// What the thread waits for outside the model has happened.
    pub(crate) fn unblock<O: Observer>(&mut self, thread: ThreadId, o: &mut O) {
        match self.threads[thread.index()].state {
            ThreadState::Waiting => self.end_wait(thread, WaitPhase::Signaled, o),
            // Inside a suspension: it will find out when it goes on.
            _ => {
                if let Frame::Wait(wait) = &mut self.threads[thread.index()].frame {
                    wait.phase = WaitPhase::Signaled;
                }
            }
        }
    }

    /// T4 and its like: the time of the call that a thread is in has come.
    pub(crate) fn expire<O: Observer>(&mut self, thread: ThreadId, o: &mut O) {
        let blocked = self.threads[thread.index()].state == ThreadState::Waiting;
        match &mut self.threads[thread.index()].frame {
            Frame::Dequeue(dequeue) if blocked => {
                let port = dequeue.port;
                self.end_blocked_dequeue(thread, port, DequeuePhase::TimedOut, o);
            }
            Frame::Wait(_) if blocked => self.leave_wait(thread, WaitPhase::TimedOut, o),
            // Its wait was interrupted: the due time stands, and it sees it when it goes on.
            Frame::Dequeue(dequeue) => {
                if let DequeuePhase::Granted(packet) = dequeue.phase {
                    // Only if the grant left the timer running.
                    dequeue.phase = DequeuePhase::TimedOut;
                    let port = dequeue.port;
                    return self.discard(port, &packet, false, o);
                }
                o.rule(rules::KQ_13);
                dequeue.due = true;
            }
            Frame::Wait(wait) => wait.due = true,
            Frame::User => {}
        }
    }

    /// Is a user APC pending for the thread?
    pub(crate) fn has_user_apc(&self, thread: ThreadId) -> bool {
        self.apcs.iter().any(|apc| apc.thread == thread)
    }

    /// Runs all user APCs of the thread, in the order in which they were queued (APC-11).
    pub(crate) fn run_user_apcs<O: Observer>(
        &mut self,
        thread: ThreadId,
        o: &mut O,
    ) -> SmallVec<[u32; 2]> {
        o.rule(rules::APC_11);
        let mut run: SmallVec<[u32; 2]> = self.user_apcs(thread).collect();
        if run.len() > 1 && self.is_broken(Mutant::OneApcAWait, o) {
            run.truncate(1);
            if let Some(first) = self.apcs.iter().position(|apc| apc.thread == thread) {
                self.apcs.remove(first);
            }
            return run;
        }
        self.apcs.retain(|apc| apc.thread != thread);
        if run.len() > 1 && self.is_broken(Mutant::ApcsNewestFirst, o) {
            run.reverse();
        }
        run
    }

    /// Queues a user APC, which ends the wait of a thread blocked alertably (T5); any other thread
    /// keeps it until its next alertable wait (APC-04, WAIT-08).
    pub(crate) fn queue_user_apc<O: Observer>(
        &mut self,
        thread: ThreadId,
        apc: u32,
        o: &mut O,
    ) -> NtStatus {
        if self.threads[thread.index()].state == ThreadState::Terminated {
            o.rule(rules::APC_12);
            return NtStatus::UNSUCCESSFUL;
        }
        self.apcs.push(UserApc { thread, apc });
        if self.threads[thread.index()].state == ThreadState::Waiting {
            match self.threads[thread.index()].frame {
                Frame::Dequeue(dequeue) => {
                    let ends = if dequeue.alertable {
                        !self.is_broken(Mutant::ApcEndsNoDequeue, o)
                    } else {
                        o.rule(rules::WAIT_08);
                        o.rule(rules::APC_04);
                        o.rule(rules::KQ_17);
                        self.is_broken(Mutant::ApcEndsAnyDequeue, o)
                    };
                    if ends {
                        let phase = if self.retries(o) {
                            DequeuePhase::Interrupted
                        } else {
                            DequeuePhase::Alerted
                        };
                        self.end_blocked_dequeue(thread, dequeue.port, phase, o);
                    }
                }
                Frame::Wait(wait) => {
                    let ends = if wait.alertable {
                        o.rule(rules::APC_09);
                        !self.is_broken(Mutant::ApcEndsNoWait, o)
                    } else {
                        self.is_broken(Mutant::ApcEndsAnyWait, o)
                    };
                    if ends {
                        self.leave_wait(thread, WaitPhase::Alerted, o);
                    }
                }
                Frame::User => {}
            }
        }
        NtStatus::SUCCESS
    }

    /// Another thread than this that a user APC would wake.
    pub(crate) fn waits_alertably_beside(&self, thread: ThreadId) -> Option<ThreadId> {
        self.thread_ids().find(|&other| {
            let object = &self.threads[other.index()];
            other != thread
                && object.state == ThreadState::Waiting
                && matches!(object.frame, Frame::Wait(wait) if wait.alertable)
        })
    }

    /// A kernel APC runs in a blocked thread, wherever it is blocked.
    pub(crate) fn kernel_apc<O: Observer>(
        &mut self,
        thread: ThreadId,
        inserts: [Option<Insert>; 2],
        o: &mut O,
    ) -> Outcome {
        match self.threads[thread.index()].frame {
            Frame::Dequeue(dequeue) => self.kernel_apc_in_dequeue(thread, dequeue.port, inserts, o),
            Frame::Wait(_) => {
                self.leave_wait(thread, WaitPhase::Interrupted, o);
                for insert in inserts.into_iter().flatten() {
                    self.insert(insert, Some(thread), true, o);
                }
                match self.threads[thread.index()].frame {
                    Frame::Wait(wait) => self.return_from_wait(thread, wait, o),
                    _ => Outcome::Done,
                }
            }
            Frame::User => Outcome::Done,
        }
    }

    /// `SuspendThread`: returns the previous count. A blocked thread is interrupted at once; a
    /// running one stops when the suspension APC runs in it, which may be a step of its own
    /// (CONC-11).
    pub(crate) fn suspend<O: Observer>(
        &mut self,
        thread: ThreadId,
        o: &mut O,
    ) -> Result<u32, NtStatus> {
        let target = &mut self.threads[thread.index()];
        if target.state == ThreadState::Terminated {
            return Err(NtStatus::THREAD_IS_TERMINATING);
        }
        let previous = target.suspend_count;
        if previous == i8::MAX as u8 {
            return Err(NtStatus::SUSPEND_COUNT_EXCEEDED);
        }
        target.suspend_count += 1;
        if previous > 0 {
            return Ok(previous.into());
        }
        o.rule(rules::CONC_11);
        match (target.state, target.frame) {
            (ThreadState::Running, _) => {
                target.suspend_pending = true;
                o.mutant(Mutant::SuspensionAtTheCall);
                if self.semantics.suspend == Suspend::Immediate {
                    self.run_suspension(thread, o);
                }
            }
            (_, frame) if self.keeps_its_place(&frame, o) => {
                self.threads[thread.index()].state = ThreadState::Suspended;
            }
            (_, Frame::Dequeue(dequeue)) => {
                o.rule(rules::KQ_12);
                self.leave_stack(thread, dequeue.port, o);
                if let Frame::Dequeue(dequeue) = &mut self.threads[thread.index()].frame {
                    dequeue.phase = DequeuePhase::Interrupted;
                }
                self.make_ready(thread, o);
                self.run_suspension(thread, o);
            }
            _ => {
                self.leave_wait(thread, WaitPhase::Interrupted, o);
                self.run_suspension(thread, o);
            }
        }
        Ok(previous.into())
    }

    /// Does a thread that is suspended in this call stay in the line in which it stands?
    fn keeps_its_place<O: Observer>(&self, frame: &Frame, o: &mut O) -> bool {
        let in_line = match frame {
            Frame::Dequeue(dequeue) => dequeue.phase == DequeuePhase::Blocked,
            Frame::Wait(wait) => {
                wait.phase == WaitPhase::Blocked && matches!(wait.target, Target::Port(_))
            }
            Frame::User => false,
        };
        in_line && {
            o.mutant(Mutant::SuspendedWaiterKeepsItsPlace);
            self.semantics.suspended_waiter == SuspendedWaiter::KeepsPlace
        }
    }

    /// A thread that kept its place while it was suspended: what it was passed over for, it gets
    /// now; if its time has come meanwhile, that; else it stays.
    fn resume_in_line<O: Observer>(&mut self, thread: ThreadId, o: &mut O) {
        self.threads[thread.index()].state = ThreadState::Waiting;
        match self.threads[thread.index()].frame {
            Frame::Dequeue(dequeue) => {
                let alerted = dequeue.alertable && self.has_user_apc(thread);
                if !self.ports[dequeue.port.index()].queue.is_empty() || alerted {
                    let phase = DequeuePhase::Interrupted;
                    self.end_blocked_dequeue(thread, dequeue.port, phase, o);
                } else if dequeue.due {
                    self.end_blocked_dequeue(thread, dequeue.port, DequeuePhase::TimedOut, o);
                }
            }
            Frame::Wait(wait) => {
                if let Target::Port(port) = wait.target
                    && self.ports[port.index()].is_signaled()
                {
                    self.leave_wait(thread, WaitPhase::Signaled, o);
                } else if wait.due {
                    self.leave_wait(thread, WaitPhase::TimedOut, o);
                }
            }
            Frame::User => {}
        }
    }

    /// The suspension APC runs in a thread that is counted: it blocks there.
    pub(crate) fn run_suspension<O: Observer>(&mut self, thread: ThreadId, o: &mut O) {
        let target = &mut self.threads[thread.index()];
        target.suspend_pending = false;
        target.state = ThreadState::Suspended;
        target.stale_wait_reason = false;
        o.event(Event::Blocked(thread));
        let is_member = self.threads[thread.index()].port.is_some();
        if !is_member || !self.is_broken(Mutant::SuspendedStillCounts, o) {
            self.stop_counting(thread, o);
        }
    }

    /// `ResumeThread`: returns the previous count.
    pub(crate) fn resume<O: Observer>(&mut self, thread: ThreadId, o: &mut O) -> u32 {
        let target = &mut self.threads[thread.index()];
        let previous = target.suspend_count;
        target.suspend_count = previous.saturating_sub(1);
        if previous == 1 {
            target.suspend_pending = false;
            let frame = target.frame;
            if target.state == ThreadState::Suspended {
                if self.keeps_its_place(&frame, o) {
                    self.resume_in_line(thread, o);
                } else {
                    o.event(Event::Unblocked(thread));
                    self.make_ready(thread, o);
                    if self.threads[thread.index()].port.is_some()
                        && self.is_broken(Mutant::ResumedDoesNotCount, o)
                    {
                        self.discount(thread);
                    }
                }
            }
        }
        previous.into()
    }

    /// T12. The thread ends, whatever it was doing. A packet that it had been handed and not seen
    /// is lost (THR-07).
    pub(crate) fn end_thread<O: Observer>(&mut self, thread: ThreadId, o: &mut O) {
        let Some(place) = self.threads.get_mut(thread.index()) else {
            return;
        };
        if place.state == ThreadState::Terminated {
            return;
        }
        o.rule(rules::THR_05);
        let (frame, member_of) = (place.frame, place.port);
        place.state = ThreadState::Terminated;
        place.frame = Frame::User;
        place.suspend_count = 0;
        place.suspend_pending = false;
        place.stale_wait_reason = false;
        match frame {
            Frame::Dequeue(dequeue) => match dequeue.phase {
                DequeuePhase::Blocked => {
                    o.rule(rules::THR_06);
                    if !self.is_broken(Mutant::KilledWaiterStays, o) {
                        self.leave_stack(thread, dequeue.port, o);
                    }
                }
                DequeuePhase::Granted(packet) => {
                    o.rule(rules::THR_07);
                    if self.is_broken(Mutant::KilledThreadGivesBack, o) {
                        self.put_back(dequeue.port, packet, o);
                    } else {
                        self.discard(dequeue.port, &packet, false, o);
                    }
                }
                _ => {}
            },
            Frame::Wait(wait) => {
                if let Some(list) = self.wait_list(wait.target) {
                    list.retain(|&waiter| waiter != thread);
                }
            }
            Frame::User => {}
        }
        self.apcs.retain(|apc| apc.thread != thread);
        self.collected.retain(|taken| taken.thread != thread);
        if let Some(port) = member_of
            && !self.is_broken(Mutant::EndedThreadKeepsItsSlot, o)
        {
            self.dissociate(thread, o);
            if self.has_both(port) && !self.is_broken(Mutant::NoHandOffOnExit, o) {
                self.hand_off(port, o);
            }
        }
        o.event(Event::Ended(thread));
        self.abandon_mutexes(thread, o);
        self.release_all_waiting_for(Target::Thread(thread), o);
        match frame {
            Frame::Dequeue(dequeue) => self.delete_if_unreferenced(dequeue.port, o),
            Frame::Wait(Wait {
                target: Target::Port(port),
                ..
            }) => self.delete_if_unreferenced(port, o),
            _ => {}
        }
    }

    fn abandon_mutexes<O: Observer>(&mut self, thread: ThreadId, o: &mut O) {
        for index in 0..self.objects.len() {
            let Some(id) = ObjectId::new(index) else {
                break;
            };
            if let Kind::Mutex {
                owner,
                recursion,
                abandoned,
            } = &mut self.objects[index].kind
                && *owner == Some(thread)
            {
                (*owner, *recursion, *abandoned) = (None, 0, true);
                self.release_waiters(id, o);
            }
        }
    }

    /// The calls about objects to wait for and about other threads.
    pub(crate) fn thread_call<O: Observer>(
        &mut self,
        caller: ThreadId,
        call: &Call,
        o: &mut O,
    ) -> Returned {
        let api = call.api();
        let answer = match *call {
            Call::QueueUserApc { thread, apc } => match self.queue_user_apc(thread, apc, o) {
                NtStatus::SUCCESS => Ok(Value::Nothing),
                status => Err(status),
            },
            Call::SuspendThread(thread) => {
                let previous = self.suspend(thread, o);
                if thread == caller && self.threads[caller.index()].suspend_pending {
                    // The APC of the caller's own suspension runs before the call is over.
                    self.run_suspension(caller, o);
                }
                previous.map(Value::Count)
            }
            Call::ResumeThread(thread) => Ok(Value::Count(self.resume(thread, o))),
            Call::TerminateThread(thread) => {
                self.end_thread(thread, o);
                Ok(Value::Nothing)
            }
            Call::ExitThread => {
                self.end_thread(caller, o);
                Ok(Value::Nothing)
            }
            _ => Err(NtStatus::NOT_IMPLEMENTED),
        };
        match answer {
            Ok(value) => Returned::new(api, NtStatus::SUCCESS).with(value),
            Err(status) => Returned::new(api, status),
        }
    }
}
