//! Typed input: bodies, queries and ids, refused with the field's name.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::respond::ApiError;
use crate::error::{Error, Problem};

const NO_JSON: &str = "The body is not valid JSON";

/// A JSON object as body. Unknown fields are ignored; the content type does not matter.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        // serde would take the values of an array for the fields in their order.
        read_body(request, state, b"{", "Input should be an object")
            .await
            .map(Self)
    }
}

/// A JSON array as body.
pub struct List<T>(pub Vec<T>);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for List<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        read_body(request, state, b"[", "Input should be an array")
            .await
            .map(Self)
    }
}

/// JSON that begins with `start`; else it is refused with `expected`.
async fn read_body<S: Send + Sync, T: DeserializeOwned>(
    request: Request,
    state: &S,
    start: &[u8],
    expected: &str,
) -> Result<T, ApiError> {
    let bytes = Bytes::from_request(request, state).await.map_err(|error| {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Error::TooLarge("The body is too large; 2 MiB is the most.".into())
        } else {
            Error::BadRequest(format!("The body could not be read: {error}"))
        }
    })?;
    let right = bytes.trim_ascii_start().starts_with(start);
    let mut json = serde_json::Deserializer::from_slice(&bytes);
    let found = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().clone();
        let inner = error.into_inner();
        if !inner.is_data() {
            invalid_body(NO_JSON)
        } else if right {
            invalid("body", &path, reason(&inner.to_string()))
        } else {
            invalid_body(expected)
        }
    })?;
    if !right {
        return Err(invalid_body(expected));
    }
    json.end().map_err(|_| invalid_body(NO_JSON))?;
    Ok(found)
}

/// A JSON object, or null, or nothing at all.
pub struct OptionalBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = Bytes::from_request(Request::new(body), state)
            .await
            .map_err(|error| Error::BadRequest(format!("The body could not be read: {error}")))?;
        if matches!(bytes.trim_ascii(), b"" | b"null") {
            return Ok(Self(T::default()));
        }
        let Body(found) =
            Body::from_request(Request::from_parts(parts, bytes.into()), state).await?;
        Ok(Self(found))
    }
}

/// A query string. Unknown parameters are ignored.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        read_query(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// What a query string asks for besides numbers: a value that makes no sense here is a bad request, not invalid input.
pub struct Filters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Filters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        read_query(parts.uri.query().unwrap_or_default())
            .map(Self)
            .map_err(malformed)
    }
}

/// Invalid input as a request that cannot be read.
pub fn malformed(error: impl Into<ApiError>) -> ApiError {
    match error.into() {
        ApiError(Error::Invalid(problems)) => ApiError(Error::Malformed(problems)),
        other => other,
    }
}

/// What a query string holds.
pub fn read_query<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let path = error.path().clone();
        let message = reason(&error.into_inner().to_string());
        // The sentence alone has to say which parameter is meant.
        let message = match message.strip_prefix("Input ") {
            Some(rest) => format!("{path} {rest}"),
            None => message,
        };
        invalid("query", &path, message)
    })
}

/// A text that the mobile app writes into the address as it is: what looks like further parameters behind it belongs to it.
pub fn raw_text(query: &str, name: &str) -> Option<String> {
    let query = format!("&{query}");
    let (_, rest) = query.split_once(&format!("&{name}="))?;
    let mut rest = rest.replace('&', "%26");
    // Who writes a blank as %20 means a plus by +.
    if rest.contains("%20") {
        rest = rest.replace('+', "%2B");
    }
    let text = format!("{name}={rest}");
    let mut pairs = form_urlencoded::parse(text.as_bytes());
    pairs.next().map(|(_, text)| text.into_owned())
}

/// The text under `value`, the query's only parameter, as `raw_text` reads it.
pub struct RawValue(pub String);

impl<S: Send + Sync> FromRequestParts<S> for RawValue {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let found = raw_text(parts.uri.query().unwrap_or_default(), "value");
        let missing = || Problem {
            location: vec!["query".into(), "value".into()],
            message: "Field required".into(),
            kind: "missing",
        };
        Ok(Self(found.ok_or_else(|| Error::Invalid(vec![missing()]))?))
    }
}

/// The id in the path. One that is no UUID is the id of nothing: absent.
pub struct Id(pub Option<Uuid>);

impl Id {
    pub fn or_absent(self, what: &'static str) -> Result<Uuid, Error> {
        self.0.ok_or(Error::NotFound(what))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let TextId(text) = TextId::from_request_parts(parts, state).await?;
        Ok(Self(text.parse().ok()))
    }
}

/// The id in the path, where it need be no UUID. It may hold anything; empty where the path cannot be read.
pub struct TextId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for TextId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let found = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(found.map(|Path(text)| text).unwrap_or_default()))
    }
}

/// The ids in a path that has two.
pub struct TwoIds(pub Id, pub Id);

impl<S: Send + Sync> FromRequestParts<S> for TwoIds {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let found = Path::<(String, String)>::from_request_parts(parts, state).await;
        let (first, second) = found.map(|Path(texts)| texts).unwrap_or_default();
        Ok(Self(Id(first.parse().ok()), Id(second.parse().ok())))
    }
}

/// Two parts of a path, which may hold anything.
pub struct TwoTexts(pub String, pub String);

impl<S: Send + Sync> FromRequestParts<S> for TwoTexts {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let found = Path::<(String, String)>::from_request_parts(parts, state).await;
        let (first, second) = found.map(|Path(texts)| texts).unwrap_or_default();
        Ok(Self(first, second))
    }
}

/// The id in a path that has something else behind it, which may hold anything.
pub struct IdAnd(pub Id, pub String);

impl<S: Send + Sync> FromRequestParts<S> for IdAnd {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let found = Path::<(String, String)>::from_request_parts(parts, state).await;
        let (id, rest) = found.map(|Path(texts)| texts).unwrap_or_default();
        Ok(Self(Id(id.parse().ok()), rest))
    }
}

/// A number of the query between two bounds.
pub fn bounded(
    name: &str,
    value: Option<i64>,
    default: i64,
    least: i64,
    most: i64,
) -> Result<i64, Error> {
    let value = value.unwrap_or(default);
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(Error::invalid_parameter(
            name,
            format!("{name} must be between {least} and {most}"),
        ))
    }
}

/// A comma-separated list; blanks around names do not count.
pub fn names(list: Option<&str>) -> Option<Vec<String>> {
    let names: Vec<_> = list?
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_string)
        .collect();
    (!names.is_empty()).then_some(names)
}

/// `names`, each of which must be known. `one` is what a single one is called.
pub fn known_names(
    parameter: &str,
    one: &str,
    list: Option<&str>,
    known: &[&str],
) -> Result<Option<Vec<String>>, Error> {
    let names = names(list);
    match names
        .iter()
        .flatten()
        .find(|name| !known.contains(&name.as_str()))
    {
        Some(unknown) => Err(Error::BadRequest(format!(
            "Invalid {one}: {unknown}. {parameter} takes, separated by commas, any of: {}",
            known.join(", ")
        ))),
        None => Ok(names),
    }
}

fn invalid_body(message: &str) -> ApiError {
    Error::Invalid(vec![Problem {
        location: vec!["body".into()],
        message: message.into(),
        kind: "value_error",
    }])
    .into()
}

fn invalid(place: &str, path: &serde_path_to_error::Path, message: String) -> ApiError {
    use serde_path_to_error::Segment;
    let mut location = vec![place.to_string()];
    location.extend(path.iter().map(|segment| match segment {
        Segment::Seq { index } => index.to_string(),
        Segment::Map { key } => key.clone(),
        Segment::Enum { variant } => variant.clone(),
        Segment::Unknown => "?".into(),
    }));
    // serde says which field is missing in words only.
    if let Some(field) = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        location.push(field.to_string());
        return Error::Invalid(vec![Problem {
            location,
            message: "Field required".into(),
            kind: "missing",
        }])
        .into();
    }
    Error::Invalid(vec![Problem {
        location,
        message,
        kind: "value_error",
    }])
    .into()
}

/// serde's sentence without its " at line 1 column 2"; what says how a number was read says what to send instead.
fn reason(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or(message);
    let about_digits = ["invalid digit", "cannot parse integer", "number too"];
    if about_digits.iter().any(|start| message.starts_with(start)) {
        return "Input should be a whole number".into();
    }
    if message.contains("float literal") {
        return "Input should be a number".into();
    }
    // What was sent may be a secret, or long.
    let typed = ["invalid type: ", "invalid value: ", "invalid length "];
    match message.split_once(", expected ") {
        Some((_, expected)) if typed.iter().any(|start| message.starts_with(start)) => {
            format!("Input should be {expected}")
        }
        _ => message.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::raw_text;

    #[test]
    fn a_text_in_the_address_is_read_to_its_end() {
        for (query, text) in [
            ("value=Likes%20tea", Some("Likes tea")),
            // A client that writes forms.
            ("value=Likes+tea+%26+C%2B%2B", Some("Likes tea & C++")),
            // The mobile app escapes no more than an address must.
            ("value=Tea%20&%20C++%20=%20joy", Some("Tea & C++ = joy")),
            ("value=100%20%%20tea", Some("100 % tea")),
            ("value=R&B", Some("R&B")),
            ("other=1&value=x", Some("x")),
            ("value=1%2B1=2", Some("1+1=2")),
            ("value=", Some("")),
            ("my_value=x", None),
            ("values=x", None),
            ("", None),
        ] {
            assert_eq!(raw_text(query, "value").as_deref(), text, "{query}");
        }
    }
}
