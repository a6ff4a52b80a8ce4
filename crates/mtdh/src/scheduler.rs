//! The shard of this process: from the flags, else from the scheduler that started it.

use anyhow::{Context as _, Result, bail};
use mtdh_core::partition::Shard;

use crate::args::ShardArgs;

/// The number of shards, for schedulers that pass only a task's index.
const TOTAL: &str = "MTDH_TOTAL_SHARDS";

/// How a scheduler passes a task its index and the number of tasks.
struct Engine {
    name: &'static str,
    index: &'static str,
    places: Places,
}

/// The source of the number of tasks.
enum Places {
    /// The variable with the number, which is always set together with the index. The index starts at 0.
    Count(&'static str),
    /// The user's number, else the variable of newer versions of the scheduler, if it is set.
    Told(Option<&'static str>),
    /// The variables with the first and the last index, and either one with the number of tasks, whose indices then have no
    /// gaps, or one with the step between indices.
    Counted {
        first: &'static str,
        last: &'static str,
        count: &'static str,
    },
    Stepped {
        first: &'static str,
        last: &'static str,
        step: &'static str,
    },
}

const fn engine(name: &'static str, index: &'static str, places: Places) -> Engine {
    Engine { name, index, places }
}

const SLURM: Places = Places::Counted {
    first: "SLURM_ARRAY_TASK_MIN",
    last: "SLURM_ARRAY_TASK_MAX",
    count: "SLURM_ARRAY_TASK_COUNT",
};
const SGE: Places =
    Places::Stepped { first: "SGE_TASK_FIRST", last: "SGE_TASK_LAST", step: "SGE_TASK_STEPSIZE" };

const ENGINES: [Engine; 7] = [
    engine("Cloud Run", "CLOUD_RUN_TASK_INDEX", Places::Count("CLOUD_RUN_TASK_COUNT")),
    engine("Batch", "BATCH_TASK_INDEX", Places::Count("BATCH_TASK_COUNT")),
    engine("AWS Batch", "AWS_BATCH_JOB_ARRAY_INDEX", Places::Told(Some("AWS_BATCH_JOB_ARRAY_SIZE"))),
    engine("Slurm", "SLURM_ARRAY_TASK_ID", SLURM),
    engine("SGE", "SGE_TASK_ID", SGE),
    engine("Kubernetes", "JOB_COMPLETION_INDEX", Places::Told(None)),
    engine("HyperQueue", "HQ_TASK_ID", Places::Told(None)),
];

/// A shard, and its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The shard.
    pub shard: Shard,
    /// The scheduler, in words; `None`: the shard is from flags, or it is the whole plan.
    pub engine: Option<String>,
}

/// The shard of the flags; without flags that of the scheduler's environment; without either the whole plan. With
/// `--total-shards` alone, the index comes from the scheduler's environment.
///
/// # Errors
/// When the numbers do not fit, half of a pair is missing, or two schedulers contradict each other.
pub fn shard(flags: &ShardArgs, variable: impl Fn(&str) -> Option<String>) -> Result<Found> {
    let of_flags = |index: Option<u32>| {
        Shard::new(index.unwrap_or(0), flags.total_shards.unwrap_or(1))
            .context("--shard-index and --total-shards do not fit")
    };
    if flags.shard_index.is_some() {
        return Ok(Found { shard: of_flags(flags.shard_index)?, engine: None });
    }
    let variable = |name: &str| match flags.total_shards {
        Some(total) if name == TOTAL => Some(total.to_string()),
        // SGE's value for tasks that are in no array.
        _ => variable(name).filter(|value| !value.is_empty() && value != "undefined"),
    };
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
    match (found, flags.total_shards) {
        (Some(Found { shard, engine }), Some(total)) if shard.total() != total => bail!(
            "--total-shards is {total}, and the environment says another number: {}; give --shard-index too",
            engine.unwrap_or_default()
        ),
        (Some(found), _) => Ok(found),
        (None, Some(_)) => Ok(Found { shard: of_flags(None)?, engine: None }),
        (None, None) => Ok(Found { shard: Shard::WHOLE, engine: None }),
    }
}

fn of_engine(engine: &Engine, variable: &impl Fn(&str) -> Option<String>) -> Result<Option<Found>> {
    let Engine { name, index, places } = engine;
    let number = |name: &str| -> Result<Option<u32>> {
        let Some(text) = variable(name) else { return Ok(None) };
        let number = text.trim().parse::<u32>();
        number.map(Some).with_context(|| format!("{name} is `{text}`, and should be a number"))
    };
    let beside = |other: &str| -> Result<u32> {
        number(other)?
            .with_context(|| format!("{index} is set and {other} is not: set both, or neither ({name})"))
    };
    let Some(id) = number(index)? else {
        // A number that may be set permanently, or by tasks outside an array, proves nothing by itself.
        if let Places::Count(count) | Places::Counted { count, .. } = places
            && number(count)?.is_some()
        {
            bail!("{count} is set and {index} is not: set both, or neither ({name})");
        }
        return Ok(None);
    };
    let (said, place, total) = match places {
        Places::Count(count) => {
            let total = beside(count)?;
            (format!("{index}={id}, {count}={total}"), Some(id), total)
        }
        Places::Told(own) => {
            let own = own.map(|own| Ok::<_, anyhow::Error>((own, number(own)?))).transpose()?;
            let (count, total) = match (variable(TOTAL), own) {
                (None, Some((own, Some(total)))) => (own, total),
                _ => (TOTAL, beside(TOTAL)?),
            };
            (format!("{index}={id}, {count}={total}"), Some(id), total)
        }
        Places::Counted { first, last, count } => {
            let (total, lowest) = (beside(count)?, beside(first)?);
            let said = format!("{index}={id}, {count}={total}, {first}={lowest}");
            if let Some(last_id) = number(last)?
                && last_id.checked_sub(lowest).is_none_or(|span| span.checked_add(1) != Some(total))
            {
                bail!(
                    "{said}, {last}={last_id}: the array has gaps; shards need one such as --array=0-{}",
                    total.saturating_sub(1)
                );
            }
            refuse_single((total, lowest), 0, &said, name)?;
            (said, id.checked_sub(lowest), total)
        }
        Places::Stepped { first, last, step } => {
            let (lowest, highest, width) = (beside(first)?, beside(last)?, beside(step)?);
            let said = format!("{index}={id}, {first}={lowest}, {last}={highest}, {step}={width}");
            // The last index may be beyond the last task.
            let total = highest.checked_sub(lowest).and_then(|span| span.checked_div(width));
            let total =
                total.with_context(|| format!("{said} contradict each other ({name})"))?.saturating_add(1);
            refuse_single((total, lowest), 1, &said, name)?;
            let place = id.checked_sub(lowest).filter(|way| way % width == 0).map(|way| way / width);
            (said, place, total)
        }
    };
    let contradict = || format!("{said} contradict each other ({name})");
    let shard = Shard::new(place.with_context(contradict)?, total).with_context(contradict)?;
    Ok(Some(Found { shard, engine: Some(format!("{name} ({said})")) }))
}

/// Refuses an array of one task with an index other than a first one: it is a restarted task of a larger array of unknown
/// size, and as shard 0 of 1 it would do the work of all.
fn refuse_single((total, lowest): (u32, u32), usual: u32, said: &str, name: &str) -> Result<()> {
    if total == 1 && lowest > usual {
        bail!(
            "{said}: one task of a larger array, and its size is not told ({name}); \
             give --shard-index and --total-shards as they were, or start the whole array again: what is done is not done again"
        );
    }
    Ok(())
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
            ("SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_COUNT=1 SLURM_ARRAY_TASK_MIN=0", 0, 1, Some("Slurm")),
            ("AWS_BATCH_JOB_ARRAY_SIZE=4", 0, 1, None),
            ("AWS_BATCH_JOB_ARRAY_INDEX=3 AWS_BATCH_JOB_ARRAY_SIZE=4", 3, 4, Some("AWS Batch")),
            ("AWS_BATCH_JOB_ARRAY_INDEX=3 MTDH_TOTAL_SHARDS=5", 3, 5, Some("AWS Batch")),
            ("SGE_TASK_ID=undefined SGE_TASK_FIRST=undefined SGE_TASK_LAST=undefined", 0, 1, None),
            ("SGE_TASK_ID=1 SGE_TASK_FIRST=1 SGE_TASK_LAST=1 SGE_TASK_STEPSIZE=1", 0, 1, Some("SGE")),
            ("SGE_TASK_ID=3 SGE_TASK_FIRST=1 SGE_TASK_LAST=8 SGE_TASK_STEPSIZE=1", 2, 8, Some("SGE")),
            ("SGE_TASK_ID=7 SGE_TASK_FIRST=1 SGE_TASK_LAST=8 SGE_TASK_STEPSIZE=3", 2, 3, Some("SGE")),
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
                "SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_COUNT=1 SLURM_ARRAY_TASK_MIN=2 SLURM_ARRAY_TASK_MAX=2",
                "one task of a larger array",
            ),
            (
                "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=1 SLURM_ARRAY_TASK_MIN=1",
                "--total-shards as they were",
            ),
            ("AWS_BATCH_JOB_ARRAY_INDEX=1", "MTDH_TOTAL_SHARDS is not"),
            ("AWS_BATCH_JOB_ARRAY_INDEX=4 AWS_BATCH_JOB_ARRAY_SIZE=4", "contradict"),
            (
                "SGE_TASK_ID=3 SGE_TASK_FIRST=3 SGE_TASK_LAST=3 SGE_TASK_STEPSIZE=1",
                "one task of a larger array",
            ),
            ("SGE_TASK_ID=2 SGE_TASK_FIRST=1 SGE_TASK_LAST=8 SGE_TASK_STEPSIZE=3", "contradict"),
            ("SGE_TASK_ID=1 SGE_TASK_FIRST=1 SGE_TASK_LAST=8 SGE_TASK_STEPSIZE=0", "contradict"),
            ("SGE_TASK_ID=1 SGE_TASK_FIRST=1 SGE_TASK_LAST=8", "SGE_TASK_STEPSIZE is not"),
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
        // The number alone: the scheduler passes the index, and must not pass another number.
        let total = |total| ShardArgs { shard_index: None, total_shards: Some(total) };
        let aws = |name: &str| (name == "AWS_BATCH_JOB_ARRAY_INDEX").then(|| "3".to_owned());
        assert_eq!(shard(&total(4), aws).unwrap().shard, Shard::new(3, 4).unwrap());
        assert_eq!(shard(&total(4), |_| None).unwrap().shard, Shard::new(0, 4).unwrap());
        let cloud_run = |name: &str| {
            name.starts_with("CLOUD_RUN").then(|| if name.ends_with("X") { "1" } else { "2" }.to_owned())
        };
        assert!(shard(&total(4), cloud_run).is_err());
        let beyond = ShardArgs { shard_index: Some(2), total_shards: Some(2) };
        assert!(shard(&beyond, |_| None).is_err());
    }
}
