//! The sample wallet: a small real login service to watch and to break.
