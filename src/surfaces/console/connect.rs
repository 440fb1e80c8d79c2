//! `/connect`: how to connect each assistant to this very server, and keys for those that cannot ask for themselves.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use maud::{Markup, html};
use uuid::Uuid;

use super::{
    layout::{Page, go_to, sorry},
    self_test::{self, Step},
    session::{Browser, CSRF, SignedIn, csrf_field},
    sign_in::{parameter, to_sign_in},
    ways::{copied, notes, ways},
};
use crate::{
    app::App,
    error::{Error, Result},
    features::{
        connectors::{self, Assistant},
        credentials::{self, Kind, Listed, NewCredential, Scope, Which},
    },
    surfaces::challenges,
};

pub const PATH: &str = "/connect";
pub const NEW_KEY: &str = "/connect/keys";
pub const REVOKE: &str = "/connect/keys/revoke";
pub const TEST: &str = "/connect/test";
pub const DISCONNECT: &str = "/connect/assistants/disconnect";

pub fn routes() -> Router<App> {
    Router::new()
        .route(PATH, get(show))
        .route(NEW_KEY, post(make_key))
        .route(REVOKE, post(revoke_key))
        .route(TEST, post(test))
        .route(DISCONNECT, post(disconnect))
}

async fn show(State(app): State<App>, Browser(signed_in): Browser) -> Response {
    let Some(signed_in) = signed_in else {
        return to_sign_in(PATH);
    };
    let shown = page(&app, &signed_in, Besides::default()).await;
    shown.unwrap_or_else(sorry)
}

/// What the page shows besides what there is.
#[derive(Default)]
struct Besides<'a> {
    /// A key that was just made, once.
    made: Option<&'a str>,
    /// What was wrong with the last form.
    why: &'a str,
    tested: Option<&'a [Step]>,
}

async fn page(app: &App, signed_in: &SignedIn, besides: Besides<'_>) -> Result<Response> {
    let Besides { made, why, tested } = besides;
    let (db, uid) = (&app.db, signed_in.uid());
    let (keys, assistants) = tokio::try_join!(
        credentials::list(db, uid, Kind::Mcp, None),
        connectors::list(db, uid)
    )?;
    let address = challenges::resource(&app.public_url);
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
        section id="test" {
            h2 { "Does it work?" }
            p.soft { "The server connects to itself as an assistant does, and says which step fails and why." }
            form method="post" action={ (TEST) "#test" } {
                (csrf_field(signed_in))
                button.plain data-busy="Testing…" { @if tested.is_some() { "Test again" } @else { "Test the connection" } }
            }
            @if let Some(steps) = tested { (self_test::shown(steps)) }
        }
        (ways(&address, made))
        section {
            h2 { "Connected assistants" }
            @if assistants.is_empty() { p.soft { "None yet. One that you let in is listed here." } }
            @for assistant in &assistants { (assistant_row(signed_in, assistant)) }
        }
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

fn assistant_row(signed_in: &SignedIn, assistant: &Assistant) -> Markup {
    let mut may: Vec<_> = assistant
        .scopes
        .iter()
        .map(|scope| in_words(*scope))
        .collect();
    may.sort_unstable();
    html! {
        div.row {
            div {
                strong { (assistant.name) } " " small { (assistant.redirect_host) }
                br;
                small {
                    "may " (may.join(", ")) "; connected " (assistant.connected_at.format("%-d %B %Y")) ", "
                    (used(assistant.last_used_at))
                }
            }
            form method="post" action=(DISCONNECT) {
                (csrf_field(signed_in))
                input type="hidden" name="id" value=(assistant.id);
                button.bad aria-label={ "Disconnect " (assistant.name) } { "Disconnect" }
            }
        }
    }
}

/// After “may”.
fn in_words(scope: Scope) -> &'static str {
    match scope {
        Scope::ReadConversations => "see conversations",
        Scope::WriteConversations => "change conversations",
        Scope::ReadMemories => "see memories",
        Scope::WriteMemories => "change memories",
        Scope::ReadActionItems => "see tasks",
        Scope::WriteActionItems => "change tasks",
        Scope::ReadGoals => "see goals",
        Scope::WriteGoals => "change goals",
    }
}

fn used(at: Option<DateTime<Utc>>) -> String {
    match at {
        Some(at) => format!("last used {}", at.format("%-d %B %Y")),
        None => "never used".into(),
    }
}

fn key_row(signed_in: &SignedIn, key: &Listed) -> Markup {
    html! {
        div.row {
            div {
                strong { (key.name) } " " code { (key.prefix) "…" }
                br;
                small { "made " (key.created_at.format("%-d %B %Y")) ", " (used(key.last_used_at)) }
            }
            form method="post" action=(REVOKE) {
                (csrf_field(signed_in))
                input type="hidden" name="id" value=(key.id);
                button.bad aria-label={ "Revoke the key " (key.name) } { "Revoke" }
            }
        }
    }
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
        Ok(made) => {
            let made = Some(made.secret.as_str());
            page(
                &app,
                &signed_in,
                Besides {
                    made,
                    ..Besides::default()
                },
            )
            .await
        }
        Err(wrong @ Error::Invalid(_)) => {
            let why = &wrong.to_string();
            page(
                &app,
                &signed_in,
                Besides {
                    why,
                    ..Besides::default()
                },
            )
            .await
        }
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
    take_away(&app, signed_in, &headers, &body, async |uid, id| {
        let keys = Which::Kind(Kind::Mcp, None);
        credentials::revoke(&app.db, &app.outbox, &app.known, uid, keys, id).await
    })
    .await
}

async fn disconnect(
    State(app): State<App>,
    Browser(signed_in): Browser,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    take_away(&app, signed_in, &headers, &body, async |uid, id| {
        connectors::disconnect(&app, uid, id).await
    })
    .await
}

/// What a form names by its id. What is not there is taken away already.
async fn take_away(
    app: &App,
    signed_in: Option<SignedIn>,
    headers: &HeaderMap,
    body: &[u8],
    take: impl AsyncFnOnce(&str, Uuid) -> Result<bool>,
) -> Response {
    let Some(signed_in) = signed_in else {
        return to_sign_in(PATH);
    };
    let id: Option<Uuid> = parameter(body, "id").and_then(|id| id.parse().ok());
    let taken = async {
        check(app, &signed_in, headers, body)?;
        if let Some(id) = id {
            take(signed_in.uid(), id).await?;
        }
        Ok(())
    };
    match taken.await {
        Ok(()) => go_to(PATH),
        Err(error) => sorry(error),
    }
}

async fn test(
    State(app): State<App>,
    Browser(signed_in): Browser,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(signed_in) = signed_in else {
        return to_sign_in(PATH);
    };
    if let Err(error) = check(&app, &signed_in, &headers, &body) {
        return sorry(error);
    }
    let steps = self_test::run(&app, &signed_in).await;
    let tested = Some(steps.as_slice());
    let shown = page(
        &app,
        &signed_in,
        Besides {
            tested,
            ..Besides::default()
        },
    )
    .await;
    shown.unwrap_or_else(sorry)
}

fn check(app: &App, signed_in: &SignedIn, headers: &HeaderMap, form: &[u8]) -> Result<()> {
    signed_in.check(app, headers, &parameter(form, CSRF).unwrap_or_default())
}
