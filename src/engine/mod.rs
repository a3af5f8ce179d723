//! The engine.

pub mod assemble;
