//! Settings from five layers: flag over environment over `.env` over `mtdh.toml` over default.
//!
//! [`SETTINGS`] is the one list of them; `mtdh config show`, the reference page and the layers are loops over it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use figment::error::Kind;
use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use mtdh_core::text::without_credentials;
use mtdh_engine::{Addresses, Budget, LakeOptions, RetryPolicy, SecretString};
use serde::{Deserialize, Serialize};

/// One setting.
pub struct Setting {
    /// Name in `mtdh.toml`.
    pub name: &'static str,
    /// Name in the environment and in `.env`.
    pub variable: &'static str,
    /// What holds when nobody says anything.
    pub default: Option<&'static str>,
    /// What it is.
    pub meaning: &'static str,
}

const fn setting(
    name: &'static str,
    variable: &'static str,
    default: Option<&'static str>,
    meaning: &'static str,
) -> Setting {
    Setting { name, variable, default, meaning }
}

/// Every setting.
pub const SETTINGS: [Setting; 17] = [
    setting("lake", "MTDH_LAKE", Some("./data"), "where the data goes: a folder, gs://BUCKET or s3://BUCKET"),
    setting(
        "tardis_api_key",
        "TARDIS_API_KEY",
        None,
        "the vendor's key; without it, first days of months only",
    ),
    setting(
        "gcs_bucket",
        "GCS_BUCKET",
        None,
        "makes the lake gs://BUCKET, where `lake` is not set beside it",
    ),
    setting("gcp_project_id", "GCP_PROJECT_ID", None, "the Google Cloud project, for deployment"),
    setting("gcp_credentials_path", "GCP_CREDENTIALS_PATH", None, "a service account's key file for gs://"),
    setting(
        "gcs_emulator",
        "STORAGE_EMULATOR_HOST",
        None,
        "address of a stand-in for GCS, asked without credentials",
    ),
    setting("tardis_api_url", "TARDIS_API_URL", Some("https://api.tardis.dev/v1"), "the vendor's metadata"),
    setting(
        "tardis_datasets_url",
        "TARDIS_DATASETS_URL",
        Some("https://datasets.tardis.dev/v1"),
        "the vendor's files",
    ),
    setting(
        "binance_url",
        "BINANCE_URL",
        None,
        "Binance's candles, for mtdh check cross-source; not set: its own hosts",
    ),
    setting(
        "cache_dir",
        "MTDH_CACHE_DIR",
        None,
        "where the vendor's metadata is kept; default: the user's cache folder",
    ),
    setting("max_attempts", "MTDH_MAX_ATTEMPTS", Some("10"), "how often a request is tried"),
    setting(
        "requests_per_minute",
        "MTDH_REQUESTS_PER_MINUTE",
        None,
        "requests to the vendor in any minute, at most; not set: no limit",
    ),
    setting(
        "bytes_per_day",
        "MTDH_BYTES_PER_DAY",
        None,
        "bytes from the vendor in a UTC day, at most, by one run; not set: no limit",
    ),
    setting(
        "lease_seconds",
        "MTDH_LEASE_SECONDS",
        Some("60"),
        "seconds that a worker of a run may keep silent before another takes its shard over",
    ),
    setting(
        "export_grace",
        "MTDH_EXPORT_GRACE",
        Some("0"),
        "hours after the end of a UTC day for which it is no fault that the vendor has not exported it",
    ),
    setting("log_level", "LOG_LEVEL", Some("warning"), "debug, info, warning or error"),
    setting("log_format", "LOG_FORMAT", Some("text"), "text, or json for lines that log collectors read"),
];

/// Settings that are numbers: variables are text.
const NUMBERS: [&str; 5] =
    ["max_attempts", "requests_per_minute", "bytes_per_day", "lease_seconds", "export_grace"];

// Settings that are addresses: somebody may have written a password into them.
const ADDRESSES: [&str; 5] = ["lake", "gcs_emulator", "tardis_api_url", "tardis_datasets_url", "binance_url"];

// Settings whose values are never told.
const SECRETS: [&str; 1] = ["tardis_api_key"];

/// What holds, after all layers. `config show` prints these, so that what is shown is what is used.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Values {
    lake: String,
    tardis_api_key: Option<String>,
    #[serde(rename = "gcs_bucket")]
    _gcs_bucket: Option<String>,
    gcp_project_id: Option<String>,
    gcp_credentials_path: Option<PathBuf>,
    gcs_emulator: Option<String>,
    tardis_api_url: String,
    tardis_datasets_url: String,
    binance_url: Option<String>,
    cache_dir: Option<PathBuf>,
    max_attempts: u32,
    requests_per_minute: Option<u32>,
    bytes_per_day: Option<u64>,
    lease_seconds: f64,
    export_grace: f64,
    log_level: String,
    log_format: String,
}

/// What the program goes by.
pub struct Settings {
    figment: Figment,
    values: Values,
}

/// A layer of settings with the words that tell where it is.
struct Layer {
    /// For each setting where it came from.
    place: String,
    values: BTreeMap<&'static str, String>,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.place.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let value = |name: &str, text: &String| match (text.parse::<u64>(), text.parse::<f64>()) {
            (Ok(number), _) if NUMBERS.contains(&name) => Value::from(number),
            (_, Ok(number)) if NUMBERS.contains(&name) => Value::from(number),
            _ => Value::from(text.clone()),
        };
        let dict = self.values.iter().map(|(name, text)| ((*name).to_owned(), value(name, text))).collect();
        Ok(Profile::Default.collect(dict))
    }
}

/// What flags say; nothing where a flag was not given.
#[derive(Default)]
pub struct FlagLayer {
    /// `--lake`.
    pub lake: Option<String>,
    /// `-v`.
    pub log_level: Option<String>,
    /// `--log-format`.
    pub log_format: Option<String>,
}

impl Settings {
    /// Reads all layers. `folder` is where `.env` and `mtdh.toml` are looked for.
    ///
    /// # Errors
    /// When a file cannot be read, or holds what no setting is.
    pub fn load(folder: &Path, flags: FlagLayer) -> Result<Settings> {
        Settings::from_layers(folder, |name| std::env::var(name).ok(), flags)
    }

    fn from_layers(
        folder: &Path,
        environment: impl Fn(&str) -> Option<String>,
        flags: FlagLayer,
    ) -> Result<Settings> {
        let env_file = read_env_file(&folder.join(".env"))?;
        let flag_values =
            [("lake", flags.lake), ("log_level", flags.log_level), ("log_format", flags.log_format)]
                .into_iter()
                .filter_map(|(n, v)| Some((n, v?)));
        let defaults = SETTINGS.iter().filter_map(|s| Some((s.name, s.default?.to_owned())));
        let toml = folder.join("mtdh.toml");
        let mut figment = Figment::from(Layer { place: "default".to_owned(), values: defaults.collect() });
        if toml.is_file() {
            figment = figment.merge(Toml::file_exact(&toml));
            if figment.extract_inner::<String>("gcs_bucket").is_ok() {
                figment = merge_bucket(figment, "mtdh.toml", toml_has_lake(&toml));
            }
        }
        figment = figment.merge(from_variables(".env", |name| env_file.get(name).cloned()));
        // An empty variable is one that is not set: compose files and shells make them by accident.
        let environment = |name: &str| environment(name).filter(|v| !v.is_empty());
        figment = figment.merge(from_variables("environment", environment));
        figment = figment.merge(Layer { place: "flag".to_owned(), values: flag_values.collect() });
        let values: Values = figment.extract().map_err(|error| not_understood(error, &toml))?;
        if log_level(&values.log_level).is_none() {
            bail!("LOG_LEVEL `{}` is not known; there are debug, info, warning and error", values.log_level);
        }
        if !["text", "json"].contains(&values.log_format.to_ascii_lowercase().as_str()) {
            bail!("LOG_FORMAT `{}` is not known; there are text and json", values.log_format);
        }
        if !(0.1..=86_400.0).contains(&values.lease_seconds) {
            bail!("lease_seconds is {}; it must lie between 0.1 and 86400", values.lease_seconds);
        }
        if values.max_attempts == 0 {
            bail!("max_attempts is 0; a request is tried at least once");
        }
        if !(0.0..=8_760.0).contains(&values.export_grace) {
            bail!("export_grace is {}; it must lie between 0 and 8760 hours", values.export_grace);
        }
        Ok(Settings { figment, values })
    }

    /// Each setting with its value and origin, for `config show`. A secret's value is not told.
    pub fn shown(&self) -> Vec<(&'static Setting, String, String)> {
        let used = serde_json::to_value(&self.values).unwrap_or_default();
        let shown = |s: &'static Setting| {
            let text = match (&used[s.name], s.name) {
                (_, "cache_dir") => self.cache_dir().display().to_string(),
                (serde_json::Value::Null, _) => "(not set)".to_owned(),
                (_, name) if SECRETS.contains(&name) => "(set, not shown)".to_owned(),
                (serde_json::Value::String(text), name) if ADDRESSES.contains(&name) => {
                    without_credentials(text)
                }
                (serde_json::Value::String(text), _) => text.clone(),
                (value, _) => value.to_string().trim_end_matches(".0").to_owned(),
            };
            let metadata = self.figment.find_metadata(s.name);
            let origin = metadata.map_or_else(
                || "default".to_owned(),
                |m| match &m.source {
                    Some(source) => source.to_string(),
                    None => m.name.to_string(),
                },
            );
            (s, text, origin)
        };
        SETTINGS.iter().map(shown).collect()
    }

    /// How much to log, in the words of the log's filter.
    pub fn log_level(&self) -> &'static str {
        log_level(&self.values.log_level).unwrap_or("warn")
    }

    /// The Google Cloud project, where one is set.
    pub fn project(&self) -> Option<&str> {
        self.values.gcp_project_id.as_deref()
    }

    /// Whether what goes to stderr is JSON lines.
    pub fn logs_json(&self) -> bool {
        self.values.log_format.eq_ignore_ascii_case("json")
    }

    /// For how long a worker of a run may keep silent.
    pub fn lease(&self) -> Duration {
        Duration::from_secs_f64(self.values.lease_seconds)
    }

    /// For how long after its end a day may lack the vendor's export without fault.
    pub fn export_grace(&self) -> Duration {
        Duration::from_secs_f64(self.values.export_grace * 3600.0)
    }

    fn cache_dir(&self) -> PathBuf {
        let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let users = || variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
        let folder = || users().unwrap_or_else(std::env::temp_dir).join("mtdh");
        self.values.cache_dir.clone().unwrap_or_else(folder)
    }

    /// What the verbs connect to.
    pub fn addresses(&self) -> Addresses {
        let values = &self.values;
        Addresses {
            lake: values.lake.clone(),
            lake_options: LakeOptions {
                gcp_credentials: values.gcp_credentials_path.clone(),
                gcs_emulator: values.gcs_emulator.clone(),
            },
            api: values.tardis_api_url.clone(),
            datasets: values.tardis_datasets_url.clone(),
            binance: values.binance_url.clone().filter(|url| !url.is_empty()),
            key: values.tardis_api_key.clone().filter(|k| !k.is_empty()).map(SecretString::from),
            source_folder: None,
            cache_folder: self.cache_dir(),
            retry: RetryPolicy { attempts: values.max_attempts, ..RetryPolicy::default() },
            budget: Budget {
                requests_per_minute: values.requests_per_minute,
                bytes_per_day: values.bytes_per_day,
            },
            run: None,
        }
    }
}

/// The predecessor's words too.
fn log_level(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "debug" => Some("debug"),
        "info" => Some("info"),
        "warning" | "warn" => Some("warn"),
        "error" | "critical" => Some("error"),
        _ => None,
    }
}

/// The settings of a layer of variables. A bucket beside no lake is the lake.
fn from_variables(place: &str, get: impl Fn(&str) -> Option<String>) -> Layer {
    let mut values: BTreeMap<&'static str, String> =
        SETTINGS.iter().filter_map(|s| Some((s.name, get(s.variable)?))).collect();
    if let Some(bucket) = values.get("gcs_bucket").cloned() {
        values.entry("lake").or_insert(format!("gs://{bucket}"));
    }
    Layer { place: place.to_owned(), values }
}

/// Says which setting is wrong and where, but no secret: the library's words hold the value, or the whole line.
fn not_understood(error: figment::Error, toml: &Path) -> anyhow::Error {
    let say = |error: figment::Error| {
        let name = error.path.last().cloned().unwrap_or_default();
        let origin = error.metadata.as_ref().map_or("a setting".to_owned(), |m| match &m.source {
            Some(source) => source.to_string(),
            None => m.name.to_string(),
        });
        let is_secret = SECRETS.contains(&name.as_str());
        match error.kind {
            Kind::UnknownField(field, _) => format!("there is no setting `{field}` (in {origin})"),
            Kind::InvalidType(..) | Kind::InvalidValue(..) if is_secret => {
                format!("`{name}` in {origin} is no text; its value is not shown")
            }
            Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
                format!("`{name}` in {origin} is {found}, not {expected}")
            }
            Kind::Message(text) => match place_of(&text) {
                Some((line, column)) => format!(
                    "{} is no TOML at line {line}, column {column}{}; texts stand in quotes",
                    toml.display(),
                    setting_of_line(toml, line)
                ),
                None => format!("{origin} cannot be read"),
            },
            _ => format!("`{name}` in {origin} is not what it should be"),
        }
    };
    let reasons: Vec<String> = error.into_iter().map(say).collect();
    anyhow::anyhow!("the settings cannot be understood: {}", reasons.join("; "))
}

/// Line and column of a message of the TOML library, both from 1.
fn place_of(message: &str) -> Option<(usize, usize)> {
    let (_, rest) = message.split_once("at line ")?;
    let (line, rest) = rest.split_once(", column ")?;
    let column = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// The setting that a line is about, in words; nothing where it begins with no setting's name.
fn setting_of_line(toml: &Path, line: usize) -> String {
    let text = std::fs::read_to_string(toml).unwrap_or_default();
    let name = text.lines().nth(line.saturating_sub(1)).and_then(|line| line.split('=').next());
    let name = name.map(|name| name.trim().trim_matches(['"', '\'']));
    let setting = SETTINGS.iter().find(|s| Some(s.name) == name);
    setting.map(|s| format!(", in `{}`", s.name)).unwrap_or_default()
}

fn toml_has_lake(toml: &Path) -> bool {
    Figment::from(Toml::file_exact(toml)).find_value("lake").is_ok()
}

fn merge_bucket(figment: Figment, place: &str, has_lake: bool) -> Figment {
    match figment.extract_inner::<String>("gcs_bucket") {
        Ok(bucket) if !has_lake => {
            let values = BTreeMap::from([("lake", format!("gs://{bucket}"))]);
            figment.merge(Layer { place: place.to_owned(), values })
        }
        _ => figment,
    }
}

fn read_env_file(path: &Path) -> Result<BTreeMap<String, String>> {
    if !path.is_file() {
        return Ok(BTreeMap::new());
    }
    let pairs = dotenvy::from_path_iter(path).with_context(|| format!("cannot read {}", path.display()))?;
    let pairs = pairs.collect::<Result<BTreeMap<_, _>, _>>();
    // The library's error quotes the line, which may hold the key.
    pairs.map_err(|_| anyhow::anyhow!("{} is not a list of NAME=value lines", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings of some files and flags. What stands under `environment` is the environment.
    fn shown(files: &[(&str, &str)], flags: FlagLayer) -> BTreeMap<&'static str, (String, String)> {
        let folder = tempfile::tempdir().unwrap();
        let mut variables = BTreeMap::new();
        for (name, text) in files {
            match *name {
                "environment" => variables.extend(text.lines().filter_map(|line| line.split_once('='))),
                _ => std::fs::write(folder.path().join(name), text).unwrap(),
            }
        }
        let environment = |name: &str| variables.get(name).map(|value| (*value).to_owned());
        let settings = Settings::from_layers(folder.path(), environment, flags).unwrap();
        settings.shown().into_iter().map(|(s, value, origin)| (s.name, (value, origin))).collect()
    }

    #[test]
    fn layers_lie_over_each_other_and_say_where_they_are() {
        let toml = ("mtdh.toml", "lake = 's3://toml'\nmax_attempts = 3\n");
        let env = (".env", "GCS_BUCKET=bucket\nTARDIS_API_KEY=TD.marker\n");
        let none = FlagLayer::default;
        assert_eq!(shown(&[], none())["lake"], ("./data".into(), "default".into()));
        assert_eq!(shown(&[toml], none())["lake"].0, "s3://toml");
        assert_eq!(shown(&[toml], none())["max_attempts"].0, "3");
        assert_eq!(shown(&[toml, env], none())["lake"], ("gs://bucket".into(), ".env".into()));
        let flags = FlagLayer { lake: Some("./mine".into()), ..none() };
        assert_eq!(
            shown(&[toml, env, ("environment", "MTDH_LAKE=l")], flags)["lake"],
            ("./mine".into(), "flag".into())
        );
        let environment = ("environment", "GCS_BUCKET=other\nMTDH_MAX_ATTEMPTS=\n");
        assert_eq!(
            shown(&[toml, env, environment], none())["lake"],
            ("gs://other".into(), "environment".into())
        );
        // An empty variable is none.
        assert_eq!(shown(&[toml, env, environment], none())["max_attempts"].0, "3");
        let key = &shown(&[env], none())["tardis_api_key"];
        assert!(!key.0.contains("marker") && key.1 == ".env");
    }

    /// Each setting in each layer that it can stand in, with a value of its own.
    #[test]
    fn every_setting_is_shown_as_it_is_used_in_every_layer() {
        let example = |s: &Setting| match s.name {
            "max_attempts" => "33",
            "requests_per_minute" => "60",
            "bytes_per_day" => "1000000",
            "lease_seconds" => "2.5",
            "export_grace" => "7",
            "log_level" => "info",
            "log_format" => "json",
            _ => "example",
        };
        for setting in &SETTINGS {
            let value = example(setting);
            let is_number = NUMBERS.contains(&setting.name);
            let quoted = if is_number { value.to_owned() } else { format!("'{value}'") };
            let files = [
                ("mtdh.toml", format!("{} = {quoted}\n", setting.name), "mtdh.toml"),
                (".env", format!("{}={value}\n", setting.variable), ".env"),
                ("environment", format!("{}={value}\n", setting.variable), "environment"),
            ];
            let defaults = shown(&[], FlagLayer::default());
            for (file, text, place) in files {
                let settings = shown(&[(file, &text)], FlagLayer::default());
                let (value_shown, origin) = &settings[setting.name];
                let expected = if setting.name == "tardis_api_key" { "(set, not shown)" } else { value };
                assert_eq!(value_shown, expected, "{} in {file}", setting.name);
                assert!(origin.contains(place), "{}: {origin}", setting.name);
                for (name, (other, _)) in &settings {
                    let is_same = *name == setting.name || (setting.name == "gcs_bucket" && *name == "lake");
                    assert!(is_same || *other == defaults[name].0, "{name} changes with {}", setting.name);
                }
            }
        }
        let flags = FlagLayer {
            lake: Some("l".into()),
            log_level: Some("debug".into()),
            log_format: Some("json".into()),
        };
        let settings = shown(&[], flags);
        for (name, value) in [("lake", "l"), ("log_level", "debug"), ("log_format", "json")] {
            assert_eq!(settings[name], (value.to_owned(), "flag".to_owned()));
        }
    }

    #[test]
    fn a_bucket_in_the_file_is_the_lake() {
        assert_eq!(shown(&[("mtdh.toml", "gcs_bucket = 'b'")], FlagLayer::default())["lake"].0, "gs://b");
    }

    #[test]
    fn a_setting_that_does_not_exist_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mtdh.toml"), "lakee = 'x'").unwrap();
        let error = Settings::load(folder.path(), FlagLayer::default()).err().unwrap();
        assert!(format!("{error:#}").contains("lakee"), "{error:#}");
    }

    #[test]
    fn no_wrong_setting_gives_the_key_away() {
        for (toml, expected) in [
            (
                "lake = 'x'\ntardis_api_key = TD.marker\n",
                "mtdh.toml is no TOML at line 2, column 18, in `tardis_api_key`",
            ),
            ("tardis_api_key = 'TD.marker\n", "line 1, column"),
            ("tardis_api_key 'TD.marker'\n", "line 1, column"),
            ("tardis_api_key = '''TD.marker\n", "line "),
            ("tardis_api_key = 77marker\n", "line 1"),
            ("tardis_api_key = 7700077\n", "`tardis_api_key` in "),
            ("tardis_api_key = ['TD.marker']\n", "`tardis_api_key` in "),
            ("tardis_api_key = {a = 'TD.marker'}\n", "tardis_api_key"),
            ("max_attempts = 'ten'\n", "`max_attempts` in "),
        ] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("mtdh.toml"), toml).unwrap();
            let error = Settings::load(folder.path(), FlagLayer::default()).err().unwrap();
            let text = format!("{error:#}");
            assert!(text.contains(expected), "{toml}: {text}");
            assert!(!text.contains("marker") && !text.contains("7700077"), "{toml}: {text}");
        }
    }

    #[test]
    fn passwords_in_addresses_are_not_shown() {
        let toml = "lake = 's3://user:marker@bucket/a'\ntardis_api_url = 'http://u:marker@h/v1?apiKey=marker'\n\
                    tardis_datasets_url = 'https://h/v1?X-Amz-Signature=marker'\nbinance_url = 'http://marker@h'\n\
                    gcs_emulator = 'u:marker@h:80'\n";
        let shown = shown(&[("mtdh.toml", toml)], FlagLayer::default());
        assert!(shown.values().all(|(value, _)| !value.contains("marker")), "{shown:?}");
        assert_eq!(shown["tardis_api_url"].0, "http://***@h/v1?apiKey=***");
    }

    #[test]
    fn a_broken_env_file_does_not_give_the_key_away() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".env"), "TARDIS_API_KEY='TD.marker").unwrap();
        let error = Settings::load(folder.path(), FlagLayer::default()).err().unwrap();
        assert!(!format!("{error:#}").contains("marker"), "{error:#}");
    }
}
