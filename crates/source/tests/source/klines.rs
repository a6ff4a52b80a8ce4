//! Klines by REST: pages, refusals that pass, answers that are none, and no key.

use mtdh_core::candle::Timeframe;
use mtdh_core::check::bars::Bar;
use mtdh_source::exchange::binance::klines::{KlineError, Klines, Market};
use mtdh_source::http::HttpClient;

use crate::server::{Reply, Server, policy};

const MINUTE: i64 = 60_000_000;
const START: i64 = 1_709_251_200_000_000;

/// Klines of so many minutes from one on, as Binance sends them.
fn page(minutes: std::ops::Range<i64>) -> Reply {
    let row = |minute: i64| {
        let open_ms = (START + minute * MINUTE) / 1000;
        format!(r#"[{open_ms},"10","12","9","11","5",{},"50",3,"2","20","0"]"#, open_ms + 59_999)
    };
    Reply::new(200, format!("[{}]", minutes.map(row).collect::<Vec<_>>().join(",")))
        .header("x-mbx-used-weight-1m", "2")
}

async fn get(server: &Server, minutes: i64) -> Result<Vec<Bar>, KlineError> {
    let http = HttpClient::binance().unwrap();
    let address = server.url().to_string();
    let klines = Klines::new(http, Market::Spot, Some(&address), policy()).unwrap();
    let timeframe: Timeframe = "1m".parse().unwrap();
    klines.get("BTCUSDT", ("1m", timeframe), START, START + minutes * MINUTE).await
}

#[tokio::test]
async fn pages_go_on_where_the_last_ended_and_refusals_that_pass_are_waited_for() {
    let busy = |status| {
        Reply::new(status, r#"{"code":-1003,"msg":"Too many requests."}"#).header("retry-after", "0")
    };
    let server = Server::start([busy(429), page(0..1000), busy(418), page(1000..1003)]).await;
    let bars = get(&server, 1003).await.unwrap();
    let starts: Vec<i64> = bars.iter().map(|bar| (bar.start - START) / MINUTE).collect();
    assert_eq!(starts, (0..1003).collect::<Vec<_>>());
    let asked = server.asked();
    assert_eq!(asked.len(), 4);
    assert!(asked.iter().all(|asked| asked.header("authorization").is_none()), "the key is the vendor's");
    assert!(asked[3].query.contains(&format!("startTime={}", (START + 1000 * MINUTE) / 1000)), "{asked:?}");
    assert!(asked[3].query.contains(&format!("endTime={}", (START + 1003 * MINUTE) / 1000 - 1)), "{asked:?}");
}

#[tokio::test]
async fn an_answer_that_does_not_go_on_ends_and_one_that_is_no_list_is_refused() {
    let server = Server::start([page(0..1000), page(0..1000)]).await;
    assert_eq!(get(&server, 2000).await.unwrap().len(), 1000);
    for (body, said) in [("{}", "is not a list of klines"), ("[[1709251200000,\"1\"]]", "a row has 2 cells")]
    {
        let server = Server::start([Reply::new(200, body)]).await;
        let error = get(&server, 10).await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
