//! The cases: a request of the API, and the statement behind it as pgbench runs it.

use std::time::Duration;

use super::{
    data::{self, Data, FIRST_UID},
    load::{self, Load},
    support::Server,
};

pub struct Case {
    pub name: &'static str,
    pub connections: usize,
    /// Appends the bytes of request number `n`, by one of the first `users` users.
    pub request: Box<Request>,
    /// What pgbench runs.
    pub script: String,
}

type Request = dyn Fn(u64, u64, &mut Vec<u8>);

impl Case {
    pub fn all(data: &Data) -> Vec<Self> {
        vec![list(data), get(data), create(data)]
    }
}

/// Puts the case to the server for a while.
pub async fn turn(server: &Server, case: &Case, users: u64, time: Duration) -> Load {
    let address = server.url.strip_prefix("http://").unwrap();
    let request = |n, bytes: &mut Vec<u8>| (case.request)(n, users, bytes);
    load::run(address, case.connections, time, &request).await
}

fn list(data: &Data) -> Case {
    let heads = heads(data, "GET /v1/dev/user/memories?limit=25 HTTP/1.1");
    let values = [":uid", "nullif(:none, 'none')::text[]", ":limit", ":offset"];
    let statement = statement(
        "select id, content, category",
        "order by scoring desc, created_at desc, id\n         limit $3 offset $4",
        &values,
    );
    Case {
        name: "list of 25 memories",
        connections: 16,
        request: Box::new(move |n, users, bytes| {
            bytes.extend_from_slice(&heads[(mixed(n) % users) as usize]);
            bytes.extend_from_slice(b"\r\n");
        }),
        script: format!(
            "{}\\set limit 25\n\\set offset 0\n{statement};\n",
            any_user()
        ),
    }
}

fn get(data: &Data) -> Case {
    let tails: Vec<_> = data
        .keys
        .iter()
        .map(|key| format!(" HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n"))
        .collect();
    let values = [":uid", "lpad(:n, 32, '0')::uuid"];
    let statement = statement(
        "select id, content, category",
        "from memories where uid = $1 and id = $2",
        &values,
    );
    Case {
        name: "get of a memory",
        connections: 16,
        request: Box::new(move |n, users, bytes| {
            let random = mixed(n);
            let user = random % users;
            let number = (random >> 32) % data::MEMORIES * data::USERS + user;
            let id = uuid::Uuid::from_u128(decimal(number));
            bytes.extend_from_slice(b"GET /v1/dev/user/memories/");
            bytes.extend_from_slice(id.hyphenated().to_string().as_bytes());
            bytes.extend_from_slice(tails[user as usize].as_bytes());
        }),
        script: format!(
            "{}\\set n random(0, {}) * {} + :uid - {FIRST_UID}\n{statement};\n",
            any_user(),
            data::MEMORIES - 1,
            data::USERS
        ),
    }
}

/// What pgbench inserts, as the server would send it. A blank behind each colon: `:true` would be a variable.
const CREATED: &str = r#"('[{"id": "' || gen_random_uuid() || '", "content": "Pays for the evening train with card ' || :card
    || ' since spring.", "category": "interesting", "visibility": "private", "tags": [], "headline": null,
    "conversation_id": null, "app_id": null, "manually_added": true, "reviewed": true, "user_review": true,
    "edited": false, "scoring": "01_998_1767225600", "created_at": "' || now() || '", "updated_at": "' || now() || '"}]')::jsonb"#;

fn create(data: &Data) -> Case {
    let heads = heads(data, "POST /v1/dev/user/memories HTTP/1.1");
    let statement = statement(
        "insert into memories (",
        "where memories.content = excluded.content",
        &[":uid", CREATED],
    );
    // Another content in every turn.
    let turn = std::cell::Cell::new(0);
    Case {
        name: "durable create of a memory",
        connections: 32,
        request: Box::new(move |n, users, bytes| {
            if n == 0 {
                turn.set(turn.get() + 1);
            }
            let random = mixed((turn.get() << 40) + n);
            bytes.extend_from_slice(&heads[(random % users) as usize]);
            let body = format!(
                r#"{{"content":"Pays for the evening train with card {random:020} since spring."}}"#
            );
            let length = body.len();
            let head =
                format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
            bytes.extend_from_slice(head.as_bytes());
            bytes.extend_from_slice(body.as_bytes());
        }),
        script: format!(
            "{}\\set card random(1000000000000000000, 9000000000000000000)\n{statement};\n",
            any_user()
        ),
    }
}

/// Request line and headers of each user, the last blank line left out.
fn heads(data: &Data, line: &str) -> Vec<Vec<u8>> {
    let head =
        |key| format!("{line}\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n").into_bytes();
    data.keys.iter().map(head).collect()
}

/// The id whose 32 digits read as this number in decimal.
fn decimal(number: u64) -> u128 {
    u128::from_str_radix(&number.to_string(), 16).unwrap()
}

/// The server's own statement that starts and ends so, as its query cache has it, with what pgbench puts for its parameters.
fn statement(start: &str, end: &str, values: &[&str]) -> String {
    let cache = concat!(env!("CARGO_MANIFEST_DIR"), "/.sqlx");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(cache).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let query: serde_json::Value = serde_json::from_str(&text).unwrap();
        let query = query["query"].as_str().unwrap().to_string();
        if query.starts_with(start) && query.ends_with(end) {
            found.push(query);
        }
    }
    assert_eq!(found.len(), 1, "statements {start:?} … {end:?}: {found:#?}");
    let mut statement = found.remove(0);
    for (n, value) in values.iter().enumerate().rev() {
        statement = statement.replace(&format!("${}", n + 1), value);
    }
    assert!(!statement.contains('$'), "more parameters: {statement}");
    statement
}

fn any_user() -> String {
    let last = FIRST_UID + data::USERS - 1;
    format!("\\set uid random({FIRST_UID}, {last})\n")
}

/// Spreads consecutive numbers over all 64 bits.
fn mixed(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}
