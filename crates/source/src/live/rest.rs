//! A feed's requests by REST, within the venue's budget.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderMap;
use tokio::sync::mpsc;

use super::out::Request;
use super::pace::Pace;
use super::{address, clock};
use crate::http::HttpClient;

/// The longest answer, bytes: a book of 5,000 levels a side has about 0.4 MB.
const LONGEST_ANSWER: usize = 16 << 20;
/// The longest time for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Requests in flight, at most.
const AT_ONCE: usize = 4;
/// Requests that wait, at most. A feed asks again for what it lacks, so that one beyond that is answered with status 0.
pub const WAITING: usize = 4096;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The request's name.
    pub name: String,
    /// The HTTP status; 0: none came.
    pub status: u16,
    /// The body; empty unless it succeeded.
    pub body: Vec<u8>,
    /// When it was read, microseconds since the Unix epoch, UTC.
    pub at: i64,
}

/// Does requests until nobody asks any more. `weights`: how much weight the venue allows within what time.
pub async fn run(
    http: HttpClient,
    base: Option<Url>,
    weights: Vec<(u32, Duration)>,
    mut requests: mpsc::Receiver<Request>,
    answers: mpsc::Sender<Answer>,
) {
    let mut pace = Pace::new(&weights);
    let mut running = tokio::task::JoinSet::new();
    while let Some(request) = requests.recv().await {
        while running.len() >= AT_ONCE {
            // A request that panicked would be a bug of the client; the feed asks again.
            let _ended = running.join_next().await;
        }
        for _ in 0..request.weight.max(1) {
            while let Err(next) = pace.take(clock::elapsed()) {
                tokio::time::sleep(next.saturating_sub(clock::elapsed())).await;
            }
        }
        let (http, base, answers) = (http.clone(), base.clone(), answers.clone());
        running.spawn(async move {
            let early = request.not_before - clock::now();
            tokio::time::sleep(Duration::from_micros(u64::try_from(early).unwrap_or(0))).await;
            let answer = tokio::time::timeout(PATIENCE, ask(&http, base, &request.path)).await;
            // Status 0: none came.
            let (status, body) = answer.unwrap_or_default();
            let answer = Answer { name: request.name, status, body, at: clock::now() };
            // A session that is gone needs no answer.
            let _gone = answers.send(answer).await;
        });
    }
}

async fn ask(http: &HttpClient, base: Option<Url>, path: &str) -> (u16, Vec<u8>) {
    let Some(url) = base.and_then(|base| address::joined(&base, path).ok()) else { return (0, Vec::new()) };
    let read = async {
        let mut response = http.get(&url, HeaderMap::new()).await?;
        let status = response.status().as_u16();
        Ok::<_, crate::http::HttpError>((status, response.read_to_end(LONGEST_ANSWER).await?))
    };
    match read.await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::debug!(url = %address::shown(&url), cause = %mtdh_core::error::chain(&error), "no answer");
            (error.status_and_code().map_or(0, |(status, _)| status), Vec::new())
        }
    }
}
