//! scratch
use mtdh_sim::*;
use std::time::Instant;
#[tokio::main]
async fn main() {
    let sim = Sim::start(Config::default()).await.unwrap();
    let c = reqwest::Client::builder().no_proxy().user_agent("x/1").build().unwrap();
    for path in ["exchanges/deribit","exchanges/deribit","instruments/deribit","exchanges/binance","exchanges","instruments/deribit?filter=%7B%22active%22%3Atrue%7D"] {
        let t = Instant::now();
        let b = c.get(format!("{}/{path}", sim.api_url())).header("accept-encoding","gzip").header("authorization", format!("Bearer {FULL_KEY}")).send().await.unwrap();
        let h = format!("{:?}", b.headers());
        let b = b.bytes().await.unwrap();
        println!("{path} {} bytes {:?} {h}", b.len(), t.elapsed());
    }
    let b = c.get(format!("{}/exchanges/deribit", sim.api_url())).send().await.unwrap().bytes().await.unwrap();
    println!("plain {}", b.len());
    let v: serde_json::Value = serde_json::from_slice(&b).unwrap();
    println!("symbols {}", v["datasets"]["symbols"].as_array().unwrap().len());
    sim.stop().await;
}
