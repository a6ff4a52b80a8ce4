//! Exit statuses, for people and for schedulers that start and restart tasks.

use std::ffi::OsString;

use mtdh_engine::judgement::Judgement;
use mtdh_engine::{EngineError, ErrorKind, LakeError};

use crate::args::{Cli, Codes, Command, LiveCommand, PublishCommand, WantCommand};
use crate::scheduler;

/// The outcome of a verb that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is in order.
    Clean,
    /// It ran, and its result is not clean: gaps, failed files.
    NotClean,
    /// It ran, and only a person can decide what is right: a table lost rows, a name never existed.
    NeedsDecision,
    /// The data is in the lake, and checks of its rows found an error.
    Unsound,
    /// The vendor's quota, or the user's limit, is used up: continue later.
    UsedUp,
    /// It was interrupted.
    Interrupted,
    /// Another process does the same, and goes on with it.
    Busy,
    /// What a run needs is not there: `doctor` found a fault.
    Unfit,
}

impl From<Judgement> for Outcome {
    fn from(judgement: Judgement) -> Outcome {
        match judgement {
            Judgement::Clean => Outcome::Clean,
            Judgement::NotClean => Outcome::NotClean,
            Judgement::NeedsDecision => Outcome::NeedsDecision,
            Judgement::UsedUp => Outcome::UsedUp,
            Judgement::Unsound => Outcome::Unsound,
        }
    }
}

/// Who the exit status is meant for: by the flag; else a scheduler for runs of a saved plan, and where a scheduler's environment
/// sets the shard.
pub fn codes(cli: &Cli) -> Codes {
    let (exit_codes, is_of_run, shard) = match &cli.command {
        Command::Download(args) => (args.exit_codes, args.run.is_some(), &args.plan.shard),
        Command::FullPipeline(args) => (args.download.exit_codes, false, &args.download.plan.shard),
        _ => return Codes::Usual,
    };
    let has_flags = shard.shard_index.is_some() || shard.total_shards.is_some();
    // Contradicting variables also come from a scheduler.
    let of_engine =
        || scheduler::shard(shard, environment).map_or(!has_flags, |found| found.engine.is_some());
    let usual = if is_of_run || of_engine() { Codes::Engine } else { Codes::Usual };
    exit_codes.unwrap_or(usual)
}

/// The destination of a verb's product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Stdout: a verb that cannot print has done nothing.
    Printed,
    /// The lake, or a file; what it prints is about that.
    Elsewhere,
}

/// The product of a verb.
pub fn product(cli: &Cli) -> Product {
    let is_printed = match &cli.command {
        Command::Ls(_)
        | Command::Venues(_)
        | Command::Runs(_)
        | Command::Why(_)
        | Command::Monitor(_)
        | Command::Deploy { .. }
        | Command::Config { .. }
        | Command::Doctor
        | Command::Paths(_)
        | Command::Sql(_)
        | Command::Ddl(_)
        | Command::Schema(_)
        | Command::Completions { .. } => true,
        Command::Publish { command } => matches!(command, PublishCommand::Bigquery(_)),
        Command::Live { command } => matches!(command, LiveCommand::Status),
        Command::Get(args) => args.output.as_os_str() == "-",
        Command::Convert(args) => args.output.as_os_str() == "-",
        Command::Instruments(args) => args.command.is_some(),
        Command::Plan(args) => args.save.is_none(),
        Command::Download(args) => args.dry_run,
        Command::FullPipeline(args) => args.download.dry_run,
        Command::Want { command } => matches!(command, WantCommand::List | WantCommand::Show { .. }),
        Command::Sync(args) => args.dry_run,
        Command::Candles(args) => args.dry_run,
        Command::Rekey(args) => args.dry_run,
        Command::Rm(args) => !args.yes,
        Command::Demo
        | Command::Resume(_)
        | Command::Validate(_)
        | Command::Certify(_)
        | Command::Verify(_)
        | Command::Check(_)
        | Command::Serve(_)
        | Command::Sim(_)
        | Command::Export { .. }
        | Command::Man { .. } => false,
    };
    if is_printed { Product::Printed } else { Product::Elsewhere }
}

/// The status for an invalid command line.
pub fn usage(words: &[OsString]) -> u8 {
    let names_run = |word: &OsString| word == "--run" || word.as_encoded_bytes().starts_with(b"--run=");
    let is_of_run = words.iter().any(|word| word == "download") && words.iter().any(names_run);
    let nothing = crate::args::ShardArgs { shard_index: None, total_shards: None };
    let of_engine = scheduler::shard(&nothing, environment).map_or(true, |found| found.engine.is_some());
    if is_of_run || of_engine { 20 } else { 2 }
}

/// The status of a verb that ran.
pub fn status(codes: Codes, outcome: Outcome) -> u8 {
    match (codes, outcome) {
        (_, Outcome::Clean) => 0,
        (_, Outcome::UsedUp) => 30,
        (Codes::Usual, Outcome::NotClean | Outcome::NeedsDecision | Outcome::Unsound) => 1,
        (Codes::Usual, Outcome::Unfit) => 2,
        // EX_TEMPFAIL of sysexits.h: "the user is invited to retry".
        (Codes::Usual, Outcome::Busy) => 75,
        (Codes::Engine, Outcome::NeedsDecision | Outcome::Unfit) => 20,
        // Another download brings the same rows.
        (Codes::Engine, Outcome::Unsound) => 0,
        (Codes::Usual, Outcome::Interrupted) => 130,
        (Codes::Engine, Outcome::NotClean | Outcome::Interrupted | Outcome::Busy) => 10,
    }
}

/// The status of a verb that could not run.
pub fn failure(codes: Codes, error: &anyhow::Error) -> u8 {
    match (codes, kind(error)) {
        (_, Some(ErrorKind::UsedUp)) => 30,
        (Codes::Engine, Some(ErrorKind::Busy)) => 10,
        (Codes::Usual, _) => 2,
        (Codes::Engine, _) => 20,
    }
}

/// The engine's kind of an error; `None`: an error of the command line itself.
fn kind(error: &anyhow::Error) -> Option<ErrorKind> {
    error.chain().find_map(|cause| {
        let engine = cause.downcast_ref::<EngineError>().map(EngineError::kind);
        engine.or_else(|| cause.downcast_ref::<LakeError>().map(LakeError::kind))
    })
}

/// A variable of the environment; `None`: it is not set.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every verdict, with the outcome of the verb; `None`: it could not run, and a retry may or may not help.
    const VERDICTS: &[(&str, &str, Option<Outcome>)] = &[
        ("complete", "every expected partition is stored, empty or absent", Some(Outcome::Clean)),
        (
            "complete up to DAY, allowed",
            "as above; later days are not exported yet, which `--allow-not-exported` or `export_grace` allows",
            Some(Outcome::Clean),
        ),
        ("complete up to DAY", "as above, and nothing allows it", Some(Outcome::NotClean)),
        (
            "not exported yet, allowed",
            "no day of the range is exported yet, which is allowed as above",
            Some(Outcome::Clean),
        ),
        ("not exported yet", "as above, and nothing allows it", Some(Outcome::NotClean)),
        (
            "nothing was expected",
            "no partition was expected, so that nothing is known",
            Some(Outcome::NotClean),
        ),
        (
            "not complete",
            "a partition is missing or cannot be trusted, a file failed, a day has no instrument table, nothing is expected of a venue, an entry of the vendor's lists cannot be read, a venue cannot be had while others can, or an instrument that was asked for lacks in the table",
            Some(Outcome::NotClean),
        ),
        (
            "needs your decision",
            "a table lost instruments or data types (`--accept-removed`), or a name that was asked for never existed",
            Some(Outcome::NeedsDecision),
        ),
        (
            "the same data",
            "`verify` found every object of the certificate as it was certified",
            Some(Outcome::Clean),
        ),
        (
            "not the same data",
            "`verify` found other, damaged, removed or new objects, or the certificate names none",
            Some(Outcome::NotClean),
        ),
        ("clean", "`check` looked at something and found no error", Some(Outcome::Clean)),
        ("findings", "`check` found an error", Some(Outcome::NotClean)),
        ("nothing was checked", "`check` had nothing to look at", Some(Outcome::NotClean)),
        (
            "done, rows with errors",
            "`download --check` brought everything, and a check of rows found an error; fetching again brings the same rows",
            Some(Outcome::Unsound),
        ),
        ("used up", "the vendor's quota, or what you allow of it", Some(Outcome::UsedUp)),
        ("interrupted", "Ctrl-C, SIGTERM or SIGHUP", Some(Outcome::Interrupted)),
        (
            "another sync runs",
            "`sync` without `--wait`, while another process brings the lake to what is wanted",
            Some(Outcome::Busy),
        ),
        ("in the way of a run", "`doctor` found a fault", Some(Outcome::Unfit)),
        ("could not run, may pass", "the network or the store failed", None),
        (
            "could not run",
            "usage, settings, credentials, a lake or plan of a newer version, two symbols that would share a key",
            None,
        ),
    ];

    #[test]
    fn the_page_of_exit_statuses_is_made_from_the_verdicts() {
        let mut page = String::from(
            "# Exit statuses\n\nThe exit status of each verdict, for people and scripts (`--exit-codes usual`) and for engines that start and \
             restart tasks (`--exit-codes engine`). Those for engines are the default of `download --run`, and of `download` and \
             `full-pipeline` where an engine says which shard a process is. Other verbs have those for people; a command line that \
             cannot be read is 20 under an engine, whatever the verb. For engines, 10 is what a second try may cure, 20 is for a \
             person. Made from `crates/mtdh/src/exit.rs`.\n\n\
             | verdict | what it means | people | engines |\n|---|---|---|---|\n",
        );
        let passing =
            anyhow::Error::new(EngineError::Lake(LakeError::Contended { path: "p".to_owned(), attempts: 3 }));
        for (verdict, meaning, outcome) in VERDICTS {
            let of = |codes| match outcome {
                Some(outcome) => status(codes, *outcome),
                None if verdict.ends_with("may pass") => failure(codes, &passing),
                None => failure(codes, &anyhow::Error::msg("wrong")),
            };
            let (people, engines) = (of(Codes::Usual), of(Codes::Engine));
            page.push_str(&format!("| {verdict} | {meaning} | {people} | {engines} |\n"));
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/exit-statuses.md");
        if std::env::var_os("MTDH_WRITE_DOCS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap();
        assert_eq!(written, page, "write it anew: MTDH_WRITE_DOCS=1 cargo test -p mtdh --lib exit_statuses");
    }

    #[test]
    fn what_may_pass_is_worth_retrying_and_what_a_person_must_change_is_not() {
        let wrong = EngineError::NoRun { run_id: "r".to_owned(), suggestions: Vec::new() };
        let passing = LakeError::Contended { path: "p".to_owned(), attempts: 3 };
        for (error, usual, engine) in [
            (anyhow::Error::new(wrong), 2, 20),
            (anyhow::Error::new(EngineError::Lake(passing)), 2, 10),
            (anyhow::Error::msg("--lake is wrong"), 2, 20),
        ] {
            assert_eq!(
                (failure(Codes::Usual, &error), failure(Codes::Engine, &error)),
                (usual, engine),
                "{error:#}"
            );
        }
        for (outcome, usual, engine) in [
            (Outcome::Clean, 0, 0),
            (Outcome::NotClean, 1, 10),
            (Outcome::NeedsDecision, 1, 20),
            (Outcome::Unsound, 1, 0),
            (Outcome::UsedUp, 30, 30),
            (Outcome::Interrupted, 130, 10),
            (Outcome::Unfit, 2, 20),
            (Outcome::Busy, 75, 10),
        ] {
            assert_eq!((status(Codes::Usual, outcome), status(Codes::Engine, outcome)), (usual, engine));
        }
    }
}
