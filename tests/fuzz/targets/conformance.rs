//! See `iocp_tests::fuzz::conformance`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| iocp_tests::fuzz::conformance::run(bytes));
