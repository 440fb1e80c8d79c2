//! `/connect`: how to connect each assistant to this very server, and keys for those that cannot ask for themselves.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use maud::{Markup, html};
use reqwest::Url;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    layout::{Page, go_to, sorry},
    session::{Browser, CSRF, SignedIn, csrf_field},
    sign_in::{parameter, to_sign_in},
};
use crate::{
    app::App,
    error::{Error, Result},
    features::credentials::{self, Kind, Listed, NewCredential, Which},
};

pub const PATH: &str = "/connect";
pub const NEW_KEY: &str = "/connect/keys";
pub const REVOKE: &str = "/connect/keys/revoke";

pub fn routes() -> Router<App> {
    Router::new()
        .route(PATH, get(show))
        .route(NEW_KEY, post(make_key))
        .route(REVOKE, post(revoke_key))
}

async fn show(State(app): State<App>, Browser(signed_in): Browser) -> Response {
    let Some(signed_in) = signed_in else {
        return to_sign_in(PATH);
    };
    match page(&app, &signed_in, None, "").await {
        Ok(response) => response,
        Err(error) => sorry(error),
    }
}

/// `made`: a key to be shown, once. `why`: what was wrong with the last form.
async fn page(app: &App, signed_in: &SignedIn, made: Option<&str>, why: &str) -> Result<Response> {
    let keys = credentials::list(&app.db, signed_in.uid(), Kind::Mcp, None).await?;
    let address = format!("{}/v1/mcp/sse", app.public_url);
    let body = html! {
        h1 { "Connect an assistant" }
        p { "Give your assistant this address. It opens a page here where you decide what it may see and change." }
        @if let Some(key) = made {
            section role="status" {
                h2 { "Your new key" }
                p { "Copy it now: it is not shown again. The steps below hold it, too." }
                (copied("key", key))
            }
        }
        section {
            h2 { "Address" }
            (copied("address", &address))
            @for note in notes(&app.public_url) { p.note { (note) } }
        }
        (ways(&address, made))
        section {
            h2 { "Keys" }
            p.soft { "For assistants that cannot open a page. Whoever has a key may read and change everything that an assistant can." }
            @if !why.is_empty() { p.wrong role="alert" { (why) } }
            form method="post" action=(NEW_KEY) {
                (csrf_field(signed_in))
                label { "What the key is for" input type="text" name="name" maxlength="200" required placeholder="Claude Desktop at home"; }
                button { "Make a key" }
            }
            @for key in &keys { (key_row(signed_in, key)) }
        }
    };
    let status = if why.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let page = Page::new("Connect an assistant", body).of(signed_in);
    Ok(page.status(status).into_response())
}

fn key_row(signed_in: &SignedIn, key: &Listed) -> Markup {
    let used = match key.last_used_at {
        Some(at) => format!("last used {}", at.format("%-d %B %Y")),
        None => "never used".into(),
    };
    html! {
        div.row {
            div {
                strong { (key.name) } " " code { (key.prefix) "…" }
                br;
                small { "made " (key.created_at.format("%-d %B %Y")) ", " (used) }
            }
            form method="post" action=(REVOKE) {
                (csrf_field(signed_in))
                input type="hidden" name="id" value=(key.id);
                button.bad aria-label={ "Revoke the key " (key.name) } { "Revoke" }
            }
        }
    }
}

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
fn notes(public_url: &str) -> Vec<&'static str> {
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
fn ways(address: &str, key: Option<&str>) -> Markup {
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

async fn make_key(
    State(app): State<App>,
    Browser(signed_in): Browser,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(signed_in) = signed_in else {
        return to_sign_in(PATH);
    };
    let name = parameter(&body, "name").unwrap_or_default();
    let made = async {
        check(&app, &signed_in, &headers, &body)?;
        let new = NewCredential {
            uid: signed_in.uid(),
            kind: Kind::Mcp,
            name: &name,
            scopes: None,
            app: None,
        };
        credentials::create(&app.db, new).await
    };
    let shown = match made.await {
        Ok(made) => page(&app, &signed_in, Some(&made.secret), "").await,
        Err(wrong @ Error::Invalid(_)) => page(&app, &signed_in, None, &wrong.to_string()).await,
        Err(error) => Err(error),
    };
    shown.unwrap_or_else(sorry)
}

async fn revoke_key(
    State(app): State<App>,
    Browser(signed_in): Browser,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(signed_in) = signed_in else {
        return to_sign_in(PATH);
    };
    let id: Option<Uuid> = parameter(&body, "id").and_then(|id| id.parse().ok());
    let revoked = async {
        check(&app, &signed_in, &headers, &body)?;
        if let Some(id) = id {
            let keys = Which::Kind(Kind::Mcp, None);
            credentials::revoke(&app.db, &app.outbox, &app.known, signed_in.uid(), keys, id)
                .await?;
        }
        Ok(())
    };
    match revoked.await {
        Ok(()) => go_to(PATH),
        Err(error) => sorry(error),
    }
}

fn check(app: &App, signed_in: &SignedIn, headers: &HeaderMap, form: &[u8]) -> Result<()> {
    signed_in.check(app, headers, &parameter(form, CSRF).unwrap_or_default())
}
