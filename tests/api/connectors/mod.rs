//! AI assistants are let in: what clients find, how they register, the page that asks, tokens, and their end.

mod attacks;
mod clients;
mod consent;
mod discovery;
mod omi_client;
mod tokens;

const READ: &str = "conversations:read memories:read action_items:read goals:read";
