//! The iocp command.
fn main() {}
