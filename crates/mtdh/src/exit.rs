//! Exit statuses, for people and for engines that start and restart tasks.

use mtdh_engine::{EngineError, HttpError, LakeError};

use crate::Outcome;
use crate::args::{Cli, Codes, Command};
use crate::shard_source;

/// Whom the exit status is for: as the flag says; else an engine for runs of a saved plan, and where an engine's
/// environment says which shard this is.
pub fn codes(cli: &Cli) -> Codes {
    let (exit_codes, is_of_run, shard) = match &cli.command {
        Command::Download(args) => (args.exit_codes, args.run.is_some(), &args.plan.shard),
        Command::FullPipeline(args) => (args.download.exit_codes, false, &args.download.plan.shard),
        _ => return Codes::Usual,
    };
    let has_flags = shard.shard_index.is_some() || shard.total_shards.is_some();
    // Contradicting variables are an engine's too.
    let of_engine =
        || shard_source::shard(shard, environment).map_or(!has_flags, |found| found.engine.is_some());
    let usual = if is_of_run || of_engine() { Codes::Engine } else { Codes::Usual };
    exit_codes.unwrap_or(usual)
}

/// The status of a command line that cannot be read.
pub fn usage() -> u8 {
    let mut words = std::env::args();
    let is_of_run = words.any(|word| word == "--run" || word.starts_with("--run="));
    let nothing = crate::args::ShardArgs { shard_index: None, total_shards: None };
    let of_engine = shard_source::shard(&nothing, environment).map_or(true, |found| found.engine.is_some());
    if is_of_run || of_engine { 20 } else { 2 }
}

/// The status of a verb that ran.
pub fn status(codes: Codes, outcome: Outcome) -> u8 {
    match (codes, outcome) {
        (_, Outcome::Clean) => 0,
        (_, Outcome::UsedUp) => 30,
        (Codes::Usual, Outcome::NotClean | Outcome::Unsound) => 1,
        // Fetching again brings the same rows.
        (Codes::Engine, Outcome::Unsound) => 0,
        (Codes::Usual, Outcome::Interrupted) => 130,
        (Codes::Engine, Outcome::NotClean | Outcome::Interrupted) => 10,
    }
}

/// The status of a verb that could not run.
pub fn failure(codes: Codes, error: &anyhow::Error) -> u8 {
    let is =
        |test: fn(&HttpError) -> bool| error.chain().any(|e| e.downcast_ref::<HttpError>().is_some_and(test));
    let is_lakes = error.chain().any(|e| {
        let inner = e.downcast_ref::<EngineError>().and_then(|e| match e {
            EngineError::Lake(error) => Some(error),
            _ => None,
        });
        e.downcast_ref::<LakeError>().or(inner).is_some_and(LakeError::is_transient)
    });
    match codes {
        _ if is(HttpError::is_used_up) => 30,
        Codes::Usual => 2,
        Codes::Engine if is(HttpError::is_transient) || is_lakes => 10,
        Codes::Engine => 20,
    }
}

/// A variable of the environment.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_worth_retrying_and_what_a_person_must_change_is_not() {
        let wrong = EngineError::NoRun { run_id: "r".to_owned() };
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
            (Outcome::Unsound, 1, 0),
            (Outcome::UsedUp, 30, 30),
            (Outcome::Interrupted, 130, 10),
        ] {
            assert_eq!((status(Codes::Usual, outcome), status(Codes::Engine, outcome)), (usual, engine));
        }
    }
}
