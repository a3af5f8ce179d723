//! The program: everything is in the library's `cli`.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    allocate_in_few_arenas();
    mailferry::cli::main()
}

/// Starts the program again with glibc's `MALLOC_ARENA_MAX` set, unless it is set already. glibc gives each thread an arena
/// of its own and hands memory back to none of the others: with a hundred thousand messages that costs a third more than
/// is in use, and gains no measurable time. The knob is read only when a process starts (`mallopt(3)`).
fn allocate_in_few_arenas() {
    const KNOB: &str = "MALLOC_ARENA_MAX";
    const ARENAS: &str = "2";
    if !cfg!(target_env = "gnu") || std::env::var_os(KNOB).is_some() {
        return;
    }
    let mut arguments = std::env::args_os();
    if let (Ok(program), Some(name)) = (std::env::current_exe(), arguments.next()) {
        // `exec` returns only where it failed; then the program goes on as it is, with more memory.
        drop(Command::new(program).arg0(name).args(arguments).env(KNOB, ARENAS).exec());
    }
}
