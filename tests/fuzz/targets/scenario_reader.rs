//! See `iocp_tests::fuzz::scenario_reader`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| iocp_tests::fuzz::scenario_reader::run(bytes));
