//! What an export holds of one table and day, and what it was made of; and what the whole export is.
//!
//! A manifest may come from a folder or bucket that others write: it is untrusted. Its size is bounded, and it names no file outside of
//! its table and day.

use serde::{Deserialize, Serialize};

use super::HiveTable;
use crate::day::Day;

/// The version of the documents that this program writes and reads.
pub const VERSION: u32 = 1;

/// The largest manifest, bytes: some 500,000 files of a table and day.
pub const MOST_BYTES: u64 = 256 << 20;

/// The document of the whole export.
pub const HEAD: &str = "export.json";

/// The folder of the manifests.
pub const FOLDER: &str = "manifests";

/// How the files of an export are cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HiveForm {
    /// One file an object of the lake: the same bytes.
    #[default]
    Objects,
    /// One file a venue, instrument type and day.
    Compacted,
}

/// What the whole export is. It stays as the first run decided, except that the log of Delta can be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The version of this document and of the manifests.
    pub version: u32,
    /// How its files are cut.
    pub form: HiveForm,
    /// Whether each table has a log of Delta.
    pub delta: bool,
}

/// The files of a table and day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`VERSION`].
    pub version: u32,
    /// The table.
    pub table: String,
    /// The day, `YYYY-MM-DD`, UTC.
    pub date: String,
    /// The files, by path.
    pub files: Vec<ExportedFile>,
}

/// A file of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedFile {
    /// Its path in the export.
    pub path: String,
    /// Its rows.
    pub rows: u64,
    /// Its size, bytes.
    pub bytes: u64,
    /// Which version of the file was exported: the store's entity tag; in a folder inode, time and size.
    pub identity: Option<String>,
    /// BLAKE3 of the data of a file of several objects, as its footer says, lower-case hexadecimal; `None`: it is one object, or is
    /// not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Written before the file is touched and taken away afterwards: a run was ended in between. The file is there, or is not, or is
    /// the one before.
    #[serde(default, skip_serializing_if = "is_not")]
    pub pending: bool,
    /// What it was made of, in the order of its rows.
    pub sources: Vec<Source>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_not(pending: &bool) -> bool {
    !pending
}

/// An object of the lake that a file was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its path in the lake.
    pub path: String,
    /// Its instrument; `None`: it is a table of instruments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instrument_key: Option<String>,
    /// Its rows.
    pub rows: u64,
    /// Its size, bytes.
    pub bytes: u64,
    /// Which version of it: the store's entity tag; in a folder inode, time and size.
    pub identity: Option<String>,
}

impl Source {
    /// Whether it is the same version of the same object.
    pub fn is_same(&self, other: &Source) -> bool {
        self.path == other.path
            && self.bytes == other.bytes
            && self.identity.is_some()
            && self.identity == other.identity
    }
}

impl Manifest {
    /// One without files.
    pub fn new(table: HiveTable, day: Day) -> Manifest {
        Manifest { version: VERSION, table: table.to_string(), date: day.to_string(), files: Vec::new() }
    }

    /// The path of the manifest of a table and day.
    pub fn path(table: HiveTable, day: Day) -> String {
        format!("{FOLDER}/{table}/{day}.json")
    }

    /// Parses a path of [`Manifest::path`].
    pub fn parse_path(path: &str) -> Option<(HiveTable, Day)> {
        let (table, day) = path.strip_prefix(FOLDER)?.strip_prefix('/')?.split_once('/')?;
        let (table, day) = (table.parse().ok()?, day.strip_suffix(".json")?.parse().ok()?);
        (Manifest::path(table, day) == path).then_some((table, day))
    }

    /// Reads the manifest of a table and day.
    ///
    /// # Errors
    /// With the reason, when it is none, is of a newer version, or names files of elsewhere.
    pub fn parse(bytes: &[u8], table: HiveTable, day: Day) -> Result<Manifest, String> {
        newer(bytes)?;
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if manifest.table != table.to_string() || manifest.date != day.to_string() {
            return Err(format!("it is that of {} on {}", manifest.table, manifest.date));
        }
        let folder = table.day(day) + "/";
        let is_own = |path: &str| {
            let is_plain = |part: &str| !matches!(part, "" | "." | "..");
            path.starts_with(&folder) && path.ends_with(".parquet") && path.split('/').all(is_plain)
        };
        match manifest.files.iter().find(|file| !is_own(&file.path)) {
            Some(file) => Err(format!("{:?} is no file of this table and day", file.path)),
            None => Ok(manifest),
        }
    }

    /// Its bytes: files by path, a file a line.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut files: Vec<&ExportedFile> = self.files.iter().collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let lines = files.iter().map(|file| serde_json::to_string(file).expect("its keys are texts"));
        let lines = lines.collect::<Vec<_>>().join(",\n");
        let (version, table, date) = (self.version, &self.table, &self.date);
        format!(
            "{{\"version\":{version},\"table\":\"{table}\",\"date\":\"{date}\",\"files\":[\n{lines}\n]}}\n"
        )
        .into_bytes()
    }
}

impl Head {
    /// Reads the document.
    ///
    /// # Errors
    /// With the reason, when it is none or is of a newer version.
    pub fn parse(bytes: &[u8]) -> Result<Head, String> {
        newer(bytes)?;
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("its keys are texts");
        bytes.push(b'\n');
        bytes
    }
}

/// Refuses what a newer program wrote, before fields that it has are called unknown.
fn newer(bytes: &[u8]) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let Versioned { version } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match version {
        VERSION => Ok(()),
        other => Err(format!("it is of version {other}, and this program knows version {VERSION}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::DataType;

    const TABLE: HiveTable = HiveTable::Ticks(DataType::Trades);

    fn with(path: &str) -> Manifest {
        let source = Source {
            path: "p".to_owned(),
            instrument_key: None,
            rows: 1,
            bytes: 2,
            identity: Some("i".to_owned()),
        };
        let file = ExportedFile {
            path: path.to_owned(),
            rows: 1,
            bytes: 2,
            identity: None,
            digest: None,
            pending: true,
            sources: vec![source],
        };
        Manifest { files: vec![file], ..Manifest::new(TABLE, "2024-03-01".parse().unwrap()) }
    }

    #[test]
    fn a_manifest_names_only_files_of_its_table_and_day() {
        let day: Day = "2024-03-01".parse().unwrap();
        for (path, is_own) in [
            ("trades/date=2024-03-01/venue=A/instrument_type=PERP/B.parquet", true),
            ("trades/date=2024-03-02/venue=A/instrument_type=PERP/B.parquet", false),
            ("trades/date=2024-03-01/../date=2024-03-02/B.parquet", false),
            ("trades/date=2024-03-01//B.parquet", false),
            ("quotes/date=2024-03-01/B.parquet", false),
            ("/trades/date=2024-03-01/B.parquet", false),
            ("trades/date=2024-03-01/B.txt", false),
            ("export.json", false),
        ] {
            let read = Manifest::parse(&with(path).to_bytes(), TABLE, day);
            assert_eq!(read.clone().ok(), is_own.then(|| with(path)), "{path}: {read:?}");
        }
        let text = String::from_utf8(with("trades/date=2024-03-01/B.parquet").to_bytes()).unwrap();
        for other in
            [text.replace("\"version\":1", "\"version\":2"), text.replace("rows", "rowz"), "{".to_owned()]
        {
            assert!(Manifest::parse(other.as_bytes(), TABLE, day).is_err(), "{other}");
        }
        assert!(Manifest::parse(text.as_bytes(), TABLE, day.next()).is_err());
    }

    #[test]
    fn paths_of_manifests_read_back() {
        let day: Day = "2024-03-01".parse().unwrap();
        assert_eq!(Manifest::parse_path(&Manifest::path(TABLE, day)), Some((TABLE, day)));
        for path in
            ["manifests/trades/2024-3-1.json", "manifests/x/2024-03-01.json", "trades/2024-03-01.json"]
        {
            assert_eq!(Manifest::parse_path(path), None, "{path}");
        }
    }
}
