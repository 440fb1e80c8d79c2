//! What a device says of itself in the query. Unknown parameters are ignored; `uid` is never believed.

use std::time::Duration;

use crate::{
    config::Listening,
    error::{Error, Result},
    features::{
        conversations::known_source,
        listening::{LONGEST_TIMEOUT, Settings},
    },
    platform::audio::{CLIENT_RATES, codec::Codec},
};

/// Longest name of a call, in characters.
const LONGEST_CALL_ID: usize = 200;

pub fn read(raw: &str, limits: &Listening) -> Result<Settings> {
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
    let call = number("channels", 1)? > 1;
    let codec = match Codec::from_omi(value("codec").as_deref().unwrap_or("pcm8")) {
        // In a call each name but this means raw sound.
        codec if call && codec != Codec::Opus => Codec::Pcm16,
        Codec::Pcm8 if limits.pcm8_is_unsigned => Codec::Unsigned8,
        codec => codec,
    };
    let timeout_seconds = match call {
        true => LONGEST_TIMEOUT,
        false => timeout(number("conversation_timeout", 120)?, limits),
    };
    let text = |name: &str, most: usize| {
        let text = value(name).filter(|text| !text.is_empty() && !text.contains('\0'));
        text.map(|text| text.chars().take(most).collect::<String>())
    };
    let language = match value("language").as_deref().map(str::trim) {
        None | Some("") => "en".to_string(),
        Some("auto") => "multi".to_string(),
        Some(code) => code.chars().take(35).collect(),
    };
    let onboarding = !call && value("onboarding").as_deref() == Some("enabled");
    let every = Duration::from_secs(limits.interim_seconds.into());
    let settings = Settings {
        codec,
        sample_rate,
        language,
        source: known_source(value("source").as_deref().unwrap_or("omi")),
        timeout_seconds,
        call,
        call_id: text("call_id", LONGEST_CALL_ID).filter(|_| call),
        suggested: !call && value("custom_stt").as_deref() == Some("enabled"),
        onboarding,
        conversation_id: text("client_conversation_id", 100).and_then(|id| id.parse().ok()),
        // The app's screens for these do not take a segment back.
        interims: Some(every).filter(|every| !every.is_zero() && !call && !onboarding),
    };
    Ok(settings)
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
        idle_seconds: 90,
        interim_seconds: 3,
        max_sockets_per_user: 8,
        max_sockets_per_address: 64,
        pcm8_is_unsigned: false,
        minimum_free_megabytes: 0,
    };

    #[test]
    fn what_omis_clients_send_is_understood() {
        let query = read(
            "language=auto&sample_rate=16000&codec=opus_fs320&uid=u&include_speech_profile=true&stt_service=soniox\
             &conversation_timeout=-1&source=web&speaker_auto_assign=enabled",
            &LIMITS,
        )
        .unwrap();
        assert_eq!(query.language, "multi");
        assert_eq!(query.sample_rate, 16_000);
        assert_eq!(query.source, "unknown");
        assert_eq!(query.timeout_seconds, LONGEST_TIMEOUT);
    }

    #[test]
    fn defaults_and_bounds() {
        let query = read("", &LIMITS).unwrap();
        assert_eq!((query.sample_rate, query.timeout_seconds), (8000, 120));
        assert_eq!(query.interims, Some(Duration::from_secs(3)));
        let never = Listening {
            interim_seconds: 0,
            ..LIMITS
        };
        assert_eq!(read("", &never).unwrap().interims, None);
        for without in ["channels=2", "onboarding=enabled"] {
            assert_eq!(read(without, &LIMITS).unwrap().interims, None, "{without}");
        }
        assert_eq!(
            read("conversation_timeout=5", &LIMITS)
                .unwrap()
                .timeout_seconds,
            120
        );
        assert_eq!(
            read("conversation_timeout=600", &LIMITS)
                .unwrap()
                .timeout_seconds,
            600
        );
        assert!(read("sample_rate=fast", &LIMITS).is_err());
        assert!(read("sample_rate=1", &LIMITS).is_err());
        let call = read(
            "channels=2&codec=pcm&sample_rate=48000&call_id=CA1&custom_stt=enabled",
            &LIMITS,
        );
        let call = call.unwrap();
        assert!(call.call && !call.suggested && call.codec == Codec::Pcm16);
        assert_eq!(call.call_id.as_deref(), Some("CA1"));
        assert_eq!(call.timeout_seconds, LONGEST_TIMEOUT);
        let own = read(
            "custom_stt=enabled&call_id=CA1&client_conversation_id=x",
            &LIMITS,
        )
        .unwrap();
        assert!(own.suggested && own.call_id.is_none() && own.conversation_id.is_none());
    }
}
