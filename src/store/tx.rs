//! A transaction, as seen by the functions that work inside one.

use std::cell::RefCell;
use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};

use super::error::{Doing, StoreError};
use crate::domain::endpoint::EndpointId;

/// The rows of endpoints by their ids, remembered by the writer. Forgotten
/// whenever anything is rolled back: a row made there is gone.
pub(super) type Rows = RefCell<HashMap<EndpointId, i64>>;

/// What a closure given to `Store::transact` works with. It is inside a
/// transaction of its own: an `Err` undoes all of it and nothing else.
pub struct Tx<'a> {
    connection: &'a Connection,
    rows: &'a Rows,
}

impl<'a> Tx<'a> {
    pub(super) fn new(connection: &'a Connection, rows: &'a Rows) -> Self {
        Self { connection, rows }
    }

    pub(super) fn connection(&self) -> &'a Connection {
        self.connection
    }

    /// The row of an endpoint, made when there is none.
    pub(super) fn row_of(&self, endpoint: &EndpointId) -> Result<i64, StoreError> {
        if let Some(&row) = self.rows.borrow().get(endpoint) {
            return Ok(row);
        }
        let row = match self.known_row_of(endpoint)? {
            Some(row) => row,
            None => self
                .connection
                .prepare_cached("INSERT INTO endpoint (name) VALUES (?1) RETURNING id")
                .and_then(|mut it| it.query_row([endpoint.as_str()], |row| row.get(0)))
                .doing("adding an endpoint")?,
        };
        self.rows.borrow_mut().insert(endpoint.clone(), row);
        Ok(row)
    }

    fn known_row_of(&self, endpoint: &EndpointId) -> Result<Option<i64>, StoreError> {
        row_of(self.connection, endpoint)
    }

    pub(super) fn forget_rows(&self) {
        self.rows.borrow_mut().clear();
    }
}

/// The row of an endpoint, if it has one.
pub(super) fn row_of(connection: &Connection, endpoint: &EndpointId) -> Result<Option<i64>, StoreError> {
    connection
        .prepare_cached("SELECT id FROM endpoint WHERE name = ?1")
        .and_then(|mut it| it.query_row([endpoint.as_str()], |row| row.get(0)).optional())
        .doing("finding an endpoint")
}
