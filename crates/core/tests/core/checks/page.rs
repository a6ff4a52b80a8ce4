//! The page of the checks is what the checks say.

#[test]
fn the_page_of_checks_is_made_from_them() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/checks.md");
    let page = mtdh_core::check::page::page();
    if std::env::var_os("MTDH_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap_or_default(),
        page,
        "write it anew: MTDH_WRITE_DOCS=1 cargo test -p mtdh-core --test core page_of_checks"
    );
}
