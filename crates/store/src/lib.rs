//! The embedded SQLite store
