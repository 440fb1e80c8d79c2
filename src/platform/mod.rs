//! Ground floor: what it all stands on. Knows no Omi noun.

pub mod audio;
pub mod backup;
pub mod clock;
pub mod database;
pub mod disk;
pub mod embeddings;
pub mod endpoints;
pub mod idempotency;
pub mod ids;
pub mod jobs;
pub mod language;
pub mod mcp_sessions;
pub mod model_files;
pub mod openid;
pub mod outbox;
pub mod pictures;
pub mod rate_limits;
pub mod secrets;
pub mod signing_keys;
pub mod speech;
pub mod telemetry;
pub mod uses;
