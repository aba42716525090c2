//! API 3.0 as seen from outside: spec, actions, replies, event payloads, errors
