//! The kernel queue: who gets which packet, and when.
//!
//! This is section 2.2 of the rule book, transition by transition. A thread is *counted* when its
//! port's `active` includes it. Between the first line of a dequeue and its outcome the caller is
//! not counted; that, and nothing else, is why a running thread picks up the next packet without a
//! thread switch (CONC-02).

use crate::{
    Api, Association, Dequeue, DequeuePhase, Event, Frame, Insert, Mutant, NtStatus, ObjectId,
    Observer, Origin, Outcome, Packet, Packets, Port, PortId, PortLife, Returned, System, ThreadId,
    ThreadState, Timeout, Value, WaitPhase,
    object::Kind,
    profile::{
        BatchTake, BatchWake, DirectWait, HandOff, Limit, OnClose, PollAtLimit, SelfInsert,
        WaiterOrder,
    },
    rules,
    system::Taken,
};

/// What a look at the queue came to.
enum Decision {
    /// These packets are the caller's, under one slot.
    Packets(Packets),
    /// The caller has a packet and looks for more in a step of its own.
    TakesMore,
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
        let Port { active, limit, .. } = self.ports[port.index()];
        if active < limit {
            return active < self.processors.into()
                || !self.is_broken(Mutant::NoMoreThanProcessors, o);
        }
        o.mutant(Mutant::NoLimit);
        self.semantics.limit == Limit::Ignored
            || active == limit && self.is_broken(Mutant::OneAboveTheLimit, o)
    }

    /// Are there both a packet and a dequeuer blocked?
    #[inline]
    pub(crate) fn has_both(&self, port: PortId) -> bool {
        let port = &self.ports[port.index()];
        !port.waiters.is_empty() && !port.queue.is_empty()
    }

    /// Is a dequeue a loop, so that a waiter is only told to look again?
    #[inline]
    pub(crate) fn retries<O: Observer>(&self, o: &mut O) -> bool {
        o.mutant(Mutant::WakeAndRetry);
        self.semantics.hand_off == HandOff::WakeAndRetry
    }

    /// Does a packet go straight to a waiter, rather than to whoever looks at the queue first?
    #[inline]
    fn hands_over<O: Observer>(&self, port: PortId, o: &mut O) -> bool {
        !self.retries(o)
            && (self.semantics.direct_wait != DirectWait::SharedLine
                || self.dequeuer_is_next(port, o))
    }

    /// In a line of dequeuers and direct waiters: is it a dequeuer's turn?
    fn dequeuer_is_next<O: Observer>(&self, port: PortId, o: &mut O) -> bool {
        let threads = &self.threads;
        let held_up = |thread: &ThreadId| threads[thread.index()].state == ThreadState::Suspended;
        let next = self.next_waiter(port, |thread| !held_up(thread), o);
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
            if self.is_broken(Mutant::WaitersByThread, o) {
                let places = (0..waiters.len()).filter(|&place| can(&waiters[place]));
                return places.min_by_key(|&place| waiters[place]);
            }
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
        let waiters = !self.ports[port.index()].waiters.is_empty();
        let slot =
            waiters && (self.has_slot(port, o) || self.is_broken(Mutant::InsertIgnoresLimit, o));
        let own = by.is_some_and(|by| self.leaves_to_itself(by, port, inside_wait, slot, o));
        if slot
            && !own
            && self.hands_over(port, o)
            && let Some(place) = self.next_dequeuer(port, o)
        {
            o.rule(rules::KQ_02);
            self.grant_to_waiter(port, place, packet, false, o);
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
            let misplaced = self.misplaced(port, &packet, at_head, o);
            let queue = &mut self.ports[port.index()].queue;
            let place = misplaced.unwrap_or(if at_head { 0 } else { queue.len() });
            match misplaced {
                Some(place) => queue.insert(place, packet),
                None if at_head => queue.push_front(packet),
                None => queue.push_back(packet),
            }
            o.event(Event::Queued {
                port,
                packet,
                at_head,
                place,
            });
            let told_to_look = slot && !own && self.semantics.hand_off == HandOff::WakeAndRetry;
            let shared_line = self.semantics.direct_wait == DirectWait::SharedLine;
            if !shared_line {
                o.rule(rules::PORT_18);
                let several = self.ports[port.index()].direct.len() > 1;
                let one = several && self.is_broken(Mutant::PostWakesOneDirectWaiter, o);
                self.wake_direct_waiters(port, if one { 1 } else { usize::MAX }, o);
            }
            if shared_line || told_to_look {
                self.wake_next_in_line(port, o);
            }
        }
        previous_depth + u32::from(self.is_broken(Mutant::InsertReturnsNewDepth, o))
    }

    /// Where in the queue a packet comes to stand, if not behind all others (PKT-02, PKT-13) or,
    /// `at_head`, in front of them (PKT-14).
    #[inline]
    fn misplaced<O: Observer>(
        &self,
        port: PortId,
        packet: &Packet,
        at_head: bool,
        o: &mut O,
    ) -> Option<usize> {
        let queue = &self.ports[port.index()].queue;
        let last = queue.back()?;
        if at_head {
            return self
                .is_broken(Mutant::HeadInsertJoinsTheTail, o)
                .then_some(queue.len());
        }
        if self.is_broken(Mutant::NewestPacketFirst, o) {
            return Some(0);
        }
        let of_request = |packet: &Packet| packet.origin == Origin::Request;
        let jumps = match (of_request(last), of_request(packet)) {
            (true, false) => self.is_broken(Mutant::PostsFirst, o),
            (false, true) => self.is_broken(Mutant::CompletionsFirst, o),
            _ => false,
        };
        let other = |queued| of_request(queued) != of_request(packet);
        jumps.then(|| queue.iter().position(other)).flatten()
    }

    /// Does the kernel leave the packet for the inserting thread itself? `slot`: somebody else
    /// could have it.
    fn leaves_to_itself<O: Observer>(
        &self,
        by: ThreadId,
        port: PortId,
        inside_wait: bool,
        slot: bool,
        o: &mut O,
    ) -> bool {
        let thread = &self.threads[by.index()];
        if thread.port != Some(port) {
            return false;
        }
        if inside_wait && matches!(thread.frame, Frame::Dequeue(_)) {
            return !(slot && self.is_broken(Mutant::KernelApcInsertHandsOver, o));
        }
        if slot {
            o.mutant(Mutant::StaleWaitReason);
        }
        self.semantics.self_insert == SelfInsert::StaleWaitReason && thread.stale_wait_reason
    }

    /// Could the slot of this thread, which counts, be of use to a waiter of its port?
    #[inline]
    pub(crate) fn could_hand_off(&self, thread: ThreadId) -> bool {
        let thread = &self.threads[thread.index()];
        thread.counted && thread.port.is_some_and(|port| self.has_both(port))
    }

    /// Puts a packet that had been handed over in front of all others again.
    pub(crate) fn put_back<O: Observer>(&mut self, port: PortId, packet: Packet, o: &mut O) {
        self.ports[port.index()].queue.push_front(packet);
        o.event(Event::Queued {
            port,
            packet,
            at_head: true,
            place: 0,
        });
    }

    /// The hand-off: a slot, a packet and a blocked dequeuer make a grant. At most one (CONC-04).
    pub(crate) fn hand_off<O: Observer>(&mut self, port: PortId, o: &mut O) {
        if !self.has_both(port) {
            return;
        }
        if !self.hands_over(port, o) {
            // Where there is no limit, no slot becomes free, and who is to look was told before.
            let told_to_look = self.semantics.hand_off == HandOff::WakeAndRetry
                && self.semantics.limit == Limit::Enforced
                && self.has_slot(port, o);
            if told_to_look {
                self.wake_next_in_line(port, o);
            }
            return;
        }
        if !self.has_slot(port, o) && !self.is_broken(Mutant::HandOffIgnoresLimit, o) {
            o.rule(rules::KQ_15);
            return;
        }
        while self.hand_over_head(port, o)
            && self.has_both(port)
            && self.is_broken(Mutant::BlockReleasesAll, o)
        {}
    }

    /// Gives the oldest packet to the blocked dequeuer whose turn it is, if there are both.
    fn hand_over_head<O: Observer>(&mut self, port: PortId, o: &mut O) -> bool {
        let Some(place) = self.next_dequeuer(port, o) else {
            return false;
        };
        let Some(packet) = self.ports[port.index()].queue.pop_front() else {
            return false;
        };
        o.rule(rules::CONC_04);
        o.rule(rules::CONC_17);
        o.rule(rules::KQ_14);
        self.grant_to_waiter(port, place, packet, true, o);
        true
    }

    /// The place on the stack of the blocked dequeuer whose turn it is. Passed over is who is
    /// suspended in its place, and who waits on the handle itself in the same line; most kernels
    /// have neither.
    fn next_dequeuer<O: Observer>(&self, port: PortId, o: &mut O) -> Option<usize> {
        let eligible = |thread: &ThreadId| {
            let thread = &self.threads[thread.index()];
            thread.state != ThreadState::Suspended && !matches!(thread.frame, Frame::Wait(_))
        };
        self.next_waiter(port, eligible, o)
    }

    /// Gives a packet to the blocked dequeuer at this place on the stack. It is that thread's from
    /// now on (WAIT-03), its timer means nothing any more (WAIT-04), and it counts although it has
    /// not run yet (CONC-06).
    fn grant_to_waiter<O: Observer>(
        &mut self,
        port: PortId,
        place: usize,
        packet: Packet,
        from_queue: bool,
        o: &mut O,
    ) {
        let waiters = &mut self.ports[port.index()].waiters;
        let thread = waiters.remove(place);
        let others_stay = !waiters.is_empty();
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
        let dequeues = matches!(self.threads[thread.index()].frame, Frame::Dequeue(_));
        if !dequeues || self.retries(o) {
            self.ports[port.index()].waiters.remove(place);
            self.leaves_line(thread, port, DequeuePhase::Interrupted, o);
        }
    }

    /// Ends the blocking of a thread that stood in the line of dequeuers, and in some kernels of
    /// direct waiters, and does no longer.
    fn leaves_line<O: Observer>(
        &mut self,
        thread: ThreadId,
        port: PortId,
        phase: DequeuePhase,
        o: &mut O,
    ) {
        if let Frame::Wait(_) = self.threads[thread.index()].frame {
            self.end_wait(thread, WaitPhase::Signaled, o);
        } else {
            o.event(Event::WaiterLeft(thread, port));
            self.end_dequeue(thread, phase, o);
        }
    }

    /// Ends the blocking of a dequeuer that is off the stack already: it runs, and counts, without
    /// a look at the limit (CONC-05). One that is suspended finds out when it is resumed.
    fn end_dequeue<O: Observer>(&mut self, thread: ThreadId, phase: DequeuePhase, o: &mut O) {
        let waiter = &mut self.threads[thread.index()];
        let Frame::Dequeue(dequeue) = &mut waiter.frame else {
            return;
        };
        dequeue.phase = phase;
        if waiter.state == ThreadState::Suspended {
            return;
        }
        let (timed, batch) = (dequeue.timeout == Timeout::Finite, dequeue.max > 1);
        self.make_ready(thread, o);
        let forgotten = match phase {
            DequeuePhase::Granted(_) => {
                if timed {
                    o.mutant(Mutant::GrantLeavesTimer);
                }
                if batch {
                    o.mutant(Mutant::WokenBatchTakesOne);
                }
                self.is_broken(Mutant::GrantDoesNotCount, o)
            }
            DequeuePhase::TimedOut | DequeuePhase::Alerted => {
                o.rule(rules::CONC_20);
                self.is_broken(Mutant::TimeoutUncounted, o)
            }
            _ => false,
        };
        if forgotten || self.counts_later(thread, o) {
            self.discount(thread);
        }
    }

    /// Does a thread whose block has just ended count only when it goes on?
    pub(crate) fn counts_later<O: Observer>(&self, thread: ThreadId, o: &mut O) -> bool {
        self.threads[thread.index()].port.is_some() && self.is_broken(Mutant::CountsWhenItRuns, o)
    }

    /// T9. The thread is not blocked any more: it counts for its port, limit or not (CONC-05).
    #[inline]
    pub(crate) fn make_ready<O: Observer>(&mut self, thread: ThreadId, o: &mut O) {
        self.threads[thread.index()].state = ThreadState::Running;
        if let Some(port) = self.threads[thread.index()].port {
            o.rule(rules::CONC_05);
            o.rule(rules::CONC_06);
            o.rule(rules::CONC_09);
            let object = &self.ports[port.index()];
            if object.active < object.limit || !self.is_broken(Mutant::CountStopsAtLimit, o) {
                self.count(thread);
            }
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
            if self.is_broken(Mutant::BlockedStillCounts, o) {
                return;
            }
            self.discount(thread);
            if self.has_both(port) && !self.is_broken(Mutant::NoHandOffOnBlock, o) {
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
            let status = self.abandoned(o);
            return self.dequeue_result(thread, api, status, o);
        }
        let associated = self.threads[thread.index()].port == Some(port);
        let has_apc = dequeue.alertable && self.has_user_apc(thread);
        if !associated && has_apc {
            o.mutant(Mutant::JoinsBeforeApc);
            if self.semantics.apc_before_association {
                o.rule(rules::APC_01);
                o.rule(rules::THR_09);
                if self.is_broken(Mutant::ApcJoins, o) {
                    self.join(thread, port, o);
                }
                return self.dequeue_result(thread, api, NtStatus::USER_APC, o);
            }
        }
        let poll = dequeue.timeout == Timeout::Zero;
        let finds_nothing = !has_apc && self.ports[port.index()].queue.is_empty();
        if !associated && poll && finds_nothing && self.is_broken(Mutant::PollJoinsNobody, o) {
            return self.dequeue_result(thread, api, NtStatus::TIMEOUT, o);
        }
        self.threads[thread.index()].stale_wait_reason =
            self.semantics.self_insert == SelfInsert::StaleWaitReason;
        self.enter_queue(thread, port, o);
        let decision = self.decide(thread, &mut dequeue, o);
        let goes_on = !matches!(decision, Decision::Blocks);
        if !associated && goes_on && self.is_broken(Mutant::NewcomerDoesNotCount, o) {
            self.discount(thread);
        }
        match decision {
            Decision::Packets(packets) => Outcome::Returned(self.taken(api, packets, o)),
            Decision::Alerted => self.dequeue_result(thread, api, NtStatus::USER_APC, o),
            Decision::TimedOut => self.dequeue_result(thread, api, NtStatus::TIMEOUT, o),
            Decision::Refused(status) => Outcome::Returned(Returned::new(api, status)),
            Decision::TakesMore | Decision::Blocks => Outcome::Blocked,
        }
    }

    /// The caller becomes a member of this port, and is not counted until the outcome is known.
    pub(crate) fn enter_queue<O: Observer>(&mut self, thread: ThreadId, port: PortId, o: &mut O) {
        o.rule(rules::KQ_07);
        let old = self.threads[thread.index()].port;
        if old == Some(port) {
            o.rule(rules::CONC_02);
            let object = &self.ports[port.index()];
            let fills = object.active == object.limit && !object.queue.is_empty();
            if !fills || !self.is_broken(Mutant::CallerCountsItself, o) {
                self.discount(thread);
            }
            if self.has_both(port) && self.is_broken(Mutant::DequeueReleasesAWaiter, o) {
                self.hand_off(port, o);
            }
            return;
        }
        if let Some(old) = old {
            o.rule(rules::THR_03);
            o.rule(rules::CONC_13);
            if self.is_broken(Mutant::FirstPortForEver, o) {
                return;
            }
            self.dissociate(thread, o);
            if self.has_both(old) && !self.is_broken(Mutant::NoHandOffOnMove, o) {
                self.hand_off(old, o);
            }
        }
        o.rule(rules::THR_01);
        o.rule(rules::THR_02);
        self.threads[thread.index()].port = Some(port);
        o.event(Event::Associated(thread, port));
    }

    /// The thread becomes a member of this port, and counts.
    pub(crate) fn join<O: Observer>(&mut self, thread: ThreadId, port: PortId, o: &mut O) {
        self.enter_queue(thread, port, o);
        self.count(thread);
    }

    /// The thread leaves its port, and its slot may go to a waiter.
    pub(crate) fn leave_port<O: Observer>(&mut self, thread: ThreadId, o: &mut O) {
        if let Some(port) = self.threads[thread.index()].port {
            self.dissociate(thread, o);
            self.hand_off(port, o);
        }
    }

    /// The thread is a member of no port from now on.
    pub(crate) fn dissociate<O: Observer>(&mut self, thread: ThreadId, o: &mut O) {
        self.discount(thread);
        if let Some(port) = self.threads[thread.index()].port.take() {
            o.event(Event::Dissociated(thread, port));
        }
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
        let served =
            self.semantics.poll_at_limit == PollAtLimit::Served && dequeue.timeout == Timeout::Zero;
        o.rule(rules::KQ_10);
        if !self.ports[port.index()].queue.is_empty() {
            if self.has_slot(port, o)
                || served
                || self.is_broken(Mutant::DequeueIgnoresLimit, o)
                || dequeue.max > 1 && self.is_broken(Mutant::BatchIgnoresLimit, o)
            {
                o.rule(rules::KQ_08);
                if dequeue.due && self.is_broken(Mutant::TimeOutBeforePacket, o) {
                    self.count(thread);
                    return Decision::TimedOut;
                }
                if dequeue.max > 1 {
                    o.rule(rules::KQ_18);
                    o.rule(rules::GQX_01);
                    o.rule(rules::GQX_05);
                }
                if dequeue.alertable && self.has_user_apc(thread) {
                    o.rule(rules::APC_02);
                    if self.is_broken(Mutant::ApcBeforePacket, o) {
                        self.count(thread);
                        return Decision::Alerted;
                    }
                }
                if !self.ports[port.index()].waiters.is_empty() {
                    o.rule(rules::CONC_16);
                }
                let most = self.most_at_once(port, dequeue.max, o);
                if !self.is_broken(Mutant::TakeDoesNotCount, o) {
                    self.count(thread);
                }
                if self.semantics.batch_take == BatchTake::OneByOne && dequeue.max > 1 {
                    dequeue.phase = DequeuePhase::Taking;
                    self.threads[thread.index()].frame = Frame::Dequeue(*dequeue);
                    self.take_one(thread, port, o);
                    return Decision::TakesMore;
                }
                let packets = self.take(thread, port, most, o);
                return Decision::Packets(packets);
            }
            o.rule(rules::KQ_09);
            o.rule(rules::CONC_08);
            if dequeue.max > 1 {
                o.rule(rules::GQX_09);
            }
        }
        if self.retries(o)
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
        if let Some(ended) = self.ends_without_packet(thread, dequeue, o) {
            o.rule(rules::CONC_20);
            if !self.is_broken(Mutant::PollUncounted, o) {
                self.count(thread);
            }
            return ended;
        }
        o.rule(rules::KQ_11);
        o.rule(rules::WAIT_02);
        o.rule(rules::CONC_15);
        let object = &self.ports[port.index()];
        if object.waiters.len() as u64 >= object.limit.into()
            && self.is_broken(Mutant::LimitBoundsWaiters, o)
        {
            self.count(thread);
            return Decision::Refused(NtStatus::INSUFFICIENT_RESOURCES);
        }
        let again = dequeue.phase == DequeuePhase::Interrupted;
        dequeue.phase = DequeuePhase::Blocked;
        let caller = &mut self.threads[thread.index()];
        caller.frame = Frame::Dequeue(*dequeue);
        caller.state = ThreadState::Waiting;
        caller.stale_wait_reason = false;
        let others = self.ports[port.index()].waiters.len();
        let under = again && others > 0 && self.is_broken(Mutant::InterruptedGoesUnder, o);
        let place = if under { 0 } else { others };
        self.ports[port.index()].waiters.insert(place, thread);
        o.event(Event::WaiterPushed(thread, port));
        if self.threads[thread.index()].counted {
            self.stop_counting(thread, o);
        }
        Decision::Blocks
    }

    /// No packet is to be had: does a user APC or the time end the dequeue?
    fn ends_without_packet<O: Observer>(
        &self,
        thread: ThreadId,
        dequeue: &mut Dequeue,
        o: &mut O,
    ) -> Option<Decision> {
        let poll = dequeue.timeout == Timeout::Zero;
        if self.has_user_apc(thread) {
            if dequeue.alertable {
                o.rule(rules::APC_03);
                o.rule(rules::APC_07);
                if !poll || !self.is_broken(Mutant::PollRunsNoApc, o) {
                    return Some(Decision::Alerted);
                }
            } else if self.is_broken(Mutant::AnyDequeueRunsApcs, o) {
                return Some(Decision::Alerted);
            }
        }
        if poll {
            o.rule(rules::TMO_01);
            if !self.is_broken(Mutant::ZeroWaitsForEver, o) {
                return Some(Decision::TimedOut);
            }
            dequeue.timeout = Timeout::Infinite;
        }
        if dequeue.due {
            o.rule(rules::TMO_01);
            if !self.is_broken(Mutant::InterruptionRestartsTimeOut, o) {
                return Some(Decision::TimedOut);
            }
            dequeue.due = false;
        }
        None
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

    /// Takes the packet at the queue's head for a thread that is counted.
    #[inline]
    fn take_first<O: Observer>(
        &mut self,
        thread: ThreadId,
        port: PortId,
        o: &mut O,
    ) -> Option<Packet> {
        let packet = self.ports[port.index()].queue.pop_front()?;
        o.event(Event::Taken {
            port,
            thread,
            packet,
        });
        self.give_back_reserve(&packet, o);
        Some(packet)
    }

    /// Takes up to `max` packets from the queue's head for a thread that is counted.
    fn take<O: Observer>(
        &mut self,
        thread: ThreadId,
        port: PortId,
        max: u16,
        o: &mut O,
    ) -> Packets {
        if max == 0 {
            return Packets::new();
        }
        let Some(first) = self.take_first(thread, port, o) else {
            return Packets::new();
        };
        let mut packets = Packets::from_buf([first]);
        while packets.len() < usize::from(max)
            && let Some(packet) = self.take_first(thread, port, o)
        {
            packets.push(packet);
        }
        if packets.len() > 1 && self.is_broken(Mutant::BatchNewestFirst, o) {
            packets.reverse();
        }
        packets
    }

    /// Takes the packet at the head for a batch dequeuer, which keeps it until it returns.
    fn take_one<O: Observer>(&mut self, thread: ThreadId, port: PortId, o: &mut O) {
        let packets = self.take(thread, port, 1, o);
        let taken = packets.into_iter().map(|packet| Taken { thread, packet });
        self.collected.extend(taken);
    }

    /// A batch dequeuer that takes packet after packet looks again. It returns when it has its
    /// maximum or finds nothing.
    fn take_more<O: Observer>(&mut self, thread: ThreadId, dequeue: Dequeue, o: &mut O) -> Outcome {
        let port = dequeue.port;
        let mine = |taken: &&Taken| taken.thread == thread;
        let full = self.collected.iter().filter(mine).count() >= dequeue.max.into();
        let refers = self.still_refers(thread, dequeue.handle, port).is_ok();
        if !full && refers && !self.ports[port.index()].queue.is_empty() {
            o.rule(rules::GQX_07);
            self.take_one(thread, port, o);
            return Outcome::Blocked;
        }
        let packets = self.collected.iter().filter(mine);
        let packets: Packets = packets.map(|taken| taken.packet).collect();
        self.collected.retain(|taken| taken.thread != thread);
        self.threads[thread.index()].frame = Frame::User;
        self.delete_if_unreferenced(port, o);
        Outcome::Returned(self.taken(dequeue.api, packets, o))
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
                if api == Api::GetQueuedCompletionStatusEx {
                    o.mutant(Mutant::ApcReturnsTrue);
                    if self.semantics.apc_returns_true {
                        o.rule(rules::APC_05);
                        result.tell_true();
                    }
                }
            }
            NtStatus::TIMEOUT => {
                let (rule, mutant) = match api {
                    Api::NtRemoveIoCompletion | Api::NtRemoveIoCompletionEx => {
                        (rules::TMO_04, Mutant::NtTimeOutIsAnError)
                    }
                    _ => (rules::TMO_02, Mutant::TimeOutIsError121),
                };
                o.rule(rule);
                if self.is_broken(mutant, o) {
                    result.status = NtStatus::IO_TIMEOUT;
                }
                if self.threads[thread.index()].port.is_some()
                    && self.is_broken(Mutant::TimeOutEndsMembership, o)
                {
                    self.leave_port(thread, o);
                }
            }
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
            o.mutant(Mutant::TimeOutClaimsAnEntry);
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
            }) if self.semantics.batch_wake != BatchWake::ExactlyOne => {
                let queued = self.ports[port.index()].queue.len();
                u16::try_from(queued).unwrap_or(u16::MAX).min(max - 1)
            }
            _ => 0,
        }
    }

    /// The fewest that it collects: none, or as many as it can.
    pub fn least_more(&self, thread: ThreadId) -> u16 {
        match self.semantics.batch_wake {
            BatchWake::AllQueued => self.most_more(thread),
            BatchWake::ExactlyOne | BatchWake::UpToMaximum => 0,
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
        self.count_late(thread, o);
        if dequeue.phase == DequeuePhase::TimedOut
            && !self.ports[port.index()].queue.is_empty()
            && self.is_broken(Mutant::LastLookAfterTimeOut, o)
        {
            dequeue.phase = DequeuePhase::Interrupted;
            dequeue.due = true;
        }
        let status = match dequeue.phase {
            // It was handed over then and is seen now: another may have seen a younger one since.
            DequeuePhase::Granted(packet) => {
                o.rule(rules::PKT_03);
                self.threads[thread.index()].frame = Frame::User;
                self.give_back_reserve(&packet, o);
                let mut packets = Packets::from_buf([packet]);
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
                if self.retries(o)
                    && let Err(status) = self.still_refers(thread, dequeue.handle, port)
                {
                    self.threads[thread.index()].frame = Frame::User;
                    self.delete_if_unreferenced(port, o);
                    return Outcome::Returned(Returned::new(api, status));
                }
                if self.semantics.hand_off == HandOff::WakeAndRetry && dequeue.max > 1 {
                    o.mutant(Mutant::WokenBatchTakesOne);
                    if self.semantics.batch_wake == BatchWake::ExactlyOne {
                        dequeue.max = 1;
                    }
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
                    Decision::TakesMore | Decision::Blocks => return Outcome::Blocked,
                }
            }
            DequeuePhase::Taking => return self.take_more(thread, dequeue, o),
            DequeuePhase::TimedOut => NtStatus::TIMEOUT,
            DequeuePhase::Alerted => NtStatus::USER_APC,
            DequeuePhase::Interrupted => {
                o.rule(rules::CLOSE_06);
                o.rule(rules::KQ_16);
                self.abandoned(o)
            }
            DequeuePhase::Abandoned | DequeuePhase::Blocked => self.abandoned(o),
        };
        self.threads[thread.index()].frame = Frame::User;
        let outcome = self.dequeue_result(thread, api, status, o);
        self.delete_if_unreferenced(port, o);
        outcome
    }

    /// What a dequeue says of a port that was closed or run down.
    fn abandoned<O: Observer>(&self, o: &mut O) -> NtStatus {
        if self.is_broken(Mutant::AbandonedTimesOut, o) {
            NtStatus::TIMEOUT
        } else {
            NtStatus::ABANDONED_WAIT_0
        }
    }

    /// A thread goes on that was not counted when its block ended.
    #[inline]
    pub(crate) fn count_late<O: Observer>(&mut self, thread: ThreadId, o: &mut O) {
        if self.threads[thread.index()].is_miscounted()
            && self.is_broken(Mutant::CountsWhenItRuns, o)
        {
            self.count(thread);
        }
    }

    /// Is there more to the return of this thread, whose block is over, than that it returns? Only
    /// where rules are broken.
    pub fn return_matters(&self, thread: ThreadId) -> bool {
        let broken = |mutant| self.semantics.mutants.contains(mutant);
        broken(Mutant::CountsWhenItRuns)
            || match self.threads[thread.index()].frame {
                Frame::Dequeue(dequeue) => match dequeue.phase {
                    DequeuePhase::Granted(_) => self.can_expire(thread),
                    DequeuePhase::TimedOut => broken(Mutant::LastLookAfterTimeOut),
                    _ => false,
                },
                _ => false,
            }
    }

    /// Can the time of the call that this thread is in run out?
    #[inline]
    pub fn can_expire(&self, thread: ThreadId) -> bool {
        let thread = &self.threads[thread.index()];
        thread.can_expire()
            || self.semantics.mutants.contains(Mutant::GrantLeavesTimer)
                && matches!(
                    thread.frame,
                    Frame::Dequeue(Dequeue {
                        timeout: Timeout::Finite,
                        phase: DequeuePhase::Granted(_),
                        ..
                    })
                )
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
            DequeuePhase::TimedOut => {
                o.rule(rules::WAIT_05);
                o.mutant(Mutant::LastLookAfterTimeOut);
            }
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
            self.leaves_line(thread, port, DequeuePhase::Abandoned, o);
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
        for packet in &packets {
            self.discard(port, packet, true, o);
        }
        self.dissociate_all(port, keep_waiting, o);
        packets
    }

    /// Ends the association of all members; those still blocked in the queue keep it if
    /// `except_waiters`.
    pub(crate) fn dissociate_all<O: Observer>(
        &mut self,
        port: PortId,
        except_waiters: bool,
        o: &mut O,
    ) {
        for index in 0..self.threads.len() {
            let Some(thread) = ThreadId::new(index) else {
                break;
            };
            let keeps = except_waiters && self.threads[index].waits_in(port);
            if self.threads[index].port == Some(port) && !keeps {
                o.rule(rules::THR_08);
                self.dissociate(thread, o);
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
        self.discard(port, &packet, true, o);
        true
    }

    /// Nobody gets this packet, which is off the queue, or off the thread that it was handed to.
    pub(crate) fn discard<O: Observer>(
        &mut self,
        port: PortId,
        packet: &Packet,
        from_queue: bool,
        o: &mut O,
    ) {
        o.event(Event::Discarded {
            port,
            packet: *packet,
            from_queue,
        });
        self.give_back_reserve(packet, o);
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
