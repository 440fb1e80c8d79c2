//! Signing in with an ID token of Firebase.

use std::time::Duration;

use base64::{Engine as _, prelude::*};
use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::support::{
    Server, ServerOptions,
    device::Device,
    firebase::{Key, KeysServer, PROJECT, claims},
};

const PATH: &str = "/v3/memories";
const PATIENCE: Duration = Duration::from_secs(20);

async fn believing(keys: &KeysServer) -> Server {
    Server::start_with(ServerOptions {
        deaf: true,
        env: keys.settings(),
        ..ServerOptions::default()
    })
    .await
}

async fn status(server: &Server, token: &str) -> u16 {
    server.get(PATH, token).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_project_is_a_user_and_any_other_is_not() {
    let key = Key::new("first");
    let keys = KeysServer::start(200, json!({"keys": [key.jwk()]})).await;
    let server = believing(&keys).await;
    let local = server.user("ann@example.org").await;

    // The first request makes the user, and several at once make one.
    let token = key.token("ann");
    let (one, two) = tokio::join!(status(&server, &token), status(&server, &token));
    assert_eq!((one, two), (200, 200));
    let body = json!({"content": "Likes tea"});
    let db = server.pool().await;
    let row: (String, Option<String>, Option<String>) =
        sqlx::query_as("select name, outside_email, password_hash from users where uid = 'ann'")
            .fetch_one(&db)
            .await
            .unwrap();
    assert_eq!(row, ("Ann".into(), Some("ann@example.org".into()), None));
    // The address in the token opens no local account, and takes none over.
    server
        .post("/v1/dev/user/memories", &local.developer_key, body)
        .await
        .ok();
    assert_eq!(server.get(PATH, &token).await.ok(), json!([]));
    assert_eq!(
        server.get(PATH, &local.token).await.ok()[0]["uid"],
        local.uid.as_str()
    );
    // The uid of a token is the uid: one that names a local account is that account.
    let same = server.get(PATH, &key.token(&local.uid)).await.ok();
    assert_eq!(same.as_array().unwrap().len(), 1);
    // Not what keys are for.
    assert_eq!(
        server.get("/v1/dev/user/memories", &token).await.status,
        401
    );
    assert_eq!(server.get("/v1/dev/keys", &token).await.status, 200);

    let changed = |change: &dyn Fn(&mut Value)| {
        let mut claims = claims("ann");
        change(&mut claims);
        key.sign(&claims)
    };
    let now = Utc::now().timestamp();
    let google = "https://securetoken.google.com/";
    for (good, what) in [
        (changed(&|one| one["exp"] = json!(now - 30)), "just expired"),
        (changed(&|one| one["iat"] = json!(now + 30)), "just ahead"),
        (
            changed(&|one| {
                one["aud"] = json!("another");
                one["iss"] = json!(format!("{google}another"));
            }),
            "the other project",
        ),
    ] {
        assert_eq!(status(&server, &good).await, 200, "{what}");
    }
    let mut unknown = Header::new(Algorithm::RS256);
    unknown.kid = Some("first".into());
    let stranger = Key::new("first");
    let mut hmac = Header::new(Algorithm::HS256);
    hmac.kid = Some("first".into());
    let public = key.public_pem();
    let hmac = encode(
        &hmac,
        &claims("ann"),
        &EncodingKey::from_secret(public.as_bytes()),
    )
    .unwrap();
    let unsigned = |algorithm: &str| {
        let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let header = part(json!({"alg": algorithm, "kid": "first", "typ": "JWT"}));
        format!("{header}.{}.", part(claims("ann")))
    };
    let mut nameless = Header::new(Algorithm::RS256);
    nameless.kid = None;
    let private = EncodingKey::from_rsa_pem(key.private_pem().as_bytes()).unwrap();
    let nameless = encode(&nameless, &claims("ann"), &private).unwrap();
    let cut = {
        let parts: Vec<_> = token.split('.').collect();
        let other = key.token("ben");
        let payload = other.split('.').nth(1).unwrap();
        format!("{}.{payload}.{}", parts[0], parts[2])
    };
    let refused = [
        (changed(&|one| one["exp"] = json!(now - 61)), "expired"),
        (
            changed(&|one| one["iat"] = json!(now + 120)),
            "from the future",
        ),
        (
            changed(&|one| one["auth_time"] = json!(now + 120)),
            "signed in in the future",
        ),
        (changed(&|one| one["sub"] = json!("")), "no uid"),
        (
            changed(&|one| one["sub"] = json!("u".repeat(129))),
            "long uid",
        ),
        (changed(&|one| one["sub"] = json!(7)), "uid is a number"),
        (changed(&|one| one["aud"] = json!("elsewhere")), "audience"),
        (
            changed(&|one| one["aud"] = json!(["elsewhere", PROJECT])),
            "audiences",
        ),
        (
            changed(&|one| one["iss"] = json!(format!("{google}another"))),
            "the issuer of the other project",
        ),
        (
            changed(&|one| {
                one.as_object_mut().unwrap().remove("exp");
            }),
            "no end",
        ),
        (stranger.token("ann"), "another's signature"),
        (hmac, "the public key as a password"),
        (unsigned("none"), "not signed"),
        (unsigned("RS256"), "an empty signature"),
        (nameless, "no key id"),
        (cut, "another payload"),
        ("a.b.c".into(), "no token"),
        ("..".into(), "two dots"),
        (format!("{}.x.y", "a".repeat(5000)), "long"),
    ];
    for (token, what) in &refused {
        let answer = server.get(PATH, token).await;
        assert_eq!(answer.status, 401, "{what}: {answer:#?}");
        assert_eq!(
            answer.body["detail"], "Invalid authorization token",
            "{what}"
        );
    }
    // The sockets see the same.
    let query = "language=en&sample_rate=16000&codec=pcm16";
    assert!(Device::connect(&server, &token, query).await.is_ok());
    for (token, what) in [&refused[0], &refused[12]] {
        let connected = Device::connect(&server, token, query).await;
        assert!(connected.is_err(), "{what}");
    }
    for (token, success) in [(&token, true), (&refused[0].0, false)] {
        let path = format!("/v4/web/listen?{query}");
        let mut device = Device::connect_to(&server, "", &path).await.unwrap();
        device.say(json!({"type": "auth", "token": token})).await;
        device
            .read_until(PATIENCE, |device| {
                !device.events("auth_response").is_empty()
            })
            .await;
        assert_eq!(device.messages[0]["success"], success);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_may_change_and_their_address_may_be_down() {
    let (first, second) = (Key::new("first"), Key::new("second"));
    let keys = KeysServer::start(503, json!({})).await;
    let server = believing(&keys).await;
    let token = first.token("ann");
    // Nobody is signed out because of it.
    let answer = server.get(PATH, &token).await;
    assert_eq!(answer.status, 503, "{answer:#?}");
    // What was made here needs no keys.
    let local = server.user("ben@example.org").await;
    assert_eq!(status(&server, &local.token).await, 200);

    // As certificates by key id.
    keys.publish(200, json!({"first": first.certificate()}));
    let until = async |token: &str, wanted: u16| {
        let start = tokio::time::Instant::now();
        while status(&server, token).await != wanted {
            assert!(start.elapsed() < PATIENCE, "{wanted}\n{}", server.log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    until(&token, 200).await;
    let before = keys.asked();
    // Many keys that nobody knows do not become many questions.
    for n in 0..40 {
        let made_up = Header {
            kid: Some(format!("unknown {n}")),
            ..Header::new(Algorithm::RS256)
        };
        let private = EncodingKey::from_rsa_pem(second.private_pem().as_bytes()).unwrap();
        let token = encode(&made_up, &claims("ann"), &private).unwrap();
        assert_eq!(status(&server, &token).await, 401);
    }
    assert!(keys.asked() <= before + 3, "{} {before}", keys.asked());

    keys.publish(200, json!({"keys": [second.jwk()]}));
    until(&second.token("ann"), 200).await;
    assert_eq!(status(&server, &first.token("ann")).await, 401);
    keys.publish(500, json!({}));
    until(&first.token("ann"), 503).await;
    assert_eq!(status(&server, &second.token("cleo")).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn newcomers_may_be_refused_without_being_signed_out() {
    let key = Key::new("first");
    let keys = KeysServer::start(200, json!({"keys": [key.jwk()]})).await;
    let mut env = keys.settings();
    env.push(("OMI_FIREBASE__NEWCOMERS", "ann@example.org".into()));
    let server = Server::start_with(ServerOptions {
        deaf: true,
        env,
        ..ServerOptions::default()
    })
    .await;
    let local = server.user("ben@example.org").await;
    let verified = |uid: &str| {
        let mut claims = claims(uid);
        claims["email_verified"] = json!(true);
        key.sign(&claims)
    };
    for _ in 0..2 {
        assert_eq!(status(&server, &verified("ann")).await, 200);
        assert_eq!(status(&server, &verified("cleo")).await, 403);
    }
    // Not verified, but she has an account by now; so has he, whatever his address.
    assert_eq!(status(&server, &key.token("ann")).await, 200);
    assert_eq!(status(&server, &verified(&local.uid)).await, 200);
    let users: i64 = sqlx::query_scalar("select count(*) from users")
        .fetch_one(&server.pool().await)
        .await
        .unwrap();
    assert_eq!(users, 2);
}

#[tokio::test]
async fn without_a_project_no_token_counts() {
    let server = Server::deaf().await;
    let answer = server.get(PATH, &Key::new("first").token("ann")).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_deleted_their_account_begins_anew() {
    let key = Key::new("first");
    let keys = KeysServer::start(200, json!({"keys": [key.jwk()]})).await;
    let server = believing(&keys).await;
    let token = key.token("ann");
    let people = "/v1/users/people";
    let carol = json!({"name": "Carol"});
    server.post(people, &token, carol.clone()).await.ok();
    let profile = server.get("/v1/users/profile", &token).await.ok();
    assert_eq!(profile["email"], "ann@example.org");
    let path = "/v1/users/delete-account";
    let answer = server
        .send(reqwest::Method::DELETE, path, Some(&token), None)
        .await;
    assert_eq!(answer.status, 200, "{answer:#?}");
    // The same token, which does not end for an hour: nothing is left of what was, and nothing goes wrong.
    server
        .wait_for(people, &token, PATIENCE, |people| *people == json!([]))
        .await;
    let made = server.post(people, &token, carol).await;
    assert_eq!(made.status, 200, "{made:#?}");
}
