//! The program's binary; `mtdh::main` is the program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(mtdh::main(std::env::args_os().collect()))
}
