//! `mtdh serve`: the lake over HTTP.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use mtdh_engine::live::hub::Hub;
use mtdh_serve::{Limits, Options, Token};
use tokio_util::sync::CancellationToken;

use crate::args::ServeArgs;
use crate::exit::Outcome;
use crate::output::note;
use crate::session::Session;
use crate::settings::Settings;

/// A file with a token has no more bytes.
const LONGEST_TOKEN: u64 = 4096;

pub async fn run(session: &Session<'_>, settings: &Settings, args: ServeArgs) -> Result<Outcome> {
    // A child, so that the end by time is no interruption.
    let stop = session.stop.child_token();
    until(session, settings, args, None, &stop).await?;
    Ok(Outcome::Clean)
}

/// Serves the lake, and what is recorded, until `stop` is cancelled or the time is over.
pub async fn until(
    session: &Session<'_>,
    settings: &Settings,
    args: ServeArgs,
    live: Option<Arc<Hub>>,
    stop: &CancellationToken,
) -> Result<()> {
    let text = match &args.token_file {
        Some(file) => Some(read_token(file)?),
        None => settings.serve_token().map(str::to_owned),
    };
    let token = text.as_deref().map(Token::new).transpose()?;
    let hosts = if args.allow_host.is_empty() { settings.serve_hosts() } else { args.allow_host };
    let has_token = token.is_some();
    let options = Options {
        listen: args.listen,
        token,
        hosts: hosts.iter().map(|name| name.to_ascii_lowercase()).collect(),
        origins: args.allow_origin,
        limits: Limits {
            requests: args.max_requests,
            rows: args.max_rows,
            bytes: args.max_megabytes.saturating_mul(1_000_000),
            ..Limits::default()
        },
        live,
    };
    options.check()?;
    let context = session.context()?;
    context.check_readable().await?;
    let mut ready = |address| {
        let who = if has_token { "with a token" } else { "on this machine only" };
        note(&format!("serving the lake at http://{address}, {who}; Ctrl-C ends it"));
    };
    let limit = args.seconds.map_or(Duration::MAX, Duration::from_secs);
    let ended = stop.clone();
    let timer = tokio::spawn(async move {
        tokio::time::sleep(limit).await;
        ended.cancel();
    });
    let served = mtdh_serve::serve(context, options, stop, &mut ready).await;
    timer.abort();
    served?;
    Ok(())
}

fn read_token(file: &Path) -> Result<String> {
    let place = file.display();
    let bytes = std::fs::metadata(file).with_context(|| format!("cannot read the token in {place}"))?.len();
    if bytes > LONGEST_TOKEN {
        bail!("{place} is no token: it has more than {LONGEST_TOKEN} bytes");
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read the token in {place}"))?;
    Ok(text.trim().to_owned())
}
