//! Steps to connect each assistant, with the address of this server filled in.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use maud::{Markup, html};
use reqwest::Url;
use serde_json::{Value, json};

/// Text with a button that copies it.
pub fn copied(id: &str, text: &str) -> Markup {
    html! {
        div.copy {
            pre { code id=(id) { (text) } }
            button.plain type="button" data-copy=(id) hidden { "Copy" }
        }
    }
}

/// What stands in the way of an assistant at this address.
pub fn notes(public_url: &str) -> Vec<&'static str> {
    let url = Url::parse(public_url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let mut notes = Vec::new();
    if loopback {
        notes.push("Only programs on the machine of this server reach this address. If others are to reach it, set OMI_PUBLIC_URL to the address that they see, and start the server again.");
    }
    if loopback || !public_url.starts_with("https:") {
        notes.push("Claude on the web and ChatGPT come from the internet: they need a public address that begins with https.");
    }
    notes
}

/// Steps for each assistant. `key`: one that was just made, which is filled in.
pub fn ways(address: &str, key: Option<&str>) -> Markup {
    let shown = key.unwrap_or("YOUR_KEY");
    let header = format!("Authorization: Bearer {shown}");
    let claude_code = format!("claude mcp add --transport http omi {address}");
    let claude_code_key = format!("{claude_code} --header \"{header}\"");
    let remote =
        json!({"mcpServers": {"omi": {"command": "npx", "args": ["-y", "mcp-remote", address]}}});
    // The space is in the variable: some systems cut arguments there.
    let remote_key = json!({"mcpServers": {"omi": {"command": "npx",
        "args": ["-y", "mcp-remote", address, "--header", "Authorization:${AUTH_HEADER}"],
        "env": {"AUTH_HEADER": format!("Bearer {shown}")}}}});
    let cursor = json!({"mcpServers": {"omi": {"url": address}}});
    let cursor_key = json!({"mcpServers": {"omi": {"url": address, "headers": {"Authorization": format!("Bearer {shown}")}}}});
    let vs_code = json!({"servers": {"omi": {"type": "http", "url": address}}});
    let install = json!({ "url": address }).to_string();
    let install = form_urlencoded::Serializer::new(String::new())
        .append_pair("name", "omi")
        .append_pair("config", &BASE64_STANDARD.encode(install))
        .finish();
    html! {
        details open[key.is_none()] {
            summary { "Claude on the web, on the phone and Claude Desktop" }
            div {
                ol {
                    li { "Open " strong { "Settings → Connectors" } " and choose " strong { "Add custom connector" } "." }
                    li { "Name it Omi and paste the address." }
                    li { "Choose " strong { "Connect" } ", sign in here if you are asked to, and choose what Claude may do." }
                }
                p.soft { "Claude reaches the server from the internet, also when you use Claude Desktop. If it cannot, use mcp-remote below." }
            }
        }
        details {
            summary { "Claude Code" }
            div {
                (copied("claude-code", &claude_code))
                p { "Then type " code { "/mcp" } " in Claude Code, choose omi and " strong { "Authenticate" } "." }
                p { "Or with a key, which needs no browser:" }
                (copied("claude-code-key", &claude_code_key))
            }
        }
        details open[key.is_some()] {
            summary { "Claude Desktop with mcp-remote" }
            div {
                p { "For a server that only your own machine or network reaches. It needs Node.js. In Claude Desktop open "
                    strong { "Settings → Developer → Edit Config" } ", put this in, and start it again:" }
                (copied("remote", &pretty(&remote)))
                p { "Or with a key:" }
                (copied("remote-key", &pretty(&remote_key)))
            }
        }
        details {
            summary { "Cursor" }
            div {
                p { a.button href={ "cursor://anysphere.cursor-deeplink/mcp/install?" (install) } { "Add to Cursor" } }
                p { "Or put this in " code { "~/.cursor/mcp.json" } ":" }
                (copied("cursor", &pretty(&cursor)))
                p { "With a key:" }
                (copied("cursor-key", &pretty(&cursor_key)))
            }
        }
        details {
            summary { "VS Code" }
            div {
                p { "Put this in " code { ".vscode/mcp.json" } " or your user configuration (" code { "MCP: Open User Configuration" } "):" }
                (copied("vs-code", &pretty(&vs_code)))
            }
        }
        details {
            summary { "Others" }
            div {
                p { "The server speaks MCP over streamable HTTP, protocol revisions 2025-03-26 to 2026-07-28. Assistants that know OAuth need the address alone; \
                     they find the rest. Others send one of your keys in a header:" }
                (copied("header", &header))
                p.soft { "The address ends in /sse for the sake of Omi's documents. It is not the older transport of two addresses: where a program asks, choose HTTP." }
            }
        }
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}
