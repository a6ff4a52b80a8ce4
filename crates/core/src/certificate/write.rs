//! The bytes of a certificate: one way to write each, a line for each partition.

use super::{Certificate, Counts, Digests, Entry, Grades, Group, Hash, Scope, VERSION};

/// The last line, without its digest: `"digest":"` before, `"}` and a line feed behind.
pub(super) const LAST: (&str, &str) = ("\"digest\":\"", "\"}\n");

/// What stands before the partitions.
pub(super) const PARTITIONS: &str = "\"partitions\":{";

impl Certificate {
    /// Its bytes, and the digest that is in their last line: SHA-256 of all lines before it.
    pub fn to_bytes(&self) -> (Vec<u8>, Hash) {
        let mut bytes = Vec::new();
        self.write(&mut |piece| bytes.extend_from_slice(piece.as_bytes()));
        let digest = Hash::sha256(&bytes);
        bytes.extend_from_slice(last_line(digest).as_bytes());
        (bytes, digest)
    }

    /// Hands over all lines but the last, in pieces.
    pub(super) fn write(&self, out: &mut dyn FnMut(&str)) {
        let Certificate { certified_us, mtdh, format_version, schema_version, origin, scope, .. } = self;
        let Scope { days, venues, instrument_types, data_types, instruments } = scope;
        let types = instrument_types.iter().map(|kind| kind.name());
        let Counts { stored, empty, absent, missing, not_exported_yet, unexpected, rows } = self.counts;
        let Grades { good, degraded, bad, unknown, unchecked } = self.grades;
        out(&format!("{{\n\"mtdh_certificate\":{VERSION},\n\"certified_us\":{certified_us},\n"));
        out(&format!("\"mtdh\":{},\n\"format_version\":{format_version},\n", quoted(mtdh)));
        out(&format!("\"schema_version\":{schema_version},\n\"origin\":\"{origin}\",\n\"selection\":{{"));
        out(&format!("\"first_day\":\"{}\",\"last_day\":\"{}\",", days.first(), days.last()));
        out(&format!("\"venues\":{},", list(venues.iter().map(String::as_str))));
        out(&format!("\"instrument_types\":{},", list(types)));
        out(&format!("\"data_types\":{},", list(data_types.iter().map(|data_type| data_type.name()))));
        out(&format!("\"instruments\":{}}},\n", list(instruments.iter().map(String::as_str))));
        out(&format!("\"verdict\":{},\n\"counts\":{{\"stored\":{stored},", quoted(&self.verdict)));
        out(&format!("\"empty\":{empty},\"absent\":{absent},\"missing\":{missing},"));
        out(&format!(
            "\"not_exported_yet\":{not_exported_yet},\"unexpected\":{unexpected},\"rows\":{rows}}},\n"
        ));
        out(&format!("\"grades\":{{\"good\":{good},\"degraded\":{degraded},\"bad\":{bad},"));
        out(&format!("\"unknown\":{unknown},\"unchecked\":{unchecked}}},\n"));
        out(&format!(
            "\"bytes_proved\":{},\n\"root\":\"{}\",\n{PARTITIONS}",
            self.are_bytes_proved, self.root
        ));
        let mut before: Option<&Group> = None;
        for group in &self.groups {
            match before {
                Some(last) if last.day == group.day => out("},"),
                Some(_) => out(&format!("}}}},\n\"{}\":{{", group.day)),
                None => out(&format!("\n\"{}\":{{", group.day)),
            }
            out(&format!("\"{}\":{{", group.data_type));
            for (at, entry) in group.entries.iter().enumerate() {
                out(if at == 0 { "\n" } else { ",\n" });
                write_entry(entry, out);
            }
            before = Some(group);
        }
        out(if before.is_some() { "}}},\n" } else { "},\n" });
    }
}

fn write_entry(entry: &Entry, out: &mut dyn FnMut(&str)) {
    let Entry { key, status, digests } = entry;
    match digests {
        Some(Digests { data, footer }) => out(&format!("\"{key}\":[\"{status}\",\"{data}\",\"{footer}\"]")),
        None => out(&format!("\"{key}\":[\"{status}\"]")),
    }
}

/// The line with the document's own digest.
pub(super) fn last_line(digest: Hash) -> String {
    format!("{}{digest}{}", LAST.0, LAST.1)
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", texts.map(quoted).collect::<Vec<_>>().join(","))
}
