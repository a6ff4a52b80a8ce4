//! `mtdh deploy render`: job specifications whose tasks are workers of a run of a saved plan.
//!
//! Each job maps the program's exit statuses (0 done, 10 worth retrying, 20 configuration, 30 budget used up) as far as the
//! scheduler supports it: Batch by its life-cycle policies, Kubernetes by its pod failure policy. Cloud Run retries every
//! failure.

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

use mtdh_engine::{EngineError, chain};

use crate::args::{Engine, RenderArgs};
use crate::exit::Outcome;
use crate::output::note;
use crate::session::Session;
use crate::stdout::Stdout;

/// Batch's exit codes of a task whose machine was lost: preempted, silent, rebooted, task unresponsive, migrated.
/// <https://cloud.google.com/batch/docs/troubleshooting#reserved-exit-codes>
const MACHINE_GONE: [u32; 5] = [50001, 50002, 50003, 50004, 50006];

/// Seconds that a task has to abandon its files.
const GRACE_SECONDS: u32 = 30;

pub async fn render(session: &Session<'_>, project: Option<&str>, args: &RenderArgs) -> Result<Outcome> {
    use std::io::Write;
    let lake = &session.config.lake;
    if !lake.starts_with("gs://") && !lake.starts_with("s3://") {
        bail!(
            "tasks on many machines need a lake in a bucket, and this one is `{lake}`; give --lake gs://BUCKET"
        );
    }
    let mut variables = vec![
        ("MTDH_LAKE", lake.clone()),
        ("LOG_FORMAT", "json".to_owned()),
        ("LOG_LEVEL", "info".to_owned()),
        ("TZ", "UTC".to_owned()),
    ];
    let budget = &session.config.budget;
    let limits = [
        ("MTDH_REQUESTS_PER_MINUTE", budget.requests_per_minute.map(u64::from)),
        ("MTDH_BYTES_PER_DAY", budget.bytes_per_day),
    ];
    variables.extend(limits.into_iter().filter_map(|(name, limit)| Some((name, limit?.to_string()))));
    let job = match args.engine {
        Engine::Batch => batch(args, project, &variables)?,
        Engine::CloudRun => cloud_run(args, &variables),
        Engine::K8s => kubernetes(args, &variables),
    };
    check_run(session, &args.run).await?;
    let mut out = std::io::BufWriter::new(Stdout);
    serde_json::to_writer_pretty(&mut out, &job)?;
    writeln!(out)?;
    out.flush()?;
    if args.secret.is_none() {
        note("no --secret: the tasks have no key, and the vendor gives first days of months only");
    }
    Ok(Outcome::Clean)
}

/// Whether the run has a plan. A lake that this machine may not read is no error here: the tasks read it.
async fn check_run(session: &Session<'_>, run: &str) -> Result<()> {
    match session.context()?.check_run_exists(run).await {
        Ok(()) => Ok(()),
        Err(EngineError::Lake(error)) => {
            note(&format!(
                "whether the lake has a plan of `{run}` cannot be seen from here: {}",
                chain(&error)
            ));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// A name that is valid for all three schedulers.
fn name(run: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = format!("mtdh-{run}").chars().map(fit).take(49).collect();
    name.trim_end_matches('-').to_owned()
}

fn words(args: &RenderArgs) -> Value {
    json!(["download", "--run", args.run])
}

fn parallelism(args: &RenderArgs) -> u32 {
    args.parallelism.unwrap_or(args.shards).clamp(1, args.shards)
}

fn batch(args: &RenderArgs, project: Option<&str>, variables: &[(&str, String)]) -> Result<Value> {
    let plain: Map<String, Value> = variables.iter().map(|(n, v)| ((*n).to_owned(), json!(v))).collect();
    let mut environment = json!({"variables": plain});
    if let Some(secret) = &args.secret {
        let full = match (secret.contains('/'), project) {
            (true, _) => secret.clone(),
            (false, Some(project)) => format!("projects/{project}/secrets/{secret}/versions/latest"),
            (false, None) => {
                return Err(anyhow::anyhow!("Batch wants a secret's full name")).context(
                    "set GCP_PROJECT_ID, or give --secret projects/PROJECT/secrets/NAME/versions/latest",
                );
            }
        };
        environment["secretVariables"] = json!({"TARDIS_API_KEY": full});
    }
    let retried: Vec<u32> = [10].into_iter().chain(MACHINE_GONE).collect();
    let model = if args.spot { "SPOT" } else { "STANDARD" };
    let mut allocation = json!({
        "instances": [{"policy": {"machineType": args.machine_type, "provisioningModel": model}}],
        "labels": {"mtdh-run": name(&args.run)},
    });
    if let Some(account) = &args.service_account {
        allocation["serviceAccount"] = json!({"email": account});
    }
    Ok(json!({
        "taskGroups": [{
            "taskCount": args.shards.to_string(),
            "parallelism": parallelism(args).to_string(),
            "taskSpec": {
                "runnables": [{"container": {"imageUri": args.image, "commands": words(args)}}],
                "environment": environment,
                "computeResource": {"cpuMilli": "2000", "memoryMib": "4096"},
                "maxRetryCount": args.retries.min(10),
                "lifecyclePolicies": [
                    {"action": "RETRY_TASK", "actionCondition": {"exitCodes": retried}},
                    {"action": "FAIL_TASK", "actionCondition": {"exitCodes": [20, 30]}},
                ],
            },
        }],
        "allocationPolicy": allocation,
        "logsPolicy": {"destination": "CLOUD_LOGGING"},
        "labels": {"mtdh-run": name(&args.run)},
    }))
}

/// Variables as a container's list, with the key from a secret.
fn list(variables: &[(&str, String)], secret: Option<&str>, key: &str) -> Vec<Value> {
    let plain = variables.iter().map(|(name, value)| json!({"name": name, "value": value}));
    let from = secret.map(|secret| {
        json!({"name": "TARDIS_API_KEY", "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
    });
    plain.chain(from).collect()
}

fn cloud_run(args: &RenderArgs, variables: &[(&str, String)]) -> Value {
    let mut task = json!({
        "containers": [{
            "image": args.image,
            "args": words(args),
            "env": list(variables, args.secret.as_deref(), "latest"),
            "resources": {"limits": {"cpu": "2", "memory": "4Gi"}},
        }],
        "maxRetries": args.retries.min(10),
        "timeoutSeconds": "86400",
    });
    if let Some(account) = &args.service_account {
        task["serviceAccountName"] = json!(account);
    }
    json!({
        "apiVersion": "run.googleapis.com/v1",
        "kind": "Job",
        "metadata": {"name": name(&args.run), "labels": {"mtdh-run": name(&args.run)}},
        "spec": {"template": {"spec": {
            "taskCount": args.shards,
            "parallelism": parallelism(args),
            "template": {"spec": task},
        }}},
    })
}

fn kubernetes(args: &RenderArgs, variables: &[(&str, String)]) -> Value {
    let mut variables = variables.to_vec();
    // Kubernetes passes a pod its index, but not the number of pods.
    variables.push(("MTDH_TOTAL_SHARDS", args.shards.to_string()));
    variables.push(("MTDH_CACHE_DIR", "/tmp/cache".to_owned()));
    let mut pod = json!({
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [{
            "name": "mtdh",
            "image": args.image,
            "args": words(args),
            "env": list(&variables, args.secret.as_deref(), "TARDIS_API_KEY"),
            "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "4Gi"}},
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        }],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    });
    if let Some(account) = &args.service_account {
        pod["serviceAccountName"] = json!(account);
    }
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name(&args.run), "labels": {"mtdh-run": name(&args.run)}},
        "spec": {
            "completionMode": "Indexed",
            "completions": args.shards,
            "parallelism": parallelism(args),
            "backoffLimitPerIndex": args.retries,
            "maxFailedIndexes": args.shards,
            "podFailurePolicy": {"rules": [
                // Wrong settings are wrong for every pod.
                {"action": "FailJob", "onExitCodes": {"containerName": "mtdh", "operator": "In", "values": [20]}},
                {"action": "FailIndex", "onExitCodes": {"containerName": "mtdh", "operator": "In", "values": [30]}},
                // An evicted or preempted pod has not failed.
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            ]},
            "template": {"metadata": {"labels": {"mtdh-run": name(&args.run)}}, "spec": pod},
        },
    })
}
