//! `/v2/voice-messages`, `/v2/voice-message/transcribe`

use axum::{
    Json,
    extract::{FromRequest as _, Request, State},
    http::header,
    response::Response,
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::messages::{self, AnswerEvent};
use crate::{
    app::App,
    error::Error,
    features::{chat, credentials::Caller, uploads::Clip},
    surfaces::{
        extract::{Query, bounded},
        multipart::{Came, Files},
        respond::{ErrorBody, Result},
    },
};

/// A form of sound.
#[derive(ToSchema)]
#[allow(dead_code)] // Read part by part.
pub struct SoundForm {
    /// WAV and other sound files; or `.bin` with frames, each behind its length (u32, little-endian): Opus, or what
    /// `_pcm16_<rate>_` or `_pcm8_<rate>_` in the name says.
    #[schema(value_type = Vec<String>, format = Binary)]
    files: Vec<Vec<u8>>,
    /// What is spoken: a code, or `multi` or `auto` to have it found out. Left out: the language of a user who wants only that
    /// one, else `multi`.
    language: Option<String>,
}

/// Bytes.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code)] // The body of a request, for the documents.
pub struct RawSamples(Vec<u8>);

/// The sound of a form, and the language that it asks for.
async fn take(app: &App, mut form: Files) -> Result<(Clip, Option<String>)> {
    let mut clip = Clip::begin(app).await?;
    let mut language = None;
    while let Some(came) = form.next().await? {
        match came {
            Came::File { name, .. } => clip.file(&name).await?,
            Came::Bytes(bytes) => clip.write(&bytes).await?,
            Came::Field { name, text } if name == "language" => language = Some(text),
            Came::Field { .. } => {}
        }
    }
    Ok((clip, language))
}

/// Ask a question aloud. The answer is streamed as that of `POST /v2/messages`, after a frame `message: ` and the question as
/// it was heard, as JSON in base64. When nothing is said there is no frame at all. Only the first file counts.
#[utoipa::path(post, path = "/v2/voice-messages", tag = "chat",
    request_body(content = SoundForm, content_type = "multipart/form-data"),
    responses((status = 200, body = AnswerEvent, content_type = "text/event-stream; charset=utf-8"),
              (status = 400, body = ErrorBody, description = "There is no file, it holds no sound, or the form cannot be read"),
              (status = 413, body = ErrorBody, description = "More than may come at once")))]
pub async fn ask(State(app): State<App>, caller: Caller, form: Files) -> Result<Response> {
    let (clip, language) = take(&app, form).await?;
    let answering = chat::ask_aloud(&app, &caller, clip, language.as_deref()).await?;
    Ok(match answering {
        None => messages::told(stream::empty::<Bytes>()),
        Some(answering) => {
            let heard = messages::heard(&answering.asked);
            let events = answering.events.map(|event| messages::frame(&event));
            messages::told(stream::iter([heard]).chain(events))
        }
    })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Samples {
    /// Of a body that is no form.
    language: Option<String>,
    /// `linear16`
    #[param(pattern = "^linear16$")]
    encoding: Option<String>,
    /// Hz.
    #[param(minimum = 8000, maximum = 48000, default = 16000)]
    sample_rate: Option<i64>,
    #[param(minimum = 1, maximum = 2, default = 1)]
    channels: Option<i64>,
}

impl Samples {
    /// Hz, channels.
    fn shape(&self) -> Result<(u32, usize)> {
        if self.encoding.as_deref().unwrap_or("linear16") != "linear16" {
            let why = "encoding must be linear16";
            return Err(Error::invalid_parameter("encoding", why).into());
        }
        let rate = bounded("sample_rate", self.sample_rate, 16_000, 8_000, 48_000)?;
        let channels = bounded("channels", self.channels, 1, 1, 2)?;
        Ok((rate as u32, channels as usize))
    }
}

#[derive(Serialize, ToSchema)]
pub struct Transcript {
    /// Empty: nothing was said.
    transcript: String,
    /// Where it was found out. `multi`: the files do not agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
}

/// Have sound written down; nothing of it is kept. The body is a form, or the samples themselves as the query says:
/// interleaved, signed 16-bit, little-endian.
#[utoipa::path(post, path = "/v2/voice-message/transcribe", tag = "chat", params(Samples),
    request_body(content((SoundForm = "multipart/form-data"), (RawSamples = "application/octet-stream"))),
    responses((status = 200, body = Transcript),
              (status = 400, body = ErrorBody, description = "There is no sound in it, or the form cannot be read"),
              (status = 413, body = ErrorBody, description = "More than may come at once")))]
pub async fn transcribe(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<Samples>,
    request: Request,
) -> Result<Json<Transcript>> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let form = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/form-data"));
    let (clip, language) = if form {
        take(&app, Files::from_request(request, &()).await?).await?
    } else {
        (samples(&app, &query, request).await?, query.language)
    };
    let written = clip.transcribe(&app, &caller, language.as_deref()).await?;
    Ok(Json(Transcript {
        transcript: written.text,
        language: written.language,
    }))
}

/// The sound of a body that is nothing else.
async fn samples(app: &App, query: &Samples, request: Request) -> Result<Clip> {
    let (rate, channels) = query.shape()?;
    let mut clip = Clip::begin(app).await?;
    clip.samples(rate, channels).await?;
    let mut body = request.into_body().into_data_stream();
    while let Some(bytes) = body.next().await {
        let broken = |_| Error::BadRequest("The body could not be read".into());
        clip.write(&bytes.map_err(broken)?).await?;
    }
    if clip.taken() == 0 {
        return Err(Error::BadRequest("No audio data provided".into()).into());
    }
    Ok(clip)
}
