//! See `ledgerq_fuzz::checkpoint`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    ledgerq_fuzz::memory::within(64 << 20, 256, input, ledgerq_fuzz::checkpoint::check);
});
