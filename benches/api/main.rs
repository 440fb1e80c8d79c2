//! What the Developer API costs beside the database alone: the server and `pgbench` take turns with the same statements
//! over the same durable data. Words after `--` choose cases: `make bench ARGS='--bench api -- create'`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    unused_imports
)]

mod cases;
mod data;
mod load;
mod pgbench;
mod process;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::time::Duration;

use cases::Case;
use data::Data;
use load::Load;
use pgbench::Pgbench;
use process::{ended_seconds, own_seconds, server_seconds};
use support::{Server, ServerOptions};

const WARM_UP: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(8);
/// Server and pgbench take turns so often, so that a noisy minute hits both.
const ROUNDS: u32 = 2;
/// How long a server that has just started is left alone before its idle memory is read.
const SETTLE: Duration = Duration::from_secs(10);

/// `cargo bench` also asks for the tests of a bench.
fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if arguments.iter().any(|it| it == "--list" || it == "--test") {
        return;
    }
    let chosen: Vec<_> = arguments
        .into_iter()
        .filter(|it| !it.starts_with("--"))
        .collect();
    // The generator shares the cores with what it measures: one thread.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(&chosen));
}

async fn measure(chosen: &[String]) {
    let is_chosen = |name: &str| chosen.is_empty() || chosen.iter().any(|it| name.contains(it));
    println!(
        "machine                     {:8} cores, busy before with {}",
        std::thread::available_parallelism().unwrap(),
        process::load_average()
    );
    let data = Data::new().await;
    let cases = Case::all(&data);
    data.fill(0..1).await;
    let mut server = Server::start_with(options(&data)).await;
    tokio::time::sleep(SETTLE).await;
    println!(
        "resident, idle, no model    {:8.1} MiB",
        server.resident_mib()
    );
    let list = &cases[0];
    if is_chosen("users") {
        let alone = cases::turn(&server, list, 1, MEASURED).await;
        data.fill(1..data::USERS).await;
        let among = cases::turn(&server, list, 1, MEASURED).await;
        println!(
            "list of one user            {:8.0}/s alone, {:.0}/s among {} users, ratio {:.2}",
            alone.rate(),
            among.rate(),
            data::USERS,
            among.rate() / alone.rate()
        );
    } else {
        data.fill(1..data::USERS).await;
    }
    data.indexed().await;
    server.stop().await;

    for case in cases.iter().filter(|case| is_chosen(case.name)) {
        let (mut served, mut direct) = (Load::default(), Pgbench::default());
        let (mut of_server, mut beside_server, mut of_pgbench) = (0.0, 0.0, 0.0);
        let (mut database, mut database_alone) = (0.0, 0.0);
        let mut resident = 0.0;
        for _ in 0..ROUNDS {
            // Never both at once: their connections would be too many.
            server.run().await;
            data.indexed().await;
            cases::turn(&server, case, data::USERS, WARM_UP).await;
            let before = (
                server_seconds(&server),
                data.database_seconds(),
                own_seconds(),
            );
            served.add(cases::turn(&server, case, data::USERS, MEASURED).await);
            of_server += server_seconds(&server) - before.0;
            database += data.database_seconds() - before.1;
            beside_server += own_seconds() - before.2;
            resident = f64::max(resident, server.resident_mib());
            server.stop().await;

            pgbench::run(&data, case, WARM_UP).await;
            let before = (data.database_seconds(), ended_seconds());
            direct.add(pgbench::run(&data, case, MEASURED).await);
            database_alone += data.database_seconds() - before.0;
            of_pgbench += ended_seconds() - before.1;
        }
        let served_each = 1e6 / served.count() as f64;
        let direct_each = 1e6 / direct.count as f64;
        let all = (of_server + database + beside_server) * served_each;
        let all_direct = (database_alone + of_pgbench) * direct_each;
        println!(
            "\n{}, {} connections\n  \
             server     {:8.0}/s   p50 {:.2} ms, p99 {:.2} ms, resident after load {:.1} MiB\n  \
             pgbench    {:8.0}/s   mean {:.2} ms\n  \
             ratio      {:8.2}\n  \
             CPU a request: server {:.0} µs, database {:.0} µs, generator {:.0} µs\n  \
             CPU a transaction of pgbench: database {:.0} µs, pgbench {:.0} µs; ratio {:.2}",
            case.name,
            case.connections,
            served.rate(),
            served.percentile(0.50),
            served.percentile(0.99),
            resident,
            direct.rate(),
            direct.mean_ms(),
            served.rate() / direct.rate(),
            of_server * served_each,
            database * served_each,
            beside_server * served_each,
            database_alone * direct_each,
            of_pgbench * direct_each,
            all_direct / all
        );
    }
    drop(server);
    data.close().await;
}

fn options(data: &Data) -> ServerOptions {
    // The database outlives the server: `private_database` only keeps the support from making one.
    let mut options = ServerOptions {
        private_database: true,
        deaf: true,
        ..ServerOptions::default()
    };
    let plenty = || "1000000000".to_string();
    options.env = vec![
        ("DATABASE_URL", data.url()),
        ("OMI_LOG", "info".into()),
        ("OMI_RATE_LIMIT__PER_MINUTE", plenty()),
        ("OMI_RATE_LIMIT__PER_DAY", plenty()),
    ];
    options
}
