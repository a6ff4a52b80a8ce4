//! Candles and checks of what is recorded, beside the recording.

use anyhow::Result;
use mtdh_core::check::finding::duration;
use mtdh_engine::Context;
use mtdh_engine::check::reference::{Reference, Source};
use mtdh_engine::live::follow::{Analysed, AnalysisOptions};
use mtdh_engine::live::hub::Hub;
use mtdh_engine::live::plan::PlannedAnalysis;
use mtdh_engine::live::record::Prepared;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::args::LiveRecordArgs;
use crate::output::{count, many, note};
use crate::time;

/// Whether candles or checks are asked for.
pub fn is_wanted(args: &LiveRecordArgs) -> bool {
    args.check || !args.candles.is_empty()
}

/// What is asked for, as the captures' plans say it; `None`: nothing.
pub fn planned(args: &LiveRecordArgs) -> Option<PlannedAnalysis> {
    is_wanted(args).then(|| PlannedAnalysis {
        candles: args.candles.iter().map(ToString::to_string).collect(),
        has_checks: args.check,
    })
}

/// An analysis that runs, or none.
pub struct Analysis {
    running: Option<(JoinHandle<Analysed>, CancellationToken)>,
}

impl Analysis {
    /// None.
    pub fn none() -> Analysis {
        Analysis { running: None }
    }

    /// Begins before anything is recorded, so that nothing is missed. Without a hub there is none.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn begin(
        context: &Context,
        hub: Option<Arc<Hub>>,
        prepared: &[Prepared],
        args: &LiveRecordArgs,
    ) -> Result<Analysis> {
        let Some(hub) = hub else { return Ok(Analysis::none()) };
        let klines: Option<Source> = args.klines.then(|| Reference::default().source);
        let plans: Vec<_> = prepared.iter().map(|of| &of.plan).collect();
        let planned = planned(args).unwrap_or_default();
        let options = AnalysisOptions { planned, folder: args.capture_dir.clone(), klines };
        let (stop, from_us) = (CancellationToken::new(), time::now_us());
        let work = context.analyse_live(hub, &plans, options, from_us, stop.clone()).await?;
        Ok(Analysis { running: Some((tokio::spawn(work), stop)) })
    }

    /// Ends after the recording, and says what was found.
    pub async fn end(self) {
        let Some((running, stop)) = self.running else { return };
        stop.cancel();
        match running.await {
            Ok(analysed) => tell(&analysed),
            Err(error) => note(&format!("candles and checks ended early: {error}")),
        }
    }
}

fn tell(analysed: &Analysed) {
    let counts = analysed.candles;
    if counts.finals > 0 {
        note(&format!(
            "candles: {} final, {} revised; {}, {} of them in no candle",
            count(counts.finals),
            count(counts.revisions),
            many(counts.late_trades, "late trade"),
            count(counts.trades_in_no_candle),
        ));
    }
    for (venue, of) in &analysed.lateness {
        if let Some(most) = of.most_us {
            note(&format!(
                "{venue}: 99.99 % of {} were at most {} behind",
                many(of.trades, "trade"),
                duration(most)
            ));
        }
    }
    for ((check, severity), found) in &analysed.findings {
        note(&format!("{severity}: {check}: {}", many(*found, "finding")));
    }
    analysed.failures.iter().for_each(|text| note(text));
}
