//! `omi-server serve`

use std::{future::IntoFuture as _, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use axum::{ServiceExt, extract::Request, serve::ListenerExt as _};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{prepare_data_dir, say, source};
use crate::{
    app::{App, Handles},
    config::Config,
    features::{
        accounts,
        credentials::Known,
        identities::{Firebase, Providers, ServiceAccount},
        listening::LiveSessions,
        search::Vectors,
    },
    platform::{
        backup,
        database::{self, Database},
        embeddings::{self, Embedder},
        idempotency, jobs,
        language::Language,
        outbox::Outbox,
        rate_limits::{Failures, RateLimits},
        secrets,
        speech::Speech,
        telemetry,
    },
    surfaces::router,
    wiring,
};

/// How long requests in progress may take when the server is told to stop.
const GRACE: Duration = Duration::from_secs(10);
/// How long live sessions may take to recognise what they heard; the rest waits in the spool.
const LAST_WORDS: Duration = Duration::from_secs(5);

pub async fn run(config: Config) -> Result<()> {
    let data_dir = prepare_data_dir(&config)?;
    let source = source(&config, &data_dir);
    let metrics = telemetry::start_metrics()?;
    let stop = stop_on_signal()?;
    // First of all: what lies there may be in another server's hands.
    let lock = tokio::select! {
        lock = source.lock() => lock?,
        () = stop.cancelled() => return Ok(()),
    };
    if backup::was_cut_off(&data_dir) {
        bail!(
            "a restore into {} was cut off; run `omi-server restore` again",
            data_dir.display()
        );
    }
    let listener = TcpListener::bind(config.bind).await.with_context(|| {
        format!(
            "{} cannot be listened on; set OMI_BIND to a free address",
            config.bind
        )
    })?;
    let bound = listener.local_addr()?;
    let speech = Speech::look(&config.speech_settings(&data_dir))?;
    speech.load_in_background();
    let database = tokio::select! {
        opened = source.open(lock) => opened?,
        () = stop.cancelled() => return Ok(()),
    };
    let served = serve(
        config, data_dir, &database, speech, metrics, listener, bound, stop,
    )
    .await;
    database.close().await;
    served
}

#[allow(clippy::too_many_arguments)]
async fn serve(
    config: Config,
    data_dir: std::path::PathBuf,
    database: &Database,
    speech: Speech,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
    listener: TcpListener,
    bound: SocketAddr,
    stop: CancellationToken,
) -> Result<()> {
    let applied = database::migrate(&database.pool).await?;
    if applied > 0 {
        tracing::info!(applied, "the database schema was brought up to date");
    }
    if database.private().is_some() {
        jobs::release_all_locks(&database.pool).await?;
        idempotency::release_all(&database.pool).await?;
    }
    let metrics_token = match config.metrics_token.expose_secret() {
        "" => SecretString::from(secrets::read_or_create(
            &data_dir.join("secrets/metrics_token"),
        )?),
        _ => config.metrics_token.clone(),
    };
    let language = config.language_settings().map(Language::new).transpose()?;
    if let Some(language) = &language {
        tracing::info!(
            "language model: {} at {}",
            language.model(),
            language.host()
        );
    }
    let embedding_settings = config.embedding_settings(&data_dir);
    // A model that cannot be used is told below: without it the server finds less, not nothing.
    let embeddings = Embedder::start(&embedding_settings).unwrap_or_default();
    let service_account = config
        .firebase
        .service_account()
        .map(ServiceAccount::read)
        .transpose()?;
    let firebase = match config.firebase.projects() {
        projects if projects.is_empty() => None,
        projects => Some(Firebase::new(
            projects,
            &config.firebase.newcomers(),
            &config.firebase.keys_url,
        )?),
    };
    let providers = Providers::new(
        (config.google.settings(), config.google.newcomers()),
        (config.apple.settings(), config.apple.newcomers()),
    )?;
    let app: App = Arc::new(Handles {
        public_url: config.public_url(bound),
        failures: Failures::new(config.rate_limit.failures_per_minute),
        wrong_passwords: Failures::new(config.rate_limit.failures_per_minute),
        departures: Failures::new(config.rate_limit.failures_per_minute),
        runs: TaskTracker::new(),
        vectors: Vectors::new(config.search.cache_megabytes),
        config,
        data_dir,
        bound,
        metrics_token,
        db: database.pool.clone(),
        outbox: Outbox::new(wiring::SUBSCRIPTIONS),
        speech,
        language,
        embeddings,
        known: Known::default(),
        platforms: Default::default(),
        mcp_sessions: Default::default(),
        firebase,
        service_account,
        providers,
        rate_limits: RateLimits::default(),
        live: LiveSessions::default(),
        stop: stop.clone(),
    });
    // Requests and live sessions in their last seconds still need jobs and news.
    let served = CancellationToken::new();
    let background = tokio::spawn(wiring::run_in_background(app.clone(), served.clone()));
    if accounts::count(&app.db).await? == 0 {
        welcome(&app);
    }
    tracing::info!("listening on http://{bound}");
    if let Err(why) = app.speech.status() {
        tracing::warn!("live audio is refused: {why}");
    }
    if let Err(why) = embeddings::status(&embedding_settings) {
        tracing::warn!("search goes by words only: {why}");
    }

    let service = router::service(app.clone(), metrics);
    let service = ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(service);
    let stopping = stop.clone();
    let server = axum::serve(listener.tap_io(send_at_once), service)
        .with_graceful_shutdown(async move { stopping.cancelled().await });
    let grace = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        ended = server.into_future() => ended?,
        () = grace => tracing::warn!("some requests did not end in time"),
    }
    app.runs.close();
    if tokio::time::timeout(LAST_WORDS, app.runs.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            "some creates did not end in time; the same request again goes on with them"
        );
    }
    let quiet = async {
        while app.live.count() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    if tokio::time::timeout(LAST_WORDS, quiet).await.is_err() {
        tracing::warn!(
            "some live sessions did not end in time; the next start recognises the rest"
        );
    }
    served.cancel();
    let background = background.await;
    app.known.last_used.write(&app.db).await.ok();
    app.rate_limits.give_back(&app.db).await.ok();
    app.speech.shutdown().await;
    background??;
    tracing::info!("stopped");
    Ok(())
}

/// Small messages of a socket do not wait for the last one to be acknowledged.
fn send_at_once(stream: &mut TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection may answer late");
    }
}

fn welcome(app: &App) {
    let told = say(format_args!(
        "omi-server {}\n\n  address         {}\n  data directory  {}\n\nCreate the first account in another shell:\n\n  \
         omi-server user create --email you@example.org\n  omi-server token create --email you@example.org\n\n\
         Then open {} in a browser to connect an assistant.\n",
        env!("CARGO_PKG_VERSION"),
        app.public_url,
        app.data_dir.display(),
        app.public_url
    ));
    if let Err(error) = told {
        tracing::warn!(
            "{}; create the first account with `omi-server user create --email E`",
            telemetry::describe(&error)
        );
    }
}

/// Cancelled by SIGINT or SIGTERM; the second one ends the process at once.
fn stop_on_signal() -> Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let told = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if told.is_cancelled() {
                tracing::warn!("told to stop twice: stopping at once");
                std::process::exit(1);
            }
            tracing::info!("stopping");
            told.cancel();
        }
    });
    Ok(stop)
}
