//! The system below: which functions `ntdll` has, and whose `ntdll` it is.

use iocp_traces::Producer;
use std::{
    ffi::{CStr, c_char, c_void},
    mem,
};
use windows_sys::{
    Wdk::Foundation::OBJECT_ATTRIBUTES,
    Win32::{
        Foundation::{FARPROC, HANDLE},
        System::{
            IO::IO_STATUS_BLOCK,
            LibraryLoader::{GetModuleHandleA, GetProcAddress},
            SystemInformation::{GetSystemInfo, OSVERSIONINFOW, SYSTEM_INFO},
        },
    },
};

/// `FILE_IO_COMPLETION_INFORMATION`: an entry of `NtRemoveIoCompletionEx`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Removed {
    pub(super) key: usize,
    pub(super) context: usize,
    pub(super) status: IO_STATUS_BLOCK,
}

/// The address of a function of `ntdll`; the name ends in a zero.
fn address(name: &CStr) -> FARPROC {
    // SAFETY: both names end in a zero, and `ntdll` is in every process and never unloaded.
    unsafe {
        let ntdll = GetModuleHandleA(c"ntdll.dll".as_ptr().cast());
        GetProcAddress(ntdll, name.as_ptr().cast())
    }
}

macro_rules! functions {
    ($($name:ident = $spelled:literal ($($argument:ty),*) -> $result:ty;)*) => {
        /// Functions of `ntdll`. They are looked up by name, since not every system has all.
        #[derive(Clone, Copy)]
        pub(super) struct Ntdll {
            $(pub(super) $name: Option<unsafe extern "system" fn($($argument),*) -> $result>,)*
        }

        impl Ntdll {
            pub(super) fn load() -> Self {
                Self {
                    // SAFETY: the type is the one that the function of this name has.
                    $($name: unsafe {
                        mem::transmute::<
                            FARPROC,
                            Option<unsafe extern "system" fn($($argument),*) -> $result>,
                        >(address($spelled))
                    },)*
                }
            }
        }
    };
}

functions! {
    create = c"NtCreateIoCompletion" (*mut HANDLE, u32, *const OBJECT_ATTRIBUTES, u32) -> i32;
    open = c"NtOpenIoCompletion" (*mut HANDLE, u32, *const OBJECT_ATTRIBUTES) -> i32;
    query = c"NtQueryIoCompletion" (HANDLE, u32, *mut c_void, u32, *mut u32) -> i32;
    remove = c"NtRemoveIoCompletion"
        (HANDLE, *mut usize, *mut usize, *mut IO_STATUS_BLOCK, *const i64) -> i32;
    remove_ex = c"NtRemoveIoCompletionEx"
        (HANDLE, *mut Removed, u32, *mut u32, *const i64, u8) -> i32;
    set = c"NtSetIoCompletion" (HANDLE, usize, usize, i32, usize) -> i32;
    set_ex = c"NtSetIoCompletionEx" (HANDLE, HANDLE, usize, usize, i32, usize) -> i32;
    reserve = c"NtAllocateReserveObject" (*mut HANDLE, *const OBJECT_ATTRIBUTES, u32) -> i32;
    set_information = c"NtSetInformationFile"
        (HANDLE, *mut IO_STATUS_BLOCK, *const c_void, u32, u32) -> i32;
    read = c"NtReadFile"
        (HANDLE, HANDLE, *const c_void, *const c_void, *mut IO_STATUS_BLOCK, *mut c_void, u32,
         *const i64, *const u32) -> i32;
    system_information = c"NtQuerySystemInformation" (u32, *mut c_void, u32, *mut u32) -> i32;
    to_win32 = c"RtlNtStatusToDosError" (i32) -> u32;
    last_status = c"RtlGetLastNtStatus" () -> i32;
    version = c"RtlGetVersion" (*mut OSVERSIONINFOW) -> i32;
    wine_version = c"wine_get_version" () -> *const c_char;
}

impl Ntdll {
    /// Wine's version; `None` on Windows.
    ///
    /// A build of Wine can hide the function that tells its version, but not how it reaches its
    /// own kernel.
    pub(super) fn wine(&self) -> Option<String> {
        if let Some(version) = self.wine_version {
            // SAFETY: it takes nothing and returns a text that is never freed.
            let version = unsafe { CStr::from_ptr(version()) };
            return Some(version.to_string_lossy().into_owned());
        }
        let others = [
            c"wine_get_host_version",
            c"wine_get_build_id",
            c"__wine_unix_call",
            c"__wine_unix_call_dispatcher",
            c"__wine_syscall_dispatcher",
            c"wine_server_call",
        ];
        others
            .into_iter()
            .any(|name| address(name).is_some())
            .then(|| "unknown".to_owned())
    }

    /// Who is it that we record?
    pub(super) fn producer(&self) -> Producer {
        let recorder = env!("CARGO_PKG_VERSION").to_owned();
        let mut version = OSVERSIONINFOW {
            dwOSVersionInfoSize: mem::size_of::<OSVERSIONINFOW>() as u32,
            ..OSVERSIONINFOW::default()
        };
        if let Some(tell) = self.version {
            // SAFETY: the pointer is to a live structure that says how large it is.
            unsafe { tell(&mut version) };
        }
        let build = format!(
            "{}.{}.{}",
            version.dwMajorVersion, version.dwMinorVersion, version.dwBuildNumber
        );
        match self.wine() {
            Some(version) => Producer::Wine {
                version,
                claims: build,
                recorder,
            },
            None => Producer::Windows { build, recorder },
        }
    }
}

/// The kernel that a recording made here would be of.
pub fn producer() -> Producer {
    Ntdll::load().producer()
}

/// The number of processors of this machine.
pub fn processors() -> u32 {
    let mut info = SYSTEM_INFO::default();
    // SAFETY: the pointer is to a live structure.
    unsafe { GetSystemInfo(&mut info) };
    info.dwNumberOfProcessors
}
