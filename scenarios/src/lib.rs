//! What people write.
pub mod drive;
pub mod file;
pub mod near;
