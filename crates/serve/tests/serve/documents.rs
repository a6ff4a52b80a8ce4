//! The documents that are made of the table, and the table itself.

use mtdh_serve::api::documents::{openapi_document, page};
use mtdh_serve::api::endpoints::{ENDPOINTS, Endpoint, Method};

use crate::support::served;

/// Compares a generated document with its file; with `MTDH_WRITE_DOCS` writes it.
fn held(path: &str, text: &str) {
    let path = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("MTDH_WRITE_DOCS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "{path} is not what the table says; write it anew: MTDH_WRITE_DOCS=1 cargo test --workspace --test serve documents"
    );
}

#[test]
fn the_interface_and_its_page_are_made_of_the_table() {
    held("docs/reference/openapi.json", &format!("{:#}\n", openapi_document()));
    held("docs/reference/api.md", &page());
}

#[test]
fn every_path_parameter_is_in_the_table_and_has_one_name() {
    for endpoint in ENDPOINTS {
        let names: Vec<&str> = endpoint.parameters.iter().copied().flatten().map(|p| p.name).collect();
        let mut once = names.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), names.len(), "{}: {names:?}", endpoint.path);
        for part in endpoint.path.split('{').skip(1) {
            let name = part.split('}').next().unwrap().trim_start_matches('*');
            assert!(names.contains(&name), "{}: {name}", endpoint.path);
        }
    }
}

/// The path of an endpoint with examples in place of its parameters.
fn filled(endpoint: &Endpoint) -> String {
    let mut path = endpoint.path.replace("{*", "{");
    for parameter in endpoint.parameters.iter().copied().flatten() {
        let example = parameter.examples.first().copied().unwrap_or("none");
        path = path.replace(&format!("{{{}}}", parameter.name), example);
    }
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_takes_the_methods_of_the_table_and_no_others() {
    let served = served().await;
    let client = reqwest::Client::new();
    for endpoint in ENDPOINTS {
        let takes = |method: Method| {
            ENDPOINTS.iter().any(|other| other.path == endpoint.path && other.method == method)
        };
        for (word, is_taken) in [
            ("GET", takes(Method::Get)),
            ("HEAD", takes(Method::Get)),
            ("POST", takes(Method::Post)),
            ("PUT", false),
            ("PATCH", false),
            ("DELETE", false),
            ("OPTIONS", false),
            ("TRACE", false),
        ] {
            let method = reqwest::Method::from_bytes(word.as_bytes()).unwrap();
            let answer = client.request(method, served.url(&filled(endpoint))).send().await.unwrap();
            assert_eq!(answer.status() != 405, is_taken, "{word} {}", endpoint.path);
            let body = if word == "HEAD" { answer.bytes().await.unwrap().len() } else { 0 };
            assert_eq!(body, 0, "{word} {}", endpoint.path);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_says_what_get_says() {
    let served = served().await;
    let client = reqwest::Client::new();
    let gets = ENDPOINTS.iter().filter(|e| e.method == Method::Get && !e.example.is_empty());
    for endpoint in gets.filter(|endpoint| endpoint.path != "/metrics") {
        let url = served.url(endpoint.example);
        let (head, get) = (client.head(&url).send().await.unwrap(), client.get(&url).send().await.unwrap());
        assert_eq!(head.status(), get.status(), "{}", endpoint.path);
        for name in ["content-type", "etag", "content-encoding", "accept-ranges", "cache-control"] {
            assert_eq!(head.headers().get(name), get.headers().get(name), "{} {name}", endpoint.path);
        }
    }
}

/// The router is a loop over the table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_is_answered() {
    let served = served().await;
    let client = reqwest::Client::new();
    for endpoint in ENDPOINTS.iter().filter(|endpoint| !endpoint.example.is_empty()) {
        let (path, body) = endpoint.example.split_once(' ').unwrap_or((endpoint.example, ""));
        let request = match endpoint.method {
            Method::Get => client.get(served.url(path)),
            Method::Post => client.post(served.url(path)).body(body),
        };
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.bytes().await.unwrap();
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&text));
        assert!(!text.is_empty(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_lacks_what_the_table_promises() {
    use mtdh_serve::api::endpoints::Answers;
    let served = served().await;
    for endpoint in
        ENDPOINTS.iter().filter(|endpoint| endpoint.method == Method::Get && !endpoint.example.is_empty())
    {
        let Answers::Document(members) = endpoint.answers else { continue };
        let (_, document) = served.json(endpoint.example).await;
        for (name, _) in members {
            assert!(document.get(name).is_some(), "{}: no {name} in {document}", endpoint.path);
        }
    }
}
