//! Names of the things in a [`System`](crate::System): small integers, one type each, so that a
//! thread cannot be passed where a port is meant.

/// Makes one id type: an index that knows what it is an index of.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident shown as $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
        pub struct $name(u16);

        impl $name {
            /// The id of the `index`th of its kind, counted from zero; `None` past the limit of
            /// 65,535 of one kind.
            pub const fn new(index: usize) -> Option<Self> {
                if index < u16::MAX as usize { Some(Self(index as u16)) } else { None }
            }

            /// The position in the system's table of this kind.
            #[inline]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    )*};
}

ids! {
    /// A process: a handle table and the threads that use it.
    ProcessId shown as "process-";
    /// A thread of some process.
    ThreadId shown as "thread-";
    /// A completion port (an `IoCompletion` object with its kernel queue).
    PortId shown as "port-";
    /// A file object: what `CreateFile` opens, shared by all duplicates of its handle.
    FileId shown as "file-";
    /// A dispatcher object to wait for (event, semaphore, mutex) or a reserve object.
    ObjectId shown as "object-";
    /// A name in the object manager's namespace.
    NameId shown as "name-";
}

/// Identifies one asynchronous request for as long as it is pending.
///
/// Numbers are given in the order of issue and never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
pub struct RequestId(pub u32);
