//! `/v1/wrapped`: a look back at a year, which this server does not make.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    error::Error,
    features::credentials::Caller,
    surfaces::{
        extract::TextId,
        respond::{ErrorBody, Result},
    },
};

/// The only one that clients know.
const YEAR: i32 = 2025;
const STATUS: &str = "not_generated";

#[derive(Serialize, ToSchema)]
pub struct Wrapped {
    /// `not_generated`
    status: &'static str,
    year: i32,
    #[schema(required, value_type = Option<Object>)]
    result: Option<()>,
    #[schema(required)]
    error: Option<String>,
    #[schema(required, value_type = Option<Object>)]
    progress: Option<()>,
}

/// How the look back at a year stands: it is not made.
#[utoipa::path(get, path = "/v1/wrapped/{year}", tag = "desktop", params(("year" = i32, Path)),
    responses((status = 200, body = Wrapped), (status = 400, body = ErrorBody),
              (status = 422, body = ErrorBody)))]
pub async fn get(_: State<App>, _: Caller, TextId(text): TextId) -> Result<Json<Wrapped>> {
    Ok(Json(Wrapped {
        status: STATUS,
        year: year(&text)?,
        result: None,
        error: None,
        progress: None,
    }))
}

#[derive(Serialize, ToSchema)]
pub struct WrappedStarted {
    /// `not_generated`
    status: &'static str,
    message: &'static str,
}

/// Ask for a look back at a year: it is not made.
#[utoipa::path(post, path = "/v1/wrapped/{year}/generate", tag = "desktop", params(("year" = i32, Path)),
    responses((status = 200, body = WrappedStarted), (status = 400, body = ErrorBody),
              (status = 422, body = ErrorBody)))]
pub async fn generate(
    _: State<App>,
    _: Caller,
    TextId(text): TextId,
) -> Result<Json<WrappedStarted>> {
    year(&text)?;
    Ok(Json(WrappedStarted {
        status: STATUS,
        message: "This server makes no look back at a year",
    }))
}

fn year(text: &str) -> Result<i32> {
    let year: i32 = text.parse().map_err(|_| {
        Error::Invalid(vec![crate::error::Problem {
            location: vec!["path".into(), "year".into()],
            message: "year must be a whole number".into(),
            kind: "value_error",
        }])
    })?;
    if year == YEAR {
        Ok(year)
    } else {
        Err(Error::BadRequest(format!("Only year {YEAR} is currently supported")).into())
    }
}
