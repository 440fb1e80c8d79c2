//! What a user has already that says much the same.

use std::collections::HashSet;

use uuid::Uuid;

use super::{CATCH_UP, Kind, embedder, indexer, model::Key, show, store, vectors};
use crate::{app::Handles, error::Result};

/// The memories or action items of a user that are nearest to each of some texts: cosine 0 to 1, best first. Where there
/// is no vector, how alike the spelling is.
pub async fn similar(
    app: &Handles,
    uid: &str,
    kind: Kind,
    texts: &[String],
    at_least: f64,
    limit: usize,
) -> Result<Vec<Vec<(Uuid, f64)>>> {
    let mut nearest: Vec<Vec<(Uuid, f64)>> = vec![Vec::new(); texts.len()];
    if texts.is_empty() || limit == 0 {
        return Ok(nearest);
    }
    let mut near = Vec::new();
    if let Some(embedder) = embedder(app) {
        indexer::catch_up(&app.db, uid, CATCH_UP).await?;
        let vectors = match embedder.embed(texts.to_vec()).await {
            // Of no direction: as far from all as can be.
            Ok(vectors) => vectors
                .iter()
                .map(|vector| vectors::unit(vector).unwrap_or_default())
                .collect(),
            // The spelling is better than no answer.
            Err(error) => {
                if error.is_temporary() {
                    tracing::warn!(%error, "texts could not be embedded; they are compared by their spelling");
                }
                Vec::new()
            }
        };
        if !vectors.is_empty() {
            near = app
                .vectors
                .nearness(
                    &app.db,
                    uid,
                    embedder.model_id(),
                    vectors,
                    Some(kind),
                    at_least as f32,
                )
                .await?;
        }
    }
    for (list, near) in nearest.iter_mut().zip(&near) {
        list.extend(
            near.iter()
                .map(|(key, (cosine, _))| (key.id, f64::from(*cosine).clamp(0.0, 1.0)))
                .filter(|(_, cosine)| *cosine >= at_least),
        );
    }
    let rows = i64::try_from(limit).unwrap_or(i64::MAX);
    let all = near.is_empty();
    for (n, id, alike) in
        store::spelt_like(&app.db, uid, kind.as_str(), texts, at_least, rows, all).await?
    {
        let list = usize::try_from(n - 1).ok().and_then(|n| nearest.get_mut(n));
        if let Some(list) = list {
            list.push((id, alike));
        }
    }
    let found: Vec<Key> = nearest
        .iter()
        .flatten()
        .map(|(id, _)| Key { kind, id: *id })
        .collect::<HashSet<_>>()
        .into_iter()
        .collect();
    let exist = show(&app.db, uid, &found, |_| None).await?;
    for list in &mut nearest {
        list.retain(|(id, _)| exist.contains_key(&Key { kind, id: *id }));
        list.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        list.truncate(limit);
    }
    Ok(nearest)
}
