//! The tables, and how a connection is set up. `docs/format.md` explains every column.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

/// The number of the format; `PRAGMA user_version` of the file. A store refuses a newer one.
pub const FORMAT: i32 = 1;

const TABLES: &str = "
    CREATE TABLE entry (
        seq INTEGER PRIMARY KEY,
        app INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        at INTEGER NOT NULL,
        drift INTEGER NOT NULL,
        mark INTEGER NOT NULL,
        files BLOB NOT NULL
    );
    CREATE TABLE payload (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
    CREATE TABLE life (
        seq INTEGER PRIMARY KEY,
        first INTEGER NOT NULL,
        life INTEGER NOT NULL,
        stated INTEGER NOT NULL
    );
    CREATE INDEX life_of ON life (first, seq);
    CREATE TABLE settle (n INTEGER PRIMARY KEY, items BLOB NOT NULL);
    CREATE TABLE block (
        no INTEGER PRIMARY KEY,
        newest INTEGER NOT NULL,
        marks BLOB NOT NULL,
        open BLOB NOT NULL
    );
    CREATE TABLE slice (
        no INTEGER PRIMARY KEY,
        oldest INTEGER NOT NULL,
        newest INTEGER NOT NULL,
        earliest INTEGER
    );
    CREATE TABLE slice_part (
        no INTEGER NOT NULL,
        app INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        members BLOB NOT NULL,
        PRIMARY KEY (no, app, kind)
    ) WITHOUT ROWID;
    CREATE TABLE slice_file (id INTEGER PRIMARY KEY, files BLOB NOT NULL);
    CREATE TABLE attempt (
        n INTEGER PRIMARY KEY,
        seq INTEGER NOT NULL,
        at INTEGER NOT NULL,
        url TEXT NOT NULL,
        status INTEGER,
        duration_ms INTEGER NOT NULL,
        error TEXT NOT NULL,
        body BLOB NOT NULL
    );
    CREATE INDEX attempt_of ON attempt (seq);
    CREATE TABLE lease (
        seq INTEGER PRIMARY KEY,
        boot INTEGER NOT NULL,
        lease INTEGER NOT NULL,
        left_ms INTEGER NOT NULL
    );
    CREATE TABLE record (
        kind INTEGER NOT NULL,
        app INTEGER NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (kind, app, id)
    ) WITHOUT ROWID;
    CREATE TABLE term (
        kind INTEGER NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        app INTEGER NOT NULL,
        id TEXT NOT NULL,
        PRIMARY KEY (kind, name, value, app, id)
    ) WITHOUT ROWID;
    CREATE INDEX term_of ON term (kind, app, id);
    CREATE TABLE listing (
        kind INTEGER NOT NULL,
        app INTEGER NOT NULL,
        id TEXT NOT NULL,
        at INTEGER NOT NULL,
        row BLOB NOT NULL,
        PRIMARY KEY (kind, app, id)
    ) WITHOUT ROWID;
    CREATE TABLE dedupe (
        n INTEGER PRIMARY KEY,
        app INTEGER NOT NULL,
        key BLOB NOT NULL,
        body BLOB NOT NULL,
        seq INTEGER NOT NULL,
        born INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX dedupe_key ON dedupe (app, key);
    CREATE TABLE garbage (object TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
";

/// The file in a data directory.
pub(crate) const FILE: &str = "callboard.db";

/// How long a connection waits for a lock that another process holds.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Opens the file for the writer, with every pragma that durability rests on.
pub(crate) fn open_writer(dir: &Path, durable: bool) -> rusqlite::Result<Connection> {
    let connection = Connection::open(dir.join(FILE))?;
    connection.pragma_update(None, "page_size", 8192)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", if durable { "FULL" } else { "OFF" })?;
    // checkpoints run beside the writer, see `wal`; a log that starts over is cut
    connection.pragma_update(None, "journal_size_limit", 0)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Opens the file for reading.
pub(crate) fn open_reader(dir: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(dir.join(FILE), flags)?;
    connection.pragma_update(None, "cache_size", -4_096)?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// What the file says its format is; 0: it is new.
pub(crate) fn format(connection: &Connection) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Makes the tables of a new file.
pub(crate) fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

/// Names in the table `meta`.
pub(crate) mod meta {
    /// The random number that event ids begin with.
    pub(crate) const ORIGIN: &str = "origin";
    /// How often the store was opened.
    pub(crate) const BOOT: &str = "boot";
    /// No sequence number up to this one is ever given out again.
    pub(crate) const FLOOR: &str = "floor";
    /// The last moment of the steady timeline that was written down.
    pub(crate) const CLOCK_HIGH: &str = "clock_high";
    /// Blocks hold every entry up to this one …
    pub(crate) const CHECKPOINT_SEQ: &str = "checkpoint_seq";
    /// … and every settlement up to this one.
    pub(crate) const CHECKPOINT_SETTLE: &str = "checkpoint_settle";
}

/// Reads a number of `meta`.
pub(crate) fn get_meta(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    statement.query_row([name], |row| row.get(0)).optional()
}

/// Writes a number of `meta`.
pub(crate) fn set_meta(connection: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
    connection.prepare_cached(sql)?.execute((name, value))?;
    Ok(())
}
