//! Any bytes → what is understood of them.
#![no_main]

#[path = "../promises/harmless.rs"]
mod harmless;
#[path = "../promises/parsing.rs"]
mod parsing;
mod surprise;

libfuzzer_sys::fuzz_target!(init: surprise::stop_at_our_own(), |raw: &[u8]| parsing::parsing(raw));
