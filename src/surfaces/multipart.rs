//! `multipart/form-data` bodies, taken as they come in: no more of them than a piece is in memory. How much may come at
//! all is for the feature to say.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use axum::{
    body::BodyDataStream,
    extract::{FromRequest, Request},
    http::header,
};
use bytes::Bytes;
use futures_util::StreamExt as _;

use super::respond::{ApiError, Result};
use crate::error::Error;

/// Bytes of a body that may come until the head of the next part has ended.
const HEAD: i64 = 64 * 1024;
/// Bytes of a part that are read as text.
const LONGEST_TEXT: usize = 1000;

/// Parts of a body, in order.
pub struct Multipart {
    parts: multer::Multipart<'static>,
    allowance: Arc<AtomicI64>,
}

/// A part: what is said of it, then its bytes.
pub struct Part {
    pub name: String,
    /// Of a file, as the client calls it.
    pub file_name: Option<String>,
    /// Its content type, if it names one.
    pub kind: Option<String>,
    field: multer::Field<'static>,
    allowance: Arc<AtomicI64>,
}

impl<S: Send + Sync> FromRequest<S> for Multipart {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let boundary = kind
            .and_then(|kind| kind.to_str().ok())
            .and_then(|kind| multer::parse_boundary(kind).ok())
            .ok_or_else(|| Error::missing("files"))?;
        Ok(Self::new(request.into_body().into_data_stream(), boundary))
    }
}

impl Multipart {
    fn new(body: BodyDataStream, boundary: String) -> Self {
        let allowance = Arc::new(AtomicI64::new(HEAD));
        let left = allowance.clone();
        let body = body.map(move |piece| {
            let piece = piece.map_err(|_| "the connection broke")?;
            let size = i64::try_from(piece.len()).unwrap_or(i64::MAX);
            if left.fetch_sub(size, Ordering::Relaxed) <= 0 {
                return Err("the head of a part is too long");
            }
            Ok(piece)
        });
        Self {
            parts: multer::Multipart::new(body, boundary),
            allowance,
        }
    }

    /// The next part. The last one must have been read to its end.
    pub async fn next(&mut self) -> Result<Option<Part>> {
        self.allowance.store(HEAD, Ordering::Relaxed);
        let Some(field) = self.parts.next_field().await.map_err(broken)? else {
            return Ok(None);
        };
        let Some(name) = field.name().map(str::to_string) else {
            let why = "a part has no name";
            return Err(unreadable(why).into());
        };
        Ok(Some(Part {
            name,
            file_name: field.file_name().map(str::to_string),
            kind: field.content_type().map(|kind| kind.essence_str().into()),
            field,
            allowance: self.allowance.clone(),
        }))
    }
}

/// What comes of a form of `files`, in order.
pub enum Came {
    /// A file begins.
    File { name: String, kind: Option<String> },
    /// Of the file that began last.
    Bytes(Bytes),
    /// Another part, as text.
    Field { name: String, text: String },
}

/// A form with files under `files` or `files[]`.
pub struct Files {
    form: Multipart,
    open: Option<Part>,
}

impl<S: Send + Sync> FromRequest<S> for Files {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        Multipart::from_request(request, state)
            .await
            .map(|form| Self { form, open: None })
    }
}

impl Files {
    pub async fn next(&mut self) -> Result<Option<Came>> {
        if let Some(part) = &mut self.open {
            match part.piece().await? {
                Some(bytes) => return Ok(Some(Came::Bytes(bytes))),
                None => self.open = None,
            }
        }
        let Some(mut part) = self.form.next().await? else {
            return Ok(None);
        };
        if part.name != "files" && part.name != "files[]" {
            let (name, text) = (part.name.clone(), part.text().await?);
            return Ok(Some(Came::Field { name, text }));
        }
        let name = part.file_name.take();
        let file = Came::File {
            name: name.ok_or_else(|| Error::missing("files"))?,
            kind: part.kind.take(),
        };
        self.open = Some(part);
        Ok(Some(file))
    }
}

impl Part {
    /// Its beginning as text; the rest is passed over.
    async fn text(&mut self) -> Result<String> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece().await? {
            let room = LONGEST_TEXT - bytes.len();
            bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The next piece; None at the end.
    pub async fn piece(&mut self) -> Result<Option<Bytes>> {
        self.allowance.store(i64::MAX, Ordering::Relaxed);
        self.field.chunk().await.map_err(broken)
    }
}

fn broken(error: multer::Error) -> ApiError {
    let why = match error {
        multer::Error::StreamReadFailed(why) => why.to_string(),
        error => error.to_string(),
    };
    unreadable(&why).into()
}

fn unreadable(why: &str) -> Error {
    Error::BadRequest(format!("The multipart body could not be read: {why}."))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::body::Body;
    use futures_util::stream;

    use super::*;

    async fn read(body: &[u8], step: usize) -> Result<Vec<(String, Option<String>, Vec<u8>)>> {
        let pieces: Vec<_> = body
            .chunks(step)
            .map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)))
            .collect();
        let body = Body::from_stream(stream::iter(pieces));
        let mut multipart = Multipart::new(body.into_data_stream(), "b-1".into());
        let mut parts = Vec::new();
        while let Some(mut part) = multipart.next().await? {
            let mut bytes = Vec::new();
            while let Some(piece) = part.piece().await? {
                bytes.extend_from_slice(&piece);
            }
            parts.push((part.name, part.file_name, bytes));
        }
        Ok(parts)
    }

    const BODY: &[u8] = b"--b-1\r\nContent-Disposition: form-data; name=\"files\"; \
        filename=\"a b;c.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n\x00\r\n--b-\r\r\n--b-2\
        \r\n--b-1\r\ncontent-disposition: form-data; name=x\r\n\r\n\r\n--b-1--\r\n";

    #[tokio::test]
    async fn parts_come_out_whole_however_they_come_in() {
        for step in 1..BODY.len() {
            let parts = read(BODY, step).await.ok().unwrap();
            assert_eq!(parts.len(), 2, "{step}");
            let (name, file_name, bytes) = &parts[0];
            assert_eq!(name, "files");
            assert_eq!(file_name.as_deref(), Some("a b;c.bin"));
            assert_eq!(bytes, b"\x00\r\n--b-\r\r\n--b-2");
            assert_eq!(parts[1], ("x".into(), None, Vec::new()));
        }
    }

    #[tokio::test]
    async fn half_a_body_is_refused() {
        let end = BODY.len() - b"--\r\n".len();
        for cut in 0..end {
            assert!(read(&BODY[..cut], 7).await.is_err(), "{cut}");
        }
        assert!(read(b"--b-1--", 3).await.ok().unwrap().is_empty());
        let nameless = b"--b-1\r\nContent-Type: a\r\n\r\nx\r\n--b-1--";
        assert!(read(nameless, 3).await.is_err());
        let mut long = b"--b-1\r\n".to_vec();
        long.resize(HEAD as usize + 2000, b'a');
        assert!(read(&long, 999).await.is_err());
    }
}
