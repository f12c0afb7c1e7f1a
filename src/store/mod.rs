//! Remembering: one writer, group commit, SQLite.
