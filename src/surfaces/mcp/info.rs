//! `/v1/mcp/sse/info`: how to connect, for anybody.

use axum::Json;
use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};

use crate::surfaces::challenges::METADATA;

pub async fn info() -> Json<Value> {
    // The first revision of all has another transport.
    let versions: Vec<_> = ProtocolVersion::KNOWN_VERSIONS
        .iter()
        .filter(|version| **version >= ProtocolVersion::V_2025_03_26)
        .map(ProtocolVersion::as_str)
        .collect();
    Json(json!({
        "endpoint": super::PATH,
        "transport": "streamable-http",
        // The newest that is agreed upon by initialize.
        "protocol_version": ProtocolVersion::LATEST_WITH_INITIALIZE.as_str(),
        "supported_versions": versions,
        "authentication": {
            "methods": ["api_key", "oauth2"],
            "api_key": {"header": "Authorization", "format": "Bearer <api_key>"},
            "oauth2": {"resource_metadata": format!("{METADATA}{}", super::PATH)},
        },
        "instructions": {
            "step1": "Create an MCP key: omi-server key create --kind mcp",
            "step2": format!("Give your assistant the address of this server, followed by {}", super::PATH),
            "step3": "Let it send the header Authorization: Bearer <api_key>",
        },
    }))
}
