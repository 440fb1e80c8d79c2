//! Long lists, answered part by part as the client takes them: none lies in memory whole.

use std::{collections::VecDeque, future::Future};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::Response,
};
use futures_util::{StreamExt as _, future, stream};
use serde::Serialize;
use uuid::Uuid;

use super::respond::{ApiError, Result};

/// So many things of a list are in memory at once.
const PART: usize = 50;

/// A JSON list of what `make` gives for each part of `ids`, between `before` and `after`. What goes wrong with the first
/// part is an error as any other; later it ends the connection, so that nobody takes half a list for a whole one.
pub async fn answer<T, F, W>(
    before: &'static str,
    ids: Vec<Uuid>,
    after: String,
    make: F,
) -> Result<Response>
where
    T: Serialize,
    F: Fn(Vec<Uuid>) -> W + Send + 'static,
    W: Future<Output = Result<Vec<T>>> + Send,
{
    let mut waiting: VecDeque<_> = ids.chunks(PART).map(<[Uuid]>::to_vec).collect();
    let mut first = before.as_bytes().to_vec();
    first.push(b'[');
    let mut some = false;
    if let Some(ids) = waiting.pop_front() {
        some = append(&mut first, make(ids).await?, some)?;
    }
    let body = if waiting.is_empty() {
        first.push(b']');
        first.extend_from_slice(after.as_bytes());
        Body::from(first)
    } else {
        let rest = stream::try_unfold(
            (waiting, some, make, after),
            |(mut waiting, some, make, after)| async move {
                let Some(ids) = waiting.pop_front() else {
                    return Ok(None);
                };
                let mut part = Vec::new();
                let appended = match make(ids).await {
                    Ok(rows) => append(&mut part, rows, some),
                    Err(error) => Err(error),
                };
                let some = appended.map_err(|ApiError(error)| {
                    tracing::error!(%error, "a list could not be answered to its end");
                    std::io::Error::other("the list is not whole")
                })?;
                if waiting.is_empty() {
                    part.push(b']');
                    part.extend_from_slice(after.as_bytes());
                }
                Ok(Some((Bytes::from(part), (waiting, some, make, after))))
            },
        );
        let first = stream::once(future::ready(Ok::<_, std::io::Error>(Bytes::from(first))));
        Body::from_stream(first.chain(rest))
    };
    let mut response = Response::new(body);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

/// `some`: whether the list has rows already. Gives whether it has now.
fn append<T: Serialize>(json: &mut Vec<u8>, rows: Vec<T>, mut some: bool) -> Result<bool> {
    for row in rows {
        if some {
            json.push(b',');
        }
        some = true;
        serde_json::to_writer(&mut *json, &row)
            .map_err(|error| ApiError(anyhow::Error::new(error).into()))?;
    }
    Ok(some)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::error::Error;

    async fn read(count: u128, gone: u128, fail_at: Option<u128>) -> Result<Option<String>> {
        let ids = (0..count).map(Uuid::from_u128).collect();
        let response = answer("{\"all\":", ids, "}".into(), move |ids| async move {
            if fail_at.is_some_and(|bad| ids.contains(&Uuid::from_u128(bad))) {
                return Err(Error::Unavailable("away".into()).into());
            }
            Ok(ids
                .iter()
                .map(Uuid::as_u128)
                .filter(|id| *id >= gone)
                .map(|id| id as u64)
                .collect())
        })
        .await?;
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        Ok(body
            .ok()
            .map(|body| String::from_utf8(body.to_vec()).unwrap()))
    }

    #[tokio::test]
    async fn the_parts_make_one_list() {
        for (count, gone) in [
            (0, 0),
            (1, 0),
            (50, 0),
            (51, 0),
            (151, 0),
            (151, 60),
            (120, 120),
        ] {
            let text = read(count, gone, None).await.ok().unwrap().unwrap();
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            let expected: Vec<_> = (gone as u64..count as u64).collect();
            assert_eq!(json, serde_json::json!({"all": expected}), "{count} {gone}");
        }
    }

    #[tokio::test]
    async fn half_a_list_is_no_list() {
        assert!(read(120, 0, Some(10)).await.is_err());
        assert!(matches!(read(120, 0, Some(110)).await, Ok(None)));
    }
}
