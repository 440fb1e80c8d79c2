//! Settings of speech recognition.

use std::{path::Path, time::Duration};

use anyhow::{Result, bail};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::choose;
use crate::platform::speech;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stt {
    provider: SttProviders,
    url: String,
    api_key: SecretString,
    model: String,
    workers: usize,
    max_concurrent: usize,
    timeout_seconds: u32,
    pause_seconds: u32,
    interim_requests: bool,
    whisper: SttWhisper,
    openai: SttRemote,
    deepgram: SttRemote,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SttWhisper {
    model: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SttRemote {
    url: String,
    api_key: SecretString,
    model: String,
}

/// In order; empty for `none`. A list, or text with commas.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Names")]
struct SttProviders(Vec<SttProvider>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    Text(String),
    List(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SttProvider {
    Whisper,
    OpenAi,
    Deepgram,
}

impl TryFrom<Names> for SttProviders {
    type Error = String;

    fn try_from(names: Names) -> Result<Self, String> {
        let names = match names {
            Names::Text(text) => text
                .split([',', ' ', '[', ']', '"', '\''])
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            Names::List(names) => names,
        };
        let mut chosen = Vec::new();
        for name in &names {
            let provider = choose(
                name,
                &[
                    ("whisper", Some(SttProvider::Whisper)),
                    ("openai", Some(SttProvider::OpenAi)),
                    ("deepgram", Some(SttProvider::Deepgram)),
                    ("none", None),
                ],
            )
            .map_err(|why| format!("stt.provider: {why}"))?;
            match provider {
                None if names.len() == 1 => {}
                None => return Err("stt.provider: none stands alone,".into()),
                Some(provider) if chosen.contains(&provider) => {
                    return Err(format!("stt.provider: {name:?} stands there twice,"));
                }
                Some(provider) => chosen.push(provider),
            }
        }
        if names.is_empty() {
            return Err("stt.provider: expected a provider or none,".into());
        }
        Ok(Self(chosen))
    }
}

impl Stt {
    pub fn settings(&self, data_dir: &Path) -> speech::Settings {
        let providers = self.provider.0.iter().enumerate();
        speech::Settings {
            providers: providers
                .map(|(place, provider)| self.which(*provider, place == 0))
                .collect(),
            models_dir: data_dir.join("models"),
            pause: Duration::from_secs(self.pause_seconds.into()),
        }
    }

    pub fn check(&self) -> Result<()> {
        for (key, value, least, most) in [
            ("max_concurrent", self.max_concurrent, 1, 10_000),
            ("timeout_seconds", self.timeout_seconds as usize, 1, 100),
            ("pause_seconds", self.pause_seconds as usize, 1, 600),
        ] {
            if !(least..=most).contains(&value) {
                bail!("stt.{key} must be from {least} to {most}, not {value}");
            }
        }
        self.settings(Path::new("")).check()
    }

    /// What is set for a provider by its name, else for the first one.
    fn which(&self, provider: SttProvider, first: bool) -> speech::Which {
        let of_first = |own: &str, shared: &str| match own.trim() {
            "" if first => shared.trim().to_owned(),
            own => own.to_owned(),
        };
        let remote = |own: &SttRemote| speech::Remote {
            url: of_first(&own.url, &self.url),
            api_key: of_first(own.api_key.expose_secret(), self.api_key.expose_secret()).into(),
            model: of_first(&own.model, &self.model),
            timeout: Duration::from_secs(self.timeout_seconds.into()),
            max_concurrent: self.max_concurrent,
            interims: self.interim_requests,
        };
        match provider {
            SttProvider::Whisper => speech::Which::Whisper {
                model: match of_first(&self.whisper.model, &self.model) {
                    model if model.is_empty() => "base".into(),
                    model => model,
                },
                workers: self.workers,
            },
            SttProvider::OpenAi => speech::Which::OpenAi(remote(&self.openai)),
            SttProvider::Deepgram => speech::Which::Deepgram(remote(&self.deepgram)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::config::{Config, tests::load};

    #[test]
    fn providers_stand_in_their_order() {
        use speech::Which;
        let read = |variables: &[(&str, &str)]| {
            let (config, _) = load(variables).unwrap();
            config.speech_settings(Path::new("/data")).providers
        };
        let [Which::Whisper { model, .. }] = &read(&[])[..] else {
            panic!("whisper alone is the default");
        };
        assert_eq!(model, "base");
        assert!(read(&[("OMI_STT__PROVIDER", "none")]).is_empty());

        let list = read(&[
            ("OMI_STT__PROVIDER", r#"["deepgram", "openai", "whisper"]"#),
            ("OMI_STT__URL", "http://ears"),
            ("OMI_STT__API_KEY", "first"),
            ("OMI_STT__MODEL", "nova"),
            ("OMI_STT__OPENAI__URL", "http://other"),
            ("OMI_STT__WHISPER__MODEL", "tiny.en"),
        ]);
        let [
            Which::Deepgram(deepgram),
            Which::OpenAi(openai),
            Which::Whisper { model, .. },
        ] = &list[..]
        else {
            panic!("{list:?}");
        };
        let of = |remote: &speech::Remote| {
            let key = remote.api_key.expose_secret().to_owned();
            (remote.url.clone(), key, remote.model.clone())
        };
        assert_eq!(
            of(deepgram),
            ("http://ears".into(), "first".into(), "nova".into())
        );
        assert_eq!(
            of(openai),
            ("http://other".into(), String::new(), String::new())
        );
        assert_eq!(model, "tiny.en");

        for (variables, key) in [
            (
                vec![("OMI_STT__PROVIDER", "openai"), ("OMI_STT__URL", "ears")],
                "stt.openai.url",
            ),
            (
                vec![
                    ("OMI_STT__PROVIDER", "deepgram"),
                    ("OMI_STT__API_KEY", "a\nb"),
                ],
                "stt.deepgram.api_key",
            ),
        ] {
            let error = format!("{:#}", load(&variables).unwrap_err());
            assert!(error.contains(key), "{error}");
        }
        let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        std::fs::write(file.path(), "[stt]\nprovider = [\"openai\", \"whisper\"]\n").unwrap();
        let (config, _) = Config::load(Some(file.path().into()), []).unwrap();
        assert_eq!(config.speech_settings(Path::new("")).providers.len(), 2);
    }
}
