//! Any bytes → what is posted of them.
#![no_main]

#[path = "../promises/harmless.rs"]
mod harmless;
#[path = "../promises/rendering.rs"]
mod rendering;
mod surprise;

/// An archive is made for one mail in so many: the disk is slow.
const ARCHIVED: usize = 16;

libfuzzer_sys::fuzz_target!(init: surprise::stop_at_our_own(), |raw: &[u8]| {
    rendering::rendering(raw);
    if raw.len() % ARCHIVED == 0 {
        rendering::archiving(raw);
    }
});
