//! An hour of speech in `make soak`, two minutes else: no word is lost, times stay true, memory stays as it is.

use std::time::Duration;

use super::{error_rate, query, speech};
use crate::support::{
    Server,
    device::{Device, text},
    rounds,
};

const SPEED: f64 = 8.0;
/// What an utterance has behind its last word, in seconds.
const BEHIND: f64 = 0.35;

#[tokio::test(flavor = "multi_thread")]
async fn who_talks_for_long_is_heard_to_the_end() {
    let server = Server::start().await;
    let user = server.user("ann@example.org").await;
    let said = speech(5, 0.9);
    let round = said.samples.len() as f64 / 16_000.0;
    let count = rounds(4, (3600.0 / round) as usize + 1);
    let mut device = Device::ready(&server, &user.token, &query("pcm16")).await;
    let mut resident = Vec::new();
    for _ in 0..count {
        device.play_pcm16(&said.samples, SPEED).await;
        resident.push(server.resident_mib());
    }
    let reference = vec![said.reference.trim(); count].join(" ");
    let words = reference.split_whitespace().count();
    device
        .read_until(Duration::from_secs(300), |device| {
            let heard = text(&device.segments()).split_whitespace().count();
            heard as f64 > words as f64 * 0.9
        })
        .await;
    device.read_until_quiet(Duration::from_secs(6)).await;
    let segments = device.segments();
    let errors = error_rate(&reference, &text(&segments));
    assert!(errors <= 0.1, "{:.1} %", errors * 100.0);

    // The last word ends where it was said, counted from the first.
    let begin = said
        .samples
        .iter()
        .position(|sample| sample.unsigned_abs() > 1_000);
    let expected = round * (count - 1) as f64 + (said.ends[4] - begin.unwrap()) as f64 / 16_000.0;
    let end = segments.last().unwrap()["end"].as_f64().unwrap();
    let drift = end - expected;
    println!(
        "{count} rounds: errors {:.1} %, drift {drift:.2} s, resident {resident:.0?} MiB",
        errors * 100.0
    );
    assert!(drift.abs() < 0.5 + BEHIND, "{end} instead of {expected}");
    let (early, late) = (resident[count / 4], resident[count - 1]);
    assert!(late < early + 48.0, "{resident:?}");
    device.close().await;
}
