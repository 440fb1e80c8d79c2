//! `/v2/files`

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use utoipa::ToSchema;

use crate::{
    app::App,
    features::{
        chat::{self, File, Upload},
        credentials::Caller,
    },
    surfaces::{
        extract::TextId,
        multipart::{Came, Files},
        respond::{ErrorBody, Result},
    },
};

/// A form of files.
#[derive(ToSchema)]
#[allow(dead_code)] // Read part by part.
pub struct FilesForm {
    #[schema(value_type = Vec<String>, format = Binary)]
    files: Vec<Vec<u8>>,
}

/// Bring files that are to go with a question. Of JPEG, PNG, GIF and WebP there is a small picture afterwards. Files that go
/// with no question for a day are removed.
#[utoipa::path(post, path = "/v2/files", tag = "chat",
    request_body(content = FilesForm, content_type = "multipart/form-data"),
    responses((status = 200, body = Vec<File>, description = "In the order in which they came"),
              (status = 400, body = ErrorBody, description = "The form cannot be read"),
              (status = 413, body = ErrorBody, description = "More than may come at once, or than the user may have")))]
pub async fn upload(
    State(app): State<App>,
    caller: Caller,
    mut form: Files,
) -> Result<Json<Vec<File>>> {
    let mut upload = Upload::begin(&app, &caller).await?;
    while let Some(came) = form.next().await? {
        match came {
            Came::File { name, kind } => upload.file(&name, kind.as_deref()).await?,
            Came::Bytes(bytes) => upload.write(&bytes).await?,
            Came::Field { .. } => {}
        }
    }
    Ok(Json(upload.keep(&app).await?))
}

/// Bytes.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code)] // The body of an answer, for the documents.
pub struct SmallPicture(Vec<u8>);

/// A small picture of a file. Needs no credential: the token is one.
#[utoipa::path(get, path = "/v2/files/thumbnails/{token}", tag = "chat", params(("token" = String, Path)),
    responses((status = 200, body = SmallPicture, content_type = "image/jpeg")))]
pub async fn thumbnail(State(app): State<App>, TextId(token): TextId) -> Result<Response> {
    let jpeg = chat::thumbnail(&app, &token).await?;
    let headers = [
        (header::CONTENT_TYPE, "image/jpeg"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CACHE_CONTROL,
            "private, max-age=31536000, immutable",
        ),
    ];
    Ok((headers, jpeg).into_response())
}
