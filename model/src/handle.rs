//! Handles: what a process calls an object, and what it may do with it.

use crate::{FileId, ObjectId, PortId, status::NtStatus};
use std::vec::Vec;

/// A handle value. Meaningful only in the process whose table made it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
pub struct Handle(pub u32);

impl Handle {
    /// The null handle.
    pub const NULL: Self = Self(0);
    /// `INVALID_HANDLE_VALUE`; to the NT layer, the pseudo-handle of the current process.
    pub const INVALID: Self = Self(u32::MAX);
}

/// Rights that a handle carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
pub struct Access(pub u32);

impl Access {
    /// `IO_COMPLETION_QUERY_STATE`, and the query right of other objects (PORT-09).
    pub const QUERY_STATE: Self = Self(0x1);
    /// `IO_COMPLETION_MODIFY_STATE`, and the modify right of other objects (PORT-09).
    pub const MODIFY_STATE: Self = Self(0x2);
    /// `SYNCHRONIZE`: to wait on the handle.
    pub const SYNCHRONIZE: Self = Self(0x0010_0000);
    /// `READ_CONTROL`.
    pub const READ_CONTROL: Self = Self(0x0002_0000);
    /// `IO_COMPLETION_ALL_ACCESS` (PORT-09).
    pub const ALL: Self = Self(0x001F_0003);
    /// `GENERIC_READ`, before it is mapped.
    pub const GENERIC_READ: Self = Self(0x8000_0000);
    /// `GENERIC_WRITE`, before it is mapped.
    pub const GENERIC_WRITE: Self = Self(0x4000_0000);
    /// `GENERIC_EXECUTE`, before it is mapped.
    pub const GENERIC_EXECUTE: Self = Self(0x2000_0000);
    /// `GENERIC_ALL`, before it is mapped.
    pub const GENERIC_ALL: Self = Self(0x1000_0000);

    /// Are all rights of `needed` among these?
    #[inline]
    pub const fn contains(self, needed: Self) -> bool {
        self.0 & needed.0 == needed.0
    }

    /// These rights and those.
    #[must_use]
    pub const fn with(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    /// These rights without the generic ones.
    #[must_use]
    pub const fn specific(self) -> Self {
        Self(self.0 & 0x0FFF_FFFF)
    }

    /// The specific rights that generic ones stand for on a port (PORT-09).
    #[must_use]
    pub const fn mapped(self) -> Self {
        let generic = [
            (
                Self::GENERIC_READ,
                Self::READ_CONTROL.with(Self::QUERY_STATE),
            ),
            (
                Self::GENERIC_WRITE,
                Self::READ_CONTROL.with(Self::MODIFY_STATE),
            ),
            (
                Self::GENERIC_EXECUTE,
                Self::READ_CONTROL.with(Self::SYNCHRONIZE),
            ),
            (Self::GENERIC_ALL, Self::ALL),
        ];
        let mut mapped = self.specific().0;
        let mut index = 0;
        while index < generic.len() {
            if self.contains(generic[index].0) {
                mapped |= generic[index].1.0;
            }
            index += 1;
        }
        Self(mapped)
    }
}

/// What a handle refers to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Object {
    /// A completion port.
    Port(PortId),
    /// A file object.
    File(FileId),
    /// An event, a semaphore, a mutex or a reserve object.
    Other(ObjectId),
}

/// One open handle.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HandleEntry {
    /// The object.
    pub object: Object,
    /// The rights.
    pub access: Access,
}

/// The handle table of one process.
#[derive(PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HandleTable {
    entries: Vec<Option<HandleEntry>>,
}

crate::clone_field_wise!(HandleTable { entries });

impl HandleTable {
    /// Opens a handle in the first free place.
    pub(crate) fn open(&mut self, entry: HandleEntry) -> Handle {
        let slot = match self.entries.iter().position(Option::is_none) {
            Some(slot) => slot,
            None => {
                self.entries.push(None);
                self.entries.len() - 1
            }
        };
        self.entries[slot] = Some(entry);
        // A table of 2^30 handles is far beyond the limits on threads and steps.
        Handle((slot as u32 + 1) * 4)
    }

    /// What `handle` refers to, or `STATUS_INVALID_HANDLE`; the pseudo-handle is a process, which
    /// no call here is about.
    #[inline]
    pub fn get(&self, handle: Handle) -> Result<HandleEntry, NtStatus> {
        if handle == Handle::INVALID {
            return Err(NtStatus::OBJECT_TYPE_MISMATCH);
        }
        match slot(handle).and_then(|slot| self.entries.get(slot)) {
            Some(Some(entry)) => Ok(*entry),
            _ => Err(NtStatus::INVALID_HANDLE),
        }
    }

    pub(crate) fn close(&mut self, handle: Handle) -> Result<HandleEntry, NtStatus> {
        let closed = slot(handle)
            .and_then(|slot| self.entries.get_mut(slot))
            .and_then(Option::take)
            .ok_or(NtStatus::INVALID_HANDLE)?;
        // Free places at the end mean nothing; two tables that mean the same are equal.
        while let Some(None) = self.entries.last() {
            self.entries.pop();
        }
        Ok(closed)
    }

    /// The places up to the last open handle.
    pub(crate) fn places(&self) -> &[Option<HandleEntry>] {
        &self.entries
    }

    /// The open handles, lowest value first.
    pub fn iter(&self) -> impl Iterator<Item = (Handle, HandleEntry)> + '_ {
        (1u32..)
            .zip(&self.entries)
            .filter_map(|(slot, entry)| entry.map(|entry| (Handle(slot * 4), entry)))
    }
}

#[inline]
fn slot(handle: Handle) -> Option<usize> {
    (handle.0 / 4).checked_sub(1).map(|slot| slot as usize)
}
