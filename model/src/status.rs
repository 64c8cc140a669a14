//! The two languages in which Windows reports a result: `NTSTATUS` below, Win32 error codes above.

use core::fmt;

/// A result of the NT layer. The two top bits are its severity: success, informational, warning,
/// error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
pub struct NtStatus(pub u32);

/// A last-error code of the Win32 layer, as `GetLastError` returns it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
pub struct Win32Error(pub u32);

/// One table for the constant, its name, its value and the Win32 error that it becomes.
macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $value:literal => $error:literal;)*) => {
        impl NtStatus {
            $($(#[$doc])* pub const $name: NtStatus = NtStatus($value);)*

            /// Microsoft's name for the status, where the model knows one.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(concat!("STATUS_", stringify!($name))),)*
                    _ => None,
                }
            }

            /// The Win32 error for this status (`RtlNtStatusToDosError`), as far as the rules in
            /// the book need it; an unknown status becomes `ERROR_MR_MID_NOT_FOUND` (317), as it
            /// does on Windows.
            pub const fn to_win32(self) -> Win32Error {
                match self.0 {
                    $($value => Win32Error($error),)*
                    _ => Win32Error(317),
                }
            }
        }
    };
}

statuses! {
    /// The operation succeeded. A satisfied wait returns it too (`WAIT_OBJECT_0`).
    SUCCESS = 0 => 0;
    /// The object waited on was abandoned: a mutex whose owner ended, or a queue run down.
    ABANDONED_WAIT_0 = 0x80 => 735;
    /// A user APC ended the wait.
    USER_APC = 0xC0 => 192;
    /// A kernel APC interrupted the wait.
    KERNEL_APC = 0x100 => 0;
    /// The time-out ran out.
    TIMEOUT = 0x102 => 258;
    /// The operation is under way.
    PENDING = 0x103 => 997;
    /// A directory changed in more ways than the buffer could hold.
    NOTIFY_ENUM_DIR = 0x10C => 1022;
    /// An object of this name existed and was opened.
    OBJECT_NAME_EXISTS = 0x4000_0000 => 698;
    /// There was no other thread to yield to.
    NO_YIELD_PERFORMED = 0x4000_0024 => 721;
    /// The data did not fit: a warning, with as much as did fit.
    BUFFER_OVERFLOW = 0x8000_0005 => 234;
    /// It failed, and that is all that is said.
    UNSUCCESSFUL = 0xC000_0001 => 31;
    /// Not implemented.
    NOT_IMPLEMENTED = 0xC000_0002 => 1;
    /// The information class does not exist.
    INVALID_INFO_CLASS = 0xC000_0003 => 87;
    /// The buffer's length is not that of the information class.
    INFO_LENGTH_MISMATCH = 0xC000_0004 => 24;
    /// A pointer points nowhere.
    ACCESS_VIOLATION = 0xC000_0005 => 998;
    /// No such handle in this process.
    INVALID_HANDLE = 0xC000_0008 => 6;
    /// An argument is not allowed.
    INVALID_PARAMETER = 0xC000_000D => 87;
    /// The device does not know the request.
    INVALID_DEVICE_REQUEST = 0xC000_0010 => 1;
    /// Nothing left to read.
    END_OF_FILE = 0xC000_0011 => 38;
    /// The handle does not carry the right that the call needs.
    ACCESS_DENIED = 0xC000_0022 => 5;
    /// The buffer is too small.
    BUFFER_TOO_SMALL = 0xC000_0023 => 122;
    /// The handle is of an object of another type.
    OBJECT_TYPE_MISMATCH = 0xC000_0024 => 6;
    /// This kind of object takes no name, or not this one.
    OBJECT_NAME_INVALID = 0xC000_0033 => 123;
    /// No object of this name.
    OBJECT_NAME_NOT_FOUND = 0xC000_0034 => 2;
    /// There is an object of this name already.
    OBJECT_NAME_COLLISION = 0xC000_0035 => 183;
    /// The mutex is not the caller's to release.
    MUTANT_NOT_OWNED = 0xC000_0046 => 288;
    /// The semaphore would exceed its maximum.
    SEMAPHORE_LIMIT_EXCEEDED = 0xC000_0047 => 298;
    /// The thread cannot be suspended more often.
    SUSPEND_COUNT_EXCEEDED = 0xC000_004A => 156;
    /// The thread is ending or has ended.
    THREAD_IS_TERMINATING = 0xC000_004B => 5;
    /// No memory for what the call needs.
    INSUFFICIENT_RESOURCES = 0xC000_009A => 1450;
    /// The device took too long.
    IO_TIMEOUT = 0xC000_00B5 => 121;
    /// The other end of the pipe is open already.
    PIPE_CONNECTED = 0xC000_00B2 => 535;
    /// The request is not supported.
    NOT_SUPPORTED = 0xC000_00BB => 50;
    /// The buffer cannot be used.
    INVALID_USER_BUFFER = 0xC000_00E8 => 1784;
    /// The request was cancelled.
    CANCELLED = 0xC000_0120 => 995;
    /// The connection was reset on this side.
    LOCAL_DISCONNECT = 0xC000_013B => 64;
    /// The other end of the pipe is gone.
    PIPE_BROKEN = 0xC000_014B => 109;
    /// Nothing matched.
    NOT_FOUND = 0xC000_0225 => 1168;
    /// The connection was aborted.
    CONNECTION_ABORTED = 0xC000_0241 => 1236;
}

impl NtStatus {
    /// `NT_SUCCESS`: success and informational statuses.
    #[inline]
    pub const fn is_success(self) -> bool {
        self.0 < 0x8000_0000
    }

    /// Severity error (`0xC…`): warnings are not errors.
    #[inline]
    pub const fn is_error(self) -> bool {
        self.0 >= 0xC000_0000
    }
}

impl fmt::Debug for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#010X}", self.0),
        }
    }
}

impl fmt::Display for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident $spelled:literal = $value:literal;)*) => {
        impl Win32Error {
            $($(#[$doc])* pub const $name: Win32Error = Win32Error($value);)*

            /// Microsoft's name for the error, where the model knows one.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($spelled),)*
                    _ => None,
                }
            }
        }
    };
}

errors! {
    /// The operation is not known here.
    INVALID_FUNCTION "ERROR_INVALID_FUNCTION" = 1;
    /// The handle lacks a right.
    ACCESS_DENIED "ERROR_ACCESS_DENIED" = 5;
    /// Not a handle, or a handle of another type.
    INVALID_HANDLE "ERROR_INVALID_HANDLE" = 6;
    /// It failed, and that is all that is said.
    GEN_FAILURE "ERROR_GEN_FAILURE" = 31;
    /// Nothing left to read.
    HANDLE_EOF "ERROR_HANDLE_EOF" = 38;
    /// An argument is not allowed.
    INVALID_PARAMETER "ERROR_INVALID_PARAMETER" = 87;
    /// The other end of the pipe is gone.
    BROKEN_PIPE "ERROR_BROKEN_PIPE" = 109;
    /// A user APC ended the wait.
    WAIT_IO_COMPLETION "WAIT_IO_COMPLETION" = 192;
    /// More data than the buffer could hold.
    MORE_DATA "ERROR_MORE_DATA" = 234;
    /// The time-out ran out.
    WAIT_TIMEOUT "WAIT_TIMEOUT" = 258;
    /// The port was closed while the thread waited on it.
    ABANDONED_WAIT_0 "ERROR_ABANDONED_WAIT_0" = 735;
    /// The request was cancelled.
    OPERATION_ABORTED "ERROR_OPERATION_ABORTED" = 995;
    /// The operation is under way.
    IO_PENDING "ERROR_IO_PENDING" = 997;
    /// Nothing matched.
    NOT_FOUND "ERROR_NOT_FOUND" = 1168;
    /// No memory for what the call needs.
    NO_SYSTEM_RESOURCES "ERROR_NO_SYSTEM_RESOURCES" = 1450;
}

impl fmt::Debug for Win32Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Display for Win32Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    /// The severity is the two highest bits: success, information, warning, error.
    #[test]
    fn severity_decides() {
        for (status, success, error) in [
            (0, true, false),
            (0x7FFF_FFFF, true, false),
            (0x8000_0000, false, false),
            (0xBFFF_FFFF, false, false),
            (0xC000_0000, false, true),
            (u32::MAX, false, true),
        ] {
            assert_eq!(NtStatus(status).is_success(), success, "{status:#x}");
            assert_eq!(NtStatus(status).is_error(), error, "{status:#x}");
        }
    }

    #[test]
    fn numbers_go_by_their_names_where_they_have_one() {
        assert_eq!(NtStatus(0x102).to_string(), "STATUS_TIMEOUT");
        assert_eq!(NtStatus(0xC0DE_0001).to_string(), "0xC0DE0001");
        assert_eq!(Win32Error(258).to_string(), "WAIT_TIMEOUT (258)");
        assert_eq!(Win32Error(54321).to_string(), "54321");
    }
}
