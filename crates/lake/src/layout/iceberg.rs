//! Where the metadata of Iceberg tables lies. The rows are in the lake's own objects.

use object_store::path::Path;

use super::{Layout, path};

impl Layout {
    /// All Iceberg tables.
    pub fn iceberg_tables(&self) -> Path {
        path("iceberg".to_owned())
    }

    /// An Iceberg table. Its name is a data type, or candles with their timeframe.
    pub fn iceberg_table(&self, table: &str) -> Path {
        path(format!("iceberg/{table}"))
    }

    /// The metadata of an Iceberg table.
    pub fn iceberg_metadata(&self, table: &str) -> Path {
        path(format!("iceberg/{table}/metadata"))
    }

    /// The metadata of one version of an Iceberg table.
    pub fn iceberg_version(&self, table: &str, version: u64) -> Path {
        path(format!("iceberg/{table}/metadata/v{version}.metadata.json"))
    }

    /// The number of the newest version, for readers without a catalog.
    pub fn iceberg_hint(&self, table: &str) -> Path {
        path(format!("iceberg/{table}/metadata/version-hint.text"))
    }

    /// A manifest, or a list of manifests. Only the last part of `name` counts, as it comes from files that others may write.
    pub fn iceberg_file(&self, table: &str, name: &str) -> Path {
        self.iceberg_metadata(table).join(name)
    }

    /// Parses a path of [`Layout::iceberg_version`].
    pub fn parse_iceberg_version(&self, table: &str, path: &Path) -> Option<u64> {
        let version = path.filename()?.strip_prefix('v')?.strip_suffix(".metadata.json")?.parse().ok()?;
        (self.iceberg_version(table, version) == *path).then_some(version)
    }

    /// The version of an Iceberg table that an object was made for: metadata, a manifest or a list. `None`: it is none of them.
    pub fn parse_iceberg_file(&self, table: &str, path: &Path) -> Option<u64> {
        if let Some(version) = self.parse_iceberg_version(table, path) {
            return Some(version);
        }
        let name = path.filename()?;
        let (version, _) = name.strip_prefix('v')?.strip_suffix(".avro")?.split_once('-')?;
        let version = version.parse().ok()?;
        (self.iceberg_file(table, name) == *path).then_some(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout::VENDOR;

    #[test]
    fn objects_of_iceberg_tables_have_a_version() {
        for (name, version) in [
            ("v7.metadata.json", Some(7)),
            ("v7-0a-2024-03-01.avro", Some(7)),
            ("v12-0a-list.avro", Some(12)),
            ("v07.metadata.json", None),
            ("v.metadata.json", None),
            ("v7.avro", None),
            ("version-hint.text", None),
            ("7-0a-list.avro", None),
            ("x/v7.metadata.json", None),
        ] {
            let path = Path::parse(format!("iceberg/trades/metadata/{name}")).unwrap();
            assert_eq!(LAYOUT.parse_iceberg_file("trades", &path), version, "{name}");
            assert_eq!(LAYOUT.parse_iceberg_file("quotes", &path), None, "{name}");
        }
    }
}
