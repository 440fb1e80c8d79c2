//! The pool, with connections that stay warm for single statements.

use std::{
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{
    TryStreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream, StreamExt as _},
};
use sqlx::{
    Describe, Either, Error, Execute, Executor, PgPool, Postgres, Result, SqlStr,
    pool::PoolConnection,
    postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use super::{ANSWER_WITHIN, TRUSTED_FOR};

/// The pool. As an executor of single statements it leaves out what `PgPool` adds to each of them: a test of the
/// connection, on a task of its own, when it comes back. It takes the connection that was used last, so that few are busy
/// and their caches stay filled. Everything else, such as `begin`, is the pool's.
#[derive(Clone)]
pub struct Db {
    pool: PgPool,
    warm: Arc<Warm>,
    steady: Arc<Warm>,
}

struct Warm {
    /// For half of the connections; the others are left to transactions.
    turns: Semaphore,
    /// The last used at the end.
    resting: Mutex<Vec<Resting>>,
    /// Their plans are made once, whatever the values: they are never lent for anything else.
    steady: bool,
}

impl Warm {
    fn new(connections: usize, steady: bool) -> Arc<Self> {
        Arc::new(Self {
            turns: Semaphore::new(connections.max(1)),
            resting: Mutex::default(),
            steady,
        })
    }

    fn resting(&self) -> MutexGuard<'_, Vec<Resting>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Resting {
    connection: PoolConnection<Postgres>,
    since: Instant,
}

type Step = Either<PgQueryResult, PgRow>;

impl Db {
    pub fn new(pool: PgPool) -> Self {
        let connections = pool.options().get_max_connections() as usize;
        Self {
            warm: Warm::new(connections / 2, false),
            steady: Warm::new(connections / 5, true),
            pool,
        }
    }

    /// For frequent statements that one plan serves, whatever their values: they are not planned anew each time, which
    /// would cost more than to run them. Without it PostgreSQL plans a `limit $1` each time.
    pub fn steady(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            warm: self.steady.clone(),
            steady: self.steady.clone(),
        }
    }

    /// Waits for statements and transactions to end.
    pub async fn close(&self) {
        let closed = self.pool.close();
        self.warm.resting().clear();
        self.steady.resting().clear();
        closed.await;
    }

    async fn run<'q, E>(&self, query: E) -> Result<Vec<Step>>
    where
        E: 'q + Execute<'q, Postgres>,
    {
        let turn = timeout(ANSWER_WITHIN, self.warm.turns.acquire()).await;
        let _turn = turn
            .map_err(|_| Error::PoolTimedOut)?
            .map_err(|_| Error::PoolClosed)?;
        let mut connection = match self.rested() {
            Some(connection) => connection,
            None => self.fresh().await?,
        };
        // After an error, or when nobody waits any more, it goes back to the pool, which tests it.
        let steps = connection.fetch_many(query).try_collect().await?;
        let since = Instant::now();
        self.warm.resting().push(Resting { connection, since });
        if self.pool.is_closed() {
            self.warm.resting().clear();
        }
        Ok(steps)
    }

    async fn fresh(&self) -> Result<PoolConnection<Postgres>> {
        let mut connection = self.pool.acquire().await?;
        if self.warm.steady {
            connection.close_on_drop();
            sqlx::query("set plan_cache_mode = force_generic_plan")
                .execute(&mut *connection)
                .await?;
        }
        Ok(connection)
    }

    fn rested(&self) -> Option<PoolConnection<Postgres>> {
        let mut resting = self.warm.resting();
        resting.retain(|one| one.since.elapsed() < TRUSTED_FOR);
        Some(resting.pop()?.connection)
    }
}

impl Deref for Db {
    type Target = PgPool;

    fn deref(&self) -> &PgPool {
        &self.pool
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pool.fmt(f)
    }
}

impl<'c> Executor<'c> for &'c Db {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        stream::once(self.run(query))
            .map_ok(|steps| stream::iter(steps.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async move { Ok(self.run(query).await?.into_iter().find_map(Either::right)) })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement>>
    where
        'c: 'e,
    {
        (&self.pool).prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>>>
    where
        'c: 'e,
    {
        (&self.pool).describe(sql)
    }
}
