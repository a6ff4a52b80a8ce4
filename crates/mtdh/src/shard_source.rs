//! Which shard this process is: from the flags, else from the engine that started it.

use anyhow::{Context, Result, bail};
use mtdh_core::partition::Shard;

use crate::args::ShardArgs;

/// The number of shards, for engines that tell a task's index alone.
const TOTAL: &str = "MTDH_TOTAL_SHARDS";

/// How an engine tells a task its place.
struct Engine {
    name: &'static str,
    index: &'static str,
    count: &'static str,
    /// The variable with the first index, where it is not 0.
    first: Option<&'static str>,
}

const fn engine(name: &'static str, index: &'static str, count: &'static str) -> Engine {
    Engine { name, index, count, first: None }
}

const ENGINES: [Engine; 5] = [
    engine("Cloud Run", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT"),
    engine("Batch", "BATCH_TASK_INDEX", "BATCH_TASK_COUNT"),
    Engine {
        first: Some("SLURM_ARRAY_TASK_MIN"),
        ..engine("Slurm", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT")
    },
    engine("Kubernetes", "JOB_COMPLETION_INDEX", TOTAL),
    engine("HyperQueue", "HQ_TASK_ID", TOTAL),
];

/// A shard, and who said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The shard.
    pub shard: Shard,
    /// In words, where an engine's environment said so; null for flags, and for the whole plan.
    pub engine: Option<String>,
}

/// The shard of the flags; without flags that of the engine's environment; without either the whole plan.
///
/// # Errors
/// When the numbers do not fit, half of a pair is lacking, or two engines say different things.
pub fn shard(flags: &ShardArgs, variable: impl Fn(&str) -> Option<String>) -> Result<Found> {
    if flags.shard_index.is_some() || flags.total_shards.is_some() {
        let shard = Shard::new(flags.shard_index.unwrap_or(0), flags.total_shards.unwrap_or(1))
            .context("--shard-index and --total-shards do not fit")?;
        return Ok(Found { shard, engine: None });
    }
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut found: Option<Found> = None;
    for engine in &ENGINES {
        let Some(next) = of_engine(engine, &variable)? else { continue };
        match &found {
            Some(first) if first.shard != next.shard => bail!(
                "the environment tells of two shards: {} and {}; give --shard-index and --total-shards",
                first.engine.as_deref().unwrap_or_default(),
                next.engine.as_deref().unwrap_or_default()
            ),
            Some(_) => {}
            None => found = Some(next),
        }
    }
    Ok(found.unwrap_or(Found { shard: Shard::WHOLE, engine: None }))
}

fn of_engine(engine: &Engine, variable: &impl Fn(&str) -> Option<String>) -> Result<Option<Found>> {
    let Engine { name, index, count, first } = engine;
    let number = |name: &str| -> Result<Option<u32>> {
        let Some(text) = variable(name) else { return Ok(None) };
        let number = text.trim().parse::<u32>();
        number.map(Some).with_context(|| format!("{name} is `{text}`, and should be a number"))
    };
    let (id, total) = match (number(index)?, number(count)?) {
        // The count for engines without one may be set for good.
        (None, None) => return Ok(None),
        (None, Some(_)) if *count == TOTAL => return Ok(None),
        (Some(_), None) => bail!("{index} is set and {count} is not: set both, or neither ({name})"),
        (None, Some(_)) => bail!("{count} is set and {index} is not: set both, or neither ({name})"),
        (Some(id), Some(total)) => (id, total),
    };
    let mut said = format!("{index}={id}, {count}={total}");
    let mut place = id;
    if let Some(first) = first {
        let lowest = number(first)?.with_context(|| format!("{index} is set and {first} is not ({name})"))?;
        said.push_str(&format!(", {first}={lowest}"));
        place = id.checked_sub(lowest).with_context(|| format!("{said} contradict each other ({name})"))?;
        if let Some(last) = number("SLURM_ARRAY_TASK_MAX")?
            && last.checked_sub(lowest).is_none_or(|span| span.checked_add(1) != Some(total))
        {
            bail!(
                "{said}, SLURM_ARRAY_TASK_MAX={last}: the array has gaps; shards need one such as --array=0-{}",
                total.saturating_sub(1)
            );
        }
    }
    let shard = Shard::new(place, total).with_context(|| format!("{said} contradict each other ({name})"))?;
    Ok(Some(Found { shard, engine: Some(format!("{name} ({said})")) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(words: &str) -> Result<Found> {
        let none = ShardArgs { shard_index: None, total_shards: None };
        let pairs: Vec<(&str, &str)> = words.split_whitespace().filter_map(|w| w.split_once('=')).collect();
        shard(&none, |name| pairs.iter().find(|p| p.0 == name).map(|p| p.1.to_owned()))
    }

    #[test]
    fn each_engine_tells_its_shard() {
        for (words, index, total, name) in [
            ("", 0, 1, None),
            ("MTDH_TOTAL_SHARDS=5", 0, 1, None),
            ("CLOUD_RUN_TASK_INDEX= CLOUD_RUN_TASK_COUNT=", 0, 1, None),
            ("CLOUD_RUN_TASK_INDEX=2 CLOUD_RUN_TASK_COUNT=4", 2, 4, Some("Cloud Run")),
            ("BATCH_TASK_INDEX=0 BATCH_TASK_COUNT=2", 0, 2, Some("Batch")),
            (
                "SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_COUNT=5 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=7",
                4,
                5,
                Some("Slurm"),
            ),
            ("JOB_COMPLETION_INDEX=1 MTDH_TOTAL_SHARDS=3", 1, 3, Some("Kubernetes")),
            ("HQ_TASK_ID=2 MTDH_TOTAL_SHARDS=3", 2, 3, Some("HyperQueue")),
            (
                "JOB_COMPLETION_INDEX=1 MTDH_TOTAL_SHARDS=3 BATCH_TASK_INDEX=1 BATCH_TASK_COUNT=3",
                1,
                3,
                Some("Batch"),
            ),
        ] {
            let found = found(words).unwrap();
            assert_eq!(found.shard, Shard::new(index, total).unwrap(), "{words}");
            let engine = found.engine.as_deref().and_then(|text| text.split_once(" (")).map(|(n, _)| n);
            assert_eq!(engine, name, "{words}");
        }
    }

    #[test]
    fn half_a_pair_and_contradictions_name_the_variables() {
        for (words, named) in [
            ("CLOUD_RUN_TASK_INDEX=2", "CLOUD_RUN_TASK_COUNT is not"),
            ("BATCH_TASK_COUNT=2", "BATCH_TASK_INDEX is not"),
            ("JOB_COMPLETION_INDEX=1", "MTDH_TOTAL_SHARDS is not"),
            ("HQ_TASK_ID=1", "MTDH_TOTAL_SHARDS is not"),
            ("SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=2", "SLURM_ARRAY_TASK_MIN is not"),
            ("BATCH_TASK_INDEX=2 BATCH_TASK_COUNT=2", "BATCH_TASK_INDEX=2, BATCH_TASK_COUNT=2 contradict"),
            ("BATCH_TASK_INDEX=x BATCH_TASK_COUNT=2", "BATCH_TASK_INDEX is `x`"),
            (
                "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=2",
                "SLURM_ARRAY_TASK_MIN=2 contradict",
            ),
            (
                "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=5",
                "the array has gaps",
            ),
            (
                "JOB_COMPLETION_INDEX=2 MTDH_TOTAL_SHARDS=3 BATCH_TASK_INDEX=1 BATCH_TASK_COUNT=3",
                "two shards: Batch (BATCH_TASK_INDEX=1, BATCH_TASK_COUNT=3) and Kubernetes (JOB_COMPLETION_INDEX=2",
            ),
        ] {
            let error = format!("{:#}", found(words).unwrap_err());
            assert!(error.contains(named), "{words}: {error}");
        }
    }

    #[test]
    fn flags_go_over_the_environment() {
        let flags = ShardArgs { shard_index: Some(1), total_shards: Some(2) };
        let found = shard(&flags, |_| Some("7".to_owned())).unwrap();
        assert_eq!(found, Found { shard: Shard::new(1, 2).unwrap(), engine: None });
        let beyond = ShardArgs { shard_index: Some(2), total_shards: Some(2) };
        assert!(shard(&beyond, |_| None).is_err());
    }
}
