//! Knocking: one probe, one fresh connection, one answer.
