//! Limits: the same on every instance of one database, told with every answer, kept over a restart.

use chrono::Utc;
use omi_server::config::Config;
use reqwest::Method;

use super::integration::importer::{ALL, Importer};
use crate::support::{
    Server, ServerOptions,
    server::{Answer, User},
};

const MEMORIES: &str = "/v1/dev/user/memories?limit=1";

async fn limited(env: Vec<(&'static str, String)>) -> Server {
    Server::start_with(ServerOptions {
        deaf: true,
        env,
        ..ServerOptions::default()
    })
    .await
}

async fn ask(server: &Server, user: &User) -> Answer {
    server.get(MEMORIES, &user.developer_key).await
}

fn number(answer: &Answer, header: &str) -> i64 {
    let value = answer.headers.get(header);
    let value = value.unwrap_or_else(|| panic!("{header} is missing: {answer:#?}"));
    value.to_str().unwrap().parse().unwrap()
}

#[track_caller]
fn assert_used_up(answer: &Answer, limit: &str) {
    assert_eq!(answer.status, 429, "{answer:#?}");
    assert_eq!(answer.body["error"]["code"], "rate_limited");
    let wait = number(answer, "retry-after");
    let sentence = format!("Rate limit exceeded ({limit}). Try again in {wait}s.");
    assert_eq!(answer.body["detail"], sentence);
    assert!(wait >= 1);
    assert_eq!(number(answer, "x-ratelimit-remaining"), 0);
    let reset = number(answer, "x-ratelimit-reset");
    assert!(
        (reset - Utc::now().timestamp() - wait).abs() <= 2,
        "{answer:#?}"
    );
}

/// Minutes are whole ones: a test that counts within one starts early in it.
async fn early_in_a_minute() {
    let second = Utc::now().timestamp() % 60;
    if second > 35 {
        tokio::time::sleep(std::time::Duration::from_secs(61 - second as u64)).await;
    }
}

#[tokio::test]
async fn every_answer_tells_exactly_and_each_key_has_its_own_minute() {
    let server = limited(vec![("OMI_RATE_LIMIT__PER_MINUTE", "25".into())]).await;
    let ann = server.user("ann@example.org").await;
    early_in_a_minute().await;
    for left in (0..25).rev() {
        // A refusal for another reason counts and tells as well.
        let answer = match left {
            20 => {
                server
                    .get("/v1/dev/user/memories?limit=0", &ann.developer_key)
                    .await
            }
            _ => ask(&server, &ann).await,
        };
        assert_eq!(answer.status, if left == 20 { 422 } else { 200 });
        assert_eq!(number(&answer, "x-ratelimit-limit"), 25);
        assert_eq!(number(&answer, "x-ratelimit-remaining"), left);
        let reset = number(&answer, "x-ratelimit-reset") - Utc::now().timestamp();
        assert!((0..=60).contains(&reset), "{reset}");
    }
    assert_used_up(&ask(&server, &ann).await, "25 requests per minute");
    // Scopes come first: what a key may never do is no matter of time.
    let read_only = server
        .cli(&[
            "key",
            "create",
            "--email",
            "ann@example.org",
            "--kind",
            "developer",
            "--name",
            "other",
        ])
        .await;
    let refused = server
        .post("/v1/dev/user/memories", &read_only, serde_json::json!({}))
        .await;
    assert_eq!(refused.status, 403);
    let other = server.get(MEMORIES, &read_only).await;
    assert_eq!(
        (other.status, number(&other, "x-ratelimit-remaining")),
        (200, 24)
    );
    // A signed-in user has a limit of their own.
    let user = server.get("/v3/memories", &ann.token).await;
    assert_eq!(number(&user, "x-ratelimit-limit"), 1200);
    // An assistant's key has the limit of keys.
    let message = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let assistant = server.post("/v1/mcp/sse", &ann.mcp_key, message).await;
    assert_eq!(
        number(&assistant, "x-ratelimit-limit"),
        25,
        "{assistant:#?}"
    );
}

#[tokio::test]
async fn a_day_is_shared_by_keys_instances_and_restarts() {
    let env = || {
        vec![
            ("OMI_RATE_LIMIT__PER_MINUTE", "0".into()),
            ("OMI_RATE_LIMIT__PER_DAY", "60".into()),
        ]
    };
    // Not across midnight.
    if Utc::now().timestamp() % 86_400 > 86_400 - 60 {
        tokio::time::sleep(std::time::Duration::from_secs(61)).await;
    }
    let mut first = limited(env()).await;
    let mut beside = env();
    beside.push(("DATABASE_URL", first.database.as_ref().unwrap().url.clone()));
    let second = limited(beside).await;
    let ann = first.user("ann@example.org").await;
    let ben = first.user("ben@example.org").await;

    for round in 0..10 {
        assert_eq!(ask(&first, &ann).await.status, 200, "{round}");
        assert_eq!(ask(&second, &ann).await.status, 200, "{round}");
        assert_eq!(first.get(MEMORIES, &ann.developer_key).await.status, 200);
    }
    // 30 are used. A stop gives back what was leased and not used, so nothing is lost.
    first.stop().await;
    first.run().await;
    let mut answered = 30;
    loop {
        let server = if answered % 2 == 0 { &first } else { &second };
        let answer = ask(server, &ann).await;
        if answer.status != 200 {
            assert_used_up(&answer, "60 requests per day");
            break;
        }
        answered += 1;
        assert!(answered <= 60, "more than the limit was granted");
    }
    // What one instance has leased, the other cannot grant: less than a lease is missing.
    assert!(answered > 60 - 3, "{answered}");
    let mut rest = 0;
    for server in [&first, &second] {
        while ask(server, &ann).await.status == 200 {
            rest += 1;
        }
    }
    assert_eq!(answered + rest, 60, "together exactly the limit");

    // Killed, an instance takes the rest of its lease with it and grants nothing twice.
    assert_eq!(ask(&second, &ben).await.status, 200);
    let mut granted = 1;
    assert_eq!(ask(&first, &ben).await.status, 200);
    granted += 1;
    first.kill().await;
    first.run().await;
    for server in [&first, &second] {
        while ask(server, &ben).await.status == 200 {
            granted += 1;
        }
    }
    assert!((58..=60).contains(&granted), "{granted}");
    assert_used_up(&ask(&first, &ann).await, "60 requests per day");
}

#[tokio::test]
async fn off_means_off_and_an_hourly_limit_names_its_policy() {
    let server = limited(vec![
        ("OMI_RATE_LIMIT__PER_MINUTE", "0".into()),
        ("OMI_RATE_LIMIT__PER_DAY", "0".into()),
        ("OMI_RATE_LIMIT__MEMORIES_PER_HOUR", "2".into()),
    ])
    .await;
    let ann = server.user("ann@example.org").await;
    let told = ask(&server, &ann).await;
    assert_eq!(told.status, 200);
    assert!(!told.headers.contains_key("x-ratelimit-limit"));
    let state = async |content: &str| {
        let body = serde_json::json!({"content": content});
        server
            .post("/v1/dev/user/memories", &ann.developer_key, body)
            .await
    };
    assert_eq!(state("likes tea").await.status, 200);
    let second = state("likes milk").await;
    assert_eq!(number(&second, "x-ratelimit-remaining"), 0);
    assert_used_up(&state("likes rain").await, "dev:memories");
    assert_eq!(ask(&server, &ann).await.status, 200);
}

#[tokio::test]
async fn an_app_brings_so_much_an_hour_for_each_user() {
    let (defaults, _) = Config::load(None, []).unwrap();
    let defaults = defaults.rate_limit;
    let server = limited(vec![
        (
            "OMI_RATE_LIMIT__IMPORT_CONVERSATIONS_PER_HOUR",
            defaults.import_conversations_per_hour.to_string(),
        ),
        (
            "OMI_RATE_LIMIT__IMPORT_MEMORIES_PER_HOUR",
            defaults.import_memories_per_hour.to_string(),
        ),
    ])
    .await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let app = Importer::new(&server, "ann@example.org", ALL).await;
    let other = Importer::new(&server, "ann@example.org", ALL).await;
    for app in [&app, &other] {
        app.enabled_by(&ann).await.enabled_by(&ben).await;
    }
    // Not across the end of an hour.
    if Utc::now().timestamp() % 3600 > 3600 - 60 {
        tokio::time::sleep(std::time::Duration::from_secs(61)).await;
    }
    let memory = serde_json::json!({"memories": [{"content": "User likes tea"}]});
    let text = serde_json::json!({"text": "We walked to the lake."});
    for (rest, body, most, policy) in [
        ("user/conversations", text, 10, "integration:conversations"),
        ("user/memories", memory, 60, "integration:memories"),
    ] {
        for left in (0..most).rev() {
            let answer = app.post(rest, &ann.uid, body.clone()).await;
            assert_eq!(answer.status, 200, "{answer:#?}");
            assert_eq!(number(&answer, "x-ratelimit-limit"), most);
            assert_eq!(number(&answer, "x-ratelimit-remaining"), left);
        }
        assert_used_up(&app.post(rest, &ann.uid, body.clone()).await, policy);
        // Another user and another app have their own, and reading goes on.
        assert_eq!(app.post(rest, &ben.uid, body.clone()).await.status, 200);
        assert_eq!(other.post(rest, &ann.uid, body).await.status, 200);
        assert_eq!(app.get("memories", &ann.uid).await.status, 200);
    }
}

#[tokio::test]
async fn guessing_is_slowed_down_and_real_keys_are_not() {
    let server = limited(vec![("OMI_RATE_LIMIT__FAILURES_PER_MINUTE", "5".into())]).await;
    let ann = server.user("ann@example.org").await;
    let guess = format!("omi_dev_{}", "0".repeat(32));
    let mut refused = None;
    for _ in 0..8 {
        let answer = server.get(MEMORIES, &guess).await;
        if answer.status == 429 {
            refused = Some(answer);
        }
    }
    let refused = refused.expect("guessing goes on and on");
    assert!(number(&refused, "retry-after") >= 1);
    // Nothing shown is nothing guessed, and the real key behind the same address works.
    assert_eq!(
        server.send(Method::GET, MEMORIES, None, None).await.status,
        401
    );
    assert_eq!(ask(&server, &ann).await.status, 200);
    // Passwords are counted apart, and guesses that come at once count one after the other.
    let login = async |password: &str| {
        let login = serde_json::json!({"email": "ann@example.org", "password": password});
        server
            .send(Method::POST, "/v1/auth/login", None, Some(login))
            .await
            .status
    };
    assert_eq!(login("wrong").await, 401);
    let answers = futures_util::future::join_all((0..40).map(|_| login("wrong"))).await;
    let looked_at = answers.iter().filter(|status| **status == 401).count();
    assert!((1..=12).contains(&looked_at), "{answers:?}");
    assert!(answers.contains(&429), "{answers:?}");
    assert!([401, 429].contains(&login("wrong").await));
    assert_eq!(login("wrong").await, 429);
}

#[tokio::test]
async fn many_requests_at_once_take_one_lease_and_a_stop_gives_back_the_rest() {
    let mut server = limited(vec![("OMI_RATE_LIMIT__PER_DAY", "10000".into())]).await;
    let ann = server.user("ann@example.org").await;
    let at_once = futures_util::future::join_all((0..40).map(|_| ask(&server, &ann))).await;
    assert!(at_once.iter().all(|answer| answer.status == 200));
    let db = server.pool().await;
    let taken = async || {
        let sum = "select sum(taken)::bigint from rate_windows where bucket = 'day'";
        let sum: i64 = sqlx::query_scalar(sum).fetch_one(&db).await.unwrap();
        sum
    };
    assert_eq!(taken().await, 100, "one lease");
    server.stop().await;
    assert_eq!(taken().await, 40, "what was used");
    db.close().await;
}
