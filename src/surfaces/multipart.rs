//! `multipart/form-data` bodies, taken as they come in: no more of them than a piece is in memory.

use axum::{
    body::{Body, BodyDataStream},
    extract::{FromRequest, Request},
    http::header,
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use super::respond::{ApiError, Result};
use crate::error::Error;

/// Longest head of a part, in bytes.
const HEAD: usize = 16 * 1024;
/// Longest boundary that the standard allows.
const BOUNDARY: usize = 70;

/// Pieces behind the last part that are waited for.
const TRAILER: usize = 16;

/// Parts of a body, in order.
pub struct Multipart {
    body: BodyDataStream,
    buffer: BytesMut,
    /// `\r\n--` and the boundary.
    delimiter: Vec<u8>,
    /// Inside a part: its rest has to be passed before the next.
    inside: bool,
    ended: bool,
}

/// What is said of a part.
#[derive(Debug, PartialEq)]
pub struct Part {
    pub name: String,
    /// Of a file, as the client calls it.
    pub file_name: Option<String>,
}

impl<S: Send + Sync> FromRequest<S> for Multipart {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let boundary = kind
            .and_then(|kind| kind.to_str().ok())
            .and_then(boundary)
            .ok_or_else(|| Error::missing("files"))?;
        Ok(Self::new(&boundary, request.into_body()))
    }
}

impl Multipart {
    fn new(boundary: &str, body: Body) -> Self {
        Self {
            body: body.into_data_stream(),
            // So that the first delimiter is like the others.
            buffer: BytesMut::from(&b"\r\n"[..]),
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            // What stands before the first delimiter is nothing.
            inside: true,
            ended: false,
        }
    }

    /// The next part; what was not read of the last is passed over.
    pub async fn next(&mut self) -> Result<Option<Part>> {
        while self.inside {
            self.piece().await?;
        }
        if self.ended {
            return Ok(None);
        }
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            if self.buffer.len() > HEAD {
                return Err(broken("the head of a part is too long"));
            }
            self.more().await?;
        };
        let head = self.buffer.split_to(end + 4);
        self.inside = true;
        described(&head[..end])
            .ok_or_else(|| broken("a part has no name"))
            .map(Some)
    }

    /// The next piece of the present part; None at its end.
    pub async fn piece(&mut self) -> Result<Option<Bytes>> {
        if !self.inside {
            return Ok(None);
        }
        loop {
            if let Some(at) = find(&self.buffer, &self.delimiter) {
                if at > 0 {
                    return Ok(Some(self.buffer.split_to(at).freeze()));
                }
                return self.pass_delimiter().await.map(|()| None);
            }
            // The delimiter may have begun at the very end.
            let sure = (self.buffer.len() + 1).saturating_sub(self.delimiter.len());
            if sure > 0 {
                return Ok(Some(self.buffer.split_to(sure).freeze()));
            }
            self.more().await?;
        }
    }

    async fn pass_delimiter(&mut self) -> Result<()> {
        let length = self.delimiter.len();
        while self.buffer.len() < length + 2 {
            self.more().await?;
        }
        match &self.buffer[length..length + 2] {
            b"--" => {
                self.ended = true;
                self.inside = false;
                // What comes after counts for nothing; a little is taken, so that the client can hear the answer.
                for _ in 0..TRAILER {
                    if !matches!(self.body.next().await, Some(Ok(_))) {
                        break;
                    }
                }
                Ok(())
            }
            b"\r\n" => {
                // The line end stays: a head may be empty, and then ends at once.
                let _ = self.buffer.split_to(length);
                self.inside = false;
                Ok(())
            }
            _ => Err(broken("a boundary is followed by something else")),
        }
    }

    async fn more(&mut self) -> Result<()> {
        match self.body.next().await {
            Some(Ok(bytes)) => {
                self.buffer.extend_from_slice(&bytes);
                Ok(())
            }
            Some(Err(_)) => Err(broken("the connection broke")),
            None => Err(broken("it ends too early")),
        }
    }
}

fn broken(why: &str) -> ApiError {
    Error::BadRequest(format!("The multipart body could not be read: {why}.")).into()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| *byte == first) {
        let at = from + at;
        if text[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

fn boundary(kind: &str) -> Option<String> {
    let (kind, parameters) = kind.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameter(parameters, "boundary").filter(|text| (1..=BOUNDARY).contains(&text.len()))
}

/// From a head that may begin with a line end.
fn described(head: &[u8]) -> Option<Part> {
    let head = String::from_utf8_lossy(head);
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    })?;
    let (kind, parameters) = disposition.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    Some(Part {
        name: parameter(parameters, "name")?,
        file_name: parameter(parameters, "filename"),
    })
}

/// `key=value` or `key="value"`, between semicolons.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    let mut rest = text;
    loop {
        let (key, behind) = rest.split_once('=')?;
        let key = key.trim_start_matches([';', ' ', '\t']).trim_end();
        let mut value = String::new();
        let behind = behind.trim_start();
        if let Some(quoted) = behind.strip_prefix('"') {
            let mut letters = quoted.char_indices();
            let mut end = quoted.len();
            while let Some((at, letter)) = letters.next() {
                match letter {
                    '"' => {
                        end = at + 1;
                        break;
                    }
                    '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
                    letter => value.push(letter),
                }
            }
            rest = &quoted[end..];
        } else {
            let end = behind.find(';').unwrap_or(behind.len());
            value.push_str(behind[..end].trim());
            rest = &behind[end..];
        }
        if key.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures_util::stream;

    async fn read(body: &[u8], step: usize) -> Result<Vec<(Part, Vec<u8>)>> {
        let pieces: Vec<_> = body
            .chunks(step)
            .map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)))
            .collect();
        let mut multipart = Multipart::new("b-1", Body::from_stream(stream::iter(pieces)));
        let mut parts = Vec::new();
        while let Some(part) = multipart.next().await? {
            let mut bytes = Vec::new();
            while let Some(piece) = multipart.piece().await? {
                bytes.extend_from_slice(&piece);
            }
            parts.push((part, bytes));
        }
        Ok(parts)
    }

    const BODY: &[u8] = b"before\r\n--b-1\r\nContent-Disposition: form-data; name=\"files\"; \
        filename=\"a \\\"b\\\";c.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n\x00\r\n--b-\r\r\n--b-2\
        \r\n--b-1\r\ncontent-disposition:form-data;name=x\r\n\r\n\r\n--b-1--\r\nafter";

    #[tokio::test]
    async fn parts_come_out_whole_however_they_come_in() {
        for step in 1..BODY.len() {
            let parts = read(BODY, step).await.ok().unwrap();
            assert_eq!(parts.len(), 2, "{step}");
            let file = Part {
                name: "files".into(),
                file_name: Some("a \"b\";c.bin".into()),
            };
            assert_eq!(parts[0], (file, b"\x00\r\n--b-\r\r\n--b-2".to_vec()));
            assert_eq!(parts[1].0.name, "x");
            assert_eq!(parts[1].0.file_name, None);
            assert!(parts[1].1.is_empty());
        }
    }

    #[tokio::test]
    async fn half_a_body_is_refused() {
        let end = BODY.len() - b"--\r\nafter".len();
        for cut in 0..end {
            assert!(read(&BODY[..cut], 7).await.is_err(), "{cut}");
        }
        assert!(read(b"--b-1--", 3).await.ok().unwrap().is_empty());
        for bad in [
            &b"--b-1x"[..],
            b"--b-1\r\n\r\nx\r\n--b-1--",
            b"--b-1\r\nContent-Type: a\r\n\r\nx\r\n--b-1--",
        ] {
            assert!(read(bad, 3).await.is_err());
        }
        let mut long = b"--b-1\r\n".to_vec();
        long.resize(HEAD + 100, b'a');
        assert!(read(&long, 999).await.is_err());
    }

    #[test]
    fn boundaries() {
        for (kind, expected) in [
            ("multipart/form-data; boundary=abc", Some("abc")),
            (
                "Multipart/Form-Data; charset=utf-8; BOUNDARY=\"a b\"",
                Some("a b"),
            ),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data", None),
            ("application/json; boundary=abc", None),
        ] {
            assert_eq!(boundary(kind).as_deref(), expected, "{kind}");
        }
    }
}
