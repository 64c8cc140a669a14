//! See `iocp_tests::fuzz::trace_reader`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| iocp_tests::fuzz::trace_reader::run(bytes));
