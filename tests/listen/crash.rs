//! What was sent survives `kill -9`; what was spooled is recognised after the restart, once.

use std::{collections::HashSet, time::Duration};

use serde_json::Value;

use super::{error_rate, query, speech};
use crate::support::{
    Server, ServerOptions,
    device::{Device, text},
    rounds,
};

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_while_audio_streams_loses_no_segment_and_the_conversation_completes() {
    let env = vec![("OMI_LISTENING__MINIMUM_TIMEOUT_SECONDS", "5".to_string())];
    let options = ServerOptions {
        private_database: true,
        env,
        ..ServerOptions::default()
    };
    let mut server = Server::start_with(options).await;
    let user = server.user("crash@example.org").await;
    let said = speech(5, 0.9);
    let cut = (said.ends[2] + said.ends[3]) / 2;
    let query = query("pcm16").replace("conversation_timeout=120", "conversation_timeout=5");
    for round in 0..rounds(1, 20) {
        let mut device = Device::ready(&server, &user.token, &query).await;
        device.play_pcm16(&said.samples[..cut], 4.0).await;
        device
            .read_until(Duration::from_secs(30), |device| {
                !device.stored_segments().is_empty()
            })
            .await;
        server.kill().await;
        device.read_for(Duration::from_secs(5)).await;
        let sent = device.stored_segments();
        assert!(!sent.is_empty());

        server.run().await;
        let list = server
            .wait_for(
                "/v1/conversations?statuses=completed",
                &user.token,
                Duration::from_secs(60),
                |list| list.as_array().unwrap().len() > round,
            )
            .await;
        assert_eq!(list.as_array().unwrap().len(), round + 1);
        let stored = list[0]["transcript_segments"].as_array().unwrap().clone();
        for segment in &sent {
            let kept = stored.iter().find(|kept| kept["id"] == segment["id"]);
            let kept =
                kept.unwrap_or_else(|| panic!("{segment} was sent and is gone:\n{stored:#?}"));
            assert!(
                kept["text"]
                    .as_str()
                    .unwrap()
                    .starts_with(segment["text"].as_str().unwrap())
            );
        }
        // Everything that was heard is there, once: three sentences and half of the fourth.
        let said: Vec<_> = said.reference.split_whitespace().collect();
        let best =
            (40..said.len()).map(|count| error_rate(&said[..count].join(" "), &text(&stored)));
        let best = best.fold(f64::MAX, f64::min);
        assert!(best <= 0.2, "{:.1} %: {}", best * 100.0, text(&stored));

        spool_is_emptied(&server).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orderly_stop_tells_the_device_and_keeps_what_was_heard() {
    let mut server = Server::start().await;
    let user = server.user("stop@example.org").await;
    let said = speech(2, 0.0);
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    device.play_pcm16(&said.samples, 5.0).await;
    let stopping = server.stop();
    let closing = device.read_close(Duration::from_secs(30));
    let (_, (code, _)) = tokio::join!(stopping, closing);
    assert_eq!(code, 1001);
    server.run().await;
    let list = server
        .wait_for(
            "/v1/conversations?statuses=in_progress",
            &user.token,
            Duration::from_secs(30),
            |list| {
                let segments = list[0]["transcript_segments"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                error_rate(&said.reference, &text(&segments)) <= 0.2
            },
        )
        .await;
    assert_eq!(list.as_array().unwrap().len(), 1);
}

/// All that was spooled is recognised.
async fn spool_is_emptied(server: &Server) {
    let spool = server.data_dir.join("spool");
    let patience = Duration::from_secs(rounds(120, 900) as u64);
    let start = std::time::Instant::now();
    while std::fs::read_dir(&spool).unwrap().next().is_some() {
        assert!(start.elapsed() < patience, "the spool is never emptied");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn kill_postgres(server: &Server) {
    let pid = std::fs::read_to_string(server.data_dir.join("postgres/postmaster.pid")).unwrap();
    let pid = nix::unistd::Pid::from_raw(pid.lines().next().unwrap().parse().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}

/// Kills the server, and Postgres in two of seven rounds, at moments that are different in each round, while four people
/// talk. All that was sent to them is there in the end, once, and every conversation has ended.
#[tokio::test(flavor = "multi_thread")]
async fn four_who_talk_lose_nothing_to_kills() {
    let env = vec![("OMI_LISTENING__MINIMUM_TIMEOUT_SECONDS", "5".to_string())];
    let mut server = Server::start_with(ServerOptions {
        private_database: true,
        env,
        ..ServerOptions::default()
    })
    .await;
    let said = speech(5, 0.9);
    let words = said.reference.split_whitespace().count();
    let query = query("pcm16").replace("conversation_timeout=120", "conversation_timeout=5");
    let mut users = Vec::new();
    for name in ["ann", "ben", "cat", "dan"] {
        users.push(server.user(&format!("{name}@example.org")).await);
    }
    let mut sent: Vec<Vec<Value>> = vec![Vec::new(); users.len()];
    let count = rounds(4, 70);
    for round in 0..count {
        let mut talks = Vec::new();
        for (n, user) in users.iter().enumerate() {
            let mut device = Device::ready(&server, &user.token, &query).await;
            let samples = said.samples.clone();
            talks.push(tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(300 * n as u64)).await;
                device.play_while_it_lasts(&samples, 4.0).await;
                device.read_for(Duration::from_secs(4)).await;
                device
            }));
        }
        // 1.0 to 7.3 s after they began to talk.
        let moment = 1_000 + 700 * (round as u64 * 4 % 10);
        tokio::time::sleep(Duration::from_millis(moment)).await;
        if round % 7 == 2 || round % 7 == 5 {
            kill_postgres(&server);
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        server.kill().await;
        for (talk, sent) in talks.into_iter().zip(&mut sent) {
            sent.extend(talk.await.unwrap().stored_segments());
        }
        server.run().await;
    }
    spool_is_emptied(&server).await;
    let open = "/v1/conversations?statuses=in_progress,processing&limit=1000";
    assert!(sent.iter().any(|sent| !sent.is_empty()));
    for (user, sent) in users.iter().zip(&sent) {
        // Four times as fast as it is spoken, what is said ends later than the clock says now.
        let patience = Duration::from_secs(120 + 10 * count as u64);
        server
            .wait_for(open, &user.token, patience, |list| {
                list.as_array().unwrap().is_empty()
            })
            .await;
        let path = "/v1/conversations?statuses=completed,failed&limit=1000&include_discarded=true";
        let list = server.get(path, &user.token).await.ok();
        let list = list.as_array().unwrap();
        assert!(
            list.iter().all(|one| one["status"] == "completed"),
            "{list:#?}"
        );
        let stored: Vec<_> = list
            .iter()
            .flat_map(|one| one["transcript_segments"].as_array().unwrap().clone())
            .collect();
        assert!(!stored.is_empty());
        for segment in sent {
            let kept = stored.iter().find(|kept| kept["id"] == segment["id"]);
            let kept =
                kept.unwrap_or_else(|| panic!("{segment} was sent and is gone:\n{stored:#?}"));
            let (kept, told) = (
                kept["text"].as_str().unwrap(),
                segment["text"].as_str().unwrap(),
            );
            assert!(kept.starts_with(told), "{told}: {kept}");
        }
        let ids: HashSet<_> = stored.iter().map(|one| one["id"].as_str()).collect();
        assert_eq!(ids.len(), stored.len());
        // No round gives more words than were said in it, but for a few that are heard wrong.
        let heard = text(&stored).split_whitespace().count();
        assert!(
            heard <= count * (words + 4),
            "{heard} of {count} times {words}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_dies_and_comes_back_costs_no_word() {
    let options = ServerOptions {
        private_database: true,
        ..ServerOptions::default()
    };
    let mut server = Server::start_with(options).await;
    let user = server.user("outage@example.org").await;
    let said = speech(5, 0.9);
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    let (before, after) = said.samples.split_at(said.ends[1]);
    device.play_pcm16(before, 3.0).await;
    device
        .read_until(Duration::from_secs(20), |device| {
            !device.segments().is_empty()
        })
        .await;
    kill_postgres(&server);
    device.play_pcm16(after, 3.0).await;
    device
        .read_until(Duration::from_secs(60), |device| {
            error_rate(&said.reference, &text(&device.segments())) <= 0.15
        })
        .await;
    device.read_until_quiet(Duration::from_secs(4)).await;
    assert_eq!(device.closed, None);
    let errors = error_rate(&said.reference, &text(&device.segments()));
    assert!(
        errors <= 0.15,
        "{:.1} %: {}",
        errors * 100.0,
        text(&device.segments())
    );
    let open = server
        .get("/v1/conversations?statuses=in_progress", &user.token)
        .await
        .ok();
    let stored = open[0]["transcript_segments"].as_array().unwrap().clone();
    assert_eq!(text(&stored), text(&device.segments()));
    device.close().await;
    server.stop().await;
}
