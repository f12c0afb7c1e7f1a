//! Gates and their canaries.
