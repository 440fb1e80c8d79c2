//! `/v2/sync-local-files`, and `/v1/sync-local-files`, which waits

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    app::App,
    error::Error,
    features::{
        credentials::Caller,
        uploads::{self, Standing, Taken, Upload},
    },
    surfaces::{
        extract::{Id, Query},
        multipart::{Came, Files},
        respond::{ErrorBody, Result},
    },
};

/// How long a client waits before it asks how far a job has come, in milliseconds.
const POLL_AFTER: u32 = 3000;
/// How long a client waits that does not ask again.
const PATIENCE: Duration = Duration::from_secs(300);

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UploadQuery {
    /// Where the words are to go. One that is not there counts as left out.
    conversation_id: Option<String>,
}

/// A form of files.
#[derive(ToSchema)]
#[allow(dead_code)] // Read part by part.
pub struct UploadForm {
    /// Each is called `audio_<device>_<codec>_<rate>_<channels>_fs<frame>_<unix time>.bin` and holds frames, each behind its
    /// length (u32, little-endian).
    #[schema(value_type = Vec<String>, format = Binary)]
    files: Vec<Vec<u8>>,
}

#[derive(Serialize, ToSchema)]
pub struct Silent {
    new_memories: Vec<Uuid>,
    updated_memories: Vec<Uuid>,
}

#[derive(Serialize, ToSchema)]
pub struct Queued {
    job_id: Uuid,
    /// `queued`
    status: &'static str,
    total_files: usize,
    /// Stretches of speech without a long pause.
    total_segments: usize,
    poll_after_ms: u32,
}

/// Bring recordings that were made without a server. Each stretch of speech is added to the conversation of its time, or
/// becomes one; what is known already is not added again.
#[utoipa::path(post, path = "/v2/sync-local-files", tag = "audio", params(UploadQuery),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 200, body = Silent, description = "Nobody says anything in them"),
              (status = 202, body = Queued, description = "A job recognises them"),
              (status = 400, body = ErrorBody, description = "A name or the form cannot be read"),
              (status = 413, body = ErrorBody, description = "More than may come at once")))]
pub async fn upload(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<UploadQuery>,
    form: Files,
) -> Result<Response> {
    Ok(match take(&app, &caller, query, form).await? {
        Taken::Silent => nothing_said(),
        Taken::Job {
            id,
            files,
            segments,
        } => queued(id, files, segments),
    })
}

async fn take(app: &App, caller: &Caller, query: UploadQuery, mut form: Files) -> Result<Taken> {
    let wanted = query.conversation_id.and_then(|id| id.parse().ok());
    let mut upload = Upload::begin(app, caller).await?;
    while let Some(came) = form.next().await? {
        match came {
            Came::File { name, .. } => upload.file(&name).await?,
            Came::Bytes(bytes) => upload.write(&bytes).await?,
            Came::Field { .. } => {}
        }
    }
    Ok(upload.take(app, wanted).await?)
}

fn nothing_said() -> Response {
    Json(Silent {
        new_memories: Vec::new(),
        updated_memories: Vec::new(),
    })
    .into_response()
}

fn queued(id: Uuid, files: usize, segments: usize) -> Response {
    let queued = Queued {
        job_id: id,
        status: "queued",
        total_files: files,
        total_segments: segments,
        poll_after_ms: POLL_AFTER,
    };
    (StatusCode::ACCEPTED, Json(queued)).into_response()
}

/// Bring recordings as `/v2/sync-local-files` does, and wait until they are recognised, for five minutes at most.
#[utoipa::path(post, path = "/v1/sync-local-files", tag = "audio", params(UploadQuery),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 200, body = Silent, description = "All of it is recognised"),
              (status = 202, body = Queued, description = "It takes longer: ask for the job"),
              (status = 207, body = UploadResult, description = "Some of it failed"),
              (status = 400, body = ErrorBody, description = "A name or the form cannot be read"),
              (status = 413, body = ErrorBody, description = "More than may come at once")))]
pub async fn upload_and_wait(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<UploadQuery>,
    form: Files,
) -> Result<Response> {
    let Taken::Job {
        id,
        files,
        segments,
    } = take(&app, &caller, query, form).await?
    else {
        return Ok(nothing_said());
    };
    let standing = uploads::outcome(&app, &caller, id, PATIENCE).await?;
    Ok(match standing.status {
        "completed" => Json(Silent {
            new_memories: standing.created,
            updated_memories: standing.updated,
        })
        .into_response(),
        "partial_failure" => {
            (StatusCode::MULTI_STATUS, Json(UploadResult::of(standing))).into_response()
        }
        "failed" => {
            let why = standing.errors.into_iter().next().unwrap_or_default();
            let why = format!("the recordings could not be recognised: {why}");
            return Err(Error::Unavailable(why).into());
        }
        _ => queued(id, files, segments),
    })
}

#[derive(Serialize, ToSchema)]
pub struct UploadResult {
    /// Conversations that were made.
    new_memories: Vec<Uuid>,
    /// Conversations that got more words.
    updated_memories: Vec<Uuid>,
    failed_segments: usize,
    total_segments: usize,
    /// At most ten.
    errors: Vec<String>,
}

impl UploadResult {
    fn of(standing: Standing) -> Self {
        Self {
            new_memories: standing.created,
            updated_memories: standing.updated,
            failed_segments: standing.failed,
            total_segments: standing.total,
            errors: standing.errors,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct JobStanding {
    job_id: Uuid,
    /// `queued`, `processing`, `completed`, `partial_failure` or `failed`
    status: &'static str,
    total_segments: usize,
    processed_segments: usize,
    successful_segments: usize,
    failed_segments: usize,
    /// Once the job has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<UploadResult>,
    /// Why all of it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// How far an upload has come; for an hour after its end.
#[utoipa::path(get, path = "/v2/sync-local-files/{id}", tag = "audio", params(("id" = String, Path)),
    responses((status = 200, body = JobStanding)))]
pub async fn standing(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<JobStanding>> {
    let id = id.or_absent("Sync job")?;
    let standing = uploads::standing(&app, &caller, id).await?;
    let processed = standing.successful + standing.failed;
    let failed = (standing.status == "failed").then(|| standing.errors.first().cloned());
    let mut answer = JobStanding {
        job_id: id,
        status: standing.status,
        total_segments: standing.total,
        processed_segments: processed,
        successful_segments: standing.successful,
        failed_segments: standing.failed,
        result: None,
        error: failed.flatten(),
    };
    if standing.has_ended() {
        answer.result = Some(UploadResult::of(standing));
    }
    Ok(Json(answer))
}
