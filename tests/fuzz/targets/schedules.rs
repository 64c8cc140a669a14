//! See `iocp_tests::fuzz::schedules`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| iocp_tests::fuzz::schedules::run(bytes));
