//! omi-server: a self-hosted, Omi-compatible backend. Three floors, each importing only from those
//! below it; `tests/architecture.rs` keeps them apart.
//!
//! * [`surfaces`]: how the outside comes in (command line, HTTP, sockets, MCP).
//! * [`features`]: what the product does, a room per noun.
//! * [`platform`]: what it all stands on; knows no Omi noun.

pub mod app;
pub mod config;
pub mod error;
pub mod features;
pub mod platform;
pub mod surfaces;
pub mod wiring;
