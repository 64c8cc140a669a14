//! The calls and their results: what [`SeenResult::of`](iocp_traces::SeenResult::of) shows of the
//! model's results, taken from what the kernel's callers get.

use super::{
    Failure,
    log::{Answer, Log},
    objects::{Text, completed},
    run::Run,
    system::Removed,
    worker::Worker,
};
use crate::program::CallOp;
use iocp_model::{
    Access, Call, DeviceAnswer, NameId, NtStatus, Packet, RequestArguments, ThreadId, Timeout,
};
use iocp_traces::{Number, SeenPacket};
use std::{mem::size_of, ptr};
use windows_sys::{
    Wdk::Foundation::OBJECT_ATTRIBUTES,
    Win32::{
        Foundation::{
            CloseHandle, DUPLICATE_CLOSE_SOURCE, DUPLICATE_SAME_ACCESS, DuplicateHandle,
            ERROR_ACCESS_DENIED, ERROR_INVALID_HANDLE, ERROR_IO_PENDING, GetLastError, HANDLE,
            INVALID_HANDLE_VALUE, SetLastError, UNICODE_STRING, WAIT_FAILED, WAIT_IO_COMPLETION,
        },
        Storage::FileSystem::{ReadFile, ReadFileEx},
        System::{
            IO::{
                CreateIoCompletionPort, GetQueuedCompletionStatus, GetQueuedCompletionStatusEx,
                IO_STATUS_BLOCK, OVERLAPPED, OVERLAPPED_ENTRY, PostQueuedCompletionStatus,
            },
            Threading::{
                CreateEventW, CreateMutexW, CreateSemaphoreW, GetCurrentProcess, INFINITE,
                QueueUserAPC, ReleaseMutex, ReleaseSemaphore, ResetEvent, ResumeThread, SetEvent,
                Sleep, SleepEx, SuspendThread, TerminateThread, WaitForSingleObject,
                WaitForSingleObjectEx,
            },
        },
    },
};

/// What the last error is before a call: a call that fails and does not set it shows.
const NO_ERROR_YET: u32 = 0xDEAD_BEEF;
/// What the places for results hold before a call: a key that no scenario uses.
const NO_KEY: usize = 0x5EA1_1D0C_5EA1_1D0C_u64 as usize;
const NO_BYTES: u32 = 0x5EA1_1D0C;

/// What a queued APC notes, and where.
pub(super) struct ApcNote {
    pub(super) thread: ThreadId,
    pub(super) apc: u32,
    pub(super) log: *const Log,
}

/// The routine of `QueueUserAPC`.
unsafe extern "system" fn apc(note: usize) {
    // SAFETY: the recorder queues this routine only with the address of a note that lives for
    // ever, and to the thread whose log it names.
    unsafe {
        let note = &*(note as *const ApcNote);
        (*note.log).apc(note.apc);
    }
}

/// The result of a Win32 call. To be asked for right after it.
fn win32(success: bool) -> Answer {
    // SAFETY: takes nothing.
    let error = unsafe { GetLastError() };
    Answer {
        success,
        last_error: (!success).then_some(error),
        ..Answer::default()
    }
}

/// The same of a call that leaves the last error alone when it succeeds (GQ-04): if it does not,
/// that shows.
fn win32_quiet(success: bool) -> Answer {
    // SAFETY: takes nothing.
    let error = unsafe { GetLastError() };
    Answer {
        success,
        last_error: (!success || error != NO_ERROR_YET).then_some(error),
        ..Answer::default()
    }
}

/// The result of a call of the NT layer.
fn nt(status: i32) -> Answer {
    Answer {
        success: status >= 0,
        status: Some(status as u32),
        ..Answer::default()
    }
}

fn milliseconds(timeout: Timeout, ns: u64) -> u32 {
    match timeout {
        Timeout::Infinite => INFINITE,
        Timeout::Zero => 0,
        // A time-out is never early (TMO-01), so a part of a millisecond is a whole one.
        Timeout::Finite => u32::try_from(ns.div_ceil(1_000_000))
            .unwrap_or(INFINITE - 1)
            .min(INFINITE - 1),
    }
}

/// A relative time of the NT layer: negative, in units of 100 ns; `None` for ever.
fn relative(timeout: Timeout, ns: u64) -> Option<i64> {
    match timeout {
        Timeout::Infinite => None,
        Timeout::Zero => Some(0),
        // At most 49 days, far within the range.
        Timeout::Finite => Some(-(ns.div_ceil(100) as i64)),
    }
}

fn pointer<T>(value: &Option<T>) -> *const T {
    value.as_ref().map_or(ptr::null(), ptr::from_ref)
}

/// The object attributes for a name in the object manager's namespace.
#[derive(Default)]
struct Named {
    text: Text,
    name: UNICODE_STRING,
    attributes: OBJECT_ATTRIBUTES,
}

impl Named {
    const CASE_INSENSITIVE: u32 = 0x40;
    const OPEN_IF: u32 = 0x80;

    /// The attributes; null without a name. They point into `self`, which must stay where it is.
    fn point(&mut self, run: &Run, name: Option<NameId>, flags: u32) -> *const OBJECT_ATTRIBUTES {
        let Some(name) = name else {
            return ptr::null();
        };
        self.text.push(&run.directory);
        self.text.digits(name.index() as u32);
        let bytes = (self.text.len() * 2) as u16;
        self.name = UNICODE_STRING {
            Length: bytes,
            MaximumLength: bytes,
            Buffer: self.text.as_ptr().cast_mut(),
        };
        self.attributes = OBJECT_ATTRIBUTES {
            Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
            ObjectName: &self.name,
            Attributes: Self::CASE_INSENSITIVE | flags,
            ..OBJECT_ATTRIBUTES::default()
        };
        &self.attributes
    }
}

impl Worker<'_> {
    /// Makes the call.
    pub(super) fn make(&mut self, op: &CallOp) -> Result<Answer, Failure> {
        // SAFETY: takes a number.
        unsafe { SetLastError(NO_ERROR_YET) };
        match op.call {
            Call::GetQueuedCompletionStatus { port, timeout } => {
                self.get(self.handle(port.0), milliseconds(timeout, op.timeout_ns))
            }
            Call::GetQueuedCompletionStatusEx {
                port,
                count,
                timeout,
                alertable,
            } => {
                let timeout = milliseconds(timeout, op.timeout_ns);
                self.get_ex(self.handle(port.0), count, timeout, alertable)
            }
            Call::NtRemoveIoCompletion { port, timeout } => {
                self.remove(self.handle(port.0), relative(timeout, op.timeout_ns))
            }
            Call::NtRemoveIoCompletionEx {
                port,
                count,
                timeout,
                alertable,
            } => {
                let timeout = relative(timeout, op.timeout_ns);
                self.remove_ex(self.handle(port.0), count, timeout, alertable)
            }
            Call::PostQueuedCompletionStatus { port, packet } => {
                let key = self.local.numbered(op, packet.key) as usize;
                let overlapped = packet.overlapped as *const OVERLAPPED;
                let port = self.handle(port.0);
                // SAFETY: the kernel passes key and pointer on and looks at neither.
                let posted = unsafe {
                    PostQueuedCompletionStatus(port, packet.information as u32, key, overlapped)
                };
                Ok(win32(posted != 0))
            }
            Call::NtSetIoCompletion { port, packet } => {
                let set = self.run.ntdll.set.ok_or(Failure::Missing)?;
                let (key, context, status, bytes) = self.packet(op, &packet);
                // SAFETY: plain numbers.
                Ok(nt(unsafe {
                    set(self.handle(port.0), key, context, status, bytes)
                }))
            }
            Call::NtSetIoCompletionEx {
                port,
                reserve,
                packet,
            } => {
                let set = self.run.ntdll.set_ex.ok_or(Failure::Missing)?;
                let (key, context, status, bytes) = self.packet(op, &packet);
                let (port, reserve) = (self.handle(port.0), self.handle(reserve.0));
                // SAFETY: plain numbers.
                Ok(nt(unsafe {
                    set(port, reserve, key, context, status, bytes)
                }))
            }
            Call::NtQueryIoCompletion {
                port,
                class,
                length,
            } => self.query(self.handle(port.0), class, length),
            Call::CreateIoCompletionPort {
                file,
                existing,
                key,
                concurrency,
            } => {
                let known = existing.0 as usize;
                let (file, existing) = (self.handle(file.0), self.handle(existing.0));
                // SAFETY: handles and numbers.
                let port =
                    unsafe { CreateIoCompletionPort(file, existing, key as usize, concurrency) };
                let answer = win32(!port.is_null());
                let thing = match port == existing {
                    true => self.run.objects.thing(known),
                    false => 0,
                };
                self.bind(op, port, answer, thing)
            }
            Call::NtCreateIoCompletion {
                name,
                access,
                concurrency,
            } => self.create(op, name, access, concurrency),
            Call::NtOpenIoCompletion { name, access } => self.open(op, name, access),
            Call::NtAllocateReserveObject { for_packets } => {
                let reserve = self.run.ntdll.reserve.ok_or(Failure::Missing)?;
                let mut handle = ptr::null_mut();
                // SAFETY: the pointer is to a live handle.
                let answer =
                    nt(unsafe { reserve(&mut handle, ptr::null(), u32::from(for_packets)) });
                self.bind(op, handle, answer, 0)
            }
            Call::CreateFile { overlapped } => match self.run.objects.file(overlapped) {
                Ok((file, peer)) => {
                    let thing = self.run.objects.number()?;
                    self.run.objects.set_peer(thing, peer);
                    let success = Answer {
                        success: true,
                        ..Answer::default()
                    };
                    self.bind(op, file, success, thing)
                }
                Err(error) => Ok(Answer {
                    last_error: Some(error),
                    ..Answer::default()
                }),
            },
            Call::Request(arguments) => self.read(&arguments),
            Call::NtSetInformationFile {
                file,
                port,
                key,
                replace,
            } => {
                let set = self.run.ntdll.set_information.ok_or(Failure::Missing)?;
                // `FILE_COMPLETION_INFORMATION`
                let information = [self.handle(port.0) as usize, key as usize];
                let mut done = IO_STATUS_BLOCK::default();
                // SAFETY: the pointers are to live structures of the length that is said.
                Ok(nt(unsafe {
                    set(
                        self.handle(file.0),
                        &mut done,
                        information.as_ptr().cast(),
                        size_of_val(&information) as u32,
                        if replace { 61 } else { 30 },
                    )
                }))
            }
            Call::CreateEvent { manual, signaled } => {
                // SAFETY: handles and numbers, which the kernel checks.
                let event = unsafe {
                    CreateEventW(ptr::null(), manual.into(), signaled.into(), ptr::null())
                };
                let answer = win32(!event.is_null());
                self.bind(op, event, answer, 0)
            }
            Call::CreateSemaphore { count, maximum } => {
                let (count, maximum) = (count as i32, maximum as i32);
                // SAFETY: handles and numbers, which the kernel checks.
                let semaphore =
                    unsafe { CreateSemaphoreW(ptr::null(), count, maximum, ptr::null()) };
                let answer = win32(!semaphore.is_null());
                self.bind(op, semaphore, answer, 0)
            }
            Call::CreateMutex { owned } => {
                // SAFETY: handles and numbers, which the kernel checks.
                let mutex = unsafe { CreateMutexW(ptr::null(), owned.into(), ptr::null()) };
                let answer = win32(!mutex.is_null());
                self.bind(op, mutex, answer, 0)
            }
            Call::SetEvent(event) => {
                // SAFETY: handles and numbers, which the kernel checks.
                Ok(win32(unsafe { SetEvent(self.handle(event.0)) } != 0))
            }
            Call::ResetEvent(event) => {
                // SAFETY: handles and numbers, which the kernel checks.
                Ok(win32(unsafe { ResetEvent(self.handle(event.0)) } != 0))
            }
            Call::ReleaseSemaphore(semaphore) => {
                let semaphore = self.handle(semaphore.0);
                // SAFETY: handles and numbers, which the kernel checks.
                Ok(win32(
                    unsafe { ReleaseSemaphore(semaphore, 1, ptr::null_mut()) } != 0,
                ))
            }
            Call::ReleaseMutex(mutex) => {
                // SAFETY: handles and numbers, which the kernel checks.
                Ok(win32(unsafe { ReleaseMutex(self.handle(mutex.0)) } != 0))
            }
            Call::WaitForSingleObject {
                object,
                timeout,
                alertable,
            } => {
                let timeout = milliseconds(timeout, op.timeout_ns);
                let object = self.handle(object.0);
                // SAFETY: handles and numbers, which the kernel checks.
                let result = unsafe { WaitForSingleObjectEx(object, timeout, alertable.into()) };
                Ok(self.waited(result))
            }
            Call::WaitForThread { thread, timeout } => {
                let timeout = milliseconds(timeout, op.timeout_ns);
                // SAFETY: handles and numbers, which the kernel checks.
                let result = unsafe { WaitForSingleObject(self.thread(thread), timeout) };
                Ok(self.waited(result))
            }
            Call::Sleep { timeout, alertable } => {
                let timeout = match &op.law {
                    Some(law) => self.draw_sleep(law),
                    None => milliseconds(timeout, op.timeout_ns),
                };
                let mut result = 0;
                // SAFETY: takes numbers.
                unsafe {
                    match alertable {
                        true => result = SleepEx(timeout, 1),
                        false => Sleep(timeout),
                    }
                }
                Ok(nt(match result {
                    WAIT_IO_COMPLETION => NtStatus::USER_APC.0 as i32,
                    _ => 0,
                }))
            }
            Call::QueueUserApc {
                thread,
                apc: number,
            } => {
                let note = self
                    .run
                    .apcs
                    .iter()
                    .find(|note| note.thread == thread && note.apc == number)
                    .ok_or(Failure::Apcs)?;
                let target = self.thread(thread);
                // SAFETY: the note lives for ever and names the target's log.
                let queued =
                    unsafe { QueueUserAPC(Some(apc), target, ptr::from_ref(note) as usize) };
                Ok(win32(queued != 0))
            }
            Call::SuspendThread(thread) => {
                // A thread that suspends itself is suspended before its call returns.
                let target = &self.run.threads[thread.index()];
                let itself = thread == self.id;
                if itself {
                    target.note_suspension();
                }
                // SAFETY: a thread handle with all rights. What the thread was doing is the
                // scenario's concern: it holds no lock of the recorder, which has none.
                let previous = unsafe { SuspendThread(self.thread(thread)) };
                let answer = win32(previous != u32::MAX);
                match (itself, answer.success) {
                    (false, true) => target.note_suspension(),
                    (true, false) => target.note_resumption(),
                    _ => {}
                }
                Ok(with_count(answer, previous))
            }
            Call::ResumeThread(thread) => {
                // SAFETY: a thread handle with all rights.
                let previous = unsafe { ResumeThread(self.thread(thread)) };
                let answer = win32(previous != u32::MAX);
                if answer.success && previous > 0 {
                    self.run.threads[thread.index()].note_resumption();
                }
                Ok(with_count(answer, previous))
            }
            Call::TerminateThread(thread) => {
                // SAFETY: a thread handle with all rights. The thread's stack and what it was
                // doing are lost; it holds no lock of the recorder, which has none, and the
                // process ends soon.
                Ok(win32(
                    unsafe { TerminateThread(self.thread(thread), 0) } != 0,
                ))
            }
            Call::CloseHandle(object) => {
                let variable = object.0 as usize;
                let handle = self.handle(object.0);
                let thing = self.run.objects.thing(variable);
                self.run.objects.closed(handle);
                // SAFETY: the scenario asks for it; the recorder's own handles are not in its
                // variables.
                let answer = win32(unsafe { CloseHandle(handle) } != 0);
                if !answer.success && thing != 0 {
                    self.run.objects.bind(variable, handle, thing);
                }
                Ok(answer)
            }
            Call::DuplicateHandle {
                handle,
                access,
                close_source,
                ..
            } => {
                let thing = self.run.objects.thing(handle.0 as usize);
                let source = self.handle(handle.0);
                let mut options = if access.is_none() {
                    DUPLICATE_SAME_ACCESS
                } else {
                    0
                };
                if close_source {
                    options |= DUPLICATE_CLOSE_SOURCE;
                    self.run.objects.closed(source);
                }
                let mut copy = ptr::null_mut();
                // SAFETY: the pointer is to a live handle; handles and numbers.
                let copied = unsafe {
                    let process = GetCurrentProcess();
                    let rights = access.map_or(0, |access| access.0);
                    DuplicateHandle(process, source, process, &mut copy, rights, 0, options)
                };
                let answer = win32(copied != 0);
                self.bind(op, copy, answer, thing)
            }
            // A program's ExitThread is its end; nothing compiles to the other.
            Call::ExitThread | Call::WaitOutside { .. } => Err(Failure::Missing),
        }
    }

    fn handle(&self, variable: u32) -> HANDLE {
        self.run.objects.handle(variable)
    }

    fn thread(&self, thread: ThreadId) -> HANDLE {
        self.run.threads[thread.index()].handle()
    }

    /// Keeps the handle that a call gave; `thing` is its object, 0 for a new one.
    fn bind(
        &self,
        op: &CallOp,
        handle: HANDLE,
        answer: Answer,
        thing: u32,
    ) -> Result<Answer, Failure> {
        if let (Some(variable), true) = (op.bind, answer.success) {
            let thing = match thing {
                0 => self.run.objects.number()?,
                thing => thing,
            };
            self.run.objects.bind(variable, handle, thing);
        }
        Ok(answer)
    }

    fn packet(&self, op: &CallOp, packet: &Packet) -> (usize, usize, i32, usize) {
        (
            self.local.numbered(op, packet.key) as usize,
            packet.overlapped as usize,
            packet.status.0 as i32,
            packet.information as usize,
        )
    }

    fn seen(&self, key: usize, context: usize, bytes: u64, status: Option<u32>) -> SeenPacket {
        SeenPacket {
            key: Number(key as u64),
            overlapped: Number(self.run.requests.number_of(context)),
            bytes: Number(bytes),
            status,
        }
    }

    fn get(&mut self, port: HANDLE, timeout: u32) -> Result<Answer, Failure> {
        let (mut bytes, mut key) = (NO_BYTES, NO_KEY);
        let mut overlapped = NO_KEY as *mut OVERLAPPED;
        // SAFETY: the pointers are to live variables.
        let got = unsafe {
            GetQueuedCompletionStatus(port, &mut bytes, &mut key, &mut overlapped, timeout)
        };
        let answer = win32_quiet(got != 0);
        // Without a packet the pointer is made null and the rest is left alone (GQ-03). With one
        // whose pointer is null itself the rest is written, though it may say FALSE (GQ-02).
        let untouched = key == NO_KEY && bytes == NO_BYTES;
        let nothing = overlapped.is_null() || overlapped as usize == NO_KEY;
        if answer.success || !(untouched && nothing) {
            let packet = self.seen(key, overlapped as usize, bytes.into(), None);
            self.note(packet)?;
        }
        Ok(answer)
    }

    fn get_ex(
        &mut self,
        port: HANDLE,
        count: u16,
        timeout: u32,
        alertable: bool,
    ) -> Result<Answer, Failure> {
        let room = usize::from(count).min(self.entries.len());
        self.entries[..room].fill(OVERLAPPED_ENTRY::default());
        let mut removed = 0;
        // SAFETY: there is room for `count` entries: the worker has made it for the greatest of
        // its program.
        let got = unsafe {
            GetQueuedCompletionStatusEx(
                port,
                self.entries.as_mut_ptr(),
                count.into(),
                &mut removed,
                timeout,
                alertable.into(),
            )
        };
        let answer = win32(got != 0);
        if answer.success {
            for index in 0..room.min(removed as usize) {
                let entry = self.entries[index];
                let packet = self.seen(
                    entry.lpCompletionKey,
                    entry.lpOverlapped as usize,
                    entry.dwNumberOfBytesTransferred.into(),
                    Some(entry.Internal as u32),
                );
                self.note(packet)?;
            }
        }
        Ok(answer)
    }

    fn remove(&mut self, port: HANDLE, timeout: Option<i64>) -> Result<Answer, Failure> {
        let remove = self.run.ntdll.remove.ok_or(Failure::Missing)?;
        let (mut key, mut context) = (NO_KEY, NO_KEY);
        let mut done = IO_STATUS_BLOCK::default();
        // SAFETY: the pointers are to live variables; a null time-out waits for ever.
        let status = unsafe { remove(port, &mut key, &mut context, &mut done, pointer(&timeout)) };
        if status == 0 {
            // SAFETY: any bits are a status.
            let of_packet = unsafe { done.Anonymous.Status } as u32;
            let packet = self.seen(key, context, done.Information as u64, Some(of_packet));
            self.note(packet)?;
        }
        Ok(nt(status))
    }

    fn remove_ex(
        &mut self,
        port: HANDLE,
        count: u16,
        timeout: Option<i64>,
        alertable: bool,
    ) -> Result<Answer, Failure> {
        let remove = self.run.ntdll.remove_ex.ok_or(Failure::Missing)?;
        let room = usize::from(count).min(self.removed.len());
        self.removed[..room].fill(Removed::default());
        let mut removed = 0;
        // SAFETY: there is room for `count` entries, as for the Win32 form.
        let status = unsafe {
            remove(
                port,
                self.removed.as_mut_ptr(),
                count.into(),
                &mut removed,
                pointer(&timeout),
                alertable.into(),
            )
        };
        if status == 0 {
            for index in 0..room.min(removed as usize) {
                let entry = self.removed[index];
                // SAFETY: any bits are a status.
                let of_packet = unsafe { entry.status.Anonymous.Status } as u32;
                let bytes = entry.status.Information as u64;
                let packet = self.seen(entry.key, entry.context, bytes, Some(of_packet));
                self.note(packet)?;
            }
        }
        Ok(nt(status))
    }

    fn note(&self, packet: SeenPacket) -> Result<(), Failure> {
        // SAFETY: this is the thread whose log it is.
        unsafe { self.me.log.packet(packet) }
    }

    fn query(&self, port: HANDLE, class: u32, length: u32) -> Result<Answer, Failure> {
        let query = self.run.ntdll.query.ok_or(Failure::Missing)?;
        let mut depth = [0_u32; 16];
        let place = match length as usize <= size_of_val(&depth) {
            true => depth.as_mut_ptr().cast(),
            false => self.run.scratch.address().cast(),
        };
        // SAFETY: the buffer has room for `length` bytes (the capabilities bound it).
        let answer = nt(unsafe { query(port, class, place, length, ptr::null_mut()) });
        Ok(Answer {
            count: (answer.status == Some(0)).then_some(depth[0]),
            ..answer
        })
    }

    fn create(
        &self,
        op: &CallOp,
        name: Option<NameId>,
        access: Access,
        concurrency: u32,
    ) -> Result<Answer, Failure> {
        let create = self.run.ntdll.create.ok_or(Failure::Missing)?;
        let mut named = Named::default();
        let attributes = named.point(self.run, name, Named::OPEN_IF);
        let mut handle = ptr::null_mut();
        // SAFETY: the pointers are to live variables, or null.
        let status = unsafe { create(&mut handle, access.0, attributes, concurrency) };
        let existed = status as u32 == NtStatus::OBJECT_NAME_EXISTS.0;
        let thing = match existed {
            true => self.run.objects.named(name),
            false => self.run.objects.number()?,
        };
        if status >= 0 {
            self.run.objects.set_named(name, thing);
        }
        self.bind(op, handle, nt(status), thing)
    }

    fn open(&self, op: &CallOp, name: Option<NameId>, access: Access) -> Result<Answer, Failure> {
        let open = self.run.ntdll.open.ok_or(Failure::Missing)?;
        let mut named = Named::default();
        let attributes = named.point(self.run, name, 0);
        let mut handle = ptr::null_mut();
        // SAFETY: the pointers are to live variables, or null.
        let status = unsafe { open(&mut handle, access.0, attributes) };
        self.bind(op, handle, nt(status), self.run.objects.named(name))
    }

    fn read(&self, arguments: &RequestArguments) -> Result<Answer, Failure> {
        let file = self.handle(arguments.file.0);
        let thing = self.run.objects.thing(arguments.file.0 as usize);
        let requests = &self.run.requests;
        let request = requests.issue(thing, arguments.context, &self.me.log)?;
        let buffer = self.run.scratch.address();
        let length = super::MOST_BYTES;
        let overlapped = request.address();
        if arguments.apc {
            // SAFETY: the buffer is as long as is said, and it and the request live for ever.
            let read = unsafe { ReadFileEx(file, buffer, length, overlapped, Some(completed)) };
            let answer = win32(read != 0);
            if answer.success && arguments.answer == DeviceAnswer::Pending {
                requests.pends(request);
            }
            return Ok(answer);
        }
        let answer = if arguments.context == 0 {
            // Without an OVERLAPPED, `ReadFile` refuses an overlapped file. The NT layer takes the
            // request, with no context: it will make no packet (PKT-05).
            let read = self.run.ntdll.read.ok_or(Failure::Missing)?;
            let offset = 0_i64;
            // SAFETY: as above. An OVERLAPPED begins with an IO_STATUS_BLOCK.
            let status = unsafe {
                read(
                    file,
                    ptr::null_mut(),
                    ptr::null(),
                    ptr::null(),
                    overlapped.cast(),
                    buffer.cast(),
                    length,
                    &offset,
                    ptr::null(),
                )
            };
            let success = status >= 0 && status as u32 != NtStatus::PENDING.0;
            let to_win32 = self.run.ntdll.to_win32.ok_or(Failure::Missing)?;
            Answer {
                success,
                // SAFETY: takes a number.
                last_error: (!success).then(|| unsafe { to_win32(status) }),
                ..Answer::default()
            }
        } else {
            // SAFETY: as above.
            let read = unsafe { ReadFile(file, buffer, length, ptr::null_mut(), overlapped) };
            win32(read != 0)
        };
        if answer.last_error == Some(ERROR_IO_PENDING) {
            requests.pends(request);
        }
        Ok(answer)
    }

    /// The result of a wait as a status. To be asked for right after it.
    fn waited(&self, result: u32) -> Answer {
        if result != WAIT_FAILED {
            return Answer {
                success: matches!(
                    NtStatus(result),
                    NtStatus::SUCCESS | NtStatus::ABANDONED_WAIT_0
                ),
                // The values of WAIT_TIMEOUT and its like are those of the statuses.
                ..nt(result as i32)
            };
        }
        let answer = win32(false);
        Answer {
            status: Some(self.status_of(answer.last_error.unwrap_or_default())),
            ..answer
        }
    }

    /// The status behind a last error: the one that the thread keeps, if it is of that error.
    fn status_of(&self, error: u32) -> u32 {
        if let (Some(last), Some(to_win32)) = (self.run.ntdll.last_status, self.run.ntdll.to_win32)
        {
            // SAFETY: takes nothing.
            let status = unsafe { last() };
            // SAFETY: takes a number.
            if status < 0 && unsafe { to_win32(status) } == error {
                return status as u32;
            }
        }
        match error {
            ERROR_INVALID_HANDLE => NtStatus::INVALID_HANDLE.0,
            ERROR_ACCESS_DENIED => NtStatus::ACCESS_DENIED.0,
            _ => NtStatus::INVALID_PARAMETER.0,
        }
    }
}

fn with_count(answer: Answer, count: u32) -> Answer {
    Answer {
        count: answer.success.then_some(count),
        ..answer
    }
}

/// Makes what the workload declares; not part of the recording. `None` if it was refused.
pub(super) fn event(manual: bool, signaled: bool) -> Option<HANDLE> {
    // SAFETY: no name and no attributes.
    let event = unsafe { CreateEventW(ptr::null(), manual.into(), signaled.into(), ptr::null()) };
    (!event.is_null()).then_some(event)
}

pub(super) fn semaphore(count: u32, maximum: u32) -> Option<HANDLE> {
    // SAFETY: no name and no attributes.
    let semaphore =
        unsafe { CreateSemaphoreW(ptr::null(), count as i32, maximum as i32, ptr::null()) };
    (!semaphore.is_null()).then_some(semaphore)
}

pub(super) fn mutex() -> Option<HANDLE> {
    // SAFETY: no name and no attributes.
    let mutex = unsafe { CreateMutexW(ptr::null(), 0, ptr::null()) };
    (!mutex.is_null()).then_some(mutex)
}

pub(super) fn port(concurrency: u32) -> Option<HANDLE> {
    // SAFETY: handles and numbers.
    let port =
        unsafe { CreateIoCompletionPort(INVALID_HANDLE_VALUE, ptr::null_mut(), 0, concurrency) };
    (!port.is_null()).then_some(port)
}

pub(super) fn associate(file: HANDLE, port: HANDLE, key: u64) -> bool {
    // SAFETY: handles and numbers.
    unsafe { !CreateIoCompletionPort(file, port, key as usize, 0).is_null() }
}
