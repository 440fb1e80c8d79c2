//! `/v3/speech-profile`, `/v4/speech-profile`, `/v3/upload-audio`: the recording of the user's own voice

use axum::{Json, body::Body, extract::State, http::HeaderMap, response::Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{StatusAnswer, audio::Sound, ranges};
use crate::{
    app::App,
    error::Error,
    features::{
        credentials::Caller,
        speech_profile::{self, Link},
    },
    platform::audio::stored,
    surfaces::{
        extract::{Query, TwoTexts},
        guard,
        multipart::Multipart,
        respond::{ErrorBody, Result},
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(guard::user().on(routes!(standing)))
        .routes(guard::user().on(routes!(address)))
        .routes(guard::open(routes!(listen)))
        .routes(guard::user().on(routes!(upload)))
        .routes(guard::user().on(routes!(samples, delete_sample)))
}

#[derive(Serialize, ToSchema)]
pub struct SpeechProfileStanding {
    has_profile: bool,
}

/// Whether there is a recording of the user's voice that is not older than 90 days.
#[utoipa::path(get, path = "/v3/speech-profile", tag = "speech profile",
    responses((status = 200, body = SpeechProfileStanding)))]
pub async fn standing(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<SpeechProfileStanding>> {
    Ok(Json(SpeechProfileStanding {
        has_profile: speech_profile::counts(&app.db, &caller.uid).await?,
    }))
}

#[derive(Serialize, ToSchema)]
pub struct SpeechProfileAddress {
    /// Needs no credential, and leads there for an hour. Null: there is no recording.
    #[schema(required)]
    url: Option<String>,
}

fn url(app: &App, link: &Link) -> String {
    format!("{}/v4/speech-profile/{link}", app.public_url)
}

/// Where the recording of the user's voice can be listened to.
#[utoipa::path(get, path = "/v4/speech-profile", tag = "speech profile",
    responses((status = 200, body = SpeechProfileAddress)))]
pub async fn address(State(app): State<App>, caller: Caller) -> Result<Json<SpeechProfileAddress>> {
    let link = speech_profile::link_to(&app.db, &caller).await?;
    Ok(Json(SpeechProfileAddress {
        url: link.map(|link| url(&app, &link)),
    }))
}

/// The recording of a voice that a link leads to: 16 kHz mono, 16 bit. Takes one `Range` of bytes. Needs no credential.
#[utoipa::path(get, path = "/v4/speech-profile/{owner}/{link}", tag = "speech profile",
    params(("owner" = String, Path), ("link" = String, Path)),
    responses((status = 200, body = Sound, content_type = "audio/wav"),
              (status = 206, body = Sound, content_type = "audio/wav", description = "The wanted part"),
              (status = 416, body = ErrorBody, description = "The range begins behind the end")))]
pub async fn listen(
    State(app): State<App>,
    TwoTexts(owner, link): TwoTexts,
    headers: HeaderMap,
) -> Result<Response> {
    let samples = speech_profile::follow(&app.db, &app.voices_dir(), &owner, &link).await?;
    let mut wav = stored::wav_head(samples.len() as u64).to_vec();
    wav.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    let wav = Bytes::from(wav);
    let whole = wav.len() as u64;
    Ok(ranges::answer(
        &headers,
        "audio/wav",
        "voice.wav",
        whole,
        |range| Body::from(wav.slice(range.start as usize..range.end as usize)),
    ))
}

/// A form with a file.
#[derive(ToSchema)]
#[allow(dead_code)] // Read part by part.
pub struct VoiceForm {
    /// WAV of 16 kHz, 5 to 120 s.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

#[derive(Serialize, ToSchema)]
pub struct VoiceUploaded {
    /// Needs no credential, and leads to the recording for an hour.
    url: String,
}

/// Keep a recording of the user's voice, without its silence, in place of an earlier one. It can be listened to; voices are
/// not told apart with it.
#[utoipa::path(post, path = "/v3/upload-audio", tag = "speech profile",
    request_body(content = VoiceForm, content_type = "multipart/form-data"),
    responses((status = 200, body = VoiceUploaded),
              (status = 400, body = ErrorBody, description = "It is no such file, or nobody speaks in it"),
              (status = 413, body = ErrorBody, description = "It has more than 8 MiB")))]
pub async fn upload(
    State(app): State<App>,
    caller: Caller,
    mut form: Multipart,
) -> Result<Json<VoiceUploaded>> {
    let mut file = None;
    while let Some(mut part) = form.next().await? {
        let mut bytes = Vec::new();
        while let Some(piece) = part.piece().await? {
            if part.name != "file" {
                continue;
            }
            if bytes.len() + piece.len() > speech_profile::MOST_BYTES {
                let text = "file: at most 8 MiB are taken; send 120 s or less of 16 kHz";
                return Err(Error::TooLarge(text.into()).into());
            }
            bytes.extend_from_slice(&piece);
        }
        if part.name == "file" {
            file = Some(bytes);
        }
    }
    let file = file.ok_or_else(|| Error::missing("file"))?;
    let link = speech_profile::keep(&app, &caller, file).await?;
    Ok(Json(VoiceUploaded {
        url: url(&app, &link),
    }))
}

/// Where more samples of a voice can be listened to: there are none.
#[utoipa::path(get, path = "/v3/speech-profile/expand", tag = "speech profile",
    params(("person_id" = Option<String>, Query, description = "Nobody: the user")),
    responses((status = 200, body = Vec<String>)))]
pub async fn samples(_: Caller) -> Json<[&'static str; 0]> {
    Json([])
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)] // There is none to be found by them.
pub struct SampleQuery {
    /// A conversation.
    memory_id: String,
    segment_idx: i64,
    /// `null`, or left out: the user.
    person_id: Option<String>,
}

/// Remove a sample of a voice. There are none, so that nothing is there afterwards either way.
#[utoipa::path(delete, path = "/v3/speech-profile/expand", tag = "speech profile", params(SampleQuery),
    responses((status = 200, body = StatusAnswer)))]
pub async fn delete_sample(_: Caller, _: Query<SampleQuery>) -> Json<StatusAnswer> {
    StatusAnswer::ok()
}
