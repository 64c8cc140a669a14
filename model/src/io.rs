//! Objects behind handles: what each call checks before it touches a port, what keeps a port
//! alive, and how the requests of a file become packets.

use crate::{
    Access, Api, Association, Call, Dequeue, DequeuePhase, DeviceAnswer, DispatcherObject, File,
    FileId, Frame, Handle, HandleEntry, Insert, Kind, Mutant, NameId, NtStatus, Object, ObjectId,
    Observer, Origin, Outcome, Packet, Port, PortId, PortLife, ProcessId, Request,
    RequestArguments, RequestId, Returned, System, Target, ThreadId, ThreadState, Timeout, Value,
    Wait, WaitPhase,
    profile::{EmptyBatch, ObjectManager, ReplaceCompletion},
    rules,
};

type Answer = Result<Value, NtStatus>;

impl System {
    /// The port behind a handle, if the handle carries `needed` (PORT-10). Any thread of the
    /// process may ask (PORT-14).
    #[inline]
    fn port_behind<O: Observer>(
        &self,
        process: ProcessId,
        handle: Handle,
        needed: Access,
        o: &mut O,
    ) -> Result<PortId, NtStatus> {
        o.rule(rules::PORT_14);
        let entry = self.processes[process.index()].get(handle)?;
        match entry.object {
            Object::Port(port) if entry.access.contains(needed) => Ok(port),
            Object::Port(port) => {
                o.rule(rules::PORT_10);
                let unchecked = match needed {
                    Access::QUERY_STATE => Mutant::QueryRightUnchecked,
                    _ => Mutant::ModifyRightUnchecked,
                };
                if self.is_broken(unchecked, o) {
                    return Ok(port);
                }
                Err(NtStatus::ACCESS_DENIED)
            }
            _ => Err(self.of_another_type(o)),
        }
    }

    /// The answer to a handle of the wrong type of object.
    fn of_another_type<O: Observer>(&self, o: &mut O) -> NtStatus {
        if self.is_broken(Mutant::WrongTypeIsNoHandle, o) {
            return NtStatus::INVALID_HANDLE;
        }
        NtStatus::OBJECT_TYPE_MISMATCH
    }

    /// Can a dequeue wait through this handle? Asked of kernels whose dequeue is a loop around an
    /// ordinary wait; the handle may have been closed since.
    pub(crate) fn can_wait_on(&self, thread: ThreadId, handle: Handle) -> Result<(), NtStatus> {
        let process = self.threads[thread.index()].process;
        let entry = self.processes[process.index()].get(handle)?;
        if entry.access.contains(Access::SYNCHRONIZE) {
            Ok(())
        } else {
            Err(NtStatus::ACCESS_DENIED)
        }
    }

    /// Does the handle still refer to this port?
    pub(crate) fn still_refers(
        &self,
        thread: ThreadId,
        handle: Handle,
        port: PortId,
    ) -> Result<(), NtStatus> {
        let process = self.threads[thread.index()].process;
        match self.processes[process.index()].get(handle)?.object {
            Object::Port(other) if other == port => Ok(()),
            _ => Err(NtStatus::INVALID_HANDLE),
        }
    }

    fn file_behind<O: Observer>(
        &self,
        process: ProcessId,
        handle: Handle,
        o: &mut O,
    ) -> Result<FileId, NtStatus> {
        match self.processes[process.index()].get(handle)?.object {
            Object::File(file) => Ok(file),
            _ => Err(self.of_another_type(o)),
        }
    }

    fn object_behind<O: Observer>(
        &self,
        process: ProcessId,
        handle: Handle,
        o: &mut O,
    ) -> Result<ObjectId, NtStatus> {
        match self.processes[process.index()].get(handle)?.object {
            Object::Other(object) => Ok(object),
            _ => Err(self.of_another_type(o)),
        }
    }

    /// A handle in this process to this object, which the object counts.
    fn open(&mut self, process: ProcessId, object: Object, access: Access) -> Handle {
        match object {
            Object::Port(port) => self.ports[port.index()].handles += 1,
            Object::File(file) => self.files[file.index()].handles += 1,
            Object::Other(_) => {}
        }
        self.processes[process.index()].open(HandleEntry { object, access })
    }

    /// Creates a port and a handle to it (PORT-06, PORT-08).
    pub(crate) fn create_port<O: Observer>(
        &mut self,
        process: ProcessId,
        name: Option<NameId>,
        access: Access,
        concurrency: u32,
        o: &mut O,
    ) -> Result<(PortId, Handle), NtStatus> {
        let id = PortId::new(self.ports.len()).ok_or(NtStatus::INSUFFICIENT_RESOURCES)?;
        o.rule(rules::PORT_06);
        o.rule(rules::PORT_08);
        o.rule(rules::KQ_01);
        let limit = match concurrency {
            0 if self.processors > 1 && self.is_broken(Mutant::ZeroMeansOne, o) => 1,
            0 if self.is_broken(Mutant::ZeroMeansNoLimit, o) => u32::MAX,
            0 => self.processors.into(),
            limit => limit,
        };
        self.ports.push(Port::new(limit, name));
        Ok((id, self.open(process, Object::Port(id), access)))
    }

    /// A thread creates a port. That makes it no member (PORT-08).
    fn create_port_by<O: Observer>(
        &mut self,
        thread: ThreadId,
        name: Option<NameId>,
        access: Access,
        concurrency: u32,
        o: &mut O,
    ) -> Result<Handle, NtStatus> {
        let process = self.threads[thread.index()].process;
        let (port, handle) = self.create_port(process, name, access, concurrency, o)?;
        if self.is_broken(Mutant::CreatorIsAMember, o) {
            self.enter_queue(thread, port, o);
            self.count(thread);
        }
        Ok(handle)
    }

    pub(crate) fn create_object(
        &mut self,
        process: ProcessId,
        kind: Kind,
    ) -> Result<(Handle, ObjectId), NtStatus> {
        let id = ObjectId::new(self.objects.len()).ok_or(NtStatus::INSUFFICIENT_RESOURCES)?;
        self.objects.push(DispatcherObject::new(kind));
        Ok((self.open(process, Object::Other(id), Access::ALL), id))
    }

    pub(crate) fn create_file(
        &mut self,
        process: ProcessId,
        overlapped: bool,
    ) -> Result<(Handle, FileId), NtStatus> {
        let id = self.new_file(overlapped)?;
        Ok((self.open(process, Object::File(id), Access::ALL), id))
    }

    fn new_file(&mut self, overlapped: bool) -> Result<FileId, NtStatus> {
        let id = FileId::new(self.files.len()).ok_or(NtStatus::INSUFFICIENT_RESOURCES)?;
        self.files.push(File {
            overlapped,
            association: None,
            signaled: false,
            handles: 0,
            pending: 0,
        });
        Ok(id)
    }

    /// `CreateIoCompletionPort` in its three modes (PORT-01).
    fn create_io_completion_port<O: Observer>(
        &mut self,
        thread: ThreadId,
        file: Handle,
        existing: Handle,
        key: u64,
        concurrency: u32,
        o: &mut O,
    ) -> Answer {
        let process = self.threads[thread.index()].process;
        o.rule(rules::PORT_01);
        if file == Handle::INVALID {
            if existing != Handle::NULL {
                o.rule(rules::PORT_02);
                return self.no_file_for_this_port(process, existing, concurrency, o);
            }
            o.rule(rules::PORT_03);
            if key != 0 && self.is_broken(Mutant::KeyWithoutFileRefused, o) {
                return Err(NtStatus::INVALID_PARAMETER);
            }
            o.rule(rules::PORT_04);
            let handle = self.create_port_by(thread, None, Access::ALL, concurrency, o)?;
            return Ok(Value::Handle(handle));
        }
        if existing != Handle::NULL {
            o.rule(rules::PORT_07);
            o.rule(rules::PORT_04);
            let port = self.associate(process, file, existing, key, false, o)?;
            if concurrency != 0
                && let Some(port) = port
                && self.is_broken(Mutant::AssociationSetsTheLimit, o)
            {
                self.ports[port.index()].limit = concurrency;
            }
            if self.is_broken(Mutant::AssociatingGivesANewHandle, o) {
                return self.duplicate(process, existing, process, None, false, o);
            }
            return Ok(Value::Handle(existing));
        }
        if self.is_broken(Mutant::FileNeedsAPort, o) {
            return Err(NtStatus::INVALID_HANDLE);
        }
        let handle = self.create_port_by(thread, None, Access::ALL, concurrency, o)?;
        if self.is_broken(Mutant::NewPortForgetsItsFile, o) {
            return Ok(Value::Handle(handle));
        }
        if let Err(status) = self.associate(process, file, handle, key, false, o) {
            o.rule(rules::PORT_05);
            if self.is_broken(Mutant::FailedAssociationGivesThePort, o) {
                return Ok(Value::Handle(handle));
            }
            if !self.is_broken(Mutant::UnassociatedPortStays, o) {
                self.close_handle(process, handle, o)?;
            }
            return Err(status);
        }
        Ok(Value::Handle(handle))
    }

    /// A port was given, and no file to associate with it (PORT-02).
    fn no_file_for_this_port<O: Observer>(
        &mut self,
        process: ProcessId,
        port: Handle,
        concurrency: u32,
        o: &mut O,
    ) -> Answer {
        if self.is_broken(Mutant::PortWithoutFileIsGivenBack, o) {
            return Ok(Value::Handle(port));
        }
        if concurrency != 0 && self.is_broken(Mutant::PortWithoutFileSetsItsLimit, o) {
            let id = self.port_behind(process, port, Access::MODIFY_STATE, o)?;
            self.ports[id.index()].limit = concurrency;
            return Ok(Value::Handle(port));
        }
        Err(NtStatus::INVALID_PARAMETER)
    }

    /// Associates a file with a port, or replaces its association; gives the port that the file
    /// has now.
    pub(crate) fn associate<O: Observer>(
        &mut self,
        process: ProcessId,
        file: Handle,
        port: Handle,
        key: u64,
        replace: bool,
        o: &mut O,
    ) -> Result<Option<PortId>, NtStatus> {
        let file = self
            .file_behind(process, file, o)
            .map_err(|status| self.no_association(status, o))?;
        if replace {
            o.rule(rules::ASSOC_05);
            o.mutant(Mutant::ReplacementUnknown);
            o.mutant(Mutant::ReplacementNotImplemented);
            match self.semantics.replace_completion {
                ReplaceCompletion::Exists => {}
                ReplaceCompletion::Unknown => return Err(NtStatus::INVALID_INFO_CLASS),
                ReplaceCompletion::NotImplemented => return Err(NtStatus::NOT_IMPLEMENTED),
            }
        }
        if !self.files[file.index()].overlapped {
            o.rule(rules::ASSOC_03);
            if !self.is_broken(Mutant::SynchronousFileAssociates, o) {
                return Err(NtStatus::INVALID_PARAMETER);
            }
        }
        let old = self.files[file.index()].association;
        if let (Some(old), false) = (old, replace) {
            o.rule(rules::ASSOC_02);
            o.rule(rules::ASSOC_04);
            if self.is_broken(Mutant::SecondAssociationIgnored, o) {
                return Ok(Some(old.port));
            }
            if !self.is_broken(Mutant::SecondAssociationWins, o) {
                return Err(NtStatus::INVALID_PARAMETER);
            }
        }
        let new = if replace && port == Handle::NULL {
            None
        } else {
            let port = self
                .port_behind(process, port, Access::MODIFY_STATE, o)
                .map_err(|status| self.no_association(status, o))?;
            self.can_serve(port, key, o)?;
            o.rule(rules::ASSOC_15);
            self.ports[port.index()].files += 1;
            Some(Association { port, key })
        };
        if replace {
            o.rule(rules::ASSOC_05);
        }
        o.rule(rules::ASSOC_01);
        o.rule(rules::ASSOC_10);
        self.files[file.index()].association = new;
        if let Some(old) = old {
            self.drop_association(old, o);
        }
        if let Some(association) = new {
            self.associated(file, association, o);
        }
        Ok(new.map(|association| association.port))
    }

    /// An association is refused for one of its handles.
    fn no_association<O: Observer>(&self, status: NtStatus, o: &mut O) -> NtStatus {
        o.rule(rules::PORT_20);
        if self.is_broken(Mutant::BadHandleIsAParameter, o) {
            return NtStatus::INVALID_PARAMETER;
        }
        status
    }

    /// A port serves any number of files, under any keys (ASSOC-09, ASSOC-10).
    fn can_serve<O: Observer>(&self, port: PortId, key: u64, o: &mut O) -> Result<(), NtStatus> {
        let taken = Some(Association { port, key });
        let one_too_many =
            self.ports[port.index()].files > 0 && self.is_broken(Mutant::OneFileAPort, o);
        let key_taken = self.files.iter().any(|file| file.association == taken)
            && self.is_broken(Mutant::SameKeyRefused, o);
        if one_too_many || key_taken {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        Ok(())
    }

    /// What becomes of a file that has just been associated.
    fn associated<O: Observer>(&mut self, file: FileId, association: Association, o: &mut O) {
        if self.files[file.index()].signaled && self.is_broken(Mutant::AssociationReportsThePast, o)
        {
            let packet = Packet {
                key: association.key,
                origin: Origin::Request,
                ..Packet::default()
            };
            let (port, at_head) = (association.port, false);
            let insert = Insert {
                port,
                packet,
                at_head,
            };
            self.insert(insert, None, false, o);
        }
        o.mutant(Mutant::AssociationSignalsNothing);
        if self.semantics.association_signals_file {
            o.rule(rules::ASSOC_13);
            self.signal_file(file, o);
        }
    }

    /// A file refers to a port no longer.
    fn drop_association<O: Observer>(&mut self, association: Association, o: &mut O) {
        self.ports[association.port.index()].files -= 1;
        self.delete_if_unreferenced(association.port, o);
    }

    fn signal_file<O: Observer>(&mut self, file: FileId, o: &mut O) {
        self.files[file.index()].signaled = true;
        self.release_all_waiting_for(Target::File(file), o);
    }

    /// Issues a request (IOM-08).
    fn request<O: Observer>(
        &mut self,
        thread: ThreadId,
        arguments: RequestArguments,
        o: &mut O,
    ) -> Outcome {
        let process = self.threads[thread.index()].process;
        let api = Call::Request(arguments).api();
        let returned = |status| Outcome::Returned(Returned::new(api, status));
        let file = match self.file_behind(process, arguments.file, o) {
            Ok(file) => file,
            Err(status) => return returned(status),
        };
        let associated = self.files[file.index()].association.is_some();
        if arguments.apc && associated {
            o.rule(rules::ASSOC_08);
            if !self.is_broken(Mutant::CompletionRoutineAllowed, o) {
                return returned(NtStatus::INVALID_PARAMETER);
            }
        }
        self.files[file.index()].signaled = false;
        let mut request = Request {
            id: RequestId(0),
            file,
            thread,
            context: arguments.context,
            apc: arguments.apc,
        };
        match arguments.answer {
            DeviceAnswer::Failed(status) => self.refused(request, status, o),
            DeviceAnswer::Done(status, _) if status.is_error() => self.refused(request, status, o),
            // Any status that is no error completes the request, warnings too (IOM-01). The
            // packet is there, or gone already, before the call returns.
            DeviceAnswer::Done(status, information) => {
                o.rule(rules::PKT_08);
                o.rule(rules::PKT_18);
                self.signal_file(file, o);
                if !(associated && self.is_broken(Mutant::ImmediateSuccessMakesNoPacket, o)) {
                    self.report(request, status, information, Some(thread), o);
                }
                returned(status)
            }
            DeviceAnswer::Pending if self.files[file.index()].overlapped => {
                self.files[file.index()].pending += 1;
                request.id = RequestId(self.next_request);
                self.next_request += 1;
                if !associated
                    && request.context != 0
                    && self.is_broken(Mutant::PortDecidedAtIssue, o)
                {
                    request.context = 0;
                }
                self.requests.push(request);
                let id = Value::Count(request.id.0);
                Outcome::Returned(Returned::new(api, NtStatus::PENDING).with(id))
            }
            // The I/O manager waits for the request of a synchronous file object.
            DeviceAnswer::Pending => self.wait(
                thread,
                Wait {
                    api,
                    target: Target::Outside,
                    alertable: false,
                    timeout: Timeout::Infinite,
                    due: false,
                    phase: WaitPhase::Blocked,
                },
                o,
            ),
        }
    }

    /// The device refuses a request at once: no packet (PKT-09).
    fn refused<O: Observer>(&mut self, request: Request, status: NtStatus, o: &mut O) -> Outcome {
        o.rule(rules::PKT_09);
        if self.is_broken(Mutant::RefusedRequestMakesPacket, o) {
            self.report(request, status, 0, Some(request.thread), o);
        }
        let api = if request.apc {
            Api::ReadFileEx
        } else {
            Api::ReadFile
        };
        Outcome::Returned(Returned::new(api, status))
    }

    /// The device finishes a pending request.
    pub(crate) fn complete<O: Observer>(
        &mut self,
        id: RequestId,
        status: NtStatus,
        information: u32,
        o: &mut O,
    ) {
        let Some(place) = self.requests.iter().position(|request| request.id == id) else {
            return;
        };
        let request = self.requests.remove(place);
        self.interrupt_issuer(request.thread, o);
        self.files[request.file.index()].pending -= 1;
        self.signal_file(request.file, o);
        o.rule(rules::PKT_10);
        self.report(request, status, information, None, o);
        self.close_file_if_unreferenced(request.file, o);
    }

    /// Where a dequeue is a loop, the completion of a request runs in its issuer and makes it look
    /// again, if it waits.
    fn interrupt_issuer<O: Observer>(&mut self, thread: ThreadId, o: &mut O) {
        let issuer = &self.threads[thread.index()];
        if issuer.state == ThreadState::Waiting
            && let Frame::Dequeue(dequeue) = issuer.frame
            && self.retries(o)
        {
            self.end_blocked_dequeue(thread, dequeue.port, DequeuePhase::Interrupted, o);
        }
    }

    /// A finished request makes a packet if its file has a port now, it has a context, and no APC
    /// was asked for (PKT-04).
    fn report<O: Observer>(
        &mut self,
        request: Request,
        status: NtStatus,
        information: u32,
        by: Option<ThreadId>,
        o: &mut O,
    ) {
        let association = self.files[request.file.index()].association;
        if request.apc {
            o.rule(rules::ASSOC_07);
            o.rule(rules::APC_08);
            if association.is_none() || !self.is_broken(Mutant::CompletionRoutineBecomesPacket, o) {
                let mut to = request.thread;
                if let Some(other) = self.waits_alertably_beside(to)
                    && self.is_broken(Mutant::RoutineRunsInAnyThread, o)
                {
                    to = other;
                }
                self.queue_user_apc(to, request.id.0, o);
                if association.is_none() || !self.is_broken(Mutant::CompletionRoutineAndPacket, o) {
                    return;
                }
            }
        }
        o.rule(rules::PKT_04);
        let Some(association) = association else {
            o.rule(rules::ASSOC_14);
            return;
        };
        if request.context == 0 {
            o.rule(rules::PKT_05);
            if !self.is_broken(Mutant::NullContextMakesPacket, o) {
                return;
            }
        }
        let failed_later = by.is_none() && status.is_error();
        if failed_later && self.is_broken(Mutant::FailedCompletionMakesNoPacket, o)
            || self.posts_fill_memory() && self.is_broken(Mutant::CompletionNeedsMemory, o)
        {
            return;
        }
        o.rule(rules::PKT_11);
        o.rule(rules::PKT_16);
        o.rule(rules::PKT_17);
        o.rule(rules::ASSOC_06);
        o.rule(rules::ASSOC_09);
        let mut packet = Packet {
            key: association.key,
            overlapped: request.context,
            information: information.into(),
            status,
            tag: 0,
            origin: Origin::Request,
        };
        if status != NtStatus::SUCCESS && self.is_broken(Mutant::CompletionAlwaysSucceeds, o) {
            packet.status = NtStatus::SUCCESS;
        }
        self.overwrite_queued(association.port, &packet, o);
        let (port, at_head) = (association.port, false);
        let insert = Insert {
            port,
            packet,
            at_head,
        };
        self.insert(insert, by, false, o);
        if self.is_broken(Mutant::CompletionMakesTwoPackets, o) {
            self.insert(insert, by, false, o);
        }
    }

    /// A request overwrites the `OVERLAPPED` of an earlier one: no concern of the packet that the
    /// earlier one has in the queue (PKT-17).
    fn overwrite_queued<O: Observer>(&mut self, port: PortId, packet: &Packet, o: &mut O) {
        let same = |queued: &Packet| {
            queued.origin == Origin::Request && queued.overlapped == packet.overlapped
        };
        if self.ports[port.index()].queue.iter().any(same)
            && self.is_broken(Mutant::PacketReadsItsOverlappedLate, o)
        {
            let queue = self.ports[port.index()].queue.iter_mut();
            for queued in queue.filter(|queued| same(queued)) {
                (queued.information, queued.status) = (packet.information, packet.status);
            }
        }
    }

    /// The file object goes with its last handle and its last request, and with it the reference
    /// to the port (ASSOC-15).
    fn close_file_if_unreferenced<O: Observer>(&mut self, file: FileId, o: &mut O) {
        let object = &mut self.files[file.index()];
        if object.handles == 0
            && object.pending == 0
            && let Some(association) = object.association.take()
        {
            o.rule(rules::ASSOC_15);
            self.drop_association(association, o);
        }
    }

    pub(crate) fn close_handle<O: Observer>(
        &mut self,
        process: ProcessId,
        handle: Handle,
        o: &mut O,
    ) -> Answer {
        let entry = self.processes[process.index()].close(handle)?;
        match entry.object {
            Object::Port(port) => {
                self.ports[port.index()].handles -= 1;
                if self.ports[port.index()].handles == 0
                    || self.is_broken(Mutant::FirstCloseEndsThePort, o)
                {
                    self.last_handle_closed(port, o);
                } else {
                    o.rule(rules::THR_10);
                    if self.is_broken(Mutant::AnyCloseEndsMembership, o) {
                        self.dissociate_all(port, true, o);
                        self.hand_off(port, o);
                    }
                }
            }
            Object::File(file) => {
                self.files[file.index()].handles -= 1;
                if self.files[file.index()].handles > 0 {
                    o.rule(rules::CLOSE_02);
                    if self.files[file.index()].pending > 0
                        && self.is_broken(Mutant::ClosingADuplicateCancels, o)
                    {
                        self.cancel_all(file, o);
                    }
                }
                self.close_file_if_unreferenced(file, o);
            }
            Object::Other(_) => {}
        }
        Ok(Value::Nothing)
    }

    /// Ends all requests of a file.
    fn cancel_all<O: Observer>(&mut self, file: FileId, o: &mut O) {
        while let Some(request) = self.requests.iter().find(|request| request.file == file) {
            self.complete(request.id, NtStatus::CANCELLED, 0, o);
        }
    }

    fn duplicate<O: Observer>(
        &mut self,
        process: ProcessId,
        handle: Handle,
        target: ProcessId,
        access: Option<Access>,
        close_source: bool,
        o: &mut O,
    ) -> Answer {
        let entry = self.processes[process.index()].get(handle)?;
        o.rule(rules::PORT_13);
        let access = access.map_or(entry.access, |access| self.mapped(access, o));
        if target.index() >= self.processes.len() {
            return Err(NtStatus::INVALID_HANDLE);
        }
        if target != process
            && matches!(entry.object, Object::Port(_))
            && self.is_broken(Mutant::PortStaysInItsProcess, o)
        {
            return Err(NtStatus::ACCESS_DENIED);
        }
        let mut object = entry.object;
        if let Object::File(file) = object {
            o.rule(rules::ASSOC_12);
            let original = self.files[file.index()];
            if original.association.is_some()
                && self.is_broken(Mutant::DuplicateLosesAssociation, o)
            {
                object = Object::File(self.new_file(original.overlapped)?);
            }
        }
        let new = self.open(target, object, access);
        if close_source {
            self.close_handle(process, handle, o)?;
        }
        Ok(Value::Handle(new))
    }

    /// The specific rights that a caller gets who asks for these (PORT-09).
    fn mapped<O: Observer>(&self, access: Access, o: &mut O) -> Access {
        o.rule(rules::PORT_09);
        let mapped = access.mapped();
        if mapped != access && self.is_broken(Mutant::GenericRightsMeanNothing, o) {
            return access.specific();
        }
        mapped
    }

    fn create_named_port<O: Observer>(
        &mut self,
        thread: ThreadId,
        name: Option<NameId>,
        access: Access,
        concurrency: u32,
        o: &mut O,
    ) -> Result<(NtStatus, Handle), NtStatus> {
        let process = self.threads[thread.index()].process;
        let access = self.mapped(access, o);
        if let Some(existing) = self.named(name)
            && !self.is_broken(Mutant::NamesAreIgnored, o)
        {
            o.rule(rules::PORT_12);
            if self.is_broken(Mutant::ExistingNameRefused, o) {
                return Err(NtStatus::OBJECT_NAME_COLLISION);
            }
            o.mutant(Mutant::LooseObjectManager);
            let handle = match self.semantics.object_manager {
                ObjectManager::Windows => self.open(process, Object::Port(existing), access),
                ObjectManager::Wine8 => Handle::NULL,
            };
            let status = match self.is_broken(Mutant::ExistingNameUnsaid, o) {
                true => NtStatus::SUCCESS,
                false => NtStatus::OBJECT_NAME_EXISTS,
            };
            return Ok((status, handle));
        }
        let handle = self.create_port_by(thread, name, access, concurrency, o)?;
        Ok((NtStatus::SUCCESS, handle))
    }

    fn open_named_port<O: Observer>(
        &mut self,
        process: ProcessId,
        name: Option<NameId>,
        access: Access,
        o: &mut O,
    ) -> Answer {
        o.rule(rules::PORT_12);
        if name.is_none() {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        let port = self.named(name).ok_or(NtStatus::OBJECT_NAME_NOT_FOUND)?;
        if access.0 == 0 {
            o.mutant(Mutant::LooseObjectManager);
            if self.semantics.object_manager == ObjectManager::Windows {
                return Err(NtStatus::ACCESS_DENIED);
            }
        }
        let access = self.mapped(access, o);
        Ok(Value::Handle(self.open(
            process,
            Object::Port(port),
            access,
        )))
    }

    fn named(&self, name: Option<NameId>) -> Option<PortId> {
        let name = name?;
        self.ports
            .iter()
            .position(|port| port.name == Some(name) && port.handles > 0)
            .and_then(PortId::new)
    }

    fn query<O: Observer>(
        &mut self,
        process: ProcessId,
        port: Handle,
        class: u32,
        length: u32,
        o: &mut O,
    ) -> Answer {
        o.rule(rules::PORT_11);
        if class != 0 && !self.is_broken(Mutant::QueryIgnoresClass, o) {
            o.mutant(Mutant::LooseObjectManager);
            return Err(match self.semantics.object_manager {
                ObjectManager::Windows => NtStatus::INVALID_INFO_CLASS,
                ObjectManager::Wine8 => NtStatus::INVALID_PARAMETER,
            });
        }
        if length != 4 && !self.is_broken(Mutant::QueryIgnoresLength, o) {
            return Err(NtStatus::INFO_LENGTH_MISMATCH);
        }
        let port = self.port_behind(process, port, Access::QUERY_STATE, o)?;
        let port = &self.ports[port.index()];
        let mut count = port.depth();
        if !port.waiters.is_empty() && self.is_broken(Mutant::DepthCountsWaiters, o) {
            count += port.waiters.len();
        }
        Ok(Value::Count(count as u32))
    }

    /// A post in any of its forms. `reserve`: the memory for it, if the caller brings it.
    fn post<O: Observer>(
        &mut self,
        thread: ThreadId,
        port: Handle,
        mut packet: Packet,
        reserve: Option<Handle>,
        o: &mut O,
    ) -> Answer {
        let process = self.threads[thread.index()].process;
        let port = match self.port_behind(process, port, Access::MODIFY_STATE, o) {
            Ok(port) => port,
            Err(status) => {
                o.rule(rules::POST_05);
                if self.is_broken(Mutant::PostToNoPortSucceeds, o) {
                    return Ok(Value::Nothing);
                }
                return Err(status);
            }
        };
        self.can_carry(port, &packet, o)?;
        if let Some(reserve) = reserve {
            o.rule(rules::POST_03);
            packet.origin = Origin::Reserve(self.take_reserve(process, reserve, o)?);
        } else {
            packet.origin = Origin::Posted;
            if self.posts_fill_memory() && !self.is_broken(Mutant::PostsNeedNoMemory, o) {
                o.rule(rules::PKT_15);
                if self.is_broken(Mutant::PostIsLostWithoutMemory, o) {
                    return Ok(Value::Nothing);
                }
                return Err(NtStatus::INSUFFICIENT_RESOURCES);
            }
        }
        o.rule(rules::CONC_10);
        o.rule(rules::THR_04);
        let mut frees_slot = false;
        if self.threads[thread.index()].port == Some(port) {
            o.rule(rules::POST_06);
            frees_slot = !self.ports[port.index()].waiters.is_empty()
                && self.is_broken(Mutant::PostFreesTheSlot, o);
        } else if self.is_broken(Mutant::PosterJoins, o) {
            self.join(thread, port, o);
        }
        if self.threads[thread.index()].counted && self.is_broken(Mutant::PostEndsTheWork, o) {
            self.stop_counting(thread, o);
        }
        let insert = Insert {
            port,
            packet,
            at_head: false,
        };
        if frees_slot {
            self.discount(thread);
        }
        let previous_depth = self.insert(insert, Some(thread), false, o);
        if frees_slot {
            self.count(thread);
        }
        Ok(Value::Count(previous_depth))
    }

    /// A port carries any packet that is posted, and looks at nothing in it (PKT-12).
    fn can_carry<O: Observer>(
        &self,
        port: PortId,
        packet: &Packet,
        o: &mut O,
    ) -> Result<(), NtStatus> {
        o.rule(rules::PKT_12);
        if packet.overlapped == 0 && self.is_broken(Mutant::NullOverlappedRefused, o) {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        o.rule(rules::POST_08);
        if packet.overlapped != 0 && self.is_broken(Mutant::PostProbesItsOverlapped, o) {
            return Err(NtStatus::ACCESS_VIOLATION);
        }
        o.rule(rules::POST_09);
        let known = Some(Association {
            port,
            key: packet.key,
        });
        if self.ports[port.index()].files > 0
            && !self.files.iter().any(|file| file.association == known)
            && self.is_broken(Mutant::PostNeedsTheKeyOfAFile, o)
        {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        Ok(())
    }

    /// Takes a reserve object for one packet (POST-03, POST-04).
    fn take_reserve<O: Observer>(
        &mut self,
        process: ProcessId,
        reserve: Handle,
        o: &mut O,
    ) -> Result<ObjectId, NtStatus> {
        let reserve = self.object_behind(process, reserve, o)?;
        match self.objects[reserve.index()].kind {
            Kind::Reserve {
                for_packets,
                in_use,
            } => {
                if !for_packets && !self.is_broken(Mutant::ReserveOfAnyKind, o) {
                    return Err(self.of_another_type(o));
                }
                if in_use && !self.is_broken(Mutant::ReserveIsNeverBusy, o) {
                    o.rule(rules::POST_04);
                    return Err(NtStatus::INVALID_PARAMETER);
                }
            }
            _ => return Err(self.of_another_type(o)),
        }
        if self.posts_fill_memory() && self.is_broken(Mutant::ReserveNeedsMemory, o) {
            return Err(NtStatus::INSUFFICIENT_RESOURCES);
        }
        self.set_reserve(reserve, true);
        Ok(reserve)
    }

    /// Is the memory for posted packets used up? Finished requests need none (PKT-16).
    fn posts_fill_memory(&self) -> bool {
        self.post_memory.is_some_and(|most| {
            let queued = self
                .ports
                .iter()
                .flat_map(|port| &port.queue)
                .filter(|packet| packet.origin == Origin::Posted);
            queued.count() as u64 >= u64::from(most)
        })
    }

    /// The four dequeue calls: their checks, and then the queue.
    #[inline]
    pub(crate) fn dequeue_call<O: Observer>(
        &mut self,
        thread: ThreadId,
        call: &Call,
        o: &mut O,
    ) -> Outcome {
        let (port, max, timeout, alertable) = match *call {
            Call::GetQueuedCompletionStatus { port, timeout }
            | Call::NtRemoveIoCompletion { port, timeout } => (port, 1, timeout, false),
            Call::GetQueuedCompletionStatusEx {
                port,
                count,
                timeout,
                alertable,
            }
            | Call::NtRemoveIoCompletionEx {
                port,
                count,
                timeout,
                alertable,
            } => (port, count, timeout, alertable),
            _ => return self.object_call(thread, call, o),
        };
        let api = call.api();
        let process = self.threads[thread.index()].process;
        if max == 0 {
            o.rule(rules::GQX_04);
            o.mutant(Mutant::EmptyBatchSucceeds);
            let status = match self.semantics.empty_batch {
                EmptyBatch::Refused => NtStatus::INVALID_PARAMETER,
                EmptyBatch::Succeeds => NtStatus::SUCCESS,
            };
            return Outcome::Returned(Returned::new(api, status));
        }
        let handle = port;
        match self.port_behind(process, port, Access::MODIFY_STATE, o) {
            Ok(port)
                if !self.ports[port.index()].waiters.is_empty()
                    && self.is_broken(Mutant::SecondDequeuerRefused, o) =>
            {
                Outcome::Returned(Returned::new(api, NtStatus::INVALID_PARAMETER))
            }
            Ok(port) => self.dequeue(
                thread,
                Dequeue {
                    api,
                    port,
                    handle,
                    max,
                    alertable,
                    timeout,
                    due: false,
                    phase: DequeuePhase::Blocked,
                },
                o,
            ),
            Err(mut status) => {
                o.rule(rules::GQ_11);
                if status == NtStatus::INVALID_HANDLE
                    && self.is_broken(Mutant::ClosedPortIsAbandoned, o)
                {
                    status = NtStatus::ABANDONED_WAIT_0;
                }
                Outcome::Returned(Returned::new(api, status))
            }
        }
    }

    /// `WaitForSingleObject` on a handle.
    pub(crate) fn wait_call<O: Observer>(
        &mut self,
        thread: ThreadId,
        object: Handle,
        timeout: Timeout,
        alertable: bool,
        o: &mut O,
    ) -> Outcome {
        let api = Api::WaitForSingleObject;
        let process = self.threads[thread.index()].process;
        let refused = |status| Outcome::Returned(Returned::new(api, status));
        let entry = match self.processes[process.index()].get(object) {
            Ok(entry) => entry,
            Err(status) => return refused(status),
        };
        if !entry.access.contains(Access::SYNCHRONIZE) {
            o.rule(rules::PORT_10);
            if !self.is_broken(Mutant::SynchronizeRightUnchecked, o) {
                return refused(NtStatus::ACCESS_DENIED);
            }
        }
        let target = match entry.object {
            Object::Port(port) => Target::Port(port),
            Object::File(file) => Target::File(file),
            Object::Other(object) => match self.objects[object.index()].kind {
                Kind::Reserve { .. } => return refused(NtStatus::OBJECT_TYPE_MISMATCH),
                _ => Target::Object(object),
            },
        };
        self.wait(
            thread,
            Wait {
                api,
                target,
                alertable,
                timeout,
                due: false,
                phase: WaitPhase::Blocked,
            },
            o,
        )
    }

    /// The calls that never block.
    pub(crate) fn object_call<O: Observer>(
        &mut self,
        thread: ThreadId,
        call: &Call,
        o: &mut O,
    ) -> Outcome {
        let process = self.threads[thread.index()].process;
        let mut success = NtStatus::SUCCESS;
        let answer = match *call {
            Call::CreateIoCompletionPort {
                file,
                existing,
                key,
                concurrency,
            } => self
                .create_io_completion_port(thread, file, existing, key, concurrency, o)
                .or_else(
                    |status| match self.is_broken(Mutant::FailureGivesMinusOne, o) {
                        true => Ok(Value::Handle(Handle::INVALID)),
                        false => Err(status),
                    },
                ),
            Call::NtCreateIoCompletion {
                name,
                access,
                concurrency,
            } => self
                .create_named_port(thread, name, access, concurrency, o)
                .map(|(status, handle)| {
                    success = status;
                    Value::Handle(handle)
                }),
            Call::NtOpenIoCompletion { name, access } => {
                self.open_named_port(process, name, access, o)
            }
            Call::NtQueryIoCompletion {
                port,
                class,
                length,
            } => self.query(process, port, class, length, o),
            Call::PostQueuedCompletionStatus { port, mut packet } => {
                o.rule(rules::POST_01);
                packet.status = NtStatus::SUCCESS;
                if packet.information != 0 && self.is_broken(Mutant::PostLosesItsBytes, o) {
                    packet.information = 0;
                }
                self.post(thread, port, packet, None, o)
            }
            Call::NtSetIoCompletion { port, mut packet } => {
                o.rule(rules::POST_02);
                if packet.status != NtStatus::SUCCESS
                    && self.is_broken(Mutant::PostedStatusIsSuccess, o)
                {
                    packet.status = NtStatus::SUCCESS;
                }
                self.post(thread, port, packet, None, o)
            }
            Call::NtSetIoCompletionEx {
                port,
                reserve,
                packet,
            } => self.post(thread, port, packet, Some(reserve), o),
            Call::NtAllocateReserveObject { for_packets } => self
                .create_object(
                    process,
                    Kind::Reserve {
                        for_packets,
                        in_use: false,
                    },
                )
                .map(|(handle, id)| Value::Object(handle, id)),
            Call::CreateFile { overlapped } => self
                .create_file(process, overlapped)
                .map(|(handle, id)| Value::File(handle, id)),
            Call::Request(arguments) => return self.request(thread, arguments, o),
            Call::NtSetInformationFile {
                file,
                port,
                key,
                replace,
            } => self
                .associate(process, file, port, key, replace, o)
                .map(|_| Value::Nothing),
            Call::CreateEvent { manual, signaled } => self
                .create_object(process, Kind::Event { manual, signaled })
                .map(|(handle, id)| Value::Object(handle, id)),
            Call::CreateSemaphore { count, maximum } => {
                if maximum == 0 || count > maximum {
                    Err(NtStatus::INVALID_PARAMETER)
                } else {
                    self.create_object(process, Kind::Semaphore { count, maximum })
                        .map(|(handle, id)| Value::Object(handle, id))
                }
            }
            Call::CreateMutex { owned } => self
                .create_object(
                    process,
                    Kind::Mutex {
                        owner: owned.then_some(thread),
                        recursion: owned.into(),
                        abandoned: false,
                    },
                )
                .map(|(handle, id)| Value::Object(handle, id)),
            Call::SetEvent(handle) => self.signal(process, handle, Signal::Set, thread, o),
            Call::ResetEvent(handle) => self.signal(process, handle, Signal::Reset, thread, o),
            Call::ReleaseSemaphore(handle) => {
                self.signal(process, handle, Signal::Release, thread, o)
            }
            Call::ReleaseMutex(handle) => self.signal(process, handle, Signal::GiveBack, thread, o),
            Call::CloseHandle(handle) => self.close_handle(process, handle, o),
            Call::DuplicateHandle {
                handle,
                target,
                access,
                close_source,
            } => self.duplicate(process, handle, target, access, close_source, o),
            _ => return Outcome::Returned(self.thread_call(thread, call, o)),
        };
        let (status, value) = match answer {
            Ok(value) => (success, value),
            Err(status) => (status, Value::Nothing),
        };
        Outcome::Returned(Returned::new(call.api(), status).with(value))
    }

    /// Changes an object to wait for, and releases whom that satisfies.
    fn signal<O: Observer>(
        &mut self,
        process: ProcessId,
        handle: Handle,
        signal: Signal,
        thread: ThreadId,
        o: &mut O,
    ) -> Answer {
        let object = self.object_behind(process, handle, o)?;
        match (&mut self.objects[object.index()].kind, signal) {
            (Kind::Event { signaled, .. }, Signal::Set) => *signaled = true,
            (Kind::Event { signaled, .. }, Signal::Reset) => *signaled = false,
            (Kind::Semaphore { count, maximum }, Signal::Release) => {
                if count == maximum {
                    return Err(NtStatus::SEMAPHORE_LIMIT_EXCEEDED);
                }
                *count += 1;
            }
            (
                Kind::Mutex {
                    owner, recursion, ..
                },
                Signal::GiveBack,
            ) => {
                if *owner != Some(thread) {
                    return Err(NtStatus::MUTANT_NOT_OWNED);
                }
                *recursion -= 1;
                if *recursion > 0 {
                    return Ok(Value::Nothing);
                }
                *owner = None;
            }
            _ => return Err(NtStatus::OBJECT_TYPE_MISMATCH),
        }
        self.release_waiters(object, o);
        Ok(Value::Nothing)
    }

    /// Is the port of any use to somebody with a handle?
    pub(crate) fn is_open(&self, port: PortId) -> bool {
        self.ports[port.index()].life == PortLife::Open
    }
}

/// What a call does to an object to wait for.
#[derive(Clone, Copy)]
enum Signal {
    Set,
    Reset,
    Release,
    GiveBack,
}
