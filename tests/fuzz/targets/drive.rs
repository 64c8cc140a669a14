//! See `iocp_tests::fuzz::drive`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| iocp_tests::fuzz::drive::run(bytes));
