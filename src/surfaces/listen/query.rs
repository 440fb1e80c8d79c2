//! What a device says of itself in the query. Unknown parameters are ignored; `uid` is never believed.

use crate::{
    config::Listening,
    error::{Error, Result},
    features::{
        conversations::known_source,
        listening::{LONGEST_TIMEOUT, Settings},
    },
    platform::audio::{CLIENT_RATES, codec::Codec},
};

pub struct Query {
    pub settings: Settings,
    /// Something this server cannot hear yet: the device should keep its audio.
    pub unsupported: Option<&'static str>,
}

pub fn read(raw: &str, limits: &Listening) -> Result<Query> {
    let value = |name: &str| {
        form_urlencoded::parse(raw.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let number = |name: &str, default: i64| match value(name) {
        None => Ok(default),
        Some(text) => text.parse::<i64>().map_err(|_| {
            Error::invalid_parameter(name, format!("{name} should be a whole number"))
        }),
    };
    let sample_rate = number("sample_rate", 8000)?;
    let sample_rate = u32::try_from(sample_rate)
        .ok()
        .filter(|rate| CLIENT_RATES.contains(rate))
        .ok_or_else(|| {
            let (least, most) = (CLIENT_RATES.start(), CLIENT_RATES.end());
            Error::invalid_parameter(
                "sample_rate",
                format!("sample_rate must be between {least} and {most}"),
            )
        })?;
    let unsupported = if number("channels", 1)? > 1 {
        Some("Calls with several channels are not supported yet.")
    } else if value("custom_stt").as_deref() == Some("enabled") {
        Some("Transcripts made by the device are not supported yet.")
    } else {
        None
    };
    let language = match value("language").as_deref().map(str::trim) {
        None | Some("") => "en".to_string(),
        Some("auto") => "multi".to_string(),
        Some(code) => code.chars().take(35).collect(),
    };
    let settings = Settings {
        codec: Codec::from_omi(value("codec").as_deref().unwrap_or("pcm8")),
        sample_rate,
        language,
        source: known_source(value("source").as_deref().unwrap_or("omi")),
        timeout_seconds: timeout(number("conversation_timeout", 120)?, limits),
    };
    Ok(Query {
        settings,
        unsupported,
    })
}

fn timeout(asked: i64, limits: &Listening) -> i32 {
    let least = limits.minimum_timeout_seconds.min(LONGEST_TIMEOUT as u32) as i32;
    match asked {
        -1 => LONGEST_TIMEOUT,
        seconds => seconds.clamp(i64::from(least), i64::from(LONGEST_TIMEOUT)) as i32,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LIMITS: Listening = Listening {
        minimum_timeout_seconds: 120,
        max_sockets_per_user: 8,
    };

    #[test]
    fn what_omis_clients_send_is_understood() {
        let query = read(
            "language=auto&sample_rate=16000&codec=opus_fs320&uid=u&include_speech_profile=true&stt_service=soniox\
             &conversation_timeout=-1&source=web&speaker_auto_assign=enabled",
            &LIMITS,
        )
        .unwrap();
        assert_eq!(query.settings.language, "multi");
        assert_eq!(query.settings.sample_rate, 16_000);
        assert_eq!(query.settings.source, "unknown");
        assert_eq!(query.settings.timeout_seconds, LONGEST_TIMEOUT);
        assert!(query.unsupported.is_none());
    }

    #[test]
    fn defaults_and_bounds() {
        let query = read("", &LIMITS).unwrap();
        assert_eq!(
            (query.settings.sample_rate, query.settings.timeout_seconds),
            (8000, 120)
        );
        assert_eq!(
            read("conversation_timeout=5", &LIMITS)
                .unwrap()
                .settings
                .timeout_seconds,
            120
        );
        assert_eq!(
            read("conversation_timeout=600", &LIMITS)
                .unwrap()
                .settings
                .timeout_seconds,
            600
        );
        assert!(read("sample_rate=fast", &LIMITS).is_err());
        assert!(read("sample_rate=1", &LIMITS).is_err());
        assert!(read("channels=2", &LIMITS).unwrap().unsupported.is_some());
    }
}
