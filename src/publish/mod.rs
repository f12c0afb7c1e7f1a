//! Telling all who ask: pages and JSON, rendered ahead.
