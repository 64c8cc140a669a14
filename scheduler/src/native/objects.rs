//! Handles, the pipes that serve as files, and the requests on them.
//!
//! The value of a handle says nothing about which object it is for. The recorder must know that a
//! thread waits on *this* port whatever handle it used, so each object that a program makes gets a
//! number, its *thing*; 0 is none.

use super::{Failure, MOST_BYTES, RecordError, log::Log};
use iocp_model::{NameId, NtStatus};
use std::{
    cell::UnsafeCell,
    ptr,
    sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};
use windows_sys::Win32::{
    Foundation::{
        CloseHandle, GENERIC_READ, GENERIC_WRITE, GetLastError, HANDLE, INVALID_HANDLE_VALUE,
    },
    Storage::FileSystem::{
        CreateFileW, FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, OPEN_EXISTING,
        PIPE_ACCESS_DUPLEX, WriteFile,
    },
    System::{
        IO::{CancelIoEx, OVERLAPPED},
        Pipes::{CreateNamedPipeW, PIPE_READMODE_MESSAGE, PIPE_TYPE_MESSAGE, PIPE_WAIT},
        Threading::GetCurrentProcessId,
    },
};

/// The number of an object; 0 is none.
pub(super) type Thing = u32;

/// The handle variables and the objects behind them.
pub(super) struct Objects {
    /// The value of each variable.
    values: Box<[AtomicUsize]>,
    /// What each variable is for; 0 if its handle is closed.
    things: Box<[AtomicU32]>,
    /// The next number.
    next: AtomicU32,
    /// The other end of a thing that is a file.
    peers: Box<[AtomicUsize]>,
    /// What each name in the object manager's namespace is for.
    names: Box<[AtomicU32]>,
    /// Numbers the pipes.
    pipes: AtomicU32,
}

fn fresh<T, N: Fn() -> T>(count: usize, new: N) -> Box<[T]> {
    (0..count).map(|_| new()).collect()
}

impl Objects {
    pub(super) fn new(variables: usize, names: usize, most: u32) -> Self {
        let objects = Self {
            values: fresh(variables, || AtomicUsize::new(0)),
            things: fresh(variables, || AtomicU32::new(0)),
            next: AtomicU32::new(1),
            peers: fresh(most as usize + 1, || AtomicUsize::new(0)),
            names: fresh(names, || AtomicU32::new(0)),
            pipes: AtomicU32::new(0),
        };
        objects.values[crate::program::INVALID]
            .store(INVALID_HANDLE_VALUE as usize, Ordering::Relaxed);
        objects
    }

    /// The handle that a variable holds.
    pub(super) fn handle(&self, variable: u32) -> HANDLE {
        self.values[variable as usize].load(Ordering::Acquire) as HANDLE
    }

    /// The object that a variable's handle is for.
    pub(super) fn thing(&self, variable: usize) -> Thing {
        self.things[variable].load(Ordering::Acquire)
    }

    /// A number for a new object.
    pub(super) fn number(&self) -> Result<Thing, Failure> {
        let thing = self.next.fetch_add(1, Ordering::Relaxed);
        match (thing as usize) < self.peers.len() {
            true => Ok(thing),
            false => Err(Failure::Objects),
        }
    }

    /// The variable holds this handle from now on. So does every other one with the same value.
    pub(super) fn bind(&self, variable: usize, handle: HANDLE, thing: Thing) {
        let value = handle as usize;
        self.values[variable].store(value, Ordering::Release);
        self.mark(value, thing);
    }

    /// No variable with this value is for anything any more.
    pub(super) fn closed(&self, handle: HANDLE) {
        self.mark(handle as usize, 0);
    }

    fn mark(&self, value: usize, thing: Thing) {
        for (known, place) in self.values.iter().zip(&self.things) {
            if value != 0 && known.load(Ordering::Acquire) == value {
                place.store(thing, Ordering::Release);
            }
        }
    }

    /// What a name is for.
    pub(super) fn named(&self, name: Option<NameId>) -> Thing {
        name.and_then(|name| self.names.get(name.index()))
            .map_or(0, |place| place.load(Ordering::Acquire))
    }

    /// What a name is for from now on.
    pub(super) fn set_named(&self, name: Option<NameId>, thing: Thing) {
        if let Some(place) = name.and_then(|name| self.names.get(name.index())) {
            place.store(thing, Ordering::Release);
        }
    }

    /// Makes a file: a pipe whose other end stays here. `Err` is the last error.
    pub(super) fn file(&self, overlapped: bool) -> Result<(HANDLE, HANDLE), u32> {
        let number = self.pipes.fetch_add(1, Ordering::Relaxed);
        // SAFETY: takes nothing.
        let process = unsafe { GetCurrentProcessId() };
        let mut name = Text::default();
        name.push(r"\\.\pipe\iocp-lab-");
        name.digits(process);
        name.push("-");
        name.digits(number);
        let mode = PIPE_ACCESS_DUPLEX
            | FILE_FLAG_FIRST_PIPE_INSTANCE
            | if overlapped { FILE_FLAG_OVERLAPPED } else { 0 };
        // Messages: a read takes one write, and a write of no bytes is a message, too.
        let kind = PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT;
        // SAFETY: the name ends in a zero; no security attributes.
        unsafe {
            let file = CreateNamedPipeW(
                name.as_ptr(),
                mode,
                kind,
                1,
                MOST_BYTES,
                MOST_BYTES,
                0,
                ptr::null(),
            );
            if file == INVALID_HANDLE_VALUE {
                return Err(GetLastError());
            }
            let peer = CreateFileW(
                name.as_ptr(),
                GENERIC_READ | GENERIC_WRITE,
                0,
                ptr::null(),
                OPEN_EXISTING,
                0,
                ptr::null_mut(),
            );
            if peer == INVALID_HANDLE_VALUE {
                return Err(GetLastError());
            }
            Ok((file, peer))
        }
    }

    /// This is the other end of the file.
    pub(super) fn set_peer(&self, file: Thing, peer: HANDLE) {
        self.peers[file as usize].store(peer as usize, Ordering::Release);
    }

    /// Closes the other end of the file: what pends on it and what comes later ends with
    /// `STATUS_PIPE_BROKEN`.
    pub(super) fn hang_up(&self, file: Thing) {
        let peer = self.peers[file as usize].swap(0, Ordering::AcqRel);
        if peer != 0 {
            // SAFETY: the recorder's own handle, which nobody else gets from now on.
            unsafe { CloseHandle(peer as HANDLE) };
        }
    }

    /// Writes so many bytes into the other end of the file, as its device.
    pub(super) fn write(&self, file: Thing, scratch: &Scratch, bytes: u32) -> Result<(), Failure> {
        let peer = self.peers[file as usize].load(Ordering::Acquire) as HANDLE;
        let mut written = 0;
        // SAFETY: the buffer is as long as is said, since `bytes` is at most MOST_BYTES (the
        // capabilities), and lives for ever.
        let done = unsafe {
            WriteFile(
                peer,
                scratch.address().cast_const(),
                bytes.min(MOST_BYTES),
                &mut written,
                ptr::null_mut(),
            )
        };
        if done == 0 {
            return Err(Failure::Peer);
        }
        Ok(())
    }
}

/// A buffer into which all reads go and from which all writes come: what is in it matters to
/// nobody.
pub(super) struct Scratch(Box<[UnsafeCell<u8>]>);

// SAFETY: no Rust code reads or writes the bytes; only the kernel does.
unsafe impl Sync for Scratch {}

impl Scratch {
    pub(super) fn new() -> Self {
        Self((0..MOST_BYTES).map(|_| UnsafeCell::new(0)).collect())
    }

    pub(super) fn address(&self) -> *mut u8 {
        self.0.as_ptr().cast_mut().cast()
    }
}

/// A request on a file. Each issue gets one of its own, which is never used again, so that no
/// kernel ever writes into somebody else's.
#[repr(C)]
pub(super) struct Request {
    /// First, so that its address is the request's.
    overlapped: UnsafeCell<OVERLAPPED>,
    /// The number that stands for its address in the scenario.
    number: AtomicU64,
    /// Its file.
    file: AtomicU32,
    state: AtomicU32,
    /// The log of the thread that issued it, and its number among those of the run: what its
    /// completion routine notes.
    log: AtomicPtr<Log>,
    id: AtomicU32,
}

const PENDING: u32 = 1;
const FINISHED: u32 = 2;

// SAFETY: `overlapped` is the kernel's from the issue on; no Rust code reads it, and only the
// issuing thread writes it, before the issue.
unsafe impl Sync for Request {}

impl Request {
    /// Its `OVERLAPPED`, for the kernel.
    pub(super) fn address(&self) -> *mut OVERLAPPED {
        self.overlapped.get()
    }

    /// Has the kernel filled in how it ended?
    pub(super) fn is_done(&self) -> bool {
        let status = self.overlapped.get().cast::<u32>();
        // SAFETY: an OVERLAPPED begins with the status. The kernel may write it at any time, which
        // a volatile read allows for.
        unsafe { ptr::read_volatile(status) != NtStatus::PENDING.0 }
    }
}

/// All requests.
pub(super) struct Requests {
    all: Box<[Request]>,
    used: AtomicU32,
    /// The number of the next request that pends; the model counts from 1.
    next_id: AtomicU32,
}

impl Requests {
    pub(super) fn new(most: u32) -> Self {
        Self {
            all: fresh(most as usize, || Request {
                overlapped: UnsafeCell::new(OVERLAPPED::default()),
                number: AtomicU64::new(0),
                file: AtomicU32::new(0),
                state: AtomicU32::new(0),
                log: AtomicPtr::new(ptr::null_mut()),
                id: AtomicU32::new(0),
            }),
            used: AtomicU32::new(0),
            next_id: AtomicU32::new(1),
        }
    }

    /// A fresh request.
    pub(super) fn issue(&self, file: Thing, number: u64, log: &Log) -> Result<&Request, Failure> {
        let index = self.used.fetch_add(1, Ordering::Relaxed);
        let request = self.all.get(index as usize).ok_or(Failure::Requests)?;
        request.number.store(number, Ordering::Relaxed);
        request.file.store(file, Ordering::Relaxed);
        request
            .log
            .store(ptr::from_ref(log).cast_mut(), Ordering::Release);
        Ok(request)
    }

    /// The device has taken it and not finished.
    pub(super) fn pends(&self, request: &Request) {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        request.id.store(id, Ordering::Relaxed);
        request.state.store(PENDING, Ordering::Release);
    }

    fn oldest(&self, file: Thing) -> Option<&Request> {
        let used = self.used.load(Ordering::Acquire) as usize;
        self.all.iter().take(used).find(|request| {
            request.state.load(Ordering::Acquire) == PENDING
                && request.file.load(Ordering::Relaxed) == file
        })
    }

    /// Does a request pend on this file?
    pub(super) fn any(&self, file: Thing) -> bool {
        file != 0 && self.oldest(file).is_some()
    }

    /// Takes the oldest request that pends on this file, to finish it.
    pub(super) fn take(&self, file: Thing) -> Option<&Request> {
        loop {
            let request = self.oldest(file)?;
            let taken = request.state.compare_exchange(
                PENDING,
                FINISHED,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            if taken.is_ok() {
                return Some(request);
            }
        }
    }

    /// The number that stands for this address in the scenario; a number that is no request's
    /// address stands for itself.
    pub(super) fn number_of(&self, address: usize) -> u64 {
        let first = self.all.as_ptr() as usize;
        let index = address.wrapping_sub(first) / size_of::<Request>();
        match self.all.get(index) {
            Some(request) if request.address() as usize == address => {
                request.number.load(Ordering::Acquire)
            }
            _ => address as u64,
        }
    }
}

/// Cancels a request.
pub(super) fn cancel(file: HANDLE, request: &Request) {
    // SAFETY: the `OVERLAPPED` is only looked for by its address.
    unsafe { CancelIoEx(file, request.address()) };
}

/// The completion routine of `ReadFileEx`: the thread that issued the request notes its number.
pub(super) unsafe extern "system" fn completed(
    _error: u32,
    _bytes: u32,
    overlapped: *mut OVERLAPPED,
) {
    // SAFETY: the recorder gives this routine only with the `OVERLAPPED` at the start of a
    // `Request`, and those live for ever.
    let request = unsafe { &*overlapped.cast::<Request>() };
    request.state.store(FINISHED, Ordering::Release);
    // SAFETY: the log lives for ever, and the routine runs in the thread whose log it is.
    unsafe { (*request.log.load(Ordering::Acquire)).apc(request.id.load(Ordering::Relaxed)) };
}

/// A short text for Windows, put together without memory from the heap.
pub(super) struct Text {
    units: [u16; 96],
    length: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            units: [0; 96],
            length: 0,
        }
    }
}

impl Text {
    /// Appends plain ASCII; what finds no room is left out.
    pub(super) fn push(&mut self, text: &str) {
        for byte in text.bytes() {
            // The last unit stays zero.
            if self.length + 1 < self.units.len() {
                self.units[self.length] = byte.into();
                self.length += 1;
            }
        }
    }

    pub(super) fn digits(&mut self, number: u32) {
        let mut digits = [0; 10];
        let mut first = digits.len();
        let mut rest = number;
        loop {
            first -= 1;
            digits[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.push(std::str::from_utf8(&digits[first..]).unwrap_or_default());
    }

    pub(super) fn as_ptr(&self) -> *const u16 {
        self.units.as_ptr()
    }

    /// Without the zero.
    pub(super) fn len(&self) -> usize {
        self.length
    }
}

/// The other ends and handles made at the start may be refused.
pub(super) fn refused(what: &str, error: u32) -> RecordError {
    RecordError::Refused {
        what: what.to_owned(),
        error,
    }
}
