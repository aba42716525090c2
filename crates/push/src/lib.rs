//! PUSH: lease, send, judge, settle
