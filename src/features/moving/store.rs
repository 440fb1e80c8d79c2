//! SQL of moving: it goes by the catalogue, so that columns need no list. Statements are put together of names from the
//! table of tables and from the catalogue; the checked macros know no names that come later.

use futures_util::stream::BoxStream;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Result, Transaction};

use super::Table;

pub struct Column {
    pub name: String,
    /// What stands for null in it, if it must not be empty: a JSON null is no SQL null.
    pub json_required: bool,
}

/// What a row points to: another table and pairs of columns, own first, without `uid`, which is the same in both.
pub struct Parent {
    pub table: String,
    pub pairs: Vec<(String, String)>,
}

/// A moment of the database, in which nothing changes.
pub async fn moment(db: &PgPool) -> Result<Transaction<'static, Postgres>> {
    let mut tx = db
        .begin_with("begin isolation level repeatable read, read only")
        .await?;
    spell(&mut tx).await?;
    Ok(tx)
}

/// One spelling of values, whatever the server is set to.
pub async fn spell(tx: &mut PgConnection) -> Result<()> {
    sqlx::raw_sql(
        "set local timezone = 'UTC'; set local bytea_output = 'hex'; set local extra_float_digits = 1;
         set local intervalstyle = 'iso_8601'; set local statement_timeout = 0",
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Number of the newest migration.
pub async fn schema(tx: &mut PgConnection) -> Result<i64> {
    sqlx::query_scalar("select coalesce(max(version), 0) from _sqlx_migrations where success")
        .fetch_one(tx)
        .await
}

/// In their order, without `uid` and what the database computes.
pub async fn columns(tx: &mut PgConnection, table: &Table) -> Result<Vec<Column>> {
    let rows = sqlx::query!(
        r#"select attname::text as "name!", (attnotnull and atttypid in ('json'::regtype, 'jsonb'::regtype)) as "json_required!"
           from pg_attribute
           where attrelid = to_regclass('public.' || $1::text) and attnum > 0 and not attisdropped and attgenerated = ''
             and attname <> 'uid'
           order by attnum"#,
        table.name
    )
    .fetch_all(tx)
    .await?;
    let wanted = |name: &str| !table.without.contains(&name);
    let rows = rows.into_iter().filter(|row| wanted(&row.name));
    Ok(rows
        .map(|row| Column {
            name: row.name,
            json_required: row.json_required,
        })
        .collect())
}

/// Columns of the primary key, in its order.
async fn key(tx: &mut PgConnection, table: &Table) -> Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select a.attname::text as "name!"
           from pg_index x
           cross join unnest(x.indkey::int2[]) with ordinality as k (number, place)
           join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.number
           where x.indrelid = to_regclass('public.' || $1::text) and x.indisprimary
           order by k.place"#,
        table.name
    )
    .fetch_all(tx)
    .await
}

/// What rows of it point to, besides their user.
pub async fn parents(tx: &mut PgConnection, table: &Table) -> Result<Vec<Parent>> {
    let rows = sqlx::query!(
        r#"select k.conname::text as "constraint!", c.relname::text as "parent!", own.attname::text as "own!",
                  theirs.attname::text as "theirs!"
           from pg_constraint k
           join pg_class c on c.oid = k.confrelid
           cross join unnest(k.conkey, k.confkey) with ordinality as pair (own, theirs, place)
           join pg_attribute own on own.attrelid = k.conrelid and own.attnum = pair.own
           join pg_attribute theirs on theirs.attrelid = k.confrelid and theirs.attnum = pair.theirs
           where k.conrelid = to_regclass('public.' || $1::text) and k.contype = 'f' and own.attname <> 'uid'
           order by k.conname, pair.place"#,
        table.name
    )
    .fetch_all(tx)
    .await?;
    let mut found: Vec<(String, Parent)> = Vec::new();
    for row in rows {
        let pair = (row.own, row.theirs);
        match found.last_mut() {
            Some((constraint, parent)) if *constraint == row.constraint => parent.pairs.push(pair),
            _ => found.push((
                row.constraint,
                Parent {
                    table: row.parent,
                    pairs: vec![pair],
                },
            )),
        }
    }
    Ok(found.into_iter().map(|(_, parent)| parent).collect())
}

/// The user's rows as JSON, one after the other: no more than a few are held at a time.
pub async fn rows<'a>(
    tx: &'a mut PgConnection,
    uid: &'a str,
    table: &Table,
    columns: &[Column],
) -> Result<BoxStream<'a, Result<String>>> {
    let key = key(&mut *tx, table).await?;
    let statement = format!(
        "select row_to_json(r, false)::text from (select {} from {} where uid = $1 and ({}) order by {}) r",
        list(columns.iter().map(|column| quoted(&column.name))),
        quoted(table.name),
        table.only,
        list(key.iter().map(|name| quoted(name))),
    );
    Ok(sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(uid)
        .persistent(false)
        .fetch(tx))
}

/// The statement that puts rows of these columns into a table. What stands there already stays as it is; what points to
/// nothing, or is another user's on this server, is left out. `$1`: the user, `$2`: an array of rows.
pub fn insertion(table: &Table, columns: &[Column], parents: &[Parent]) -> String {
    let names = list(
        ["uid".to_string()]
            .into_iter()
            .chain(columns.iter().map(|column| quoted(&column.name))),
    );
    let values = list(
        ["$1".to_string()]
            .into_iter()
            .chain(columns.iter().map(value)),
    );
    let mut conditions = vec!["true".to_string()];
    for parent in parents {
        let absent = parent
            .pairs
            .iter()
            .map(|(own, _)| format!("r.{} is null or ", quoted(own)));
        let same = parent
            .pairs
            .iter()
            .map(|(own, theirs)| format!(" and p.{} = r.{}", quoted(theirs), quoted(own)));
        conditions.push(format!(
            "({}exists (select from {} p where p.uid = $1{}))",
            absent.collect::<String>(),
            quoted(&parent.table),
            same.collect::<String>()
        ));
    }
    if let Some((directory, id, own)) = table.claimed {
        conditions.push(format!(
            "not exists (select from {} d where d.{} = r.{} and d.uid <> $1)",
            quoted(directory),
            quoted(id),
            quoted(own)
        ));
    }
    let name = quoted(table.name);
    format!(
        "insert into {name} ({names}) select {values} from json_populate_recordset(null::{name}, $2::text::json) r
         where {} on conflict do nothing",
        conditions.join(" and ")
    )
}

/// The statement that gives a row which is there these columns.
pub fn update(table: &Table, columns: &[Column]) -> String {
    let name = quoted(table.name);
    let set = columns
        .iter()
        .map(|column| format!("{} = {}", quoted(&column.name), value(column)));
    format!(
        "update {name} t set {} from json_populate_recordset(null::{name}, $2::text::json) r where t.uid = $1",
        list(set)
    )
}

/// How many rows came. `rows`: JSON objects in an array.
pub async fn put(tx: &mut PgConnection, statement: &str, uid: &str, rows: &str) -> Result<u64> {
    let done = sqlx::query(AssertSqlSafe(statement))
        .bind(uid)
        .bind(rows)
        .execute(tx)
        .await?;
    Ok(done.rows_affected())
}

/// What another user of this server shows to everyone under the same id is not shown twice.
pub async fn hide_taken(tx: &mut PgConnection, uid: &str) -> Result<u64> {
    let done = sqlx::query!(
        "update conversations c set visibility = 'private' from shared_conversations s
         where c.uid = $1 and c.visibility <> 'private' and s.conversation_id = c.id and s.uid <> $1",
        uid
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

fn value(column: &Column) -> String {
    let name = quoted(&column.name);
    if column.json_required {
        return format!("coalesce(r.{name}, 'null')");
    }
    format!("r.{name}")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn list(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
