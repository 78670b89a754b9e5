//! See `ledgerq_fuzz::receipt`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    ledgerq_fuzz::memory::within(1 << 20, 512, input, ledgerq_fuzz::receipt::check);
});
