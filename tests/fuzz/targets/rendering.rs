//! Any bytes → what is posted of them.
#![no_main]

#[path = "../promises/harmless.rs"]
mod harmless;
#[path = "../promises/rendering.rs"]
mod rendering;
mod surprise;

libfuzzer_sys::fuzz_target!(init: surprise::stop_at_our_own(), |raw: &[u8]| rendering::rendering(raw));
