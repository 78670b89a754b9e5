//! See `ledgerq_fuzz::sqs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    ledgerq_fuzz::memory::within(16 << 20, 256, input, ledgerq_fuzz::sqs::check_query);
});
