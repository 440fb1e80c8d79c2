//! `/v1/knowledge-graph`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    features::{
        credentials::Caller,
        knowledge_graph::{self, Graph},
    },
    surfaces::respond::Result,
};

/// Who and what the user's memories and conversations are about, oldest first.
#[utoipa::path(get, path = "/v1/knowledge-graph", tag = "knowledge graph",
    responses((status = 200, body = Graph)))]
pub async fn get(State(app): State<App>, caller: Caller) -> Result<Json<Graph>> {
    Ok(Json(knowledge_graph::graph(&app.db, &caller).await?))
}

#[derive(Serialize, ToSchema)]
pub struct Rebuilding {
    /// `rebuilding`
    status: &'static str,
    /// 0: the graph was emptied.
    nodes_count: i64,
    edges_count: i64,
}

/// Forget the graph at once and have it built anew, from the newest 500 memories and 100 conversations.
#[utoipa::path(post, path = "/v1/knowledge-graph/rebuild", tag = "knowledge graph",
    responses((status = 200, body = Rebuilding)))]
pub async fn rebuild(State(app): State<App>, caller: Caller) -> Result<Json<Rebuilding>> {
    knowledge_graph::rebuild(&app.db, &caller).await?;
    Ok(Json(Rebuilding {
        status: "rebuilding",
        nodes_count: 0,
        edges_count: 0,
    }))
}

#[derive(Serialize, ToSchema)]
pub struct GraphDeleted {
    /// `deleted`
    status: &'static str,
}

/// Forget the graph. It grows again with the next conversation.
#[utoipa::path(delete, path = "/v1/knowledge-graph", tag = "knowledge graph",
    responses((status = 200, body = GraphDeleted)))]
pub async fn delete(State(app): State<App>, caller: Caller) -> Result<Json<GraphDeleted>> {
    knowledge_graph::delete(&app.db, &caller).await?;
    Ok(Json(GraphDeleted { status: "deleted" }))
}
