//! Adds a key to every request, for clients that can send none. Host and Origin stay as they came.

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use tokio::{net::TcpListener, task::JoinHandle};

use super::server::client;

pub struct KeyProxy {
    pub url: String,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Behind {
    url: String,
    key: HeaderValue,
    client: reqwest::Client,
}

impl KeyProxy {
    pub async fn start(url: &str, key: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let behind = Behind {
            url: url.into(),
            key: format!("Bearer {key}").parse().unwrap(),
            client: client(),
        };
        let routes = Router::new().fallback(pass).with_state(behind);
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self {
            url: format!("http://{address}"),
            task,
        }
    }
}

impl Drop for KeyProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Of one connection only.
const OWN: [HeaderName; 3] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
];

async fn pass(State(behind): State<Behind>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    for name in OWN {
        parts.headers.remove(name);
    }
    parts.headers.insert(header::AUTHORIZATION, behind.key);
    let path = parts.uri.path_and_query().unwrap();
    let answer = behind
        .client
        .request(parts.method, format!("{}{path}", behind.url))
        .headers(parts.headers)
        .body(body)
        .send()
        .await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let mut response = Response::new(Body::from(error.to_string()));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            return response;
        }
    };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    for name in OWN {
        headers.remove(name);
    }
    let mut response = Response::new(Body::from_stream(answer.bytes_stream()));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
