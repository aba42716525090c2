//! A signed API client for the command line and the tests
