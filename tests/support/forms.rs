//! Forms with files, as clients send them.

use super::server::{Answer, Server, User, client};

const EDGE: &str = "edge";

/// The body of a form, part by part.
#[derive(Clone, Default)]
pub struct Form(Vec<u8>);

impl Form {
    pub fn file(self, name: &str, kind: &str, bytes: &[u8]) -> Self {
        self.part(
            &format!("name=\"files\"; filename=\"{name}\"\r\nContent-Type: {kind}"),
            bytes,
        )
    }

    pub fn field(self, name: &str, text: &str) -> Self {
        self.part(&format!("name=\"{name}\""), text.as_bytes())
    }

    fn part(mut self, head: &str, bytes: &[u8]) -> Self {
        let head = format!("--{EDGE}\r\nContent-Disposition: form-data; {head}\r\n\r\n");
        self.0.extend(head.as_bytes());
        self.0.extend(bytes);
        self.0.extend(b"\r\n");
        self
    }

    /// With its end.
    pub fn bytes(&self) -> Vec<u8> {
        [&self.0, format!("--{EDGE}--\r\n").as_bytes()].concat()
    }

    pub async fn post(self, server: &Server, user: &User, path: &str) -> reqwest::Response {
        client()
            .post(format!("{}{path}", server.url))
            .bearer_auth(&user.token)
            .header(
                "content-type",
                format!("multipart/form-data; boundary={EDGE}"),
            )
            .body(self.bytes())
            .send()
            .await
            .unwrap()
    }

    pub async fn send(self, server: &Server, user: &User, path: &str) -> Answer {
        Answer::of(self.post(server, user, path).await).await
    }
}
