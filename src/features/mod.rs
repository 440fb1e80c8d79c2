//! Middle floor: what the product does, a room per noun. A feature's `mod.rs` is its door.

pub mod accounts;
pub mod action_items;
pub mod apps;
pub mod audio;
pub mod calendar;
pub mod chat;
pub mod coaching;
pub mod conversations;
pub mod credentials;
pub mod daily_summaries;
pub mod desktop;
pub mod folders;
pub mod goals;
pub mod identities;
pub mod knowledge_graph;
pub mod lenient;
pub mod listening;
pub mod memories;
pub mod processing;
pub mod schema;
pub mod search;
pub mod uploads;
