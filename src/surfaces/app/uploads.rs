//! `/v2/sync-local-files`

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
    features::{
        credentials::Caller,
        uploads::{self, Taken, Upload},
    },
    surfaces::{
        extract::{Id, Query},
        multipart::{Came, Files},
        respond::{ErrorBody, Result},
    },
};

/// How long a client waits before it asks how far a job has come, in milliseconds.
const POLL_AFTER: u32 = 3000;

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
    mut form: Files,
) -> Result<Response> {
    let wanted = query.conversation_id.and_then(|id| id.parse().ok());
    let mut upload = Upload::begin(&app, &caller).await?;
    while let Some(came) = form.next().await? {
        match came {
            Came::File { name, .. } => upload.file(&name).await?,
            Came::Bytes(bytes) => upload.write(&bytes).await?,
            Came::Field { .. } => {}
        }
    }
    Ok(match upload.take(&app, wanted).await? {
        Taken::Silent => Json(Silent {
            new_memories: Vec::new(),
            updated_memories: Vec::new(),
        })
        .into_response(),
        Taken::Job {
            id,
            files,
            segments,
        } => {
            let queued = Queued {
                job_id: id,
                status: "queued",
                total_files: files,
                total_segments: segments,
                poll_after_ms: POLL_AFTER,
            };
            (StatusCode::ACCEPTED, Json(queued)).into_response()
        }
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
    let result = (processed == standing.total).then_some(UploadResult {
        new_memories: standing.created,
        updated_memories: standing.updated,
        failed_segments: standing.failed,
        total_segments: standing.total,
        errors: standing.errors,
    });
    Ok(Json(JobStanding {
        job_id: id,
        status: standing.status,
        total_segments: standing.total,
        processed_segments: processed,
        successful_segments: standing.successful,
        failed_segments: standing.failed,
        result,
        error: failed.flatten(),
    }))
}
