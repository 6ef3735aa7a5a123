#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| edgecert_fuzz::partner_list(bytes));
