//! What can be seen of a run from outside: JSON lines, metrics, the dashboard, specifications for engines.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use mtdh_sim::{Fault, FaultKind, Host};
use serde_json::Value;

use crate::support::{DAY, Stage, run};

const WHAT: &str = "--instruments DERIBIT:PERP:* --data-types trades";

fn get(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 OK") && head.contains("text/plain"), "{head}");
    body.to_owned()
}

/// Names of metrics in an expression or in an exposition.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("mtdh_")).map(str::to_owned).collect()
}

/// What a run exposes while it goes.
fn exposed() -> String {
    let drip = FaultKind::Drip { bytes_per_second: 500 };
    let stage = Stage::with(vec![Fault::always(Host::Datasets, "trades", drip)]);
    let words = format!("download --start-date {DAY} {WHAT} --metrics-address 127.0.0.1:0");
    let mut child = stage.command(&words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = lines.find_map(|line| {
        line.unwrap()
            .strip_prefix("metrics: http://")
            .and_then(|l| l.strip_suffix("/metrics"))
            .map(str::to_owned)
    });
    let text = get(&address.unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    text
}

#[test]
fn the_dashboard_asks_for_what_a_run_exposes_and_for_all_of_it() {
    let text = exposed();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/grafana/dashboard.json");
    let dashboard: Value = serde_json::from_slice(&std::fs::read(root).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut asked = BTreeSet::new();
    for panel in panels {
        for target in panel["targets"].as_array().unwrap() {
            let found = names(target["expr"].as_str().unwrap());
            assert!(!found.is_empty(), "{} asks for nothing", panel["title"]);
            asked.extend(found);
        }
    }
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let exposed: BTreeSet<String> =
        lines.iter().flat_map(|line| names(line.split('{').next().unwrap())).collect();
    assert_eq!(asked, exposed);
    for line in lines {
        let labels = line.split_once('{').unwrap().1.split_once('}').unwrap().0;
        for label in ["run=\"", "shard=\"0\"", "shards=\"1\""] {
            assert!(labels.contains(label), "the dashboard's legends need {label}: {line}");
        }
    }
}

#[test]
fn the_metrics_file_has_the_runs_numbers_at_its_end() {
    let stage = Stage::new();
    stage.expect(0, &format!("download --start-date {DAY} {WHAT} --metrics-file mtdh.prom"));
    let text = std::fs::read_to_string(stage.path("mtdh.prom")).unwrap();
    let value = |name: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with(&format!("{name}{{"))).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(value("mtdh_files_planned") > 0 && value("mtdh_stored_rows_total") > 0);
    assert_eq!(value("mtdh_files_planned"), value("mtdh_files_finished_total"));
    assert_eq!(value("mtdh_files_failed_total"), 0);
}

#[test]
fn every_line_on_stderr_is_json_with_severity_run_and_shard() {
    let stage =
        Stage::with(vec![Fault::always(Host::Datasets, "BTC_USDC-PERPETUAL", FaultKind::OtherSymbol)]);
    let mut command = stage.command(&format!("download --start-date {DAY} {WHAT}"));
    command.env("LOG_FORMAT", "json").env("LOG_LEVEL", "info");
    let run = run(command);
    assert_eq!(run.status, 1, "{}", run.stderr);
    let lines: Vec<Value> = run
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    for line in &lines {
        assert!(["INFO", "WARNING", "ERROR"].contains(&line["severity"].as_str().unwrap()), "{line}");
        assert!(line["message"].is_string() && line["time"].is_string(), "{line}");
    }
    let failed = lines.iter().find(|line| line["message"] == "file failed").unwrap();
    assert_eq!(failed["shard"], "0-of-1");
    assert!(
        failed["run"].is_string() && failed["unit"].as_str().unwrap().contains("BTC_USDC-PERPETUAL"),
        "{failed}"
    );
    assert!(lines.iter().any(|line| line["message"] == "file done" && line["bytes"].is_u64()));
    let refused = stage.run("monitor none --log-format json");
    let line: Value = serde_json::from_str(refused.stderr.lines().next().unwrap()).unwrap();
    assert_eq!((refused.status, &line["severity"]), (2, &"ERROR".into()));
    assert_eq!(stage.run("ls --log-format xml").status, 2);
}

#[test]
fn specifications_for_engines_map_the_exit_statuses() {
    let stage = Stage::new();
    stage.sim.create_bucket("bucket");
    let words = "deploy render batch --run R.1 --shards 8 --image i --lake gs://bucket/lake";
    let unknown = stage.expect(2, words);
    assert!(unknown.stderr.contains("no plan of a run `R.1`"), "{}", unknown.stderr);
    stage.expect(0, &format!("plan --start-date {DAY} {WHAT} --save R.1 --lake gs://bucket/lake"));
    let render = |engine: &str| -> Value {
        let words = format!(
            "deploy render {engine} --run R.1 --shards 8 --image registry.example/mtdh:1 --lake gs://bucket/lake \
             --secret projects/p/secrets/tardis/versions/latest --service-account worker"
        );
        serde_json::from_str(&stage.expect(0, &words).stdout).unwrap()
    };
    let batch = render("batch");
    let task = &batch["taskGroups"][0]["taskSpec"];
    let policies = task["lifecyclePolicies"].as_array().unwrap();
    assert_eq!(policies[0]["action"], "RETRY_TASK");
    assert!(policies[0]["actionCondition"]["exitCodes"].as_array().unwrap().contains(&10.into()));
    assert_eq!(policies[1]["actionCondition"]["exitCodes"], serde_json::json!([20, 30]));
    assert_eq!(
        task["runnables"][0]["container"]["commands"],
        serde_json::json!(["download", "--run", "R.1"])
    );
    let job = render("k8s");
    assert_eq!(job["metadata"]["name"], "mtdh-r-1");
    assert_eq!((&job["spec"]["completions"], &job["spec"]["completionMode"]), (&8.into(), &"Indexed".into()));
    let rules = job["spec"]["podFailurePolicy"]["rules"].as_array().unwrap();
    assert_eq!((&rules[0]["action"], &rules[0]["onExitCodes"]["values"][0]), (&"FailJob".into(), &20.into()));
    assert_eq!(
        (&rules[1]["action"], &rules[1]["onExitCodes"]["values"][0]),
        (&"FailIndex".into(), &30.into())
    );
    let task = &render("cloud-run")["spec"]["template"]["spec"];
    assert_eq!((&task["taskCount"], &task["template"]["spec"]["maxRetries"]), (&8.into(), &3.into()));
    let local = "deploy render k8s --run r --shards 2 --image i --lake ./data";
    assert!(stage.expect(2, local).stderr.contains("need a lake in a bucket"));
    let no_project = "deploy render batch --run r --shards 2 --image i --lake gs://b --secret key";
    assert!(stage.expect(2, no_project).stderr.contains("GCP_PROJECT_ID"));
}
