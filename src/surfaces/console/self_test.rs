//! Connects to this very server as an assistant does, step by step, and tells which step fails and why.

use std::{fmt::Display, time::Duration};

use maud::{Markup, html};
use reqwest::{Client, RequestBuilder, StatusCode, header, redirect::Policy};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::session::SignedIn;
use crate::{
    app::App,
    features::{
        connectors::{self, Asked, Asker, Request},
        credentials::Scope,
    },
    platform::{openid, secrets},
    surfaces::{challenges, router},
};

/// How long one step may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Nobody listens there: the answer is not waited for, but read out of its address.
const REDIRECT: &str = "http://127.0.0.1/omi-self-test";
const NAME: &str = "Self-test";

/// What came of a step. Err: what went wrong, and what to do.
type Outcome<T> = Result<T, String>;

pub struct Step {
    name: &'static str,
    outcome: Outcome<String>,
}

impl Step {
    pub fn is_good(&self) -> bool {
        self.outcome.is_ok()
    }
}

/// The steps, up to the first that fails.
pub async fn run(app: &App, signed_in: &SignedIn) -> Vec<Step> {
    let mut steps = Vec::new();
    // The last step has said why it ended.
    let _ended = walk(app, signed_in, &mut steps).await;
    steps
}

pub fn shown(steps: &[Step]) -> Markup {
    let good = steps.iter().all(Step::is_good);
    html! {
        div role="status" {
            p { strong {
                @if good { "Everything works." } @else { "Something is in the way." }
            } }
            ul.steps {
                @for step in steps {
                    @match &step.outcome {
                        Ok(told) => li.good { span.mark aria-hidden="true" { "✓" } div { (step.name) br; small { (told) } } },
                        Err(why) => li.failed { span.mark aria-hidden="true" { "✗" } div { (step.name) br; span.wrong { (why) } } },
                    }
                }
            }
            @if good {
                p.soft { "The server has asked itself, at the address above. Whether others reach that address it cannot tell." }
            }
        }
    }
}

fn note<T>(
    steps: &mut Vec<Step>,
    name: &'static str,
    outcome: Outcome<T>,
    told: impl FnOnce(&T) -> String,
) -> Result<T, ()> {
    let (outcome, value) = match outcome {
        Ok(value) => (Ok(told(&value)), Ok(value)),
        Err(why) => (Err(why), Err(())),
    };
    steps.push(Step { name, outcome });
    value
}

async fn walk(app: &App, signed_in: &SignedIn, steps: &mut Vec<Step>) -> Result<(), ()> {
    let address = challenges::resource(&app.public_url);
    let client = Client::builder()
        .timeout(PATIENCE)
        .redirect(Policy::none())
        .build()
        .map_err(|error| format!("The server cannot ask itself: {error}"));
    let client = match client {
        Ok(client) => client,
        Err(why) => return note(steps, "Begin", Err(why), |(): &()| String::new()),
    };

    let told = reach(&client, &address).await;
    note(steps, "Reach the address", told, |()| address.clone())?;
    let told = challenge(&client, &address).await;
    let metadata = note(steps, "Be told where to ask", told, String::clone)?;
    let told = resource(&client, &metadata, &address).await;
    let issuer = note(steps, "Find who lets assistants in", told, String::clone)?;
    let told = server(&client, &issuer, &app.public_url).await;
    let places = note(steps, "Find the places to ask at", told, |_| {
        format!("{issuer}/.well-known/oauth-authorization-server")
    })?;
    let told = register(&client, &places).await;
    let id = note(steps, "Register", told, |id| format!("as {id}"))?;
    let verifier = secrets::random_hex(32);
    let told = permission(app, signed_in, &client, &places, &id, &verifier).await;
    let code = note(steps, "Ask you for permission", told, |_| {
        "The page for it answers; you allow it to see, for this test.".into()
    })?;
    let told = token(&client, &places, &id, &code, &verifier, &address).await;
    let token = note(steps, "Get a token", told, |_| {
        "for an hour; it ends with this test".into()
    })?;
    let told = tools(&client, &address, &token).await;
    let listed = note(steps, "List the tools", told, |count| {
        format!("{count} tools")
    });
    let told = revoke(&client, &places, &id, &token).await;
    note(steps, "Disconnect", told, |()| {
        "The test leaves nothing behind.".into()
    })?;
    listed.map(drop)
}

/// Status, headers and JSON of an answer. Err: there was none.
async fn ask(request: RequestBuilder) -> Outcome<(StatusCode, header::HeaderMap, Value)> {
    let response = request.send().await.map_err(|error| unreachable(&error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    if status.is_redirection() {
        let to = headers
            .get(header::LOCATION)
            .and_then(|to| to.to_str().ok())
            .unwrap_or("elsewhere");
        return Err(format!(
            "The address redirects to {to}, which assistants do not follow. Set OMI_PUBLIC_URL to the address that answers by itself."
        ));
    }
    let body = response
        .bytes()
        .await
        .map_err(|error| unreachable(&error))?;
    Ok((
        status,
        headers,
        serde_json::from_slice(&body).unwrap_or(Value::Null),
    ))
}

fn unreachable(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let what = if error.is_timeout() {
        format!("No answer within {} seconds", PATIENCE.as_secs())
    } else {
        format!("No connection: {cause}")
    };
    format!(
        "{what}. If the address is right for others, the server itself may not be able to use it; otherwise correct OMI_PUBLIC_URL, or the proxy that \
         leads to this server."
    )
}

fn unexpected(status: StatusCode, what: impl Display) -> String {
    format!(
        "It was answered with status {status}, and {what}. Another server may answer there: check OMI_PUBLIC_URL, and that the proxy passes every path on."
    )
}

async fn reach(client: &Client, address: &str) -> Outcome<()> {
    let (status, _, body) = ask(client.get(format!("{address}/info"))).await?;
    match body["endpoint"].as_str() {
        Some(router::MCP) if status == StatusCode::OK => Ok(()),
        _ => Err(unexpected(status, "not by omi-server")),
    }
}

async fn challenge(client: &Client, address: &str) -> Outcome<String> {
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let (status, headers, _) = ask(client.post(address).json(&ping)).await?;
    let told = headers
        .get(header::WWW_AUTHENTICATE)
        .and_then(|told| told.to_str().ok());
    let metadata = told
        .and_then(|told| told.split_once("resource_metadata=\""))
        .and_then(|(_, rest)| Some(rest.split_once('"')?.0.to_string()));
    match metadata {
        Some(metadata) if status == StatusCode::UNAUTHORIZED => Ok(metadata),
        _ => Err(unexpected(
            status,
            "without the header WWW-Authenticate with resource_metadata, which a proxy may have taken away",
        )),
    }
}

async fn resource(client: &Client, metadata: &str, address: &str) -> Outcome<String> {
    let (status, _, body) = ask(client.get(metadata)).await?;
    if body["resource"] != address {
        return Err(unexpected(
            status,
            format_args!("{metadata} does not speak of {address}"),
        ));
    }
    let issuer = body["authorization_servers"][0].as_str();
    issuer
        .map(str::to_string)
        .ok_or_else(|| unexpected(status, "no authorization server is named"))
}

/// The document that names the places.
async fn server(client: &Client, issuer: &str, public_url: &str) -> Outcome<Value> {
    let document = format!("{public_url}/.well-known/oauth-authorization-server");
    let (status, _, body) = ask(client.get(document)).await?;
    if body["issuer"] == issuer {
        Ok(body)
    } else {
        let named = &body["issuer"];
        Err(unexpected(
            status,
            format_args!("its issuer is {named} instead of {issuer}"),
        ))
    }
}

fn place<'a>(places: &'a Value, name: &str) -> Outcome<&'a str> {
    places[name]
        .as_str()
        .ok_or_else(|| format!("The server's document names no {name}."))
}

async fn register(client: &Client, places: &Value) -> Outcome<String> {
    let about = json!({"client_name": NAME, "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"});
    let to = place(places, "registration_endpoint")?;
    let (status, _, body) = ask(client.post(to).json(&about)).await?;
    let id = body["client_id"].as_str().map(str::to_string);
    id.ok_or_else(|| unexpected(status, reason(&body)))
}

/// What an OAuth error says.
fn reason(body: &Value) -> String {
    match body["error_description"]
        .as_str()
        .or(body["detail"].as_str())
    {
        Some(text) => format!("says: {text}"),
        None => "without saying why".into(),
    }
}

/// The page for a stranger leads to signing in; the code is then given here, as if the user had allowed it.
async fn permission(
    app: &App,
    signed_in: &SignedIn,
    client: &Client,
    places: &Value,
    id: &str,
    verifier: &str,
) -> Outcome<SecretString> {
    let challenge = openid::challenge(verifier);
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", id)
        .append_pair("redirect_uri", REDIRECT)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256")
        .finish();
    let to = place(places, "authorization_endpoint")?;
    let page = client.get(format!("{to}?{query}")).send().await;
    let page = page.map_err(|error| unreachable(&error))?;
    let led = page
        .headers()
        .get(header::LOCATION)
        .and_then(|to| to.to_str().ok());
    if !led.is_some_and(|to| to.contains("/sign-in")) {
        return Err(unexpected(
            page.status(),
            "does not lead to the page where one signs in",
        ));
    }
    let request = Request {
        client_id: Some(id),
        redirect_uri: Some(REDIRECT),
        response_type: Some("code"),
        code_challenge: Some(&challenge),
        code_challenge_method: Some("S256"),
        ..Request::default()
    };
    let asker = Asker::find(app, &request)
        .await
        .map_err(|error| error.to_string())?;
    let asked = Asked::read(&request).map_err(|_| "The request was not understood.".to_string())?;
    let code = connectors::give_code(&app.db, signed_in.uid(), &asker, &asked, &Scope::READ);
    let code = code.await.map_err(|error| error.to_string())?;
    Ok(code.into())
}

async fn token(
    client: &Client,
    places: &Value,
    id: &str,
    code: &SecretString,
    verifier: &str,
    address: &str,
) -> Outcome<SecretString> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("client_id", id)
        .append_pair("code", code.expose_secret())
        .append_pair("code_verifier", verifier)
        .append_pair("redirect_uri", REDIRECT)
        .append_pair("resource", address)
        .finish();
    let (status, body) = post_form(client, place(places, "token_endpoint")?, form).await?;
    let token = body["access_token"].as_str();
    token
        .map(|token| token.to_string().into())
        .ok_or_else(|| unexpected(status, reason(&body)))
}

async fn tools(client: &Client, address: &str, token: &SecretString) -> Outcome<usize> {
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let request = client
        .post(address)
        .bearer_auth(token.expose_secret())
        .header(header::ACCEPT, "application/json")
        .json(&list);
    let (status, _, body) = ask(request).await?;
    match body["result"]["tools"].as_array() {
        Some(tools) if !tools.is_empty() => Ok(tools.len()),
        _ => Err(unexpected(
            status,
            "without a list of tools: does the proxy pass Authorization on?",
        )),
    }
}

async fn revoke(client: &Client, places: &Value, id: &str, token: &SecretString) -> Outcome<()> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", id)
        .append_pair("token", token.expose_secret())
        .finish();
    let (status, body) = post_form(client, place(places, "revocation_endpoint")?, form).await?;
    match status {
        StatusCode::OK => Ok(()),
        status => Err(unexpected(status, reason(&body))),
    }
}

async fn post_form(client: &Client, to: &str, form: String) -> Outcome<(StatusCode, Value)> {
    let kind = "application/x-www-form-urlencoded";
    let request = client
        .post(to)
        .header(header::CONTENT_TYPE, kind)
        .body(form);
    let (status, _, body) = ask(request).await?;
    Ok((status, body))
}
