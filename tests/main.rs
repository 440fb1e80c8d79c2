//! Every test that talks to the server as a client would, in one binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod api {
    pub mod app {
        mod action_items;
        mod answers;
        mod apps;
        mod audio;
        pub mod chat;
        mod chat_files;
        mod chat_questions;
        mod chat_sessions;
        mod chat_shares;
        mod conversation_changes;
        mod conversations;
        mod daily_summaries;
        mod desktop;
        mod firebase;
        mod folders;
        mod goals;
        mod headers;
        mod health;
        mod knowledge_graph;
        mod leaving;
        mod meetings;
        mod memories;
        mod messages;
        mod operations;
        mod people;
        mod providers;
        mod shares;
        mod sign_in_page;
        pub mod speech_profile;
        mod tools;
        mod users;
        mod vendor_cloud;
        mod walk;
    }
    pub mod integration {
        mod conversations;
        mod examples;
        pub mod importer;
        mod memories;
        mod refusals;
        mod tasks;
    }
    mod developer {
        mod action_items;
        mod conversation_changes;
        mod conversation_imports;
        mod conversations;
        mod documents;
        mod errors;
        mod folders;
        mod goals;
        mod memories;
        mod memory_changes;
        mod omi_cli;
        mod omi_mcp;
    }
    mod backup;
    mod cli;
    mod connectors;
    mod console;
    mod idempotency;
    mod jobs;
    mod kept;
    mod limits;
    pub mod mcp;
    mod mcp_clients;
    mod mcp_sessions;
    mod mcp_tolerance;
    mod moving;
    mod openapi;
    mod operations;
    pub mod plant;
    mod property;
    mod references;
    mod sign_in;
    pub mod table;
}
mod architecture;
mod platform {
    mod database;
    mod language;
    mod private_postgres;
}
mod listen;
mod processing;
mod schema;
mod search;
mod support;
