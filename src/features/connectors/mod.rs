//! AI assistants that users let in (OAuth 2.1): programs introduce themselves, ask a user, and get tokens for what the user
//! allows. All of it is for one resource, the MCP server.

mod asking;
mod clients;
mod grants;
mod redirects;
mod refusal;
mod store;

pub use asking::{Asked, Asker, Request, written};
pub use clients::{Client, Known, NewClient, Registered, WAYS, authenticate, register};
pub use grants::{
    Assistant, Given, allowed, close, disconnect, give_code, list, purge, redeem, refresh, revoke,
};
pub use refusal::Refusal;
