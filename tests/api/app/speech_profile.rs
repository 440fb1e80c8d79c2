//! `/v3/speech-profile`, `/v4/speech-profile`, `/v3/upload-audio`

use std::path::PathBuf;

use omi_server::platform::audio::{file, stored};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Server, material,
    server::{Answer, User, client},
};

const STANDING: &str = "/v3/speech-profile";
const ADDRESS: &str = "/v4/speech-profile";

/// What somebody says for some ten seconds, with a long pause in the middle.
fn voice() -> Vec<i16> {
    let folder = material::recordings().join("librivox");
    let mut samples = Vec::new();
    for number in ["0870", "0880"] {
        let name = format!("sense_and_sensibility_01_austen_64kb-{number}.wav");
        samples.extend(file::read(&folder.join(name)).unwrap());
        samples.extend([0; 64_000]);
    }
    samples
}

fn wav(samples: &[i16]) -> Vec<u8> {
    let mut bytes = stored::wav_head(samples.len() as u64).to_vec();
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}

async fn upload(server: &Server, user: &User, field: &str, file: Vec<u8>) -> Answer {
    let head = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"a.wav\"\r\n\r\n"
    );
    let mut body = head.into_bytes();
    body.extend(file);
    body.extend(b"\r\n--edge--\r\n");
    let request = client()
        .post(format!("{}/v3/upload-audio", server.url))
        .bearer_auth(&user.token)
        .header("content-type", "multipart/form-data; boundary=edge")
        .body(body);
    Answer::of(request.send().await.unwrap()).await
}

/// Has the user's voice kept.
pub async fn keep(server: &Server, user: &User) {
    upload(server, user, "file", wav(&voice())).await.ok();
}

fn files(server: &Server) -> Vec<PathBuf> {
    let Ok(folders) = std::fs::read_dir(server.data_dir.join("voices")) else {
        return Vec::new();
    };
    folders
        .flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect()
}

async fn has_profile(server: &Server, user: &User) -> bool {
    let standing = server.get(STANDING, &user.token).await.ok();
    standing["has_profile"].as_bool().unwrap()
}

#[tokio::test]
async fn a_voice_is_kept_played_and_replaced() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    assert!(!has_profile(&server, &ann).await);
    let address = server.get(ADDRESS, &ann.token).await.ok();
    assert_eq!(address, json!({"url": null}));

    let samples = voice();
    let kept = upload(&server, &ann, "file", wav(&samples)).await.ok();
    assert!(has_profile(&server, &ann).await);
    assert!(!has_profile(&server, &ben).await);
    // Both addresses lead there without a credential, as a player asks.
    let again = server.get(ADDRESS, &ann.token).await.ok();
    for url in [&kept["url"], &again["url"]] {
        let url = url.as_str().unwrap();
        assert!(url.starts_with(&server.url), "{url}");
        let whole = client().get(url).send().await.unwrap();
        assert_eq!(whole.status(), 200);
        assert_eq!(whole.headers()["content-type"], "audio/wav");
        let whole = whole.bytes().await.unwrap();
        let part = client().get(url).header("range", "bytes=44-143");
        let part = part.send().await.unwrap();
        assert_eq!(part.status(), 206);
        assert_eq!(part.bytes().await.unwrap(), whole[44..144]);
        // The pauses are gone, and nothing that was said.
        let seconds = (whole.len() - 44) as f64 / 32_000.0;
        let spoken = samples.len() as f64 / 16_000.0 - 8.0;
        assert!(
            (spoken - 1.0..spoken + 2.0).contains(&seconds),
            "{seconds} of {spoken}"
        );
        assert_eq!(&whole[..4], b"RIFF");
    }
    // A link says whose it is and until when, and neither can be changed.
    let url = kept["url"].as_str().unwrap();
    let (rest, seal) = url.rsplit_once('-').unwrap();
    let (front, until) = rest.rsplit_once('/').unwrap();
    let (front, _) = front.rsplit_once('/').unwrap();
    let later = until.parse::<i64>().unwrap() + 1;
    let earlier = until.parse::<i64>().unwrap() - 7200;
    let (own, others) = (hex::encode(&ann.uid), hex::encode(&ben.uid));
    for wrong in [
        format!("{front}/{own}/{later}-{seal}"),
        format!("{front}/{own}/{earlier}-{seal}"),
        format!("{front}/{others}/{until}-{seal}"),
        format!("{front}/{own}/{until}-{}", &seal[1..]),
        format!("{front}/{own}/{until}"),
        format!("{front}/{own}/-"),
        format!("{front}/00/{until}-{seal}"),
        format!("{front}/zz/{until}-{seal}"),
        format!("{front}/%FF/{until}-{seal}"),
    ] {
        let answer = client().get(&wrong).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{wrong}");
        let told: Value = answer.json().await.unwrap();
        assert_eq!(told["detail"], "Speech profile not found", "{wrong}");
    }
    // What comes later is in its place; links to what was there lead nowhere.
    let first = files(&server);
    assert_eq!(first.len(), 1);
    let newer = upload(&server, &ann, "file", wav(&samples[..160_000]))
        .await
        .ok();
    let second = files(&server);
    assert_eq!(second.len(), 1);
    assert_ne!(first, second);
    assert_eq!(client().get(url).send().await.unwrap().status(), 404);
    let newer = newer["url"].as_str().unwrap();
    assert_eq!(client().get(newer).send().await.unwrap().status(), 200);
    // Several at once leave one.
    let at_once = (0..4).map(|_| upload(&server, &ann, "file", wav(&samples)));
    for answer in futures_util::future::join_all(at_once).await {
        answer.ok();
    }
    assert_eq!(files(&server).len(), 1);

    // One that is older than 90 days is none.
    let db = server.pool().await;
    let age = async |days: i32| {
        sqlx::query("update speech_profiles set recorded_at = now() - make_interval(days => $2) where uid = $1")
            .bind(&ann.uid)
            .bind(days)
            .execute(&db)
            .await
            .unwrap();
    };
    age(89).await;
    assert!(has_profile(&server, &ann).await);
    age(91).await;
    assert!(!has_profile(&server, &ann).await);

    // A file that is lost is no mistake of the server.
    std::fs::remove_file(&files(&server)[0]).unwrap();
    let url = server.get(ADDRESS, &ann.token).await.ok();
    let url = url["url"].as_str().unwrap();
    assert_eq!(client().get(url).send().await.unwrap().status(), 404);
    keep(&server, &ann).await;
    assert!(has_profile(&server, &ann).await);
}

#[tokio::test]
async fn what_is_no_voice_is_refused_in_the_words_that_the_app_looks_for() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let long = vec![0; 125 * 16_000];
    for (file, words) in [
        (wav(&voice()[..64_000]), "audio duration is invalid"),
        (wav(&long), "audio duration is invalid"),
        (wav(&[0; 160_000]), "audio is empty"),
        (b"RIFF\0\0\0\0WAVE".to_vec(), "cannot be read"),
        (b"no sound at all".to_vec(), "cannot be read"),
        (Vec::new(), "cannot be read"),
    ] {
        let refused = upload(&server, &ann, "file", file).await;
        assert_eq!(refused.status, 400, "{words}: {refused:#?}");
        let told = refused.body["detail"].as_str().unwrap().to_lowercase();
        assert!(told.contains(words), "{words}: {told}");
    }
    let mut telephone = wav(&voice());
    telephone[24..28].copy_from_slice(&8_000_u32.to_le_bytes());
    let refused = upload(&server, &ann, "file", telephone).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.body["detail"], "Invalid codec, must be opus 16khz.");
    let refused = upload(&server, &ann, "files", wav(&voice())).await;
    assert_eq!(refused.status, 422, "{refused:#?}");
    let large = upload(&server, &ann, "file", vec![0; 8 * 1024 * 1024 + 1000]).await;
    assert_eq!(large.status, 413, "{large:#?}");
    assert!(!has_profile(&server, &ann).await);
    assert!(files(&server).is_empty());

    // There are no more samples of it, and of nobody else.
    let more = "/v3/speech-profile/expand";
    for query in ["", "?person_id=null", "?person_id=p"] {
        let found = server.get(&format!("{more}{query}"), &ann.token).await.ok();
        assert_eq!(found, json!([]));
    }
    let gone = format!("{more}?memory_id=a&segment_idx=0&person_id=null");
    let gone = server
        .send(Method::DELETE, &gone, Some(&ann.token), None)
        .await;
    assert_eq!(gone.ok(), json!({"status": "ok"}));
}
