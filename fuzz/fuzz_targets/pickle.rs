#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    opabinia_fuzz::pickle(bytes);
});
