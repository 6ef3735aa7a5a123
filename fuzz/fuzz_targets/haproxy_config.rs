#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| edgecert_fuzz::haproxy_config(bytes));
