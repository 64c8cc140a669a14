//! See `iocp_tests::fuzz::operations`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| iocp_tests::fuzz::operations::run(bytes));
