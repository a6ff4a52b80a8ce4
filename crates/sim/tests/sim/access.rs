//! Access rights of API keys, and the errors without them.

use mtdh_core::DataType;
use mtdh_sim::{Budget, Config, EXPIRED_KEY, FULL_KEY, LIMITED_KEY, Options, Unexported};

use crate::{client, error, get, get_as, gunzip, path, small, start};

const TRADES: DataType = DataType::Trades;

#[tokio::test]
async fn every_refusal_has_its_status_and_code() {
    let sim = start(small()).await;
    let file = |exchange: &str, day: &str, symbol: &str| path(exchange, TRADES, day, symbol);
    let chain = path("deribit", DataType::OptionsChain, "2024-03-02", "BTC-PERPETUAL");
    let grouped_books = path("deribit", DataType::BookSnapshot25, "2024-03-02", "OPTIONS");
    for (path, key, expected) in [
        (file("binance", "2024-03-02", "BTCUSDT"), "", Some((401, 10))),
        (file("binance", "2024-03-02", "BTCUSDT"), "TD.guess", Some((401, 10))),
        (file("binance", "2024-03-02", "BTCUSDT"), EXPIRED_KEY, Some((401, 11))),
        (file("binance", "2024-03-02", "BTCUSDT"), LIMITED_KEY, Some((401, 12))),
        (file("deribit", "2024-02-28", "BTC-PERPETUAL"), LIMITED_KEY, Some((401, 12))),
        (file("binance", "2024-02-28", "BTCUSDT"), LIMITED_KEY, None),
        (file("binance", "2024-03-01", "BTCUSDT"), "", None),
        (file("binance", "2024-03-02", "BTCUSDT"), FULL_KEY, None),
        (file("binance", "2024-03-02", "btcusdt"), FULL_KEY, Some((400, 300))),
        (file("binance", "2024-03-02", "NOSUCH"), FULL_KEY, Some((400, 300))),
        (file("nosuch", "2024-03-02", "BTCUSDT"), FULL_KEY, Some((400, 300))),
        (file("upbit", "2024-03-02", "SPOT"), FULL_KEY, Some((400, 300))),
        (file("binance", "2024-13-02", "BTCUSDT"), FULL_KEY, Some((400, 300))),
        (file("binance", "2019-01-01", "BTCUSDT"), FULL_KEY, Some((400, 140))),
        (file("binance", "2024-03-03", "BTCUSDT"), FULL_KEY, Some((400, 140))),
        (file("ftx", "2023-01-01", "BTC-PERP"), FULL_KEY, Some((400, 140))),
        (chain, FULL_KEY, Some((400, 300))),
        (grouped_books, FULL_KEY, Some((400, 300))),
        ("/binance/trades/2024/03/02/BTCUSDT.csv".to_owned(), FULL_KEY, Some((404, 404))),
        ("/binance/trades".to_owned(), FULL_KEY, Some((404, 404))),
    ] {
        let response = get_as(&sim, &path, key).await;
        match expected {
            None => assert_eq!(response.status(), 200, "{path} as {key}"),
            Some(expected) => {
                let (status, code, _) = error(response).await;
                assert_eq!((status, code), expected, "{path} as {key}");
            }
        }
    }
    let (_, _, body) = error(get(&sim, &file("binance", "2024-03-02", "btcusdt")).await).await;
    assert!(body["message"].as_str().unwrap().contains("did you mean `BTCUSDT`"));
    let (_, _, body) = error(get(&sim, &file("binance", "2024-03-03", "BTCUSDT")).await).await;
    assert_eq!(body["datasetInfo"]["availableTo"], "2024-03-03T00:00:00.000Z");
}

#[tokio::test]
async fn an_empty_authorization_counts_as_none() {
    let sim = start(small()).await;
    for (day, status) in [("2024-03-01", 200), ("2024-03-02", 401)] {
        let url = format!("{}{}", sim.datasets_url(), path("binance", TRADES, day, "BTCUSDT"));
        let response = client().get(url).header("authorization", "").send().await.unwrap();
        assert_eq!(response.status(), status);
    }
    assert_eq!(sim.requests()[0].authorization.as_deref(), Some(mtdh_sim::authorization_hash("").as_str()));
}

#[tokio::test]
async fn the_clock_decides_what_is_exported() {
    let sim = start(small()).await;
    let file = path("binance", TRADES, "2024-03-03", "BTCUSDT");
    assert_eq!(get(&sim, &file).await.status(), 400);
    sim.set_now("2024-03-04T05:59:59Z".parse().unwrap());
    assert_eq!(get(&sim, &file).await.status(), 400);
    sim.set_now("2024-03-04T06:00:00Z".parse().unwrap());
    let response = get(&sim, &file).await;
    assert_eq!(response.status(), 200);
    assert!(gunzip(&response.bytes().await.unwrap()).lines().count() > 10);

    let options = Options { unexported: Unexported::NotFound, ..Options::default() };
    let sim = start(Config { options, ..small() }).await;
    assert_eq!(get(&sim, &file).await.status(), 404);
}

#[tokio::test]
async fn unknown_user_agents_and_methods_are_refused() {
    let sim = start(small()).await;
    let url = format!("{}{}", sim.datasets_url(), path("binance", TRADES, "2024-03-01", "BTCUSDT"));
    let anonymous = reqwest::Client::builder().no_proxy().build().unwrap();
    for request in [anonymous.get(&url), anonymous.get(&url).header("user-agent", "Python-urllib/3.11")] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 403);
        assert!(response.text().await.unwrap().contains("Attention Required"));
    }
    assert_eq!(client().head(&url).send().await.unwrap().status(), 404);
    assert_eq!(client().post(&url).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_key_works_from_one_address_at_a_time() {
    let sim = start(small()).await;
    let file = path("binance", TRADES, "2024-03-02", "BTCUSDT");
    assert_eq!(get(&sim, &file).await.status(), 200);
    let elsewhere = reqwest::Client::builder()
        .no_proxy()
        .user_agent("mtdh-test/1")
        .local_address(std::net::IpAddr::from([127, 0, 0, 2]));
    let elsewhere = elsewhere.build().unwrap();
    let url = format!("{}{file}", sim.datasets_url());
    let (status, code, body) = error(elsewhere.get(&url).bearer_auth(FULL_KEY).send().await.unwrap()).await;
    assert_eq!((status, code), (403, 274));
    assert!((890..=900).contains(&body["retryAfterSeconds"].as_i64().unwrap()));
    sim.clear_requests();
    assert_eq!(elsewhere.get(&url).bearer_auth(FULL_KEY).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn budgets_end_in_429() {
    let file = path("binance", TRADES, "2024-03-02", "BTCUSDT");
    for budget in [
        Budget { requests_per_minute: Some(2), bytes_per_day: None },
        Budget { requests_per_minute: None, bytes_per_day: Some(6_000) },
    ] {
        let sim = start(Config { options: Options { budget, ..Options::default() }, ..small() }).await;
        assert_eq!(get(&sim, &file).await.status(), 200);
        assert_eq!(get(&sim, &file).await.status(), 200);
        let response = get(&sim, &file).await;
        assert_eq!(response.status(), 429);
        let seconds: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!(
            if budget.requests_per_minute.is_some() { seconds <= 61 } else { seconds == 43_201 },
            "{seconds}"
        );
    }
}
