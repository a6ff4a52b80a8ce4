//! A user's folder of vendor files as an archive.

use std::fs;
use std::io::Read;

use mtdh_core::error::chain;
use mtdh_source::tardis::datasets::{Answer, Archive, Folder};
use mtdh_source::tardis::vendor_file::VendorFile;

#[tokio::test]
async fn files_of_a_folder_are_given_as_they_lie() {
    let root = tempfile::tempdir().unwrap();
    let stored = "deribit/trades/2024/03/01/BTC-PERPETUAL.csv.gz";
    fs::create_dir_all(root.path().join("deribit/trades/2024/03/01")).unwrap();
    fs::write(root.path().join(stored), "content").unwrap();
    let archive = Archive::Folder(Folder::open(root.path()).unwrap());
    let file = VendorFile::from_path(stored).unwrap();
    let Answer::File(spooled) = archive.fetch(&file, 0, root.path(), &|_| {}).await.unwrap() else {
        panic!("a folder says nothing of absence")
    };
    assert_eq!((spooled.bytes, spooled.etag.clone()), (7, None));
    assert_eq!(spooled.sha256, "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73");
    let mut content = String::new();
    spooled.into_reader().unwrap().read_to_string(&mut content).unwrap();
    assert_eq!(content, "content");
}

#[tokio::test]
async fn what_a_folder_lacks_is_an_error_and_no_absence() {
    let root = tempfile::tempdir().unwrap();
    let archive = Archive::Folder(Folder::open(root.path()).unwrap());
    let file = VendorFile::from_path("deribit/trades/2024/03/01/ETH-PERPETUAL.csv.gz").unwrap();
    let error = archive.fetch(&file, 0, root.path(), &|_| {}).await.unwrap_err();
    let words = chain(&error);
    assert!(words.starts_with("`deribit/trades/2024/03/01/ETH-PERPETUAL.csv.gz` is not in "), "{words}");
    assert!(Folder::open(root.path().join("nowhere")).is_err());
}
