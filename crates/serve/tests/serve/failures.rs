//! The lake changes or goes away under the server: clear errors, and nothing wrong is served.

use crate::support::{DAY, KEY, served_copy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_is_never_served_as_rows() {
    let served = served_copy().await;
    let root = served.folder.as_ref().unwrap().path().to_owned();
    let file = root.join(format!("raw_tick_data/by_date/day-{DAY}/data_type-trades/{KEY}.parquet"));
    let bytes = std::fs::read(&file).unwrap();
    for place in [4, 40, bytes.len() / 2, bytes.len() - 20] {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        std::fs::write(&file, &damaged).unwrap();
        for format in ["json", "csv", "arrow", "parquet", "ndjson"] {
            let path = format!("/v1/slices/trades/{KEY}?start={DAY}&format={format}");
            let answer = served.get(&path).await;
            let status = answer.status().as_u16();
            let body = answer.text().await;
            // An answer that had begun is broken off.
            assert!(status == 500 || body.is_err(), "{place} {format}: {status} {body:?}");
            if let Ok(body) = body {
                assert!(body.contains("damaged") && !body.contains(&*root.to_string_lossy()), "{body}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lake_that_is_away_is_a_clear_error_until_it_is_back() {
    let served = served_copy().await;
    let root = served.folder.as_ref().unwrap().path().to_owned();
    let away = root.with_extension("away");
    std::fs::rename(&root, &away).unwrap();
    for path in
        ["/v1/days".to_owned(), format!("/v1/slices/trades/{KEY}?start={DAY}"), "/v1/venues".to_owned()]
    {
        let (status, problem) = served.json(&path).await;
        assert_eq!(status, 503, "{path}: {problem}");
        assert!(!problem.to_string().contains(&*root.to_string_lossy()), "{problem}");
    }
    assert_eq!(served.get("/health").await.status(), 200);
    std::fs::rename(&away, &root).unwrap();
    assert_eq!(served.get("/v1/days").await.status(), 200);
}
