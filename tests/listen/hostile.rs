//! Devices that send nonsense get what is documented, and the others never notice.

use std::time::Duration;

use tokio_tungstenite::tungstenite::{Error, Message};

use super::{error_rate, query, speech};
use crate::support::{
    Server, ServerOptions,
    device::{Device, text},
};

#[tokio::test(flavor = "multi_thread")]
async fn bad_devices_do_not_disturb_good_ones() {
    let server = Server::start().await;
    let user = server.user("good@example.org").await;
    let other = server.user("bad@example.org").await;
    let said = speech(5, 0.9);
    let mut good = Device::ready(&server, &user.token, &query("pcm16")).await;
    let (_, ()) = tokio::join!(good.play_pcm16(&said.samples, 2.0), async {
        // No token, a wrong one, a key of another kind: refused before the upgrade.
        for token in [
            "",
            "omi_user_nonsense",
            &other.developer_key,
            &other.mcp_key,
        ] {
            match Device::connect(&server, token, &query("pcm16")).await {
                Err(Error::Http(response)) => assert_eq!(response.status(), 401),
                Err(error) => panic!("{error}"),
                Ok(_) => panic!("a bad token was let in"),
            }
        }
        // A number that is none.
        match Device::connect(&server, &other.token, "codec=pcm16&sample_rate=fast").await {
            Err(Error::Http(response)) => assert_eq!(response.status(), 422),
            _ => panic!("a bad sample rate was let in"),
        }
        // A compressed codec that cannot be decoded: the phone must keep its audio.
        for codec in ["lc3", "lc3_fs1030"] {
            let mut device = Device::connect(&server, &other.token, &query(codec))
                .await
                .unwrap();
            let (code, _) = device.read_close(Duration::from_secs(10)).await;
            assert_eq!(code, 1011, "{codec}");
            assert!(device.has_status("stt_failed"), "{:#?}", device.messages);
            assert!(!device.has_status("ready"));
        }
        // A message of more than 1 MiB.
        let mut device = Device::ready(&server, &other.token, &query("pcm16")).await;
        device.send(Message::binary(vec![0; 1024 * 1024 + 1])).await;
        assert_eq!(device.read_close(Duration::from_secs(10)).await.0, 1009);
        // One of exactly that is taken.
        let mut device = Device::ready(&server, &other.token, &query("pcm16")).await;
        device.send(Message::binary(vec![0; 1024 * 1024])).await;
        // Text that is no JSON, JSON of another shape, unknown types, garbage audio: all ignored.
        for nonsense in [
            "",
            "[]",
            "{",
            "null",
            "42",
            "\"ping\"",
            "{\"type\":42}",
            "{\"type\":\"image_chunk\"}",
        ] {
            device.send(Message::text(nonsense)).await;
        }
        for bytes in [vec![], vec![1], vec![0x8A, 0x00], vec![1, 2, 3]] {
            device.send(Message::binary(bytes)).await;
        }
        device.read_for(Duration::from_secs(1)).await;
        assert_eq!(device.closed, None);
        let mut opus = Device::ready(&server, &other.token, &query("opus_fs320")).await;
        for n in 0..200u32 {
            opus.send(Message::binary(n.to_le_bytes().repeat(7))).await;
        }
        opus.read_for(Duration::from_secs(1)).await;
        assert_eq!(opus.closed, None);
    });
    good.read_until_quiet(Duration::from_secs(6)).await;
    assert_eq!(good.closed, None);
    let errors = error_rate(&said.reference, &text(&good.segments()));
    assert!(
        errors <= 0.15,
        "{:.1} %: {}",
        errors * 100.0,
        text(&good.segments())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_codec_is_raw_sound() {
    let server = Server::start().await;
    let user = server.user("raw@example.org").await;
    let said = speech(1, 0.9);
    let mut device = Device::ready(&server, &user.token, &query("hyperwave")).await;
    device.play_pcm16(&said.samples, 10.0).await;
    device
        .read_until(Duration::from_secs(20), |device| {
            !device.segments().is_empty()
        })
        .await;
    device.read_until_quiet(Duration::from_secs(3)).await;
    assert!(error_rate(&said.reference, &text(&device.segments())) <= 0.15);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_no_socket_stays_open_deaf() {
    let server = Server::start_with(ServerOptions {
        deaf: true,
        ..ServerOptions::default()
    })
    .await;
    let user = server.user("deaf@example.org").await;
    let ready = server.get("/readyz", &user.token).await.ok();
    let speech = ready["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["name"] == "speech")
        .unwrap();
    assert_eq!(speech["state"], "warn");
    assert!(
        speech["message"]
            .as_str()
            .unwrap()
            .contains("model fetch tiny"),
        "{speech}"
    );
    let mut device = Device::connect(&server, &user.token, &query("pcm16"))
        .await
        .unwrap();
    assert_eq!(device.read_close(Duration::from_secs(10)).await.0, 1011);
    assert!(
        device.has_status("stt_failed") && !device.has_status("ready"),
        "{:#?}",
        device.messages
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_cannot_take_all_sockets() {
    let env = vec![("OMI_LISTENING__MAX_SOCKETS_PER_USER", "2".to_string())];
    let server = Server::start_with(ServerOptions {
        env,
        ..ServerOptions::default()
    })
    .await;
    let user = server.user("many@example.org").await;
    let first = Device::ready(&server, &user.token, &query("pcm16")).await;
    let _second = Device::ready(&server, &user.token, &query("pcm16")).await;
    match Device::connect(&server, &user.token, &query("pcm16")).await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 429),
        _ => panic!("a third socket was let in"),
    }
    first.close().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    Device::ready(&server, &user.token, &query("pcm16"))
        .await
        .close()
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_pings_stays_and_who_is_gone_is_let_go() {
    let mut server = Server::deaf().await;
    server.stop().await;
    server.set("OMI_LISTENING__IDLE_SECONDS", "12");
    server.run().await;
    let user = server.user("gone@example.org").await;
    let query = query("pcm16").replace("codec=", "custom_stt=enabled&codec=");
    let mut there = Device::ready(&server, &user.token, &query).await;
    let mut gone = Device::ready(&server, &user.token, &query).await;
    // Pings go out every 10 s, and are answered by who reads.
    there.read_for(Duration::from_secs(16)).await;
    assert_eq!(there.closed, None);
    // The other one has read nothing, so that it answered none.
    assert_eq!(gone.read_close(Duration::from_secs(5)).await.0, 1001);
    server.stop().await;
}
