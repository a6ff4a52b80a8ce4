//! The program without the same machine code twice: a linker that can, as the one that Rust brings for Linux on x86-64, folds
//! functions that came out alike. That is a quarter of the file.

use std::env;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const FOLD: &str = "-Wl,--icf=all";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let is_native = env::var("TARGET").ok() == env::var("HOST").ok();
    if is_release && is_native && can_fold() == Some(true) {
        println!("cargo:rustc-link-arg-bins={FOLD}");
    }
}

/// Whether a program of nothing links with the option, by the linker that cargo was told to use: those of GNU and zig refuse it.
fn can_fold() -> Option<bool> {
    let trial = PathBuf::from(env::var_os("OUT_DIR")?).join("trial");
    let linker = env::var("RUSTC_LINKER").map(|path| format!("-Clinker={path}"));
    let mut compiler = Command::new(env::var_os("RUSTC")?)
        .args(["-", "--crate-type", "bin", "-C", &format!("link-arg={FOLD}"), "-o"])
        .arg(trial)
        .args(linker)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    compiler.stdin.take()?.write_all(b"fn main() {}").ok()?;
    Some(compiler.wait().ok()?.success())
}
