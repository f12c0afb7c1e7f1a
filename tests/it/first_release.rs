//! The first release's database, made anew from its readable dump.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

const DUMP: &str = include_str!("../fixtures/first-release.sql");

/// Makes it in a data directory, and the directory where there is none.
pub fn make(data: &Path) -> PathBuf {
    std::fs::create_dir_all(data).unwrap();
    let file = data.join("porchlight.db");
    let connection = Connection::open(&file).unwrap();
    // The dump's last line answers with a row, which `execute_batch` takes as well.
    connection.execute_batch(DUMP).unwrap();
    file
}

/// Every row of every table, as text, in the order of their keys.
pub fn rows(file: &Path) -> Vec<String> {
    let tables = ["endpoint", "result", "newest", "span", "notice", "notice_covers", "change", "meta"];
    let connection = Connection::open(file).unwrap();
    let of = |table: &&str| {
        let columns = match *table {
            "notice" => {
                "id, kind, name, title_zh, title_en, body_zh, body_en, starts_ms, ends_ms, published_ms, ended_ms"
            }
            _ => "*",
        };
        let mut select = connection.prepare(&format!("SELECT {columns} FROM {table} ORDER BY 1, 2")).unwrap();
        let count = select.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let cells = (0..count).map(|index| format!("{:?}", row.get_ref(index).unwrap()));
            Ok(format!("{table}: {}", cells.collect::<Vec<_>>().join(" ")))
        };
        select.query_map([], row).unwrap().collect::<Result<Vec<_>, _>>().unwrap()
    };
    tables.iter().flat_map(of).collect()
}

#[test]
fn the_first_releases_database_is_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let file = make(&dir.path().join("data"));
    let rows = rows(&file);
    assert_eq!(rows.iter().filter(|row| row.starts_with("result")).count(), 3101);
    assert_eq!(rows.iter().filter(|row| row.starts_with("span")).count(), 31);
    let connection = Connection::open(file).unwrap();
    let number =
        |pragma: &str| -> i64 { connection.pragma_query_value(None, pragma, |row| row.get(0)).unwrap() };
    assert_eq!((number("user_version"), number("application_id")), (1, 0x506C_6774));
}
