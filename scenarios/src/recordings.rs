//! The recordings that are shipped: what real kernels, and implementations of the Windows API that
//! others wrote, did.

/// The files of `traces/recordings`: name and content.
pub fn all() -> &'static [(&'static str, &'static [u8])] {
    include!(concat!(env!("OUT_DIR"), "/recordings.rs"))
}
