//! What a user chose of listening reaches whoever recognises: their words, and the one language that they want heard.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::{error_rate, query, speech, uploads};
use crate::support::{
    Server, ServerOptions,
    device::{Device, text},
    ears::{Ears, Script},
    server::User,
};

/// Odd ones: they must stay what they are.
const WORDS: [&str; 5] = [
    "Kubernetes",
    "Zoë & Söhne",
    "a=b&language=xx",
    "two\r\n--lines",
    "omi",
];
/// As they are told.
const TOLD: [&str; 5] = [
    "Omi",
    "Kubernetes",
    "Zoë & Söhne",
    "a=b&language=xx",
    "two --lines",
];

async fn server(ears: &Ears, providers: &str, model: &str) -> Server {
    let mut env = ears.settings(providers);
    env.push(("OMI_STT__MODEL", model.into()));
    Server::start_with(ServerOptions {
        env,
        ..ServerOptions::default()
    })
    .await
}

/// Chooses words, and Swedish alone.
async fn choose(server: &Server, user: &User) {
    for (path, body) in [
        (
            "/v1/users/transcription-preferences",
            json!({"vocabulary": WORDS}),
        ),
        ("/v1/users/language", json!({"language": "sv"})),
    ] {
        server
            .send(Method::PATCH, path, Some(&user.token), Some(body))
            .await
            .ok();
    }
}

async fn say(device: &mut Device) {
    let mut said = speech(1, 0.9).samples;
    said.extend([0; 14_400]);
    device.play_pcm16(&said, 10.0).await;
    device.read_until_quiet(Duration::from_secs(3)).await;
}

fn any_language() -> String {
    query("pcm16").replace("language=en", "language=multi")
}

/// Parameters of a query with this name, decoded.
fn named(query: &str, name: &str) -> Vec<String> {
    form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deepgram_compatible_socket_is_told_words_and_language() {
    let ears = Ears::start().await;
    let server = server(&ears, "deepgram", "nova-3").await;
    let user = server.user("ann@example.org").await;
    let plain = server.user("ben@example.org").await;
    // Who chose nothing is listened to as the device asks.
    let mut device = Device::ready(&server, &plain.token, &any_language()).await;
    say(&mut device).await;
    device.close().await;
    let asked = ears.seen().asked[0].clone();
    assert_eq!(named(&asked, "language"), ["multi"]);
    assert!(named(&asked, "keyterm").is_empty(), "{asked}");

    choose(&server, &user).await;
    ears.forget();
    let mut device = Device::ready(&server, &user.token, &any_language()).await;
    say(&mut device).await;
    say(&mut device).await;
    let asked = ears.seen().asked;
    assert_eq!(asked.len(), 1, "one socket for the session: {asked:?}");
    assert_eq!(named(&asked[0], "language"), ["sv"]);
    assert_eq!(named(&asked[0], "keyterm"), TOLD);
    assert!(named(&asked[0], "keywords").is_empty());
    device.close().await;
    let path = "/v1/conversations?statuses=in_progress";
    let open = server.get(path, &user.token).await.ok();
    assert_eq!(open[0]["language"], "sv");

    // A language that the device names counts; a dialect that takes no words is asked without them.
    ears.forget();
    ears.deepgram(Script::KnowsNoWords);
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    say(&mut device).await;
    assert!(!device.segments().is_empty());
    device.close().await;
    let asked = ears.seen().asked;
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert_eq!(named(&asked[0], "language"), ["en"]);
    assert_eq!(named(&asked[0], "keyterm"), TOLD);
    assert!(named(&asked[1], "keyterm").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_openai_compatible_endpoint_is_told_words_and_language() {
    let ears = Ears::start().await;
    let server = server(&ears, "openai", "scripted").await;
    let user = server.user("ann@example.org").await;
    choose(&server, &user).await;
    let told = |form: &str, language: &str, words: &str| {
        let field =
            |name: &str, value: &str| form.contains(&format!("name=\"{name}\"\r\n\r\n{value}\r\n"));
        assert!(field("language", language), "{form}");
        assert!(field("prompt", words), "{form}");
        assert_eq!(form.matches("name=\"language\"").count(), 1, "{form}");
    };
    let own = format!("{}.", TOLD.join(", "));
    let mut device = Device::ready(&server, &user.token, &any_language()).await;
    say(&mut device).await;
    device.close().await;
    told(&ears.seen().asked[0], "sv", &own);

    // Who talks into the keyboard may name more words.
    ears.forget();
    let path = "/v2/voice-message/transcribe-stream?language=multi&keywords=Ljubljana,x,kubernetes";
    let mut device = Device::connect_to(&server, &user.token, path)
        .await
        .unwrap();
    let sound = speech(1, 0.9).samples;
    let bytes: Vec<u8> = sound
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    for piece in bytes.chunks(32_000) {
        device.send(Message::binary(piece.to_vec())).await;
    }
    device.send(Message::text("finalize")).await;
    device.read_until_quiet(Duration::from_secs(3)).await;
    device.close().await;
    let words = own.replace("Omi, Kubernetes", "Omi, Ljubljana, kubernetes");
    told(&ears.seen().asked[0], "sv", &words);

    // And so are recordings that were made without a server.
    ears.forget();
    uploads::bring(&server, &user, &sound).await;
    told(&ears.seen().asked[0], "sv", &own);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_are_expected_make_whisper_hear_no_worse() {
    let server = Server::start().await;
    let said = speech(5, 0.9);
    for (email, words) in [
        ("one@example.org", vec!["Dashwood", "amiable"]),
        (
            "many@example.org",
            vec![
                "Kubernetes",
                "Zbigniew",
                "Ljubljana",
                "Omi",
                "PostgreSQL",
                "Ahrendts",
                "Nguyen",
                "Worcestershire",
                "Xiaomi",
                "Siobhan",
            ],
        ),
    ] {
        let user = server.user(email).await;
        let path = "/v1/users/transcription-preferences";
        let body = json!({"vocabulary": words});
        server
            .send(Method::PATCH, path, Some(&user.token), Some(body))
            .await
            .ok();
        let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
        device.play_pcm16(&said.samples, 10.0).await;
        device.read_until_quiet(Duration::from_secs(6)).await;
        let heard = text(&device.segments());
        let errors = error_rate(&said.reference, &heard);
        println!("{email}: word error rate {:.1} %: {heard}", errors * 100.0);
        assert!(errors <= super::recognition::LIMIT, "{errors}: {heard}");
        device.close().await;
    }
}
