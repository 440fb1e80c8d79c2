//! `/v1/auth/callback`, `/v1/auth/link`: browsers that go to a provider and come back. Their pages need no script.

use std::{collections::HashMap, net::IpAddr};

use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};

use super::page::{opens_the_app, page};
use crate::{
    app::App,
    error::Error,
    features::identities::{self, Back, Departure, Ended, Provider, Wanted},
    surfaces::{
        client_address::ClientAddress,
        console,
        html::escaped,
        limits, origins,
        respond::{self, ApiError},
    },
};

pub const GOOGLE: &str = "/v1/auth/callback/google";
pub const APPLE: &str = "/v1/auth/callback/apple";
pub const LINK: &str = "/v1/auth/link";
/// Where the cookies go.
const CALLBACKS: &str = "/v1/auth/callback";

pub fn routes() -> Router<App> {
    Router::new()
        .route(GOOGLE, get(from_google))
        .route(APPLE, post(from_apple))
        .route(LINK, get(look_at_link).post(link))
}

/// Where a browser comes back to.
fn callback(app: &App, provider: Provider) -> String {
    let path = match provider {
        Provider::Google => GOOGLE,
        Provider::Apple => APPLE,
    };
    format!("{}{path}", app.public_url)
}

/// Sends a browser to a provider to sign in.
pub async fn to_sign_in(
    app: &App,
    address: IpAddr,
    provider: Provider,
    wanted: &Wanted,
) -> Response {
    let departure = async {
        limits::count_departure(app, address)?;
        identities::depart(app, provider, &callback(app, provider), wanted).await
    };
    let departure = match departure.await {
        Ok(departure) => departure,
        Err(error) => return sorry(error),
    };
    let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
    for (name, value) in [
        (header::LOCATION, departure.address.as_str()),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    keep(app, &departure, &mut response);
    response
}

/// Gives a browser the cookie by which it is known when it is back.
fn keep(app: &App, departure: &Departure, response: &mut Response) {
    let (name, value) = &departure.cookie;
    let seconds = identities::VISIT.num_seconds();
    set(app, departure.provider, response, name, value, seconds);
}

fn set(
    app: &App,
    provider: Provider,
    response: &mut Response,
    name: &str,
    value: &str,
    seconds: i64,
) {
    let rules = match provider {
        // Apple has the browser post a form, to which no other cookie goes.
        Provider::Apple => "; SameSite=None; Secure",
        Provider::Google if app.public_url.starts_with("https:") => "; SameSite=Lax; Secure",
        Provider::Google => "; SameSite=Lax",
    };
    let text = format!("{name}={value}; Path={CALLBACKS}; Max-Age={seconds}; HttpOnly{rules}");
    if let Ok(text) = HeaderValue::from_str(&text) {
        response.headers_mut().append(header::SET_COOKIE, text);
    }
}

type Fields = HashMap<String, String>;

/// Of fields that come twice, the first.
fn fields(text: &[u8]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in form_urlencoded::parse(text) {
        fields
            .entry(name.into_owned())
            .or_insert(value.into_owned());
    }
    fields
}

async fn from_google(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let told = fields(query.unwrap_or_default().as_bytes());
    arrived(&app, address, Provider::Google, &headers, &told).await
}

async fn from_apple(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    arrived(&app, address, Provider::Apple, &headers, &fields(&body)).await
}

async fn arrived(
    app: &App,
    address: IpAddr,
    provider: Provider,
    headers: &HeaderMap,
    told: &Fields,
) -> Response {
    let text = |name: &str| {
        told.get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    };
    let state = text("state").unwrap_or_default();
    let cookie = identities::cookie(state);
    let browser = cookie
        .as_deref()
        .and_then(|name| console::cookie(headers, name));
    let back = Back {
        state,
        browser: browser.unwrap_or_default(),
        code: text("code"),
        error: text("error"),
        user: text("user"),
    };
    let ended = identities::arrive(app, provider, &callback(app, provider), back).await;
    let mut response = match ended {
        Ok(Ended::SignedIn(address)) => opens_the_app(&address),
        Ok(Ended::Linked) => {
            let name = provider.name();
            let body = format!(
                "<h1>{name} is linked</h1><p>From now on you can sign in to your account with {name}. You may close this page.</p>"
            );
            page(StatusCode::OK, &body)
        }
        Ok(Ended::Declined(back)) => {
            let back = back.map_or_else(String::new, |address| {
                let address = escaped(&address);
                format!("<p><a class=\"button\" href=\"{address}\">Back to the app</a></p>")
            });
            page(
                StatusCode::OK,
                &format!(
                    "<h1>You are not signed in</h1><p>You stopped at {}.</p>{back}",
                    provider.name()
                ),
            )
        }
        Err(refused @ Error::BadRequest(_)) => {
            match limits::count_failure(&app.failures, address) {
                Ok(()) => sorry(refused),
                Err(blocked) => sorry(blocked),
            }
        }
        Err(error) => sorry(error),
    };
    if let Some(name) = cookie {
        set(app, provider, &mut response, &name, "", 0);
    }
    response
}

/// A page that says what went wrong.
fn sorry(error: Error) -> Response {
    if matches!(error, Error::Internal(_)) {
        return ApiError(error).into_response();
    }
    let body = format!(
        "<h1>That did not work</h1><p class=\"wrong\" role=\"alert\">{}</p>",
        escaped(&error.to_string())
    );
    page(respond::status(&error), &body)
}

/// Shows whose account gets the identity: somebody may have been lured here.
async fn look_at_link(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    RawQuery(query): RawQuery,
) -> Response {
    let told = fields(query.unwrap_or_default().as_bytes());
    let ticket = told.get("ticket").map(String::as_str).unwrap_or_default();
    let (provider, account) = match identities::look_at_ticket(&app.db, ticket).await {
        Ok(found) => found,
        Err(error) => return guessed(&app, address, error),
    };
    let known_as = [Some(account.name), account.email]
        .into_iter()
        .flatten()
        .filter(|text| !text.is_empty());
    let known_as: Vec<_> = known_as.map(|text| escaped(&text)).collect();
    let whose = match known_as.join(", ") {
        nameless if nameless.is_empty() => "an account without a name".into(),
        known => format!("the account of {known}"),
    };
    let name = provider.name();
    let body = format!(
        "<h1>Link {name}</h1><p>Whoever signs in with your {name} account will be in <strong>{whose}</strong> on this server.</p>\
         <p>If that is not you, or you did not ask for this, close this page.</p>\
         <form method=\"post\" action=\"{LINK}\"><input type=\"hidden\" name=\"ticket\" value=\"{}\">\
         <button>Continue with {name}</button></form>",
        escaped(ticket)
    );
    page(StatusCode::OK, &body)
}

async fn link(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !origins::from_our_page(&app, &headers) {
        return sorry(origins::strangers_form());
    }
    let told = fields(&body);
    let ticket = told.get("ticket").map(String::as_str).unwrap_or_default();
    let departure =
        identities::depart_to_link(&app, ticket, |provider| callback(&app, provider)).await;
    let departure = match departure {
        Ok(departure) => departure,
        Err(error) => return guessed(&app, address, error),
    };
    let address = escaped(&departure.address);
    let name = departure.provider.name();
    // As from a form to an app.
    let body = format!(
        "<meta http-equiv=\"refresh\" content=\"0;url={address}\">\
         <h1>Link {name}</h1><p><a class=\"button\" href=\"{address}\">Continue with {name}</a></p>"
    );
    let mut response = page(StatusCode::OK, &body);
    keep(&app, &departure, &mut response);
    response
}

/// A ticket that does not count may have been guessed.
fn guessed(app: &App, address: IpAddr, error: Error) -> Response {
    let blocked = match &error {
        Error::NotThere(_) => limits::count_failure(&app.failures, address).err(),
        _ => None,
    };
    sorry(blocked.unwrap_or(error))
}
