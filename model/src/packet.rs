//! What a port carries: completion packets.

use crate::{ObjectId, status::NtStatus};

/// A completion packet: four values that the port passes on and never interprets (PKT-01, PKT-12).
///
/// ```
/// use iocp_model::Packet;
/// let packet = Packet::posted(7, 0x1000, 42);
/// assert_eq!((packet.key, packet.overlapped, packet.information), (7, 0x1000, 42));
/// assert!(packet.status.is_success());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Packet {
    /// The completion key: of the file that the request was made on, or as posted.
    #[cfg_attr(feature = "serde", serde(with = "crate::hex"))]
    pub key: u64,
    /// The completion context: the address of the `OVERLAPPED`, or as posted. Never dereferenced.
    #[cfg_attr(feature = "serde", serde(with = "crate::hex"))]
    pub overlapped: u64,
    /// The `Information` of the status block, a byte count by custom. Pointer-sized;
    /// `GetQueuedCompletionStatus` shows the low 32 bits (GQ-06).
    #[cfg_attr(feature = "serde", serde(with = "crate::hex"))]
    pub information: u64,
    /// How the operation ended, carried as data (POST-02).
    pub status: NtStatus,
    /// A mark of the host's own, which travels with the packet and which the model never reads.
    pub tag: u32,
    /// Where it came from: it decides what must be given back when the packet is taken.
    pub origin: Origin,
}

/// Where a packet came from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Origin {
    /// `PostQueuedCompletionStatus` or `NtSetIoCompletion`: memory was allocated for it (PKT-15).
    #[default]
    Posted,
    /// A finished request: the request itself is the queue entry, nothing is allocated (PKT-16).
    Request,
    /// `NtSetIoCompletionEx`: this reserve object is its memory (POST-03).
    Reserve(ObjectId),
}

impl Packet {
    /// The packet that `PostQueuedCompletionStatus` makes: status success (POST-01).
    pub const fn posted(key: u64, overlapped: u64, bytes: u32) -> Self {
        Self {
            key,
            overlapped,
            information: bytes as u64,
            status: NtStatus::SUCCESS,
            tag: 0,
            origin: Origin::Posted,
        }
    }

    /// The byte count as `GetQueuedCompletionStatus` reports it: the low 32 bits (GQ-06).
    pub const fn bytes(&self) -> u32 {
        self.information as u32
    }
}
