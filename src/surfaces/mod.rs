//! Top floor: how the outside comes in. Thin: typed input, one call into a feature, an answer.

mod aliases;
mod app;
mod caller;
mod challenges;
pub mod cli;
mod client_address;
mod clock;
mod connectors;
mod console;
mod developer;
mod documents;
mod extract;
mod guard;
mod html;
mod integration;
mod limits;
mod listen;
pub mod mcp;
mod multipart;
mod operations;
mod origins;
mod parts;
mod prose;
mod queries;
mod respond;
pub mod router;
mod sign_in;
