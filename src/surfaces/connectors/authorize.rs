//! `/oauth/authorize`: a client sends a user here, who lets it in or does not.

use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};

use super::{answers, consent, parameters::Parameters};
use crate::{
    app::App,
    error::Error,
    features::{
        connectors::{self, Asked, Asker, Refusal},
        credentials::Scope,
    },
    surfaces::{
        challenges,
        console::{self, Browser, SignedIn},
    },
};

pub const PATH: &str = "/oauth/authorize";
/// Where clients go that have read nothing.
pub const ALIAS: &str = "/authorize";

pub fn routes() -> Router<App> {
    Router::new()
        .route(PATH, get(ask).post(decide))
        .route(ALIAS, get(ask).post(decide))
}

async fn ask(
    State(app): State<App>,
    Browser(signed_in): Browser,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let asking = async {
        let parameters = Parameters::read(query.as_bytes()).map_err(unreadable)?;
        let asker = Asker::find(&app, &parameters.request()).await?;
        let asked = check(&app, &parameters);
        let Some(signed_in) = signed_in else {
            // A mere link leads to no site that somebody has registered here: first its user shows who they are.
            return Ok(match asked {
                Err(refusal) if asker.is_on_the_device() => refuse(&app, &asker, refusal),
                _ => console::to_sign_in(&format!("{PATH}?{query}")),
            });
        };
        match asked {
            Ok(asked) => page(&app, &signed_in, &asker, &asked, &parameters, "").await,
            Err(refusal) => Ok(refuse(&app, &asker, refusal)),
        }
    };
    asking.await.unwrap_or_else(console::sorry)
}

async fn decide(
    State(app): State<App>,
    Browser(signed_in): Browser,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let deciding = async {
        let form = Parameters::read(&body).map_err(unreadable)?;
        let asker = Asker::find(&app, &form.request()).await?;
        let Some(signed_in) = signed_in else {
            return Ok(console::to_sign_in(&address(&form)));
        };
        signed_in.check(&app, &headers, form.get(console::CSRF).unwrap_or_default())?;
        let asked = match check(&app, &form) {
            Ok(asked) => asked,
            Err(refusal) => return Ok(refuse(&app, &asker, refusal)),
        };
        if form.get(consent::DECISION) != Some(consent::ALLOW) {
            let refusal = Refusal::new("access_denied", "The user has not allowed it.");
            return Ok(refuse(&app, &asker, refusal));
        }
        let chosen: Vec<_> = Scope::ALL
            .into_iter()
            .filter(|scope| form.get(&consent::field(*scope)).is_some())
            .collect();
        if chosen.is_empty() {
            let why = "Tick at least one thing that it may do, or do not allow it.";
            return page(&app, &signed_in, &asker, &asked, &form, why).await;
        }
        let code = connectors::give_code(&app.db, signed_in.uid(), &asker, &asked, &chosen).await?;
        Ok(answer(&app, &asker, &[("code", &code)]))
    };
    deciding.await.unwrap_or_else(console::sorry)
}

/// Whether a client may ask for this.
fn check(app: &App, parameters: &Parameters) -> Result<Asked, Refusal> {
    let asked = Asked::read(&parameters.request())?;
    parameters.check_resource(&challenges::resource(&app.public_url))?;
    Ok(asked)
}

async fn page(
    app: &App,
    signed_in: &SignedIn,
    asker: &Asker,
    asked: &Asked,
    parameters: &Parameters,
    why: &str,
) -> Result<Response, Error> {
    let allowed = connectors::allowed(&app.db, signed_in.uid(), &asker.client).await?;
    let shown = consent::Shown {
        signed_in,
        asker,
        asked: &asked.scopes,
        allowed: allowed.as_deref(),
        again: &address(parameters),
        why,
    };
    Ok(consent::page(&shown, parameters))
}

/// The address of this page, with all that the client asks.
fn address(parameters: &Parameters) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters.asked())
        .finish();
    format!("{PATH}?{query}")
}

fn refuse(app: &App, asker: &Asker, refusal: Refusal) -> Response {
    let (name, sentence) = answers::told(refusal);
    answer(
        app,
        asker,
        &[("error", name), ("error_description", &sentence)],
    )
}

fn answer(app: &App, asker: &Asker, pairs: &[(&str, &str)]) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let address = asker.answer(&app.public_url, pairs);
    for (name, value) in [
        (header::LOCATION, address.as_str()),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Nobody knows yet who could be told.
fn unreadable(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Told(_, sentence) => Error::BadRequest(sentence),
        Refusal::Failed(error) => error,
    }
}
