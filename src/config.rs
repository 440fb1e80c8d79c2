//! Settings: `config/default.toml`, then a file, then the environment.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use ipnet::IpNet;
use secrecy::SecretString;
use serde::Deserialize;

mod providers;
mod stt;

use providers::{Apple, Google};
use stt::Stt;

use crate::platform::{embeddings, language, speech};

const DEFAULTS: &str = include_str!("../config/default.toml");

/// Variables that start with OMI_ and are not settings: ours, and those of Omi's own clients.
const NOT_SETTINGS: &[&str] = &[
    "OMI_SERVER_CONFIG",
    "OMI_TOKEN",
    "OMI_API_KEY",
    "OMI_API_BASE",
    "OMI_API_BASE_URL",
    "OMI_CONFIG",
];

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub bind: SocketAddr,
    public_url: String,
    data_dir: String,
    pub database_url: SecretString,
    pub database_connections: u32,
    postgres_bin: String,
    database_user: String,
    pub metrics_token: SecretString,
    pub trusted_proxies: Networks,
    pub log: String,
    pub log_format: LogFormat,
    stt: Stt,
    pub llm: Llm,
    pub embeddings: Embeddings,
    pub goals: Goals,
    pub listening: Listening,
    pub audio: Audio,
    pub chat: Chat,
    pub search: Search,
    pub rate_limit: RateLimit,
    pub firebase: Firebase,
    pub google: Google,
    pub apple: Apple,
    pub cors: Cors,
    pub connectors: Connectors,
}

/// Comma-separated CIDR ranges; an address alone is a range of one.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Networks(pub Vec<IpNet>);

impl TryFrom<String> for Networks {
    type Error = String;

    fn try_from(list: String) -> Result<Self, String> {
        list.split(',')
            .map(str::trim)
            .filter(|range| !range.is_empty())
            .map(|range| {
                let alone = || range.parse::<IpAddr>().ok().map(IpNet::from);
                range.parse().ok().or_else(alone).ok_or_else(|| {
                    format!("expected CIDR ranges such as 10.0.0.0/8, not {range:?},")
                })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub enum LogFormat {
    Text,
    Json,
}

impl TryFrom<String> for LogFormat {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        choose(&name, &[("text", Self::Text), ("json", Self::Json)])
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Llm {
    url: String,
    api_key: SecretString,
    model: String,
    timeout_seconds: u32,
    max_concurrent: usize,
    max_concurrent_per_user: usize,
    tokens_per_day_per_user: u64,
    context_characters: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embeddings {
    pub provider: EmbeddingsProvider,
    pub model: String,
    url: String,
    api_key: SecretString,
    batch: usize,
    timeout_seconds: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct EmbeddingsProvider(pub embeddings::Provider);

impl TryFrom<String> for EmbeddingsProvider {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        use embeddings::Provider;
        if name.is_empty() {
            return Ok(Self(Provider::Auto));
        }
        let choices = [
            ("local", Provider::Local),
            ("openai", Provider::OpenAi),
            ("none", Provider::None),
        ];
        choose(&name, &choices).map(Self)
    }
}

impl Embeddings {
    fn check(&self) -> Result<()> {
        if self.provider.0 == embeddings::Provider::OpenAi {
            check_url("embeddings.url", &self.url)?;
        }
        if !(1..=2048).contains(&self.batch) {
            bail!("embeddings.batch must be 1 to 2048, not {}", self.batch);
        }
        if self.timeout_seconds == 0 {
            bail!("embeddings.timeout_seconds must be at least 1");
        }
        Ok(())
    }
}

/// The value of a name; the error lists the names.
fn choose<T: Copy>(name: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let chosen = choices.iter().find(|(known, _)| *known == name);
    chosen.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(known, _)| *known).collect();
        format!("expected {}, not {name:?},", names.join(" or "))
    })
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Firebase {
    project_id: String,
    newcomers: String,
    pub keys_url: String,
    service_account: String,
}

impl Firebase {
    /// Empty: ID tokens are not believed.
    pub fn projects(&self) -> Vec<String> {
        listed(&self.project_id)
    }

    /// Whose addresses get an account; empty: everybody's.
    pub fn newcomers(&self) -> Vec<String> {
        listed(&self.newcomers)
    }

    /// The file of a service account's key.
    pub fn service_account(&self) -> Option<&Path> {
        let path = self.service_account.trim();
        (!path.is_empty()).then(|| Path::new(path))
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    allowed_origins: String,
}

impl Cors {
    /// Besides our own.
    pub fn origins(&self) -> Vec<String> {
        listed(&self.allowed_origins)
    }

    fn check(&self) -> Result<()> {
        for origin in self.origins() {
            let parsed = reqwest::Url::parse(&origin).map(|url| url.origin().ascii_serialization());
            if !parsed.is_ok_and(|parsed| parsed == origin) {
                bail!(
                    "cors.allowed_origins: {origin:?} is no origin; write it as https://host or http://host:port, without a slash at the end"
                );
            }
        }
        Ok(())
    }
}

/// AI assistants that users let in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connectors {
    pub omi_client: bool,
}

/// What stands between commas.
fn listed(text: &str) -> Vec<String> {
    let parts = text.split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_string)
        .collect()
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goals {
    pub max_active: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listening {
    pub minimum_timeout_seconds: u32,
    pub idle_seconds: u32,
    pub interim_seconds: u32,
    pub max_sockets_per_user: usize,
    pub max_sockets_per_address: usize,
    pub pcm8_is_unsigned: bool,
    pub minimum_free_megabytes: u64,
}

impl Listening {
    /// With less room on the disk nothing is listened to.
    pub fn minimum_free_bytes(&self) -> u64 {
        self.minimum_free_megabytes.saturating_mul(1024 * 1024)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audio {
    pub retention_days: u16,
    pub upload_megabytes: u64,
    pub clip_megabytes: u64,
}

/// Files of chats.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chat {
    pub files_at_once: usize,
    pub upload_megabytes: u64,
    pub user_megabytes: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    pub cache_megabytes: u32,
}

/// Requests in a window of time; 0: no limit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    pub per_minute: u32,
    pub per_day: u32,
    pub user_per_minute: u32,
    pub failures_per_minute: u32,
    pub memories_per_hour: u32,
    pub memories_batches_per_hour: u32,
    pub mcp_memories_per_hour: u32,
    pub conversations_per_hour: u32,
    pub import_conversations_per_hour: u32,
    pub import_memories_per_hour: u32,
    pub chat_messages_per_hour: u32,
    pub chat_greetings_per_hour: u32,
    pub dictations_per_hour: u32,
    pub voice_messages_per_hour: u32,
    pub transcriptions_per_hour: u32,
    pub chat_files_per_hour: u32,
    pub daily_summaries_per_hour: u32,
    pub reprocessings_per_hour: u32,
    pub merges_per_hour: u32,
    pub searches_per_hour: u32,
    pub questions_per_hour: u32,
    pub knowledge_graphs_per_hour: u32,
    pub memories_deletions_per_hour: u32,
    pub goal_questions_per_hour: u32,
    pub test_prompts_per_hour: u32,
}

impl Config {
    /// Reads the defaults, `file` (or the one named by OMI_SERVER_CONFIG) and `environment`. An unknown
    /// key in a file or a bad value anywhere is an error that names the key; an unknown `OMI_…`
    /// variable comes back as a warning. Variables of others may hold any bytes.
    pub fn load(
        file: Option<PathBuf>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(Self, Vec<String>)> {
        let environment: Vec<(String, OsString)> = environment
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect();
        let file = file.or_else(|| {
            environment
                .iter()
                .find(|(name, value)| name == "OMI_SERVER_CONFIG" && !value.is_empty())
                .map(|(_, path)| path.into())
        });
        let known = known_keys()?;
        let defaults = config::File::from_str(DEFAULTS, config::FileFormat::Toml);
        let mut builder = config::Config::builder().add_source(defaults);
        if let Some(path) = &file {
            builder = builder
                .add_source(config::File::from(path.as_path()).format(config::FileFormat::Toml));
        }
        let mut warnings = Vec::new();
        for (name, value) in &environment {
            let key = if name == "DATABASE_URL" {
                "database_url".to_string()
            } else if let Some(rest) = name.strip_prefix("OMI_") {
                if NOT_SETTINGS.contains(&name.as_str()) || name.starts_with("OMI_TEST_") {
                    continue;
                }
                rest.to_lowercase().replace("__", ".")
            } else {
                continue;
            };
            if known.contains(&key) {
                let Some(value) = value.to_str() else {
                    bail!("{name} cannot be used: its value is not UTF-8 text; set it again");
                };
                builder = builder
                    .set_override(&key, value)
                    .with_context(|| format!("{name} cannot be used"))?;
            } else {
                warnings.push(format!("{name} is no setting of omi-server and is ignored"));
            }
        }
        let config: Self = builder
            .build()
            .and_then(config::Config::try_deserialize)
            .map_err(|error| {
                let place = file.map_or_else(String::new, |path| format!(" (file {})", path.display()));
                anyhow::anyhow!("the configuration is wrong: {error}{place}; config/default.toml lists every setting")
            })?;
        config.check()?;
        Ok((config, warnings))
    }

    fn check(&self) -> Result<()> {
        if !self.public_url.is_empty() {
            check_url("public_url", &self.public_url)?;
        }
        if self.database_connections < 5 {
            bail!(
                "database_connections: {} is too few; 5 is the least",
                self.database_connections
            );
        }
        self.stt.check()?;
        self.embeddings.check()?;
        self.cors.check()?;
        check_url("firebase.keys_url", &self.firebase.keys_url)?;
        self.google.check()?;
        self.apple.check()?;
        if self.goals.max_active == 0 {
            bail!("goals.max_active must be at least 1");
        }
        let llm = &self.llm;
        for (key, value, least, most) in [
            ("timeout_seconds", llm.timeout_seconds as usize, 1, 3600),
            ("max_concurrent", llm.max_concurrent, 1, 10_000),
            (
                "max_concurrent_per_user",
                llm.max_concurrent_per_user,
                1,
                10_000,
            ),
            (
                "context_characters",
                llm.context_characters,
                1000,
                10_000_000,
            ),
        ] {
            if !(least..=most).contains(&value) {
                bail!("llm.{key} must be from {least} to {most}, not {value}");
            }
        }
        if let Some(settings) = self.language_settings() {
            settings.check()?;
        }
        for (key, value) in [
            ("audio.upload_megabytes", self.audio.upload_megabytes),
            ("audio.clip_megabytes", self.audio.clip_megabytes),
            ("chat.upload_megabytes", self.chat.upload_megabytes),
        ] {
            if !(1..=100_000).contains(&value) {
                bail!("{key} must be from 1 to 100000");
            }
        }
        if !(1..=100).contains(&self.chat.files_at_once) {
            bail!("chat.files_at_once must be from 1 to 100");
        }
        if self.listening.minimum_timeout_seconds == 0 {
            bail!("listening.minimum_timeout_seconds must be at least 1");
        }
        if self.listening.idle_seconds == 0 {
            bail!("listening.idle_seconds must be at least 1");
        }
        if self.listening.interim_seconds > 60 {
            bail!("listening.interim_seconds must be at most 60");
        }
        Ok(())
    }

    /// What clients see, without a slash at the end.
    pub fn public_url(&self, bound: SocketAddr) -> String {
        match self.public_url.trim_end_matches('/') {
            "" => format!("http://{bound}"),
            url => url.to_string(),
        }
    }

    /// `./data` in a checkout, else the platform's data directory.
    pub fn data_dir(&self) -> Result<PathBuf> {
        if !self.data_dir.is_empty() {
            return std::path::absolute(&self.data_dir).context("data_dir");
        }
        let here = std::env::current_dir().context("the current folder cannot be read")?;
        if here.join("config/default.toml").is_file() && here.join("Cargo.toml").is_file() {
            return Ok(here.join("data"));
        }
        if let Some(state) = std::env::var_os("XDG_DATA_HOME").filter(|path| !path.is_empty()) {
            return Ok(PathBuf::from(state).join("omi-server"));
        }
        let home = std::env::var_os("HOME")
            .context("no data directory: set OMI_DATA_DIR to a folder, because HOME is not set")?;
        let share = if cfg!(target_os = "macos") {
            "Library/Application Support"
        } else {
            ".local/share"
        };
        Ok(PathBuf::from(home).join(share).join("omi-server"))
    }

    pub fn speech_settings(&self, data_dir: &Path) -> speech::Settings {
        self.stt.settings(data_dir)
    }

    /// `None`: there is no language model.
    pub fn language_settings(&self) -> Option<language::Settings> {
        let llm = &self.llm;
        let timeout = Duration::from_secs(llm.timeout_seconds.into());
        (!llm.url.trim().is_empty()).then(|| language::Settings {
            url: llm.url.clone(),
            api_key: llm.api_key.clone(),
            model: llm.model.trim().to_string(),
            timeout,
            idle: timeout.min(Duration::from_secs(30)),
            max_concurrent: llm.max_concurrent,
            max_concurrent_per_user: llm.max_concurrent_per_user,
            tokens_per_day_per_user: llm.tokens_per_day_per_user,
            context_characters: llm.context_characters,
        })
    }

    pub fn embedding_settings(&self, data_dir: &Path) -> embeddings::Settings {
        let settings = self.embeddings.clone();
        embeddings::Settings {
            provider: settings.provider.0,
            model: settings.model,
            models_dir: data_dir.join("models"),
            url: settings.url,
            api_key: settings.api_key,
            batch: settings.batch,
            timeout: Duration::from_secs(settings.timeout_seconds),
        }
    }

    pub fn postgres_bin(&self) -> Option<PathBuf> {
        (!self.postgres_bin.is_empty()).then(|| PathBuf::from(&self.postgres_bin))
    }

    pub fn database_user(&self) -> Option<String> {
        (!self.database_user.is_empty()).then(|| self.database_user.clone())
    }
}

fn check_url(key: &str, value: &str) -> Result<()> {
    let url = reqwest::Url::parse(value).with_context(|| format!("{key}: {value:?} is no URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        bail!("{key}: {value:?} must start with http:// or https:// and name a host");
    }
    Ok(())
}

/// Dotted names of all settings.
fn known_keys() -> Result<BTreeSet<String>> {
    fn walk(prefix: &str, table: &config::Map<String, config::Value>, out: &mut BTreeSet<String>) {
        for (key, value) in table {
            let key = format!("{prefix}{key}");
            match &value.kind {
                config::ValueKind::Table(inner) => walk(&format!("{key}."), inner, out),
                _ => {
                    out.insert(key);
                }
            }
        }
    }
    let defaults = config::Config::builder()
        .add_source(config::File::from_str(DEFAULTS, config::FileFormat::Toml))
        .build()?;
    let table: config::Map<String, config::Value> = defaults.try_deserialize()?;
    let mut keys = BTreeSet::new();
    walk("", &table, &mut keys);
    Ok(keys)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    pub(super) fn load(variables: &[(&str, &str)]) -> Result<(Config, Vec<String>)> {
        Config::load(
            None,
            variables
                .iter()
                .map(|(name, value)| (name.into(), value.into())),
        )
    }

    #[test]
    fn defaults_stand_alone() {
        let (config, warnings) = load(&[]).unwrap();
        assert_eq!(config.bind.port(), 8080);
        assert_eq!(config.listening.minimum_timeout_seconds, 120);
        // As Omi's import API promises.
        assert_eq!(config.rate_limit.import_conversations_per_hour, 10);
        assert_eq!(config.rate_limit.import_memories_per_hour, 60);
        assert!(warnings.is_empty());
    }

    #[test]
    fn environment_wins_and_nests() {
        let (config, _) =
            load(&[("OMI_BIND", "127.0.0.1:0"), ("OMI_STT__MODEL", "tiny.en")]).unwrap();
        assert_eq!(config.bind.port(), 0);
        let settings = config.speech_settings(Path::new("/data"));
        assert_eq!(settings.whisper_model(), Some("tiny.en"));
    }

    #[test]
    fn an_unknown_variable_warns_and_a_clients_one_does_not() {
        let (_, warnings) = load(&[("OMI_BINDD", "x"), ("OMI_API_KEY", "omi_dev_x")]).unwrap();
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains("OMI_BINDD"));
    }

    #[test]
    fn a_bad_value_names_its_key() {
        for (name, value, key) in [
            (
                "OMI_LISTENING__MINIMUM_TIMEOUT_SECONDS",
                "soon",
                "listening.minimum_timeout_seconds",
            ),
            (
                "OMI_LISTENING__INTERIM_SECONDS",
                "61",
                "listening.interim_seconds",
            ),
            ("OMI_GOALS__MAX_ACTIVE", "0", "goals.max_active"),
            ("OMI_CHAT__FILES_AT_ONCE", "0", "chat.files_at_once"),
            ("OMI_AUDIO__CLIP_MEGABYTES", "0", "audio.clip_megabytes"),
            ("OMI_STT__PROVIDER", "ears", "stt.provider"),
            ("OMI_STT__PROVIDER", "ears", "whisper or openai"),
            ("OMI_STT__PROVIDER", "", "stt.provider"),
            ("OMI_STT__PROVIDER", "whisper,none", "none stands alone"),
            ("OMI_STT__PROVIDER", "openai, openai", "twice"),
            ("OMI_STT__MAX_CONCURRENT", "0", "stt.max_concurrent"),
            ("OMI_STT__TIMEOUT_SECONDS", "0", "stt.timeout_seconds"),
            ("OMI_STT__PAUSE_SECONDS", "601", "stt.pause_seconds"),
            ("OMI_LOG_FORMAT", "xml", "text or json"),
            ("OMI_EMBEDDINGS__PROVIDER", "cloud", "embeddings.provider"),
            ("OMI_EMBEDDINGS__PROVIDER", "openai", "embeddings.url"),
            ("OMI_EMBEDDINGS__BATCH", "0", "embeddings.batch"),
            (
                "OMI_EMBEDDINGS__TIMEOUT_SECONDS",
                "0",
                "embeddings.timeout_seconds",
            ),
            ("OMI_PUBLIC_URL", "omi.example.org", "public_url"),
            ("OMI_BIND", "nowhere", "bind"),
            (
                "OMI_TRUSTED_PROXIES",
                "10.0.0.0/8,gateway",
                "trusted_proxies",
            ),
            ("OMI_RATE_LIMIT__PER_DAY", "many", "rate_limit.per_day"),
            ("OMI_GOOGLE__TOKEN_URL", "nowhere", "google.token_url"),
            (
                "OMI_GOOGLE__CLIENT_ID",
                "x",
                "google.client_secret is not set",
            ),
            ("OMI_APPLE__KEY_ID", "x", "apple.client_id is not set"),
        ] {
            let error = load(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn a_language_model_is_there_when_its_address_is() {
        let (config, _) = load(&[("OMI_LLM__MODEL", "m")]).unwrap();
        assert!(config.language_settings().is_none());
        let url = ("OMI_LLM__URL", "http://127.0.0.1:11434/v1");
        let model = ("OMI_LLM__MODEL", "m");
        let (config, _) = load(&[url, model, ("OMI_LLM__TIMEOUT_SECONDS", "5")]).unwrap();
        let settings = config.language_settings().unwrap();
        assert_eq!(settings.timeout, Duration::from_secs(5));
        assert_eq!(settings.idle, Duration::from_secs(5));
        for (variables, key) in [
            (vec![url], "llm.model"),
            (vec![("OMI_LLM__URL", "nowhere"), model], "llm.url"),
            (
                vec![url, model, ("OMI_LLM__API_KEY", "a\nb")],
                "llm.api_key",
            ),
            (vec![("OMI_LLM__MAX_CONCURRENT", "0")], "llm.max_concurrent"),
            (
                vec![("OMI_LLM__CONTEXT_CHARACTERS", "many")],
                "llm.context_characters",
            ),
            (
                vec![("OMI_LLM__TOKENS_PER_DAY_PER_USER", "-1")],
                "llm.tokens_per_day_per_user",
            ),
        ] {
            let error = format!("{:#}", load(&variables).unwrap_err());
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn only_a_setting_has_to_be_text() {
        use std::os::unix::ffi::OsStringExt as _;
        let bytes = || OsString::from_vec(vec![b'a', 0xff]);
        let others = [
            ("LESS_OPTIONS".into(), bytes()),
            (bytes(), bytes()),
            ("OMI_API_KEY".into(), bytes()),
        ];
        let (_, warnings) = Config::load(None, others).unwrap();
        assert!(warnings.is_empty(), "{warnings:?}");
        for name in ["DATABASE_URL", "OMI_LOG"] {
            let error = Config::load(None, [(name.into(), bytes())]).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn an_unknown_key_in_a_file_is_an_error() {
        let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        std::fs::write(file.path(), "bindd = \"127.0.0.1:1\"\n").unwrap();
        let error = Config::load(Some(file.path().into()), [])
            .unwrap_err()
            .to_string();
        assert!(error.contains("bindd"), "{error}");
    }
}
