//! How DuckDB gets into a bucket, without a secret in the text.

use std::fmt::Write;

use super::views::text;

/// Where DuckDB finds the keys of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Where the reader keeps them: the environment, profiles, an instance's role.
    OfReader,
    /// In the environment of the process that runs DuckDB's program, if they are there; else as of the reader.
    OfEnvironment,
}

/// The names of what is in the environment, and of the parts of a secret. Source: the page "S3 API support" of DuckDB's
/// documentation, <https://duckdb.org/docs/current/core_extensions/httpfs/s3api>, November 2026.
const IN_ENVIRONMENT: [(&str, &str); 3] = [
    ("KEY_ID", "AWS_ACCESS_KEY_ID"),
    ("SECRET", "AWS_SECRET_ACCESS_KEY"),
    ("SESSION_TOKEN", "AWS_SESSION_TOKEN"),
];

/// The statement that lets DuckDB into the bucket of a lake. Region and endpoint are those of the environment.
pub(crate) fn secret(url: &str, keys: Keys) -> String {
    with_environment(url, keys, |name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

fn with_environment(url: &str, keys: Keys, variable: impl Fn(&str) -> Option<String>) -> String {
    let mut sql = String::from(
        "-- DuckDB needs its extension httpfs for buckets, and fetches it by itself where it may; else: INSTALL httpfs; LOAD httpfs;\n",
    );
    let bucket = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let mut parts = Vec::new();
    if url.starts_with("gs://") {
        sql.push_str("-- Google's buckets take HMAC keys here: KEY_ID and SECRET in place of PROVIDER.\n");
        parts.push("TYPE gcs, PROVIDER credential_chain".to_owned());
    } else {
        parts.push("TYPE s3".to_owned());
        let has_keys = keys == Keys::OfEnvironment
            && IN_ENVIRONMENT[..2].iter().all(|(_, name)| variable(name).is_some());
        if has_keys {
            let there = IN_ENVIRONMENT.iter().filter(|(_, name)| variable(name).is_some());
            parts.extend(there.map(|(part, name)| format!("{part} getenv('{name}')")));
        } else {
            parts.push("PROVIDER credential_chain".to_owned());
        }
        if let Some(region) = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")) {
            parts.push(format!("REGION {}", text(&region)));
        }
        if let Some(endpoint) = variable("AWS_ENDPOINT_URL").or_else(|| variable("AWS_ENDPOINT")) {
            let (scheme, host) = endpoint.split_once("://").unwrap_or(("https", &endpoint));
            let host = host.trim_end_matches('/').rsplit('@').next().unwrap_or_default();
            parts.push(format!("ENDPOINT {}, URL_STYLE 'path', USE_SSL {}", text(host), scheme != "http"));
        }
    }
    parts.push(format!("SCOPE {}", text(&bucket)));
    let _infallible = writeln!(sql, "CREATE OR REPLACE SECRET mtdh ({});", parts.join(", "));
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_in_the_text() {
        let variable = |name: &str| match name {
            "AWS_ACCESS_KEY_ID" => Some("THE-KEY".to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Some("THE-SECRET".to_owned()),
            "AWS_ENDPOINT_URL" => Some("http://someone:THE-SECRET@127.0.0.1:9000/".to_owned()),
            _ => None,
        };
        for (url, keys, expected) in [
            (
                "s3://b/p/q",
                Keys::OfEnvironment,
                "(TYPE s3, KEY_ID getenv('AWS_ACCESS_KEY_ID'), SECRET getenv('AWS_SECRET_ACCESS_KEY'), ENDPOINT '127.0.0.1:9000', URL_STYLE 'path', USE_SSL false, SCOPE 's3://b');",
            ),
            (
                "s3://b",
                Keys::OfReader,
                "(TYPE s3, PROVIDER credential_chain, ENDPOINT '127.0.0.1:9000', URL_STYLE 'path', USE_SSL false, SCOPE 's3://b');",
            ),
            ("gs://b/p", Keys::OfEnvironment, "(TYPE gcs, PROVIDER credential_chain, SCOPE 'gs://b');"),
        ] {
            let sql = with_environment(url, keys, variable);
            assert!(sql.contains(expected), "{sql}");
            assert!(!sql.contains("THE-"), "{sql}");
        }
    }
}
