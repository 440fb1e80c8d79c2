//! `/v1/sync/audio`, `/v1/users/private-cloud-sync`

use axum::{Json, body::Body, extract::State, http::HeaderMap, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::ranges;
use crate::{
    app::App,
    error::Error,
    features::{
        audio::{self, Format},
        credentials::Caller,
        lenient,
    },
    surfaces::{
        extract::{Id, Query, TwoIds},
        respond::{ErrorBody, Result},
    },
};

#[derive(Serialize, ToSchema)]
pub struct CloudSync {
    private_cloud_sync_enabled: bool,
}

/// Whether the sound of live sessions is kept on the server, to be played later. It is unless the user says otherwise.
#[utoipa::path(get, path = "/v1/users/private-cloud-sync", tag = "audio",
    responses((status = 200, body = CloudSync)))]
pub async fn cloud_sync(State(app): State<App>, caller: Caller) -> Result<Json<CloudSync>> {
    Ok(Json(CloudSync {
        private_cloud_sync_enabled: audio::is_kept(&app.db, &caller.uid).await?,
    }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CloudSyncQuery {
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    #[param(value_type = bool, required = true)]
    value: Option<bool>,
}

#[derive(Serialize, ToSchema)]
pub struct CloudSyncSet {
    /// `ok`
    status: &'static str,
    private_cloud_sync_enabled: bool,
}

/// Keep the sound of live sessions from now on, or not. What is stored stays.
#[utoipa::path(post, path = "/v1/users/private-cloud-sync", tag = "audio", params(CloudSyncQuery),
    responses((status = 200, body = CloudSyncSet)))]
pub async fn set_cloud_sync(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<CloudSyncQuery>,
) -> Result<Json<CloudSyncSet>> {
    let kept = query
        .value
        .ok_or_else(|| Error::invalid_parameter("value", "value must be given: true or false"))?;
    audio::set_kept(&app.db, &caller, kept).await?;
    Ok(Json(CloudSyncSet {
        status: "ok",
        private_cloud_sync_enabled: kept,
    }))
}

#[derive(Serialize, ToSchema)]
pub struct PlayableFile {
    id: Uuid,
    /// `cached`: it can be played at once.
    status: &'static str,
    /// Null: ask for the file itself, with the access token.
    #[schema(required)]
    signed_url: Option<String>,
    /// Seconds.
    duration: f64,
}

#[derive(Serialize, ToSchema)]
pub struct PlayableFiles {
    audio_files: Vec<PlayableFile>,
}

/// The files of sound of a conversation, in order.
#[utoipa::path(get, path = "/v1/sync/audio/{id}/urls", tag = "audio", params(("id" = String, Path)),
    responses((status = 200, body = PlayableFiles)))]
pub async fn urls(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<PlayableFiles>> {
    let id = id.or_absent("Conversation")?;
    let files = audio::list(&app.db, &caller, id).await?.into_iter();
    let audio_files = files.map(|file| PlayableFile {
        id: file.id,
        status: "cached",
        signed_url: None,
        duration: file.duration,
    });
    Ok(Json(PlayableFiles {
        audio_files: audio_files.collect(),
    }))
}

#[derive(Serialize, ToSchema)]
pub struct Precached {
    /// `started`, or `no_audio`
    status: &'static str,
    audio_file_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

/// Get the sound of a conversation ready to be played. It always is, so this only tells whether there is any.
#[utoipa::path(post, path = "/v1/sync/audio/{id}/precache", tag = "audio", params(("id" = String, Path)),
    responses((status = 200, body = Precached)))]
pub async fn precache(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<Precached>> {
    let id = id.or_absent("Conversation")?;
    let audio_file_count = audio::list(&app.db, &caller, id).await?.len();
    let none = audio_file_count == 0;
    Ok(Json(Precached {
        status: if none { "no_audio" } else { "started" },
        audio_file_count,
        message: none.then_some("No sound of this conversation is stored"),
    }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DownloadQuery {
    /// `wav`, or `pcm` for the samples alone; `wav` if left out.
    #[param(pattern = "^(wav|pcm)$")]
    format: Option<String>,
}

/// Bytes.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code)] // The body of a download, for the documents.
pub struct Sound(Vec<u8>);

/// One file of sound: 16 kHz mono, 16 bit, silent where nothing was heard. Takes one `Range` of bytes.
#[utoipa::path(get, path = "/v1/sync/audio/{id}/{file_id}", tag = "audio",
    params(("id" = String, Path), ("file_id" = String, Path), DownloadQuery),
    responses((status = 200, content((Sound = "audio/wav"), (Sound = "application/octet-stream"))),
              (status = 206, content((Sound = "audio/wav"), (Sound = "application/octet-stream")),
               description = "The wanted part"),
              (status = 416, body = ErrorBody, description = "The range begins behind the end")))]
pub async fn download(
    State(app): State<App>,
    caller: Caller,
    TwoIds(conversation, file): TwoIds,
    Query(query): Query<DownloadQuery>,
    headers: HeaderMap,
) -> Result<Response> {
    let (format, kind, ending) = match query.format.as_deref() {
        None | Some("wav") => (Format::Wav, "audio/wav", "wav"),
        Some("pcm") => (Format::Pcm, "application/octet-stream", "pcm"),
        Some(_) => {
            let text = "format must be wav or pcm";
            return Err(Error::invalid_parameter("format", text).into());
        }
    };
    let conversation = conversation.or_absent("Audio file")?;
    let file = file.or_absent("Audio file")?;
    let root = app.audio_dir();
    let recording = audio::open(&app.db, &root, &caller, conversation, file).await?;
    let whole = recording.length(format);
    let name = format!("{file}.{ending}");
    Ok(ranges::answer(&headers, kind, &name, whole, |range| {
        Body::from_stream(recording.bytes(format, range))
    }))
}
