//! The recordings that are shipped: what real kernels, and implementations of the Windows API that
//! others wrote, did.

/// The files of `traces/recordings`: name and content.
pub fn all() -> &'static [(&'static str, &'static [u8])] {
    include!(concat!(env!("OUT_DIR"), "/recordings.rs"))
}

/// The scenario that a recording of this name is of: the names are "SCENARIO--KERNEL--NUMBER.jsonl".
pub fn scenario(name: &str) -> &str {
    name.split("--").next().unwrap_or_default()
}

/// The kernel that made it: "wine-8.0".
pub fn kernel(name: &str) -> &str {
    name.split("--").nth(1).unwrap_or_default()
}
