//! A real browser, without a window, told what to do over its own protocol (CDP).

use std::{path::Path, process::Stdio, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::TcpStream,
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

/// As `tools/install-prerequisites` looks for it.
const PROGRAMS: [&str; 5] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Chromium {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: String,
    sent: u64,
    /// What the page complained about: broken rules of its policy, errors of scripts, what did not load.
    pub complaints: Vec<String>,
    _child: Child,
}

impl Chromium {
    /// With one empty page. `home`: where it keeps its profile.
    pub async fn start(home: &Path) -> Self {
        let mut child = PROGRAMS
            .into_iter()
            .find_map(|program| spawn(program, home))
            .expect("Chromium is missing: run `make test`, which installs it");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, address)) = line.split_once("DevTools listening on ") {
                    return address.trim().to_string();
                }
            }
            panic!("Chromium ended");
        };
        let address = timeout(PATIENCE, address)
            .await
            .expect("Chromium did not start");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let (socket, _) = connect_async(address).await.unwrap();
        let mut browser = Self {
            socket,
            session: String::new(),
            sent: 0,
            complaints: Vec::new(),
            _child: child,
        };
        let target = browser
            .ask("Target.createTarget", json!({"url": "about:blank"}))
            .await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.ask("Target.attachToTarget", attach).await;
        browser.session = session["sessionId"].as_str().unwrap().into();
        for domain in ["Page", "Runtime", "Log"] {
            browser.ask(&format!("{domain}.enable"), json!({})).await;
        }
        browser
    }

    /// Of a screen, in CSS pixels.
    pub async fn screen(&mut self, width: u32, height: u32, phone: bool) {
        let scale = if phone { 2 } else { 1 };
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone});
        self.ask("Emulation.setDeviceMetricsOverride", metrics)
            .await;
    }

    pub async fn dark(&mut self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.ask("Emulation.setEmulatedMedia", features).await;
    }

    pub async fn open(&mut self, url: &str) {
        let opened = self.ask("Page.navigate", json!({ "url": url })).await;
        assert!(opened["errorText"].is_null(), "{url}: {opened}");
        self.until("document.readyState === 'complete'").await;
    }

    /// The value of an expression.
    pub async fn value(&mut self, script: &str) -> Value {
        let asked = json!({"expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true});
        let told = self.ask("Runtime.evaluate", asked).await;
        assert!(told["exceptionDetails"].is_null(), "{script}: {told:#}");
        told["result"]["value"].clone()
    }

    pub async fn text(&mut self) -> String {
        self.value("document.body.innerText")
            .await
            .as_str()
            .unwrap()
            .into()
    }

    /// Waits for an expression to be true, also across pages.
    pub async fn until(&mut self, script: &str) {
        let end = Instant::now() + PATIENCE;
        let asked = json!({"expression": script, "returnByValue": true});
        loop {
            let told = self.ask("Runtime.evaluate", asked.clone()).await;
            if told["result"]["value"] == true {
                return;
            }
            assert!(
                Instant::now() < end,
                "not true: {script}; {}",
                self.text().await
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn until_text(&mut self, text: &str) {
        let script = format!(
            "document.readyState === 'complete' && document.body.innerText.includes({})",
            json!(text)
        );
        self.until(&script).await;
    }

    pub async fn fill(&mut self, field: &str, text: &str) {
        let script = format!(
            "document.querySelector({}).value = {}",
            json!(field),
            json!(text)
        );
        self.value(&script).await;
    }

    /// What a selector finds is clicked, where a person would.
    pub async fn click(&mut self, selector: &str) {
        let script = format!(
            "(() => {{ const it = document.querySelector({}); it.scrollIntoView({{block: 'center'}}); \
             const r = it.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] }})()",
            json!(selector)
        );
        let place = self.value(&script).await;
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.ask("Input.dispatchMouseEvent", event).await;
        }
    }

    /// A picture of the whole page, for people; only where OMI_TEST_SCREENSHOTS names a folder.
    pub async fn picture(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("OMI_TEST_SCREENSHOTS") else {
            return;
        };
        let wanted = json!({"format": "png", "captureBeyondViewport": true});
        let taken = self.ask("Page.captureScreenshot", wanted).await;
        let bytes = BASE64_STANDARD
            .decode(taken["data"].as_str().unwrap())
            .unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).unwrap();
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let id = self.sent;
        let mut message = json!({"id": id, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
        let reply = async {
            loop {
                let Message::Text(text) = self.socket.next().await.unwrap().unwrap() else {
                    continue;
                };
                let told: Value = serde_json::from_str(&text).unwrap();
                match told["method"].as_str() {
                    Some("Log.entryAdded") => {
                        let entry = &told["params"]["entry"];
                        self.complaints
                            .push(format!("{} {}", entry["text"], entry["url"]));
                    }
                    Some("Runtime.exceptionThrown") => self.complaints.push(told.to_string()),
                    _ => {}
                }
                if told["id"] == id {
                    return told;
                }
            }
        };
        let told = timeout(PATIENCE, reply)
            .await
            .unwrap_or_else(|_| panic!("{method}: no answer"));
        // A page that is on its way elsewhere has no values yet.
        if told["error"].is_object() && method == "Runtime.evaluate" {
            return json!({});
        }
        assert!(told["error"].is_null(), "{method}: {told:#}");
        told["result"].clone()
    }
}

fn spawn(program: &str, home: &Path) -> Option<Child> {
    let profile = home.join("chromium");
    Command::new(program)
        // Within a container it has no sandbox of its own; it opens nothing but the server under test.
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-dev-shm-usage",
        ])
        .args([
            "--remote-debugging-port=0",
            "--disable-background-networking",
            "--no-proxy-server",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg("about:blank")
        .env("HOME", home)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .ok()
}
