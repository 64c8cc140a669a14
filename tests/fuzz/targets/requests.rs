//! See `iocp_tests::fuzz::requests`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| iocp_tests::fuzz::requests::run(bytes));
