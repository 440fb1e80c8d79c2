//! Somebody with a browser on the pages of a server: keeps cookies, posts forms, and follows nothing unasked.

use std::{collections::BTreeMap, sync::Mutex};

use reqwest::{Method, Url, header::HeaderMap};

use super::{
    openid::{browser, encoded},
    server::{Server, User},
};

pub struct Visitor<'a> {
    server: &'a Server,
    client: reqwest::Client,
    cookies: Mutex<BTreeMap<String, String>>,
}

#[derive(Debug)]
pub struct Shown {
    pub status: u16,
    pub headers: HeaderMap,
    pub html: String,
}

impl Shown {
    /// Where it leads.
    #[track_caller]
    pub fn location(&self) -> &str {
        assert!((300..400).contains(&self.status), "{self:#?}");
        self.headers["location"].to_str().unwrap()
    }

    /// The value of the first field of that name.
    #[track_caller]
    pub fn field(&self, name: &str) -> String {
        let after = format!("name=\"{name}\" value=\"");
        let (_, rest) = self
            .html
            .split_once(&after)
            .unwrap_or_else(|| panic!("no field {name} in {}", self.html));
        rest.split_once('"').unwrap().0.replace("&amp;", "&")
    }

    pub fn csrf(&self) -> String {
        self.field("csrf")
    }
}

impl<'a> Visitor<'a> {
    pub fn new(server: &'a Server) -> Self {
        Self {
            server,
            client: browser(),
            cookies: Mutex::default(),
        }
    }

    pub async fn signed_in(server: &'a Server, user: &User) -> Self {
        let visitor = Self::new(server);
        visitor.sign_in(user, "/connect").await;
        visitor
    }

    /// Signs in as somebody who wants to see a page, and gives that page.
    pub async fn sign_in(&self, user: &User, next: &str) -> Shown {
        let asked = self
            .get(&format!("/sign-in?{}", encoded(&[("next", next)])))
            .await;
        let shown = self.get(asked.location()).await;
        assert_eq!(shown.status, 200, "{shown:#?}");
        let fields = [
            "redirect_uri",
            "state",
            "code_challenge",
            "code_challenge_method",
        ]
        .map(|name| (name, shown.field(name)));
        let mut form: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        form.extend([
            ("email", user.email.as_str()),
            ("password", user.password.as_str()),
        ]);
        let back = self.post("/v1/auth/authorize", &form).await;
        let signed_in = self.get(back.location()).await;
        assert_eq!(signed_in.location(), next);
        self.get(next).await
    }

    pub async fn get(&self, path: &str) -> Shown {
        self.send(Method::GET, path, &[("sec-fetch-site", "none")], None)
            .await
    }

    /// As a page of the server does it.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Shown {
        let ours = [("sec-fetch-site", "same-origin")];
        self.post_from(path, &ours, form).await
    }

    pub async fn post_from(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        form: &[(&str, &str)],
    ) -> Shown {
        self.send(Method::POST, path, headers, Some(encoded(form)))
            .await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        form: Option<String>,
    ) -> Shown {
        let url = Url::parse(&self.server.url).unwrap().join(path).unwrap();
        let mut request = self.client.request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let cookies: Vec<_> = self
            .cookies
            .lock()
            .unwrap()
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if let Some(form) = form {
            request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for line in headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (name, rest) = line.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            let mut cookies = self.cookies.lock().unwrap();
            if line.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.into(), value.into());
            }
        }
        Shown {
            status,
            headers,
            html: response.text().await.unwrap(),
        }
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies
            .lock()
            .unwrap()
            .insert(name.into(), value.into());
    }
}
