//! Settings from five layers: flag over environment over `.env` over `mtdh.toml` over default.
//!
//! [`SETTINGS`] is the one list of them; `mtdh config show`, the reference page and the layers are loops over it.

mod layers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use mtdh_core::text::without_credentials;
use mtdh_engine::live::record::{Instead, Unencrypted};
use mtdh_engine::{Budget, Config, LakeOptions, RetryPolicy, SecretString};
use tracing::level_filters::LevelFilter;

use layers::{Layers, Value};

/// The type of a setting's value, and how it is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// An address. It may contain a password, which is not shown.
    Address,
    /// Text that is never shown.
    Secret,
    /// An integer up to this maximum.
    Whole(u64),
    /// A number.
    Decimal,
}

/// One setting.
pub struct Setting {
    /// Name in `mtdh.toml`.
    pub name: &'static str,
    /// Name in the environment and in `.env`.
    pub variable: &'static str,
    /// Its type.
    pub kind: Kind,
    /// The default; `None`: it has none.
    pub default: Option<&'static str>,
    /// Its description.
    pub meaning: &'static str,
}

const fn setting(
    name: &'static str,
    variable: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    meaning: &'static str,
) -> Setting {
    Setting { name, variable, kind, default, meaning }
}

/// Every setting.
pub const SETTINGS: [Setting; 22] = [
    setting(
        "lake",
        "MTDH_LAKE",
        Kind::Address,
        Some("./data"),
        "where the data goes: a folder, gs://BUCKET or s3://BUCKET",
    ),
    setting(
        "tardis_api_key",
        "TARDIS_API_KEY",
        Kind::Secret,
        None,
        "the vendor's key; without it, first days of months only",
    ),
    setting(
        "gcs_bucket",
        "GCS_BUCKET",
        Kind::Text,
        None,
        "makes the lake gs://BUCKET, where `lake` is not set beside it",
    ),
    setting("gcp_project_id", "GCP_PROJECT_ID", Kind::Text, None, "the Google Cloud project, for deployment"),
    setting(
        "gcp_credentials_path",
        "GCP_CREDENTIALS_PATH",
        Kind::Text,
        None,
        "a service account's key file for gs://",
    ),
    setting(
        "gcs_emulator",
        "STORAGE_EMULATOR_HOST",
        Kind::Address,
        None,
        "address of a stand-in for GCS, asked without credentials",
    ),
    setting(
        "tardis_api_url",
        "TARDIS_API_URL",
        Kind::Address,
        Some("https://api.tardis.dev/v1"),
        "the vendor's metadata",
    ),
    setting(
        "tardis_datasets_url",
        "TARDIS_DATASETS_URL",
        Kind::Address,
        Some("https://datasets.tardis.dev/v1"),
        "the vendor's files",
    ),
    setting(
        "binance_url",
        "BINANCE_URL",
        Kind::Address,
        None,
        "Binance's candles, for mtdh check cross-source; not set: its own hosts",
    ),
    setting(
        "cache_dir",
        "MTDH_CACHE_DIR",
        Kind::Text,
        None,
        "where the vendor's metadata is kept; default: the user's cache folder",
    ),
    setting(
        "max_attempts",
        "MTDH_MAX_ATTEMPTS",
        Kind::Whole(u32::MAX as u64),
        Some("10"),
        "how often a request is tried",
    ),
    setting(
        "requests_per_minute",
        "MTDH_REQUESTS_PER_MINUTE",
        Kind::Whole(u32::MAX as u64),
        None,
        "requests to the vendor in any minute, at most; not set: no limit",
    ),
    setting(
        "bytes_per_day",
        "MTDH_BYTES_PER_DAY",
        Kind::Whole(u64::MAX),
        None,
        "bytes from the vendor in a UTC day, at most, by one run; not set: no limit",
    ),
    setting(
        "lease_seconds",
        "MTDH_LEASE_SECONDS",
        Kind::Decimal,
        Some("60"),
        "seconds that a worker of a run may keep silent before another takes its shard over",
    ),
    setting(
        "export_grace",
        "MTDH_EXPORT_GRACE",
        Kind::Decimal,
        Some("0"),
        "hours after the end of a UTC day for which it is no fault that the vendor has not exported it",
    ),
    setting(
        "serve_token",
        "MTDH_TOKEN",
        Kind::Secret,
        None,
        "the token that clients of mtdh serve must show, 32 characters or more",
    ),
    setting(
        "serve_hosts",
        "MTDH_SERVE_HOSTS",
        Kind::Text,
        None,
        "names by which clients address mtdh serve, separated by commas, such as that of a proxy",
    ),
    setting(
        "live_addresses",
        "MTDH_LIVE_ADDRESSES",
        Kind::Text,
        None,
        "addresses in place of exchanges' own for live feeds, as EXCHANGE=URL, separated by commas: ws or wss for WebSockets, http or https for REST",
    ),
    setting(
        "live_unencrypted",
        "MTDH_LIVE_UNENCRYPTED",
        Kind::Text,
        None,
        "yes: such addresses may be without TLS beyond this machine",
    ),
    setting(
        "live_capture_days",
        "MTDH_LIVE_CAPTURE_DAYS",
        Kind::Whole(36_500),
        Some("14"),
        "days after which a recorder removes captures whose rows are in the days' objects and were compared with the vendor's; 0: never",
    ),
    setting("log_level", "LOG_LEVEL", Kind::Text, Some("warning"), "debug, info, warning or error"),
    setting(
        "log_format",
        "LOG_FORMAT",
        Kind::Text,
        Some("text"),
        "text, or json for lines that log collectors read",
    ),
];

/// The settings in effect.
pub struct Settings {
    layers: Layers,
}

/// Settings from flags; `None`: the flag was not given.
#[derive(Default)]
pub struct FlagLayer {
    /// `--lake`.
    pub lake: Option<String>,
    /// `-v`.
    pub log_level: Option<String>,
    /// `--log-format`.
    pub log_format: Option<String>,
    /// `--env-file`: read in place of `.env`.
    pub env_file: Option<PathBuf>,
}

impl Settings {
    /// Reads all layers. `.env` and `mtdh.toml` are looked for in `folder`.
    ///
    /// # Errors
    /// When a file cannot be read, or contains something that is not a setting.
    pub fn load(folder: &Path, flags: FlagLayer) -> Result<Settings> {
        Settings::from_layers(folder, |name| std::env::var(name).ok(), flags)
    }

    fn from_layers(
        folder: &Path,
        environment: impl Fn(&str) -> Option<String>,
        flags: FlagLayer,
    ) -> Result<Settings> {
        let settings = Settings { layers: Layers::read(folder, environment, flags)? };
        let level = settings.text("log_level").unwrap_or_default();
        if log_level(level).is_none() {
            bail!("LOG_LEVEL `{level}` is not known; there are debug, info, warning and error");
        }
        let format = settings.text("log_format").unwrap_or_default();
        if !["text", "json"].contains(&format.to_ascii_lowercase().as_str()) {
            bail!("LOG_FORMAT `{format}` is not known; there are text and json");
        }
        let seconds = settings.decimal("lease_seconds");
        if !(0.1..=86_400.0).contains(&seconds) {
            bail!("lease_seconds is {seconds}; it must lie between 0.1 and 86400");
        }
        if settings.whole("max_attempts") == Some(0) {
            bail!("max_attempts is 0; a request is tried at least once");
        }
        let hours = settings.decimal("export_grace");
        if !(0.0..=8_760.0).contains(&hours) {
            bail!("export_grace is {hours}; it must lie between 0 and 8760 hours");
        }
        Ok(settings)
    }

    /// Each setting with its value and origin, for `config show`: the values shown are those in use. Secrets are not shown.
    pub fn shown(&self) -> Vec<(&'static Setting, String, String)> {
        let shown = |setting: &'static Setting| {
            let found = self.layers.get(setting.name);
            let text = match (found.map(|found| &found.value), setting.kind) {
                _ if setting.name == "cache_dir" => self.cache_dir().display().to_string(),
                (None, _) => "(not set)".to_owned(),
                (Some(_), Kind::Secret) => "(set, not shown)".to_owned(),
                (Some(Value::Text(text)), Kind::Address) => without_credentials(text),
                (Some(Value::Text(text)), _) => text.clone(),
                (Some(Value::Whole(number)), _) => number.to_string(),
                (Some(Value::Decimal(number)), _) => number.to_string(),
            };
            (setting, text, found.map_or_else(|| "default".to_owned(), |found| found.origin.clone()))
        };
        SETTINGS.iter().map(shown).collect()
    }

    fn text(&self, name: &str) -> Option<&str> {
        match &self.layers.get(name)?.value {
            Value::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    fn whole(&self, name: &str) -> Option<u64> {
        match self.layers.get(name)?.value {
            Value::Whole(number) => Some(number),
            _ => None,
        }
    }

    /// A setting that has a default.
    fn decimal(&self, name: &str) -> f64 {
        match self.layers.get(name).map(|found| &found.value) {
            Some(Value::Decimal(number)) => *number,
            _ => f64::NAN,
        }
    }

    /// How much to log.
    pub fn log_level(&self) -> LevelFilter {
        self.text("log_level").and_then(log_level).unwrap_or(LevelFilter::WARN)
    }

    /// The Google Cloud project; `None`: it is not set.
    pub fn project(&self) -> Option<&str> {
        self.text("gcp_project_id")
    }

    /// The token that clients of `serve` must show; `None`: it is not set.
    pub fn serve_token(&self) -> Option<&str> {
        self.text("serve_token")
    }

    /// The names by which clients address `serve`.
    pub fn serve_hosts(&self) -> Vec<String> {
        let names = self.text("serve_hosts").unwrap_or_default().split(',').map(str::trim);
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    /// Addresses in place of exchanges' own for live feeds, by the vendor's exchange id, and whether they may be without TLS.
    ///
    /// # Errors
    /// When one is none.
    pub fn live_addresses(&self) -> Result<(BTreeMap<String, Instead>, Unencrypted)> {
        let mut addresses: BTreeMap<String, Instead> = BTreeMap::new();
        let entries = self.text("live_addresses").unwrap_or_default().split(',').map(str::trim);
        for entry in entries.filter(|entry| !entry.is_empty()) {
            let named =
                entry.split_once('=').and_then(|(exchange, url)| Some((exchange, Instead::parse(url)?)));
            let Some((exchange, address)) = named else {
                bail!("`{}` in live_addresses is not EXCHANGE=URL", without_credentials(entry));
            };
            addresses.entry(exchange.trim().to_ascii_lowercase()).or_default().add(address);
        }
        let unencrypted = match self.text("live_unencrypted").map(str::to_ascii_lowercase).as_deref() {
            None | Some("no") => Unencrypted::Loopback,
            Some("yes") => Unencrypted::Anywhere,
            Some(other) => bail!("live_unencrypted is `{other}`; it is yes or no"),
        };
        Ok((addresses, unencrypted))
    }

    /// Captures are kept for so many days; `None`: for ever.
    pub fn live_capture_days(&self) -> Option<u32> {
        // The setting has a limit, which is below that of the number.
        self.whole("live_capture_days").and_then(|days| u32::try_from(days).ok()).filter(|days| *days > 0)
    }

    /// Whether stderr is JSON lines.
    pub fn logs_json(&self) -> bool {
        self.text("log_format").is_some_and(|format| format.eq_ignore_ascii_case("json"))
    }

    /// How long a worker of a run may go without renewing.
    pub fn lease(&self) -> Duration {
        Duration::from_secs_f64(self.decimal("lease_seconds"))
    }

    /// How long after its end a day may lack the vendor's export without failing.
    pub fn export_grace(&self) -> Duration {
        Duration::from_secs_f64(self.decimal("export_grace") * 3600.0)
    }

    fn cache_dir(&self) -> PathBuf {
        let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let users = || variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
        let folder = || users().unwrap_or_else(std::env::temp_dir).join("mtdh");
        self.text("cache_dir").map_or_else(folder, PathBuf::from)
    }

    /// The configuration of the lake and the vendor.
    pub fn config(&self) -> Config {
        let text = |name| self.text(name).map(str::to_owned);
        let count = |name| self.whole(name).and_then(|number| u32::try_from(number).ok());
        let default = RetryPolicy::default();
        Config {
            lake: text("lake").unwrap_or_default(),
            lake_options: LakeOptions {
                gcp_credentials: text("gcp_credentials_path").map(PathBuf::from),
                gcs_emulator: text("gcs_emulator"),
            },
            api: text("tardis_api_url").unwrap_or_default(),
            datasets: text("tardis_datasets_url").unwrap_or_default(),
            binance: text("binance_url"),
            key: text("tardis_api_key").map(SecretString::from),
            source_folder: None,
            cache_folder: self.cache_dir(),
            retry: RetryPolicy { attempts: count("max_attempts").unwrap_or(default.attempts), ..default },
            budget: Budget {
                requests_per_minute: count("requests_per_minute"),
                bytes_per_day: self.whole("bytes_per_day"),
            },
            run: None,
        }
    }
}

/// Accepts the predecessor's words too.
fn log_level(name: &str) -> Option<LevelFilter> {
    match name.to_ascii_lowercase().as_str() {
        "debug" => Some(LevelFilter::DEBUG),
        "info" => Some(LevelFilter::INFO),
        "warning" | "warn" => Some(LevelFilter::WARN),
        "error" | "critical" => Some(LevelFilter::ERROR),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The settings from some files and flags. The file `environment` is the environment.
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
        // An empty variable counts as not set.
        assert_eq!(shown(&[toml, env, environment], none())["max_attempts"].0, "3");
        let key = &shown(&[env], none())["tardis_api_key"];
        assert!(!key.0.contains("marker") && key.1 == ".env");
    }

    /// Each setting in each of its layers, with a value of its own.
    #[test]
    fn every_setting_is_shown_as_it_is_used_in_every_layer() {
        let example = |s: &Setting| match s.name {
            "max_attempts" => "33",
            "requests_per_minute" => "60",
            "bytes_per_day" => "1000000",
            "lease_seconds" => "2.5",
            "export_grace" => "7",
            "live_capture_days" => "30",
            "log_level" => "info",
            "log_format" => "json",
            _ => "example",
        };
        for setting in &SETTINGS {
            let value = example(setting);
            let is_number = matches!(setting.kind, Kind::Whole(_) | Kind::Decimal);
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
                let expected = if setting.kind == Kind::Secret { "(set, not shown)" } else { value };
                assert_eq!(value_shown, expected, "{} in {file}", setting.name);
                assert!(origin.contains(place), "{}: {origin}", setting.name);
                for (name, (other, _)) in &settings {
                    let is_same = *name == setting.name || (setting.name == "gcs_bucket" && *name == "lake");
                    assert!(is_same || *other == defaults[name].0, "{name} changes with {}", setting.name);
                }
            }
        }
        let flags = FlagLayer {
            env_file: None,
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
