//! File objects and the requests made on them, so far as a port sees them: which port, which key,
//! which requests end in a packet. What a device does is the environment's to say.

use crate::{FileId, Handle, NtStatus, PortId, RequestId, ThreadId};

/// A file object: what all duplicates of one handle share (ASSOC-01).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct File {
    /// Opened with `FILE_FLAG_OVERLAPPED`?
    pub overlapped: bool,
    /// The port and key that it was associated with (ASSOC-02).
    pub association: Option<Association>,
    /// Its own event, which the handle shows to a waiter (ASSOC-13).
    pub signaled: bool,
    /// Handles open to it, in all processes.
    pub handles: u32,
    /// Requests pending on it; they keep the object alive (ASSOC-15).
    pub pending: u32,
}

/// Where a file's completions go.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Association {
    /// To this port,
    pub port: PortId,
    /// under this key (ASSOC-09).
    #[cfg_attr(feature = "serde", serde(with = "crate::hex"))]
    pub key: u64,
}

/// A request that the device has taken and not finished.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Request {
    /// Its number.
    pub id: RequestId,
    /// The file.
    pub file: FileId,
    /// Who issued it.
    pub thread: ThreadId,
    /// The completion context: the address of the `OVERLAPPED`, zero for none (PKT-05).
    #[cfg_attr(feature = "serde", serde(with = "crate::hex"))]
    pub context: u64,
    /// Ends in an APC to the issuer rather than a packet (ASSOC-07).
    pub apc: bool,
}

/// What the device says to a request when it is issued.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum DeviceAnswer {
    /// Later: the call returns pending, and the environment completes it some time.
    Pending,
    /// Done, with a status that is no error, and an information value (PKT-08).
    Done(NtStatus, u32),
    /// Refused (PKT-09).
    Failed(NtStatus),
}

/// The arguments of a request: `ReadFile`, `WriteFile`, `DeviceIoControl` and their like (IOM-18).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RequestArguments {
    /// The file's handle.
    pub file: Handle,
    /// The completion context.
    #[cfg_attr(feature = "serde", serde(with = "crate::hex"))]
    pub context: u64,
    /// With a completion routine (`ReadFileEx`)?
    pub apc: bool,
    /// What the device says.
    pub answer: DeviceAnswer,
}
