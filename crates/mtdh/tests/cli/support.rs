//! What the tests share: a stand-in vendor, a folder for the lake, and runs of the program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mtdh_sim::{Config, FULL_KEY, Fault, Sim, Size};
use tempfile::TempDir;

/// A first day of a month, which needs no key.
pub const DAY: &str = "2024-03-01";

/// A vendor, and a folder that goes with the test.
pub struct Stage {
    pub sim: Sim,
    folder: TempDir,
    /// Serves the vendor's answers as long as the test goes on.
    _runtime: tokio::runtime::Runtime,
}

/// How a run of the program ended.
#[derive(Debug)]
pub struct Run {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Stage {
    pub fn new() -> Stage {
        Stage::with(Vec::new())
    }

    pub fn with(faults: Vec<Fault>) -> Stage {
        Stage::of(Config { size: Size::Small, faults, ..Config::default() })
    }

    pub fn of(config: Config) -> Stage {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let sim = runtime.block_on(Sim::start(config)).unwrap();
        Stage { sim, folder: tempfile::tempdir().unwrap(), _runtime: runtime }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Everything below the test's folder, with its bytes.
    pub fn all_files(&self) -> BTreeMap<String, Vec<u8>> {
        files(self.folder.path())
    }

    /// The program with the vendor's addresses and a key in its environment, and nothing else of this machine's.
    pub fn command(&self, words: &str) -> Command {
        let mut command = program(words);
        command
            .current_dir(self.folder.path())
            .env("TARDIS_API_URL", self.sim.api_url())
            .env("TARDIS_DATASETS_URL", self.sim.datasets_url())
            .env("BINANCE_URL", self.sim.binance_url())
            // Nobody listens there: no test asks an exchange.
            .env("MTDH_LIVE_ADDRESSES", "binance=ws://127.0.0.1:9,binance=http://127.0.0.1:9")
            .env("TARDIS_API_KEY", FULL_KEY)
            .env("MTDH_CACHE_DIR", self.path("cache"))
            .env("MTDH_MAX_ATTEMPTS", "2")
            .env("STORAGE_EMULATOR_HOST", self.sim.gcs_url());
        command
    }

    pub fn run(&self, words: &str) -> Run {
        run(self.command(words))
    }

    /// Leaves a copy of a lake for the recount in Python (`scripts/checks/recount.py --every`), in the folder that `MTDH_LAKES`
    /// names; without it nothing is left. The name is unique, its marks say what the lake may be like.
    pub fn leave(&self, lake: &str, name: &str) {
        put_aside(name, files(&self.path(lake)));
    }

    /// The same of a lake in a bucket.
    pub fn leave_bucket(&self, bucket: &str, prefix: &str, name: &str) {
        let objects = self.sim.bucket_objects(bucket).into_iter();
        let of_lake =
            objects.filter_map(|(path, bytes)| Some((path.strip_prefix(prefix)?.to_owned(), bytes.to_vec())));
        put_aside(name, of_lake.collect());
    }

    /// Runs and expects an exit status.
    #[track_caller]
    pub fn expect(&self, status: i32, words: &str) -> Run {
        let run = self.run(words);
        assert_eq!(run.status, status, "mtdh {words}\n{}\n{}", run.stdout, run.stderr);
        run
    }
}

fn put_aside(name: &str, files: BTreeMap<String, Vec<u8>>) {
    let Some(folder) = std::env::var_os("MTDH_LAKES") else { return };
    assert!(!files.is_empty(), "{name}: there is nothing in it");
    let lake = PathBuf::from(folder).join(name);
    assert!(!lake.exists(), "{name}: there is such a lake already");
    for (path, bytes) in files {
        let file = lake.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
}

/// The program that is tested: the binary, or the one that `MTDH_TESTED` names, such as the script of the Python package.
pub fn tested() -> String {
    std::env::var("MTDH_TESTED").unwrap_or_else(|_| env!("CARGO_BIN_EXE_mtdh").to_owned())
}

/// The program without any setting.
pub fn program(words: &str) -> Command {
    let mut command = Command::new(tested());
    command
        .args(words.split_whitespace())
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("GCE_METADATA_HOST", "127.0.0.1:1")
        .env("GCE_METADATA_IP", "127.0.0.1:1")
        .env("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1")
        .stdin(Stdio::null());
    command
}

pub fn run(mut command: Command) -> Run {
    let output = command.output().unwrap();
    Run {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Asks a process to end, by `INT`, `HUP` or `TERM`. What the tests themselves were started to ignore (`cargo test &` in a
/// script, `nohup`) the program ignores too: then it is asked by `TERM`.
pub fn ask_to_end(child: &Child, signal: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let is_ignored = match signal {
        "HUP" => mask & 1 == 1,
        "INT" => mask >> 1 & 1 == 1,
        _ => false,
    };
    let signal = if is_ignored { "TERM" } else { signal };
    let status =
        Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Every file of a lake with its bytes, but for what tells of runs: those hold times.
pub fn contents(lake: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = files(lake);
    files.retain(|name, _| !name.starts_with("runs/") && name != "_tmp/update.lock");
    files
}

/// Every file below a folder with its bytes.
pub fn files_below(root: &Path) -> BTreeMap<String, Vec<u8>> {
    files(root)
}

fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                files.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    files
}
