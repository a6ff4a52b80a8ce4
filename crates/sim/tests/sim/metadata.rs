//! The metadata API, and its consistency with the files.

use mtdh_core::DataType;
use mtdh_sim::{Config, EXPIRED_KEY, FULL_KEY, LIMITED_KEY};
use serde_json::Value;

use crate::{client, error, get, get_as, gunzip, path, small, start};

async fn json(sim: &mtdh_sim::Sim, path: &str, key: &str) -> Value {
    let response = get_as(sim, path, key).await;
    assert_eq!(response.status(), 200, "{path}");
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn exchanges_and_their_symbols() {
    let sim = start(small()).await;
    let exchanges = json(&sim, "/exchanges", "").await;
    let find = |id: &str| exchanges.as_array().unwrap().iter().find(|e| e["id"] == id).cloned().unwrap();
    assert!(find("deribit")["availableTo"].is_null());
    assert_eq!(find("ftx")["availableTo"], "2022-11-13T00:00:00.000Z");

    let binance = json(&sim, "/exchanges/binance", "").await;
    let symbol =
        |list: &Value, id: &str| list.as_array().unwrap().iter().find(|s| s["id"] == id).cloned().unwrap();
    let api = symbol(&binance["availableSymbols"], "btcusdt");
    assert!(api["availableTo"].is_null());
    assert!(symbol(&binance["availableSymbols"], "btcupusdt")["availableTo"].is_string());
    let dataset = symbol(&binance["datasets"]["symbols"], "BTCUSDT");
    assert_eq!(dataset["availableTo"], binance["datasets"]["exportedUntil"]);
    assert_eq!(dataset["type"], "spot");
    assert_eq!(symbol(&binance["datasets"]["symbols"], "SPOT")["dataTypes"], serde_json::json!(["trades"]));

    let deribit = json(&sim, "/exchanges/deribit", "").await;
    let types = |id: &str| symbol(&deribit["datasets"]["symbols"], id)["dataTypes"].clone();
    assert_eq!(types("OPTIONS"), serde_json::json!(["trades", "quotes", "options_chain"]));
    assert!(types("BTC-PERPETUAL").as_array().unwrap().contains(&"liquidations".into()));
    assert!(!deribit["incidentReports"].as_array().unwrap().is_empty());
    assert_eq!(get(&sim, "/exchanges/nosuch").await.status(), 400);
}

#[tokio::test]
async fn metadata_is_compressed_and_revalidated_on_request() {
    let sim = start(small()).await;
    for path in ["/exchanges/deribit", "/instruments/deribit", "/exchanges"] {
        let url = format!("{}{path}", sim.api_url());
        let ask = || client().get(&url).bearer_auth(FULL_KEY);
        let plain = ask().send().await.unwrap();
        let etag = plain.headers()["etag"].clone();
        assert!(!plain.headers().contains_key("content-encoding"));
        let plain = plain.text().await.unwrap();
        let zipped = ask().header("accept-encoding", "gzip, deflate").send().await.unwrap();
        assert_eq!(zipped.headers()["content-encoding"], "gzip");
        assert_eq!(gunzip(&zipped.bytes().await.unwrap()), plain);
        let known = ask().header("if-none-match", &etag).send().await.unwrap();
        assert_eq!(known.status(), 304, "{path}");
        assert_eq!(ask().header("if-none-match", "\"other\"").send().await.unwrap().status(), 200);
    }
    let before = get(&sim, "/exchanges/deribit").await.headers()["etag"].clone();
    sim.set_now("2024-03-04T12:00:00Z".parse().unwrap());
    assert_ne!(get(&sim, "/exchanges/deribit").await.headers()["etag"], before);
}

#[tokio::test]
async fn instruments_need_a_key_but_for_bitmex() {
    let sim = start(small()).await;
    for (path, key, status) in [
        ("/instruments/bitmex", "", 200),
        ("/instruments/deribit", "", 401),
        ("/instruments/deribit", EXPIRED_KEY, 401),
        ("/instruments/deribit", LIMITED_KEY, 401),
        ("/instruments/deribit/btc-perpetual", FULL_KEY, 200),
        ("/instruments/kraken/XBT%2FUSD", FULL_KEY, 200),
        ("/instruments/deribit/nosuch", FULL_KEY, 400),
        ("/instruments/nosuch", FULL_KEY, 400),
        ("/instruments/deribit?filter=%7B%22colour%22%3A1%7D", FULL_KEY, 400),
        ("/api-key-info", "", 401),
    ] {
        let response = get_as(&sim, path, key).await;
        assert_eq!(response.status(), status, "{path} as {key}");
        if status >= 400 {
            error(response).await;
        }
    }
    assert_eq!(json(&sim, "/api-key-info", EXPIRED_KEY).await, serde_json::json!([]));
    assert_eq!(json(&sim, "/api-key-info", LIMITED_KEY).await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn instruments_omit_missing_values() {
    let sim = start(Config::default()).await;
    let mut without_files = 0;
    let mut with_changes = 0;
    for exchange in ["binance", "bitmex", "okex-swap", "hyperliquid"] {
        let list = json(&sim, &format!("/instruments/{exchange}"), FULL_KEY).await;
        for instrument in list.as_array().unwrap() {
            assert!(instrument.as_object().unwrap().values().all(|value| !value.is_null()), "{instrument}");
            without_files += usize::from(instrument.get("datasetId").is_none());
            if let Some(changes) = instrument.get("changes") {
                with_changes += 1;
                let untils: Vec<&str> =
                    changes.as_array().unwrap().iter().map(|c| c["until"].as_str().unwrap()).collect();
                assert!(untils.is_sorted());
            }
        }
    }
    assert!(without_files > 0 && with_changes > 5, "{without_files} {with_changes}");
    let option = json(&sim, "/instruments/deribit/BTC-4MAR24-62000-C", FULL_KEY).await;
    assert_eq!(option["expiry"], "2024-03-04T08:00:00.000Z");
    assert_eq!((&option["strikePrice"], &option["optionType"]), (&62_000.into(), &"call".into()));
    assert_eq!((&option["baseCurrency"], &option["quoteCurrency"]), (&"BTC".into(), &"BTC".into()));
}

#[tokio::test]
async fn every_symbol_of_the_metadata_has_its_files() {
    let sim = start(small()).await;
    for exchange in ["binance", "deribit", "kraken", "hyperliquid", "ftx"] {
        let details = json(&sim, &format!("/exchanges/{exchange}"), "").await;
        for symbol in details["datasets"]["symbols"].as_array().unwrap() {
            let (since, to) =
                (symbol["availableSince"].as_str().unwrap(), symbol["availableTo"].as_str().unwrap());
            if !(since < "2024-03-01T00:00:00" && to > "2024-03-02T00:00:00") {
                continue;
            }
            let id = symbol["id"].as_str().unwrap();
            for data_type in DataType::ALL {
                let promised = symbol["dataTypes"].as_array().unwrap().contains(&data_type.name().into());
                let status = get(&sim, &path(exchange, data_type, "2024-03-01", id)).await.status();
                assert_eq!(status, if promised { 200 } else { 400 }, "{exchange} {id} {data_type}");
            }
        }
    }
}
