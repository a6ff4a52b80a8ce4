//! The layers of settings, each with the name of its origin.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};

use super::{FlagLayer, Kind, SETTINGS, Setting};

/// A value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(String),
    Whole(u64),
    Decimal(f64),
}

/// A value and its origin.
#[derive(Debug)]
pub struct Found {
    pub value: Value,
    /// `default`, the path of `mtdh.toml`, `.env`, `environment` or `flag`.
    pub origin: String,
}

/// The result of all layers: the uppermost value of each setting.
pub struct Layers {
    found: BTreeMap<&'static str, Found>,
}

impl Layers {
    /// # Errors
    /// When a file cannot be read, or a value does not fit its setting.
    pub fn read(
        folder: &Path,
        environment: impl Fn(&str) -> Option<String>,
        flags: FlagLayer,
    ) -> Result<Layers> {
        let mut layers = Layers { found: BTreeMap::new() };
        layers.add("default", |setting| setting.default.map(str::to_owned))?;
        layers.add_toml(&folder.join("mtdh.toml"))?;
        let (env_file, origin) = match &flags.env_file {
            Some(file) if !file.is_file() => {
                bail!("there is no file {}, which --env-file names", file.display())
            }
            Some(file) => (read_env_file(file)?, file.display().to_string()),
            None => (read_env_file(&folder.join(".env"))?, ".env".to_owned()),
        };
        layers.add(&origin, |setting| env_file.get(setting.variable).cloned())?;
        layers.add("environment", |setting| environment(setting.variable))?;
        layers.add("flag", |setting| match setting.name {
            "lake" => flags.lake.clone(),
            "log_level" => flags.log_level.clone(),
            "log_format" => flags.log_format.clone(),
            _ => None,
        })?;
        Ok(layers)
    }

    /// The value of a setting; `None`: no layer has it.
    pub fn get(&self, name: &str) -> Option<&Found> {
        self.found.get(name)
    }

    /// Adds a layer of texts over the others. An empty text counts as not set: compose files and shells create them by
    /// accident.
    fn add(&mut self, origin: &str, get: impl Fn(&Setting) -> Option<String>) -> Result<()> {
        let mut values = BTreeMap::new();
        for setting in &SETTINGS {
            if let Some(text) = get(setting).filter(|text| !text.is_empty()) {
                values.insert(setting.name, value_of_text(setting, text, origin)?);
            }
        }
        self.lay(values, origin);
        Ok(())
    }

    fn add_toml(&mut self, path: &Path) -> Result<()> {
        if !path.is_file() {
            return Ok(());
        }
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {place}"))?;
        let table: toml::Table = toml::from_str(&text).map_err(|error| no_toml(&place, &text, &error))?;
        let mut values = BTreeMap::new();
        for (name, value) in table {
            let setting = SETTINGS.iter().find(|setting| setting.name == name);
            let setting = setting.ok_or_else(|| {
                anyhow!("the settings cannot be understood: there is no setting `{name}` (in {place})")
            })?;
            values.insert(setting.name, value_of_toml(setting, value, &place)?);
        }
        self.lay(values, &place);
        Ok(())
    }

    /// A bucket without a lake becomes the lake.
    fn lay(&mut self, mut values: BTreeMap<&'static str, Value>, origin: &str) {
        if let Some(Value::Text(bucket)) = values.get("gcs_bucket") {
            let lake = Value::Text(format!("gs://{bucket}"));
            values.entry("lake").or_insert(lake);
        }
        let found = |value| Found { value, origin: origin.to_owned() };
        self.found.extend(values.into_iter().map(|(name, value)| (name, found(value))));
    }
}

fn value_of_text(setting: &Setting, text: String, origin: &str) -> Result<Value> {
    let number = match setting.kind {
        Kind::Text | Kind::Address | Kind::Secret => return Ok(Value::Text(text)),
        Kind::Whole(most) => text.parse().ok().filter(|number| *number <= most).map(Value::Whole),
        Kind::Decimal => text.parse().ok().map(Value::Decimal),
    };
    number.ok_or_else(|| misfit(setting, origin, &format!("the text `{text}`")))
}

fn value_of_toml(setting: &Setting, value: toml::Value, origin: &str) -> Result<Value> {
    let kind = value.type_str();
    let found = match (setting.kind, value) {
        (Kind::Text | Kind::Address | Kind::Secret, toml::Value::String(text)) => Some(Value::Text(text)),
        (Kind::Whole(most), toml::Value::Integer(number)) => {
            u64::try_from(number).ok().filter(|number| *number <= most).map(Value::Whole)
        }
        (Kind::Decimal, toml::Value::Integer(number)) => Some(Value::Decimal(number as f64)),
        (Kind::Decimal, toml::Value::Float(number)) => Some(Value::Decimal(number)),
        _ => None,
    };
    found.ok_or_else(|| misfit(setting, origin, &format!("of the type {kind}")))
}

/// The error of a wrong value, with the setting and its origin; a secret's value is not shown.
fn misfit(setting: &Setting, origin: &str, found: &str) -> anyhow::Error {
    let name = setting.name;
    let reason = match setting.kind {
        Kind::Secret => format!("`{name}` in {origin} is no text; its value is not shown"),
        Kind::Text | Kind::Address => format!("`{name}` in {origin} is {found}, not a text"),
        Kind::Whole(most) => format!("`{name}` in {origin} is {found}, not a whole number up to {most}"),
        Kind::Decimal => format!("`{name}` in {origin} is {found}, not a number"),
    };
    anyhow!("the settings cannot be understood: {reason}")
}

/// The error of a file that is not TOML. The library's message may quote the line, which may contain a secret.
fn no_toml(place: &str, text: &str, error: &toml::de::Error) -> anyhow::Error {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.as_bytes()[..at].iter();
    let line = 1 + before.clone().filter(|byte| **byte == b'\n').count();
    let column = 1 + before.rev().take_while(|byte| **byte != b'\n').count();
    let name = text.lines().nth(line - 1).and_then(|line| line.split('=').next());
    let name = name.map(|name| name.trim().trim_matches(['"', '\'']));
    let setting = SETTINGS.iter().find(|setting| Some(setting.name) == name);
    let setting = setting.map(|setting| format!(", in `{}`", setting.name)).unwrap_or_default();
    anyhow!(
        "the settings cannot be understood: {place} is no TOML at line {line}, column {column}{setting}; texts stand in quotes"
    )
}

fn read_env_file(path: &Path) -> Result<BTreeMap<String, String>> {
    if !path.is_file() {
        return Ok(BTreeMap::new());
    }
    let pairs = dotenvy::from_path_iter(path).with_context(|| format!("cannot read {}", path.display()))?;
    match pairs.collect() {
        Ok(pairs) => Ok(pairs),
        // The library's error quotes the line, which may contain the key.
        Err(_) => bail!("{} is not a list of NAME=value lines", path.display()),
    }
}
