//! The forms of a venue's messages: text with named fields in angle brackets, kept in `templates/VENUE.txt` with the source of each.
//!
//! A line of such a file is `KIND | SOURCE | TEXT`. What fields there are: `template::field`.

mod checksum;
pub(super) mod field;
pub(super) mod number;
pub(super) mod scene;

use std::collections::HashMap;

use field::Field;
use number::Style;
use scene::Scene;

/// The forms of a venue.
#[derive(Debug)]
pub(super) struct Form {
    templates: HashMap<&'static str, Template>,
    pub(super) price: Style,
    pub(super) amount: Style,
}

/// One form.
#[derive(Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(Vec<u8>),
    Field(Field),
}

impl Form {
    /// Reads the forms of a venue. A line that is none, or names an unknown field, is an error of this program.
    ///
    /// # Panics
    /// Panics if the file is wrong; a test reads all of them.
    pub(super) fn read(text: &'static str, price: Style, amount: Style) -> Form {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let templates = lines.map(|line| {
            let mut parts = line.splitn(3, " | ");
            let (Some(kind), Some(_source), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
                panic!("not KIND | SOURCE | TEXT: {line}");
            };
            (kind, Template::read(text))
        });
        Form { templates: templates.collect(), price, amount }
    }

    /// Returns a form.
    pub(super) fn get(&self, kind: &str) -> Option<&Template> {
        self.templates.get(kind)
    }

    /// Appends a message of a kind. `false`: there is no such kind.
    pub(super) fn write(&self, kind: &str, scene: &Scene<'_>, out: &mut Vec<u8>) -> bool {
        let Some(template) = self.get(kind) else { return false };
        template.write(self, scene, out);
        true
    }

    /// Returns the text of an answer that has fields of its own only, each given by name.
    pub(super) fn answer(&self, kind: &str, fields: &[(&str, &str)]) -> String {
        let mut out = Vec::new();
        for part in self.get(kind).iter().flat_map(|template| &template.parts) {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Field(Field::Given(name)) => {
                    let given = fields.iter().find(|(key, _)| key == name);
                    out.extend_from_slice(given.map_or("", |(_, value)| value).as_bytes());
                }
                Part::Field(_) => {}
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }
}

impl Template {
    fn read(text: &'static str) -> Template {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('<') {
            let Some((name, after)) = after.split_once('>') else { panic!("a field without an end: {text}") };
            parts.push(Part::Text(before.as_bytes().to_vec()));
            parts.push(Part::Field(Field::of(name)));
            rest = after;
        }
        parts.push(Part::Text(rest.as_bytes().to_vec()));
        Template { parts }
    }

    /// Appends the text with the values of a scene.
    pub(super) fn write(&self, form: &Form, scene: &Scene<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Field(field) => field.write(form, scene, out),
            }
        }
    }
}

impl Template {
    /// Appends the text with each field given in turn.
    fn write_given(&self, mut give: impl FnMut(&'static str) -> Option<Vec<u8>>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Field(Field::Given(name)) => out.extend(give(name).unwrap_or_default()),
                Part::Field(_) => {}
            }
        }
    }
}
