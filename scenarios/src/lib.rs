//! What people write.
pub mod drive;
