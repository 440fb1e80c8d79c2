//! A lean load generator: connections that are kept alive, ready-made bytes, and as little reading of answers as will do.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// What was answered, and how fast.
#[derive(Default)]
pub struct Load {
    /// Sorted, in microseconds.
    latencies: Vec<u32>,
    seconds: f64,
}

impl Load {
    pub fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.latencies.sort_unstable();
        self.seconds += other.seconds;
    }

    pub fn count(&self) -> usize {
        self.latencies.len()
    }

    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.count() as f64 / self.seconds
    }

    /// In milliseconds.
    pub fn percentile(&self, part: f64) -> f64 {
        let last = self.latencies.len() - 1;
        f64::from(self.latencies[(last as f64 * part) as usize]) / 1000.0
    }
}

/// Sends requests over so many connections, the next as soon as the last is answered, until the time is over. Every answer
/// must be a 200 with a body.
pub async fn run(
    address: &str,
    connections: usize,
    time: Duration,
    request: &dyn Fn(u64, &mut Vec<u8>),
) -> Load {
    let start = Instant::now();
    let next = std::cell::Cell::new(0);
    let connection = || async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (mut bytes, mut answer, mut latencies) = (Vec::new(), Vec::new(), Vec::new());
        while start.elapsed() < time {
            bytes.clear();
            request(next.replace(next.get() + 1), &mut bytes);
            let sent = Instant::now();
            stream.write_all(&bytes).await.unwrap();
            read_answer(&mut stream, &mut answer).await;
            latencies.push(sent.elapsed().as_micros() as u32);
        }
        latencies
    };
    let all = futures_util::future::join_all((0..connections).map(|_| connection())).await;
    let mut latencies = all.concat();
    latencies.sort_unstable();
    Load {
        latencies,
        seconds: start.elapsed().as_secs_f64(),
    }
}

async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) {
    answer.clear();
    let mut whole = usize::MAX;
    while answer.len() < whole {
        let read = stream.read_buf(answer).await.unwrap();
        assert!(read > 0, "closed: {}", String::from_utf8_lossy(answer));
        if whole == usize::MAX
            && let Some(end) = find(answer, b"\r\n\r\n")
        {
            whole = end + 4 + content_length(&answer[..end]);
        }
    }
    let text = || String::from_utf8_lossy(answer);
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", text());
    // `[]` and `{}` are empty too.
    assert!(
        !answer.ends_with(b"\n[]") && !answer.ends_with(b"\n{}"),
        "{}",
        text()
    );
}

fn content_length(head: &[u8]) -> usize {
    let name = b"content-length: ";
    let from = find(head, name).expect("an answer without a length") + name.len();
    let digits = head[from..].iter().take_while(|byte| byte.is_ascii_digit());
    let length = digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
    assert!(length > 0, "an empty answer");
    length
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
