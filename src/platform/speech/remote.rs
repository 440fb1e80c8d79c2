//! What providers elsewhere have in common: their address, their key, what their refusals mean, and mistrust of their words.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::{StatusCode, Url, header::HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{
    SpeechError, Transcript,
    guard::{is_noise, without_loops},
};
use crate::platform::endpoints;

/// Characters of a piece that are kept.
const LONGEST_PIECE: usize = 10_000;
/// Voices that are told apart in one stream.
const MOST_SPEAKERS: u32 = 1000;
/// `Retry-After` beyond this is not believed.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// An endpoint as the operator names it.
pub struct Endpoint {
    pub url: Url,
    /// Without the path, for messages.
    pub host: String,
    /// For the header `Authorization`.
    pub authorization: Option<HeaderValue>,
    /// As `stt.openai`, for messages.
    setting: &'static str,
    key: SecretString,
}

impl Endpoint {
    /// `given` is the address itself, or a base with or without a version; `path` is what it ends with, behind a
    /// version. `scheme` of the key: `Bearer` or `Token`.
    pub fn new(
        setting: &'static str,
        given: &str,
        path: &str,
        scheme: &str,
        key: &SecretString,
    ) -> anyhow::Result<Self> {
        let url = address(given, path).with_context(|| format!("{setting}.url"))?;
        let key = key.expose_secret().trim();
        let authorization = match key {
            "" => None,
            key => {
                let value = HeaderValue::from_str(&format!("{scheme} {key}"));
                let mut value = value.map_err(|_| {
                    anyhow::anyhow!("{setting}.api_key holds characters that no key has")
                })?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        Ok(Self {
            host,
            url,
            authorization,
            setting,
            key: key.into(),
        })
    }

    /// Whether it is on this machine, where no proxy is needed.
    pub fn is_loopback(&self) -> bool {
        let name = self.url.host_str().unwrap_or_default();
        let address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        name == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    pub fn unavailable(&self, what: &str) -> SpeechError {
        SpeechError::unavailable(format!("{} {what}", self.host))
    }

    pub fn too_slow(&self, timeout: Duration) -> SpeechError {
        self.unavailable(&format!(
            "gave no answer within {} s",
            timeout.as_secs_f32()
        ))
    }

    /// What an HTTP status other than success means. `told` is what the endpoint says besides.
    pub fn refusal(
        &self,
        status: StatusCode,
        told: &str,
        retry_after: Option<Duration>,
    ) -> SpeechError {
        let (host, setting, number) = (&self.host, self.setting, status.as_u16());
        let told = match self.clean(told) {
            told if told.is_empty() => told,
            told => format!(": {told}"),
        };
        let refused = |what: &str, check: &str| {
            SpeechError::Refused(format!("{host} {what} ({number}){told}; check {check}"))
        };
        match number {
            300..=399 => refused(
                "redirects",
                &format!("{setting}.url: it must be the final address"),
            ),
            401 | 403 => refused("does not take the key", &format!("{setting}.api_key")),
            402 => refused(
                "wants to be paid",
                &format!("the account that {setting}.api_key belongs to"),
            ),
            404 | 405 => refused(
                "knows no such address or model",
                &format!("{setting}.url and {setting}.model"),
            ),
            429 => SpeechError::Unavailable {
                reason: format!("{host} has too many requests (429){told}"),
                retry_after: retry_after.map(|wait| wait.min(LONGEST_WAIT)),
            },
            408 | 425 | 500.. => SpeechError::Unavailable {
                reason: format!("{host} fails ({number}){told}"),
                retry_after: retry_after.map(|wait| wait.min(LONGEST_WAIT)),
            },
            _ => SpeechError::Declined(format!(
                "{host} does not take an utterance ({number}){told}"
            )),
        }
    }

    /// One short line, without the key.
    pub fn clean(&self, text: &str) -> String {
        endpoints::told(text, &self.key)
    }
}

/// What is given, or else what is usual.
pub fn usual<'a>(given: &'a str, usual: &'a str) -> &'a str {
    match given.trim() {
        "" => usual,
        given => given,
    }
}

fn address(given: &str, path: &str) -> anyhow::Result<Url> {
    endpoints::address(given, path, &["http", "https", "ws", "wss"], "api_key")
}

/// What a refusal says in words.
pub fn message_of(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    [
        &body["error"]["message"],
        &body["error"],
        &body["message"],
        &body["detail"],
        &body["err_msg"],
        &body["reason"],
    ]
    .into_iter()
    .find_map(|text| text.as_str().map(str::to_owned))
}

/// Takes out of a provider's words what cannot be: noises, loops, odd characters, times outside of the utterance.
pub fn mistrust(mut transcript: Transcript, seconds: f64) -> Transcript {
    let mut latest = 0.0;
    for piece in &mut transcript.pieces {
        let text: String = piece
            .text
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .take(LONGEST_PIECE)
            .collect();
        piece.text = text.trim().to_owned();
        if let Some(cut) = without_loops(&piece.text) {
            piece.text = cut;
            transcript.doubtful = true;
        }
        let inside = |time: f64| {
            if time.is_finite() {
                time.clamp(0.0, seconds)
            } else {
                0.0
            }
        };
        piece.start_seconds = inside(piece.start_seconds).max(latest);
        piece.end_seconds = inside(piece.end_seconds).max(piece.start_seconds);
        latest = piece.start_seconds;
        piece.speaker = piece.speaker.filter(|speaker| *speaker < MOST_SPEAKERS);
    }
    transcript.pieces.retain(|piece| !is_noise(&piece.text));
    if transcript.pieces.is_empty() {
        transcript.language = None;
    }
    transcript
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::platform::speech::Piece;

    fn endpoint() -> Endpoint {
        let key = SecretString::from("sk-secret");
        Endpoint::new(
            "stt.openai",
            "http://127.0.0.1:9/v1",
            "/audio/transcriptions",
            "Bearer",
            &key,
        )
        .unwrap()
    }

    #[test]
    fn an_address_may_be_given_in_any_usual_way() {
        for given in [
            "http://host:9",
            "http://host:9/v1/",
            "http://host:9/v1/audio/transcriptions",
        ] {
            let url = address(given, "/audio/transcriptions").unwrap();
            assert_eq!(url.as_str(), "http://host:9/v1/audio/transcriptions");
        }
        let url = address("wss://host/v1/listen?tier=a", "/listen").unwrap();
        assert_eq!(url.as_str(), "wss://host/v1/listen?tier=a");
        for wrong in ["", "host", "ftp://host", "http://me:secret@host/v1"] {
            let error = format!("{:#}", address(wrong, "/listen").unwrap_err());
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn refusals_are_told_by_what_to_do() {
        let told = |status: u16| {
            let status = StatusCode::from_u16(status).unwrap();
            endpoint().refusal(status, "bad  key\nsk-secret.", None)
        };
        for status in [301, 401, 402, 403, 404] {
            let error = told(status);
            assert!(matches!(error, SpeechError::Refused(_)), "{error}");
            assert!(!error.to_string().contains("sk-secret"), "{error}");
        }
        assert!(told(401).to_string().contains("stt.openai.api_key"));
        for status in [408, 429, 500, 503] {
            assert!(matches!(told(status), SpeechError::Unavailable { .. }));
        }
        for status in [400, 413, 415, 422] {
            assert!(matches!(told(status), SpeechError::Declined(_)));
        }
    }

    #[test]
    fn words_are_not_trusted() {
        let piece = |text: &str, start_seconds, end_seconds, speaker| Piece {
            text: text.into(),
            start_seconds,
            end_seconds,
            speaker: Some(speaker),
        };
        let transcript = Transcript {
            pieces: vec![
                piece(" Good\u{0}\nmorning. ", -1.0, 2.0, 3),
                piece("[Music]", 2.0, 3.0, 0),
                piece(&"Thank you. ".repeat(9), 3.0, 9.0, u32::MAX),
                piece("Late.", f64::NAN, f64::INFINITY, 0),
            ],
            language: Some("en".into()),
            doubtful: false,
        };
        let clean = mistrust(transcript, 5.0);
        assert!(clean.doubtful);
        assert_eq!(
            clean.pieces,
            [
                piece("Good  morning.", 0.0, 2.0, 3),
                Piece {
                    speaker: None,
                    ..piece("Thank you.", 3.0, 5.0, 0)
                },
                piece("Late.", 3.0, 3.0, 0),
            ]
        );
        let noise = Transcript {
            pieces: vec![piece("(music)", 0.0, 1.0, 0)],
            language: Some("en".into()),
            doubtful: false,
        };
        assert_eq!(mistrust(noise, 5.0), Transcript::default());
    }
}
