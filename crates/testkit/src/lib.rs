//! Hostile receivers, process harness, conformance suite: for tests only
