//! The kernel queue: who gets which packet, and when.
//!
//! This is section 2.2 of the rule book, transition by transition. A thread is *counted* when its
//! port's `active` includes it. Between the first line of a dequeue and its outcome the caller is
//! not counted; that, and nothing else, is why a running thread picks up the next packet without a
//! thread switch (CONC-02).

use crate::{
    Api, Association, Dequeue, DequeuePhase, Event, Frame, Insert, Mutant, NtStatus, ObjectId,
    Observer, Origin, Outcome, Packet, Packets, PortId, PortLife, Returned, System, ThreadId,
    ThreadState, Timeout, Value,
    object::Kind,
    profile::{BatchWake, DirectWait, HandOff, Limit, OnClose, SelfInsert, WaiterOrder},
    rules,
};

/// What a look at the queue came to.
enum Decision {
    /// These packets are the caller's, under one slot.
    Packets(Packets),
    /// A user APC comes first.
    Alerted,
    /// The time is up.
    TimedOut,
    /// The handle will not do.
    Refused(NtStatus),
    /// The caller blocks, in the queue or in a suspension that was waiting for it.
    Blocks,
}

impl System {
    /// Is a grant possible? `active < limit`, strictly: after an excess nothing is granted until
    /// the count is below the limit again (KQ-15, CONC-08).
    #[inline]
    fn has_slot<O: Observer>(&self, port: PortId, o: &mut O) -> bool {
        let port = &self.ports[port.index()];
        port.active < port.limit || {
            o.mutant(Mutant::NoLimit);
            self.semantics.limit == Limit::Ignored
        }
    }

    /// Does a packet go straight to a waiter, rather than to whoever looks at the queue first?
    #[inline]
    fn hands_over<O: Observer>(&self, port: PortId, o: &mut O) -> bool {
        o.mutant(Mutant::WakeAndRetry);
        self.semantics.hand_off == HandOff::Owned
            && (self.semantics.direct_wait != DirectWait::SharedLine
                || self.dequeuer_is_next(port, o))
    }

    /// In a line of dequeuers and direct waiters: is it a dequeuer's turn?
    fn dequeuer_is_next<O: Observer>(&self, port: PortId, o: &mut O) -> bool {
        let next = self.next_waiter(port, |_| true, o);
        next.is_some_and(|place| {
            let thread = self.ports[port.index()].waiters[place];
            matches!(self.threads[thread.index()].frame, Frame::Dequeue(_))
        })
    }

    /// The place of the waiter whose turn it is, of those that can be woken (WAIT-01).
    #[inline]
    fn next_waiter<O: Observer>(
        &self,
        port: PortId,
        can: impl Fn(&ThreadId) -> bool,
        o: &mut O,
    ) -> Option<usize> {
        let waiters = &self.ports[port.index()].waiters;
        if waiters.len() > 1 {
            o.mutant(Mutant::FifoWaiters);
        }
        match self.semantics.waiter_order {
            WaiterOrder::Lifo => waiters.iter().rposition(can),
            WaiterOrder::Fifo => waiters.iter().position(can),
        }
    }

    /// T1. Puts a packet into the queue or straight into the hands of a blocked dequeuer, and
    /// returns the depth before (KQ-05).
    ///
    /// `by` is the inserting thread, if one inserts; `inside_wait` says that it is a kernel APC
    /// that interrupted that thread's own wait.
    pub(crate) fn insert<O: Observer>(
        &mut self,
        insert: Insert,
        by: Option<ThreadId>,
        inside_wait: bool,
        o: &mut O,
    ) -> u32 {
        let Insert {
            port,
            mut packet,
            at_head,
        } = insert;
        if packet.key > u32::MAX.into() && self.is_broken(Mutant::KeysAre32Bits, o) {
            packet.key = u64::from(packet.key as u32);
        }
        o.rule(rules::KQ_19);
        let previous_depth = self.ports[port.index()].queue.len() as u32;
        o.rule(rules::KQ_05);
        let own = by.is_some_and(|by| self.leaves_to_itself(by, port, inside_wait));
        let waiters = !self.ports[port.index()].waiters.is_empty();
        let slot = waiters && self.has_slot(port, o);
        if slot && !own && self.hands_over(port, o) {
            o.rule(rules::KQ_02);
            self.grant_to_waiter(port, packet, false, o);
            if !self.ports[port.index()].direct.is_empty() {
                o.rule(rules::PORT_19);
                o.mutant(Mutant::HandOffWakesADirectWaiter);
                if self.semantics.direct_wait == DirectWait::AllAndOneOnHandOff {
                    self.wake_direct_waiters(port, 1, o);
                }
            }
        } else {
            if own {
                o.rule(rules::KQ_04);
            } else {
                o.rule(rules::KQ_03);
                if waiters && !slot {
                    o.rule(rules::CONC_19);
                }
            }
            if at_head {
                o.rule(rules::PKT_14);
            } else {
                o.rule(rules::PKT_02);
                o.rule(rules::PKT_13);
            }
            let place = self.place_in_queue(port, &packet, at_head, o);
            self.ports[port.index()].queue.insert(place, packet);
            o.event(Event::Queued {
                port,
                packet,
                at_head,
            });
            if self.semantics.direct_wait == DirectWait::SharedLine {
                self.wake_next_in_line(port, o);
            } else {
                o.rule(rules::PORT_18);
                let several = self.ports[port.index()].direct.len() > 1;
                let one = several && self.is_broken(Mutant::PostWakesOneDirectWaiter, o);
                self.wake_direct_waiters(port, if one { 1 } else { usize::MAX }, o);
            }
        }
        previous_depth
    }

    /// Where in the queue a packet belongs: behind all others (PKT-02, PKT-13), or in front of them.
    #[inline]
    fn place_in_queue<O: Observer>(
        &self,
        port: PortId,
        packet: &Packet,
        at_head: bool,
        o: &mut O,
    ) -> usize {
        let queue = &self.ports[port.index()].queue;
        let Some(last) = queue.back() else { return 0 };
        if at_head {
            return match self.is_broken(Mutant::HeadInsertJoinsTheTail, o) {
                true => queue.len(),
                false => 0,
            };
        }
        if self.is_broken(Mutant::NewestPacketFirst, o) {
            return 0;
        }
        let of_request = |packet: &Packet| packet.origin == Origin::Request;
        let jumps = match (of_request(last), of_request(packet)) {
            (true, false) => self.is_broken(Mutant::PostsFirst, o),
            (false, true) => self.is_broken(Mutant::CompletionsFirst, o),
            _ => false,
        };
        if jumps {
            let other = |queued| of_request(queued) != of_request(packet);
            return queue.iter().position(other).unwrap_or(queue.len());
        }
        queue.len()
    }

    /// Does the kernel leave the packet for the inserting thread itself?
    fn leaves_to_itself(&self, by: ThreadId, port: PortId, inside_wait: bool) -> bool {
        let thread = &self.threads[by.index()];
        let in_its_dequeue = inside_wait && matches!(thread.frame, Frame::Dequeue(_));
        let stale =
            self.semantics.self_insert == SelfInsert::StaleWaitReason && thread.stale_wait_reason;
        thread.port == Some(port) && (in_its_dequeue || stale)
    }

    /// The hand-off: a slot, a packet and a blocked dequeuer make a grant. At most one (CONC-04).
    pub(crate) fn hand_off<O: Observer>(&mut self, port: PortId, o: &mut O) {
        let object = &self.ports[port.index()];
        if object.waiters.is_empty() || object.queue.is_empty() || !self.hands_over(port, o) {
            return;
        }
        if !self.has_slot(port, o) {
            o.rule(rules::KQ_15);
            return;
        }
        if let Some(packet) = self.ports[port.index()].queue.pop_front() {
            o.rule(rules::CONC_04);
            o.rule(rules::CONC_17);
            o.rule(rules::KQ_14);
            self.grant_to_waiter(port, packet, true, o);
        }
    }

    /// Gives a packet to the blocked dequeuer whose turn it is. It is that thread's from now on
    /// (WAIT-03), its timer means nothing any more (WAIT-04), and it counts although it has not
    /// run yet (CONC-06).
    fn grant_to_waiter<O: Observer>(
        &mut self,
        port: PortId,
        packet: Packet,
        from_queue: bool,
        o: &mut O,
    ) {
        let waiters = &mut self.ports[port.index()].waiters;
        if waiters.len() > 1 {
            o.mutant(Mutant::FifoWaiters);
        }
        let thread = match self.semantics.waiter_order {
            WaiterOrder::Lifo => waiters.pop(),
            WaiterOrder::Fifo => (!waiters.is_empty()).then(|| waiters.remove(0)),
        };
        let others_stay = !waiters.is_empty();
        let Some(thread) = thread else { return };
        o.rule(rules::WAIT_01);
        o.rule(rules::WAIT_03);
        o.rule(rules::WAIT_04);
        o.rule(rules::KQ_06);
        if others_stay {
            o.rule(rules::WAIT_06);
            o.rule(rules::KQ_21);
        }
        o.event(Event::HandedOff {
            port,
            thread,
            packet,
            from_queue,
        });
        self.end_dequeue(thread, DequeuePhase::Granted(packet), o);
    }

    /// Wakes whoever's turn it is, and is not suspended, in a line that dequeuers and direct waiters
    /// share: a direct waiter is satisfied, a dequeuer looks again if it is not handed packets.
    fn wake_next_in_line<O: Observer>(&mut self, port: PortId, o: &mut O) {
        let threads = &self.threads;
        let awake = |thread: &ThreadId| threads[thread.index()].state == ThreadState::Waiting;
        let Some(place) = self.next_waiter(port, awake, o) else {
            return;
        };
        let thread = self.ports[port.index()].waiters[place];
        match self.threads[thread.index()].frame {
            Frame::Wait(_) => {
                self.ports[port.index()].waiters.remove(place);
                self.end_wait(thread, crate::WaitPhase::Signaled, o);
            }
            _ if self.semantics.hand_off == HandOff::WakeAndRetry => {
                self.ports[port.index()].waiters.remove(place);
                o.event(Event::WaiterLeft(thread, port));
                self.end_dequeue(thread, DequeuePhase::Interrupted, o);
            }
            _ => {}
        }
    }

    /// Ends the blocking of a dequeuer that is off the stack already: it runs, and counts, without
    /// a look at the limit (CONC-05).
    fn end_dequeue<O: Observer>(&mut self, thread: ThreadId, phase: DequeuePhase, o: &mut O) {
        if let Frame::Dequeue(dequeue) = &mut self.threads[thread.index()].frame {
            dequeue.phase = phase;
        }
        self.make_ready(thread, o);
        let forgotten = match phase {
            DequeuePhase::Granted(_) => self.is_broken(Mutant::GrantDoesNotCount, o),
            DequeuePhase::TimedOut | DequeuePhase::Alerted => {
                self.is_broken(Mutant::TimeoutUncounted, o)
            }
            _ => false,
        };
        if forgotten {
            self.discount(thread);
        }
    }

    /// T9. The thread is not blocked any more: it counts for its port, limit or not (CONC-05).
    #[inline]
    pub(crate) fn make_ready<O: Observer>(&mut self, thread: ThreadId, o: &mut O) {
        self.threads[thread.index()].state = ThreadState::Running;
        if self.threads[thread.index()].port.is_some() {
            o.rule(rules::CONC_05);
            o.rule(rules::CONC_06);
            o.rule(rules::CONC_09);
            self.count(thread);
        }
    }

    /// The thread counts as active for its port, if it has one.
    #[inline]
    pub(crate) fn count(&mut self, thread: ThreadId) {
        let thread = &mut self.threads[thread.index()];
        if let (false, Some(port)) = (thread.counted, thread.port) {
            thread.counted = true;
            self.ports[port.index()].active += 1;
        }
    }

    /// The thread counts no longer.
    #[inline]
    pub(crate) fn discount(&mut self, thread: ThreadId) {
        let thread = &mut self.threads[thread.index()];
        if let (true, Some(port)) = (thread.counted, thread.port) {
            thread.counted = false;
            self.ports[port.index()].active -= 1;
        }
    }

    /// T8. The thread really blocks: it counts no longer, and its slot may go to a waiter.
    #[inline]
    pub(crate) fn stop_counting<O: Observer>(&mut self, thread: ThreadId, o: &mut O) {
        if let Some(port) = self.threads[thread.index()].port {
            o.rule(rules::CONC_01);
            o.rule(rules::CONC_03);
            self.discount(thread);
            let object = &self.ports[port.index()];
            let could = !object.waiters.is_empty() && !object.queue.is_empty();
            if could && !self.is_broken(Mutant::NoHandOffOnBlock, o) {
                self.hand_off(port, o);
            }
        }
    }

    /// T2. A dequeue, from its entry to its outcome or its block.
    pub(crate) fn dequeue<O: Observer>(
        &mut self,
        thread: ThreadId,
        mut dequeue: Dequeue,
        o: &mut O,
    ) -> Outcome {
        let port = dequeue.port;
        let api = dequeue.api;
        if self.ports[port.index()].life == PortLife::Abandoned {
            o.rule(rules::CLOSE_06);
            o.rule(rules::KQ_16);
            return self.dequeue_result(thread, api, NtStatus::ABANDONED_WAIT_0, o);
        }
        let associated = self.threads[thread.index()].port == Some(port);
        if dequeue.alertable
            && !associated
            && self.semantics.apc_before_association
            && self.has_user_apc(thread)
        {
            o.rule(rules::APC_01);
            o.rule(rules::THR_09);
            return self.dequeue_result(thread, api, NtStatus::USER_APC, o);
        }
        self.threads[thread.index()].stale_wait_reason =
            self.semantics.self_insert == SelfInsert::StaleWaitReason;
        self.enter_queue(thread, port, o);
        match self.decide(thread, &mut dequeue, o) {
            Decision::Packets(packets) => Outcome::Returned(self.taken(api, packets, o)),
            Decision::Alerted => self.dequeue_result(thread, api, NtStatus::USER_APC, o),
            Decision::TimedOut => self.dequeue_result(thread, api, NtStatus::TIMEOUT, o),
            Decision::Refused(status) => Outcome::Returned(Returned::new(api, status)),
            Decision::Blocks => Outcome::Blocked,
        }
    }

    /// The caller becomes a member of this port, and is not counted until the outcome is known.
    pub(crate) fn enter_queue<O: Observer>(&mut self, thread: ThreadId, port: PortId, o: &mut O) {
        o.rule(rules::KQ_07);
        let old = self.threads[thread.index()].port;
        if old == Some(port) {
            o.rule(rules::CONC_02);
            self.discount(thread);
            return;
        }
        if let Some(old) = old {
            o.rule(rules::THR_03);
            o.rule(rules::CONC_13);
            self.discount(thread);
            self.threads[thread.index()].port = None;
            o.event(Event::Dissociated(thread, old));
            self.hand_off(old, o);
        }
        o.rule(rules::THR_01);
        o.rule(rules::THR_02);
        self.threads[thread.index()].port = Some(port);
        o.event(Event::Associated(thread, port));
    }

    /// T3. The look at the queue, in the order of KQ-10: packet, kernel APC, user APC, time, block.
    /// The caller is not counted when it begins and is, unless it blocks, when it ends.
    fn decide<O: Observer>(
        &mut self,
        thread: ThreadId,
        dequeue: &mut Dequeue,
        o: &mut O,
    ) -> Decision {
        let port = dequeue.port;
        o.rule(rules::KQ_10);
        if !self.ports[port.index()].queue.is_empty() {
            if self.has_slot(port, o)
                || dequeue.max > 1 && self.is_broken(Mutant::BatchIgnoresLimit, o)
            {
                o.rule(rules::KQ_08);
                if dequeue.max > 1 {
                    o.rule(rules::KQ_18);
                    o.rule(rules::GQX_01);
                    o.rule(rules::GQX_05);
                }
                if dequeue.alertable && self.has_user_apc(thread) {
                    o.rule(rules::APC_02);
                }
                if !self.ports[port.index()].waiters.is_empty() {
                    o.rule(rules::CONC_16);
                }
                let most = self.most_at_once(port, dequeue.max, o);
                self.count(thread);
                let packets = self.take(thread, port, most, o);
                return Decision::Packets(packets);
            }
            o.rule(rules::KQ_09);
            o.rule(rules::CONC_08);
            if dequeue.max > 1 {
                o.rule(rules::GQX_09);
            }
        }
        if self.semantics.hand_off == HandOff::WakeAndRetry
            && let Err(status) = self.can_wait_on(thread, dequeue.handle)
        {
            self.count(thread);
            return Decision::Refused(status);
        }
        if self.threads[thread.index()].suspend_pending {
            dequeue.phase = DequeuePhase::Interrupted;
            self.threads[thread.index()].frame = Frame::Dequeue(*dequeue);
            self.count(thread);
            self.run_suspension(thread, o);
            return Decision::Blocks;
        }
        let ended = if dequeue.alertable && self.has_user_apc(thread) {
            o.rule(rules::APC_03);
            o.rule(rules::APC_07);
            Some(Decision::Alerted)
        } else if dequeue.timeout == Timeout::Zero || dequeue.due {
            o.rule(rules::TMO_01);
            Some(Decision::TimedOut)
        } else {
            None
        };
        if let Some(ended) = ended {
            o.rule(rules::CONC_20);
            self.count(thread);
            return ended;
        }
        o.rule(rules::KQ_11);
        o.rule(rules::WAIT_02);
        o.rule(rules::CONC_15);
        dequeue.phase = DequeuePhase::Blocked;
        let caller = &mut self.threads[thread.index()];
        caller.frame = Frame::Dequeue(*dequeue);
        caller.state = ThreadState::Waiting;
        caller.stale_wait_reason = false;
        self.ports[port.index()].waiters.push(thread);
        o.event(Event::WaiterPushed(thread, port));
        Decision::Blocks
    }

    /// How many packets a dequeue of up to `max` takes at most: a batch takes as many under one slot
    /// (GQX-09).
    #[inline]
    fn most_at_once<O: Observer>(&self, port: PortId, max: u16, o: &mut O) -> u16 {
        let port = &self.ports[port.index()];
        let batch = port.queue.len().min(max.into());
        if batch > 1 && self.is_broken(Mutant::BatchTakesOne, o) {
            return 1;
        }
        let free = port.limit.saturating_sub(port.active).max(1);
        if batch > free as usize && self.is_broken(Mutant::BatchTakesASlotEach, o) {
            return free as u16;
        }
        max
    }

    /// Takes up to `max` packets from the queue's head for a thread that is counted.
    fn take<O: Observer>(
        &mut self,
        thread: ThreadId,
        port: PortId,
        max: u16,
        o: &mut O,
    ) -> Packets {
        let mut packets = Packets::new();
        while packets.len() < usize::from(max) {
            let Some(packet) = self.ports[port.index()].queue.pop_front() else {
                break;
            };
            o.event(Event::Taken {
                port,
                thread,
                packet,
            });
            self.give_back_reserve(&packet, o);
            packets.push(packet);
        }
        if packets.len() > 1 && self.is_broken(Mutant::BatchNewestFirst, o) {
            packets.reverse();
        }
        packets
    }

    /// A dequeue returns without a packet: what it says, and the APCs that run on the way.
    fn dequeue_result<O: Observer>(
        &mut self,
        thread: ThreadId,
        api: Api,
        status: NtStatus,
        o: &mut O,
    ) -> Outcome {
        let mut result = Returned::new(api, status);
        match status {
            NtStatus::USER_APC => {
                result.apcs = self.run_user_apcs(thread, o);
                if self.semantics.apc_returns_true {
                    o.rule(rules::APC_05);
                    result.tell_true();
                }
            }
            NtStatus::TIMEOUT => o.rule(match api {
                Api::NtRemoveIoCompletion | Api::NtRemoveIoCompletionEx => rules::TMO_04,
                _ => rules::TMO_02,
            }),
            _ => {
                o.rule(rules::GQ_09);
                if self.is_broken(Mutant::AbandonedIsABadHandle, o) {
                    result.status = NtStatus::INVALID_HANDLE;
                }
            }
        }
        if matches!(
            api,
            Api::GetQueuedCompletionStatusEx | Api::NtRemoveIoCompletionEx
        ) {
            if (api, status) == (Api::GetQueuedCompletionStatusEx, NtStatus::TIMEOUT)
                && self.is_broken(Mutant::BatchTimeoutSaysTrue, o)
            {
                result.tell_true();
            }
            o.rule(rules::GQX_06);
            o.rule(rules::TMO_03);
            result.value = Value::Count(self.semantics.removed_on_timeout.into());
        } else {
            o.rule(rules::GQ_03);
            if api == Api::GetQueuedCompletionStatus
                && self.is_broken(Mutant::EmptyDequeueWritesZeros, o)
            {
                result.tell_false(result.status.to_win32());
                result.packets.push(Packet::default());
            }
        }
        Outcome::Returned(result)
    }

    /// The most packets that `thread` can collect beyond the one it was handed, if it is a batch
    /// dequeuer that returns now (GQX-07).
    pub fn most_more(&self, thread: ThreadId) -> u16 {
        match self.threads[thread.index()].frame {
            Frame::Dequeue(Dequeue {
                port,
                max,
                phase: DequeuePhase::Granted(_),
                ..
            }) if self.semantics.batch_wake == BatchWake::UpToMaximum => {
                let queued = self.ports[port.index()].queue.len();
                u16::try_from(queued).unwrap_or(u16::MAX).min(max - 1)
            }
            _ => 0,
        }
    }

    /// T7. A dequeuer that was blocked goes on.
    pub(crate) fn return_from_dequeue<O: Observer>(
        &mut self,
        thread: ThreadId,
        mut dequeue: Dequeue,
        more: u16,
        o: &mut O,
    ) -> Outcome {
        let (port, api) = (dequeue.port, dequeue.api);
        let status = match dequeue.phase {
            // It was handed over then and is seen now: another may have seen a younger one since.
            DequeuePhase::Granted(packet) => {
                o.rule(rules::PKT_03);
                self.threads[thread.index()].frame = Frame::User;
                self.give_back_reserve(&packet, o);
                let mut packets = Packets::from_buf([packet]);
                o.mutant(Mutant::WokenBatchTakesOne);
                if more > 0 {
                    o.rule(rules::GQX_07);
                    let rest = self.take(thread, port, more, o);
                    packets.extend(rest);
                    if self.is_broken(Mutant::WokenBatchPutsItsPacketLast, o) {
                        packets.rotate_left(1);
                    }
                }
                self.delete_if_unreferenced(port, o);
                return Outcome::Returned(self.taken(api, packets, o));
            }
            DequeuePhase::Interrupted
                if self.ports[port.index()].life == PortLife::Open
                    || self.is_broken(Mutant::InterruptedDequeueStays, o) =>
            {
                if self.semantics.hand_off == HandOff::WakeAndRetry
                    && let Err(status) = self.still_refers(thread, dequeue.handle, port)
                {
                    self.threads[thread.index()].frame = Frame::User;
                    self.delete_if_unreferenced(port, o);
                    return Outcome::Returned(Returned::new(api, status));
                }
                self.enter_queue(thread, port, o);
                match self.decide(thread, &mut dequeue, o) {
                    Decision::Packets(packets) => {
                        self.threads[thread.index()].frame = Frame::User;
                        self.delete_if_unreferenced(port, o);
                        return Outcome::Returned(self.taken(api, packets, o));
                    }
                    Decision::Alerted => NtStatus::USER_APC,
                    Decision::TimedOut => {
                        o.rule(rules::KQ_13);
                        NtStatus::TIMEOUT
                    }
                    Decision::Refused(status) => status,
                    Decision::Blocks => return Outcome::Blocked,
                }
            }
            DequeuePhase::TimedOut => NtStatus::TIMEOUT,
            DequeuePhase::Alerted => NtStatus::USER_APC,
            DequeuePhase::Interrupted => {
                o.rule(rules::CLOSE_06);
                o.rule(rules::KQ_16);
                NtStatus::ABANDONED_WAIT_0
            }
            DequeuePhase::Abandoned | DequeuePhase::Blocked => NtStatus::ABANDONED_WAIT_0,
        };
        self.threads[thread.index()].frame = Frame::User;
        let outcome = self.dequeue_result(thread, api, status, o);
        self.delete_if_unreferenced(port, o);
        outcome
    }

    /// T4, T5. Time or a user APC ends the wait of a blocked dequeuer. A packet that comes now
    /// goes to another (WAIT-05).
    pub(crate) fn end_blocked_dequeue<O: Observer>(
        &mut self,
        thread: ThreadId,
        port: PortId,
        phase: DequeuePhase,
        o: &mut O,
    ) {
        match phase {
            DequeuePhase::TimedOut => o.rule(rules::WAIT_05),
            DequeuePhase::Alerted => o.rule(rules::WAIT_09),
            _ => {}
        }
        self.leave_stack(thread, port, o);
        self.end_dequeue(thread, phase, o);
    }

    /// Takes a blocked dequeuer off the stack, wherever in it it is.
    pub(crate) fn leave_stack<O: Observer>(&mut self, thread: ThreadId, port: PortId, o: &mut O) {
        self.ports[port.index()]
            .waiters
            .retain(|&waiter| waiter != thread);
        o.event(Event::WaiterLeft(thread, port));
    }

    /// T6. A kernel APC interrupts a blocked dequeuer, which then looks again; if it blocks again,
    /// it is the one that blocked last (KQ-12).
    pub(crate) fn kernel_apc_in_dequeue<O: Observer>(
        &mut self,
        thread: ThreadId,
        port: PortId,
        inserts: [Option<Insert>; 2],
        o: &mut O,
    ) -> Outcome {
        o.rule(rules::KQ_12);
        self.leave_stack(thread, port, o);
        self.end_dequeue(thread, DequeuePhase::Interrupted, o);
        for insert in inserts.into_iter().flatten() {
            self.insert(insert, Some(thread), true, o);
        }
        match self.threads[thread.index()].frame {
            Frame::Dequeue(dequeue) => self.return_from_dequeue(thread, dequeue, 0, o),
            _ => Outcome::Done,
        }
    }

    /// T13, first half. The last handle of a port is gone.
    pub(crate) fn last_handle_closed<O: Observer>(&mut self, port: PortId, o: &mut O) {
        o.mutant(Mutant::KeepWaitingOnClose);
        match self.semantics.on_close {
            OnClose::Abandon => {
                o.rule(rules::CLOSE_05);
                self.abandon(port, o);
            }
            OnClose::KeepWaiting => o.rule(rules::GQ_10),
        }
        if self.ports[port.index()].files > 0 {
            o.rule(rules::CLOSE_08);
            if self.is_broken(Mutant::PortCloseEndsAssociations, o) {
                self.end_associations(port);
            }
        }
        self.delete_if_unreferenced(port, o);
    }

    /// No file refers to the port any more.
    fn end_associations(&mut self, port: PortId) {
        let of_port = |association: &mut Association| association.port == port;
        for file in &mut self.files {
            file.association.take_if(of_port);
        }
        self.ports[port.index()].files = 0;
    }

    /// Ends every wait on the port: dequeuers are told that it is gone, direct waiters that it is
    /// signaled.
    fn abandon<O: Observer>(&mut self, port: PortId, o: &mut O) {
        self.ports[port.index()].life = PortLife::Abandoned;
        for thread in core::mem::take(&mut self.ports[port.index()].waiters) {
            if let Frame::Wait(_) = self.threads[thread.index()].frame {
                self.end_wait(thread, crate::WaitPhase::Signaled, o);
                continue;
            }
            o.event(Event::WaiterLeft(thread, port));
            self.end_dequeue(thread, DequeuePhase::Abandoned, o);
        }
        let waits = !self.ports[port.index()].direct.is_empty();
        if waits && !self.is_broken(Mutant::CloseLeavesDirectWaiters, o) {
            self.wake_direct_waiters(port, usize::MAX, o);
        }
    }

    /// `KeRundownQueue`: the packets go to the caller, the members are members no longer.
    pub(crate) fn run_down<O: Observer>(&mut self, port: PortId, o: &mut O) -> Packets {
        o.rule(rules::CLOSE_07);
        o.mutant(Mutant::KeepWaitingOnRundown);
        let keep_waiting = self.semantics.on_rundown == OnClose::KeepWaiting;
        if !keep_waiting {
            o.rule(rules::CLOSE_06);
            self.abandon(port, o);
        }
        let packets: Packets = self.ports[port.index()].queue.drain(..).collect();
        for &packet in &packets {
            o.event(Event::Discarded {
                port,
                packet,
                from_queue: true,
            });
            self.give_back_reserve(&packet, o);
        }
        self.dissociate_all(port, keep_waiting, o);
        packets
    }

    /// Ends the association of all members; those still blocked in the queue keep it if
    /// `except_waiters`.
    fn dissociate_all<O: Observer>(&mut self, port: PortId, except_waiters: bool, o: &mut O) {
        for index in 0..self.threads.len() {
            let Some(thread) = ThreadId::new(index) else {
                break;
            };
            let keeps = except_waiters && self.threads[index].waits_in(port);
            if self.threads[index].port == Some(port) && !keeps {
                o.rule(rules::THR_08);
                self.discount(thread);
                self.threads[index].port = None;
                o.event(Event::Dissociated(thread, port));
            }
        }
    }

    /// T13, second half. The object goes when nothing refers to it: no handle, no file, no thread
    /// in a call on it (PORT-15). What is queued then is lost (PORT-16).
    pub(crate) fn delete_if_unreferenced<O: Observer>(&mut self, port: PortId, o: &mut O) {
        let object = &self.ports[port.index()];
        if object.handles > 0
            || object.life == PortLife::Deleted
            || object.files > 0 && !self.is_broken(Mutant::FilesHoldNoPort, o)
        {
            return;
        }
        let in_use = self.threads.iter().any(|thread| match thread.frame {
            Frame::Dequeue(dequeue) => dequeue.port == port,
            Frame::Wait(wait) => wait.target == crate::Target::Port(port),
            Frame::User => false,
        });
        if in_use || self.is_broken(Mutant::PortNeverGoes, o) {
            return;
        }
        o.rule(rules::PORT_15);
        o.rule(rules::PORT_16);
        while self.discard_first(port, o) {}
        self.dissociate_all(port, false, o);
        let object = &mut self.ports[port.index()];
        object.life = PortLife::Deleted;
        object.name = None;
    }

    /// Throws away the packet at the queue's head, if there is one.
    pub(crate) fn discard_first<O: Observer>(&mut self, port: PortId, o: &mut O) -> bool {
        let Some(packet) = self.ports[port.index()].queue.pop_front() else {
            return false;
        };
        o.event(Event::Discarded {
            port,
            packet,
            from_queue: true,
        });
        self.give_back_reserve(&packet, o);
        true
    }

    /// The packet is out: the reserve object that was its memory can be used again (POST-04).
    pub(crate) fn give_back_reserve<O: Observer>(&mut self, packet: &Packet, o: &mut O) {
        if let Origin::Reserve(reserve) = packet.origin {
            o.rule(rules::POST_04);
            if !self.is_broken(Mutant::ReserveServesOnce, o) {
                self.set_reserve(reserve, false);
            }
        }
    }

    pub(crate) fn set_reserve(&mut self, reserve: ObjectId, busy: bool) {
        if let Kind::Reserve { in_use, .. } = &mut self.objects[reserve.index()].kind {
            *in_use = busy;
        }
    }
}
