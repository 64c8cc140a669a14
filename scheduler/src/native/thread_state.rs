//! Is that thread blocked?
//!
//! Windows tells: `NtQuerySystemInformation` gives each thread's state and wait reason, and only a
//! dequeue waits for the reason `WrQueue`.
//!
//! Wine 8 has the same call and fills in zeros. But every wait of a Wine thread is a read of 16
//! bytes from its wait pipe, which begins after the server has put the thread into its lists; and
//! Linux shows the system call in which a thread is. So there the recorder asks Linux, with system
//! calls of its own. That is done only where it was tried (Wine 8 on x86-64: a newer Wine may take
//! such a call for one of Windows), and only after a test with a thread of which the answer is
//! known.

use super::{objects::refused, run::Thread, system::Ntdll};
use std::{
    ptr,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};
use windows_sys::Win32::{
    Foundation::{CloseHandle, HANDLE},
    System::Threading::{
        CreateEventW, CreateThread, GetCurrentProcessId, GetCurrentThreadId, INFINITE, SetEvent,
        Sleep, WaitForSingleObject,
    },
};

/// What a look at a thread shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seen {
    /// It waits, for this reason.
    Waits(Reason),
    /// It is suspended.
    Suspended,
    /// It does not wait.
    Runs,
    /// Nobody can tell.
    Unknown,
}

/// Why a thread waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reason {
    /// For a packet.
    Queue,
    /// For anything else.
    Other,
    /// The kernel does not say.
    Untold,
}

/// `KWAIT_REASON`.
mod reason {
    pub(super) const SUSPENDED: u32 = 5;
    pub(super) const WR_SUSPENDED: u32 = 12;
    pub(super) const WR_QUEUE: u32 = 15;
}

/// `KTHREAD_STATE`: waiting.
const WAITING: u32 = 5;

/// How threads are looked at.
pub(super) enum Eyes {
    /// The kernel tells.
    Kernel(Table),
    /// Linux tells.
    #[cfg(target_arch = "x86_64")]
    Linux,
    /// Nobody does.
    None,
}

/// How a thread is known to those who can look at it.
#[derive(Default)]
pub(super) struct Ids {
    windows: AtomicU32,
    linux: AtomicU32,
}

impl Ids {
    /// Notes the ids of the calling thread.
    pub(super) fn note(&self, eyes_are_linux: bool) {
        // SAFETY: takes nothing.
        self.windows
            .store(unsafe { GetCurrentThreadId() }, Ordering::Release);
        #[cfg(target_arch = "x86_64")]
        if eyes_are_linux {
            self.linux.store(linux::thread_id(), Ordering::Release);
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = eyes_are_linux;
    }
}

impl Eyes {
    /// The best way to look at threads that works here.
    pub(super) fn open(ntdll: &Ntdll) -> Self {
        let wine = ntdll.wine();
        let kernel = Self::Kernel(Table::new(*ntdll));
        if wine.is_none() {
            return kernel.tested();
        }
        #[cfg(target_arch = "x86_64")]
        if wine.is_some_and(|version| version.starts_with("8.")) {
            return Self::Linux.tested();
        }
        Self::None
    }

    pub(super) fn are_linux(&self) -> bool {
        #[cfg(target_arch = "x86_64")]
        if let Self::Linux = self {
            return true;
        }
        false
    }

    /// In words, for the provenance.
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Kernel(_) => "states of threads seen by NtQuerySystemInformation",
            #[cfg(target_arch = "x86_64")]
            Self::Linux => "states of threads seen in Linux's /proc/self/task",
            Self::None => "states of threads not seen, but waited for",
        }
    }

    /// What was seen before does not count any more.
    pub(super) fn blink(&mut self) {
        if let Self::Kernel(table) = self {
            table.fresh = false;
        }
    }

    /// Looks at a thread.
    pub(super) fn look(&mut self, thread: &Thread) -> Seen {
        self.look_at(&thread.ids)
    }

    fn look_at(&mut self, ids: &Ids) -> Seen {
        match self {
            Self::Kernel(table) => table.look(ids.windows.load(Ordering::Acquire)),
            #[cfg(target_arch = "x86_64")]
            Self::Linux => linux::look(ids.linux.load(Ordering::Acquire)),
            Self::None => Seen::Unknown,
        }
    }

    /// These eyes, if they see right.
    fn tested(mut self) -> Self {
        match self.test() {
            Ok(true) => self,
            _ => Self::None,
        }
    }

    /// Is a thread that spins seen to run, and one that waits to wait?
    fn test(&mut self) -> Result<bool, super::RecordError> {
        // SAFETY: no name, no attributes.
        let event = unsafe { CreateEventW(ptr::null(), 0, 0, ptr::null()) };
        if event.is_null() {
            return Err(refused("create an event", 0));
        }
        let subject: &'static Subject = Box::leak(Box::new(Subject {
            ids: Ids::default(),
            linux: self.are_linux(),
            event: event as usize,
            stage: AtomicU32::new(0),
        }));
        // SAFETY: `subject` lives for ever, and `wait_once` takes just that.
        let thread = unsafe {
            CreateThread(
                ptr::null(),
                0,
                Some(wait_once),
                ptr::from_ref(subject).cast(),
                0,
                ptr::null_mut(),
            )
        };
        if thread.is_null() {
            return Err(refused("create a thread", 0));
        }
        let spins = self.comes_to(subject, 1, |seen| seen == Seen::Runs);
        subject.stage.store(2, Ordering::Release);
        let waits = self.comes_to(subject, 3, |seen| {
            matches!(seen, Seen::Waits(Reason::Other | Reason::Untold))
        });
        // SAFETY: the handles are open, and nobody else uses them.
        unsafe {
            SetEvent(event);
            WaitForSingleObject(thread, 1000);
            CloseHandle(thread);
            CloseHandle(event);
        }
        Ok(spins && waits)
    }

    fn comes_to(&mut self, subject: &Subject, stage: u32, is: impl Fn(Seen) -> bool) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            self.blink();
            if subject.stage.load(Ordering::Acquire) == stage && is(self.look_at(&subject.ids)) {
                return true;
            }
            // SAFETY: takes a number.
            unsafe { Sleep(1) };
        }
        false
    }
}

/// A thread of which it is known what it does.
struct Subject {
    ids: Ids,
    linux: bool,
    event: usize,
    /// 1: it spins; 2: it shall wait; 3: it is about to.
    stage: AtomicU32,
}

unsafe extern "system" fn wait_once(subject: *mut core::ffi::c_void) -> u32 {
    // SAFETY: `test` passes a subject that lives for ever.
    let subject = unsafe { &*subject.cast::<Subject>() };
    subject.ids.note(subject.linux);
    subject.stage.store(1, Ordering::Release);
    while subject.stage.load(Ordering::Acquire) == 1 {
        std::hint::spin_loop();
    }
    subject.stage.store(3, Ordering::Release);
    // SAFETY: `test` closes the event only after this thread has ended, or never uses it again.
    unsafe { WaitForSingleObject(subject.event as HANDLE, INFINITE) };
    0
}

/// The states of this process's threads, as the kernel tells them.
pub(super) struct Table {
    ntdll: Ntdll,
    /// Aligned for the structures in it.
    buffer: Vec<u64>,
    /// Id, state, reason.
    threads: Vec<(u32, u32, u32)>,
    fresh: bool,
}

/// `SYSTEM_PROCESS_INFORMATION`.
#[repr(C)]
#[derive(Clone, Copy)]
struct ProcessRow {
    next: u32,
    threads: u32,
    _times: [u64; 6],
    _name: [usize; 2],
    _priority: i32,
    id: usize,
    _parent: usize,
    _handles: [u32; 2],
    _key: usize,
    _virtual: [usize; 2],
    _faults: u32,
    _memory: [usize; 9],
    _transfers: [i64; 6],
}

/// `SYSTEM_THREAD_INFORMATION`.
#[repr(C)]
#[derive(Clone, Copy)]
struct ThreadRow {
    _times: [i64; 3],
    _waited: u32,
    _start: usize,
    _process: usize,
    id: usize,
    _priorities: [i32; 2],
    _switches: u32,
    state: u32,
    reason: u32,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<ProcessRow>() == 0x100 && size_of::<ThreadRow>() == 0x50);
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<ProcessRow>() == 0xB8 && size_of::<ThreadRow>() == 0x40);

impl Table {
    fn new(ntdll: Ntdll) -> Self {
        Self {
            ntdll,
            buffer: vec![0; 64 * 1024],
            threads: Vec::new(),
            fresh: false,
        }
    }

    fn look(&mut self, thread: u32) -> Seen {
        if !self.fresh && !self.read() {
            return Seen::Unknown;
        }
        self.fresh = true;
        match self.threads.iter().find(|(id, ..)| *id == thread) {
            Some((_, WAITING, reason::SUSPENDED | reason::WR_SUSPENDED)) => Seen::Suspended,
            Some((_, WAITING, reason::WR_QUEUE)) => Seen::Waits(Reason::Queue),
            Some((_, WAITING, _)) => Seen::Waits(Reason::Other),
            Some(_) => Seen::Runs,
            None => Seen::Unknown,
        }
    }

    /// Reads the states of all threads of this process.
    fn read(&mut self) -> bool {
        /// `SystemProcessInformation`.
        const CLASS: u32 = 5;
        const LENGTH_MISMATCH: i32 = 0xC000_0004_u32 as i32;
        const MOST_WORDS: usize = 16 << 20;
        let Some(ask) = self.ntdll.system_information else {
            return false;
        };
        loop {
            let bytes = size_of_val(&*self.buffer);
            let mut used = 0;
            // SAFETY: the buffer is as long as is said.
            let status = unsafe {
                ask(
                    CLASS,
                    self.buffer.as_mut_ptr().cast(),
                    u32::try_from(bytes).unwrap_or(u32::MAX),
                    &mut used,
                )
            };
            match status {
                0 => break,
                LENGTH_MISMATCH if self.buffer.len() < MOST_WORDS => {
                    let words = self.buffer.len() * 2;
                    self.buffer.resize(words, 0);
                }
                _ => return false,
            }
        }
        self.collect();
        true
    }

    fn collect(&mut self) {
        self.threads.clear();
        // SAFETY: takes nothing.
        let own = unsafe { GetCurrentProcessId() } as usize;
        let mut at = 0;
        while let Some(process) = self.row::<ProcessRow>(at) {
            if process.id == own {
                for index in 0..process.threads as usize {
                    let at = at + size_of::<ProcessRow>() + index * size_of::<ThreadRow>();
                    let Some(thread) = self.row::<ThreadRow>(at) else {
                        return;
                    };
                    // Thread ids fit into 32 bits, as `GetCurrentThreadId` has it.
                    let id = thread.id as u32;
                    self.threads.push((id, thread.state, thread.reason));
                }
                return;
            }
            if process.next == 0 {
                return;
            }
            at += process.next as usize;
        }
    }

    fn row<T: Copy>(&self, at: usize) -> Option<T> {
        let bytes = size_of_val(&*self.buffer);
        if at.checked_add(size_of::<T>())? > bytes {
            return None;
        }
        // SAFETY: it lies inside the buffer, and any bytes make a row, which is all integers.
        Some(unsafe { ptr::read_unaligned(self.buffer.as_ptr().cast::<u8>().add(at).cast()) })
    }
}

/// System calls of Linux, from inside Wine.
#[cfg(target_arch = "x86_64")]
mod linux {
    use super::{Reason, Seen};
    use std::arch::asm;

    const READ: usize = 0;
    const OPEN: usize = 2;
    const CLOSE: usize = 3;
    const GETTID: usize = 186;

    const CLOEXEC: usize = 0x80000;

    /// # Safety
    /// The process must run on Linux, and the arguments be right for the call.
    unsafe fn call(number: usize, a: usize, b: usize, c: usize) -> isize {
        let result;
        // SAFETY: the caller's promise; Linux changes rax, rcx and r11 and no other register.
        unsafe {
            asm!(
                "syscall",
                inlateout("rax") number as isize => result,
                in("rdi") a,
                in("rsi") b,
                in("rdx") c,
                lateout("rcx") _,
                lateout("r11") _,
                options(nostack),
            );
        }
        result
    }

    /// Linux's id of the calling thread. Only under Wine.
    pub(super) fn thread_id() -> u32 {
        // SAFETY: it takes nothing, and `Eyes::Linux` exist only under Wine on Linux.
        let id = unsafe { call(GETTID, 0, 0, 0) };
        u32::try_from(id).unwrap_or(0)
    }

    /// What this thread does, by the system call that it is in.
    pub(super) fn look(thread: u32) -> Seen {
        let mut path = *b"/proc/self/task/0000000000/syscall\0";
        let mut rest = thread;
        // Leading zeros would make another name, so the digits go from the left.
        let mut digits = [0; 10];
        let mut first = digits.len();
        loop {
            first -= 1;
            digits[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        let digits = &digits[first..];
        let start = "/proc/self/task/".len();
        let end = start + digits.len();
        path[start..end].copy_from_slice(digits);
        let tail = b"/syscall\0";
        path[end..end + tail.len()].copy_from_slice(tail);

        let mut line = [0; 160];
        // SAFETY: the path ends in a zero, and the buffer is as long as is said.
        let length = unsafe {
            let file = call(OPEN, path.as_ptr() as usize, CLOEXEC, 0);
            let Ok(file) = usize::try_from(file) else {
                return Seen::Unknown;
            };
            let length = call(READ, file, line.as_mut_ptr() as usize, line.len());
            call(CLOSE, file, 0, 0);
            length
        };
        let Ok(length) = usize::try_from(length) else {
            return Seen::Unknown;
        };
        read(&line[..length.min(line.len())])
    }

    /// Reads a line of `/proc/PID/task/TID/syscall`: "running", or the number of the system call
    /// and its arguments in hexadecimal.
    fn read(line: &[u8]) -> Seen {
        /// The waits of Wine that do not go through its server: `Sleep`.
        const SLEEPS: [&[u8]; 6] = [b"7", b"23", b"35", b"230", b"270", b"271"];
        let mut words = line.split(|byte| *byte == b' ' || *byte == b'\n');
        let number = words.next().unwrap_or_default();
        let length = words.nth(2).unwrap_or_default();
        // A read of 16 bytes is from the wait pipe; an answer of the server has another length.
        if (number == b"0" && length == b"0x10") || SLEEPS.contains(&number) {
            Seen::Waits(Reason::Untold)
        } else {
            Seen::Runs
        }
    }
}
