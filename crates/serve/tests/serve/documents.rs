//! The documents that are made of the table, and the table itself.

use mtdh_serve::api::documents::{openapi_document, page};
use mtdh_serve::api::endpoints::{ENDPOINTS, Method};

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

/// The other way round than the router, which is a loop over the table: each example is answered.
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
